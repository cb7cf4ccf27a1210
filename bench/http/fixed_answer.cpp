/// bench_beast FILE: a Beast server without a store. It reads each request whole, and answers with the head and body in
/// FILE (a whole HTTP response). Prints its port.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = net::ip::tcp;

namespace {

net::awaitable<void> answer(tcp::socket socket, const http::response<http::string_body>& fixed) {
  beast::tcp_stream stream(std::move(socket));
  beast::error_code ec;
  stream.socket().set_option(tcp::no_delay(true), ec);
  beast::flat_buffer buffer;
  while (!ec) {
    http::request<http::string_body> request;
    stream.expires_after(std::chrono::seconds{30});
    co_await http::async_read(stream, buffer, request, net::redirect_error(net::use_awaitable, ec));
    if (ec) break;
    http::response<http::string_body> response = fixed;
    response.prepare_payload();
    co_await http::async_write(stream, response, net::redirect_error(net::use_awaitable, ec));
  }
}

net::awaitable<void> accept(tcp::acceptor& acceptor, net::io_context& io, const http::response<http::string_body>& fixed) {
  while (true) {
    const auto strand = net::make_strand(io);
    tcp::socket socket = co_await acceptor.async_accept(strand, net::use_awaitable);
    net::co_spawn(strand, answer(std::move(socket), fixed), net::detached);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  std::ifstream in(argv[1], std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  http::response_parser<http::string_body> parser;
  parser.eager(true);
  beast::error_code ec;
  parser.put(net::buffer(bytes), ec);
  if (ec) {
    std::fprintf(stderr, "%s\n", ec.message().c_str());
    return 1;
  }
  const http::response<http::string_body> fixed = parser.release();
  constexpr int kThreads = 2;  // as the product has
  net::io_context io(kThreads);
  tcp::acceptor acceptor(io, tcp::endpoint(net::ip::address_v4::loopback(), 0));
  std::printf("%u\n", acceptor.local_endpoint().port());
  std::fflush(stdout);
  net::co_spawn(io, accept(acceptor, io, fixed), net::detached);
  std::vector<std::thread> threads;
  for (int i = 1; i < kThreads; ++i) threads.emplace_back([&io] { io.run(); });
  io.run();
}

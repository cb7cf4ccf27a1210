#include "server/http/http_server.h"

#include <atomic>
#include <thread>

#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core/error.hpp>

#include "server/http/connection.h"

namespace chuyi {
namespace beast = boost::beast;

struct HttpServer::State {
  State(ListenOptions listen_options, Services& server_services, const std::vector<Route>& server_routes)
      : options(std::move(listen_options)), services(server_services), routes(server_routes), io(static_cast<int>(options.threads)), acceptor(io) {}

  net::awaitable<void> accept_loop() {
    net::steady_timer retry(io);
    while (!stopping) {
      beast::error_code ec;
      // A named strand: g++ 12 destroys such temporaries of a co_await expression twice.
      const auto strand = net::make_strand(io);
      tcp::socket socket = co_await acceptor.async_accept(strand, net::redirect_error(net::use_awaitable, ec));
      if (ec) {
        if (stopping || ec == net::error::operation_aborted) co_return;
        retry.expires_after(std::chrono::milliseconds{100});  // out of descriptors, most likely
        co_await retry.async_wait(net::redirect_error(net::use_awaitable, ec));
        continue;
      }
      if (open.load() >= services.limits.connections_max) continue;  // dropped: the socket closes here
      ++open;
      // The socket's own strand: one connection never runs on two threads at once.
      net::co_spawn(strand, serve_connection(std::move(socket), services, routes, ids), [this](const std::exception_ptr&) { --open; });
    }
  }

  ListenOptions options;
  Services& services;
  const std::vector<Route>& routes;
  net::io_context io;
  tcp::acceptor acceptor;
  std::atomic<bool> stopping{false};
  std::atomic<std::size_t> open{0};
  std::atomic<std::uint64_t> ids{0};
};

HttpServer::HttpServer(ListenOptions options, Services& services, const std::vector<Route>& routes)
    : state_(std::make_unique<State>(std::move(options), services, routes)) {}
HttpServer::~HttpServer() = default;

Result<std::uint16_t> HttpServer::listen() {
  beast::error_code ec;
  const auto address = net::ip::make_address(state_->options.address, ec);
  const tcp::endpoint endpoint(address, state_->options.port);
  if (!ec) state_->acceptor.open(endpoint.protocol(), ec);
  if (!ec) state_->acceptor.set_option(net::socket_base::reuse_address(true), ec);
  if (!ec) state_->acceptor.bind(endpoint, ec);
  if (!ec) state_->acceptor.listen(net::socket_base::max_listen_connections, ec);
  if (ec)
    return Error{.kind = ErrorKind::unavailable,
                 .code = "http.listen",
                 .message = "Expected to listen on " + state_->options.address + ":" + std::to_string(state_->options.port) + ", but found: " + ec.message()};
  return state_->acceptor.local_endpoint().port();
}

void HttpServer::run() {
  net::co_spawn(state_->io, state_->accept_loop(), net::detached);
  net::signal_set signals(state_->io, SIGINT, SIGTERM);
  signals.async_wait([this](const beast::error_code& ec, int) {
    if (!ec) stop();
  });
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < state_->options.threads; ++i) threads.emplace_back([this] { state_->io.run(); });
  state_->io.run();
  for (std::thread& each : threads) each.join();
}

void HttpServer::stop() {
  state_->stopping = true;
  state_->io.stop();
}

}  // namespace chuyi

#include "server/http/http_server.h"

#include <atomic>
#include <chrono>
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

namespace {

constexpr std::chrono::milliseconds kTick{10};
constexpr int kWindDownTicks = 500;

}  // namespace

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
      if (traffic.open.load() >= services.limits.connections_max) continue;  // dropped: the socket closes here
      ++traffic.open;
      // The socket's own strand: one connection never runs on two threads at once.
      net::co_spawn(strand, serve_connection(std::move(socket), services, routes, traffic), [this](const std::exception_ptr&) { --traffic.open; });
    }
  }

  /// Takes nobody new, lets those who wait have their answers, and ends.
  net::awaitable<void> wind_down() {
    beast::error_code ec;
    acceptor.close(ec);
    net::steady_timer tick(io);
    for (int i = 0; i < kWindDownTicks && traffic.busy.load() > 0; ++i) {
      tick.expires_after(kTick);
      co_await tick.async_wait(net::redirect_error(net::use_awaitable, ec));
    }
    io.stop();
  }

  ListenOptions options;
  Services& services;
  const std::vector<Route>& routes;
  Traffic traffic;  ///< before `io`, which ends the connections that count here
  net::io_context io;
  net::strand<net::io_context::executor_type> control{io.get_executor()};  ///< of everything that touches the acceptor
  tcp::acceptor acceptor;
  net::signal_set signals{io};
  std::atomic<bool> stopping{false};
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
  // From the moment that somebody is told of the address, a signal to end is one that run() sees.
  state_->signals.add(SIGINT, ec);
  state_->signals.add(SIGTERM, ec);
  return state_->acceptor.local_endpoint().port();
}

void HttpServer::run() {
  net::co_spawn(state_->control, state_->accept_loop(), net::detached);
  state_->signals.async_wait([this](const beast::error_code& ec, int) {
    if (!ec) stop();
  });
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < state_->options.threads; ++i) threads.emplace_back([this] { state_->io.run(); });
  state_->io.run();
  for (std::thread& each : threads) each.join();
}

void HttpServer::stop() {
  if (!state_->stopping.exchange(true)) net::co_spawn(state_->control, state_->wind_down(), net::detached);
}

}  // namespace chuyi

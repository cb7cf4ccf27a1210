#pragma once

#include <atomic>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

#include "server/routes.h"

namespace chuyi {

using tcp = net::ip::tcp;

/// What the connections of a server share.
struct Traffic {
  std::atomic<std::uint64_t> requests{0};  ///< seen so far: their ids
  std::atomic<std::size_t> open{0};        ///< connections
  std::atomic<std::size_t> busy{0};        ///< requests that wait for their answer
};

/// Serves one client until it goes, asks to close, or sends what the gate refuses. Run it on the socket's own
/// strand. What is given must outlive the connection.
net::awaitable<void> serve_connection(tcp::socket socket, Services& services, const std::vector<Route>& routes, Traffic& traffic);

}  // namespace chuyi

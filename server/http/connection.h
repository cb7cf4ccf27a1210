#pragma once

#include <atomic>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

#include "server/routes.h"

namespace chuyi {

using tcp = net::ip::tcp;

/// Serves one client until it goes, asks to close, or sends what the gate refuses. Run it on the socket's own
/// strand. `ids` numbers the requests of the server; what is given must outlive the connection.
net::awaitable<void> serve_connection(tcp::socket socket, Services& services, const std::vector<Route>& routes, std::atomic<std::uint64_t>& ids);

}  // namespace chuyi

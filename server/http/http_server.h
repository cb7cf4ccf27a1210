#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "server/routes.h"

namespace chuyi {

struct ListenOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8080;  ///< 0: any free one
  unsigned threads = 2;
  bool loopback = true;  ///< what `address` is
  /// "http://127.0.0.1:8080", "http://[::1]:8080"
  std::string url(std::uint16_t bound) const {
    return "http://" + (address.find(':') == std::string::npos ? address : "[" + address + "]") + ":" + std::to_string(bound);
  }
};

/// The HTTP/1.1 server: accepts, gates, authenticates, dispatches by the route table.
class HttpServer {
 public:
  HttpServer(ListenOptions options, Services& services, const std::vector<Route>& routes);
  ~HttpServer();
  /// Errors: `unavailable` "http.listen".
  Result<std::uint16_t> listen();
  /// Serves until stop(); then ends open connections.
  void run();
  /// From any thread: takes no new connection, lets requests in progress end (5 s at most), then ends run().
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chuyi

#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/store_contract/backends.h"

namespace chuyi::test {

/// Stands between a store and its PostgreSQL server, and cuts the connection that says COMMIT.
class CuttingProxy {
 public:
  enum class Cut : std::uint8_t {
    nothing,
    before_commit,  ///< the server never hears it
    after_commit,   ///< the server does it; its answer is lost
  };
  /// @param url  of a database that is reached by a Unix socket ("…?host=FOLDER…").
  explicit CuttingProxy(const std::string& url);
  ~CuttingProxy();
  CuttingProxy(const CuttingProxy&) = delete;
  CuttingProxy& operator=(const CuttingProxy&) = delete;

  /// The same database, through the proxy.
  const std::string& url() const { return url_; }
  /// Cuts the next connection that says COMMIT, once. `down`: and lets nobody through until restore().
  void cut(Cut cut, bool down = false) {
    goes_down_ = down;
    cut_ = cut;
  }
  void restore() { down_ = false; }
  int cuts() const { return cuts_; }

 private:
  void accept_all();
  void carry(int client, int server);

  TemporaryFolder folder_;
  std::string url_;
  std::string server_;  ///< path of its socket
  int listener_ = -1;
  int stop_ = -1;
  std::atomic<Cut> cut_{Cut::nothing};
  std::atomic<int> cuts_{0};
  std::atomic<bool> goes_down_{false};
  std::atomic<bool> down_{false};
  std::vector<std::thread> carriers_;  ///< of the accepting thread alone, until it has ended
  std::thread thread_;
};

}  // namespace chuyi::test

#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "storage/postgres/connection.h"

namespace chuyi::postgres {

/// Connections for work that may be done again when one was lost: what only reads, or writes the same once more.
class Pool {
 public:
  Pool(std::string url, Session session) : url_(std::move(url)), session_(session) {}

  /// Runs `job` on a connection that nobody else uses meanwhile. Errors: those of error_of().
  template <class T>
  Result<T> run(const std::function<T(Connection&)>& job) {
    for (int tries = 1;; ++tries) {
      try {
        std::unique_ptr<Connection> connection = take();
        T out = job(*connection);
        give(std::move(connection));
        return out;
      } catch (const Failure& failure) {
        if (!failure.lost || tries == kTriesMax) return error_of(failure);
        // What is idle was lost with it: the server was restarted, or another took its place.
        const std::lock_guard lock(mutex_);
        idle_.clear();
      }
      if (tries > 1) std::this_thread::sleep_for(kPause * (1 << tries));
    }
  }

 private:
  static constexpr std::size_t kIdleMax = 16;  // as many as a server has workers
  /// A lost connection is replaced at once, then after pauses that grow: together about one and a half seconds.
  static constexpr int kTriesMax = 5;
  static constexpr std::chrono::milliseconds kPause{50};

  std::unique_ptr<Connection> take() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<Connection> out = std::move(idle_.back());
        idle_.pop_back();
        return out;
      }
    }
    return std::make_unique<Connection>(url_, session_);
  }
  void give(std::unique_ptr<Connection> connection) {
    const std::lock_guard lock(mutex_);
    if (idle_.size() < kIdleMax) idle_.push_back(std::move(connection));
  }

  std::string url_;
  Session session_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_;
};

}  // namespace chuyi::postgres

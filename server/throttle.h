#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>

#include "server/bounded_map.h"

namespace chuyi {

/// How often passwords may be tried. An attempt counts before it is looked at, so that many at once are no way
/// around. What is counted is a user from an address, and an address: who guesses from one address locks nobody
/// out elsewhere. Where a user has signed in from an address before, nobody is turned away but made to wait, each
/// for the one before. Memory is bounded; all is forgotten at a restart. Thread-safe.
class Throttle {
 public:
  using Time = std::chrono::steady_clock::time_point;
  struct Options {
    int user_burst = 5;                            ///< attempts at once for a user from an address, …
    std::chrono::milliseconds user_every{6'000};   ///< … then one in this time
    int peer_burst = 50;                           ///< the same for an address: perhaps a whole college behind a gateway
    std::chrono::milliseconds peer_every{600};
    std::chrono::milliseconds known_every{1'000};  ///< a user from a known address, past the burst
    std::chrono::milliseconds wait_max{30'000};    ///< longer queues are refused also there
    std::size_t entries_max = 20'000;              ///< of each kind
  };
  explicit Throttle(Options options) : options_(options), users_(options.entries_max), peers_(options.entries_max), known_(options.entries_max) {}

  /// Takes an attempt. @return how long it must wait first; nullopt: refused, try again later.
  std::optional<std::chrono::milliseconds> take(const std::string& user, const std::string& peer, Time now);
  /// The attempt was right: the user's count begins anew, the address gets the one back, and the user is known there.
  void succeeded(const std::string& user, const std::string& peer);

 private:
  /// A bucket that runs dry: when it would be full again (GCRA).
  struct Bucket {
    Time full{};
  };
  struct Known {
    bool is = false;
  };

  Options options_;
  std::mutex mutex_;
  BoundedMap<Bucket> users_;
  BoundedMap<Bucket> peers_;
  BoundedMap<Known> known_;
};

}  // namespace chuyi

#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <boost/asio/thread_pool.hpp>

#include "engine/invoke/handler.h"
#include "engine/ports/clock.h"
#include "engine/ports/queries.h"
#include "server/http/message.h"
#include "server/throttle.h"

namespace chuyi {

/// Local accounts: Argon2id passwords, opaque session tokens of 256 bits of which only the SHA-256 is kept.
class Identity {
 public:
  struct Options {
    std::uint32_t memory_kib = 19 * 1024;  ///< OWASP's minimum for Argon2id, t = 2, p = 1
    std::uint32_t passes = 2;
    std::chrono::hours session{12};
    bool secure_cookies = true;  ///< off: for plain HTTP on a loopback address
    unsigned verifications_max = 2;  ///< at the same time; each takes memory_kib and a processor
    unsigned waiting_max = 64;
    Throttle::Options throttle = {};
  };
  explicit Identity(Options options)
      : options_(options), throttle_(options.throttle), pool_(options.verifications_max) {}

  /// Errors: `invalid` "user.password" for fewer than 12 characters or more than 1,000 bytes.
  Result<std::string> hash_password(const std::string& password) const;
  /// Always takes the time of one verification, also for users that do not exist.
  bool verify(const std::optional<UserRow>& user, const std::string& password);
  Throttle& throttle() { return throttle_; }
  /// Where passwords are hashed and verified: never more at once than verifications_max.
  boost::asio::thread_pool& pool() { return pool_; }
  /// A place in the queue for it. Empty: the queue is full.
  std::shared_ptr<void> queue();
  /// Lets what is being hashed end.
  void stop() { pool_.join(); }

  /// The session cookie as Set-Cookie has it; an empty token ends it.
  std::string cookie(const std::string& token) const;
  /// The session token of a request: Authorization: Bearer, else the cookie.
  std::string token_of(const Request& request, bool& by_cookie) const;

  static constexpr std::size_t kUserBytesMax = 64;
  static constexpr std::size_t kPasswordBytesMax = 1'000;
  static std::string new_token();
  /// nullopt: unknown, expired, or the account is closed.
  Result<std::optional<Actor>> actor_of(const std::string& token, Queries& queries) const;
  /// When a session that begins now ends: by the real clock, also where workflows run on a manual one.
  Instant session_end() const;

 private:
  /// "__Host-" binds the cookie to this host and to HTTPS; browsers take it with Secure only.
  std::string cookie_name() const { return options_.secure_cookies ? "__Host-chuyi_session" : "chuyi_session"; }

  Options options_;
  Throttle throttle_;
  std::mutex mutex_;
  std::string decoy_;
  std::atomic<unsigned> waiting_{0};
  boost::asio::thread_pool pool_;
};

}  // namespace chuyi

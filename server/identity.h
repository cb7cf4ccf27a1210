#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "engine/invoke/handler.h"
#include "engine/ports/clock.h"
#include "engine/ports/queries.h"
#include "server/http/message.h"

namespace chuyi {

/// Local accounts: Argon2id passwords, opaque session tokens of 256 bits of which only the SHA-256 is kept.
class Identity {
 public:
  struct Options {
    std::uint32_t memory_kib = 19 * 1024;  ///< OWASP's minimum for Argon2id, t = 2, p = 1
    std::uint32_t passes = 2;
    std::chrono::hours session{12};
  };
  explicit Identity(Options options) : options_(options) {}

  /// Errors: `invalid` "user.password" for fewer than 12 characters or more than 1,000 bytes.
  Result<std::string> hash_password(const std::string& password) const;
  /// Always takes the time of one verification, also for users that do not exist.
  bool verify(const std::optional<UserRow>& user, const std::string& password);
  /// Whether another attempt is allowed now. After 5 failures in a row an account and an address wait 30 s.
  bool may_try(const std::string& user, const std::string& peer);
  void note(const std::string& user, const std::string& peer, bool success);
  std::chrono::hours session() const { return options_.session; }

  static std::string new_token();
  /// nullopt: unknown, expired, or the account is closed.
  Result<std::optional<Actor>> actor_of(const std::string& token, Queries& queries) const;
  /// When a session that begins now ends: by the real clock, also where workflows run on a manual one.
  Instant session_end() const;

 private:
  struct Attempts {
    int failures = 0;
    std::chrono::steady_clock::time_point last;
  };
  Options options_;
  std::mutex mutex_;
  std::map<std::string, Attempts> attempts_;
  std::string decoy_;
};

/// The session token of a request: Authorization: Bearer, else the cookie.
std::string token_of(const Request& request, bool& by_cookie);

}  // namespace chuyi

#include "server/identity.h"

#include <array>

#include <argon2.h>
#include <openssl/rand.h>

#include "engine/base/digest.h"
#include "engine/runtime/people.h"

namespace chuyi {
std::string Identity::new_token() {
  std::array<unsigned char, 32> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) throw std::runtime_error("no random numbers");
  return hex(bytes);
}

Result<std::string> Identity::hash_password(const std::string& password) const {
  if (password.size() < 12 || password.size() > kPasswordBytesMax)
    return Error{.kind = ErrorKind::invalid,
                 .code = "user.password",
                 .message = "Expected a password of 12 to 1,000 bytes",
                 .place = "/password",
                 .message_zh = "密码至少12个字符"};
  std::array<unsigned char, 16> salt{};
  if (RAND_bytes(salt.data(), static_cast<int>(salt.size())) != 1)
    return Error{.kind = ErrorKind::unavailable, .code = "server.random", .message = "Expected random numbers"};
  std::array<char, 256> encoded{};
  const int status = argon2id_hash_encoded(options_.passes, options_.memory_kib, 1, password.data(), password.size(), salt.data(),
                                           salt.size(), 32, encoded.data(), encoded.size());
  if (status != ARGON2_OK)
    return Error{.kind = ErrorKind::unavailable, .code = "server.argon2", .message = argon2_error_message(status)};
  return std::string{encoded.data()};
}

bool Identity::verify(const std::optional<UserRow>& user, const std::string& password) {
  std::string hash = user ? user->password : std::string{};
  if (!user || is_pending(hash)) {
    const std::lock_guard lock(mutex_);
    if (decoy_.empty())
      if (Result<std::string> made = hash_password("nobody has this password")) decoy_ = *made;
    hash = decoy_;
  }
  const bool right = password.size() <= kPasswordBytesMax && argon2id_verify(hash.c_str(), password.data(), password.size()) == ARGON2_OK;
  return right && user && hash == user->password && !user->disabled;
}

std::shared_ptr<void> Identity::queue() {
  const auto leave = [this](void*) { --waiting_; };
  if (++waiting_ > options_.waiting_max + options_.verifications_max) {
    --waiting_;
    return {};
  }
  return {this, leave};
}

std::string Identity::cookie(const std::string& token) const {
  const auto seconds = token.empty() ? std::chrono::seconds{0} : std::chrono::seconds{options_.session};
  return cookie_name() + "=" + token + "; Path=/; HttpOnly; SameSite=Strict; Max-Age=" + std::to_string(seconds.count()) +
         (options_.secure_cookies ? "; Secure" : "");
}

Instant Identity::session_end() const { return SystemClock{}.now() + options_.session; }

Result<std::optional<Actor>> Identity::actor_of(const std::string& token, Queries& queries) const {
  const Result<std::optional<LoginRow>> login = queries.login(sha256_hex(token));
  if (!login) return login.error();
  if (!*login || (*login)->expires <= SystemClock{}.now()) return std::optional<Actor>{};
  const Result<std::optional<UserRow>> user = queries.user((*login)->user_id);
  if (!user) return user.error();
  if (!*user || (*user)->disabled) return std::optional<Actor>{};
  return std::optional{Actor{.user_id = (*user)->id, .name = (*user)->name, .memberships = (*user)->memberships}};
}

std::string Identity::token_of(const Request& request, bool& by_cookie) const {
  by_cookie = false;
  const std::string& authorization = request.header("authorization");
  if (authorization.starts_with("Bearer ")) return authorization.substr(7);
  const std::string name = cookie_name() + "=";
  const std::string& cookies = request.header("cookie");
  std::size_t at = 0;
  while (at < cookies.size()) {
    const std::size_t end = std::min(cookies.find(';', at), cookies.size());
    std::string_view pair = std::string_view{cookies}.substr(at, end - at);
    while (pair.starts_with(' ')) pair.remove_prefix(1);
    if (pair.starts_with(name)) {
      by_cookie = true;
      return std::string{pair.substr(name.size())};
    }
    at = end + 1;
  }
  return {};
}

}  // namespace chuyi

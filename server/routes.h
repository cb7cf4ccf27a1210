#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "server/context.h"

namespace chuyi {

namespace net = boost::asio;

/// Who may call a route at all. Which applications and tasks they reach is decided per object
/// (engine/runtime/access.h).
class Permission {
 public:
  static Permission everybody() { return Permission(""); }
  static Permission signed_in() { return Permission("*"); }
  static Permission role(std::string_view role) { return Permission(role); }
  bool is_public() const { return role_.empty(); }
  bool allows(const Actor& actor) const { return role_ == "*" || actor.has(role_); }
  const std::string& name() const { return role_; }

 private:
  explicit Permission(std::string_view role) : role_(role) {}
  std::string role_;
};

/// How a POST that acts protects against being sent twice.
enum class Replay : std::uint8_t { none, key_required };
/// How the body arrives at the handler.
enum class Body : std::uint8_t { whole, streamed };

using Handler = net::awaitable<Response> (*)(Context&);

/// One row of the route table. There is no default for the permission: a route without one does not compile.
struct Route {
  Route(std::string_view route_method, std::string_view route_pattern, Permission route_permission, Handler route_handler,
        Replay route_replay = Replay::none, Body route_body = Body::whole)
      : method(route_method),
        pattern(route_pattern),
        permission(std::move(route_permission)),
        handler(route_handler),
        body(route_body),
        replay(route_replay) {}
  std::string method;
  std::string pattern;  ///< "/api/v1/tasks/{id}"
  Permission permission;
  Handler handler;
  Body body;
  Replay replay;
};
static_assert(!std::is_default_constructible_v<Permission> && !std::is_default_constructible_v<Route>);
static_assert(!std::is_constructible_v<Route, const char*, const char*, Handler>);

/// Every route of the server. What is not in here does not exist.
const std::vector<Route>& all_routes();

struct RouteMatch {
  const Route* route = nullptr;        ///< nullptr: none
  std::vector<std::string> parameters;  ///< in the order of the pattern
  std::vector<std::string> allowed;    ///< methods that the path has, when the method is not among them
};
RouteMatch match_route(const std::vector<Route>& routes, std::string_view method, std::string_view path);

}  // namespace chuyi

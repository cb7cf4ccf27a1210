#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "engine/base/calendar.h"
#include "engine/ports/clock.h"
#include "engine/ports/definition.h"
#include "engine/ports/documents.h"
#include "engine/ports/plugin_host.h"
#include "engine/ports/queries.h"
#include "engine/runtime/command.h"
#include "engine/runtime/pumps.h"
#include "server/http/message.h"
#include "server/http/trusted_proxies.h"
#include "server/problem.h"

namespace chuyi {

namespace net = boost::asio;

class Identity;
class Migrations;
class Pages;
class PluginAdmin;

/// What handlers work with. Put together in main.cpp; outlives every connection.
struct Services {
  CommandService& commands;
  Queries& queries;
  Definitions& definitions;
  DocumentStore& documents;
  const Clock& clock;
  const Calendar& calendar;
  Identity& identity;
  const Migrations& migrations;
  PluginAdmin& plugins;
  const Pages& pages;
  const Texts& texts;
  HttpLimits limits;
  TrustedProxies proxies;
  net::thread_pool& pool;  ///< for calls that block
  net::thread_pool& package_pool;  ///< for calls that wait for a package's code
  PluginHost& plugin_host;
  json::object review_defaults;  ///< what the review of a round is set up with where its officer says nothing else
  std::string public_url;  ///< where the public reaches this server; empty: not told
  /// A row by its id costs less than a thread that is woken for it: the store is in this process.
  bool reads_here = false;
  /// Advances the manual clock (nullptr target: to the next timer) and fires what is due; empty without one.
  std::function<Result<PumpReport>(std::optional<Instant>, const Actor&)> advance_clock;
  std::function<json::array()> incidents;
  /// Reads the packages again and keeps new definitions. @return problems.
  std::function<std::vector<Detail>()> reload_packages;
  std::function<bool()> ready;
};

/// Hands out the bytes of a streamed body.
class BodySource {
 public:
  virtual ~BodySource() = default;
  /// More bytes; empty at the end. Errors: `invalid` "http.body", `too_large` "http.body_size".
  virtual net::awaitable<Result<std::string>> read() = 0;
};

/// A member that a request body may have.
struct Field {
  enum class Type : std::uint8_t { text, boolean, object, array, any };
  std::string_view name;
  Type type = Type::text;
  bool required = true;
};

/// One request on its way through a handler.
struct Context {
  Services& services;
  Request& request;
  Actor actor;  ///< user_id "public" when nobody is signed in
  std::vector<std::string> parameters;
  BodySource* body = nullptr;  ///< for streamed bodies
  bool takes_key = false;      ///< the route's: whether an Idempotency-Key means anything

  /// Runs `job`, which asks `queries` for rows by their ids, here or on the pool.
  template <class Job>
  net::awaitable<std::invoke_result_t<Job>> reading(Job job) {
    if (services.reads_here) co_return job();
    co_return co_await blocking(std::move(job));
  }
  /// Runs `job` on the pool and comes back.
  template <class Job>
  net::awaitable<std::invoke_result_t<Job>> blocking(Job job) {
    return blocking_on(services.pool, std::move(job));
  }
  template <class Job>
  net::awaitable<std::invoke_result_t<Job>> blocking_on(net::thread_pool& pool, Job job) {
    using T = std::invoke_result_t<Job>;
    co_return co_await net::co_spawn(
        pool, [job = std::move(job)]() mutable -> net::awaitable<T> { co_return job(); }, net::use_awaitable);
  }
  /// Executes the command and waits for its commit; with the request's Idempotency-Key where the route takes one, or
  /// with the command's own. `body_digest` where the body is streamed or holds a secret: it says what the same
  /// request is, and is stored.
  net::awaitable<Result<Reply>> execute(Command command, std::string_view body_digest = {});
  /// The same for one of the commands that a request is made of: `part` tells it from the others.
  net::awaitable<Result<Reply>> execute_part(Command command, std::string_view part);
  /// Asks whether the command would be taken, before its body is read (CommandService::probe): a key that was used
  /// before gives "idempotency.mismatch".
  net::awaitable<Result<Reply>> probe(Command command);
  /// The body as a JSON object. Errors: `invalid` "json.*", "http.content_type".
  Result<json::object> json_body() const;
  /// The same, holding these members and no others: nothing that a caller adds slips through.
  /// Errors: also `invalid` "form.body" with every member that is missing, unknown or of another type.
  Result<json::object> json_body(const std::vector<Field>& fields) const;
  /// If-Match as a revision. Errors: `precondition` "precondition.missing", "precondition.failed".
  Result<std::uint64_t> if_match() const;
  PageRequest page() const;
  /// The answer to an error: problem+json, or a page for people with a browser on the public pages. A denial goes
  /// to the log, with who was denied what. `status` where it is more exact than what the kind of error says.
  Response fail(const Error& error, std::optional<int> status = {}) const;
};

/// A command about a task. (g++ 12 cannot take a braced Command inside a co_await expression.)
Command task_command(std::string kind, std::string task_id, json::object data, std::optional<std::uint64_t> if_revision = {});

/// A text of a client's as it may stand in one line of the log: quoted, control characters escaped.
std::string for_log(const std::string& text);

Response json_response(int status, const json::value& body);
/// A command's answer: its stored body, ETag, and Idempotency-Replayed.
Response reply_response(const Reply& reply);
/// {"items": …, "next": URL} with a Link header (RFC 8288).
Response list_response(const Request& request, json::array items, const std::string& next);

}  // namespace chuyi

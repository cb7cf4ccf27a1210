#include "server/context.h"

#include <algorithm>
#include <charconv>

#include <boost/asio/post.hpp>
#include <boost/json/serialize.hpp>
#include <spdlog/spdlog.h>

#include "engine/base/digest.h"
#include "server/pages/pages.h"

namespace chuyi {
namespace {

bool has_type(const json::value& value, Field::Type type) {
  switch (type) {
    case Field::Type::text: return value.is_string();
    case Field::Type::boolean: return value.is_bool();
    case Field::Type::object: return value.is_object();
    case Field::Type::array: return value.is_array();
    case Field::Type::any: return true;
  }
  return false;
}

std::string_view name_of(Field::Type type) {
  switch (type) {
    case Field::Type::text: return "a text";
    case Field::Type::boolean: return "true or false";
    case Field::Type::object: return "an object";
    case Field::Type::array: return "an array";
    case Field::Type::any: return "a value";
  }
  return {};
}

/// A person with a browser, on a path that has pages.
bool wants_page(const Request& request) {
  return !request.path.starts_with("/api/") && request.header("accept").find("text/html") != std::string::npos;
}

}  // namespace

namespace {

/// Hands the command over and comes back with its answer.
net::awaitable<Result<Reply>> ask(CommandService& service, void (CommandService::*call)(Command, CommandService::Done), Command command) {
  const net::any_io_executor executor = co_await net::this_coro::executor;
  // Named, not a temporary of the co_await expression: g++ 12 destroys those twice.
  const auto initiate = [&service, call, &executor, &command](auto handler) {
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    (service.*call)(std::move(command), [shared, executor](Result<Reply> reply) {
      net::post(executor, [shared, reply = std::move(reply)]() mutable { (*shared)(std::move(reply)); });
    });
  };
  co_return co_await net::async_initiate<const net::use_awaitable_t<>&, void(Result<Reply>)>(initiate, net::use_awaitable);
}

/// The request's key, where its route takes one; its digest is still to come.
std::optional<IdempotencyKey> key_of(const Context& context) {
  const std::string& key = context.request.header("idempotency-key");
  if (key.empty() || !context.takes_key) return std::nullopt;
  return IdempotencyKey{.actor = context.actor.user_id, .key = key, .digest = {}};
}

}  // namespace

net::awaitable<Result<Reply>> Context::execute(Command command, std::string_view body_digest) {
  command.actor = actor;
  if (std::optional<IdempotencyKey> key = key_of(*this)) {
    const std::string content = body_digest.empty() ? sha256_hex(request.body) : std::string{body_digest};
    key->digest = sha256_hex(request.method + "\n" + request.path + "\n" + request.query_text + "\n" + content);
    command.key = std::move(key);
  }
  co_return co_await ask(services.commands, &CommandService::execute, std::move(command));
}

net::awaitable<Result<Reply>> Context::execute_part(Command command, std::string_view part) {
  command.actor = actor;
  if (std::optional<IdempotencyKey> key = key_of(*this)) {
    key->key = sha256_hex(key->key + "\n" + std::string{part});
    key->digest = sha256_hex(request.method + "\n" + request.path + "\n" + request.query_text + "\n" + sha256_hex(request.body));
    command.key = std::move(key);
  }
  co_return co_await ask(services.commands, &CommandService::execute, std::move(command));
}

net::awaitable<Result<Reply>> Context::probe(Command command) {
  command.actor = actor;
  command.key = key_of(*this);
  co_return co_await ask(services.commands, &CommandService::probe, std::move(command));
}

Result<json::object> Context::json_body() const {
  const std::string& type = request.header("content-type");
  if (!type.starts_with("application/json"))
    return Error{.kind = ErrorKind::invalid,
                 .code = "http.content_type",
                 .message = "Expected Content-Type: application/json, but found '" + type.substr(0, 80) + "'",
                 .message_zh = "请求内容应为JSON"};
  const JsonLimits limits{.bytes_max = services.limits.body_bytes_max, .depth_max = services.limits.json_depth_max};
  Result<json::value> value = parse_json(request.body, limits, "request body");
  if (!value) return value.error();
  if (!value->is_object())
    return Error{.kind = ErrorKind::invalid, .code = "json.type", .message = "Expected the request body to be an object", .message_zh = "请求内容应为JSON对象"};
  return std::move(value->get_object());
}

Result<json::object> Context::json_body(const std::vector<Field>& fields) const {
  Result<json::object> given = json_body();
  if (!given) return given;
  Error wrong{.kind = ErrorKind::invalid, .code = "form.body", .message = "Expected a body with the members of this request", .message_zh = "请求内容不符合要求"};
  for (const Field& field : fields) {
    wrong.allowed.emplace_back(field.name);
    const json::value* found = given->if_contains(field.name);
    if (found == nullptr ? !field.required : has_type(*found, field.type)) continue;
    wrong.details.push_back({.place = "/" + std::string{field.name},
                             .code = found == nullptr ? "form.required" : "form.type",
                             .message = "Expected " + std::string{name_of(field.type)},
                             .message_zh = found == nullptr ? "缺少该项" : "类型不正确"});
  }
  for (const auto& member : *given)
    if (std::none_of(fields.begin(), fields.end(), [&](const Field& field) { return field.name == member.key(); }))
      wrong.details.push_back({.place = "/" + pointer_segment(member.key()),
                               .code = "form.additional",
                               .message = "Expected no such member",
                               .message_zh = "不接受该项"});
  if (!wrong.details.empty()) return wrong;
  return given;
}

Result<std::uint64_t> Context::if_match() const {
  const std::string& tag = request.header("if-match");
  if (tag.empty())
    return Error{.kind = ErrorKind::precondition,
                 .code = "precondition.missing",
                 .message = "Expected If-Match with the ETag of what you change",
                 .message_zh = "缺少If-Match，请先读取最新内容"};
  std::uint64_t revision = 0;
  const bool quoted = tag.size() > 2 && tag.front() == '"' && tag.back() == '"';
  const auto [end, ec] = std::from_chars(tag.data() + 1, tag.data() + tag.size() - 1, revision);
  if (!quoted || ec != std::errc{} || end != tag.data() + tag.size() - 1)
    return Error{.kind = ErrorKind::precondition,
                 .code = "precondition.failed",
                 .message = "Expected If-Match with an ETag as it was given, but found '" + tag.substr(0, 80) + "'",
                 .message_zh = "If-Match无效，请刷新后重试"};
  return revision;
}

Response Context::fail(const Error& error, std::optional<int> status) const {
  if (error.kind == ErrorKind::forbidden)
    spdlog::warn("request={} denied code={} user={} peer={} {} {}", request.id, error.code, actor.user_id, request.peer, request.method, for_log(request.path));
  Response out = problem(error, services.texts, request, status);
  if (wants_page(request)) return pages::failure(*this, error, std::move(out));
  return out;
}

PageRequest Context::page() const {
  PageRequest out{.limit = 50, .after = request.query_or("after")};
  const std::string limit = request.query_or("limit", "50");
  std::from_chars(limit.data(), limit.data() + limit.size(), out.limit);
  out.limit = std::clamp<std::size_t>(out.limit, 1, 200);
  return out;
}

Command task_command(std::string kind, std::string task_id, json::object data, std::optional<std::uint64_t> if_revision) {
  Command out;
  out.kind = std::move(kind);
  out.task_id = std::move(task_id);
  out.data = std::move(data);
  out.if_revision = if_revision;
  return out;
}

std::string for_log(const std::string& text) { return json::serialize(json::value(printable(text))); }

Response json_response(int status, const json::value& body) {
  // Canonical, so that a stored answer is the same bytes when it is given again.
  Response out{.status = status, .body = canonical_json(body)};
  out.with("Content-Type", "application/json");
  return out;
}

Response reply_response(const Reply& reply) {
  Response out = json_response(reply.status, reply.body);
  if (reply.revision != 0) out.with("ETag", "\"" + std::to_string(reply.revision) + "\"");
  if (reply.replayed) out.with("Idempotency-Replayed", "true");
  return out;
}

Response list_response(const Request& request, json::array items, const std::string& next) {
  json::object body{{"items", std::move(items)}};
  std::string link;
  if (!next.empty()) {
    link = request.path + "?";
    for (const auto& [name, value] : request.query)
      if (name != "after") link += percent_encode(name) + "=" + percent_encode(value) + "&";
    link += "after=" + percent_encode(next);
    body["next"] = link;
  }
  Response out = json_response(200, body);
  if (!link.empty()) out.with("Link", "<" + link + ">; rel=\"next\"");
  return out;
}

}  // namespace chuyi

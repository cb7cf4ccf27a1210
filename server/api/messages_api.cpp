#include "engine/base/digest.h"
#include "engine/runtime/events_json.h"
#include "server/api/handlers.h"

namespace chuyi::api {

net::awaitable<Response> receive_message(Context& context) {
  Request& request = context.request;
  Result<scxml::Event> event = http_event(request.header("content-type"), std::move(request.body));
  if (!event) co_return context.fail(event.error());
  const std::string& session = context.parameters[0];
  Command command{.kind = "session.http", .session_id = root_session(session), .data = to_json(*event)};
  if (command.session_id != session) command.data["to"] = session;
  command.data["key"] = request.query_or("key");
  // Optional: what this server sends has one, others need not.
  if (const std::string& key = request.header("idempotency-key"); !key.empty() && key.size() <= 128)
    command.key = IdempotencyKey{.actor = "http:" + session, .key = key, .digest = sha256_hex(request.path + "\n" + event->raw)};
  const Result<Reply> reply = co_await context.execute(std::move(command));
  // Who does not know the key does not learn which sessions there are.
  const bool hidden = !reply && reply.error().code == "application.unknown";
  if (hidden)
    co_return context.fail(Error{.kind = ErrorKind::not_found,
                                 .code = "http_event.unknown",
                                 .message = "Expected the location of a running session and an event that it takes",
                                 .message_zh = "地址无效，或该流程不接受此事件"});
  if (!reply) co_return context.fail(reply.error());
  co_return Response{.status = 204, .headers = {}, .body = {}, .stream = {}};
}

}  // namespace chuyi::api

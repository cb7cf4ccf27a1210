#include "engine/why/why.h"

#include <future>

#include "engine/invoke/rows_json.h"
#include "engine/invoke/work_items.h"
#include "server/api/handlers.h"
#include "server/api/lookup.h"
#include "server/phrases.h"

namespace chuyi::api {
namespace {

/// Blocks: call it on the pool.
Result<json::array> reasons_of(Context& context, const Seen& seen, const std::string& only_task) {
  const auto may_hear = [&](const TaskRow& task) { return may_see(context.actor, task, seen.session); };
  const Result<WhyAsked> asked = gather_why(context.services.queries, seen.session, *seen.definition, context.services.calendar, context.services.clock.now(), only_task, may_hear);
  if (!asked) return asked.error();
  return why_json(*asked, workflow_phrases(context.services.texts, "zh", seen.definition.get()), workflow_phrases(context.services.texts, "en", seen.definition.get()));
}

/// What would become of the command if it came now: nothing is written.
json::object asked_now(Context& context, Command command, const std::string& action, const std::string& outcome) {
  command.actor = context.actor;
  auto promise = std::make_shared<std::promise<Result<Reply>>>();
  std::future<Result<Reply>> reply = promise->get_future();
  context.services.commands.probe(std::move(command), [promise](Result<Reply> result) { promise->set_value(std::move(result)); });
  const Result<Reply> result = reply.get();
  json::object out{{"action", action}, {"outcome", outcome}, {"possible", static_cast<bool>(result)}};
  if (result) return out;
  const Error& error = result.error();
  out["code"] = error.code;
  out["zh"] = detail_of(error, context.services.texts, "zh");
  out["en"] = detail_of(error, context.services.texts, "en");
  if (!error.place.empty()) out["place"] = error.place;
  if (!error.allowed.empty()) out["allowed"] = to_json(error.allowed);
  json::array details;
  for (const Detail& each : error.details) details.push_back(json::object{{"place", each.place}, {"code", each.code}, {"zh", each.message_zh}, {"en", each.message}});
  if (!details.empty()) out["errors"] = std::move(details);
  return out;
}

Error no_definition() { return Error{.kind = ErrorKind::unavailable, .code = "definition.unknown", .message = "Expected the definition that the application runs on"}; }

}  // namespace

net::awaitable<Response> why_task(Context& context) {
  const Result<json::object> told = co_await context.blocking([&]() -> Result<json::object> {
    const Result<SeenTask> seen = see_task(context, context.parameters[0]);
    if (!seen) return seen.error();
    if (!seen->application.definition) return no_definition();
    Result<json::array> reasons = reasons_of(context, seen->application, seen->task.id);
    if (!reasons) return reasons.error();
    json::array you;
    for (const std::string& outcome : seen->task.outcomes)
      you.push_back(asked_now(context, task_command("task.complete", seen->task.id, {{"outcome", outcome}}), "complete", outcome));
    return json::object{{"task", seen->task.id}, {"application", seen->task.session_id}, {"reasons", std::move(*reasons)}, {"you", std::move(you)}};
  });
  if (!told) co_return context.fail(told.error());
  co_return json_response(200, *told);
}

net::awaitable<Response> why_application(Context& context) {
  const Result<json::object> told = co_await context.blocking([&]() -> Result<json::object> {
    const Result<Seen> seen = see_application(context, context.parameters[0]);
    if (!seen) return seen.error();
    if (!seen->definition) return no_definition();
    Result<json::array> reasons = reasons_of(context, *seen, {});
    if (!reasons) return reasons.error();
    json::array you;
    const Result<std::vector<std::string>> events = sendable_events(context.actor, *seen);
    if (!events) return events.error();
    for (const std::string& event : *events)
      you.push_back(asked_now(context, Command{.kind = "application.event", .session_id = seen->session.id, .task_id = {}, .actor = {}, .data = {{"event", event}}, .if_revision = {}, .key = {}}, "event", event));
    return json::object{{"application", seen->session.id}, {"reasons", std::move(*reasons)}, {"you", std::move(you)}};
  });
  if (!told) co_return context.fail(told.error());
  co_return json_response(200, *told);
}

}  // namespace chuyi::api

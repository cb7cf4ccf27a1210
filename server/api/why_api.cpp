#include "engine/why/why.h"

#include <algorithm>

#include "engine/invoke/limits.h"
#include "engine/invoke/rows_json.h"
#include "engine/invoke/work_items.h"
#include "server/api/handlers.h"
#include "server/api/lookup.h"
#include "server/phrases.h"

namespace chuyi::api {
namespace {

using scxml::Phrases;

/// What would become of it if it came now: nothing is written.
struct Asked {
  Command command;
  std::string action;
  std::string outcome;
};

/// What is told, and what is still to be asked.
struct Told {
  json::object shown;
  std::vector<Asked> you;
  DefinitionPtr definition;
  Phrases::Fields zh, en;  ///< for the sentences about refusals
};

Phrases phrases_of(Context& context, const DefinitionPtr& definition, const char* language) {
  return workflow_phrases(context.services.texts, language, definition.get());
}

/// Asked one after the other, and not on the pool: preparing one takes a thread of it.
net::awaitable<json::array> asked_now(Context& context, Told& told) {
  json::array out;
  for (Asked& each : told.you) {
    if (std::string principal = context.request.query_or("on_behalf_of"); !principal.empty() && !each.command.task_id.empty())
      each.command.data["on_behalf_of"] = std::move(principal);
    const Result<Reply> result = co_await context.probe(std::move(each.command));
    json::object said{{"action", each.action}, {"outcome", each.outcome}, {"possible", static_cast<bool>(result)}};
    if (!result)
      for (auto& member : problem_json(result.error(), context.services.texts)) said[member.key()] = member.value();
    json::object titles;
    for (const char* language : {"zh", "en"}) {
      const Phrases phrases = phrases_of(context, told.definition, language);
      const std::string title = each.action == "event" ? event_title(each.outcome, phrases) : outcome_title(each.outcome, phrases);
      titles[language] = title;
      if (result) continue;
      Phrases::Fields fields = phrases.zh() ? told.zh : told.en;
      fields["action"] = title;
      if (std::string words = phrases.say("why.refused." + result.error().code, fields); !words.empty())
        said[language] = scxml::capitalised(std::move(words));
    }
    said["titles"] = std::move(titles);
    out.push_back(std::move(said));
  }
  co_return out;
}

net::awaitable<Response> answer(Context& context, Result<Told> told) {
  if (!told) co_return context.fail(told.error());
  json::array you = co_await asked_now(context, *told);
  told->shown["you"] = std::move(you);
  co_return json_response(200, told->shown);
}

/// Its place in a ranked list that the asker may see; 0: there is none.
Result<std::int64_t> rank_of(Context& context, const std::string& application) {
  const Result<std::optional<RecordRow>> ranked = context.services.queries.record(kRankedRecord, application);
  if (!ranked) return ranked.error();
  if (!*ranked) return 0;
  for (const std::string& id : strings_from_json(array_or_empty((*ranked)->data, "lists"))) {
    const Result<std::optional<RecordRow>> list = context.services.queries.record(kRankRecord, id);
    if (!list) return list.error();
    if (!*list || !may_see_rank(context.actor, string_or((*list)->data, "org"))) continue;
    const std::vector<std::string> order = strings_from_json(array_or_empty((*list)->data, "order"));
    if (const auto at = std::find(order.begin(), order.end(), application); at != order.end()) return at - order.begin() + 1;
  }
  return 0;
}

/// Blocks: call it on the pool.
Result<Told> told_of(Context& context, const Seen& seen, const TaskRow* task) {
  if (!seen.definition)
    return Error{.kind = ErrorKind::unavailable,
                 .code = "definition.unknown",
                 .message = "Expected the definition that the application runs on"};
  const auto may_hear = [&](const TaskRow& each) { return may_see(context.actor, each, seen.session); };
  const std::string only = task == nullptr ? std::string{} : task->id;
  Result<WhyAsked> asked =
      gather_why(context.services.queries, seen.session, *seen.definition, context.services.clock.now(), only, may_hear);
  if (!asked) return asked.error();
  const Result<std::int64_t> rank = rank_of(context, seen.session.id);
  if (!rank) return rank.error();
  asked->rank = *rank;
  const Phrases zh = phrases_of(context, seen.definition, "zh");
  const Phrases en = phrases_of(context, seen.definition, "en");
  Told out;
  out.definition = seen.definition;
  out.shown = {{"application", seen.session.id}, {"reasons", why_json(*asked, zh, en)}};
  if (task != nullptr) {
    out.shown["task"] = task->id;
    out.zh = refusal_fields(*asked, *task, zh);
    out.en = refusal_fields(*asked, *task, en);
    for (const std::string& outcome : task->outcomes)
      out.you.push_back({.command = task_command("task.complete", task->id, {{"outcome", outcome}}),
                         .action = "complete",
                         .outcome = outcome});
    return out;
  }
  const Result<std::vector<std::string>> events = sendable_events(context.actor, seen);
  if (!events) return events.error();
  for (const std::string& event : *events) {
    Command command;
    command.kind = "application.event";
    command.session_id = seen.session.id;
    command.data = {{"event", event}};
    out.you.push_back({.command = std::move(command), .action = "event", .outcome = event});
  }
  return out;
}

}  // namespace

net::awaitable<Response> why_task(Context& context) {
  Result<Told> told = co_await context.blocking([&]() -> Result<Told> {
    const Result<SeenTask> seen = see_task(context, context.parameters[0]);
    if (!seen) return seen.error();
    return told_of(context, seen->application, &seen->task);
  });
  co_return co_await answer(context, std::move(told));
}

net::awaitable<Response> why_application(Context& context) {
  Result<Told> told = co_await context.blocking([&]() -> Result<Told> {
    const Result<Seen> seen = see_application(context, context.parameters[0]);
    if (!seen) return seen.error();
    return told_of(context, *seen, nullptr);
  });
  co_return co_await answer(context, std::move(told));
}

}  // namespace chuyi::api

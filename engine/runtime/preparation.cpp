#include "engine/runtime/preparation.h"

#include "engine/invoke/limits.h"
#include "engine/invoke/work_items.h"
#include "engine/runtime/delegation.h"
#include "engine/runtime/findings.h"
#include "engine/runtime/recall.h"
#include "engine/runtime/review_commands.h"
#include "engine/runtime/rounds.h"
#include "engine/runtime/session_document.h"

namespace chuyi {
namespace {

/// What preparation knows of the task it prepares for. A stale read is found inside the transaction.
struct Subject {
  TaskRow task;
  SessionRow session;
  DefinitionPtr definition;
};

Error unknown_task(const std::string& id) {
  return Error{.kind = ErrorKind::not_found,
               .code = "task.unknown",
               .message = "Expected a known task, but found '" + id + "'",
               .message_zh = "未找到该待办"};
}

Result<Subject> load(const Runtime& runtime, const Command& command) {
  const Result<std::optional<TaskRow>> task = runtime.queries.task(command.task_id);
  if (!task) return task.error();
  if (!*task) return unknown_task(command.task_id);
  const Result<std::optional<SessionRow>> session = runtime.queries.session((*task)->session_id);
  if (!session) return session.error();
  if (!*session) return unknown_task(command.task_id);
  Subject out{**task, **session, runtime.definitions.by_digest((*session)->definition)};
  if (!out.definition)
    return Error{.kind = ErrorKind::unavailable,
                 .code = "definition.unknown",
                 .message = "Expected definition " + out.session.definition + " to be loaded"};
  return out;
}

Error with_details(std::string code, std::string message, std::string message_zh, std::vector<Detail> details) {
  return Error{.kind = ErrorKind::invalid,
               .code = std::move(code),
               .message = std::move(message),
               .place = {},
               .message_zh = std::move(message_zh),
               .details = std::move(details)};
}

json::object application_facts(const SessionRow& session) {
  return {{"id", session.id},
          {"programme", session.programme},
          {"round", session.round},
          {"title", session.title},
          {"org", session.org},
          {"org_name", session.org_name}};
}

/// Asks the package's code about data that is about to be signed. @return its answer, without findings.
/// Errors: `invalid` "plugin.refused"; those of the host.
Result<json::object> ask(const Runtime& runtime, const Subject& subject, std::string_view hook, json::object input) {
  input["date"] = format_day(day_in_shanghai(runtime.clock.now()));
  input["application"] = application_facts(subject.session);
  Result<json::object> answer = runtime.plugins.call(*subject.definition, hook, {}, input);
  if (!answer) return answer;
  if (std::vector<Detail> findings = findings_of(*answer); !findings.empty())
    return with_details("plugin.refused", "Expected a form that keeps the programme's rules", "不符合该项目的申报规则", std::move(findings));
  return answer;
}

/// The entries of the register whose numbers the form names where its schema says so (`x-awards`, a pointer): number →
/// {"programme","status"}; unknown ones are not there.
Result<json::object> awards_named(const Runtime& runtime, const json::value& schema, const json::object& data) {
  constexpr std::size_t kAwardsMax = 200;
  json::object out;
  const std::string pointer = schema.is_object() ? string_or(schema.get_object(), "x-awards") : std::string{};
  for (const std::string& number : pointer.empty() ? std::vector<std::string>{} : values_at(json::value(data), pointer)) {
    if (out.size() >= kAwardsMax) break;
    const Result<std::optional<AwardRow>> award = runtime.queries.award(number);
    if (!award) return award.error();
    if (*award) out[number] = json::object{{"programme", (*award)->programme}, {"status", (*award)->status}};
  }
  return out;
}

/// What rules know beside the form: ages and periods are counted on the day the round closes.
Result<json::object> known_of(const Runtime& runtime, const Subject& subject, const json::object& data) {
  std::string deadline = string_or(object_or_empty(subject.definition->manifest, "deadlines"),
                                   subject.session.round, format_day(day_in_shanghai(runtime.clock.now())));
  if (is_round_session(subject.session.round))
    if (const auto round = runtime.queries.record(kRoundKind, subject.session.round); round && *round)
      deadline = format_day(day_in_shanghai(from_ms(int_or((*round)->data, "closes_at", 0) - 1)));
  json::object out{{"deadline", deadline}};
  const auto schema = subject.definition->forms.find(subject.task.form);
  if (schema == subject.definition->forms.end() || !schema->value().is_object() || !schema->value().get_object().contains("x-awards")) return out;
  Result<json::object> awards = awards_named(runtime, schema->value(), data);
  if (!awards) return awards;
  out["awards"] = std::move(*awards);
  return out;
}

/// What is not refused but shown to whoever decides: {"soft":[{"id","place","zh","en","reason"}],"marks":[{"id","zh","en"}],
/// "traces":[…],"findings":[…]} (findings.h). Errors: `invalid` "rule.reason" for each soft rule without a written reason.
Result<json::object> weigh(const Runtime& runtime, const Subject& subject, const json::object& data, const json::object& known, const json::object& reasons) {
  constexpr std::size_t kReasonBytesMax = 2'000;
  const WeighedRules weighed =
      weigh_form(*subject.definition->compiled_forms.at(subject.task.form), json::value(data), known);
  std::vector<Detail> missing;
  json::array soft;
  json::array marks;
  for (const WeighedRule& rule : weighed.broken) {
    const std::string reason = string_or(reasons, rule.id);
    soft.push_back(json::object{{"id", rule.id}, {"place", rule.place}, {"zh", rule.message_zh}, {"en", rule.message}, {"reason", reason}});
    if (reason.empty() || reason.size() > kReasonBytesMax || !is_utf8(reason))
      missing.push_back({.place = "/reasons/" + pointer_segment(rule.id),
                         .code = "rule." + rule.id,
                         .message = rule.message,
                         .message_zh = rule.message_zh});
  }
  for (const WeighedRule& rule : weighed.marks)
    marks.push_back(json::object{{"id", rule.id}, {"zh", rule.message_zh}, {"en", rule.message}});
  if (!missing.empty())
    return with_details(
        "rule.reason",
        "Expected a written reason of at most 2,000 bytes for each rule that is not kept, as reasons.RULE",
        "以下规则原则上应当遵守，确需突破的请逐条书面说明理由", std::move(missing));
  const Result<std::vector<DocumentRow>> documents = runtime.queries.documents(subject.session.id);
  if (!documents) return documents.error();
  const std::vector<Trace> traces = traces_of(subject.session, data, *documents);
  Result<json::array> findings = find_traces(runtime.queries, subject.session.id, traces);
  if (!findings) return findings.error();
  return json::object{{"soft", std::move(soft)},
                      {"marks", std::move(marks)},
                      {"traces", to_json(traces)},
                      {"findings", std::move(*findings)}};
}

/// @return what the package says of an annual report's indicators.
Result<json::object> validate(const Runtime& runtime, const Subject& subject, const json::object& data, const json::object& known) {
  const auto form = subject.definition->compiled_forms.find(subject.task.form);
  if (form == subject.definition->compiled_forms.end())
    return Error{.kind = ErrorKind::unavailable,
                 .code = "definition.form_unknown",
                 .message = "Expected form '" + subject.task.form + "' in programme '" + subject.definition->programme +
                            "'; correct the package's workflow or its forms",
                 .message_zh = "该项目类别没有表单“" + subject.task.form + "”，请联系管理员"};
  std::vector<Detail> failures = validate_form(*form->second, json::value(data), known);
  const std::string count = std::to_string(failures.size());
  if (!failures.empty())
    return with_details("form.invalid", "Expected a form without failures, but found " + count, "表单有" + count + "处需要修改",
                        std::move(failures));
  if (const Result<json::object> valid =
          ask(runtime, subject, hook::kValidate, {{"form", subject.task.form}, {"data", data}});
      !valid)
    return valid.error();
  if (subject.task.form == "nomination")
    if (const Result<json::object> eligible = ask(runtime, subject, hook::kEligible, {{"data", data}}); !eligible) return eligible.error();
  if (subject.task.kind != "annual-report") return json::object{};
  return ask(runtime, subject, hook::kCheckIndicators,
             {{"data", data}, {"indicators", array_or_empty(object_or_empty(subject.definition->manifest, "annual_check"), "indicators")}});
}

Result<json::object> seal(const Runtime& runtime, const Subject& subject, const json::object& data) {
  const Result<std::vector<DocumentRow>> documents = runtime.queries.documents(subject.session.id);
  if (!documents) return documents.error();
  BagSpec spec;
  json::object form{{"application", application_facts(subject.session)},
                    {"definition", subject.definition->digest},
                    {"form", subject.task.form},
                    {"data", data}};
  spec.payload.push_back({.path = "application.json", .digest = {}, .bytes = canonical_json(form) + "\n"});
  for (const DocumentRow& row : *documents)
    spec.payload.push_back({.path = "documents/" + row.kind + "/" + row.name, .digest = row.digest, .bytes = {}});
  spec.info = {{"Bagging-Date", format_day(day_in_shanghai(runtime.clock.now()))},
               {"Source-Organization", subject.session.org_name},
               {"External-Identifier", subject.session.id},
               {"External-Description", subject.session.title},
               {"Chuyi-Programme", subject.session.programme},
               {"Chuyi-Round", subject.session.round},
               {"Chuyi-Task-Revision", std::to_string(subject.task.revision)}};
  const Result<StoredDocument> bag = runtime.documents.seal(spec);
  if (!bag) return bag.error();
  return json::object{{"digest", bag->digest}, {"size", static_cast<std::int64_t>(bag->size)}};
}

}  // namespace

namespace {

DefinitionPtr target_of(const Runtime& runtime, const Command& command) {
  return command.kind == "session.migrate" ? runtime.definitions.by_digest(string_or(command.data, "to")) : nullptr;
}

/// What becomes of the chart's data is asked of the new version. A change of the application since is found by its revision.
Result<Command> prepare_migration(const Runtime& runtime, const Definition& to, Command command) {
  const Result<std::optional<SessionRow>> session = runtime.queries.session(command.session_id);
  if (!session) return session.error();
  const DefinitionPtr from = *session ? runtime.definitions.by_digest((*session)->definition) : nullptr;
  if (!from) return command;  // the transaction says what is missing
  const Result<SessionDocument> document = decode_document(*from, (*session)->document);
  if (!document) return document.error();
  const Result<json::object> answer = runtime.plugins.call(
      to, hook::kMigrate, {},
      {{"from", from->version}, {"to", to.version}, {"data", document->chart.datamodel}, {"application", application_facts(**session)}});
  if (!answer) return answer.error();
  command.data["model"] = object_or_empty(*answer, "data");
  if (!command.if_revision) command.if_revision = (*session)->revision;
  return command;
}

}  // namespace

bool asks_package(const Runtime& runtime, const Command& command) {
  const DefinitionPtr to = target_of(runtime, command);
  return to && bool_or(object_or_empty(to->manifest, "asks"), std::string{hook::kMigrate}, false);
}

bool may_need_preparation(const Command& command) {
  return command.kind == "task.complete" || is_recall(command) || prepares_review(command);
}

bool needs_preparation(const Command& command, const TaskRow& task) {
  const bool open = task.status == "open" || task.status == "claimed";
  // The transaction says why not; what is wrong with a draft is for those alone who may sign it.
  const bool deputy = !string_or(command.data, "on_behalf_of").empty();  // whether it is one is known when the store is asked
  return is_recall(command) || (open && (deputy || may_act(command.actor, task)) && (!task.form.empty() || task.seals));
}

Result<Command> prepare(const Runtime& runtime, Command command, Sealing sealing) {
  if (const DefinitionPtr to = target_of(runtime, command)) return prepare_migration(runtime, *to, std::move(command));
  if (prepares_review(command)) return prepare_review(runtime, std::move(command));
  if (is_recall(command)) return prepare_recall(runtime, std::move(command));
  const Result<Subject> subject = load(runtime, command);
  if (!subject) return subject.error();
  if (!needs_preparation(command, subject->task)) return command;
  if (const std::string principal = string_or(command.data, "on_behalf_of"); !principal.empty()) {
    const Result<Actor> stood_for = principal_of(runtime.queries, command.actor, principal, runtime.clock.now());
    if (!stood_for) return stood_for.error();
    if (!may_act(*stood_for, subject->task)) return command;  // the transaction says why not
  }
  const json::object data =
      command.data.contains("data") ? object_or_empty(command.data, "data") : subject->task.data;
  command.checked_on = subject->definition->digest;
  if (!subject->task.form.empty()) {
    const Result<json::object> known = known_of(runtime, *subject, data);
    if (!known) return known.error();
    Result<json::object> indicators = validate(runtime, *subject, data, *known);
    if (!indicators) return indicators.error();
    if (!indicators->empty()) command.data["indicators"] = std::move(*indicators);
    if (subject->task.seals) {
      Result<json::object> checks = weigh(runtime, *subject, data, *known, object_or_empty(command.data, "reasons"));
      if (!checks) return checks.error();
      command.data["checks"] = std::move(*checks);
    }
  }
  if (subject->task.seals && sealing == Sealing::done) {
    Result<json::object> bundle = seal(runtime, *subject, data);
    if (!bundle) return bundle.error();
    command.hold(string_or(*bundle, "digest"));
    command.data["bundle"] = std::move(*bundle);
  }
  // Signed is what was checked and sealed: a change since then is found by its revision.
  if (!command.if_revision) command.if_revision = subject->task.revision;
  return command;
}

}  // namespace chuyi

#include "engine/runtime/session_commands.h"

#include <algorithm>
#include <array>

#include "engine/base/digest.h"
#include "engine/base/mutant.h"
#include "engine/invoke/rows_json.h"
#include "engine/runtime/access.h"
#include "engine/runtime/events_json.h"
#include "engine/runtime/fields.h"
#include "engine/runtime/migration.h"
#include "engine/runtime/organisations.h"
#include "engine/runtime/recall.h"
#include "engine/runtime/rounds.h"
#include "engine/scxml/describe.h"

namespace chuyi {
namespace {

Error unknown(const char* code, const char* what, const std::string& id) {
  return Error{.kind = ErrorKind::not_found,
               .code = code,
               .message = std::string{"Expected a known "} + what + ", but found '" + id + "'",
               .message_zh = "未找到"};
}

Error outdated(std::uint64_t expected, std::uint64_t current) {
  return Error{.kind = ErrorKind::precondition,
               .code = "precondition.failed",
               .message = "Expected the current revision " + std::to_string(current) + ", but found " +
                          std::to_string(expected) + "; read it again and repeat your change",
               .message_zh = "内容已被他人更新，请刷新后重试"};
}

struct NewSession {
  SessionRow row;
  json::object facts;
  json::object round;  ///< what its chart sees of its round, beside its id
};

/// Whether organisations of this level and kind apply to the programme. One whose kind nobody has entered applies only
/// where the programme names no kinds.
Result<> check_applicant(const json::object& applicants, const OrganisationRow& org) {
  const std::vector<std::string> levels = strings_from_json(array_or_empty(applicants, "levels"));
  if (!levels.empty() && std::find(levels.begin(), levels.end(), org.level) == levels.end())
    return rejection("application.level", "Expected an organisation of a level that applies to this programme, but '" + org.id + "' is of level '" + org.level + "'",
                          "该项目类别不接受“" + org.name + "”这一级单位申报", "/org", levels);
  const std::vector<std::string> kinds = strings_from_json(array_or_empty(applicants, "kinds"));
  const std::string kind = string_or(org.data, "kind");
  if (kinds.empty() || std::find(kinds.begin(), kinds.end(), kind) != kinds.end()) return {};
  return rejection("application.kind",
                        kind.empty() ? "Expected an organisation whose kind is entered; have an administrator enter that of '" + org.id + "'"
                                     : "Expected an organisation of a kind that applies to this programme, but '" + org.id + "' is of kind '" + kind + "'",
                        kind.empty() ? "“" + org.name + "”尚未登记单位类型，请联系管理员登记后再申报" : "该项目类别不接受“" + org.name + "”这一类单位申报", "/org", kinds);
}

/// Who leads it beside the applicant: [{"org", "name"}].
Result<json::array> co_leads_of(const json::object& applicants, const Command& command, const std::string& org, const FindOrganisation& find) {
  const std::vector<std::string> given = strings_from_json(array_or_empty(command.data, "co_leads"));
  const std::int64_t max = int_or(applicants, "co_leads", 0);
  if (given.size() > static_cast<std::size_t>(max))
    return rejection("application.co_leads", "Expected at most " + std::to_string(max) + " units that lead it beside the applicant, but found " + std::to_string(given.size()),
                          "该项目类别最多允许" + std::to_string(max) + "个共同牵头单位", "/co_leads");
  json::array out;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const std::optional<OrganisationRow> row = find(given[i]);
    if (!row) return unknown("organisation.unknown", "organisation", given[i]);
    if (given[i] == org || std::find(given.begin(), given.begin() + static_cast<std::ptrdiff_t>(i), given[i]) != given.begin() + static_cast<std::ptrdiff_t>(i))
      return rejection("application.co_leads", "Expected each leading unit once, but '" + given[i] + "' comes twice", "牵头单位重复", "/co_leads/" + std::to_string(i));
    if (Result<> applies = check_applicant(applicants, *row); !applies) return applies.error();
    out.push_back(json::object{{"org", row->id}, {"name", row->name}});
  }
  return out;
}

Result<NewSession> new_session(const Runtime& runtime, View& view, const Command& command, const Definition& definition, Instant now) {
  const std::string round = string_or(command.data, "round");
  const std::vector<std::string> rounds = strings_from_json(array_or_empty(definition.manifest, "rounds"));
  // A round that only the manifest names is always open.
  if (!is_round_session(round) && std::find(rounds.begin(), rounds.end(), round) == rounds.end())
    return rejection("application.round", "Expected a round of the programme, but found '" + round + "'",
                          "该批次不存在或未开放", "/round", rounds);
  const std::string title = string_or(command.data, "title");
  if (title.empty() || title.size() > 240 || !is_utf8(title))
    return Error{.kind = ErrorKind::invalid,
                 .code = "form.required",
                 .message = "Expected a title of at most 240 bytes",
                 .place = "/title",
                 .message_zh = "请填写项目名称（不超过60字）"};
  std::string org = string_or(command.data, "org");
  if (org.empty())
    for (const Membership& held : command.actor.memberships)
      if (held.role == "applicant" && org.empty()) org = held.org;
  if (org.empty() || !command.actor.has("applicant", org))
    return Error{.kind = ErrorKind::forbidden,
                 .code = "application.org",
                 .message = "Expected an applicant of organisation '" + org + "'",
                 .message_zh = "您不是该单位的申报人"};
  const FindOrganisation find = [&](std::string_view id) { return view.organisation(id); };
  const std::vector<OrganisationRow> chain = chain_of(find, org);
  if (chain.empty()) return unknown("organisation.unknown", "organisation", org);
  const json::object& applicants = object_or_empty(definition.manifest, "applicants");
  if (Result<> applies = check_applicant(applicants, chain.front()); !applies) return applies.error();
  Result<json::array> co_leads = co_leads_of(applicants, command, org, find);
  if (!co_leads) return co_leads.error();
  const Recommendation recommendation = recommendation_of(chain, string_or(object_or_empty(definition.manifest, "recommendation"), "level"), runtime.recommenders, find);
  NewSession out;
  out.row = {.id = string_or(command.data, "id"),
             .kind = "application",
             .programme = definition.programme,
             .round = round,
             .title = title,
             .org = org,
             .org_name = chain.front().name,
             .applicant = command.actor.user_id,
             .definition = definition.digest,
             .status = "running",
             .created = now,
             .updated = now};
  for (const OrganisationRow& row : chain) out.row.orgs.push_back(row.id);
  // Who recommends reads it, wherever it stands in the tree.
  for (const std::string& office : recommendation.offices)
    if (std::find(out.row.orgs.begin(), out.row.orgs.end(), office) == out.row.orgs.end()) out.row.orgs.push_back(office);
  json::object orgs = orgs_by_level(chain);
  if (!recommendation.offices.empty()) orgs["recommender"] = recommendation.offices.back();
  out.facts = {{"id", out.row.id},
               {"title", title},
               {"programme", definition.programme},
               {"round", round},
               {"org", org},
               {"org_name", chain.front().name},
               {"applicant", command.actor.user_id},
               {"orgs", std::move(orgs)},
               {"documents", json::array{}}};
  if (!co_leads->empty()) out.facts["co_leads"] = std::move(*co_leads);
  if (!recommendation.offices.empty())
    out.facts["recommendation"] = json::object{{"offices", to_json(recommendation.offices)}, {"rule", recommendation.rule}, {"zh", recommendation.zh}, {"en", recommendation.en}};
  if (!is_round_session(round)) return out;
  Result<RoundEntry> entry = enter_round(view, round, definition.programme, out.row.orgs, now);
  if (!entry) return entry.error();
  if (entry->planned > 0) out.facts["planned"] = entry->planned;
  out.round = std::move(entry->round);
  return out;
}

Result<bool> send_user_event(SessionRun& run, const Command& command, const scxml::Chart& chart,
                             const std::vector<std::string>& configuration, const std::string& recommender) {
  const std::string name = string_or(command.data, "event");
  Error refused{.kind = ErrorKind::rejected,
                .code = "event.unknown",
                .message = "Expected an event that can be sent now, but found '" + name + "'",
                .place = "/event",
                .message_zh = "当前状态不接受该操作"};
  for (const std::string& event : scxml::events_of(chart, configuration))
    if (may_send(command.actor, run.row(), recommender, event)) refused.allowed.push_back(event);
  if (std::find(refused.allowed.begin(), refused.allowed.end(), name) == refused.allowed.end()) return refused;
  const json::value* data = command.data.if_contains("data");
  const Result<bool> taken = run.event({.name = name, .data = data == nullptr ? json::value() : *data});
  if (taken && !*taken) {
    refused.code = "event.refused";
    refused.message = "Expected '" + name + "' to be possible now, but its condition does not hold";
    return refused;
  }
  return taken;
}

/// Which session and stage a command is about, and whether the caller's version is current.
struct Target {
  SessionRow session;
  std::string invoke_id;
  std::optional<TaskRow> task;
};

Result<Target> find_target(View& view, const Command& command) {
  Target out;
  std::string session_id = command.session_id;
  if (!command.task_id.empty()) {
    out.task = view.task(command.task_id);
    if (!out.task) return unknown("task.unknown", "task", command.task_id);
    if (command.if_revision && *command.if_revision != out.task->revision && !CHUYI_MUTANT("revision_not_checked"))
      return outdated(*command.if_revision, out.task->revision);
    session_id = out.task->session_id;
    out.invoke_id = out.task->invoke_id;
  } else if (command.kind == "objection.file") {
    const std::string id = string_or(command.data, "notice");
    const std::optional<NoticeRow> notice = view.notice(id);
    if (!notice) return unknown("notice.unknown", "notice", id);
    if (notice->status != "open")
      return Error{.kind = ErrorKind::rejected,
                   .code = "objection.late",
                   .message = "Expected an open notice, but it is " + notice->status,
                   .message_zh = "公示已结束，不再受理异议"};
    session_id = notice->session_id;
    out.invoke_id = notice->invoke_id;
  }
  const std::optional<SessionRow> session = view.session(session_id);
  if (!session) return unknown("application.unknown", "application", session_id);
  if (command.task_id.empty() && command.if_revision && *command.if_revision != session->revision)
    return outdated(*command.if_revision, session->revision);
  out.session = *session;
  return out;
}

json::object journal_record(const Command& command, const SessionRun& run, const JournalView& reads, Instant now) {
  json::object record{{"kind", command.kind},
                      {"session", run.row().id},
                      {"actor", json::object{{"id", command.actor.user_id},
                                             {"name", command.actor.name},
                                             {"memberships", to_json(command.actor.memberships)}}},
                      {"at", to_ms(now)},
                      {"definition", run.row().definition},
                      {"data", command.data},
                      {"reads", reads.reads()}};
  if (!command.task_id.empty()) record["task"] = command.task_id;
  for (auto& member : run.trace()) record[member.key()] = member.value();
  return record;
}

json::object summary_of(const SessionRow& row) {
  return {{"id", row.id},
          {"status", row.status},
          {"stage", row.stage},
          {"state", row.state},
          {"revision", static_cast<std::int64_t>(row.revision)}};
}

/// Fills in what only the finished run knows: journal, reply.
Result<Change> complete(SessionRun& run, const Command& command, const JournalView& reads, Instant now, json::object reply,
                const Target& target) {
  json::object record = journal_record(command, run, reads, now);
  if (!target.invoke_id.empty()) record["invoke"] = target.invoke_id;
  if (target.task) record["task_kind"] = target.task->kind;
  Change change;
  if (Result<> finished = run.finish(change); !finished) return finished.error();
  record["revision"] = static_cast<std::int64_t>(change.session->revision);
  record["stage"] = change.session->stage;
  record["state"] = change.session->state;
  record["document"] = sha256_hex(change.session->document);
  change.audit = std::move(record);
  json::object body;
  body[change.session->kind == kRoundKind ? "round" : "application"] = summary_of(*change.session);
  for (const TaskRow& task : change.tasks)
    if (task.id == command.task_id) {
      body["task"] = to_json(task);
      change.reply.revision = task.revision;
    }
  if (command.task_id.empty()) change.reply.revision = change.session->revision;
  for (auto& member : reply) body[member.key()] = member.value();
  change.reply.body = std::move(body);
  change.reply.status = command.kind == "application.create" || command.kind == "round.create" || command.kind == "document.add" ||
                                command.kind == "objection.file"
                            ? 201
                            : 200;
  return change;
}

/// Who has the key may send an event that the chart lets in.
Result<> check_message(const Command& command, const SessionDocument& document, const SessionRow& row, const scxml::Chart& chart, JournalView& reads) {
  const Error refused{.kind = ErrorKind::not_found,
                      .code = "http_event.unknown",
                      .message = "Expected the location of a running session and an event that it takes",
                      .message_zh = "地址无效，或该流程不接受此事件"};
  // Digests, so that the time of the comparison tells nothing.
  const bool known = sha256_hex(string_or(command.data, "key")) == sha256_hex(http_key(reads.http_secret(), row.id));
  if (document.http_base.empty() || reads.http_secret().empty() || !known || row.status != "running") return refused;
  if (string_or(command.data, "event").starts_with("round.")) return refused;  // the round's alone to say
  const std::vector<std::string>& descriptors = scxml::http_events_of(chart);
  const std::string name = string_or(command.data, "event");
  const bool taken = row.kind == "session" ||
                     std::any_of(descriptors.begin(), descriptors.end(), [&](const std::string& each) { return scxml::matches(each, name); });
  return taken ? Result<>{} : refused;
}

/// Where messages from outside reach a new session; empty: nowhere.
std::string http_of(const Runtime& runtime, const SessionRow& row, const scxml::Chart& chart) {
  return row.kind != "session" && scxml::http_events_of(chart).empty() ? std::string{} : runtime.http_base;
}

/// A session of its own definition with `data` as its data: no application.
Result<Change> decide_start(const Runtime& runtime, View& view, const Command& command, Instant now) {
  const std::string id = string_or(command.data, "id");
  const DefinitionPtr definition = runtime.definitions.by_digest(string_or(command.data, "definition"));
  if (!definition) return unknown("definition.unknown", "definition", string_or(command.data, "definition"));
  if (view.session(id)) return Error{.kind = ErrorKind::rejected, .code = "session.exists", .message = "Expected a new session id"};
  SessionRow row{.id = id, .kind = "session", .programme = definition->programme, .definition = definition->digest, .status = "running", .created = now, .updated = now};
  Command journalled = command;
  journalled.data["http"] = http_of(runtime, row, *definition->chart);
  JournalView reads(view, runtime.calendar);
  SessionRun run(runtime.registry, definition, row, SessionDocument{}, now, reads, runtime.one_macrostep);
  const Result<json::object> begun = run_command(run, journalled);
  if (!begun) return begun.error();
  return complete(run, journalled, reads, now, {{"id", id}}, Target{});
}

void keep_definition(View& view, const Definition& definition, Change& change) {
  if (view.definition(definition.digest)) return;
  change.definitions.push_back(DefinitionRow{.digest = definition.digest, .programme = definition.programme, .version = definition.version, .files = definition.files});
}

Result<Change> decide_create(const Runtime& runtime, View& view, const Command& command, Instant now) {
  const std::string programme = string_or(command.data, "programme");
  const DefinitionPtr definition = runtime.definitions.current(programme);
  if (!definition) {
    std::vector<std::string> known;
    for (const DefinitionPtr& each : runtime.definitions.current()) known.push_back(each->programme);
    return rejection("programme.unknown", "Expected a programme, but found '" + programme + "'",
                          "未找到该项目类别", "/programme", std::move(known));
  }
  if (string_or(definition->manifest, "kind") == kRoundKind)
    return rejection("programme.round", "Expected a programme, but '" + programme + "' is a package of rounds",
            "这是批次的程序包，不接受申报", "/programme");
  const Result<json::object> plugins = setting_object(view.setting(kPluginsSetting), kPluginsSetting);
  if (!plugins) return plugins.error();
  if (bool_or(object_or_empty(*plugins, programme), "disabled", false))
    return rejection("programme.disabled", "Expected a programme that takes new applications; '" + programme + "' was disabled by an administrator",
                          "该项目类别已停止接受新申报", "/programme");
  const Result<NewSession> fresh = new_session(runtime, view, command, *definition, now);
  if (!fresh) return fresh.error();
  JournalView reads(view, runtime.calendar);
  SessionRun run(runtime.registry, definition, fresh->row, SessionDocument{}, now, reads);
  Command journalled = command;
  journalled.data["facts"] = fresh->facts;
  // A later release may show charts more: a replay sees what was seen.
  journalled.data["programme_data"] = chart_programme(*definition);
  if (!fresh->round.empty()) journalled.data["round_data"] = fresh->round;
  if (std::string http = http_of(runtime, fresh->row, *definition->chart); !http.empty()) journalled.data["http"] = std::move(http);
  if (const Result<json::object> begun = run_command(run, journalled); !begun) return begun.error();
  Result<Change> change = complete(run, journalled, reads, now, {{"id", fresh->row.id}}, Target{});
  if (change) keep_definition(view, *definition, *change);
  return change;
}

/// The package of rounds that new ones start on.
Result<DefinitionPtr> round_package(const Runtime& runtime, View& view) {
  const Result<json::object> plugins = setting_object(view.setting(kPluginsSetting), kPluginsSetting);
  if (!plugins) return plugins.error();
  for (const DefinitionPtr& each : runtime.definitions.current())
    if (string_or(each->manifest, "kind") == kRoundKind && !bool_or(object_or_empty(*plugins, each->programme), "disabled", false)) return each;
  return Error{.kind = ErrorKind::rejected, .code = "round.package", .message = "Expected an enabled package of kind \"round\" in this installation",
          .message_zh = "本系统未安装或已停用批次程序包"};
}

Result<Change> decide_round(const Runtime& runtime, View& view, const Command& command, Instant now) {
  const Result<DefinitionPtr> definition = round_package(runtime, view);
  if (!definition) return definition.error();
  Result<NewRound> fresh = new_round(runtime, view, command, **definition, now);
  if (!fresh) return fresh.error();
  JournalView reads(view, runtime.calendar);
  SessionRun run(runtime.registry, *definition, fresh->row, SessionDocument{}, now, reads);
  Command journalled = command;
  journalled.data["facts"] = fresh->facts;
  journalled.data["round_data"] = fresh->round;
  journalled.data["programme_data"] = chart_programme(**definition);
  if (const Result<json::object> begun = run_command(run, journalled); !begun) return begun.error();
  Result<Change> change = complete(run, journalled, reads, now, {{"id", fresh->row.id}}, Target{});
  if (!change) return change;
  keep_definition(view, **definition, *change);
  change->records.push_back(std::move(fresh->record));
  return change;
}

/// The event of a round that the command has become; the chart must take it where it stands.
Result<json::object> send_round_event(SessionRun& run, const Command& command) {
  const Result<bool> taken = run.event(event_of(command.data));
  if (!taken) return taken.error();
  if (*taken) return json::object{};
  return Error{.kind = ErrorKind::rejected,
               .code = "round.state",
               .message = "Expected a round in which this can be done now, but it is in state '" + run.row().state + "'",
               .message_zh = "批次当前状态不能进行该操作"};
}

}  // namespace

bool is_session_command(const Command& command) {
  static constexpr std::array kPrefixes = {"application.", "task.", "document.", "objection.", "timer.", "session.", "round."};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [&](const char* prefix) { return command.kind.starts_with(prefix); });
}

Result<json::object> run_command(SessionRun& run, const Command& command) {
  if (command.kind == "timer.fire") {
    if (Result<> fired = run.timer(string_or(command.data, "timer"), object_or_empty(command.data, "event")); !fired)
      return fired.error();
    return json::object{};
  }
  if (command.kind == "session.deliver" || command.kind == "session.http" || command.kind == "application.event" || command.kind == "round.extend" || command.kind == "round.decide") {
    const Result<bool> taken = run.event(event_of(command.data), string_or(command.data, "to"));
    if (!taken) return taken.error();
    return json::object{};
  }
  if (command.kind == "session.answer") {
    if (Result<> answered = run.answer(command.data); !answered) return answered.error();
    return json::object{};
  }
  if (command.kind == "session.continue") {
    if (Result<> resumed = run.resume(); !resumed) return resumed.error();
    return json::object{};
  }
  if (command.kind == "application.create" || command.kind == "round.create" || command.kind == "session.start") {
    run.set_http(string_or(command.data, "http"));
    const char* given = command.kind == "session.start" ? "data" : "facts";
    json::object programme = object_or_empty(command.data, "programme_data");
    if (programme.empty()) programme = first_chart_programme(run.definition());
    if (Result<> begun = run.begin(object_or_empty(command.data, given), std::move(programme), object_or_empty(command.data, "round_data")); !begun) return begun.error();
    return json::object{};
  }
  StageCommand stage{.task_id = command.task_id, .actor = command.actor, .data = command.data};
  const bool document = command.kind.starts_with("document.");
  stage.name = document ? command.kind : command.kind == "objection.file" ? "object" : command.kind.substr(5);
  return run.command(string_or(command.data, "invoke"), stage);
}

Command command_of_record(const json::object& record) {
  const json::object& actor = object_or_empty(record, "actor");
  return {.kind = string_or(record, "kind"),
          .session_id = string_or(record, "session"),
          .task_id = string_or(record, "task"),
          .actor = {.user_id = string_or(actor, "id"),
                    .name = string_or(actor, "name"),
                    .memberships = memberships_from_json(array_or_empty(actor, "memberships"))},
          .data = object_or_empty(record, "data"),
          .if_revision = {},
          .key = {}};
}

Result<Change> decide_session(const Runtime& runtime, View& view, const Command& command, Instant now) {
  if (command.kind == "application.create") return decide_create(runtime, view, command, now);
  if (command.kind == "round.create") return decide_round(runtime, view, command, now);
  if (command.kind == "session.start") return decide_start(runtime, view, command, now);
  if (is_migration(command)) return decide_migration(runtime, view, command, now);
  if (is_recall(command)) return decide_recall(runtime, view, command, now);
  Command resolved = command;
  if (command.kind == "timer.fire") {
    const std::optional<TimerRow> timer = view.timer(string_or(command.data, "timer"));
    if (!timer || timer->elsewhere) return Error{.kind = ErrorKind::rejected, .code = "timer.gone", .message = "Expected a timer that still runs, on this node"};
    // It may have been moved since it was read.
    if (timer->due > now && !CHUYI_MUTANT("timer_fired_early"))
      return Error{.kind = ErrorKind::rejected, .code = "timer.early", .message = "Expected a timer that is due"};
    resolved.data["event"] = timer->event;
  }
  const std::string outbox = string_or(command.data, "outbox");
  if (!outbox.empty()) {
    const std::optional<OutboxRow> entry = view.outbox(outbox);
    if ((!entry || entry->elsewhere) && !CHUYI_MUTANT("outbox_entry_taken_twice"))
      return Error{.kind = ErrorKind::rejected, .code = "outbox.gone", .message = "Expected an entry not yet delivered, on this node"};
  }
  const Result<Target> target = find_target(view, command);
  if (!target) return target.error();
  if (!command.checked_on.empty() && command.checked_on != target->session.definition)
    return Error{.kind = ErrorKind::precondition,
                 .code = "precondition.failed",
                 .message = "Expected the version that the form was checked on, but the application has been migrated since; read it again",
                 .message_zh = "流程刚刚更新到新版本，请刷新后重试"};
  const DefinitionPtr definition = runtime.definitions.by_digest(target->session.definition);
  if (!definition)
    return Error{.kind = ErrorKind::unavailable,
                 .code = "definition.unknown",
                 .message = "Expected definition " + target->session.definition + " to be loaded"};
  Result<SessionDocument> document = decode_document(*definition, target->session.document);
  if (!document) return document.error();
  if (!target->invoke_id.empty()) resolved.data["invoke"] = target->invoke_id;
  // The journal names both.
  if (const std::string principal = string_or(command.data, "on_behalf_of"); !principal.empty())
    if (const std::optional<UserRow> user = view.user(principal)) resolved.data["on_behalf_of_name"] = user->name;
  std::vector<RecordRow> records;
  std::vector<std::pair<std::string, std::int64_t>> series;
  if (command.kind == "task.complete") {
    if (target->task)
      if (Result<> in_time = check_submission(view, *target->task, target->session, *document, now); !in_time) return in_time.error();
  } else if (command.kind.starts_with("round.")) {
    Result<RoundEvent> event = round_event(runtime, view, command, target->session, now);
    if (!event) return event.error();
    resolved.data = std::move(event->data);
    records = std::move(event->records);
    series = std::move(event->series);
  }
  JournalView reads(view, runtime.calendar);
  if (command.kind == "session.http") {
    if (Result<> allowed = check_message(command, *document, target->session, *definition->chart, reads); !allowed) return allowed.error();
    resolved.data.erase("key");
  }
  const std::vector<std::string> configuration = document->chart.configuration;
  const std::string recommender = recommender_of(object_or_empty(document->chart.datamodel, "application"), definition->manifest);
  SessionRun run(runtime.registry, definition, target->session, std::move(*document), now, reads, runtime.one_macrostep);
  Result<json::object> reply;
  if (command.kind == "application.event") {
    const Result<bool> sent = send_user_event(run, command, *definition->chart, configuration, recommender);
    if (!sent) return sent.error();
    reply = json::object{};
  } else {
    reply = command.kind.starts_with("round.") ? send_round_event(run, resolved) : run_command(run, resolved);
  }
  if (!reply) return reply.error();
  Result<Change> change = complete(run, resolved, reads, now, std::move(*reply), *target);
  if (change && (command.kind == "task.complete" || command.kind == "task.return"))
    if (Result<> kept = check_return(view, command, *change, now); !kept) return kept.error();
  if (change) change->records.insert(change->records.end(), records.begin(), records.end());
  if (change) change->series.insert(change->series.end(), series.begin(), series.end());
  if (change && !outbox.empty()) change->outbox_removed.push_back(outbox);
  return change;
}

}  // namespace chuyi

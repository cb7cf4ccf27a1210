#include "engine/runtime/migration.h"

#include <algorithm>
#include <set>

#include "engine/base/digest.h"
#include "engine/invoke/rows_json.h"
#include "engine/runtime/fields.h"
#include "engine/runtime/session_run.h"
#include "engine/scxml/describe.h"

namespace chuyi {
namespace {

/// Setting that says which move can be undone: {"revision": the session's as long as nothing came after, "move"}.
std::string standing_setting(const std::string& session) { return "migration/" + session; }
/// Setting with what a session was before the move to this revision, and the move that can be undone then; 0: none.
std::string move_setting(const std::string& session, std::int64_t move) { return "migration/" + session + "/" + std::to_string(move); }

Result<json::object> read_setting(View& view, const std::string& name) {
  const std::string text = view.setting(name).value_or("");
  const Result<json::value> kept = parse_json(text.empty() ? "{}" : text, kStoredJson, "migration");
  if (!kept) return kept.error();
  return kept->as_object();
}

/// Of the application's own chart: stages of charts that it invokes have a path as key.
bool is_own(const std::string& stage) { return stage.find('/') == std::string::npos; }

/// Open tasks are signed on the forms of the new package.
void check_forms(const Definition& from, const Definition& to, const SessionDocument& document, MigratedSession& out) {
  std::set<std::string> forms;
  for (const auto& [id, stage] : document.stages) {
    const json::object& tasks = object_or_empty(stage.state, "tasks");
    for (const auto& member : tasks) {
      const json::object& task = object_or_empty(tasks, member.key());
      const std::string status = string_or(task, "status");
      if (status == "open" || status == "claimed") forms.insert(string_or(task, "form"));
    }
  }
  forms.erase("");
  for (const std::string& form : forms) {
    if (!to.compiled_forms.contains(form)) {
      out.obstacles.push_back({.place = "form " + form,
                               .code = "migrate.form",
                               .message = "Expected form '" + form + "' in the new package, because an open task is signed on it",
                               .message_zh = "新版本没有表单“" + form + "”，而未办结的待办需要它"});
    } else if (const json::value* before = from.forms.if_contains(form); before == nullptr || *before != to.forms.at(form)) {
      out.warnings.push_back({.place = "form " + form,
                              .code = "migrate.form_changed",
                              .message = "Form '" + form + "' of an open task has changed; it will be checked by the new one",
                              .message_zh = "未办结待办的表单“" + form + "”已变更，将按新表单校验"});
    }
  }
}

Result<DefinitionPtr> definition_of(const Runtime& runtime, const std::string& digest) {
  DefinitionPtr out = runtime.definitions.by_digest(digest);
  if (!out)
    return Error{.kind = ErrorKind::not_found,
                 .code = "definition.unknown",
                 .message = "Expected a known definition, but found '" + digest + "'",
                 .message_zh = "未找到该版本"};
  return out;
}

Result<> check_revision(const Command& command, const SessionRow& row) {
  if (!command.if_revision || *command.if_revision == row.revision) return {};
  return Error{.kind = ErrorKind::precondition,
               .code = "precondition.failed",
               .message = "Expected revision " + std::to_string(*command.if_revision) + ", but somebody has acted since and it is " + std::to_string(row.revision),
               .message_zh = "内容已被他人更新，请刷新后重试"};
}

/// What every migration leaves in the journal.
Change finish(const Command& command, const SessionRow& before, SessionRow row, Instant now) {
  row.updated = now;
  row.revision = before.revision + 1;
  Change change;
  change.audit = {{"kind", command.kind},
                  {"session", row.id},
                  {"actor", json::object{{"id", command.actor.user_id}, {"name", command.actor.name}, {"memberships", to_json(command.actor.memberships)}}},
                  {"at", to_ms(now)},
                  {"definition", row.definition},
                  {"data", command.data},
                  {"former", json::object{{"definition", before.definition}, {"state", before.state}, {"document", sha256_hex(before.document)}}},
                  {"revision", static_cast<std::int64_t>(row.revision)},
                  {"stage", row.stage},
                  {"state", row.state},
                  {"document", sha256_hex(row.document)}};
  change.reply = {.body = json::object{{"id", row.id}, {"state", row.state}, {"definition", row.definition}}, .revision = row.revision};
  change.session = std::move(row);
  return change;
}

Result<Change> decide_move(const Runtime& runtime, View& view, const Command& command, const SessionRow& row, Instant now) {
  const Result<DefinitionPtr> from = definition_of(runtime, row.definition);
  if (!from) return from.error();
  const Result<DefinitionPtr> to = definition_of(runtime, string_or(command.data, "to"));
  if (!to) return to.error();
  if (row.definition != string_or(command.data, "from"))
    return rejection("migrate.definition", "Expected an application on " + string_or(command.data, "from") + ", but it is on " + row.definition,
                   "该申报不在要迁移的版本上");
  if (row.status != "running") return rejection("migrate.ended", "Expected an application that runs, but it has ended", "该申报已经结束");
  const Result<SessionDocument> document = decode_document(**from, row.document);
  if (!document) return document.error();
  MigratedSession moved =
      migrate_session(**from, **to, state_map_from_json(object_or_empty(command.data, "map")), row, *document, now, object_or_empty(command.data, "model"));
  std::vector<TimerRow> timers;
  for (const std::string& id : document->timers)
    if (std::optional<TimerRow> timer = view.timer(id)) timers.push_back(std::move(*timer));
  for (Detail& each : timer_obstacles(**from, **to, timers)) moved.obstacles.push_back(std::move(each));
  if (!moved.obstacles.empty()) {
    Error error = rejection("migrate.obstacle", moved.obstacles.front().message, moved.obstacles.front().message_zh);
    error.details = std::move(moved.obstacles);
    return error;
  }
  Change change = finish(command, row, std::move(moved.row), now);
  const Result<json::object> standing = read_setting(view, standing_setting(row.id));
  if (!standing) return standing.error();
  const bool follows = int_or(*standing, "revision", 0) == static_cast<std::int64_t>(row.revision);
  const auto move = static_cast<std::int64_t>(change.session->revision);
  change.settings.emplace_back(move_setting(row.id, move), canonical_json(json::object{{"migration", string_or(command.data, "migration")},
                                                                                        {"definition", row.definition},
                                                                                        {"document", row.document},
                                                                                        {"stage", row.stage},
                                                                                        {"state", row.state},
                                                                                        {"earlier", follows ? int_or(*standing, "move", 0) : 0}}));
  change.settings.emplace_back(standing_setting(row.id), canonical_json(json::object{{"revision", move}, {"move", move}}));
  if (!view.definition((*to)->digest))
    change.definitions.push_back(
        DefinitionRow{.digest = (*to)->digest, .programme = (*to)->programme, .version = (*to)->version, .files = (*to)->files});
  return change;
}

Result<Change> decide_undo(View& view, const Command& command, const SessionRow& row, Instant now) {
  const Result<json::object> standing = read_setting(view, standing_setting(row.id));
  if (!standing) return standing.error();
  const std::int64_t move = int_or(*standing, "move", 0);
  const Result<json::object> kept = read_setting(view, move_setting(row.id, move));
  if (!kept) return kept.error();
  const json::object& former = *kept;
  const std::string migration = string_or(command.data, "migration");
  if (string_or(former, "migration") != migration || int_or(*standing, "revision", 0) != static_cast<std::int64_t>(row.revision))
    return rejection("migrate.acted", "Expected an application on which nobody has acted since migration '" + migration + "'",
                   "迁移之后该申报已有新的办理，不能撤销");
  SessionRow back = row;
  back.definition = string_or(former, "definition");
  back.document = string_or(former, "document");
  back.stage = string_or(former, "stage");
  back.state = string_or(former, "state");
  Change change = finish(command, row, std::move(back), now);
  // It is again as the move before has left it, so that one can be undone now.
  const std::int64_t earlier = int_or(former, "earlier", 0);
  const json::object again{{"revision", static_cast<std::int64_t>(change.session->revision)}, {"move", earlier}};
  change.settings.emplace_back(move_setting(row.id, move), "");
  change.settings.emplace_back(standing_setting(row.id), earlier == 0 ? "" : canonical_json(again));
  return change;
}

}  // namespace

std::vector<std::string> finished_invokes(const SessionDocument& document, std::string_view session) {
  std::vector<std::string> out;
  for (const auto& [id, stage] : document.stages)
    if (stage.finished && is_own(id)) out.push_back(id);
  for (const auto& [id, child] : document.children)
    if (child.finished && child.parent == session) out.push_back(child.invoke_id);
  return out;
}

MigratedSession migrate_session(const Definition& from, const Definition& to, const scxml::StateMap& map, const SessionRow& row,
                                const SessionDocument& document, Instant now, const json::object& model) {
  SessionDocument next = document;
  // The facts are the engine's own, whatever a package says.
  for (const auto& member : model)
    if (member.key() != "application" && member.key() != "programme" && member.key() != "round") next.chart.datamodel[member.key()] = member.value();
  // What a chart sees of its programme is the new package's, as what handlers see.
  json::value* programme = next.chart.datamodel.if_contains("programme");
  const bool untouched = programme != nullptr && (*programme == json::value(chart_programme(from)) || *programme == json::value(first_chart_programme(from)));
  if (untouched) *programme = chart_programme(to);
  scxml::Moved moved =
      scxml::migrate(*from.chart, *to.chart, map, std::move(next.chart), finished_invokes(document, row.id), {.session_id = row.id, .now = now});
  MigratedSession out{.row = row, .obstacles = std::move(moved.obstacles), .warnings = std::move(moved.warnings)};
  check_forms(from, to, document, out);
  if (!document.queue.empty())
    out.obstacles.push_back({.place = row.id, .code = "migrate.queue", .message = "Expected a session whose events have all been taken", .message_zh = "仍有未处理的事件"});
  if (!out.obstacles.empty()) return out;
  next.chart = std::move(moved.next);
  for (auto& [id, stage] : next.stages)
    for (const scxml::Invocation& each : next.chart.invocations)
      if (each.invoke_id == id) stage.chart_state = each.state;
  std::erase_if(next.stages, [&](const auto& each) {
    return each.second.finished && is_own(each.first) && std::none_of(next.chart.invocations.begin(), next.chart.invocations.end(),
                                                [&](const scxml::Invocation& one) { return one.invoke_id == each.first; });
  });
  out.row.definition = to.digest;
  out.row.document = encode(next);
  out.row.state = next.chart.configuration.back();
  out.row.stage = scxml::stage_of(*to.chart, out.row.state);
  // What could not be read again must not be written.
  if (const Result<SessionDocument> read = decode_document(to, out.row.document); !read)
    out.obstacles.push_back({.place = row.id, .code = read.error().code, .message = read.error().message, .message_zh = "迁移后的状态不合法"});
  return out;
}

std::vector<TimerRow> own_sends(std::vector<TimerRow> timers) {
  std::erase_if(timers, [](const TimerRow& each) {
    const std::string target = string_or(each.event, "target");
    const bool elsewhere = each.event.contains("from") || each.event.contains("type");  // of an invoked chart, by another processor
    return string_or(each.event, "kind") != "send" || elsewhere || (!target.empty() && target != "#_scxml_" + each.session_id);
  });
  return timers;
}

std::vector<Detail> timer_obstacles(const Definition& from, const Definition& to, const std::vector<TimerRow>& timers) {
  std::vector<Detail> out;
  for (const TimerRow& timer : own_sends(timers)) {
    const std::string event = string_or(timer.event, "event");
    if (!scxml::hears(*from.chart, event) || scxml::hears(*to.chart, event)) continue;
    out.push_back({.place = timer.id,
                   .code = "migrate.timer",
                   .message = "Expected a transition of the new workflow for '" + event + "', which a running timer will send",
                   .message_zh = "正在运行的定时器将发出“" + event + "”，而新流程没有迁移处理它"});
  }
  return out;
}

scxml::StateMap state_map_from_json(const json::object& map) {
  scxml::StateMap out;
  for (const auto& member : map) out[member.key()] = string_or(map, member.key());
  return out;
}

json::object to_json(const scxml::StateMap& map) {
  json::object out;
  for (const auto& [old, target] : map) out[old] = target;
  return out;
}

bool is_migration(const Command& command) { return command.kind == "session.migrate" || command.kind == "session.unmigrate"; }

Result<Change> decide_migration(const Runtime& runtime, View& view, const Command& command, Instant now) {
  const std::optional<SessionRow> row = view.session(command.session_id);
  if (!row)
    return Error{.kind = ErrorKind::not_found,
                 .code = "application.unknown",
                 .message = "Expected a known application, but found '" + command.session_id + "'",
                 .message_zh = "未找到"};
  if (Result<> current = check_revision(command, *row); !current) return current.error();
  return command.kind == "session.migrate" ? decide_move(runtime, view, command, *row, now) : decide_undo(view, command, *row, now);
}

Result<json::array> migrations_from_setting(const std::optional<std::string>& setting) {
  const Result<json::value> list = parse_json(setting.value_or("[]"), kStoredJson, "migrations");
  if (!list) return list.error();
  return list->is_array() ? list->get_array() : json::array{};
}

Result<Change> decide_migration_list(View& view, const Command& command, Instant now) {
  Result<json::array> list = migrations_from_setting(view.setting(kMigrationsSetting));
  if (!list) return list.error();
  Change change;
  const json::object stamp{{"at", to_ms(now)}, {"by", command.actor.user_id}};
  if (command.kind == "migration.undo") {
    for (json::value& each : *list) {
      if (string_or(each.as_object(), "id") != string_or(command.data, "migration")) continue;
      each.as_object()["undone"] = stamp;
      change.settings.emplace_back(kMigrationsSetting, canonical_json(json::value(*list)));
      return change;
    }
    return Error{.kind = ErrorKind::not_found,
                 .code = "migration.unknown",
                 .message = "Expected a known migration, but found '" + string_or(command.data, "migration") + "'",
                 .message_zh = "未找到该迁移"};
  }
  const auto same = [&](const json::object& entry) {
    return !entry.contains("undone") && string_or(entry, "from") == string_or(command.data, "from") &&
           string_or(entry, "to") == string_or(command.data, "to") && object_or_empty(entry, "map") == object_or_empty(command.data, "map");
  };
  std::string id;
  for (const json::value& each : *list)
    if (same(each.as_object())) id = string_or(each.as_object(), "id");
  if (id.empty()) {
    id = "m-" + std::to_string(list->size() + 1);
    json::object entry = command.data;
    entry["id"] = id;
    for (const auto& member : stamp) entry[member.key()] = member.value();
    list->push_back(std::move(entry));
    change.settings.emplace_back(kMigrationsSetting, canonical_json(json::value(*list)));
  }
  change.reply.body = json::object{{"migration", id}};
  return change;
}

}  // namespace chuyi

#include "engine/runtime/system_commands.h"

#include <algorithm>
#include <cstdlib>

#include "engine/invoke/rows_json.h"
#include "engine/runtime/delegation.h"
#include "engine/runtime/fields.h"
#include "engine/runtime/imports.h"
#include "engine/runtime/journal_view.h"
#include "engine/runtime/migration.h"
#include "engine/runtime/notes.h"
#include "engine/runtime/people.h"

namespace chuyi {
namespace {

FindOrganisation organisations_of(View& view) {
  return [&view](std::string_view id) { return view.organisation(id); };
}

Result<Change> put_organisation(View& view, const Command& command, Instant now) {
  Result<OrganisationRow> row = organisation_of(command.data, view.organisation(string_or(command.data, "id")), organisations_of(view), now);
  if (!row) return row.error();
  Change change;
  change.reply = {.status = 201, .body = json::object{{"id", row->id}}};
  change.organisations.push_back(std::move(*row));
  return change;
}

Result<Change> put_user(View& view, const Command& command) {
  const std::optional<UserRow> old = view.user(string_or(command.data, "id"));
  Result<UserRow> row = user_of(command.data, old, organisations_of(view));
  if (!row) return row.error();
  if (std::string hash = string_or(command.data, "password_hash"); !hash.empty()) row->password = std::move(hash);
  if (row->password.empty())
    return invalid_field("user.password", "/password", "Expected a password for a new user", "请设置密码");
  Change change;
  // New rights, a new password or a closed account act at once.
  if (old) change.logins_removed_of.push_back(row->id);
  change.reply = {.status = 201,
                  .body = json::object{{"id", row->id}, {"name", row->name}, {"memberships", to_json(row->memberships)}}};
  change.users.push_back(std::move(*row));
  return change;
}

Result<Change> import_rows(View& view, const Command& command, Instant now) {
  const ImportLookup known{.organisation = organisations_of(view),
                           .user = [&](std::string_view id) { return view.user(id); },
                           .expert = [&](std::string_view id) { return view.record(kExpert, id); }};
  ImportPlan plan = plan_import(command.data, known, now);
  if (!plan.problems.empty())
    return Error{.kind = ErrorKind::invalid, .code = "import.rows", .message = "Expected rows without problems", .message_zh = "导入内容有误，未导入任何一行", .details = std::move(plan.problems)};
  Change change;
  for (const UserRow& row : plan.users) change.logins_removed_of.push_back(row.id);
  change.organisations = std::move(plan.organisations);
  change.users = std::move(plan.users);
  change.records = std::move(plan.experts);
  change.reply.body = json::object{{"changes", std::move(plan.changes)}};
  return change;
}

Result<Change> set_password(View& view, const Command& command, Instant now) {
  std::optional<UserRow> row = view.user(string_or(command.data, "user"));
  if (!row || row->disabled || !takes_code(row->password, string_or(command.data, "token_digest"), now))
    return Error{.kind = ErrorKind::unauthenticated, .code = "login.code", .message = "Expected a known user and an unused code that still holds", .message_zh = "账号或一次性设置码有误，或已过期"};
  row->password = string_or(command.data, "password_hash");
  Change change;
  change.reply.status = 204;
  change.logins_removed_of.push_back(row->id);
  change.users.push_back(std::move(*row));
  return change;
}

Result<Change> login(View& view, const Command& command) {
  const std::string user = string_or(command.data, "user");
  const std::optional<UserRow> row = view.user(user);
  if (!row || row->disabled)
    return Error{.kind = ErrorKind::unauthenticated, .code = "login.failed", .message = "Expected a known user and password"};
  Change change;
  change.logins.push_back({.token_digest = string_or(command.data, "token_digest"),
                           .user_id = user,
                           .expires = from_ms(int_or(command.data, "expires", 0))});
  return change;
}

Result<Change> put_package(View& view, const Command& command) {
  (void)view.series(kPackagesSetting);  // held to the end: nodes that offer packages at the same time take turns
  Result<json::object> packages = setting_object(view.setting(kPackagesSetting), kPackagesSetting);
  if (!packages) return packages.error();
  DefinitionRow row{.digest = string_or(command.data, "digest"),
                    .programme = string_or(command.data, "programme"),
                    .version = string_or(command.data, "version"),
                    .files = object_or_empty(command.data, "files")};
  const json::object known = object_or_empty(*packages, row.programme);
  if (!known.empty() && !bool_or(command.data, "chosen", false) && !is_newer_version(row.version, string_or(known, "version")))
    return Error{.kind = ErrorKind::rejected, .code = "package.older", .message = "Expected a newer version of the programme than that of other nodes"};
  (*packages)[row.programme] = json::object{{"digest", row.digest}, {"version", row.version}};
  Change change;
  change.settings.emplace_back(kPackagesSetting, canonical_json(*packages));
  change.definitions.push_back(std::move(row));
  return change;
}

/// What is done about packages. Whether it may be done is known where the packages are.
Result<Change> change_plugin(View& view, const Command& command) {
  (void)view.series(kPluginsSetting);  // held to the end: nodes take turns
  const std::string programme = string_or(command.data, "programme");
  Result<json::object> plugins = setting_object(view.setting(kPluginsSetting), kPluginsSetting);
  if (!plugins) return plugins.error();
  json::object entry = object_or_empty(*plugins, programme);
  Change change;
  if (command.kind == "plugin.install") {
    entry["installed"] = json::object{{"version", string_or(command.data, "version")}, {"digest", string_or(command.data, "digest")}, {"key", string_or(command.data, "key")}};
  } else if (command.kind == "plugin.enable") {
    entry.erase("disabled");
  } else if (command.kind == "plugin.disable") {
    entry["disabled"] = true;
  } else {
    entry.clear();
    (void)view.series(kPackagesSetting);
    Result<json::object> packages = setting_object(view.setting(kPackagesSetting), kPackagesSetting);
    if (!packages) return packages.error();
    if (packages->contains(programme)) {
      // Its version stays, so that a node that was down does not bring the package back.
      packages->at(programme).as_object()["digest"] = "";
      change.settings.emplace_back(kPackagesSetting, canonical_json(*packages));
    }
  }
  if (entry.empty())
    plugins->erase(programme);
  else
    (*plugins)[programme] = std::move(entry);
  change.settings.emplace_back(kPluginsSetting, canonical_json(*plugins));
  return change;
}

Result<Change> change_trust(View& view, const Command& command) {
  (void)view.series(kTrustSetting);
  const std::string id = string_or(command.data, "id");
  Result<json::object> trust = setting_object(view.setting(kTrustSetting), kTrustSetting);
  if (!trust) return trust.error();
  Change change;
  if (command.kind == "trust.add") {
    if (!is_text(string_or(command.data, "name"))) return invalid_field("trust.name", "/name", "Expected a name: whose key it is", "请填写密钥所有者名称");
    (*trust)[id] = json::object{{"key", string_or(command.data, "key")}, {"name", string_or(command.data, "name")}};
  } else if (trust->erase(id) == 0) {
    return Error{.kind = ErrorKind::not_found, .code = "trust.unknown", .message = "Expected a trusted key, but found '" + id + "'", .message_zh = "没有这个受信任的密钥"};
  }
  change.settings.emplace_back(kTrustSetting, canonical_json(*trust));
  return change;
}

/// Ten seconds, then twice as long each time, a day at most.
Instant retry_at(Instant now, std::int64_t attempts) {
  constexpr std::chrono::milliseconds kFirst{10'000};
  constexpr std::chrono::milliseconds kLast{24 * 3'600 * 1'000};
  return now + std::min(kFirst * (std::int64_t{1} << std::min<std::int64_t>(attempts, 20)), kLast);
}

Error gone() { return Error{.kind = ErrorKind::rejected, .code = "pump.gone", .message = "Expected a timer or an entry that is due, on this node"}; }

/// A timer that was refused, or an entry that could not be delivered, waits before it is tried again.
Result<Change> defer(View& view, const Command& command, Instant now) {
  Change change;
  if (std::optional<TimerRow> timer = view.timer(string_or(command.data, "timer")); timer && !timer->elsewhere && timer->due <= now) {
    const std::int64_t attempts = int_or(timer->event, "attempts", 0);
    timer->event["attempts"] = attempts + 1;
    timer->due = retry_at(now, attempts);
    change.timers.push_back(std::move(*timer));
  } else if (std::optional<OutboxRow> entry = view.outbox(string_or(command.data, "outbox")); entry && !entry->elsewhere && entry->next_at <= now) {
    entry->next_at = retry_at(now, entry->attempts);
    ++entry->attempts;
    change.outbox.push_back(std::move(*entry));
  } else {
    return gone();
  }
  return change;
}

/// Some of the applications that a round's broadcast goes to get an entry each, and it goes on after them: in one
/// transaction, so that a crash neither loses nor doubles any. An entry's session is the application: what comes to it keeps
/// its order, and nodes deliver to different ones beside each other.
Result<Change> spread(View& view, const Command& command) {
  std::optional<OutboxRow> entry = view.outbox(string_or(command.data, "outbox"));
  if (!entry || entry->elsewhere) return gone();
  Change change;
  for (const std::string& target : strings_from_json(array_or_empty(command.data, "targets"))) {
    json::object payload = object_or_empty(entry->payload, "event");
    payload["target"] = target;
    change.outbox.push_back({.id = entry->id + "/" + target, .session_id = target, .kind = "send", .payload = std::move(payload), .created = entry->created, .next_at = entry->created});
  }
  if (bool_or(command.data, "last", false)) {
    change.outbox_removed.push_back(entry->id);
  } else {
    entry->payload["after"] = string_or(command.data, "after");
    change.outbox.push_back(std::move(*entry));
  }
  return change;
}

Result<Change> archive(View& view, const Command& command) {
  Change change;
  for (const json::value& each : array_or_empty(command.data, "sessions")) {
    const std::string id = string_or(each.as_object(), "id");
    const std::optional<SessionRow> row = view.session(id);
    if (!row || row->status != "ended")
      return Error{.kind = ErrorKind::rejected, .code = "archive.running", .message = "Expected an application that has ended", .place = id, .message_zh = "该申报尚未结束"};
    change.archived.push_back({.session_id = id, .through = int_or(each.as_object(), "through", 0), .bag = string_or(command.data, "bag")});
  }
  return change;
}

Result<Change> decide(const Runtime& runtime, View& view, const Command& command, Instant now) {
  if (command.kind == "organisation.put") return put_organisation(view, command, now);
  if (command.kind == "user.put") return put_user(view, command);
  if (command.kind == "import.rows") return import_rows(view, command, now);
  if (command.kind == "user.password") return set_password(view, command, now);
  if (command.kind == "login") return login(view, command);
  if (command.kind == "package.put") return put_package(view, command);
  if (command.kind == "plugin.install" || command.kind == "plugin.remove" || command.kind == "plugin.enable" || command.kind == "plugin.disable")
    return change_plugin(view, command);
  if (command.kind == "trust.add" || command.kind == "trust.remove") return change_trust(view, command);
  if (is_note(command)) return decide_note(runtime, view, command, now);
  if (command.kind.starts_with("delegation.")) return decide_delegation(view, command, now);
  if (command.kind == "outbox.spread") return spread(view, command);
  if (command.kind == "pump.defer") return defer(view, command, now);
  if (command.kind == "audit.archive") return archive(view, command);
  if (command.kind == "migration.begin" || command.kind == "migration.undo") return decide_migration_list(view, command, now);
  Change change;
  if (command.kind == "logout") {
    change.logins_removed.push_back(string_or(command.data, "token_digest"));
  } else if (command.kind == "clock.advance") {
    const std::int64_t to = int_or(command.data, "to", 0);
    // A node that stood still while another went on.
    if (const std::optional<std::string> kept = view.setting(kManualClockSetting); kept && to < std::atoll(kept->c_str()))
      return Error{.kind = ErrorKind::rejected, .code = "clock.back", .message = "Expected a time after the one it stands at", .message_zh = "时钟只能向前"};
    change.settings.emplace_back(kManualClockSetting, std::to_string(to));
  } else if (command.kind == "http.secret") {
    if (!view.setting(kHttpSecretSetting)) change.settings.emplace_back(kHttpSecretSetting, string_or(command.data, "secret"));
  } else if (command.kind == "outbox.done") {
    const std::string id = string_or(command.data, "outbox");
    if (const std::optional<OutboxRow> entry = view.outbox(id); !entry || entry->elsewhere) return gone();
    change.outbox_removed.push_back(id);
  } else {
    return invalid_field("command.unknown", {}, "Expected a known command, but found '" + command.kind + "'", "未知命令");
  }
  return change;
}

}  // namespace

Result<Change> decide_system(const Runtime& runtime, View& view, const Command& command, Instant now) {
  Result<Change> change = decide(runtime, view, command, now);
  if (!change) return change;
  json::object data = command.data;
  // The log says that they changed, never what they are.
  for (const char* secret : {"password_hash", "token_digest", "files", "secret"}) data.erase(secret);
  change->audit = {{"kind", command.kind},
                   {"actor", json::object{{"id", command.actor.user_id}, {"name", command.actor.name}}},
                   {"at", to_ms(now)},
                   {"data", std::move(data)}};
  return change;
}

}  // namespace chuyi

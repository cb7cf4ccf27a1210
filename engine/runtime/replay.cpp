#include "engine/runtime/replay.h"

#include <algorithm>
#include <optional>
#include <set>

#include "engine/base/digest.h"
#include "engine/runtime/migration.h"
#include "engine/runtime/recall.h"
#include "engine/runtime/session_commands.h"

namespace chuyi {
namespace {

constexpr std::size_t kPage = 200;

/// The session row as it was before its first command.
SessionRow blank(const SessionRow& row) {
  SessionRow out = row;
  out.definition.clear();
  out.status = "running";
  out.stage.clear();
  out.state.clear();
  out.document.clear();
  out.revision = 0;
  return out;
}

void compare(const json::value& before, const json::value& after, const std::string& path, std::vector<DataChange>& out);

void compare(const json::object& before, const json::object& after, const std::string& path, std::vector<DataChange>& out) {
  std::set<std::string_view> keys;
  for (const json::key_value_pair& each : before) keys.insert(each.key());
  for (const json::key_value_pair& each : after) keys.insert(each.key());
  static const json::value kNone;
  for (const std::string_view key : keys) {
    const json::value* old = before.if_contains(key);
    const json::value* fresh = after.if_contains(key);
    compare(old == nullptr ? kNone : *old, fresh == nullptr ? kNone : *fresh, path + "/" + pointer_segment(key), out);
  }
}

void compare(const json::value& before, const json::value& after, const std::string& path, std::vector<DataChange>& out) {
  if (before == after) return;
  if (before.is_object() && after.is_object()) return compare(before.get_object(), after.get_object(), path, out);
  if (before.is_array() && after.is_array()) {
    static const json::value kNone;
    const json::array& old = before.get_array();
    const json::array& fresh = after.get_array();
    for (std::size_t i = 0; i < std::max(old.size(), fresh.size()); ++i)
      compare(i < old.size() ? old[i] : kNone, i < fresh.size() ? fresh[i] : kNone, path + "/" + std::to_string(i), out);
    return;
  }
  out.push_back({.path = path, .before = before, .after = after});
}

/// A session on its way through its journal.
class Replayer {
 public:
  Replayer(const Definitions& definitions, const InvokeRegistry& registry, SessionRow row, std::string http_secret)
      : definitions_(definitions), registry_(registry), http_secret_(std::move(http_secret)), row_(std::move(row)) {}

  const SessionRow& row() const { return row_; }

  Result<ReplayedCommand> take(std::int64_t seq, json::object record) {
    ReplayedCommand out{.seq = seq, .record = std::move(record), .row = row_};
    const Command command = command_of_record(out.record);
    const Result<> taken = command.kind == "session.migrate"     ? migrate(command, at(out.record))
                           : command.kind == "session.unmigrate" ? unmigrate(seq)
                           : is_recall(command)                  ? recall(seq, command, out)
                                                                 : run(command, out);
    if (!taken) return taken.error();
    Result<SessionDocument> now = decode_document(*definition_, row_.document);
    if (!now) return now.error();
    out.changes = data_changes(document_.chart.datamodel, now->chart.datamodel);
    before_ = {.definition = definition_, .row = std::move(out.row), .document = std::move(document_)};
    document_ = std::move(*now);
    out.agrees = sha256_hex(row_.document) == string_or(out.record, "document");
    out.definition = definition_;
    out.row = row_;
    out.document = document_;
    return out;
  }

 private:
  static Instant at(const json::object& record) { return from_ms(int_or(record, "at", 0)); }

  Result<DefinitionPtr> definition(const std::string& digest) const {
    DefinitionPtr out = definitions_.by_digest(digest);
    if (!out)
      return Error{.kind = ErrorKind::not_found, .code = "definition.unknown", .message = "Expected definition " + digest + " in the store"};
    return out;
  }

  Result<> run(const Command& command, ReplayedCommand& out) {
    if (!definition_) {
      const Result<DefinitionPtr> first = definition(string_or(out.record, "definition"));
      if (!first) return first.error();
      definition_ = *first;
      row_.definition = definition_->digest;
    }
    JournalView view(object_or_empty(out.record, "reads"), http_secret_);
    SessionRun run(registry_, definition_, row_, document_, at(out.record), view);
    if (const Result<json::object> ran = run_command(run, command); !ran) return ran.error();
    out.happened = run.happened();
    Change change;
    if (Result<> finished = run.finish(change); !finished) return finished.error();
    row_ = std::move(*change.session);
    former_.clear();
    out.change = std::move(change);
    return {};
  }

  Result<> migrate(const Command& command, Instant now) {
    const Result<DefinitionPtr> to = definition(string_or(command.data, "to"));
    if (!to) return to.error();
    MigratedSession moved =
        migrate_session(*definition_, **to, state_map_from_json(object_or_empty(command.data, "map")), row_, document_, now, object_or_empty(command.data, "model"));
    if (!moved.obstacles.empty())
      return Error{.code = "migrate.obstacle", .message = moved.obstacles.front().message, .details = moved.obstacles};
    former_.push_back({.definition = definition_, .row = row_});
    definition_ = *to;
    change(std::move(moved.row));
    return {};
  }

  Result<> unmigrate(std::int64_t seq) {
    if (former_.empty())
      return Error{.code = "replay.undo", .message = "Expected a migration right before it is undone", .place = "audit:" + std::to_string(seq)};
    definition_ = former_.back().definition;
    change(former_.back().row);
    former_.pop_back();
    return {};
  }

  Result<> recall(std::int64_t seq, const Command& command, ReplayedCommand& out) {
    if (before_.row.document.empty())
      return Error{.code = "replay.recall", .message = "Expected an action right before it is taken back", .place = "audit:" + std::to_string(seq)};
    SessionRow back = before_.row;
    back.document = encode(recalled(before_.document, document_, object_or_empty(command.data, "revisions"), int_or(command.data, "submissions", 0)));
    const std::vector<std::string>& kept = before_.document.timers;
    for (const std::string& id : document_.timers)
      if (std::find(kept.begin(), kept.end(), id) == kept.end()) out.change.timers_removed.push_back(id);
    for (const json::value& each : array_or_empty(command.data, "timers")) {
      const json::object& timer = each.get_object();
      out.change.timers.push_back({.id = string_or(timer, "id"), .session_id = row_.id, .due = from_ms(int_or(timer, "due", 0)), .event = object_or_empty(timer, "event")});
    }
    change(std::move(back));
    return {};
  }

  void change(SessionRow row) {
    row.revision = row_.revision + 1;
    row_ = std::move(row);
  }

  const Definitions& definitions_;
  const InvokeRegistry& registry_;
  std::string http_secret_;
  DefinitionPtr definition_;
  SessionRow row_;
  SessionDocument document_;
  struct Former {
    DefinitionPtr definition;
    SessionRow row;
    SessionDocument document = {};
  };
  Former before_;  ///< before the last command
  std::vector<Former> former_;  ///< before each of the migrations that were the last commands
};

}  // namespace

std::vector<DataChange> data_changes(const json::object& before, const json::object& after) {
  std::vector<DataChange> out;
  compare(before, after, {}, out);
  return out;
}

Result<ReplayReport> replay(Queries& queries, const Definitions& definitions, const InvokeRegistry& registry,
                            std::string_view session_id, std::int64_t until,
                            const std::function<void(const ReplayedCommand&)>& each) {
  const Result<std::optional<SessionRow>> stored = queries.session(session_id);
  if (!stored) return stored.error();
  if (!*stored)
    return Error{.kind = ErrorKind::not_found,
                 .code = "application.unknown",
                 .message = "Expected a known application, but found '" + std::string{session_id} + "'"};
  ReplayReport report;
  const Result<std::optional<std::string>> secret = queries.setting(kHttpSecretSetting);
  if (!secret) return secret.error();
  Replayer replayer(definitions, registry, blank(**stored), secret->value_or(std::string{}));
  std::int64_t after = 0;
  for (bool more = true; more;) {
    const Result<std::vector<AuditRow>> page = queries.audit(session_id, after, kPage);
    if (!page) return page.error();
    more = page->size() == kPage;
    for (const AuditRow& entry : *page) {
      after = entry.seq;
      if (until != 0 && entry.seq > until) {
        more = false;
        break;
      }
      if (const std::string bag = bag_of_archived(entry.record); !bag.empty())
        return Error{.kind = ErrorKind::rejected,
                     .code = "application.archived",
                     .message = "Expected an application whose events are at hand, but they were archived in bag " + bag,
                     .place = std::string{session_id},
                     .message_zh = "该申报的事件已归档至材料包" + bag};
      Result<json::value> record = parse_json(entry.record, kStoredJson, "journal");
      if (!record) return record.error();
      const Result<ReplayedCommand> taken = replayer.take(entry.seq, std::move(record->as_object()));
      if (!taken) return taken.error();
      if (!taken->agrees && report.first_difference == 0) report.first_difference = entry.seq;
      ++report.commands;
      each(*taken);
    }
  }
  report.document = replayer.row().document;
  report.identical = until == 0 && report.first_difference == 0 && report.document == (*stored)->document &&
                     replayer.row().definition == (*stored)->definition;
  return report;
}

}  // namespace chuyi

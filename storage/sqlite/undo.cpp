#include "storage/sqlite/undo.h"

#include <algorithm>
#include <optional>

#include "storage/sqlite/rows.h"

namespace chuyi::sqlite {
namespace {

constexpr std::string_view kNotNoted[] = {"audit", "undo", "logins", "schema_migrations"};
/// A text that is shorter is kept as it was, without a look at what it has in common with the new one.
constexpr std::size_t kPatchedFrom = 64;

std::string_view text_of(sqlite3_value* value) {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_value_text(value));
  return bytes == nullptr ? std::string_view{} : std::string_view{bytes, static_cast<std::size_t>(sqlite3_value_bytes(value))};
}

/// All that a STRICT table holds here is text, or an integer that it takes as text as well; integers as JSON numbers
/// would be held to 2^53.
json::value json_of(sqlite3_value* value) {
  if (sqlite3_value_type(value) == SQLITE_NULL) return nullptr;
  return json::value(text_of(value));
}

bool is_middle_of_character(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U;
}

/// `before` as what it does not share with `after`: [bytes that both begin with, bytes that both end with, the rest].
json::value patch_of(std::string_view before, std::string_view after) {
  const std::size_t shorter = std::min(before.size(), after.size());
  std::size_t head = 0;
  while (head < shorter && before[head] == after[head]) ++head;
  while (head > 0 && (is_middle_of_character(before, head) || is_middle_of_character(after, head))) --head;
  std::size_t tail = 0;
  while (tail < shorter - head && before[before.size() - 1 - tail] == after[after.size() - 1 - tail]) ++tail;
  while (tail > 0 && is_middle_of_character(before, before.size() - tail)) --tail;
  return json::array{head, tail, before.substr(head, before.size() - head - tail)};
}

/// The reverse. Throws Failure for a patch that does not fit.
std::string patched(const json::array& patch, const std::string& after) {
  const auto part = [&](std::size_t at) {
    const std::int64_t* size = at < patch.size() ? patch[at].if_int64() : nullptr;
    if (size == nullptr || *size < 0 || static_cast<std::size_t>(*size) > after.size()) throw Failure{SQLITE_CORRUPT, "a note of undo does not fit its row"};
    return static_cast<std::size_t>(*size);
  };
  const std::size_t head = part(0);
  const std::size_t tail = part(1);
  if (head + tail > after.size() || patch.size() != 3 || !patch[2].is_string()) throw Failure{SQLITE_CORRUPT, "a note of undo does not fit its row"};
  return after.substr(0, head) + std::string{patch[2].get_string()} + after.substr(after.size() - tail);
}

void bind(Connection::Row& row, const std::optional<std::string>& value) { value ? row.bind(*value) : row.bind_null(); }

std::string quoted(std::string_view name) { return "\"" + std::string{name} + "\""; }

/// One note, taken back.
class Undo {
 public:
  Undo(Connection& db, const json::value& note) : db_(db) {
    const json::array* parts = note.if_array();
    if (parts == nullptr || parts->size() != 4) throw Failure{SQLITE_CORRUPT, "a note of undo is none"};
    for (int i = 0; i < 2; ++i)
      if (!(*parts)[static_cast<std::size_t>(i)].is_string() || !(*parts)[static_cast<std::size_t>(i) + 2].is_object()) throw Failure{SQLITE_CORRUPT, "a note of undo is none"};
    kind_ = (*parts)[0].get_string();
    table_ = quoted(std::string{(*parts)[1].get_string()});
    key_ = &(*parts)[2].get_object();
    rest_ = &(*parts)[3].get_object();
  }

  void run() {
    const std::string where = " WHERE " + list(*key_, " = ?", " AND ");
    if (kind_ == "insert") return change("DELETE FROM " + table_ + where, texts(*key_));
    if (kind_ == "delete") {
      std::string marks;
      for (std::size_t i = 0; i < key_->size() + rest_->size(); ++i) marks += i == 0 ? "?" : ",?";
      const std::string more = rest_->empty() ? "" : ", " + list(*rest_, "", ", ");
      std::vector<std::optional<std::string>> values = texts(*key_);
      for (std::optional<std::string>& each : texts(*rest_)) values.push_back(std::move(each));
      return change("INSERT INTO " + table_ + " (" + list(*key_, "", ", ") + more + ") VALUES (" + marks + ")", values);
    }
    std::vector<std::optional<std::string>> values;
    for (const auto& [column, value] : *rest_)
      values.push_back(value.is_array() ? std::optional{patched(value.get_array(), now(column, where))} : text(value));
    for (std::optional<std::string>& each : texts(*key_)) values.push_back(std::move(each));
    change("UPDATE " + table_ + " SET " + list(*rest_, " = ?", ", ") + where, values);
  }

 private:
  static std::string list(const json::object& columns, const char* after, const char* between) {
    std::string out;
    for (const auto& [column, value] : columns) out += (out.empty() ? "" : between) + quoted(column) + after;
    return out;
  }
  static std::optional<std::string> text(const json::value& value) {
    return value.is_string() ? std::optional{std::string{value.get_string()}} : std::nullopt;
  }
  static std::vector<std::optional<std::string>> texts(const json::object& columns) {
    std::vector<std::optional<std::string>> out;
    for (const auto& [column, value] : columns) out.push_back(text(value));
    return out;
  }
  std::string now(std::string_view column, const std::string& where) {
    auto row = db_.prepare("SELECT " + quoted(column) + " FROM " + table_ + where);
    const std::vector<std::optional<std::string>> keys = texts(*key_);
    for (const auto& each : keys) bind(row, each);
    if (!row.step()) throw Failure{SQLITE_CORRUPT, "a row that undo noted is not there"};
    return row.text(0);
  }
  void change(const std::string& sql, const std::vector<std::optional<std::string>>& values) {
    auto row = db_.prepare(sql);
    for (const auto& each : values) bind(row, each);
    row.run();
    if (sqlite3_changes(db_.handle()) != 1) throw Failure{SQLITE_CORRUPT, "a row that undo noted is not there"};
  }

  Connection& db_;
  std::string kind_;
  std::string table_;
  const json::object* key_ = nullptr;
  const json::object* rest_ = nullptr;
};

Error no_way_back(std::int64_t seq, std::string message) {
  return Error{.kind = ErrorKind::invalid,
               .code = "restore.until",
               .message = "Expected " + std::move(message),
               .place = "audit:" + std::to_string(seq),
               .message_zh = "无法恢复到该审计记录"};
}

}  // namespace

UndoRecorder::UndoRecorder(Connection& db) : db_(db) {
  auto row = db.prepare("SELECT m.name, c.name, c.pk FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table' ORDER BY m.name, c.cid");
  while (row.step()) {
    if (std::find(std::begin(kNotNoted), std::end(kNotNoted), row.text(0)) != std::end(kNotNoted)) continue;
    Table& table = tables_[row.text(0)];
    table.columns.push_back(row.text(1));
    table.in_key.push_back(row.number(2) != 0);
  }
  sqlite3_preupdate_hook(db.handle(), on_change, this);
}

UndoRecorder::~UndoRecorder() { sqlite3_preupdate_hook(db_.handle(), nullptr, nullptr); }

void UndoRecorder::begin() {
  changes_.clear();
  noting_ = true;
}

void UndoRecorder::write(std::int64_t seq) {
  noting_ = false;
  changes_ += changes_.empty() ? "[]" : "]";
  db_.prepare("INSERT INTO undo (seq, changes) VALUES (?,?)").bind(seq).bind(changes_).run();
}

void UndoRecorder::on_change(void* self, sqlite3* /*db*/, int operation, const char* /*schema*/, const char* table, sqlite3_int64 /*old_id*/, sqlite3_int64 /*new_id*/) {
  static_cast<UndoRecorder*>(self)->note(operation, table);
}

void UndoRecorder::note(int operation, std::string_view name) {
  if (!noting_) return;
  const auto found = tables_.find(name);
  if (found == tables_.end()) return;
  const Table& table = found->second;
  json::object key;
  json::object rest;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    sqlite3_value* before = nullptr;
    sqlite3_value* after = nullptr;
    if (operation != SQLITE_INSERT) sqlite3_preupdate_old(db_.handle(), static_cast<int>(i), &before);
    if (operation != SQLITE_DELETE) sqlite3_preupdate_new(db_.handle(), static_cast<int>(i), &after);
    if (table.in_key[i])
      key[table.columns[i]] = json_of(operation == SQLITE_INSERT ? after : before);
    else if (operation == SQLITE_DELETE)
      rest[table.columns[i]] = json_of(before);
    else if (operation == SQLITE_UPDATE && (sqlite3_value_type(before) != sqlite3_value_type(after) || text_of(before) != text_of(after)))
      rest[table.columns[i]] = sqlite3_value_type(before) == SQLITE_TEXT && text_of(before).size() >= kPatchedFrom ? patch_of(text_of(before), text_of(after)) : json_of(before);
  }
  if (operation == SQLITE_UPDATE && rest.empty()) return;
  const char* kind = operation == SQLITE_INSERT ? "insert" : operation == SQLITE_DELETE ? "delete" : "update";
  changes_ += changes_.empty() ? '[' : ',';
  changes_ += canonical_json(json::array{kind, name, std::move(key), std::move(rest)});
}

Result<> undo_to(Connection& db, std::int64_t seq) {
  const auto one = [&](const char* sql) {
    auto row = db.prepare(sql);
    row.bind(seq);
    return row.step() ? row.number(0) : 0;
  };
  const std::int64_t later = one("SELECT count(*) FROM audit WHERE seq > ?");
  std::string hash{kAuditGenesis};
  {
    auto row = db.prepare("SELECT hash FROM audit WHERE seq = ?");
    row.bind(seq);
    if (row.step())
      hash = row.text(0);
    else if (seq != 0 || later == 0)
      return no_way_back(seq, "a record of the audit log");
  }
  if (one("SELECT count(*) FROM undo WHERE seq > ?") != later)
    return no_way_back(seq, "a record after number " + std::to_string(one("SELECT coalesce(max(a.seq), 0) FROM audit a WHERE a.seq > ? AND NOT EXISTS (SELECT 1 FROM undo u WHERE u.seq = a.seq)")) +
                                " or that record itself: of earlier commands the database has no notes");
  {
    auto rows = db.prepare("SELECT changes FROM undo WHERE seq > ? ORDER BY seq DESC");
    rows.bind(seq);
    while (rows.step()) {
      const Result<json::value> changes = parse_json(rows.text(0), kStoredJson, "undo");
      if (!changes || !changes->is_array()) throw Failure{SQLITE_CORRUPT, "a note of undo is not JSON"};
      const json::array& notes = changes->get_array();
      for (std::size_t i = notes.size(); i > 0; --i) Undo(db, notes[i - 1]).run();
    }
  }
  for (const char* sql : {"DELETE FROM undo WHERE seq > ?", "DELETE FROM audit WHERE seq > ?"}) db.prepare(sql).bind(seq).run();
  put_setting(db, kAuditCountSetting, std::to_string(seq));
  put_setting(db, kAuditHashSetting, hash);
  return {};
}

}  // namespace chuyi::sqlite

#include "storage/sqlite/undo.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#include "storage/sqlite/rows.h"

namespace chuyi::sqlite {
namespace {

/// Totals follow the tasks, also back.
constexpr std::string_view kNotNoted[] = {"audit", "undo", "logins", "schema_migrations", "task_totals"};
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

/// Bytes that have to be the same for a place of one text to be looked at as a place of the other.
constexpr std::size_t kBlock = 16;

std::size_t slot_of(const char* block, std::size_t slots) {
  std::uint64_t halves[2];
  std::memcpy(halves, block, sizeof halves);
  return static_cast<std::size_t>(((halves[0] ^ (halves[1] * 0x9E3779B97F4A7C15ULL)) * 0xD6E8FEB86659FD93ULL) >> 32) & (slots - 1);
}

bool is_middle_of_character(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U;
}

/// `before` put together from pieces of `after` and texts of its own: [offset, bytes, "text", offset, bytes, …]. A command
/// changes little of a document, but in several places.
json::value patch_of(std::string_view before, std::string_view after) {
  const std::size_t slots = std::bit_ceil(after.size() / kBlock * 2 + 1);
  std::vector<std::uint32_t> places(slots);  // in `after`, 1 + the last whole block of a slot; blocks that are lost stay text
  for (std::size_t at = 0; at + kBlock <= after.size(); at += kBlock) places[slot_of(after.data() + at, slots)] = static_cast<std::uint32_t>(at + 1);
  json::array out;
  std::size_t done = 0;  // of `before`
  std::size_t at = 0;
  const auto copy = [&](std::size_t from, std::size_t begin, std::size_t end) {
    while (begin < end && is_middle_of_character(before, begin)) ++begin, ++from;
    while (begin < end && is_middle_of_character(before, end)) --end;
    at = std::max(end, at + 1);
    if (end - begin < kBlock) return;
    if (done < begin) out.emplace_back(before.substr(done, begin - done));
    out.emplace_back(from);
    out.emplace_back(end - begin);
    done = at = end;
  };
  const auto same = [&](std::size_t from, std::size_t begin) {
    const std::size_t most = std::min(after.size() - from, before.size() - begin);
    return static_cast<std::size_t>(std::mismatch(before.begin() + static_cast<std::ptrdiff_t>(begin), before.begin() + static_cast<std::ptrdiff_t>(begin + most),
                                                  after.begin() + static_cast<std::ptrdiff_t>(from)).first - before.begin());
  };
  copy(0, 0, same(0, 0));
  at = done;
  while (at + kBlock <= before.size()) {
    const std::uint32_t place = places[slot_of(before.data() + at, slots)];
    if (place == 0 || before.substr(at, kBlock) != after.substr(place - 1, kBlock)) {
      ++at;
      continue;
    }
    std::size_t from = place - 1;
    std::size_t begin = at;
    const std::size_t end = same(from, begin);
    while (begin > done && from > 0 && before[begin - 1] == after[from - 1]) --begin, --from;
    copy(from, begin, end);
  }
  if (done < before.size()) out.emplace_back(before.substr(done));
  return out;
}

/// The reverse. Throws Failure for a patch that does not fit.
std::string patched(const json::array& patch, const std::string& after) {
  std::string out;
  for (std::size_t i = 0; i < patch.size(); ++i) {
    if (const json::string* text = patch[i].if_string()) {
      out += *text;
      continue;
    }
    const std::int64_t* from = patch[i].if_int64();
    const std::int64_t* bytes = i + 1 < patch.size() ? patch[++i].if_int64() : nullptr;
    if (from == nullptr || bytes == nullptr || *from < 0 || *bytes < 0 || static_cast<std::size_t>(*from) > after.size() ||
        static_cast<std::size_t>(*bytes) > after.size() - static_cast<std::size_t>(*from))
      throw Failure{SQLITE_CORRUPT, "a note of undo does not fit its row"};
    out.append(after, static_cast<std::size_t>(*from), static_cast<std::size_t>(*bytes));
  }
  return out;
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
  const auto old = [&](std::size_t i) {
    sqlite3_value* out = nullptr;
    sqlite3_preupdate_old(db_.handle(), static_cast<int>(i), &out);
    return out;
  };
  const auto now = [&](std::size_t i) {
    sqlite3_value* out = nullptr;
    sqlite3_preupdate_new(db_.handle(), static_cast<int>(i), &out);
    return out;
  };
  json::object key;
  json::object rest;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const std::string& column = table.columns[i];
    if (table.in_key[i]) {
      key[column] = json_of(operation == SQLITE_INSERT ? now(i) : old(i));
    } else if (operation == SQLITE_DELETE) {
      rest[column] = json_of(old(i));
    } else if (operation == SQLITE_UPDATE) {
      sqlite3_value* before = old(i);
      sqlite3_value* after = now(i);
      const std::string_view text = text_of(before);
      const bool is_text = sqlite3_value_type(before) == SQLITE_TEXT;
      if (sqlite3_value_type(before) == sqlite3_value_type(after) && text == text_of(after)) continue;
      rest[column] = is_text && text.size() >= kPatchedFrom ? patch_of(text, text_of(after)) : json_of(before);
    }
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

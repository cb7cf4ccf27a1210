#include "server/copy_store.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <map>
#include <set>

#include "engine/base/json.h"
#include "engine/ports/tables.h"
#include "server/archive.h"
#include "server/data_folder.h"
#include "server/shared_packages.h"

namespace chuyi {
namespace {

/// Tables that stay where they are.
constexpr std::array<std::string_view, 6> kNotCopied = {
    "schema_migrations",  // each store counts its own
    "logins",             // people sign in again
    "task_totals",        // follow the tasks
    "undo",               // of SQLite: notes for going back, which end where the copy begins
    "contents",           // of PostgreSQL: documents go through their port, wherever they are kept
    "content_parts",
};
/// Columns that start empty: which node works on a row, and until when.
constexpr std::array<std::string_view, 2> kClaims = {"owner", "owned_until"};

constexpr std::size_t kRowsAtOnce = 200;
constexpr std::size_t kPartBytes = 256U * 1024;
constexpr std::size_t kDigestsHeld = 100'000;

bool is_claim(const std::string& table, const std::string& column) {
  return (table == "timers" || table == "outbox") && std::find(kClaims.begin(), kClaims.end(), column) != kClaims.end();
}

Error schema_error(const std::string& place) {
  return Error{.kind = ErrorKind::invalid,
               .code = "copy.schema",
               .message = "Expected the same tables and columns in both stores, but found one that only one of them has: " + place,
               .place = place,
               .message_zh = "两个数据库的结构不同"};
}

Error differs(const std::string& place, const std::string& found) {
  return Error{.kind = ErrorKind::invalid,
               .code = "copy.differs",
               .message = "Expected the copy to be the same as its source, but found " + found +
                          "; it stays marked as unfinished. Did somebody use the target meanwhile? Begin anew with an empty one",
               .place = place,
               .message_zh = "副本与原数据不一致，不能使用"};
}

Error wrong_target(const std::string& place) {
  return Error{.kind = ErrorKind::rejected,
               .code = "copy.target",
               .message = "Expected a target that is empty or an earlier state of the source, but it is something else or has gone on by itself; none of its rows"
                          " was changed",
               .place = place,
               .message_zh = "目标既非空库，也不是该来源的较早副本，其数据未作任何改动"};
}

/// An installation, or nothing but what may be there before its database is.
bool is_data_folder(const std::string& path) {
  namespace fs = std::filesystem;
  constexpr std::array<std::string_view, 4> kBefore = {"documents", "libraries", "lock", "plugins"};
  std::error_code ec;
  if (!fs::exists(path, ec) || fs::exists(path + "/chuyi.db", ec)) return true;
  const fs::directory_iterator entries(path, ec);
  return !ec && std::all_of(begin(entries), end(entries), [&](const fs::directory_entry& each) {
    return std::find(kBefore.begin(), kBefore.end(), each.path().filename().string()) != kBefore.end();
  });
}

/// Without exceptions, by name, its columns sorted.
Result<std::map<std::string, Table>> copied_tables(Tables& store) {
  Result<std::vector<Table>> all = store.tables();
  if (!all) return all.error();
  std::map<std::string, Table> out;
  for (Table& each : *all) {
    if (std::find(kNotCopied.begin(), kNotCopied.end(), each.name) != kNotCopied.end()) continue;
    std::erase_if(each.columns, [&](const TableColumn& column) { return is_claim(each.name, column.name); });
    std::sort(each.columns.begin(), each.columns.end(), [](const TableColumn& a, const TableColumn& b) { return a.name < b.name; });
    out.emplace(each.name, std::move(each));
  }
  return out;
}

/// What to copy, each table after those that its rows refer to. The key is the longer one of the two: the order of either
/// index fits it.
Result<std::vector<Table>> plan(Tables& from, Tables& to) {
  Result<std::map<std::string, Table>> left = copied_tables(from);
  if (!left) return left.error();
  const Result<std::map<std::string, Table>> there = copied_tables(to);
  if (!there) return there.error();
  for (const auto& [name, table] : *there)
    if (!left->contains(name)) return schema_error(name);
  for (auto& [name, table] : *left) {
    const auto other = there->find(name);
    if (other == there->end()) return schema_error(name);
    for (std::size_t i = 0; i < std::max(table.columns.size(), other->second.columns.size()); ++i)
      if (i >= table.columns.size() || i >= other->second.columns.size() || table.columns[i].name != other->second.columns[i].name ||
          table.columns[i].number != other->second.columns[i].number)
        return schema_error(name + "." + (i < table.columns.size() ? table.columns[i].name : other->second.columns[i].name));
    if (table.key.size() < other->second.key.size()) table.key = other->second.key;
  }
  std::vector<Table> out;
  while (!left->empty()) {
    const auto next = std::find_if(left->begin(), left->end(), [&](const auto& each) {
      return std::none_of(each.second.columns.begin(), each.second.columns.end(),
                          [&](const TableColumn& column) { return column.refers_to != each.first && left->contains(column.refers_to); });
    });
    if (next == left->end()) return schema_error(left->begin()->first);
    out.push_back(std::move(next->second));
    left->erase(next);
  }
  return out;
}

Cells key_of(const Table& table, const Cells& row) {
  Cells out;
  for (const std::string& each : table.key) out.push_back(row[table.index_of(each)]);
  return out;
}

/// As the stores order them: texts bytewise.
int compare_keys(const Table& table, const Cells& a, const Cells& b) {
  for (const std::string& each : table.key) {
    const std::size_t i = table.index_of(each);
    const std::string left = a[i].value_or("");
    const std::string right = b[i].value_or("");
    if (left == right) continue;
    if (!table.columns[i].number) return left < right ? -1 : 1;
    std::int64_t left_number = 0;
    std::int64_t right_number = 0;
    std::from_chars(left.data(), left.data() + left.size(), left_number);
    std::from_chars(right.data(), right.data() + right.size(), right_number);
    return left_number < right_number ? -1 : 1;
  }
  return 0;
}

/// The rows of a table, one after the other.
class Cursor {
 public:
  Cursor(Tables& store, const Table& table) : store_(store), table_(table) {}
  /// The row it is at; none at the end.
  Result<const Cells*> row() {
    if (at_ == rows_.size() && !ended_) {
      const Cells after = rows_.empty() ? Cells{} : key_of(table_, rows_.back());
      Result<std::vector<Cells>> next = store_.rows(table_, after, kRowsAtOnce);
      if (!next) return next.error();
      rows_ = std::move(*next);
      at_ = 0;
      ended_ = rows_.size() < kRowsAtOnce;
    }
    return at_ == rows_.size() ? nullptr : &rows_[at_];
  }
  void next() { ++at_; }

 private:
  Tables& store_;
  const Table& table_;
  std::vector<Cells> rows_;
  std::size_t at_ = 0;
  bool ended_ = false;
};

/// Calls `job` with every row of a table.
Result<> each_row(Tables& store, const Table& table, const std::function<Result<>(const Cells&)>& job) {
  Cursor cursor(store, table);
  while (true) {
    const Result<const Cells*> row = cursor.row();
    if (!row) return row.error();
    if (*row == nullptr) return {};
    if (Result<> done = job(**row); !done) return done;
    cursor.next();
  }
}

/// The document that a row names, "" for none.
std::string digest_in(const Table& table, const Cells& row) {
  const auto text = [&](const char* column) { return row[table.index_of(column)].value_or(""); };
  const auto member = [&](const char* column, const char* name) {
    const Result<json::value> object = parse_json(text(column), kStoredJson, table.name);
    return object && object->is_object() ? string_or(object->get_object(), name) : std::string{};
  };
  if (table.name == "documents") return member("body", "digest");
  if (table.name == "bundles") return text("digest");
  if (table.name == "audit") return bag_of_archived(text("record"));
  if (table.name == "definitions") return member("files", "library.sha256");
  return {};
}

class Copy {
 public:
  Copy(CopyStorage& from, CopyStorage& to, const CopyStoreProgress& progress) : from_(from), to_(to), progress_(progress) {}

  Result<CopyReport> run() {
    Result<std::vector<Table>> tables = plan(*from_.tables, *to_.tables);
    if (!tables) return tables.error();
    tables_ = std::move(*tables);
    if (Result<> begun = begin(); !begun) return begun.error();
    for (const Table& each : tables_)
      if (Result<> copied = copy(each); !copied) return copied.error();
    if (Result<> checked = check(); !checked) return checked.error();
    if (Result<> ended = mark({.kind = RowChange::Kind::remove, .cells = marker_}); !ended) return ended.error();
    report_.tables = tables_.size();
    return report_;
  }

 private:
  const Table& table(const char* name) const {
    return *std::find_if(tables_.begin(), tables_.end(), [&](const Table& each) { return each.name == name; });
  }
  Result<std::map<std::string, std::string>> settings(Tables& store) const {
    std::map<std::string, std::string> out;
    const Table& where = table("settings");
    const Result<> read = each_row(store, where, [&](const Cells& row) -> Result<> {
      out[row[where.index_of("key")].value_or("")] = row[where.index_of("value")].value_or("");
      return {};
    });
    if (!read) return read.error();
    return out;
  }
  static AuditHead head_in(const std::map<std::string, std::string>& settings) {
    AuditHead out{.count = 0, .hash = std::string{kAuditGenesis}};
    if (const auto count = settings.find(std::string{kAuditCountSetting}); count != settings.end())
      std::from_chars(count->second.data(), count->second.data() + count->second.size(), out.count);
    if (const auto hash = settings.find(std::string{kAuditHashSetting}); hash != settings.end()) out.hash = hash->second;
    return out;
  }

  /// Finds out whether the target may be written, and marks it.
  Result<> begin() {
    const Result<std::map<std::string, std::string>> here = settings(*from_.tables);
    if (!here) return here.error();
    const Result<std::map<std::string, std::string>> there = settings(*to_.tables);
    if (!there) return there.error();
    report_.head = head_in(*here);
    if (here->contains(std::string{kCopySetting}) || report_.head.count == 0)
      return Error{.kind = ErrorKind::rejected,
                   .code = "copy.source",
                   .message = "Expected an installation in which something has happened, and that is no unfinished copy itself",
                   .place = from_.name,
                   .message_zh = "来源中没有数据，或其本身是未完成的副本"};
    const auto found = there->find(std::string{kCopySetting});
    AuditHead earlier = head_in(*there);
    if (found != there->end()) {
      const std::size_t space = found->second.find(' ');
      std::from_chars(found->second.data(), found->second.data() + std::min(space, found->second.size()), earlier.count);
      earlier.hash = space == std::string::npos ? "" : found->second.substr(space + 1);
    }
    const Result<bool> may = found == there->end() && earlier.count == 0 ? is_empty() : is_in_chain(earlier);
    if (!may) return may.error();
    if (!*may) return wrong_target(to_.name);
    const Table& where = table("settings");
    marker_.resize(where.columns.size());
    marker_[where.index_of("key")] = std::string{kCopySetting};
    marker_[where.index_of("value")] = std::to_string(report_.head.count) + " " + report_.head.hash;
    if (Result<> marked = mark({.kind = found == there->end() ? RowChange::Kind::insert : RowChange::Kind::update, .cells = marker_}); !marked) return marked;
    // Past the moment that is copied: a mark that is seen there is in the same database, by another name.
    const Result<std::optional<std::string>> seen = from_.queries->setting(kCopySetting);
    if (!seen) return seen.error();
    if (!*seen) return {};
    if (Result<> ended = mark({.kind = RowChange::Kind::remove, .cells = marker_}); !ended) return ended;
    return Error{.kind = ErrorKind::rejected,
                 .code = "copy.same",
                 .message = "Expected two different installations, but the target is the source by another name",
                 .place = to_.name,
                 .message_zh = "来源与目标是同一个数据库"};
  }
  Result<> mark(RowChange change) { return to_.tables->write(table("settings"), {std::move(change)}); }
  Result<bool> is_empty() {
    for (const Table& each : tables_) {
      if (each.name == "settings") continue;  // of the chain that has not begun
      const Result<std::int64_t> count = to_.tables->count(each.name);
      if (!count) return count.error();
      if (*count != 0) return false;
    }
    return true;
  }
  /// Whether the source once ended at `head`.
  Result<bool> is_in_chain(const AuditHead& head) {
    const Table& audit = table("audit");
    const Result<std::vector<Cells>> rows = from_.tables->rows(audit, {std::to_string(head.count - 1)}, 1);
    if (!rows) return rows.error();
    return !rows->empty() && rows->front()[audit.index_of("seq")] == std::to_string(head.count) && rows->front()[audit.index_of("hash")] == head.hash;
  }

  Result<> copy(const Table& each) {
    // Rows may refer to rows of their own table that come later: first without what refers, then with it.
    for (std::size_t i = 0; i < each.columns.size(); ++i)
      if (each.columns[i].refers_to == each.name)
        if (Result<> copied = walk(each, i); !copied) return copied;
    return walk(each, std::nullopt);
  }

  /// Goes through a table of both stores side by side and writes what differs.
  /// @param blank  a column that new rows are written without, and that is not compared.
  Result<> walk(const Table& each, std::optional<std::size_t> blank) {
    const Result<std::int64_t> all = from_.tables->count(each.name);
    if (!all) return all.error();
    Cursor source(*from_.tables, each);
    Cursor target(*to_.tables, each);
    std::vector<RowChange> changes;
    const auto flush = [&]() -> Result<> {
      if (changes.empty()) return {};
      if (Result<> written = to_.tables->write(each, changes); !written) return written;
      if (!blank) report_.changed += changes.size();
      changes.clear();
      return {};
    };
    std::size_t done = 0;
    progress_(each.name, done, static_cast<std::size_t>(*all));
    while (true) {
      const Result<const Cells*> here = source.row();
      if (!here) return here.error();
      const Result<const Cells*> there = target.row();
      if (!there) return there.error();
      if (*here == nullptr && *there == nullptr) break;
      const int order = *here == nullptr ? 1 : *there == nullptr ? -1 : compare_keys(each, **here, **there);
      if (order > 0) {
        if (!is_marker(each, **there)) changes.push_back({.kind = RowChange::Kind::remove, .cells = **there});
      } else {
        Cells row = **here;
        if (blank) row[*blank] = order == 0 ? (**there)[*blank] : std::nullopt;
        if (const std::string digest = digest_in(each, row); !digest.empty())
          if (Result<> brought = bring(digest, each.name == "definitions"); !brought) return brought;
        if (order < 0 || row != **there)
          changes.push_back({.kind = order < 0 ? RowChange::Kind::insert : RowChange::Kind::update, .cells = std::move(row)});
        ++done;
      }
      if (order <= 0) source.next();
      if (order >= 0) target.next();
      if (changes.size() >= kRowsAtOnce)
        if (Result<> written = flush(); !written) return written;
      if (done % kRowsAtOnce == 0) progress_(each.name, done, static_cast<std::size_t>(*all));
    }
    if (!blank) report_.rows += done;
    return flush();
  }
  static bool is_marker(const Table& each, const Cells& row) { return each.name == "settings" && row[each.index_of("key")] == kCopySetting; }

  /// Whether it comes by again; forgets some when there are very many.
  bool is_known(const std::string& digest) {
    if (known_.size() >= kDigestsHeld) known_.clear();
    return !known_.insert(digest).second;
  }
  /// Copies a document that the target does not have yet.
  Result<> bring(const std::string& digest, bool is_library) {
    if (is_known(digest)) return {};
    ++documents_;
    if (const auto there = to_.documents->open(digest); there || there.error().kind != ErrorKind::not_found) return there ? Result<>{} : there.error();
    const Result<std::unique_ptr<DocumentReader>> reader = from_.documents->open(digest);
    if (!reader && is_library && reader.error().kind == ErrorKind::not_found) return bring_library(digest);
    if (!reader) return at(digest, reader.error());
    const Result<std::unique_ptr<DocumentWriter>> writer = to_.documents->create((*reader)->size());
    if (!writer) return writer.error();
    while (true) {
      const Result<std::string> part = (*reader)->read(kPartBytes);
      if (!part) return at(digest, part.error());
      if (part->empty()) break;
      if (Result<> written = (*writer)->write(*part); !written) return written;
    }
    const Result<StoredDocument> stored = (*writer)->finish();
    if (!stored) return stored.error();
    to_.documents->release(digest, true);
    ++report_.brought;
    return {};
  }
  /// One node alone keeps native libraries as files.
  Result<> bring_library(const std::string& digest) {
    Definition definition;
    definition.library = from_.libraries + "/" + digest + ".so";
    definition.library_digest = digest;
    if (Result<> shared = share_library(definition, *to_.documents); !shared) {
      Error missing = at(digest, shared.error());
      missing.message = "Expected this document where the source keeps its documents, but found none; name that place as its server does (--documents, --data)";
      return missing;
    }
    to_.documents->release(digest, true);
    ++report_.brought;
    return {};
  }
  static Error at(const std::string& digest, Error error) {
    error.place = digest;
    return error;
  }

  Result<> check() {
    for (const Table& each : tables_) {
      const Result<std::int64_t> here = from_.tables->count(each.name);
      if (!here) return here.error();
      const Result<std::int64_t> there = to_.tables->count(each.name);
      if (!there) return there.error();
      const std::int64_t expected = *here + (each.name == "settings" ? 1 : 0);
      if (*there != expected) return differs(each.name, std::to_string(*there) + " rows, not " + std::to_string(expected));
    }
    ArchivedBags bags(*to_.documents);
    const auto all = static_cast<std::size_t>(report_.head.count);
    const Result<AuditHead> head = verify_audit(*to_.queries, [&](std::int64_t done) { progress_("verify audit", static_cast<std::size_t>(done), all); },
                                                [&](const AuditRow& row, const std::string& bag) { return bags.record(row, bag); });
    if (!head) return head.error();
    if (head->count != report_.head.count || head->hash != report_.head.hash)
      return differs("audit:" + std::to_string(head->count), "an audit log that ends otherwise");
    known_.clear();
    for (const Table& each : tables_)
      if (Result<> read = each_row(*to_.tables, each, [&](const Cells& row) { return check_document(digest_in(each, row)); }); !read) return read;
    return {};
  }
  Result<> check_document(const std::string& digest) {
    if (digest.empty() || is_known(digest)) return {};
    Result<std::unique_ptr<DocumentReader>> reader = to_.documents->open(digest);
    if (!reader) return at(digest, reader.error());
    while (true) {
      const Result<std::string> part = (*reader)->read(kPartBytes);
      if (!part) return at(digest, part.error());
      if (part->empty()) break;
    }
    ++report_.documents;
    report_.bytes += (*reader)->size();
    progress_("verify documents", report_.documents, documents_);
    return {};
  }

  CopyStorage& from_;
  CopyStorage& to_;
  const CopyStoreProgress& progress_;
  std::vector<Table> tables_;
  Cells marker_;
  std::set<std::string> known_;
  std::size_t documents_ = 0;  ///< that rows name; those that were forgotten meanwhile again
  CopyReport report_;
};

}  // namespace

Result<CopyReport> copy_store(const Home& from, const Home& to, const CopyStoreProgress& progress) {
  Result<CopyStorage> source = open_to_copy(from, TablesUse::read);
  if (!source) return source.error();
  Result<std::unique_ptr<DataFolder>> folder = std::unique_ptr<DataFolder>{};
  if (to.store.empty()) {
    if (!is_data_folder(to.data)) return wrong_target(to.data);
    folder = DataFolder::open(to.data);
  }
  if (!folder) return folder.error();
  Result<CopyStorage> target = open_to_copy(to, TablesUse::write);
  if (!target) return target.error();
  return Copy(*source, *target, progress).run();
}

}  // namespace chuyi

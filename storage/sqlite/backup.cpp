#include "storage/sqlite/backup.h"

#include <charconv>

#include "storage/sqlite/connection.h"
#include "storage/sqlite/migrations.h"
#include "storage/sqlite/rows.h"
#include "storage/sqlite/undo.h"

namespace chuyi {
namespace {

using namespace sqlite;

/// Pages that are copied between two calls of `progress`.
constexpr int kPagesAtOnce = 1'000;

Error corrupt(const std::string& path, const std::string& found) {
  return Error{.kind = ErrorKind::invalid, .code = "store.corrupt", .message = "Expected a database in order, but found: " + found, .place = path, .message_zh = "数据库已损坏"};
}

AuditHead head_of(Connection& db) {
  AuditHead out{.count = 0, .hash = std::string{kAuditGenesis}};
  if (const auto count = find_setting(db, kAuditCountSetting)) std::from_chars(count->data(), count->data() + count->size(), out.count);
  if (const auto hash = find_setting(db, kAuditHashSetting)) out.hash = *hash;
  return out;
}

SqliteContents contents_of(Connection& db) {
  SqliteContents out{.head = head_of(db), .documents = {}, .libraries = {}};
  auto row = db.prepare("SELECT json_extract(body, '$.digest') FROM documents UNION SELECT digest FROM bundles"
                        " UNION SELECT json_extract(record, '$.archived') FROM audit WHERE record LIKE '{\"archived\"%'");
  while (row.step()) out.documents.insert(row.text(0));
  auto library = db.prepare("SELECT json_extract(files, '$.\"library.sha256\"') FROM definitions WHERE json_extract(files, '$.\"library.sha256\"') IS NOT NULL");
  while (library.step()) out.libraries.insert(library.text(0));
  return out;
}

}  // namespace

Result<SqliteContents> copy_sqlite(const std::string& from, const std::string& to, const CopyProgress& progress) {
  std::unique_ptr<Connection> source;
  try {
    source = open_beside(from);
    source->execute("BEGIN");
    head_of(*source);  // the transaction reads from here on: one state for all that follows
  } catch (const Failure& failure) {
    return Error{.kind = ErrorKind::not_found,
                 .code = "store.missing",
                 .message = "Expected the database of an installation: " + failure.message,
                 .place = from,
                 .message_zh = "找不到数据库"};
  }
  try {
    SqliteContents out = contents_of(*source);
    Connection target(to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
    target.execute("PRAGMA journal_mode=OFF");
    target.execute("PRAGMA synchronous=OFF");  // a backup without its last sync is none, and begins anew
    sqlite3_backup* backup = sqlite3_backup_init(target.handle(), "main", source->handle(), "main");
    if (backup == nullptr) throw Failure{sqlite3_extended_errcode(target.handle()), sqlite3_errmsg(target.handle())};
    int code = SQLITE_OK;
    while (code == SQLITE_OK) {
      code = sqlite3_backup_step(backup, kPagesAtOnce);
      const auto all = static_cast<std::size_t>(sqlite3_backup_pagecount(backup));
      if (progress) progress(all - static_cast<std::size_t>(sqlite3_backup_remaining(backup)), all);
    }
    sqlite3_backup_finish(backup);
    if (code != SQLITE_DONE) throw Failure{code, "copy of the database: " + std::string{sqlite3_errstr(code)}};
    source->execute("COMMIT");
    return out;
  } catch (const Failure& failure) {
    return error_of(failure);
  }
}

Result<SqliteContents> prepare_restored_sqlite(const std::string& path, const AuditHead& expected, std::optional<std::int64_t> until) {
  try {
    Connection db(path, SQLITE_OPEN_READWRITE, nullptr);
    db.execute("PRAGMA journal_mode=DELETE");
    {
      auto row = db.prepare("SELECT coalesce(max(version), 0) FROM schema_migrations");
      if (row.step() && row.number(0) > static_cast<std::int64_t>(migrations().size()))
        return Error{.kind = ErrorKind::invalid, .code = "store.version", .message = "Expected a backup of this release or an earlier one", .place = path, .message_zh = "该备份来自更新的版本"};
      auto check = db.prepare("PRAGMA integrity_check(1)");
      if (!check.step() || check.text(0) != "ok") return corrupt(path, check.text(0));
    }
    db.execute("BEGIN IMMEDIATE");
    db.execute("DELETE FROM logins");
    const AuditHead head = head_of(db);
    if (head.count != expected.count || head.hash != expected.hash)
      return corrupt(path, "an audit log that ends at record " + std::to_string(head.count) + ", not at " + std::to_string(expected.count));
    if (until && *until != head.count)
      if (Result<> undone = undo_to(db, *until); !undone) return undone.error();
    {
      auto check = db.prepare("PRAGMA foreign_key_check");
      if (check.step()) return corrupt(path, "a row of " + check.text(0) + " without its " + check.text(2));
    }
    db.execute("COMMIT");
    return contents_of(db);
  } catch (const Failure& failure) {
    const int code = failure.code & 0xFF;
    return code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_ERROR ? corrupt(path, failure.message) : error_of(failure);
  }
}

}  // namespace chuyi

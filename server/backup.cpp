#include "server/backup.h"

#include <charconv>
#include <filesystem>
#include <set>

#include "server/archive.h"
#include "storage/documents/bag_folder.h"
#include "storage/documents/file_document_store.h"
#include "storage/sqlite/backup.h"
#include "storage/sqlite/sqlite.h"

namespace chuyi {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDatabase = "chuyi.db";
constexpr const char* kRecords = "Audit-Records";
constexpr const char* kHead = "Audit-Head";

std::string document_name(const std::string& digest) { return "documents/" + digest.substr(0, 2) + "/" + digest; }

/// Files that an administrator may change at any time: copied, never linked.
Result<> copy_tree(BagFolder& bag, const std::string& data, const std::string& folder) {
  std::error_code ec;
  const fs::path root = fs::path{data} / folder;
  if (!fs::is_directory(root, ec)) return {};
  for (auto entry = fs::recursive_directory_iterator(root, fs::directory_options::follow_directory_symlink, ec);
       !ec && entry != fs::recursive_directory_iterator(); entry.increment(ec)) {
    if (!entry->is_regular_file(ec)) continue;
    const std::string name = folder + "/" + entry->path().lexically_relative(root).generic_string();
    if (const Result<std::string> copied = bag.copy(fs::canonical(entry->path(), ec).string(), name); !copied) return copied.error();
  }
  if (!ec) return {};
  return Error{.kind = ErrorKind::unavailable, .code = "document.io", .message = "Expected to read the folder, but found: " + ec.message(), .place = root.string()};
}

Error lost_document(const char* code, const std::string& name) {
  return Error{.kind = ErrorKind::invalid,
               .code = code,
               .message = "Expected document " + name + " as the database names it, but it is not there or was changed",
               .place = name,
               .message_zh = "材料缺失或已损坏"};
}

}  // namespace

Result<BackupReport> back_up(const Home& home, const std::string& to, const BackupProgress& progress) {
  if (!home.store.empty())
    return Error{.kind = ErrorKind::invalid,
                 .code = "backup.store",
                 .message = "Expected an installation with the embedded database; back PostgreSQL up with its own tools, and the data folder beside it",
                 .place = "--store",
                 .message_zh = "仅支持内置数据库；PostgreSQL请使用其自带的备份工具"};
  if (const Result<std::unique_ptr<Queries>> whole = open_readers(home); !whole) return whole.error();
  Result<std::unique_ptr<BagFolder>> bag = BagFolder::begin(to);
  if (!bag) return bag.error();
  const Result<std::string> database = (*bag)->place(kDatabase);
  if (!database) return database.error();
  const Result<SqliteContents> copied = copy_sqlite(home.data + "/" + kDatabase, *database, progress);
  if (!copied) return copied.error();
  if (const Result<std::string> added = (*bag)->add(kDatabase); !added) return added.error();
  // Only now: what the copy names was on the disk before its row was.
  std::set<std::string> documents = copied->documents;
  for (const std::string& digest : copied->libraries)
    if (std::error_code ec; fs::exists(fs::path{home.data} / document_name(digest), ec)) documents.insert(digest);  // of what was copied from PostgreSQL
  std::size_t done = 0;
  for (const std::string& digest : documents) {
    const std::string name = document_name(digest);
    const Result<std::string> found = (*bag)->link(home.data + "/" + name, name);
    if (!found) return found.error();
    if (*found != digest) return lost_document("document.corrupt", name);
    if (progress) progress(++done, documents.size());
  }
  for (const char* folder : {"plugins", "libraries"})
    if (Result<> kept = copy_tree(**bag, home.data, folder); !kept) return kept.error();
  BackupReport out{.head = copied->head, .files = (*bag)->files(), .bytes = (*bag)->bytes()};
  if (Result<> finished = (*bag)->finish({{"Bag-Software-Agent", "chuyi"}, {kRecords, std::to_string(out.head.count)}, {kHead, out.head.hash}}); !finished)
    return finished.error();
  return out;
}

Result<BackupReport> restore_backup(const std::string& from, const std::string& to, std::optional<std::int64_t> until, const BackupProgress& progress) {
  const Result<BagContents> contents = read_bag_folder(from);
  if (!contents) return contents.error();
  AuditHead expected;
  const auto records = contents->info.find(kRecords);
  const auto head = contents->info.find(kHead);
  if (records == contents->info.end() || head == contents->info.end() || !contents->digests.contains(kDatabase) ||
      std::from_chars(records->second.data(), records->second.data() + records->second.size(), expected.count).ec != std::errc{})
    return Error{.kind = ErrorKind::invalid, .code = "backup.unknown", .message = "Expected a folder that chuyi backup made", .place = from, .message_zh = "该文件夹不是备份"};
  expected.hash = head->second;

  const Result<std::unique_ptr<NewFolder>> folder = NewFolder::begin(to);
  if (!folder) return folder.error();
  const std::string partial = (*folder)->partial();
  BackupReport out;
  for (const auto& [name, digest] : contents->digests) {
    if (Result<> copied = copy_checked(from + "/data/" + name, digest, partial + "/" + name); !copied) return copied.error();
    if (progress) progress(++out.files, contents->digests.size());
  }
  const std::string database = partial + "/" + kDatabase;
  const Result<SqliteContents> restored = prepare_restored_sqlite(database, expected, until);
  if (!restored) return restored.error();
  out.head = restored->head;
  for (const std::string& digest : restored->documents)
    if (const auto found = contents->digests.find(document_name(digest)); found == contents->digests.end() || found->second != digest)
      return lost_document("restore.document", document_name(digest));
  {
    const Result<std::unique_ptr<Queries>> queries = open_sqlite_readers(database);
    if (!queries) return queries.error();
    const std::unique_ptr<DocumentStore> documents = read_file_documents(partial + "/documents");
    ArchivedBags bags(*documents);
    const Result<AuditHead> verified = verify_audit(**queries, {}, [&](const AuditRow& row, const std::string& bag) { return bags.record(row, bag); });
    if (!verified) return verified.error();
  }
  if (Result<> synced = sync_file(database); !synced) return synced.error();
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(partial))
    if (entry.is_regular_file()) out.bytes += entry.file_size();
  if (Result<> finished = (*folder)->finish(); !finished) return finished.error();
  return out;
}

}  // namespace chuyi

#include "server/storage.h"

#include "storage/documents/file_document_store.h"
#include "storage/postgres/postgres.h"
#include "storage/s3/s3_documents.h"
#include "storage/sqlite/sqlite.h"

namespace chuyi {
namespace {

Result<> check_url(const std::string& url) {
  if (url.empty() || url.starts_with("postgresql://") || url.starts_with("postgres://")) return {};
  return Error{.kind = ErrorKind::invalid, .code = "cli.store", .message = "Expected postgresql://[user@]host[:port]/database", .place = "--store"};
}

std::string database_of(const Home& home) { return home.data + "/chuyi.db"; }

Result<std::unique_ptr<DocumentStore>> open_bucket(const Home& home) {
  return open_s3_documents({.url = home.documents.url, .endpoint = home.documents.endpoint, .region = home.documents.region, .scratch = home.data + "/staging"});
}

Result<Storage> open_any(const Home& home, StorageEvents events) {
  if (Result<> checked = check_url(home.store); !checked) return checked.error();
  const std::string scratch = home.data + "/staging";
  Result<std::unique_ptr<DocumentStore>> documents = std::unique_ptr<DocumentStore>{};
  if (!home.documents.url.empty())
    documents = open_bucket(home);
  else if (home.store.empty())
    documents = open_file_documents(home.data + "/documents");
  if (!documents) return documents.error();
  if (home.store.empty()) {
    SqliteOptions options{.path = database_of(home), .cache_mb = home.cache_mb, .mmap_mb = home.mmap_mb};
    options.on_fatal = std::move(events.on_fatal);
    Result<SqliteStorage> opened = open_sqlite(std::move(options));
    if (!opened) return opened.error();
    return Storage{.store = std::move(opened->store), .queries = std::move(opened->queries), .documents = std::move(*documents)};
  }
  PostgresOptions options{.url = home.store, .scratch = scratch};
  options.on_work = std::move(events.on_work);
  Result<PostgresStorage> opened = open_postgres(std::move(options));
  if (!opened) return opened.error();
  if (*documents) opened->documents = std::move(*documents);
  return Storage{.store = std::move(opened->store), .queries = std::move(opened->queries), .documents = std::move(opened->documents)};
}

}  // namespace

namespace {

/// Errors: `rejected` "store.unfinished_copy".
Result<> check_whole(const Home& home, Queries& queries) {
  const Result<std::optional<std::string>> copied = queries.setting(kCopySetting);
  if (!copied) return copied.error();
  if (!*copied) return {};
  return Error{.kind = ErrorKind::rejected,
               .code = "store.unfinished_copy",
               .message = "Expected a whole installation, but found a copy that is not finished; run chuyi migrate-store again as before, or begin anew with an empty target",
               .place = home.store.empty() ? home.data : "--store",
               .message_zh = "这是未完成的副本，请再次运行chuyi migrate-store"};
}

Result<std::unique_ptr<Queries>> open_any_readers(const Home& home) {
  if (Result<> checked = check_url(home.store); !checked) return checked.error();
  return home.store.empty() ? open_sqlite_readers(database_of(home)) : open_postgres_readers(home.store);
}

}  // namespace

Result<Storage> open_storage(const Home& home, StorageEvents events) {
  Result<Storage> out = open_any(home, std::move(events));
  if (!out) return out;
  if (Result<> whole = check_whole(home, *out->queries); !whole) return whole.error();
  return out;
}

Result<std::unique_ptr<DocumentStore>> open_documents(const Home& home) {
  if (Result<> checked = check_url(home.store); !checked) return checked.error();
  if (!home.documents.url.empty()) return open_bucket(home);
  return home.store.empty() ? read_file_documents(home.data + "/documents") : open_postgres_documents(home.store, home.data + "/staging");
}

Result<CopyStorage> open_to_copy(const Home& home, TablesUse use) {
  if (Result<> checked = check_url(home.store); !checked) return checked.error();
  Result<std::unique_ptr<Tables>> tables = home.store.empty() ? open_sqlite_tables(database_of(home), use) : open_postgres_tables(home.store, use);
  if (!tables) return tables.error();
  Result<std::unique_ptr<Queries>> queries = open_any_readers(home);
  if (!queries) return queries.error();
  const bool makes_folder = use == TablesUse::write && home.store.empty() && home.documents.url.empty();
  Result<std::unique_ptr<DocumentStore>> documents = makes_folder ? open_file_documents(home.data + "/documents") : open_documents(home);
  if (!documents) return documents.error();
  return CopyStorage{.name = home.store.empty() ? home.data : "the database of the URL",
                     .tables = std::move(*tables),
                     .queries = std::move(*queries),
                     .documents = std::move(*documents),
                     .libraries = home.data + "/libraries"};
}

Result<std::unique_ptr<Queries>> open_readers(const Home& home) {
  Result<std::unique_ptr<Queries>> out = open_any_readers(home);
  if (!out) return out;
  if (Result<> whole = check_whole(home, **out); !whole) return whole.error();
  return out;
}

}  // namespace chuyi

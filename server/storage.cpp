#include "server/storage.h"

#include "storage/documents/file_document_store.h"
#include "storage/postgres/postgres.h"
#include "storage/sqlite/sqlite.h"

namespace chuyi {
namespace {

Result<> check_url(const std::string& url) {
  if (url.empty() || url.starts_with("postgresql://") || url.starts_with("postgres://")) return {};
  return Error{.kind = ErrorKind::invalid, .code = "cli.store", .message = "Expected postgresql://[user@]host[:port]/database", .place = "--store"};
}

std::string database_of(const Home& home) { return home.data + "/chuyi.db"; }

}  // namespace

Result<Storage> open_storage(const Home& home, StorageEvents events) {
  if (Result<> checked = check_url(home.store); !checked) return checked.error();
  if (home.store.empty()) {
    SqliteOptions options{.path = database_of(home)};
    options.on_fatal = std::move(events.on_fatal);
    Result<SqliteStorage> opened = open_sqlite(std::move(options));
    if (!opened) return opened.error();
    Result<std::unique_ptr<DocumentStore>> documents = open_file_documents(home.data + "/documents");
    if (!documents) return documents.error();
    return Storage{.store = std::move(opened->store), .queries = std::move(opened->queries), .documents = std::move(*documents)};
  }
  PostgresOptions options{.url = home.store, .scratch = home.data + "/staging"};
  options.on_work = std::move(events.on_work);
  Result<PostgresStorage> opened = open_postgres(std::move(options));
  if (!opened) return opened.error();
  return Storage{.store = std::move(opened->store), .queries = std::move(opened->queries), .documents = std::move(opened->documents)};
}

Result<std::unique_ptr<Queries>> open_readers(const Home& home) {
  if (Result<> checked = check_url(home.store); !checked) return checked.error();
  return home.store.empty() ? open_sqlite_readers(database_of(home)) : open_postgres_readers(home.store);
}

}  // namespace chuyi

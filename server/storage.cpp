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

}  // namespace

Result<Storage> open_storage(const Home& home, StorageEvents events) {
  if (Result<> checked = check_url(home.store); !checked) return checked.error();
  const std::string scratch = home.data + "/staging";
  Result<std::unique_ptr<DocumentStore>> documents = std::unique_ptr<DocumentStore>{};
  if (!home.documents.url.empty())
    documents = open_s3_documents({.url = home.documents.url, .endpoint = home.documents.endpoint, .region = home.documents.region, .scratch = scratch});
  else if (home.store.empty())
    documents = open_file_documents(home.data + "/documents");
  if (!documents) return documents.error();
  if (home.store.empty()) {
    SqliteOptions options{.path = database_of(home)};
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

Result<std::unique_ptr<Queries>> open_readers(const Home& home) {
  if (Result<> checked = check_url(home.store); !checked) return checked.error();
  return home.store.empty() ? open_sqlite_readers(database_of(home)) : open_postgres_readers(home.store);
}

}  // namespace chuyi

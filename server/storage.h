#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/ports/documents.h"
#include "engine/ports/queries.h"
#include "engine/ports/store.h"
#include "engine/ports/tables.h"

namespace chuyi {

/// Where documents are when they are not beside the rows: see S3Options.
struct DocumentPlace {
  std::string url = {};  ///< s3://…; empty: in the data folder, or in the database that nodes share
  std::string endpoint = {};
  std::string region = "us-east-1";
};

/// Where an installation is.
struct Home {
  std::string data;        ///< folder of packages, and of the embedded database and its documents
  std::string store = {};  ///< postgresql://… of a database for several nodes; empty: the embedded one
  DocumentPlace documents = {};
  std::size_t cache_mb = 64;  ///< of the embedded database, see SqliteOptions
  std::size_t mmap_mb = 0;
};

struct Storage {
  std::unique_ptr<Store> store;
  std::unique_ptr<Queries> queries;
  std::unique_ptr<DocumentStore> documents;
};

struct StorageEvents {
  std::function<void(const Error&)> on_fatal = [](const Error&) {};  ///< nothing is written any more: end and start again
  std::function<void()> on_work = [] {};                             ///< another node left something to do
};

/// Opens the store to write. Errors: `invalid` "cli.store" for another kind of URL;
/// `rejected` "store.unfinished_copy"; those of the adapters, also of open_s3_documents().
Result<Storage> open_storage(const Home& home, StorageEvents events = {});
/// Readers alone, beside running servers. Errors: also `not_found` "store.missing".
Result<std::unique_ptr<Queries>> open_readers(const Home& home);
/// The documents alone, to be read beside running servers. Errors: those of open_storage().
Result<std::unique_ptr<DocumentStore>> open_documents(const Home& home);

/// A setting that is there while a copy of another installation is being made, and until it is whole: see copy_store().
inline constexpr std::string_view kCopySetting = "copy_of";

/// A store as copy_store() uses it.
struct CopyStorage {
  std::string name;  ///< for people, without a password
  std::unique_ptr<Tables> tables;
  std::unique_ptr<Queries> queries;
  std::unique_ptr<DocumentStore> documents;
  std::string libraries;  ///< folder of native libraries that may not be among the documents
};
/// Errors: those of open_storage() and open_readers().
Result<CopyStorage> open_to_copy(const Home& home, TablesUse use);

}  // namespace chuyi

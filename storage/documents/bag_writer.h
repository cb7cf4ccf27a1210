#pragma once

#include "engine/ports/documents.h"

namespace chuyi {

/// Writes a BagIt 1.0 bag (RFC 8493) to `path` as a zip with one base folder "bag" (section 4). Documents are streamed
/// from `store`. Entries are sorted and stored uncompressed, times and modes fixed, so equal specs give equal bytes,
/// whatever the version of zlib. The file is not synced.
/// Errors: as DocumentStore::seal.
Result<> write_bag(DocumentStore& store, const BagSpec& spec, const std::string& path);

}  // namespace chuyi

#pragma once

#include "engine/ports/documents.h"

namespace chuyi {

/// Packs a BagIt 1.0 bag (RFC 8493) as a zip with one base folder "bag" (section 4) and keeps it in `store`.
/// Entries are sorted, times and modes fixed, so equal specs give equal bytes.
Result<StoredDocument> write_bag(DocumentStore& store, const BagSpec& spec);

}  // namespace chuyi

#pragma once

#include <memory>
#include <string>

#include "engine/ports/documents.h"

namespace chuyi {

/// Documents as files named by their SHA-256 below `folder`: written to a staging folder, synced, renamed,
/// the folder synced; only then do they exist. Files 0600, folders 0700. Empties the staging folder.
/// Errors: `unavailable` "document.io".
Result<std::unique_ptr<DocumentStore>> open_file_documents(const std::string& folder);
/// The same to read beside a running server: leaves the staging folder as it is.
std::unique_ptr<DocumentStore> read_file_documents(const std::string& folder);

}  // namespace chuyi

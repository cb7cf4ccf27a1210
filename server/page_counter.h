#pragma once

#include <cstdint>

#include "engine/ports/documents.h"

namespace chuyi {

/// How many pages a PDF has, counted in a process of its own with bounds on memory and processor time: what strangers upload
/// may unpack to any size. Two are counted at once; the others wait. Blocks.
/// Errors: `invalid` "document.pdf", also when it passes the bounds; `unavailable` "document.pages"; those of the reader.
Result<std::int64_t> count_pages(DocumentReader& content);

/// The argument by which the program is that process; count_stdin() is its main(): PDF in, number out.
inline constexpr const char* kCountPages = "count-pages";
int count_stdin();

}  // namespace chuyi

#pragma once

#include <cstdint>
#include <string_view>

#include "engine/base/result.h"

namespace chuyi {

/// How many pages a PDF has, by its page tree. What is compressed in it may be of any size: whoever asks bounds the process.
/// Errors: `invalid` "document.pdf" when it cannot be read, is encrypted or has none.
Result<std::int64_t> count_pdf_pages(std::string_view bytes);

/// The error for one whose pages cannot be counted.
Error unreadable_pdf();

}  // namespace chuyi

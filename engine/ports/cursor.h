#pragma once

#include <cstdint>
#include <string>

#include "engine/base/result.h"

namespace chuyi {

/// Where a page of rows ordered by (number, id) continues: after the row with these. Text form "NUMBER.ID".
struct Cursor {
  std::int64_t number = 0;
  std::string id;
};

std::string cursor_text(std::int64_t number, const std::string& id);
/// Errors: `invalid` "page.cursor".
Result<Cursor> parse_cursor(const std::string& text);

}  // namespace chuyi

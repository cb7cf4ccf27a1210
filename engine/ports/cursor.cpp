#include "engine/ports/cursor.h"

#include <charconv>

namespace chuyi {

std::string cursor_text(std::int64_t number, const std::string& id) { return std::to_string(number) + "." + id; }

Result<Cursor> parse_cursor(const std::string& text) {
  Cursor out;
  const char* last = text.data() + text.size();
  const auto [end, ec] = std::from_chars(text.data(), last, out.number);
  if (ec != std::errc{} || end == last || *end != '.')
    return Error{.kind = ErrorKind::invalid,
                 .code = "page.cursor",
                 .message = "Expected the 'next' of an earlier page",
                 .place = "after",
                 .message_zh = "分页参数无效"};
  out.id.assign(end + 1, last);
  return out;
}

}  // namespace chuyi

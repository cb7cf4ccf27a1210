#include <cerrno>
#include <memory>

#include <iconv.h>

#include "engine/base/json.h"
#include "server/imports/sheet.h"

namespace chuyi {
namespace {

Error bad(const char* code, std::string message, std::string message_zh, std::string place = {}, ErrorKind kind = ErrorKind::invalid) {
  return Error{.kind = kind, .code = code, .message = std::move(message), .place = std::move(place), .message_zh = std::move(message_zh)};
}

/// Errors: `invalid` "sheet.encoding".
Result<std::string> converted(std::string_view bytes, const char* encoding) {
  const auto close = [](void* converter) { iconv_close(converter); };
  const std::unique_ptr<void, decltype(close)> converter(iconv_open("UTF-8", encoding), close);
  std::string out(bytes.size() * 2 + 16, '\0');
  std::string copy{bytes};
  char* from = copy.data();
  char* to = out.data();
  std::size_t left = copy.size(), room = out.size();
  if (iconv(converter.get(), &from, &left, &to, &room) == static_cast<std::size_t>(-1))
    return bad("sheet.encoding", "Expected UTF-8, UTF-16 or GB18030, but found bytes that are none of them", "文件编码无法识别，请另存为UTF-8或GB18030（GBK）编码的CSV",
               "byte " + std::to_string(bytes.size() - left + 1));
  out.resize(out.size() - room);
  return out;
}

Result<std::string> to_utf8(std::string_view bytes) {
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  if (bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF")) return converted(bytes, "UTF-16");
  if (is_utf8(bytes)) return std::string{bytes};
  return converted(bytes, "GB18030");
}

std::string_view trimmed(std::string_view text) {
  static constexpr std::string_view kWide = "\xE3\x80\x80";  // U+3000
  for (bool more = true; more;) {
    more = false;
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t' || text.front() == '\r' || text.front() == '\n')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r' || text.back() == '\n')) text.remove_suffix(1);
    if (text.starts_with(kWide)) text.remove_prefix(3), more = true;
    if (text.ends_with(kWide)) text.remove_suffix(3), more = true;
  }
  return text;
}

/// Reads cells one after the other.
class Csv {
 public:
  explicit Csv(std::string_view text) : text_(text) {
    const std::string_view head = text.substr(0, text.find_first_of("\r\n"));
    if (head.find(',') == std::string_view::npos && head.find('\t') != std::string_view::npos) separator_ = '\t';
  }

  Result<Sheet> read() {
    Sheet out;
    for (std::size_t number = 1; at_ < text_.size(); ++number) {
      SheetRow row{.number = number, .cells = {}};
      bool more = true;
      for (std::size_t column = 0; more; ++column) {
        const Result<std::string> cell = next_cell(number, more);
        if (!cell) return cell.error();
        if (Result<> put = put_cell(row, column, *cell); !put) return put.error();
      }
      if (Result<> put = put_row(out, std::move(row)); !put) return put.error();
    }
    return out;
  }

 private:
  /// @param more  another cell of the row follows
  Result<std::string> next_cell(std::size_t row, bool& more) {
    std::string out;
    if (at_ < text_.size() && text_[at_] == '"') {
      for (++at_;; ++at_) {
        if (at_ >= text_.size()) return bad("sheet.quotes", "Expected the end of a quoted cell", "引号没有结束", std::to_string(row));
        if (text_[at_] == '"' && (++at_ >= text_.size() || text_[at_] != '"')) break;
        out += text_[at_];
      }
    }
    const std::size_t end = std::min(text_.find_first_of(separator_ == ',' ? ",\r\n" : "\t\r\n", at_), text_.size());
    out += text_.substr(at_, end - at_);
    at_ = end;
    more = at_ < text_.size() && text_[at_] == separator_;
    if (more) {
      ++at_;
    } else {
      if (at_ < text_.size() && text_[at_] == '\r') ++at_;
      if (at_ < text_.size() && text_[at_] == '\n') ++at_;
    }
    return out;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  char separator_ = ',';
};

}  // namespace

Result<> put_cell(SheetRow& row, std::size_t column, std::string_view text) {
  text = trimmed(text);
  const std::string place = std::to_string(row.number) + ":" + std::to_string(column + 1);
  if (text.size() > kSheetCellBytesMax)
    return bad("sheet.cell", "Expected at most " + std::to_string(kSheetCellBytesMax) + " bytes in a cell", "单元格内容过长", place, ErrorKind::too_large);
  if (text.empty()) return {};
  if (column >= kSheetColumnsMax)
    return bad("sheet.columns", "Expected at most " + std::to_string(kSheetColumnsMax) + " columns", "列数过多", place, ErrorKind::too_large);
  if (row.cells.size() <= column) row.cells.resize(column + 1);
  row.cells[column] = text;
  return {};
}

Result<> put_row(Sheet& sheet, SheetRow row) {
  if (row.cells.empty()) return {};
  // The headings are no row.
  if (sheet.rows.size() > kSheetRowsMax)
    return bad("sheet.rows", "Expected at most " + std::to_string(kSheetRowsMax) + " rows; bring them in several files",
               "最多" + std::to_string(kSheetRowsMax) + "行，请分批导入", std::to_string(row.number), ErrorKind::too_large);
  for (const std::string& cell : row.cells) sheet.text_bytes += cell.size();
  if (sheet.text_bytes > kSheetTextBytesMax)
    return bad("sheet.text", "Expected at most 16 MiB of text in all cells together; bring them in several files",
               "全部单元格的文字合计不得超过16MiB，请分批导入", std::to_string(row.number), ErrorKind::too_large);
  sheet.rows.push_back(std::move(row));
  return {};
}

Result<Sheet> read_csv(std::string_view bytes) {
  if (bytes.size() > kSheetBytesMax) return bad("sheet.size", "Expected at most 8 MiB", "文件过大", {}, ErrorKind::too_large);
  const Result<std::string> text = to_utf8(bytes);
  if (!text) return text.error();
  if (!is_utf8(*text) || text->find('\0') != std::string::npos) return bad("sheet.encoding", "Expected text without NUL characters", "文件不是文本");
  return Csv(*text).read();
}

Result<Sheet> read_sheet(std::string_view bytes) { return bytes.starts_with("PK\x03\x04") ? read_xlsx(bytes) : read_csv(bytes); }

}  // namespace chuyi

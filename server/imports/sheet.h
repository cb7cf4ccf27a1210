#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"

namespace chuyi {

struct SheetRow {
  std::size_t number = 0;          ///< as a spreadsheet shows it, from 1
  std::vector<std::string> cells;  ///< UTF-8, without white space around; those after the last one are empty
};
/// A table as people bring it. Rows without any text are left out.
struct Sheet {
  std::vector<SheetRow> rows;
  std::size_t text_bytes = 0;    ///< of all cells
  std::vector<Detail> problems;  ///< cells that cannot be read; place = "row:column", from 1
};

inline constexpr std::size_t kSheetRowsMax = 5'000;
inline constexpr std::size_t kSheetColumnsMax = 64;
inline constexpr std::size_t kSheetCellBytesMax = 4'000;
inline constexpr std::size_t kSheetBytesMax = 8U * 1024 * 1024;
/// What all cells may come to: a workbook may name one long text in every cell and be small.
inline constexpr std::size_t kSheetTextBytesMax = 16U * 1024 * 1024;

/// CSV (RFC 4180; tabs count as separators where the first line has no comma) in UTF-8 with or without a byte order mark, UTF-16 with one, or GB18030, which is
/// what spreadsheets save in China.
/// @return Errors: `invalid` "sheet.encoding", "sheet.quotes"; `too_large` "sheet.size", "sheet.rows", "sheet.columns", "sheet.cell",
/// "sheet.text".
Result<Sheet> read_csv(std::string_view bytes);

/// The first sheet of a workbook (ECMA-376, Office Open XML): texts as they are, numbers as the digits that are stored, a
/// formula's last value. Through the gates for archives and XML.
/// @return Errors: also `invalid` "sheet.workbook", "sheet.macros", "sheet.external"; those of open_zip and parse_xml.
Result<Sheet> read_xlsx(std::string_view bytes);

/// One or the other, by its first bytes.
Result<Sheet> read_sheet(std::string_view bytes);

/// For both readers. `column` from 0. Errors: `too_large` "sheet.columns", "sheet.cell".
Result<> put_cell(SheetRow& row, std::size_t column, std::string_view text);
/// Errors: `too_large` "sheet.rows".
Result<> put_row(Sheet& sheet, SheetRow row);

}  // namespace chuyi

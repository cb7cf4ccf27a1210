#pragma once

#include <string>
#include <vector>

#include "engine/review/results.h"

/// A programme's results as tables that a spreadsheet computes again: sheets, stages, panels, and a ranking of each list.
namespace chuyi {

/// A text, or a number with the formula that it comes from (none: it was given).
struct TableCell {
  std::string text;
  bool number = false;
  std::string formula = {};
};
struct ResultsTable {
  std::string id;     ///< "sheets"
  std::string title;  ///< of the worksheet, in the language asked for
  std::vector<std::vector<TableCell>> rows;  ///< the first one: headings
};

/// @param language  zh or en.
std::vector<ResultsTable> results_tables(const review::Input& input, const review::Results& results, std::size_t programme, const std::string& language);

/// A workbook of one worksheet for each table, with formulas and the values they must come to.
/// Errors: `unavailable` "file.write".
Result<> write_workbook(const std::vector<ResultsTable>& tables, const std::string& path);

/// RFC 4180 in UTF-8 with a byte order mark. A text that a spreadsheet would take for a formula gets a leading "'".
std::string csv_of(const ResultsTable& table);

}  // namespace chuyi

#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "engine/ports/queries.h"
#include "engine/runtime/command.h"

namespace chuyi {

struct ImportOptions {
  std::string kind;          ///< "organisations", "users", "experts"
  bool preview = false;      ///< say what would change and write nothing
  bool renew_codes = false;  ///< also give new codes to users who have not set their password yet
  Instant now;
};

/// Reads a sheet and writes all its rows in one transaction, or none.
///
/// @param execute  carries out a command and waits for it
/// @return {"kind", "rows": number, "problems": [{"row", "column", "code", "detail", "detail_zh"}], "changes": [{"row", "id",
///         "name", "action", "fields"?}], "applied": bool, "codes": [{"id", "code", "expires"}]?}. "row" is the sheet's; 0: the file.
///         New users have no password: each sets one with the code, which is nowhere but in this answer.
///         Errors: those of read_sheet, the store and `execute`; `invalid` "import.kind", "import.headings".
Result<json::object> import_sheet(std::string_view bytes, const ImportOptions& options, Queries& queries, const std::function<Result<Reply>(Command)>& execute);

}  // namespace chuyi

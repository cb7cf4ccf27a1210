#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/json.h"
#include "engine/base/result.h"
#include "server/imports/sheet.h"

namespace chuyi {

/// A column that a sheet of one kind may have.
struct ImportColumn {
  enum class Type : std::uint8_t {
    text,
    organisation,  ///< its id, code or name, of today or of before
    word,          ///< one of `words`
    yes_no,
    year,
    list  ///< between ; ； 、 or line breaks
  };
  std::string_view key, zh, en;
  bool required = false;
  Type type = Type::text;
  std::vector<std::pair<std::string_view, std::string_view>> words = {};  ///< what is stored, and its zh
  std::string_view example = {};
};

/// Of "organisations", "users", "experts"; empty for any other.
const std::vector<ImportColumn>& import_columns(std::string_view kind);

/// What a cell says. Errors: `invalid` "import.word", "import.yes_no", "import.year".
Result<json::value> value_of(const ImportColumn& column, const std::string& cell);

/// A workbook (.xlsx) with the headings, what they mean, and the words to choose from. Errors: `unavailable` "import.template".
Result<std::string> import_template(std::string_view kind, std::string_view language);

}  // namespace chuyi

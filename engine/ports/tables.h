#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"

namespace chuyi {

struct TableColumn {
  std::string name;
  bool number = false;         ///< else text
  std::string refers_to = {};  ///< table whose key it is
};

/// A table as the schema of a store has it; or some of its columns.
struct Table {
  std::string name;
  std::vector<TableColumn> columns;
  std::vector<std::string> key;  ///< columns of the primary key, in its order
  /// Position of a column that it has.
  std::size_t index_of(std::string_view column) const {
    return static_cast<std::size_t>(std::find_if(columns.begin(), columns.end(), [&](const TableColumn& each) { return each.name == column; }) - columns.begin());
  }
};

/// A row: numbers in decimal, nothing for a NULL.
using Cells = std::vector<std::optional<std::string>>;

struct RowChange {
  enum class Kind : std::uint8_t { insert, update, remove } kind;
  Cells cells;  ///< in the order of the columns
};

/// The rows of a store as they are, for copying it as a whole: knows neither what they mean nor who refers to whom.
/// Not thread-safe.
class Tables {
 public:
  virtual ~Tables() = default;
  /// Every table of the schema.
  virtual Result<std::vector<Table>> tables() = 0;
  /// Up to `limit` rows in the order of `table.key`, which is bytewise and the same in every store.
  /// @param after  cells of the key that the rows come after; empty: from the first.
  virtual Result<std::vector<Cells>> rows(const Table& table, const Cells& after, std::size_t limit) = 0;
  virtual Result<std::int64_t> count(const std::string& table) = 0;
  /// All of them in one transaction. Rows are found by `table.key`.
  virtual Result<> write(const Table& table, const std::vector<RowChange>& changes) = 0;
};

/// To read everything is of one moment, whoever writes meanwhile. To write the schema is brought up to date first.
enum class TablesUse : std::uint8_t { read, write };

}  // namespace chuyi

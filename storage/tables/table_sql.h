#pragma once

#include <charconv>
#include <string>
#include <vector>

#include "engine/ports/tables.h"

/// Statements over a whole table, which are the same in both dialects.
namespace chuyi::table_sql {

inline std::string quoted(const std::string& name) { return "\"" + name + "\""; }

/// "a"=?,"b"=? or, with nothing after, "a","b".
inline std::string list(const std::vector<std::string>& names, const std::string& after = {}, const std::string& between = ",") {
  std::string out;
  for (const std::string& each : names) out += (out.empty() ? "" : between) + quoted(each) + after;
  return out;
}

inline std::string marks(std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += i == 0 ? "?" : ",?";
  return out;
}

inline std::vector<std::string> names_of(const Table& table) {
  std::vector<std::string> out;
  for (const TableColumn& each : table.columns) out.push_back(each.name);
  return out;
}

inline std::string select(const Table& table, bool from_start, std::size_t limit) {
  const std::string keys = list(table.key);
  return "SELECT " + list(names_of(table)) + " FROM " + quoted(table.name) + (from_start ? "" : " WHERE (" + keys + ") > (" + marks(table.key.size()) + ")") + " ORDER BY " + keys +
         " LIMIT " + std::to_string(limit);
}

inline std::string change(const Table& table, RowChange::Kind kind) {
  const std::string where = " WHERE " + list(table.key, "=?", " AND ");
  switch (kind) {
    case RowChange::Kind::insert: return "INSERT INTO " + quoted(table.name) + " (" + list(names_of(table)) + ") VALUES (" + marks(table.columns.size()) + ")";
    case RowChange::Kind::update: return "UPDATE " + quoted(table.name) + " SET " + list(names_of(table), "=?") + where;
    case RowChange::Kind::remove: return "DELETE FROM " + quoted(table.name) + where;
  }
  return {};
}

template <class Statement>
void bind(Statement& statement, const TableColumn& column, const std::optional<std::string>& cell) {
  if (!cell) {
    statement.bind_null();
  } else if (column.number) {
    std::int64_t number = 0;
    std::from_chars(cell->data(), cell->data() + cell->size(), number);
    statement.bind(number);
  } else {
    statement.bind(*cell);
  }
}

/// Binds the parameters of select() after a row.
template <class Statement>
void bind_key(Statement& statement, const Table& table, const Cells& key) {
  for (std::size_t i = 0; i < key.size(); ++i) bind(statement, table.columns[table.index_of(table.key[i])], key[i]);
}

/// Binds the parameters of change().
template <class Statement>
void bind_change(Statement& statement, const Table& table, const RowChange& change) {
  if (change.kind != RowChange::Kind::remove)
    for (std::size_t i = 0; i < table.columns.size(); ++i) bind(statement, table.columns[i], change.cells[i]);
  if (change.kind == RowChange::Kind::insert) return;
  for (const std::string& each : table.key) {
    const std::size_t i = table.index_of(each);
    bind(statement, table.columns[i], change.cells[i]);
  }
}

template <class Row>
Cells read(const Row& row, const Table& table) {
  Cells out;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const int column = static_cast<int>(i);
    out.push_back(row.is_null(column) ? std::nullopt : std::optional{row.text(column)});
  }
  return out;
}

}  // namespace chuyi::table_sql

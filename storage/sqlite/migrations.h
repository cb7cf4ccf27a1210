#pragma once

#include <vector>

#include "storage/sqlite/connection.h"

namespace chuyi::sqlite {

/// storage/sqlite/schema/NNN_*.sql in order; number N brings the schema to version N.
const std::vector<const char*>& migrations();
/// Brings the schema up to date. Throws Failure, with SQLITE_NOTADB for a database of a newer release.
void migrate(Connection& db);

}  // namespace chuyi::sqlite

#pragma once

#include <vector>

#include "storage/postgres/connection.h"

namespace chuyi::postgres {

/// storage/postgres/schema/NNN_*.sql in order; number N brings the schema to version N, the same as in storage/sqlite.
const std::vector<const char*>& migrations();
/// Brings the schema up to date. Throws Failure. Errors: `invalid` "store.version" for a database of a newer release,
/// "store.encoding" for one that is not in UTF-8.
Result<> prepare_database(Connection& db);

}  // namespace chuyi::postgres

#pragma once

#include <vector>

namespace chuyi::postgres {

/// storage/postgres/schema/NNN_*.sql in order; number N brings the schema to version N, the same as in storage/sqlite.
const std::vector<const char*>& migrations();

}  // namespace chuyi::postgres

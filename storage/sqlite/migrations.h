#pragma once

#include <vector>

namespace chuyi::sqlite {

/// storage/sqlite/schema/NNN_*.sql in order; number N brings the schema to version N.
const std::vector<const char*>& migrations();

}  // namespace chuyi::sqlite

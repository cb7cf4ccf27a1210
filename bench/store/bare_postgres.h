#pragma once

#include <string>

#include "bench/store/bare_sqlite.h"

namespace chuyi::bench {

/// Runs statements without parameters. Ends the program when one fails.
void execute_postgres(const std::string& url, const std::string& sql);

/// Writes the rows of `recorded` into the database at `url`, which has the same tables, indexes and content as the
/// product's: libpq in pipeline mode, 64 sign-offs to a transaction, `connections` transactions beside each other, none of
/// which waits for another (no chain of audit records). A span is that of one transaction.
Figure measure_bare_postgres(const Recorded& recorded, const std::string& url, std::size_t connections);

}  // namespace chuyi::bench

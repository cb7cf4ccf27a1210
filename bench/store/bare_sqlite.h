#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/support/report.h"

namespace chuyi::bench {

/// The rows that sign-offs wrote, as plain values, each sign-off's by itself.
class Recorded {
 public:
  /// Compares `after` with `before` row by row (SQLite's session extension), and keeps what differs, by application.
  /// Nothing of the product takes part: whatever it writes, the limit writes as well.
  static Recorded difference(const std::string& before, const std::string& after);

  struct Value {
    bool text = true;
    std::string bytes;
    long long number = 0;
  };
  struct Write {
    std::string sql;
    std::vector<Value> values;
  };
  std::vector<std::vector<Write>> sign_offs;
  /// For each sign-off.
  double rows() const;
  double bytes() const;
};

/// Writes `recorded` into `database`, a file of its own with the same tables, indexes and content as the product's was,
/// with prepared statements and synchronous=FULL, `group` sign-offs to a commit; and after each commit's sign-offs the two
/// rows of the audit chain's head. A span is that of one commit.
Figure measure_bare(const Recorded& recorded, const std::string& database, std::size_t group);

}  // namespace chuyi::bench

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/decimal.h"

/// What a list of decimals comes to: computed exactly, rounded half up once, to `places` (0–6) decimal places. A result
/// that is rounded to six places first and to two then may be a hundredth off; these are not. Numbers up to 10,000 in
/// magnitude and a million of them: past that the sums would not fit.
namespace chuyi {

/// Sums that a number can be taken out of again.
class Moments {
 public:
  void add(Decimal value);
  void remove(Decimal value);
  std::int64_t count() const { return count_; }
  /// Σx / n. `count()` is not 0.
  Decimal mean(int places) const;
  /// √(Σ(x − mean)² / n), of the exact mean: the deviation of the whole, STDEV.P of a spreadsheet. `count()` is not 0.
  Decimal deviation(int places) const;

 private:
  __extension__ using Wide = __int128;
  std::int64_t count_ = 0;
  Wide sum_ = 0;
  Wide squares_ = 0;
};

/// `values` is not empty.
Decimal mean(std::span<const Decimal> values, int places);
/// The middle one, or the mean of the two in the middle. `values` is not empty.
Decimal median(std::vector<Decimal> values, int places);

struct Weighted {
  Decimal value;
  Decimal weight;  ///< of a hundred
};
/// Σ value · weight / 100.
Decimal weighted(std::span<const Weighted> parts, int places);

/// base + offset · numerator / denominator. `denominator` is not 0.
Decimal scaled(Decimal base, Decimal offset, Decimal numerator, Decimal denominator, int places);

}  // namespace chuyi

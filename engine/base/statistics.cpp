#include "engine/base/statistics.h"

#include <algorithm>

namespace chuyi {
namespace {

__extension__ using Wide = __int128;
__extension__ using Unsigned = unsigned __int128;

/// Millionths in one unit of the last place.
Wide step_of(int places) {
  Wide step = 1;
  for (int i = places; i < 6; ++i) step *= 10;
  return step;
}

/// numerator / denominator millionths, half away from zero, to a multiple of `step`. `denominator` is above 0.
Decimal rounded_quotient(Wide numerator, Wide denominator, Wide step) {
  const Wide magnitude = numerator < 0 ? -numerator : numerator;
  const Wide units = (magnitude * 2 + denominator * step) / (denominator * step * 2) * step;
  return Decimal::from_units(static_cast<std::int64_t>(numerator < 0 ? -units : units));
}

/// The largest whole number whose square is at most `value`.
Unsigned square_root(Unsigned value) {
  if (value < 2) return value;
  int bits = 0;
  for (Unsigned rest = value; rest != 0; rest >>= 1) ++bits;
  Unsigned root = Unsigned{1} << ((bits + 1) / 2);  // from above, Newton's steps fall to it
  for (Unsigned next = (root + value / root) / 2; next < root; next = (root + value / root) / 2) root = next;
  return root;
}

}  // namespace

void Moments::add(Decimal value) {
  ++count_;
  sum_ += value.units();
  squares_ += Wide{value.units()} * value.units();
}

void Moments::remove(Decimal value) {
  --count_;
  sum_ -= value.units();
  squares_ -= Wide{value.units()} * value.units();
}

Decimal Moments::mean(int places) const { return rounded_quotient(sum_, count_, step_of(places)); }

Decimal Moments::deviation(int places) const {
  // √D / n with the whole number D = nΣx² − (Σx)². Half up is ⌊√D/(n·step) + ½⌋ = ⌊(⌊√4D⌋ + n·step) / (2n·step)⌋.
  const Wide spread = squares_ * count_ - sum_ * sum_;
  const Wide divisor = Wide{count_} * step_of(places);
  const Wide root = static_cast<Wide>(square_root(static_cast<Unsigned>(spread) * 4));
  return Decimal::from_units(static_cast<std::int64_t>((root + divisor) / (divisor * 2) * step_of(places)));
}

Decimal mean(std::span<const Decimal> values, int places) {
  Moments moments;
  for (const Decimal value : values) moments.add(value);
  return moments.mean(places);
}

Decimal median(std::vector<Decimal> values, int places) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  if (values.size() % 2 == 1) return values[middle].rounded(places);
  return mean(std::span(values).subspan(middle - 1, 2), places);
}

Decimal weighted(std::span<const Weighted> parts, int places) {
  Wide sum = 0;
  for (const Weighted& part : parts) sum += Wide{part.value.units()} * part.weight.units();
  return rounded_quotient(sum, Wide{100} * Decimal::kScale, step_of(places));
}

Decimal scaled(Decimal base, Decimal offset, Decimal numerator, Decimal denominator, int places) {
  Wide divisor = denominator.units();
  Wide sum = Wide{base.units()} * divisor + Wide{offset.units()} * numerator.units();
  if (divisor < 0) {
    divisor = -divisor;
    sum = -sum;
  }
  return rounded_quotient(sum, divisor, step_of(places));
}

}  // namespace chuyi

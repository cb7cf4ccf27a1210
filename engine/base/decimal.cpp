#include "engine/base/decimal.h"

#include <limits>

namespace chuyi {
namespace {

__extension__ using Wide = __int128;  // of GCC and Clang; products of two decimals need 120 bits

constexpr std::int64_t kPow10[] = {1, 10, 100, 1'000, 10'000, 100'000, 1'000'000};
constexpr std::int64_t kUnitsMax = 1'000'000'000'000 * Decimal::kScale - 1;

/// `value / divisor`, half away from zero.
constexpr Wide divide_half_up(Wide value, Wide divisor) {
  if (divisor < 0) {
    value = -value;
    divisor = -divisor;
  }
  return value < 0 ? -((-value * 2 + divisor) / (divisor * 2)) : (value * 2 + divisor) / (divisor * 2);
}

constexpr std::int64_t clamp(Wide units) {
  if (units > kUnitsMax) return kUnitsMax;
  if (units < -kUnitsMax) return -kUnitsMax;
  return static_cast<std::int64_t>(units);
}

constexpr Wide product(std::int64_t a, std::int64_t b) { return divide_half_up(Wide{a} * b, Decimal::kScale); }
constexpr Wide quotient(std::int64_t a, std::int64_t b) { return divide_half_up(Wide{a} * Decimal::kScale, b); }

Result<Decimal> checked(Wide units) {
  if (units <= kUnitsMax && units >= -kUnitsMax) return Decimal::from_units(static_cast<std::int64_t>(units));
  return Error{.kind = ErrorKind::invalid, .code = "decimal.range", .message = "Expected a result below 10^12"};
}

Error bad_decimal(std::string_view text, const char* code, const char* expected) {
  return Error{.kind = ErrorKind::invalid,
               .code = code,
               .message = std::string{"Expected "} + expected + ", but found '" + std::string{text.substr(0, 40)} + "'"};
}

}  // namespace

Result<Decimal> Decimal::parse(std::string_view text) {
  constexpr const char* kExpected = "a decimal number like 87.50 with at most 6 decimal places";
  std::size_t at = !text.empty() && text.front() == '-' ? 1 : 0;
  const bool negative = at == 1;
  std::int64_t whole = 0;
  const std::size_t whole_start = at;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    if (at - whole_start >= 12) return bad_decimal(text, "decimal.range", "a decimal number below 10^12");
    whole = whole * 10 + (text[at] - '0');
  }
  if (at == whole_start) return bad_decimal(text, "decimal.syntax", kExpected);
  std::int64_t fraction = 0;
  if (at < text.size() && text[at] == '.') {
    const std::size_t start = ++at;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
      if (at - start >= 6) return bad_decimal(text, "decimal.range", kExpected);
      fraction = fraction * 10 + (text[at] - '0');
    }
    if (at == start) return bad_decimal(text, "decimal.syntax", kExpected);
    fraction *= kPow10[6 - (at - start)];
  }
  if (at != text.size()) return bad_decimal(text, "decimal.syntax", kExpected);
  const std::int64_t units = whole * kScale + fraction;
  return from_units(negative ? -units : units);
}

Decimal Decimal::rounded(int places) const {
  const std::int64_t step = kPow10[6 - places];
  return from_units(static_cast<std::int64_t>(divide_half_up(units_, step) * step));
}

bool Decimal::in_range() const { return units_ <= kUnitsMax && units_ >= -kUnitsMax; }

std::string Decimal::to_string(int places) const {
  const std::int64_t units = rounded(places).units_;
  const std::int64_t magnitude = units < 0 ? -units : units;
  std::string out = units < 0 ? "-" : "";
  out += std::to_string(magnitude / kScale);
  if (places > 0) {
    std::string fraction = std::to_string(magnitude % kScale + kScale).substr(1);
    fraction.resize(static_cast<std::size_t>(places));
    out += "." + fraction;
  }
  return out;
}

std::string Decimal::to_string() const {
  std::string out = to_string(6);
  out.erase(out.find_last_not_of('0') + 1);
  if (out.back() == '.') out.pop_back();
  return out;
}

Result<Decimal> Decimal::add(Decimal a, Decimal b) { return checked(Wide{a.units_} + b.units_); }
Result<Decimal> Decimal::subtract(Decimal a, Decimal b) { return checked(Wide{a.units_} - b.units_); }
Result<Decimal> Decimal::multiply(Decimal a, Decimal b) { return checked(product(a.units_, b.units_)); }
Result<Decimal> Decimal::divide(Decimal a, Decimal b) {
  if (b == Decimal{})
    return Error{.kind = ErrorKind::invalid, .code = "decimal.division", .message = "Expected a divisor other than zero"};
  return checked(quotient(a.units_, b.units_));
}

Decimal operator+(Decimal a, Decimal b) { return Decimal::from_units(clamp(Wide{a.units_} + b.units_)); }
Decimal operator-(Decimal a, Decimal b) { return Decimal::from_units(clamp(Wide{a.units_} - b.units_)); }
Decimal operator*(Decimal a, Decimal b) { return Decimal::from_units(clamp(product(a.units_, b.units_))); }
Decimal operator/(Decimal a, Decimal b) { return Decimal::from_units(clamp(quotient(a.units_, b.units_))); }

}  // namespace chuyi

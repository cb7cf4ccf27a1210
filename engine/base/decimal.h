#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace chuyi {

/// An exact decimal number with up to 6 fraction digits, |value| < 10^12: scores, weights, money in
/// 万元. No binary floating point anywhere. Written in JSON as a string ("87.50").
class Decimal {
 public:
  static constexpr std::int64_t kScale = 1'000'000;
  constexpr Decimal() = default;
  /// |whole| < 10^12.
  constexpr explicit Decimal(std::int64_t whole) : units_(whole * kScale) {}
  static constexpr Decimal from_units(std::int64_t millionths) {
    Decimal out;
    out.units_ = millionths;
    return out;
  }
  constexpr std::int64_t units() const { return units_; }

  /// "-12", "87.5", ".5" is refused. Errors: `invalid` "decimal.syntax", "decimal.range".
  static Result<Decimal> parse(std::string_view text);
  /// Exactly `places` (0–6) fraction digits, rounded half up (四舍五入; away from zero).
  std::string to_string(int places) const;
  /// As many fraction digits as needed.
  std::string to_string() const;
  /// Up to 10^12 itself.
  Decimal rounded(int places) const;
  bool in_range() const;

  /// Exact, or rounded half up to 6 fraction digits. Errors: `invalid` "decimal.range" for a result that is not below
  /// 10^12, "decimal.division" by zero.
  static Result<Decimal> add(Decimal a, Decimal b);
  static Result<Decimal> subtract(Decimal a, Decimal b);
  static Result<Decimal> multiply(Decimal a, Decimal b);
  static Result<Decimal> divide(Decimal a, Decimal b);
  /// The same for numbers that are known to be small: past the bounds the result stays at the bound.
  friend Decimal operator+(Decimal a, Decimal b);
  friend Decimal operator-(Decimal a, Decimal b);
  friend Decimal operator*(Decimal a, Decimal b);
  /// `b` must not be zero.
  friend Decimal operator/(Decimal a, Decimal b);
  friend constexpr auto operator<=>(Decimal, Decimal) = default;

 private:
  std::int64_t units_ = 0;
};

}  // namespace chuyi

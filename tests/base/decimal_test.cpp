#include "engine/base/decimal.h"

#include <gtest/gtest.h>

namespace chuyi {
namespace {

std::string mean(std::initializer_list<const char*> scores, int places) {
  Decimal sum;
  for (const char* score : scores) sum = sum + *Decimal::parse(score);
  return (sum / Decimal{static_cast<std::int64_t>(scores.size())}).to_string(places);
}

TEST(Decimal, RoundsHalfUpWhereBinaryFloatsDoNot) {
  EXPECT_EQ(Decimal::parse("92.345")->to_string(2), "92.35");
  EXPECT_EQ(Decimal::parse("-92.345")->to_string(2), "-92.35");
  EXPECT_EQ(mean({"87.5", "90", "92"}, 2), "89.83");
  EXPECT_EQ(mean({"0.1", "0.2"}, 6), "0.150000");
  EXPECT_EQ((*Decimal::parse("0.1") + *Decimal::parse("0.2")).to_string(), "0.3");
}

TEST(Decimal, RefusesWhatIsNoDecimal) {
  for (const char* text : {"", "-", ".5", "5.", "1e3", "1,5", " 1", "1 ", "0x1", "1.2345678", "1234567890123"})
    EXPECT_FALSE(Decimal::parse(text)) << text;
}

TEST(Decimal, MultipliesWeightsExactly) {
  EXPECT_EQ((*Decimal::parse("88.88") * *Decimal::parse("0.15")).to_string(), "13.332");
}

// Goal: no result is silently another number. Method: each operation at the edge of what a decimal holds.
TEST(Decimal, SaysWhenAResultDoesNotFit) {
  const Decimal most = *Decimal::parse("999999999999.999999");
  const Decimal least = Decimal{} - most;
  const Decimal unit = *Decimal::parse("0.000001");
  EXPECT_EQ(*Decimal::add(least, most), Decimal{});
  EXPECT_EQ(Decimal::add(most, unit).error().code, "decimal.range");
  EXPECT_EQ(Decimal::subtract(least, unit).error().code, "decimal.range");
  EXPECT_EQ(Decimal::multiply(most, Decimal{2}).error().code, "decimal.range");
  EXPECT_EQ(Decimal::divide(most, unit).error().code, "decimal.range");
  EXPECT_EQ(Decimal::divide(most, Decimal{}).error().code, "decimal.division");
  EXPECT_EQ(*Decimal::multiply(most, Decimal{1}), most);
  // Where no error can be given, the result stays at the bound and never turns over.
  Decimal sum;
  for (int i = 0; i < 100; ++i) sum = sum + most;
  EXPECT_EQ(sum, most);
  EXPECT_EQ(most.to_string(2), "1000000000000.00");
  EXPECT_EQ(least.to_string(0), "-1000000000000");
}

}  // namespace
}  // namespace chuyi

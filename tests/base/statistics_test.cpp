#include "engine/base/statistics.h"

#include <gtest/gtest.h>

namespace chuyi {
namespace {

Decimal decimal(const char* text) { return *Decimal::parse(text); }

Moments moments_of(std::initializer_list<const char*> texts) {
  Moments out;
  for (const char* text : texts) out.add(decimal(text));
  return out;
}

// Goal: one rounding, not two. Method: a mean of 87.44499999… that six places round up to 87.445.
TEST(Statistics, RoundAMeanOnce) {
  const Moments moments = moments_of({"87.444999", "87.445000", "87.445000"});
  EXPECT_EQ(moments.mean(6).to_string(), "87.445");
  EXPECT_EQ(moments.mean(2).to_string(), "87.44");
  EXPECT_EQ(moments_of({"-0.01", "-0.02"}).mean(2).to_string(2), "-0.02") << "half away from zero";
}

// Goal: the deviation to the last of six places. Method: values computed with 50 digits elsewhere (Python's decimal).
TEST(Statistics, TakeTheRootInDecimals) {
  EXPECT_EQ(moments_of({"80", "90"}).deviation(6).to_string(), "5");
  EXPECT_EQ(moments_of({"80", "81", "83"}).deviation(6).to_string(), "1.247219");   // 1.2472191289…
  EXPECT_EQ(moments_of({"0", "0", "1"}).deviation(6).to_string(), "0.471405");       // 0.4714045208…
  EXPECT_EQ(moments_of({"77.5", "92.25", "88.13", "90.01", "61.99"}).deviation(2).to_string(2), "11.20");  // 11.2022026…
  EXPECT_EQ(moments_of({"88.88"}).deviation(6), Decimal{});
  EXPECT_EQ(moments_of({"0", "1"}).deviation(0).to_string(), "1") << "a half goes up";
}

// Goal: what was taken out leaves nothing behind, however many numbers there are.
TEST(Statistics, TakeANumberOutAgain) {
  Moments all;
  for (int i = 0; i < 1'000'000; ++i) all.add(decimal(i % 2 == 0 ? "10000" : "-10000"));
  EXPECT_EQ(all.mean(6), Decimal{});
  EXPECT_EQ(all.deviation(6), Decimal{10'000});
  Moments one = moments_of({"91.5", "60"});
  one.remove(Decimal{60});
  EXPECT_EQ(one.mean(6).to_string(), "91.5");
  EXPECT_EQ(one.deviation(6), Decimal{});
}

TEST(Statistics, FindTheMiddle) {
  EXPECT_EQ(median({Decimal{3}, Decimal{1}, Decimal{2}}, 2), Decimal{2});
  EXPECT_EQ(median({decimal("87.45"), decimal("87.46"), Decimal{1}, Decimal{99}}, 2).to_string(), "87.46") << "87.455, half up";
}

TEST(Statistics, WeighAndScale) {
  EXPECT_EQ(weighted(std::vector<Weighted>{{decimal("88.33"), decimal("33.3")}, {decimal("71.5"), decimal("66.7")}}, 2).to_string(), "77.1");
  EXPECT_EQ(scaled(Decimal{80}, Decimal{5}, Decimal{2}, Decimal{3}, 6).to_string(), "83.333333");
  EXPECT_EQ(scaled(Decimal{80}, Decimal{-5}, Decimal{-2}, Decimal{-3}, 6).to_string(), "76.666667");
}

}  // namespace
}  // namespace chuyi

#include "server/throttle.h"

#include <gtest/gtest.h>

namespace chuyi {
namespace {

using namespace std::chrono_literals;

/// Goal: how many attempts pass, for whom, and when again. Method: a clock of the test's own.
class ThrottleTest : public testing::Test {
 protected:
  int passed(const std::string& user, const std::string& peer, int attempts) {
    int out = 0;
    for (int i = 0; i < attempts; ++i) out += throttle.take(user, peer, now).has_value() ? 1 : 0;
    return out;
  }
  Throttle throttle{Throttle::Options{.entries_max = 1'000}};
  Throttle::Time now = Throttle::Time{} + 1h;
};

TEST_F(ThrottleTest, ManyAttemptsAtOnceAreNoWayAround) {
  EXPECT_EQ(passed("college", "198.51.100.1", 60), 5);
  now += 6s;
  EXPECT_EQ(passed("college", "198.51.100.1", 60), 1);
  now += 1h;
  EXPECT_EQ(passed("college", "198.51.100.1", 60), 5) << "no more than the burst is saved up";
}

TEST_F(ThrottleTest, GuessingElsewhereLocksNobodyOut) {
  EXPECT_EQ(passed("college", "198.51.100.1", 60), 5);
  EXPECT_TRUE(throttle.take("college", "203.0.113.7", now));
}

TEST_F(ThrottleTest, AnAddressHasMoreRoomThanAUserButNotWithoutEnd) {
  int all = 0;
  for (int i = 0; i < 200; ++i) all += passed("user" + std::to_string(i), "198.51.100.1", 1);
  EXPECT_EQ(all, 50);
  throttle.succeeded("user0", "198.51.100.1");
  EXPECT_EQ(passed("user300", "198.51.100.1", 1), 1) << "a right password gives its own attempt back";
  EXPECT_EQ(passed("user301", "198.51.100.1", 1), 0) << "and no more";
}

TEST_F(ThrottleTest, AKnownAddressWaitsInsteadOfBeingLockedOut) {
  ASSERT_TRUE(throttle.take("college", "198.51.100.1", now));
  throttle.succeeded("college", "198.51.100.1");
  for (int i = 0; i < 200; ++i) passed("user" + std::to_string(i), "198.51.100.1", 1);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(throttle.take("college", "198.51.100.1", now), 0ms) << i;
  EXPECT_EQ(throttle.take("college", "198.51.100.1", now), 1'000ms);
  EXPECT_EQ(throttle.take("college", "198.51.100.1", now), 2'000ms);
  EXPECT_EQ(passed("college", "198.51.100.1", 100), 28) << "up to half a minute of queue";
  now += 31s;
  EXPECT_EQ(passed("college", "198.51.100.1", 1), 1);
}

TEST_F(ThrottleTest, CountsAnIpv6NetworkAsOneAddress) {
  EXPECT_EQ(passed("college", "2001:db8::1", 5), 5);
  EXPECT_EQ(passed("college", "2001:db8:0:0:ffff::2", 1), 0);
  EXPECT_EQ(passed("college", "2001:db8:0:1::1", 1), 1);
  EXPECT_EQ(passed("college", "198.51.100.1", 5), 5);
  EXPECT_EQ(passed("college", "::ffff:198.51.100.1", 1), 0);
}

TEST_F(ThrottleTest, ForgetsTheLeastRecentWhenFull) {
  EXPECT_EQ(passed("college", "198.51.100.1", 5), 5);
  for (int i = 0; i < 999; ++i) passed("college", "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250), 1);
  EXPECT_EQ(passed("college", "198.51.100.1", 1), 0);
  for (int i = 0; i < 1'000; ++i) passed("college", "10.1." + std::to_string(i / 250) + "." + std::to_string(i % 250), 1);
  EXPECT_EQ(passed("college", "198.51.100.1", 1), 1);
}

}  // namespace
}  // namespace chuyi

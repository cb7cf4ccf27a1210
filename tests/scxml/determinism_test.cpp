#include <gtest/gtest.h>

#include "engine/base/digest.h"
#include "engine/scxml/interpreter.h"
#include "tests/scxml/random_chart.h"

// Goal: the same events give the same snapshot bytes on every run, in every build and on every machine. Method: the digest of
// all snapshots of fixed runs is a constant here. When the snapshot format is changed on purpose, so are the constants.
namespace chuyi::scxml {
namespace {

/// Every snapshot on the way, and the effects' number.
void run(const Chart& chart, const std::vector<std::string>& events, Sha256& digest) {
  const Env env{.session_id = "s", .now = from_ms(1'767'225'600'000)};
  Result<Step> step = start(chart, {}, env, {.microsteps_max = 40});
  for (std::size_t i = 0; step; ++i) {
    digest.update(encode(step->next) + std::to_string(step->effects.size()));
    if (i == events.size() || !step->next.running) return;
    step = scxml::step(chart, std::move(step->next), {.name = events[i]}, env, {.microsteps_max = 40});
  }
  digest.update(step.error().code);
}

TEST(Determinism, OfTheAlgorithm) {
  Sha256 digest;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    Dice dice(seed);
    const RandomChart random = random_chart(dice);
    const Result<ChartPtr> chart = parse_chart(random.xml(dice.percent(50)), "random.scxml");
    ASSERT_TRUE(chart);
    run(**chart, random_events(dice), digest);
  }
  EXPECT_EQ(digest.finish_hex(), "ba5049b6b129a0bf23d38d31fbb7d9073302bef711bc6e7d93690bffa9efe53a");
}

TEST(Determinism, OfTheDataModel) {
  const Result<ChartPtr> chart = parse_chart(R"x(<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="lua">
    <datamodel><data id="n" expr="0"/><data id="keys" expr="{}"/><data id="sum" expr="0.0"/><data id="money" expr="decimal('0')"/><data id="text" expr="''"/></datamodel>
    <script>function mix(a, b) return (a * 31 + b) % 1000003 end</script>
    <state id="a"><transition event="go" target="a">
      <assign location="n" expr="mix(n, #text)"/>
      <script>
        for i = 1, 20 do keys['k' .. mix(n, i)] = {i, tostring(i / 3), i % 2 == 0} end
        local seen = {}
        for key, value in pairs(keys) do seen[#seen + 1] = key .. value[2] end
        text = table.concat(seen, ','):sub(1, 400):upper()
        sum = sum + math.sqrt(n) / 7 + 1e15 / 3
        money = money + decimal('0.1') * n
      </script>
      <send event="later" delayexpr="(n % 10 + 1) .. 's'"/>
    </transition></state></scxml>)x", "data.scxml");
  ASSERT_TRUE(chart) << chart.error().message;
  Sha256 digest;
  run(**chart, std::vector<std::string>(40, "go"), digest);
  EXPECT_EQ(digest.finish_hex(), "7b24332d48ae4fb26d9632d533b19e3cafbe18339a74f0a1a956923c441f2eda");
}

}  // namespace
}  // namespace chuyi::scxml

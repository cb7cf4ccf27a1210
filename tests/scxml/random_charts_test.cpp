#include <random>

#include <gtest/gtest.h>

#include "tests/scxml/session.h"

namespace chuyi::scxml {
namespace {

/// A valid chart by chance: nested and parallel states, histories, guards and scripts on a little data.
class RandomChart {
 public:
  explicit RandomChart(std::uint32_t seed) : dice_(seed) {}

  std::string make() {
    std::string body;
    for (int i = 0; i < 3; ++i) body += state(0);
    // Every target is known only now.
    for (std::size_t at = 0; (at = body.find('?', at)) != std::string::npos;)
      body.replace(at, 1, targets_[below(static_cast<int>(targets_.size()))]);
    return "<scxml xmlns=\"http://www.w3.org/2005/07/scxml\" version=\"1.0\"><datamodel><data id=\"n\" expr=\"0\"/>"
           "<data id=\"path\" expr=\"{}\"/><data id=\"seen\" expr=\"{}\"/></datamodel>"
           "<script>function note(id) path[#path + 1] = id seen[id] = (seen[id] or 0) + 1 "
           "if #path > 40 then table.remove(path, 1) end end</script>" + body + "</scxml>";
  }

 private:
  std::size_t below(int n) { return static_cast<std::size_t>(std::uniform_int_distribution<int>(0, n - 1)(dice_)); }

  std::string state(int depth) {
    const std::string id = "s" + std::to_string(next_++);
    const bool parallel = depth < 3 && below(4) == 0;
    const bool compound = !parallel && depth < 3 && below(2) == 0;
    targets_.push_back(id);
    std::string out = (parallel ? "<parallel id=\"" : "<state id=\"") + id + "\">";
    out += "<onentry><script>note('" + id + "')</script></onentry>";
    if (below(2) == 0) out += "<onexit><script>n = n + 1</script></onexit>";
    for (std::size_t i = below(3); i < 3; ++i) out += transition();
    if (below(4) == 0) out += "<invoke type=\"task\"><param name=\"n\" expr=\"n\"/></invoke>";
    std::string first;
    const std::size_t children = parallel || compound ? 1 + below(3) : 0;
    for (std::size_t i = 0; i < children; ++i) {
      const std::string child = "s" + std::to_string(next_);
      if (first.empty()) first = child;
      out += state(depth + 1);
    }
    if (children > 0 && below(2) == 0) {
      targets_.push_back("h" + id);
      out += "<history id=\"h" + id + "\" type=\"" + (below(2) == 0 ? "deep" : "shallow") + "\"><transition target=\"" + first + "\"/></history>";
    }
    if (compound && below(3) == 0) out += "<final id=\"f" + id + "\"/>";
    return out + (parallel ? "</parallel>" : "</state>");
  }

  std::string transition() {
    const std::string guard[] = {"", " cond=\"n % 2 == 0\"", " cond=\"#path &gt; 5\"", " cond=\"seen.s1 and seen.s1 &lt; 4\""};
    const std::string action[] = {"", "<script>n = n + 2</script>", "<raise event=\"e1\"/>", "<assign location=\"n\" expr=\"nothing.here\"/>",
                                  "<send event=\"e2\" delay=\"1s\"/>"};
    const bool eventless = below(12) == 0;
    const std::string event = eventless ? std::string{" cond=\"n == 3\""} : " event=\"e" + std::to_string(below(4)) + "\"" + guard[below(4)];
    return "<transition" + event + (below(6) == 0 ? std::string{} : std::string{" target=\"?\""}) +
           (below(5) == 0 ? " type=\"internal\">" : ">") + action[below(5)] + "</transition>";
  }

  std::mt19937 dice_;
  int next_ = 0;
  std::vector<std::string> targets_;
};

/// All that a step says, as text.
std::string told(const Result<Step>& step) {
  if (!step) return step.error().code;
  std::string out = encode(step->next);
  for (const Effect& effect : step->effects) out += " " + std::to_string(effect.index());
  for (const Trace& trace : step->trace) {
    out += "\n" + trace.event + ":";
    for (const auto* list : {&trace.exited, &trace.entered, &trace.errors})
      for (const std::string& each : *list) out += " " + each;
  }
  return out;
}

// Goal: replay gives the same bytes, and a session that was stored goes on as one that was not. Method: random charts
// and events; each step is taken on the snapshot as it is, once more, and on one that was encoded and decoded.
TEST(RandomCharts, StepsAreTheSameAgainAndAfterARestore) {
  const Env env{.session_id = "s", .now = {}};
  const StepLimits limits{.microsteps_max = 60};
  int steps = 0;
  int refused = 0;
  for (std::uint32_t seed = 1; seed <= 150; ++seed) {
    const std::string xml = RandomChart(seed).make();
    const Result<ChartPtr> chart = parse_chart(xml, "random");
    ASSERT_TRUE(chart) << chart.error().place << " " << chart.error().message << "\n" << xml;
    Result<Step> now = start(**chart, {}, env, limits);
    EXPECT_EQ(told(now), told(start(**chart, {}, env, limits)));
    std::mt19937 dice(seed);
    for (int i = 0; now && now->next.running && i < 12; ++i) {
      const Snapshot before = now->next;
      const Result<Snapshot> restored = decode(**chart, encode(before));
      ASSERT_TRUE(restored) << restored.error().message << "\n" << encode(before) << "\n" << xml;
      const Event event{.name = "e" + std::to_string(dice() % 4)};
      now = scxml::step(**chart, before, event, env, limits);
      const std::string first = told(now);
      ASSERT_EQ(told(scxml::step(**chart, before, event, env, limits)), first) << xml;
      ASSERT_EQ(told(scxml::step(**chart, *restored, event, env, limits)), first) << xml;
      ++steps;
      refused += now ? 0 : 1;
    }
  }
  EXPECT_GT(steps, 900);
  EXPECT_LT(refused, 75);  // most charts go on
}

}  // namespace
}  // namespace chuyi::scxml

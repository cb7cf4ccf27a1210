// Goal: guards are taken both ways unless they are constant, opposite guards never both fail, and a space too large
// says so. Method: one small chart per property.
#include <gtest/gtest.h>

#include "engine/check/check.h"
#include "engine/stages/profiles.h"

namespace chuyi::check {
namespace {

scxml::ChartPtr chart(const std::string& body, const std::string& datamodel = "lua") {
  const auto parsed = scxml::parse_chart("<scxml xmlns=\"http://www.w3.org/2005/07/scxml\" version=\"1.0\" datamodel=\"" + datamodel + "\">" + body + "</scxml>", "c.scxml");
  EXPECT_TRUE(parsed) << parsed.error().place << ": " << parsed.error().message;
  return *parsed;
}

std::string codes(const Report& report) {
  std::string out;
  for (const Finding& each : report.findings) out += each.detail.code + "@" + each.detail.place.substr(8) + " ";
  return out;
}

struct GuardCase {
  const char* name;
  const char* one;  ///< guards of two transitions on the same event
  const char* two;
  const char* expected;
};
class Guards : public testing::TestWithParam<GuardCase> {};

TEST_P(Guards, AreTakenAsFarAsKnown) {
  const std::string body = R"(<script>function big(x) return x > 10 end limit = 3</script><datamodel><data id="n" expr="0"/></datamodel>
<parallel id="p"><state id="a">
<transition event="province.go" cond=")" + std::string{GetParam().one} + R"(" target="z"/>
<transition event="province.go" cond=")" + std::string{GetParam().two} + R"(" target="z"/>
<transition event="province.go" target="y"/>
</state><state id="b"/></parallel>
<final id="y"/>
<final id="z"/>)";
  EXPECT_EQ(codes(check(*chart(body), {}, builtin_world(), {})), GetParam().expected);
}

const char* const kThird = "check.never_taken@5:2 check.unreachable@7:2 ";
INSTANTIATE_TEST_SUITE_P(
    Pairs, Guards,
    testing::Values(GuardCase{"Unknown", "n == 1", "n == 2", ""}, GuardCase{"Opposite", "n &lt; 3", "n &gt;= 3", kThird},
                    GuardCase{"OppositeSwapped", "n &lt; 3", "3 &lt;= n", kThird}, GuardCase{"Negated", "n == 3", "not (n == 3)", kThird},
                    GuardCase{"Unequal", "n == 3", "n ~= 3", kThird}, GuardCase{"Calls", "f(n)", "not f(n)", kThird},
                    GuardCase{"NotBindsTighter", "n == 3", "not n == 3", ""}, GuardCase{"Constant", "1 &gt; 2", "n == 1", "check.never_taken@3:2 "},
                    GuardCase{"OwnFunction", "big(11)", "n == 1", "check.never_taken@4:2 check.never_taken@5:2 check.unreachable@7:2 "},
                    GuardCase{"ScriptData", "limit == 3", "limit ~= 3", kThird}, GuardCase{"ShortCircuit", "false and n", "true or n", "check.never_taken@3:2 check.never_taken@5:2 check.unreachable@7:2 "},
                    GuardCase{"In", "In('b')", "n == 1", "check.never_taken@4:2 check.never_taken@5:2 check.unreachable@7:2 "},
                    GuardCase{"EventName", "_event.name == 'province.go'", "n == 1", "check.never_taken@4:2 check.never_taken@5:2 check.unreachable@7:2 "},
                    GuardCase{"EventData", "_event.data.ok", "not _event.data.ok", kThird}, GuardCase{"Type", "type(_event.data) == 'table'", "n == 1", ""},
                    GuardCase{"Fails", "1 .. {} == 'x'", "not (nil + 1)", "check.never_taken@3:2 check.never_taken@4:2 check.unreachable@8:2 "}),
    [](const auto& row) { return row.param.name; });

TEST(Space, AConditionThatAlwaysFailsRaisesItsError) {
  const std::string body = R"xml(<state id="a"><transition event="province.go" cond="1 &lt; {}" target="y"/>
<transition event="error.execution" target="z"/></state>
<final id="y"/>
<final id="z"/>)xml";
  EXPECT_EQ(codes(check(*chart(body), {}, builtin_world(), {})), "check.never_taken@1:93 check.unreachable@3:2 ");
}

TEST(Space, NullDataModel) {
  const std::string body = R"xml(<parallel id="p"><state id="a"><transition event="province.go" cond="In('b')" target="z"/></state>
<state id="b"/></parallel><final id="z"/>)xml";
  EXPECT_EQ(codes(check(*chart(body, "null"), {}, builtin_world(), {})), "");
}

/// Twenty independent switches: a million situations.
TEST(Space, TooLargeSaysSoAndHowFar) {
  std::string body = "<parallel id=\"p\"><transition event=\"province.end\" target=\"z\"/>";
  for (int i = 0; i < 20; ++i) {
    const std::string n = std::to_string(i);
    body += "<state id=\"s" + n + "\"><state id=\"off" + n + "\"><transition event=\"province.s" + n + "\" target=\"on" + n + "\"/></state><state id=\"on" + n +
            "\"><transition event=\"province.s" + n + "\" target=\"off" + n + "\"/></state></state>";
  }
  std::size_t told = 0;
  const Report report = check(*chart(body + "</parallel><final id=\"z\"/>"), {}, builtin_world(), {}, {.nodes_max = 20'000, .edges_max = 1'000'000},
                              [&](std::size_t, std::size_t) { ++told; });
  EXPECT_FALSE(report.complete);
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_EQ(report.findings.front().detail.code, "check.too_large");
  EXPECT_NE(report.findings.front().detail.message.find("stopped after 200"), std::string::npos) << report.findings.front().detail.message;
  EXPECT_GE(told, 1U);
}

}  // namespace
}  // namespace chuyi::check

// Goal: a policy file says where it is wrong, and each rule means what docs/checking.md says. Method: one bad file per
// row; one tiny chart that keeps and one that breaks each rule.
#include <gtest/gtest.h>

#include "engine/check/check.h"
#include "engine/stages/profiles.h"

namespace chuyi::check {
namespace {

std::string policies(const std::string& body) { return "<policies xmlns=\"urn:chuyi:policies:1\">\n" + body + "\n</policies>"; }
std::string policy(const std::string& rule) { return policies("<policy id=\"p\" zh=\"规则\" en=\"rule\">\n" + rule + "\n</policy>"); }

struct BadFile {
  const char* name;
  std::string xml;
  const char* code;
  const char* place;
};
class Bad : public testing::TestWithParam<BadFile> {};

TEST_P(Bad, IsRefusedAtItsPlace) {
  const auto read = parse_policies(GetParam().xml, "p.xml");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, GetParam().code) << read.error().message;
  EXPECT_EQ(read.error().place, GetParam().place) << read.error().message;
}

const char* const kWhat = "<what><end/></what>";
INSTANTIATE_TEST_SUITE_P(
    Files, Bad,
    testing::Values(BadFile{"NotXml", "<policies", "xml.not_well_formed", "p.xml:1:10"},
                    BadFile{"Root", "<rules/>", "policy.root", "p.xml:1:2"},
                    BadFile{"NoPolicy", policies("<rule/>"), "policy.element", "p.xml:2:2"},
                    BadFile{"NoId", policies("<policy zh=\"a\" en=\"a\"><never>" + std::string{kWhat} + "</never></policy>"), "policy.required", "p.xml:2:2"},
                    BadFile{"NoRule", policy(""), "policy.rule", "p.xml:2:2"},
                    BadFile{"UnknownRule", policy("<sometimes/>"), "policy.element", "p.xml:3:2"},
                    BadFile{"NoWhat", policy("<never/>"), "policy.rule", "p.xml:3:2"},
                    BadFile{"WrongRole", policy("<never>" + std::string{kWhat} + "<clock><timer/></clock></never>"), "policy.element", "p.xml:3:28"},
                    BadFile{"EmptyRole", policy("<never><what/></never>"), "policy.pattern", "p.xml:3:9"},
                    BadFile{"UnknownPattern", policy("<never><what><stage/></what></never>"), "policy.element", "p.xml:3:15"},
                    BadFile{"UnknownAttribute", policy("<never><what><end name=\"a\"/></what></never>"), "policy.attribute", "p.xml:3:19"},
                    BadFile{"Number", policy("<within times=\"soon\"><reach><end/></reach><clock><timer/></clock></within>"), "policy.number", "p.xml:3:9"},
                    BadFile{"NoTest", policy("<never><what><start><param name=\"a\"/></start></what></never>"), "policy.required", "p.xml:3:22"},
                    BadFile{"OpenTo", policy("<never><what><start open-to=\"after\"/></what></never>"), "policy.rule", "p.xml:3:2"}),
    [](const auto& row) { return row.param.name; });

struct RuleCase {
  const char* name;
  const char* rule;
  const char* chart;
  bool kept;
};
class Rules : public testing::TestWithParam<RuleCase> {};

TEST_P(Rules, MeanWhatTheySay) {
  const auto read = parse_policies(policy(GetParam().rule), "p.xml");
  ASSERT_TRUE(read) << read.error().place << read.error().message;
  const auto chart = scxml::parse_chart("<scxml xmlns=\"http://www.w3.org/2005/07/scxml\" version=\"1.0\">" + std::string{GetParam().chart} +
                                            "<final id=\"z\"/></scxml>",
                                        "c.scxml");
  ASSERT_TRUE(chart) << chart.error().message;
  const Report report = check(**chart, {}, builtin_world(), *read);
  std::string broken;
  for (const Finding& each : report.findings)
    if (each.detail.code == "check.policy") broken += text_of(each.way, "en");
  EXPECT_EQ(broken.empty(), GetParam().kept) << broken;
}

const char* const kNeverB = "<never><what><state id=\"b\"/></what></never>";
const char* const kNeverBAfterA =
    "<never><what><state id=\"b\"/></what><after><state id=\"a\"/></after><unless><event name=\"province.allow\"/></unless></never>";
const char* const kBBeforeC = "<always-before><what><state id=\"c\"/></what><before><state id=\"b\"/></before><since><state id=\"a\"/></since></always-before>";
const char* const kReachC = "<eventually><after><state id=\"b\"/></after><reach><state id=\"c\"/></reach></eventually>";
const char* const kWithin = "<within times=\"1\"><after><state id=\"a\"/></after><reach><state id=\"c\"/></reach><clock><timer/></clock></within>";
const char* const kTimer = "<onentry><send event=\"t\" delay=\"5s\"/></onentry>";
const char* const kChain = R"(<state id="a"><transition event="province.go" target="b"/></state>
<state id="b"><transition event="province.go" target="c"/></state><state id="c"><transition event="province.go" target="z"/></state>)";
const char* const kAllowed = R"(<state id="a"><transition event="province.allow" target="b"/></state>
<state id="b"><transition event="province.go" target="z"/></state>)";
const char* const kSkip = R"(<state id="a"><transition event="province.go" target="b"/><transition event="province.skip" target="c"/></state>
<state id="b"><transition event="province.go" target="c"/></state><state id="c"><transition event="province.go" target="z"/></state>)";
const char* const kAround = R"(<state id="a"><transition event="province.go" target="b"/></state>
<state id="b"><transition event="province.go" target="c"/><transition event="province.back" target="b2"/></state>
<state id="b2"><transition event="province.go" target="b"/><transition event="province.end" target="z"/></state>
<state id="c"><transition event="province.go" target="z"/></state>)";
const char* const kReturn = R"(<state id="a"><transition event="province.go" target="b"/><transition event="province.skip" target="c"/></state>
<state id="b"><transition event="province.back" target="a"/></state><state id="c"><transition event="province.go" target="z"/></state>)";
const std::string kTimed = std::string{"<state id=\"a\">"} + kTimer + "<transition event=\"t\" target=\"c\"/></state><state id=\"c\"><transition event=\"province.go\" target=\"z\"/></state>";
const std::string kTwice = std::string{"<state id=\"a\">"} + kTimer + "<transition event=\"t\" target=\"b\"/></state><state id=\"b\">" + kTimer +
                           "<transition event=\"t\" target=\"b2\"/></state><state id=\"b2\">" + kTimer + "<transition event=\"t\" target=\"c\"/></state><state id=\"c\"><transition event=\"province.go\" target=\"z\"/></state>";

INSTANTIATE_TEST_SUITE_P(
    Charts, Rules,
    testing::Values(RuleCase{"NeverBroken", kNeverB, kChain, false}, RuleCase{"NeverKept", "<never><what><state id=\"x\"/></what></never>", kChain, true},
                    RuleCase{"NeverAfterBroken", kNeverBAfterA, kChain, false}, RuleCase{"NeverAfterUnless", kNeverBAfterA, kAllowed, true},
                    RuleCase{"BeforeKept", kBBeforeC, kChain, true}, RuleCase{"BeforeSkipped", kBBeforeC, kSkip, false},
                    RuleCase{"BeforeNotSince", kBBeforeC, kReturn, false}, RuleCase{"EventuallyKept", kReachC, kChain, true},
                    RuleCase{"EventuallyEndsBefore", kReachC, kAround, false}, RuleCase{"WithinKept", kWithin, kTimed.c_str(), true},
                    RuleCase{"WithinTooLate", kWithin, kTwice.c_str(), false}, RuleCase{"WithinNoClock", kWithin, kChain, false}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace chuyi::check

#include <gtest/gtest.h>

#include "tests/scxml/session.h"

namespace chuyi::scxml {
namespace {

ChartPtr nested_chart() {
  return *parse_chart(R"(<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0">
    <datamodel><data id="n" expr="1"/></datamodel>
    <state id="a"><state id="b"><invoke type="task" id="t"/></state></state><state id="c"/></scxml>)",
                      "t");
}

TEST(Snapshot, RoundTripsByteForByte) {
  const ChartPtr chart = nested_chart();
  const Result<Step> step = start(*chart, {{"n", 5}}, {.session_id = "s", .now = {}});
  ASSERT_TRUE(step);
  const std::string bytes = encode(step->next);
  const Result<Snapshot> back = decode(*chart, bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(encode(*back), bytes);
  EXPECT_EQ(bytes,
            R"({"configuration":["a","b"],"datamodel":{"n":5},"history":{},"initialised":[],"invocations":[{"autoforward":false,"id":"t","index":0,"state":"b","type":"task"}],"next_id":1,"revision":1,"running":true})");
}

// Goal: a tampered snapshot is an error, never undefined behaviour. Method: every prefix and every
// single-byte change of a good one is either refused or decodes to something legal.
TEST(Snapshot, TamperedBytesAreRefusedOrLegal) {
  const ChartPtr chart = nested_chart();
  const std::string bytes = encode(start(*chart, {}, {.session_id = "s", .now = {}})->next);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    EXPECT_FALSE(decode(*chart, bytes.substr(0, i)));
    for (const char c : {'\0', '"', '9', '}', '\xFF'}) {
      std::string changed = bytes;
      changed[i] = c;
      if (const Result<Snapshot> back = decode(*chart, changed))
        (void)scxml::step(*chart, *back, {.name = "e"}, {.session_id = "s", .now = {}});
    }
  }
}

TEST(Snapshot, IllegalConfigurationsAreRefused) {
  const ChartPtr chart = nested_chart();
  for (const char* configuration : {R"(["a"])", R"(["b"])", R"(["a","b","c"])", R"([])", R"(["x"])", R"(["a","a","b"])"})
    EXPECT_FALSE(decode(*chart, R"({"configuration":)" + std::string{configuration} + "}")) << configuration;
}

TEST(Snapshot, IllegalHistoriesAreRefused) {
  const ChartPtr chart = *parse_chart(R"(<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0">
    <state id="a"><history id="h"><transition target="b"/></history><state id="b"/></state><state id="c"/></scxml>)",
                                      "t");
  EXPECT_TRUE(decode(*chart, R"({"configuration":["a","b"],"history":{"h":["b"]}})"));
  for (const char* history : {R"({"h":["h"]})", R"({"h":["c"]})", R"({"a":["b"]})", R"({"h":[1]})", R"({"x":[]})"})
    EXPECT_FALSE(decode(*chart, R"({"configuration":["a","b"],"history":)" + std::string{history} + "}")) << history;
}

}  // namespace
}  // namespace chuyi::scxml

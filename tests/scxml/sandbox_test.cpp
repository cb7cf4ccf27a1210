#include <filesystem>

#include <gtest/gtest.h>

#include "tests/scxml/session.h"

namespace chuyi::scxml {
namespace {

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '<' ? "&lt;" : c == '&' ? "&amp;" : c == '"' ? "&quot;" : std::string(1, c);
  return out;
}

/// Ends in "refused" when the script raises error.execution, in "ran" when it does not.
std::string run_script(const std::string& lua) {
  return run_chart("<scxml xmlns=\"http://www.w3.org/2005/07/scxml\" version=\"1.0\"><state id=\"s\"><onentry><script>" +
                   escape(lua) + "</script></onentry><transition event=\"error.execution\" target=\"refused\"/>" +
                   "<transition target=\"ran\" cond=\"not In('x')\" event=\"go\"/><onentry><send event=\"go\"/></onentry></state>" +
                   "<final id=\"x\"/><final id=\"ran\"/><final id=\"refused\"/></scxml>");
}

/// A guard on the same thread afterwards must still answer rightly.
void expect_healthy(const std::string& after) {
  EXPECT_EQ(run_script("assert(('a'):upper() == 'A' and #'xyz' == 3 and 1 + 1 == 2)"), "ran") << "after " << after;
}

class Escape : public testing::TestWithParam<const char*> {};

TEST_P(Escape, IsAnErrorOfThatEventAlone) {
  EXPECT_EQ(run_script(GetParam()), "refused") << GetParam();
  expect_healthy(GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Attempts, Escape,
    testing::Values("os.exit(1)", "io.open('/etc/passwd')", "require('os')", "package.loadlib('x', 'y')", "debug.getregistry()",
                    "load('return 1')()", "dofile('x')", "string.dump(function() end)", "collectgarbage()", "print('x')",
                    "coroutine.wrap(function() end)()", "pcall(error)", "getmetatable('').__index = nil", "setmetatable({}, {})",
                    "string.upper = nil", "string.x = 1", "string = nil", "_event = 1", "_sessionid = 'x'", "math.random()",
                    "while true do end", "local t = {} while true do t[#t+1] = ('x'):rep(1000) end",
                    "local s = 'x' while true do s = s .. s end", "('x'):rep(1e9)", "string.format('%099999d', 1)",
                    "(('a?'):rep(30) .. ('a'):rep(30)):find(('a?'):rep(30))", "('a'):rep(10000):find('.-.-.-.-b')",
                    "local function f() return f() + 1 end f()", "string.format('%p', {})", "table.move({}, 1, 1e15, 2)",
                    "rawset(_ENV, 'x', 1)", "error({})", "local a <close> = 42", "('x'):gsub('x', function() while true do end end)",
                    "decimal(0.5)", "return decimal(1) / 0", "for k in pairs({[{}]=1}) do end"));

TEST(Sandbox, ValuesThatCannotBeKeptAreNamed) {
  const std::string result = run_script("f = function() end");
  EXPECT_NE(result.find("scxml.datamodel"), std::string::npos) << result;
  EXPECT_NE(result.find("global 'f'"), std::string::npos) << result;
  EXPECT_NE(run_script("t = {} t.t = t").find("scxml.datamodel"), std::string::npos);
  EXPECT_NE(run_script("n = 0/0").find("scxml.datamodel"), std::string::npos);
  expect_healthy("values that cannot be kept");
}

TEST(Sandbox, NothingLeaksFromOneSessionToTheNext) {
  const char* xml =
      "<scxml xmlns=\"http://www.w3.org/2005/07/scxml\" version=\"1.0\"><state id=\"s\"><transition cond=\"leak == nil and "
      "tostring(_x.note) == 'nil'\" target=\"clean\"><script>leak = 1 _x.note = 2</script></transition><transition target=\"dirty\"/></state>"
      "<final id=\"clean\"/><final id=\"dirty\"/></scxml>";
  const Result<ChartPtr> chart = parse_chart(xml, "t");
  ASSERT_TRUE(chart);
  EXPECT_EQ(World(false).run(*chart, "."), "clean");
  EXPECT_EQ(World(false).run(*chart, "."), "clean");
}

TEST(Sandbox, ItsLibrariesWork) {
  EXPECT_EQ(run_script("local t = {3, 1, 2} table.sort(t) assert(table.concat(t, ',') == '1,2,3')"
                       " assert(('湖南'):len() == 6 and utf8.len('湖南') == 2 and math.max(1, 2) == 2)"
                       " assert(string.format('%05.1f', 2.5) == '002.5' and ('a-b'):find('-', 1, true) == 2)"
                       " assert(next({}) == nil and select('#', 1, 2) == 2 and tostring({}) == 'table')"),
            "ran");
}

// The hostile scripts that lie beside the source tree: each is an error of its own event, or harmless.
TEST(Sandbox, Corpus) {
  const std::filesystem::path folder = std::filesystem::path{CHUYI_SOURCE_DIR} / "../shared/corpus/lua";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no Lua corpus at " << folder;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() != ".lua") continue;
    std::ifstream in(entry.path());
    std::stringstream text;
    text << in.rdbuf();
    const std::string result = run_script(text.str());
    if (name.starts_with("ok-")) {
      EXPECT_EQ(result, "ran") << name;
    }
    expect_healthy(name);
  }
}

}  // namespace
}  // namespace chuyi::scxml

#include "engine/base/json.h"

#include <bit>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include <gtest/gtest.h>

namespace chuyi {
namespace {

std::string code_of(std::string_view text, JsonLimits limits = {}) {
  const Result<json::value> parsed = parse_json(text, limits, "test");
  return parsed ? "ok" : parsed.error().code;
}

TEST(Json, GateRefusesWhatLaterReadersWouldReadDifferently) {
  EXPECT_EQ(code_of(R"({"a":1,"b":[true,null,"x"]})"), "ok");
  EXPECT_EQ(code_of(R"({"a":1,"a":2})"), "json.duplicate_key");
  EXPECT_EQ(code_of("\"\\u0000\""), "json.nul");
  EXPECT_EQ(code_of("\"\xff\""), "json.utf8");
  EXPECT_EQ(code_of("\"\\ud800\""), "json.syntax");
  EXPECT_EQ(code_of("9007199254740993"), "json.integer_range");
  EXPECT_EQ(code_of("123456789012345678901234567890"), "json.integer_range");
  EXPECT_EQ(code_of("1e999"), "json.number_range");
  EXPECT_EQ(code_of("{} x"), "json.syntax");
  EXPECT_EQ(code_of(""), "json.syntax");
  EXPECT_EQ(code_of("[1,]"), "json.syntax");
  EXPECT_EQ(code_of(std::string(100, '[')), "json.depth");
  EXPECT_EQ(code_of("[1,2,3,4]", JsonLimits{.nodes_max = 4}), "json.nodes");
  EXPECT_EQ(code_of("\"abcdef\"", JsonLimits{.string_bytes_max = 4}), "json.string");
}

TEST(Json, ErrorNamesThePlace) {
  const Result<json::value> parsed = parse_json(R"({"a":[1,{"b~/":{"x":1,"x":2}}]})", JsonLimits{}, "test");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().place, "/a/1/b~0~1/x");
}

TEST(Json, CanonicalBytesDoNotDependOnOrder) {
  const json::value a = *parse_json(R"({"b":1.0,"a":"中\n\u001f","c":[1,-2,1.5e300]})", JsonLimits{}, "a");
  const json::value b = *parse_json(R"({"c":[1,-2,1.5e300],"a":"中\n\u001f","b":1.0})", JsonLimits{}, "b");
  EXPECT_EQ(canonical_json(a), R"({"a":"中\n\u001f","b":1.0,"c":[1,-2,1.5e+300]})");
  EXPECT_EQ(canonical_json(a), canonical_json(b));
  EXPECT_EQ(canonical_json(*parse_json(canonical_json(a), JsonLimits{}, "c")), canonical_json(a));
}

// Method: every character that is one byte, at every place of a text of three words, comes back as it was.
TEST(CanonicalJson, EveryCharacterIsEscapedWhereverItStands) {
  for (int code = 1; code < 128; ++code)
    for (std::size_t place = 0; place < 24; ++place) {
      std::string text = "\xE6\xB9\x96\xE5\x8D\x97 plain text so far";  // 湖南
      text.resize(24, 'x');
      const char c = static_cast<char>(code);
      text[place] = c;
      if (!is_utf8(text)) continue;
      const std::string bytes = canonical_json(json::value(text));
      EXPECT_EQ(bytes.size() == text.size() + 2, c >= 0x20 && c != '"' && c != '\\') << bytes;
      const Result<json::value> back = parse_json(bytes, JsonLimits{}, "test");
      ASSERT_TRUE(back) << bytes;
      EXPECT_EQ(*back, json::value(text));
    }
}

// Goal: what was written reads back as the same bytes, whatever stands around a number. Method: doubles of random
// bit patterns, and some that a hurried parser rounds wrongly, with texts of every length after them.
TEST(Json, DoublesKeepTheirBytes) {
  std::mt19937_64 dice{20261125};
  std::vector<double> numbers{9.1584787405073591, 0.0093508195556065415, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308,
                              9007199254740994.0, -0.0, 1e22, 1e23, 123456789012345678.0};
  while (numbers.size() < 20'000) {
    const auto number = std::bit_cast<double>(dice());
    if (std::isfinite(number)) numbers.push_back(number);
  }
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const std::string bytes = canonical_json(json::object{{"x", numbers[i]}, {"y", std::string(i % 101, 'a')}});
    const Result<json::value> back = parse_json(bytes, JsonLimits{}, "test");
    ASSERT_TRUE(back) << bytes;
    EXPECT_EQ(canonical_json(*back), bytes);
    EXPECT_EQ(std::bit_cast<std::uint64_t>(back->at("x").as_double()), std::bit_cast<std::uint64_t>(numbers[i])) << bytes;
  }
}

TEST(Json, NumbersAtTheEdgesOfADouble) {
  EXPECT_EQ(canonical_json(*parse_json("[1e-400,-1e-400,0e999,4.9e-324]", JsonLimits{}, "test")), "[0.0,-0.0,0.0,5e-324]");
  for (const char* text : {"1e309", "-1e309", "[1.8e308]", "1e99999"}) EXPECT_EQ(code_of(text), "json.number_range") << text;
  EXPECT_EQ(code_of("0." + std::string(500, '0') + "1"), "ok");
}

// Goal: a name from a hostile file neither breaks JSON output nor acts on a terminal.
TEST(Printable, MasksWhatIsNotText) {
  EXPECT_EQ(printable("工坊 a\nb"), "工坊 a\nb");
  EXPECT_EQ(printable("a\x90" "b\xC3"), "a\\x90b\\xc3");
  EXPECT_EQ(printable("\x1B[2J\x7F"), "\\x1b[2J\\x7f");
  EXPECT_EQ(printable("\xC2\x9B"), "\\xc2\\x9b");
  EXPECT_EQ(printable("\xE2\x80\xAE" "fdp.exe"), "\\xe2\\x80\\xaefdp.exe");
  EXPECT_EQ(printable("\xED\xA0\x80"), "\\xed\\xa0\\x80");
}

// The public JSONTestSuite, where it lies beside the source tree: y_ must pass, n_ must not.
TEST(Json, AgreesWithTheTestSuite) {
  const char* chosen = std::getenv("CHUYI_CORPUS");
  const std::filesystem::path folder = (chosen != nullptr ? std::filesystem::path{chosen} : std::filesystem::path{CHUYI_SOURCE_DIR} / "../shared/corpus") / "json-suite";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no JSONTestSuite at " << folder;
  JsonLimits limits;
  limits.depth_max = 1000;
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() != ".json") continue;
    std::ifstream in(entry.path(), std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    const std::string code = code_of(text.str(), limits);
    if (name.starts_with("n_")) {
      EXPECT_NE(code, "ok") << name;
    }
    // Duplicate keys and U+0000 are valid JSON that this gate refuses on purpose.
    if (name.starts_with("y_") && code != "json.duplicate_key" && code != "json.nul") {
      EXPECT_EQ(code, "ok") << name;
    }
    ++files;
  }
  EXPECT_GT(files, 150);
}

}  // namespace
}  // namespace chuyi

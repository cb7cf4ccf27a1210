#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/fuzz/entries.h"

namespace chuyi::fuzz {
namespace {

namespace fs = std::filesystem;

struct Target {
  const char* name;
  void (*entry)(std::string_view);
};
void PrintTo(const Target& target, std::ostream* out) { *out << target.name; }

class Corpus : public testing::TestWithParam<Target> {};

// Goal: what a fuzzer once found stays mended. Method: every input that is kept, and each with its end cut off.
TEST_P(Corpus, BreaksNothing) {
  std::size_t files = 0;
  for (const fs::directory_entry& file : fs::directory_iterator(fs::path{CHUYI_SOURCE_DIR} / "tests/fuzz/corpus" / GetParam().name)) {
    std::ifstream in(file.path(), std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    const std::string bytes = text.str();
    SCOPED_TRACE(file.path().filename());
    GetParam().entry(bytes);
    GetParam().entry(std::string_view{bytes}.substr(0, bytes.size() / 2));
    ++files;
  }
  EXPECT_GT(files, 0u);
}

INSTANTIATE_TEST_SUITE_P(Kept, Corpus, testing::Values(Target{"chart", chart}, Target{"expression", expression}, Target{"snapshot", snapshot}),
                         [](const auto& row) { return std::string{row.param.name}; });

}  // namespace
}  // namespace chuyi::fuzz

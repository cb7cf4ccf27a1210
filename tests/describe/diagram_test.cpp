#include "engine/scxml/diagram.h"

#include <sstream>
#include <map>
#include <regex>

#include "tests/describe/catalogue.h"

namespace chuyi::scxml {
namespace {

/// The line of a picture that holds `what`.
std::string line_with(const std::string& picture, const std::string& what) {
  const std::size_t at = picture.find(what);
  if (at == std::string::npos) return {};
  const std::size_t begin = picture.rfind('\n', at) + 1;
  return picture.substr(begin, picture.find('\n', at) - begin);
}

/// The first line with both.
std::string line_with(const std::string& picture, const std::string& text, const std::string& also) {
  std::istringstream lines(picture);
  for (std::string line; std::getline(lines, line);)
    if (line.find(text) != std::string::npos && line.find(also) != std::string::npos) return line;
  return {};
}

TEST(Dot, ShowsWhoUntilWhenAndWhatFollows) {
  const std::string picture = to_dot(*shipped(), phrases("zh"));
  const std::string correction = line_with(picture, "id=\"state-correction\"");
  EXPECT_NE(correction.find("申报人"), std::string::npos) << correction;
  EXPECT_NE(correction.find("◷ 补正意见所定的个工作日"), std::string::npos) << correction;
  EXPECT_NE(picture.find("补正<br/>（此前没有补正过）"), std::string::npos);
  const std::string timer = line_with(picture, "◷ 满一年");
  EXPECT_NE(timer.find("style=dashed"), std::string::npos) << timer;
  EXPECT_NE(line_with(picture, "id=\"state-declined\"").find("peripheries=2"), std::string::npos);
  EXPECT_EQ(picture.find("class="), std::string::npos) << "nothing is visited yet";
}

TEST(Dot, EscapesWhatAPackageWrites) {
  const std::string picture = to_dot(*chart_of(doc("<state id=\"a\" chuyi:title-en=\"&lt;b&gt; &amp; &quot;c&quot;\"/>")), phrases("en"));
  EXPECT_NE(picture.find("&lt;b&gt; &amp; &quot;c&quot;"), std::string::npos) << picture;
}

TEST(Dot, DrawsTheWayTaken) {
  const ChartPtr chart = shipped();
  Progress progress;
  const auto step = [&](std::vector<std::string> events, std::vector<std::string> exited, std::vector<std::string> entered) {
    follow(*chart, progress, events, exited, entered);
  };
  step({}, {}, {"candidate", "nomination", "drafting"});
  step({"done.invoke.apply"}, {"drafting", "submitted", "sealed"}, {"submitted", "sealed", "recommendation"});
  step({"done.invoke.recommend"}, {"recommendation"}, {"drafting"});
  EXPECT_TRUE(progress.configuration.contains("drafting"));
  EXPECT_FALSE(progress.configuration.contains("recommendation"));
  EXPECT_EQ(progress.visited, (std::set<std::string, std::less<>>{"candidate", "nomination", "drafting", "submitted", "sealed", "recommendation"}));
  EXPECT_GE(progress.taken.size(), 2U);
  const std::string picture = to_dot(*chart, phrases("en"), progress);
  EXPECT_NE(line_with(picture, "id=\"state-drafting\"").find("class=\"current\""), std::string::npos);
  EXPECT_NE(line_with(picture, "id=\"state-recommendation\"").find("class=\"visited\""), std::string::npos);
  EXPECT_EQ(line_with(picture, "id=\"state-formal_check\"").find("class="), std::string::npos);
  EXPECT_NE(line_with(picture, ">return<", "class=\"visited\""), "");
  EXPECT_EQ(line_with(picture, ">recommend<").find("class="), std::string::npos);
  step({"applicant.withdraw"}, {"drafting", "nomination", "candidate"}, {"withdrawn"});
  EXPECT_NE(line_with(to_dot(*chart, phrases("en"), progress), ">withdraw<").find("class=\"visited\""), std::string::npos);
}

/// Reads a picture by the grammar of stateDiagram-v2, as far as it is used. @return what is wrong with it.
std::string wrong_mermaid(const std::string& picture) {
  const std::regex state(R"re( *state "[^"{};#%]+" as (s\d+)( \{)?)re");
  const std::regex edge(R"re( *(\[\*\]|s\d+) --> (\[\*\]|s\d+)( : [^:;#{}%]+)?)re");
  const std::regex other(R"re( *(\}|--|class s\d+ (current|visited)|classDef \w+ [\w#:,\-]+))re");
  std::istringstream in(picture);
  std::string line;
  std::getline(in, line);
  if (line != "stateDiagram-v2") return line;
  std::map<std::string, int> known;
  std::vector<std::string> used;
  int depth = 0;
  while (std::getline(in, line)) {
    std::smatch found;
    if (std::regex_match(line, found, state)) {
      if (++known[found[1]] > 1) return "twice: " + line;
      depth += found[2].matched ? 1 : 0;
    } else if (std::regex_match(line, found, edge)) {
      for (int i : {1, 2})
        if (found[i] != "[*]") used.push_back(found[i]);
    } else if (std::regex_match(line, found, other)) {
      depth -= found[1] == "}" ? 1 : 0;
    } else {
      return line;
    }
  }
  for (const std::string& id : used)
    if (!known.contains(id)) return "unknown " + id;
  return depth == 0 ? std::string{} : "unbalanced braces";
}

TEST(Mermaid, KeepsToItsGrammar) {
  Progress progress;
  progress.configuration = {"candidate", "nomination", "drafting"};
  progress.visited = {"drafting", "recommendation"};
  for (const char* language : {"zh", "en"}) EXPECT_EQ(wrong_mermaid(to_mermaid(*shipped(), phrases(language), progress)), "");
  const std::string hostile = doc("<parallel id=\"p\"><state id=\"a\" chuyi:title-en=\"x: {y}; # &quot;z&quot; %% --&gt;\"/><state id=\"b\" initial=\"c\"><history id=\"h\"><transition target=\"c\"/></history>"
                                  "<state id=\"c\"><transition event=\"e\" cond=\"x == ';:#'\" target=\"h\"/></state></state></parallel>");
  EXPECT_EQ(wrong_mermaid(to_mermaid(*chart_of(hostile), phrases("en"))), "");
}

}  // namespace
}  // namespace chuyi::scxml

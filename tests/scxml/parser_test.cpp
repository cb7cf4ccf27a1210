#include <filesystem>

#include <gtest/gtest.h>

#include "engine/scxml/describe.h"
#include "tests/scxml/session.h"

namespace chuyi::scxml {
namespace {

struct Case {
  const char* name;
  std::string xml;
  const char* code;
  const char* place;
};
void PrintTo(const Case& row, std::ostream* out) { *out << row.name; }

class Refused : public testing::TestWithParam<Case> {};

TEST_P(Refused, WithCodeAndPlace) {
  const Result<ChartPtr> chart = parse_chart(GetParam().xml, "w.scxml");
  ASSERT_FALSE(chart);
  EXPECT_EQ(chart.error().code, GetParam().code) << chart.error().message;
  EXPECT_EQ(chart.error().place, GetParam().place) << chart.error().message;
}

std::string doc(const std::string& body) {
  return "<scxml xmlns=\"http://www.w3.org/2005/07/scxml\" version=\"1.0\">\n" + body + "\n</scxml>";
}

INSTANTIATE_TEST_SUITE_P(
    Documents, Refused,
    testing::Values(
        Case{"Doctype", "<!DOCTYPE scxml>\n<scxml/>", "xml.doctype", "w.scxml:1:1"},
        Case{"Entity", doc("<state id=\"a\">&xxe;</state>"), "xml.entity", "w.scxml:2:15"},
        Case{"TwoRoots", "<a/>\n<b/>", "xml.not_well_formed", "w.scxml:2:1"},
        Case{"DuplicateAttribute", "<a x=\"1\" x=\"2\"/>", "xml.not_well_formed", "w.scxml:1:10"},
        Case{"MismatchedEnd", "<a><b></a></b>", "xml.not_well_formed", "w.scxml:1:9"},
        Case{"Encoding", "<?xml version=\"1.0\" encoding=\"GBK\"?><a/>", "xml.encoding", "w.scxml:1:35"},
        Case{"NotUtf8", "<a>\xC4\xE3</a>", "xml.encoding", "w.scxml:1:1"},
        Case{"UndeclaredPrefix", "<x:a/>", "xml.namespace", "w.scxml:1:1"},
        Case{"TooDeep", [] {
               std::string out;
               for (int i = 0; i < 100; ++i) out += "<a>";
               return out;
             }(),
             "xml.depth", "w.scxml:1:196"},
        Case{"WrongRoot", "<flow/>", "scxml.root", "w.scxml:1:2"},
        Case{"MissingTarget", doc("<state id=\"a\"><transition event=\"e\" target=\"nowhere\"/></state>"), "scxml.target", "w.scxml:2:16"},
        Case{"DuplicateId", doc("<state id=\"a\"/><state id=\"a\"/>"), "scxml.duplicate_id", "w.scxml:2:17"},
        Case{"UnknownElement", doc("<state id=\"a\"><step/></state>"), "scxml.element", "w.scxml:2:16"},
        Case{"UnknownAttribute", doc("<state id=\"a\" colour=\"red\"/>"), "scxml.attribute", "w.scxml:2:15"},
        Case{"BadLua", doc("<state id=\"a\"><transition cond=\"1 +\" target=\"a\"/></state>"), "scxml.expression", "w.scxml:2:27"},
        Case{"BadDatamodel", "<scxml xmlns=\"http://www.w3.org/2005/07/scxml\" version=\"1.0\" datamodel=\"ecmascript\"><state/></scxml>",
             "scxml.datamodel", "w.scxml:1:2"},
        Case{"HistoryWithoutDefault", doc("<state id=\"a\"><history id=\"h\"/><state id=\"b\"/></state>"), "scxml.history", "w.scxml:2:16"},
        Case{"TargetsThatExclude", doc("<state id=\"a\"/><state id=\"b\"><transition event=\"e\" target=\"a b\"/></state>"),
             "scxml.target", "w.scxml:2:31"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Parser, NamesEveryDefectAtOnce) {
  const Result<ChartPtr> chart =
      parse_chart(doc("<state id=\"a\"><transition event=\"e\" target=\"x\"/><transition event=\"f\" target=\"y\"/></state>"), "w");
  ASSERT_FALSE(chart);
  EXPECT_EQ(chart.error().details.size(), 2u);
}

TEST(Parser, Utf16WithByteOrderMarkIsRead) {
  std::string out = "\xFF\xFE";
  for (const char c : doc("<state id=\"a\"/>")) out += std::string{c, '\0'};
  EXPECT_TRUE(parse_chart(out, "w"));
}

TEST(Describe, KnowsWhatCanHappen) {
  const Result<ChartPtr> chart = parse_chart(
      doc("<state id=\"a\"><transition event=\"applicant.withdraw\" target=\"f\"/><state id=\"b\">"
          "<transition event=\"done.invoke.x error.*\" target=\"f\"/></state></state><final id=\"f\"/>"),
      "w");
  ASSERT_TRUE(chart) << chart.error().message;
  const std::vector<std::string> configuration{"a", "b"};
  EXPECT_EQ(events_of(**chart, configuration), (std::vector<std::string>{"applicant.withdraw", "done.invoke.x", "error"}));
  EXPECT_TRUE(matches("error.*", "error.execution"));
  EXPECT_FALSE(matches("error", "errors.execution"));
}

// The hostile documents that lie beside the source tree, as their manifest says: REJECT or ACCEPT.
TEST(Parser, Corpus) {
  const std::filesystem::path root = std::filesystem::path{CHUYI_SOURCE_DIR} / "../shared/corpus";
  std::ifstream manifest(root / "MANIFEST.tsv");
  if (!manifest) GTEST_SKIP() << "no corpus at " << root;
  int seen = 0;
  for (std::string line; std::getline(manifest, line);) {
    std::vector<std::string> cells;
    std::stringstream row(line);
    for (std::string cell; std::getline(row, cell, '\t');) cells.push_back(cell);
    if (cells.size() < 7 || !cells[0].starts_with("xml/") || cells[0].ends_with(".gz")) continue;
    std::ifstream in(root / cells[0], std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    const Result<ChartPtr> chart = parse_chart(text.str(), cells[0]);
    const std::string outcome = chart ? "accepted" : chart.error().code + " at " + chart.error().place + ": " + chart.error().message;
    // An unknown invoke type is the host's to refuse: it knows which handlers there are.
    if (cells[6] == "REJECT" && cells[0] != "xml/scxml-invoke-http.scxml") {
      EXPECT_FALSE(chart) << cells[0] << ": " << cells[4];
    }
    if (cells[6] == "ACCEPT" || cells[6] == "FAULT") {
      EXPECT_TRUE(chart) << cells[0] << ": " << outcome;
    }
    ++seen;
  }
  EXPECT_GT(seen, 30);
}

}  // namespace
}  // namespace chuyi::scxml

// Goal: a bag that is not complete and valid is refused with the place; a hostile one costs no more than its bounds.
// Method: bags made by hand, and the public corpus (the Library of Congress's suite, hostile zips) where it is present.
#include <algorithm>
#include <map>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "engine/base/json.h"
#include "storage/documents/bag_limits.h"
#include "storage/documents/bag_validator.h"
#include "tests/documents/files.h"

namespace chuyi {
namespace {

/// A bag of these payload files, below "bag/"; `change` may spoil it before it is packed.
std::string bag_of(std::map<std::string, std::string> payload, const std::function<void(std::map<std::string, std::string>&)>& change) {
  std::map<std::string, std::string> files;
  std::string manifest;
  for (auto& [path, content] : payload) {
    manifest += sha256_hex(content) + "  data/" + path + "\n";
    files["data/" + path] = std::move(content);
  }
  files["bagit.txt"] = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n";
  files["manifest-sha256.txt"] = std::move(manifest);
  change(files);
  std::vector<RawEntry> entries;
  for (auto& [path, content] : files) entries.push_back({.name = "bag/" + path, .data = std::move(content)});
  return make_zip(entries);
}

Result<BagReport> report_of(const std::string& bytes) {
  const Folder folder;
  write_whole(folder / "bag.zip", bytes);
  return validate_bag(folder / "bag.zip");
}

struct BagCase {
  const char* name;
  std::function<void(std::map<std::string, std::string>&)> change;
  const char* code;  ///< of the first error; "" for none
};

class Bag : public testing::TestWithParam<BagCase> {};

TEST_P(Bag, Says) {
  const Result<BagReport> report = report_of(bag_of({{"a.txt", "hello"}, {"b.txt", "world"}}, GetParam().change));
  ASSERT_TRUE(report) << report.error().message;
  const std::string code = report->errors.empty() ? "" : report->errors.front().code;
  EXPECT_EQ(code, GetParam().code);
}

using Files = std::map<std::string, std::string>;
INSTANTIATE_TEST_SUITE_P(
    Bags, Bag,
    testing::Values(
        BagCase{"Good", [](Files&) {}, ""},
        BagCase{"EmptyLinesAtTheEnd", [](Files& f) { f["manifest-sha256.txt"] += "\r\n\n"; }, ""},
        BagCase{"EmptyLineWithin", [](Files& f) { f["manifest-sha256.txt"].insert(0, "\n"); }, "bag.manifest_line"},
        BagCase{"NoDeclaration", [](Files& f) { f.erase("bagit.txt"); }, "bag.declaration"},
        BagCase{"ThreeLinesOfDeclaration", [](Files& f) { f["bagit.txt"] += "more\n"; }, "bag.declaration"},
        BagCase{"OtherVersion", [](Files& f) { f["bagit.txt"] = "BagIt-Version: 2.0\nTag-File-Character-Encoding: UTF-8\n"; }, "bag.version"},
        BagCase{"NoManifest", [](Files& f) { f.erase("manifest-sha256.txt"); }, "bag.manifest"},
        BagCase{"ChangedFile", [](Files& f) { f["data/a.txt"] = "hellO"; }, "bag.digest"},
        BagCase{"MissingFile", [](Files& f) { f.erase("data/a.txt"); }, "bag.missing"},
        BagCase{"UnlistedFile", [](Files& f) { f["data/c.txt"] = ""; }, "bag.unlisted"},
        BagCase{"WrongOxum", [](Files& f) { f["bag-info.txt"] = "Payload-Oxum: 10.3\n"; }, "bag.oxum"},
        BagCase{"RightOxum", [](Files& f) { f["bag-info.txt"] = "Payload-Oxum: 10.2\n"; }, ""},
        BagCase{"ListedTwice", [](Files& f) { f["manifest-sha256.txt"] += f["manifest-sha256.txt"]; }, "bag.duplicate"},
        BagCase{"ListedOutside", [](Files& f) { f["manifest-sha256.txt"] += sha256_hex("x") + "  ../x\n"; }, "bag.path"},
        BagCase{"UnknownAlgorithm", [](Files& f) { f["manifest-crc32.txt"] = ""; }, "bag.algorithm"},
        BagCase{"FetchesWhatIsMissing", [](Files& f) { f["fetch.txt"] = "http://127.0.0.1/ 5 data/c.txt\n"; }, "bag.incomplete"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(BagReportOf, AHostileManifestStaysSmall) {
  std::string lines;
  while (lines.size() < 3'000'000) lines += "0 a\n";
  const Result<BagReport> many = report_of(bag_of({{"a.txt", "x"}}, [&](Files& files) { files["manifest-sha256.txt"] = lines; }));
  ASSERT_TRUE(many);
  EXPECT_EQ(many->errors.size(), kBagFindingsMax);
  EXPECT_GT(many->more_errors, 700'000U);
  const Result<BagReport> large =
      report_of(bag_of({{"a.txt", "x"}}, [&](Files& files) { files["manifest-sha256.txt"] = std::string(kBagTagBytesMax + 1, '\n'); }));
  ASSERT_TRUE(large);
  ASSERT_FALSE(large->errors.empty());
  EXPECT_EQ(large->errors.front().code, "bag.tag_size");
}

struct Row {
  std::string path, kind, check;
};

std::vector<Row> rows() {
  std::ifstream in(corpus("MANIFEST.tsv"));
  std::vector<Row> out;
  for (std::string line; std::getline(in, line);) {
    std::stringstream fields(line);
    std::vector<std::string> each;
    for (std::string field; std::getline(fields, field, '\t');) each.push_back(field);
    if (each.size() > 6 && (each[3] == "zip" || each[3] == "bag-zip") && each[0].ends_with(".zip")) out.push_back({each[0], each[3], each[6]});
  }
  return out;
}

TEST(BagCorpus, IsJudgedAsItSays) {
  if (!fs::exists(corpus("MANIFEST.tsv"))) GTEST_SKIP() << "no corpus at " << corpus("");
  // Where this gate is stricter than the corpus, on purpose.
  const std::map<std::string, std::string> kStricter = {
      {"zip/case-collision.zip", "no two names that Windows takes for one"},
      {"zip/nfc-nfd-collision.zip", "no two names that macOS takes for one"},
      {"zip/manifest-nfc-entry-nfd.zip", "names are compared byte by byte"},
      {"bagit-zip/v0.97__warning__same-filename-listed-twice-with-different-normalization.zip", "names are compared byte by byte"},
      {"zip/gbk-names-no-flag.zip", "names are UTF-8 and say so"},
      {"zip/gbk-names-with-unicode-path-extra.zip", "names are UTF-8 and say so"},
      {"zip/ok-zip64-small.zip", "no zip64: bags are below 4 GiB"}};
  std::size_t judged = 0;
  for (const Row& row : rows()) {
    SCOPED_TRACE(row.path);
    const Result<BagReport> report = validate_bag(corpus(row.path).string());
    const bool accepted = report && report->errors.empty();
    if (!report) {
      EXPECT_FALSE(report.error().code.empty());
      EXPECT_FALSE(report.error().message.empty());
    }
    ++judged;
    if (kStricter.contains(row.path)) {
      EXPECT_FALSE(accepted) << "no longer stricter: take it out of the list";
    } else if (row.check == "ACCEPT") {
      EXPECT_TRUE(accepted);
    } else if (row.check == "WARN") {
      EXPECT_TRUE(accepted && !report->warnings.empty());
    } else if (row.check == "REJECT") {
      EXPECT_FALSE(accepted);
    }
  }
  EXPECT_GT(judged, 100U);
}

}  // namespace
}  // namespace chuyi

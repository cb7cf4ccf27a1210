// Goal: what is sealed is a bag that anyone can check, the same bytes for the same content, and no byte of it can change unseen.
// Method: real bags by the file store, checked by our validator, by Python's zipfile with sha256sum, and after each flipped byte.
#include <random>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "storage/documents/bag_limits.h"
#include "storage/documents/bag_validator.h"
#include "tests/documents/files.h"

namespace chuyi {
namespace {

class Seal : public testing::Test {
 protected:
  Seal() : documents_(std::move(*open_file_documents(folder_ / "documents"))) {}

  std::string path_of(const std::string& digest) const { return folder_ / ("documents/" + digest.substr(0, 2) + "/" + digest); }
  BagSpec spec() {
    BagSpec out;
    out.payload = {{.path = "application.json", .digest = {}, .bytes = "{}\n"},
                   {.path = "documents/agreement/协议 100%.pdf", .digest = store(*documents_, "agreement"), .bytes = {}},
                   {.path = "documents/ethics/a.pdf", .digest = store(*documents_, ""), .bytes = {}}};
    out.info = {{"Bagging-Date", "2026-03-02"}, {"Chuyi-Programme", "workshop"}};
    return out;
  }
  std::string seal(const BagSpec& spec) {
    const Result<StoredDocument> sealed = documents_->seal(spec);
    EXPECT_TRUE(sealed) << sealed.error().message;
    return sealed ? sealed->digest : std::string{};
  }

  Folder folder_;
  std::unique_ptr<DocumentStore> documents_;
};

TEST_F(Seal, IsValidAndKeptByItsDigest) {
  const std::string digest = seal(spec());
  EXPECT_EQ(sha256_hex(read_whole(path_of(digest))), digest);
  const Result<BagReport> report = validate_bag(path_of(digest));
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->errors.empty()) << report->errors.front().message;
  EXPECT_TRUE(report->warnings.empty());
  EXPECT_EQ(report->payload_files, 3U);
  EXPECT_EQ(report->payload_bytes, 12U);
  EXPECT_EQ(fs::status(path_of(digest)).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(Seal, GivesTheSameBytesForTheSameContent) {
  const std::string first = seal(spec());
  BagSpec turned = spec();
  std::reverse(turned.payload.begin(), turned.payload.end());
  EXPECT_EQ(seal(turned), first);
  Folder other;
  const std::unique_ptr<DocumentStore> elsewhere = std::move(*open_file_documents(other / "documents"));
  store(*elsewhere, "");
  store(*elsewhere, "agreement");
  EXPECT_EQ(elsewhere->seal(spec())->digest, first);
  BagSpec changed = spec();
  changed.payload[0].bytes = "{ }\n";
  EXPECT_NE(seal(changed), first);
}

TEST_F(Seal, OtherToolsFindEveryDigestRight) {
  const std::string digest = seal(spec());
  const std::string unpack = "cd '" + folder_.path() + "' && python3 -m zipfile -e '" + path_of(digest) + "' out && cd out/bag && ";
  if (std::system("python3 --version >/dev/null 2>&1 && sha256sum --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "no python3 or sha256sum";
  // sha256sum knows nothing of percent-encoding, so the name that has a percent sign is told to it as it is.
  EXPECT_EQ(std::system((unpack + "sed s/%25/%/ manifest-sha256.txt | sha256sum -c --strict --quiet && sha256sum -c --strict --quiet tagmanifest-sha256.txt").c_str()), 0);
  if (std::system("python3 -c 'import bagit' >/dev/null 2>&1") == 0) {
    EXPECT_EQ(std::system((unpack + "python3 -m bagit --validate --quiet .").c_str()), 0);
  }
}

TEST_F(Seal, EveryFlippedByteIsRefused) {
  const std::string whole = read_whole(path_of(seal(spec())));
  ASSERT_LT(whole.size(), 5'000U);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ (1 << (at % 8)));
    write_whole(folder_ / "changed.zip", changed);
    const Result<BagReport> report = validate_bag(folder_ / "changed.zip");
    EXPECT_FALSE(report && report->errors.empty()) << "byte " << at << " of " << whole.size();
  }
}

TEST_F(Seal, WhatCompressesWellIsValidToo) {
  BagSpec zeros;
  zeros.payload = {{.path = "zeros.pdf", .digest = store(*documents_, std::string(5'000'000, '0')), .bytes = {}}};
  const Result<BagReport> report = validate_bag(path_of(seal(zeros)));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->errors.empty());
}

TEST_F(Seal, KeepsWithinTheBoundsOfTheValidator) {
  BagSpec many;
  for (std::uint64_t i = 0; i < kBagEntriesMax - 4; ++i)
    many.payload.push_back({.path = std::to_string(i) + "/" + std::string(200, 'n') + "/" + std::string(200, 'm'), .digest = {}, .bytes = {}});
  const Result<BagReport> report = validate_bag(path_of(seal(many)));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->errors.empty());
  many.payload.push_back({.path = "one more", .digest = {}, .bytes = {}});
  EXPECT_EQ(documents_->seal(many).error().code, "bag.entries");
  BagSpec deep;
  deep.payload = {{.path = "a", .digest = {}, .bytes = {}}};
  while (deep.payload[0].path.size() < 1'016) deep.payload[0].path += deep.payload[0].path.size() % 100 == 99 ? "/" : "a";
  EXPECT_EQ(deep.payload[0].path.size(), 1'016U) << "1,025 with the folders of the bag";
  EXPECT_EQ(documents_->seal(deep).error().code, "bag.path");
}

struct RefusedCase {
  const char* name;
  std::vector<std::string> paths;
  const char* code;
};

class Refused : public Seal, public testing::WithParamInterface<RefusedCase> {};

TEST_P(Refused, InBothLanguagesAndNothingStays) {
  BagSpec spec;
  for (const std::string& path : GetParam().paths) spec.payload.push_back({.path = path, .digest = {}, .bytes = "x"});
  const Result<StoredDocument> sealed = documents_->seal(spec);
  ASSERT_FALSE(sealed);
  EXPECT_EQ(sealed.error().code, GetParam().code);
  EXPECT_TRUE(sealed.error().message.starts_with("Expected "));
  EXPECT_FALSE(sealed.error().message_zh.empty());
  EXPECT_EQ(sealed.error().place, GetParam().paths.back());
  EXPECT_TRUE(folder_.files().empty());
}

INSTANTIATE_TEST_SUITE_P(Paths, Refused,
                         testing::Values(RefusedCase{"Parent", {"../a"}, "bag.path"}, RefusedCase{"Device", {"documents/aux.pdf"}, "bag.path"},
                                         RefusedCase{"EndsInDot", {"x.pdf."}, "bag.path"}, RefusedCase{"Twice", {"a", "a"}, "bag.duplicate"},
                                         RefusedCase{"InOtherCase", {"a.pdf", "A.pdf"}, "bag.duplicate"},
                                         RefusedCase{"InOtherCaseOfGreek", {"Σ.pdf", "ς.pdf"}, "bag.duplicate"},
                                         RefusedCase{"InOtherForm", {"\xC3\xA9.pdf", "e\xCC\x81.pdf"}, "bag.duplicate"}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_F(Seal, RefusesADocumentThatWasChangedOnTheDisk) {
  const BagSpec good = spec();
  write_whole(path_of(good.payload[1].digest), "agreemenT");
  const Result<StoredDocument> sealed = documents_->seal(good);
  ASSERT_FALSE(sealed);
  EXPECT_EQ(sealed.error().code, "document.corrupt");
  EXPECT_EQ(folder_.files().size(), 2U) << "the documents and no bag";
}

TEST_F(Seal, RefusesADocumentThatIsNotThere) {
  BagSpec missing;
  missing.payload = {{.path = "a", .digest = std::string(64, '0'), .bytes = {}}};
  EXPECT_EQ(documents_->seal(missing).error().code, "document.unknown");
}

#ifndef CHUYI_SANITIZED  // they take address space of their own
TEST_F(Seal, NeedsNoMemoryForTheContent) {
  std::string part(16U << 20, '\0');
  std::mt19937 random(1);
  for (char& c : part) c = static_cast<char>(random());
  BagSpec large;
  for (int i = 0; i < 8; ++i) {
    part[0] = static_cast<char>(i);
    large.payload.push_back({.path = std::to_string(i), .digest = store(*documents_, part), .bytes = {}});
  }
  part = {};
  const pid_t child = ::fork();
  if (child == 0) {
    // What the process has by now, and 32 MiB for a bag of 128 MiB.
    std::ifstream statm("/proc/self/statm");
    rlim_t pages = 0;
    statm >> pages;
    const rlim_t bytes = pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) + (32U << 20);
    const rlimit limit{bytes, bytes};
    ::setrlimit(RLIMIT_AS, &limit);
    const Result<StoredDocument> sealed = documents_->seal(large);
    if (!sealed) ::_exit(1);
    const Result<BagReport> report = validate_bag(path_of(sealed->digest));
    ::_exit(report && report->errors.empty() ? 0 : 2);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}
#endif

}  // namespace
}  // namespace chuyi

// Goal: every kind of document store keeps the same promises. Method: the same tests on files, on PostgreSQL and on an
// S3-compatible server, whose bytes are changed past the store.
#include <future>

#include <gtest/gtest.h>

#include "storage/documents/bag_validator.h"
#include "storage/postgres/postgres.h"
#include "storage/s3/s3_documents.h"
#include "tests/documents/files.h"
#include "tests/documents/s3_server.h"
#include "tests/store_contract/backends.h"

namespace chuyi {
namespace {

constexpr std::size_t kPart = 256U * 1024;  // what PostgreSQL keeps in one row

/// One installation's documents under the contract.
class Home {
 public:
  virtual ~Home() = default;
  virtual std::unique_ptr<DocumentStore> open() = 0;
  /// Turns a byte of the stored content over.
  virtual void damage(const std::string& digest, std::size_t at) = 0;
  /// Everything there is, documents or not.
  virtual std::size_t count() = 0;
};

class FileHome final : public Home {
 public:
  std::unique_ptr<DocumentStore> open() override { return std::move(*open_file_documents(folder_ / "documents")); }
  void damage(const std::string& digest, std::size_t at) override {
    const std::string path = folder_ / ("documents/" + digest.substr(0, 2) + "/" + digest);
    std::string bytes = read_whole(path);
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    write_whole(path, bytes);
  }
  std::size_t count() override { return folder_.files().size(); }

 private:
  Folder folder_;
};

class PostgresHome final : public Home {
 public:
  std::unique_ptr<DocumentStore> open() override { return std::move(open_postgres({.url = database_.url(), .scratch = folder_ / "staging"})->documents); }
  void damage(const std::string& digest, std::size_t at) override {
    const std::string offset = std::to_string(at % kPart);
    sql("UPDATE content_parts SET bytes = set_byte(bytes, " + offset + ", get_byte(bytes, " + offset + ") # 1) WHERE part = " + std::to_string(at / kPart) +
        " AND content = (SELECT id FROM contents WHERE digest = '" + digest + "')");
  }
  std::size_t count() override { return std::stoul(sql("SELECT count(*) FROM contents WHERE digest IS NOT NULL")) + folder_.files().size(); }
  std::string sql(const std::string& text) { return test::run_sql(database_.url(), text); }
  const std::string& url() const { return database_.url(); }

 private:
  test::TemporaryDatabase database_;
  Folder folder_;
};

class S3Home final : public Home {
 public:
  std::unique_ptr<DocumentStore> open() override {
    return std::move(*open_s3_documents({.url = "s3://documents", .endpoint = server_.endpoint(), .region = "test-1", .scratch = folder_ / "staging"}));
  }
  void damage(const std::string& digest, std::size_t at) override { server_.control("{\"damage\": [\"/documents/" + digest + "\", " + std::to_string(at) + "]}"); }
  std::size_t count() override {
    const std::string state = server_.state();
    std::size_t out = folder_.files().size();
    for (std::size_t from = 0; (from = state.find("\"/documents/", from)) != std::string::npos; ++from) ++out;
    return out;
  }

 private:
  test::S3Server server_;
  Folder folder_;
};

struct Kind {
  const char* name;
  std::unique_ptr<Home> (*fresh)();
  bool present = true;
};

Result<StoredDocument> put(DocumentStore& documents, const std::string& content, std::size_t part_max = 100'000) {
  const std::unique_ptr<DocumentWriter> to = std::move(*documents.create(1U << 30));
  for (std::size_t at = 0; at < content.size(); at += part_max)
    if (Result<> written = to->write(std::string_view{content}.substr(at, part_max)); !written) return written.error();
  return to->finish();
}

/// Everything the reader gives, and the code of how it ended.
std::pair<std::string, std::string> read(DocumentStore& documents, const std::string& digest, std::size_t part_max = 65'536) {
  Result<std::unique_ptr<DocumentReader>> reader = documents.open(digest);
  if (!reader) return {"", reader.error().code};
  std::string out;
  while (true) {
    const Result<std::string> part = (*reader)->read(part_max);
    if (!part) return {out, part.error().code};
    if (part->empty()) return {out, "ok"};
    out += *part;
  }
}

/// Bytes of all values, no two parts alike.
std::string bytes_of(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>((i * 7 + i / 251 + i / kPart) & 0xFF);
  return out;
}

class Contract : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (!GetParam().present) GTEST_SKIP() << "what it needs is not here: tools/deps.sh --tests";
    home_ = GetParam().fresh();
    documents_ = home_->open();
  }
  std::unique_ptr<Home> home_;
  std::unique_ptr<DocumentStore> documents_;
};

TEST_P(Contract, GivesBackWhatWasPutAlsoAfterItWasOpenedAgain) {
  std::map<std::string, std::string> all;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{70'000}, kPart - 1, kPart, kPart + 1, 3 * kPart, 3 * kPart + 17}) {
    const std::string content = bytes_of(size);
    const Result<StoredDocument> stored = put(*documents_, content);
    ASSERT_TRUE(stored) << stored.error().message;
    EXPECT_EQ(stored->digest, sha256_hex(content));
    EXPECT_EQ(stored->size, size);
    documents_->release(stored->digest, true);
    all[stored->digest] = content;
  }
  documents_ = home_->open();
  for (const auto& [digest, content] : all)
    for (const std::size_t part_max : {std::size_t{10'000}, std::size_t{1} << 22}) EXPECT_EQ(read(*documents_, digest, part_max), std::pair(content, std::string("ok")));
}

TEST_P(Contract, KnowsNothingElse) {
  for (const std::string& digest : {std::string{}, std::string("../../etc/passwd"), std::string(64, 'A'), std::string(64, 'a'), std::string(65, '0')})
    EXPECT_EQ(read(*documents_, digest).second, "document.unknown") << digest;
}

TEST_P(Contract, HoldsTheLastPartOfChangedContentBackUntilItIsPutAgain) {
  const std::string content = bytes_of(2 * kPart + 5);
  const std::string digest = put(*documents_, content)->digest;
  for (const std::size_t at : {std::size_t{0}, kPart, content.size() - 1}) {
    home_->damage(digest, at);
    const auto [got, code] = read(*documents_, digest);
    EXPECT_EQ(code, "document.corrupt");
    EXPECT_LT(got.size(), content.size());
    home_->damage(digest, at);
    EXPECT_EQ(read(*documents_, digest).second, "ok");
  }
  home_->damage(digest, 1);
  EXPECT_TRUE(put(*documents_, content));
  EXPECT_EQ(read(*documents_, digest), std::pair(content, std::string("ok")));
}

TEST_P(Contract, ThereIsNoDocumentBeforeItIsWhole) {
  const std::string content = bytes_of(3 * kPart);
  {
    const std::unique_ptr<DocumentWriter> to = std::move(*documents_->create(content.size()));
    ASSERT_TRUE(to->write(content));
    EXPECT_EQ(read(*documents_, sha256_hex(content)).second, "document.unknown");
    EXPECT_EQ(to->write("x").error().code, "document.size");
  }
  EXPECT_EQ(home_->count(), 0U);
  EXPECT_EQ(read(*documents_, sha256_hex(content)).second, "document.unknown");
}

TEST_P(Contract, TheSameContentAtTheSameTimeIsOneDocument) {
  const std::string content = bytes_of(kPart + 1);
  std::vector<std::future<Result<StoredDocument>>> puts;
  for (int i = 0; i < 8; ++i) puts.push_back(std::async(std::launch::async, [&] { return put(*documents_, content); }));
  for (auto& each : puts) {
    const Result<StoredDocument> stored = each.get();
    ASSERT_TRUE(stored) << stored.error().message;
    EXPECT_EQ(stored->digest, sha256_hex(content));
  }
  EXPECT_EQ(home_->count(), 1U);
  EXPECT_EQ(read(*documents_, sha256_hex(content)), std::pair(content, std::string("ok")));
}

TEST_P(Contract, WhatAnotherHolderRefersToStays) {
  const std::string digest = put(*documents_, "content")->digest;
  EXPECT_EQ(put(*documents_, "content")->digest, digest);
  documents_->release(digest, false);
  EXPECT_EQ(read(*documents_, digest).second, "ok") << "the other holder may commit yet";
  documents_->release(digest, true);
  EXPECT_EQ(put(*documents_, "content")->digest, digest);
  documents_->release(digest, false);
  EXPECT_EQ(read(*documents_, digest).second, "ok") << "it was there before this upload";
}

TEST_P(Contract, SealsTheSameBagAsAnyOther) {
  const auto spec_in = [](DocumentStore& documents) {
    BagSpec out;
    out.payload = {{.path = "application.json", .digest = {}, .bytes = "{}\n"},
                   {.path = "documents/agreement/协议.pdf", .digest = store(documents, bytes_of(kPart + 3)), .bytes = {}},
                   {.path = "documents/ethics/a.pdf", .digest = store(documents, ""), .bytes = {}}};
    out.info = {{"Bagging-Date", "2026-03-02"}};
    return out;
  };
  const Result<StoredDocument> bag = documents_->seal(spec_in(*documents_));
  ASSERT_TRUE(bag) << bag.error().message;
  Folder folder;
  write_whole(folder / "bag.zip", read(*documents_, bag->digest).first);
  const Result<BagReport> report = validate_bag(folder / "bag.zip");
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->errors.empty());
  EXPECT_EQ(report->payload_files, 3U);
  const std::unique_ptr<DocumentStore> files = std::move(*open_file_documents(folder / "documents"));
  EXPECT_EQ(files->seal(spec_in(*files))->digest, bag->digest);
  EXPECT_EQ(home_->count(), 3U) << "nothing is left of the making";
}

TEST_P(Contract, ABagThatCannotBeMadeLeavesNothing) {
  BagSpec spec;
  spec.payload = {{.path = "a", .digest = std::string(64, 'a'), .bytes = {}}};
  EXPECT_EQ(documents_->seal(spec).error().code, "document.unknown");
  spec.payload = {{.path = "../a", .digest = {}, .bytes = "x"}};
  EXPECT_EQ(documents_->seal(spec).error().code, "bag.path");
  EXPECT_EQ(home_->count(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Stores, Contract,
                         testing::Values(Kind{"Files", []() -> std::unique_ptr<Home> { return std::make_unique<FileHome>(); }},
                                         Kind{"Postgres", []() -> std::unique_ptr<Home> { return std::make_unique<PostgresHome>(); }, test::has_postgres()},
                                         Kind{"S3", []() -> std::unique_ptr<Home> { return std::make_unique<S3Home>(); }}),
                         [](const auto& row) { return std::string(row.param.name); });

class Swept : public testing::Test {
 protected:
  void SetUp() override {
    if (!test::has_postgres()) GTEST_SKIP() << test::kNoPostgres;
    home_ = std::make_unique<PostgresHome>();
    documents_ = home_->open();
  }
  void an_hour_passes() { home_->sql("UPDATE contents SET touched = touched - 3600000 WHERE touched > 3600000"); }
  /// Each upload sweeps a step.
  void sweep() {
    for (int i = 0; i < 8; ++i) ASSERT_TRUE(put(*documents_, "another"));
  }
  /// A row that names the content, as another node would write it.
  void refer(const std::string& digest) {
    Result<PostgresStorage> node = open_postgres({.url = home_->url(), .scratch = {}});
    Change change = test::session_change("s1");
    DocumentRow row;
    row.id = "d1";
    row.session_id = "s1";
    row.digest = digest;
    change.documents = {row};
    ASSERT_TRUE(test::put(*node->store, change));
  }
  std::size_t parts() { return std::stoul(home_->sql("SELECT count(*) FROM content_parts")); }

  std::unique_ptr<PostgresHome> home_;
  std::unique_ptr<DocumentStore> documents_;
};

TEST_F(Swept, AnHourAfterNobodyBroughtOrNamedIt) {
  const std::string content = bytes_of(kPart * 40);
  const std::string digest = put(*documents_, content)->digest;
  documents_->release(digest, false);
  sweep();
  EXPECT_EQ(read(*documents_, digest).second, "ok") << "another node may be about to refer to it";
  an_hour_passes();
  sweep();
  EXPECT_EQ(read(*documents_, digest).second, "document.unknown");
  EXPECT_EQ(parts(), 1U) << "those of the last upload";
}

TEST_F(Swept, NeverWhatARowNames) {
  const std::string digest = put(*documents_, "content")->digest;
  refer(digest);
  an_hour_passes();
  sweep();
  an_hour_passes();
  sweep();
  EXPECT_EQ(read(*documents_, digest).second, "ok");
  EXPECT_EQ(home_->sql("SELECT state FROM contents WHERE digest = '" + digest + "'"), "kept") << "not looked at again";
}

TEST_F(Swept, NotWhatIsBroughtAgain) {
  const std::string digest = put(*documents_, "content")->digest;
  an_hour_passes();
  EXPECT_EQ(put(*documents_, "content")->digest, digest);
  sweep();
  EXPECT_EQ(read(*documents_, digest).second, "ok");
}

TEST_F(Swept, AsMuchAsIsBrought) {
  const std::string content = bytes_of(kPart * 70);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(put(*documents_, content));
  EXPECT_EQ(parts(), 70U) << "content that made room for the same is gone";
}

TEST_F(Swept, UploadsThatStandStill) {
  const std::unique_ptr<DocumentWriter> to = std::move(*documents_->create(1U << 30));
  ASSERT_TRUE(to->write(bytes_of(2 * kPart)));
  sweep();
  an_hour_passes();
  sweep();
  EXPECT_EQ(parts(), 1U);
  EXPECT_EQ(to->finish().error().code, "document.io") << "a node that woke up too late";
}

}  // namespace
}  // namespace chuyi

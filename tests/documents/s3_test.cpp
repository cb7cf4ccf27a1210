// Goal: a store that fails, is slow or breaks off loses no document and says so, and nobody's secrets leave the program.
// Method: an S3-compatible server of our own that checks every signature and misbehaves on demand.
#include <gtest/gtest.h>

#include "storage/s3/s3_documents.h"
#include "tests/documents/files.h"
#include "tests/documents/s3_server.h"

namespace chuyi {
namespace {

class S3 : public testing::Test {
 protected:
  std::unique_ptr<DocumentStore> open() { return std::move(*open_s3_documents(options_)); }
  Result<StoredDocument> put(const std::string& content) {
    const std::unique_ptr<DocumentWriter> to = std::move(*documents_->create(1U << 30));
    if (Result<> written = to->write(content); !written) return written.error();
    return to->finish();
  }
  std::string read(const std::string& digest) {
    Result<std::unique_ptr<DocumentReader>> reader = documents_->open(digest);
    if (!reader) return reader.error().code;
    std::string out;
    while (true) {
      const Result<std::string> part = (*reader)->read(100'000);
      if (!part) return part.error().code;
      if (part->empty()) return out;
      out += *part;
    }
  }

  test::S3Server server_;
  Folder folder_;
  S3Options options_{.url = "s3://documents/chuyi/test.1", .endpoint = server_.endpoint(), .region = "test-1", .scratch = folder_ / "staging"};
  std::unique_ptr<DocumentStore> documents_ = open();
};

TEST_F(S3, KeepsObjectsByTheirDigestBelowThePrefix) {
  const std::string digest = put("content")->digest;
  EXPECT_NE(server_.state().find("\"/documents/chuyi/test.1/" + digest + "\""), std::string::npos) << server_.state();
}

TEST_F(S3, AStoreThatFailsForAMomentIsAskedAgain) {
  const std::string content(9'000'000, 'x');  // three ranges
  for (const char* fault : {R"({"fail": 2})", R"({"cut": 1})", R"({"drip": 3})"}) {
    SCOPED_TRACE(fault);
    server_.control(fault);
    const Result<StoredDocument> stored = put(content);
    ASSERT_TRUE(stored) << stored.error().message;
    server_.control(fault);
    EXPECT_EQ(read(stored->digest), content);
  }
}

TEST_F(S3, AStoreThatGoesOnFailingIsAnErrorAndNoDocument) {
  const std::string digest = put("content")->digest;
  server_.control(R"({"fail": 100})");
  const Result<StoredDocument> refused = put("other");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(refused.error().code, "document.io");
  EXPECT_NE(refused.error().message.find("503 SlowDown"), std::string::npos) << refused.error().message;
  EXPECT_EQ(read(digest), "document.io");
  server_.control(R"({"fail": 0})");
  EXPECT_EQ(read(sha256_hex("other")), "document.unknown");
  EXPECT_EQ(read(digest), "content");
  EXPECT_TRUE(folder_.files().empty());
}

TEST_F(S3, AWrongSecretIsRefusedAndNotTold) {
  ::setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret", 1);
  documents_ = open();
  const Result<StoredDocument> refused = put("content");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("403 SignatureDoesNotMatch"), std::string::npos) << refused.error().message;
  EXPECT_EQ(refused.error().message.find("not-the-secret"), std::string::npos);
}

TEST_F(S3, TakesCredentialsFromAFile) {
  ::unsetenv("AWS_ACCESS_KEY_ID");
  ::unsetenv("AWS_SECRET_ACCESS_KEY");
  EXPECT_EQ(open_s3_documents(options_).error().code, "documents.credentials");
  write_whole(folder_ / "credentials", "[other]\naws_access_key_id = x\n[default]\naws_access_key_id = AKIATEST\naws_secret_access_key=s3cr3t/of+the+tests\n[more]\naws_access_key_id=y\n");
  ::setenv("AWS_SHARED_CREDENTIALS_FILE", (folder_ / "credentials").c_str(), 1);
  documents_ = open();
  EXPECT_TRUE(put("content"));
  ::unsetenv("AWS_SHARED_CREDENTIALS_FILE");
}

TEST_F(S3, RefusesPlacesThatCannotBeMeant) {
  for (const char* url : {"", "documents", "s3://", "s3:///prefix", "s3://a b", "s3://bucket/a//b", "s3://bucket/../x", "s3://bucket/a?b", "http://bucket/x"}) {
    S3Options options = options_;
    options.url = url;
    EXPECT_EQ(open_s3_documents(options).error().code, "cli.documents") << url;
  }
  for (const char* endpoint : {"http://s3.example.cn", "http://127.0.0.1.example.cn", "http://127.0.0.1@example.cn", "ftp://127.0.0.1", "https://", "https://host/path"}) {
    S3Options options = options_;
    options.endpoint = endpoint;
    EXPECT_EQ(open_s3_documents(options).error().code, "cli.documents") << endpoint;
  }
  for (const char* endpoint : {"https://s3.example.cn", "https://s3.example.cn:9000/", "http://localhost:9000", "http://[::1]:9000", ""}) {
    S3Options options = options_;
    options.endpoint = endpoint;
    EXPECT_TRUE(open_s3_documents(options)) << endpoint;
  }
}

TEST_F(S3, NobodyThereIsAnErrorInTime) {
  options_.endpoint = "http://127.0.0.1:1";
  documents_ = open();
  EXPECT_EQ(put("content").error().code, "document.io");
  EXPECT_EQ(read(sha256_hex("content")), "document.io");
}

}  // namespace
}  // namespace chuyi

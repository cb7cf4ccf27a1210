// Goal: a document is on the disk when it is said to be, whole or not at all, and stays only while somebody may refer to it.
// Method: the file store over a folder that the test changes; writes and syncs that fail on demand.
#include <cerrno>
#include <csignal>

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/documents/files.h"

namespace {
bool g_sync_fails = false;
}  // namespace

// Stands before the C library's for all of this program.
extern "C" int fsync(int fd) {
  if (!g_sync_fails) return static_cast<int>(::syscall(SYS_fsync, fd));
  errno = EIO;
  return -1;
}

namespace chuyi {
namespace {

class Store : public testing::Test {
 protected:
  Store() : documents_(std::move(*open_file_documents(folder_ / "documents"))) {}
  ~Store() override { g_sync_fails = false; }

  std::string path_of(const std::string& digest) const { return folder_ / ("documents/" + digest.substr(0, 2) + "/" + digest); }
  std::unique_ptr<DocumentWriter> writer(std::uint64_t bytes_max = 1U << 30) { return std::move(*documents_->create(bytes_max)); }
  Result<StoredDocument> put(const std::string& content) {
    const std::unique_ptr<DocumentWriter> to = writer();
    if (Result<> written = to->write(content); !written) return written.error();
    return to->finish();
  }
  /// Everything the reader gives, and the code of how it ended.
  std::pair<std::string, std::string> read(const std::string& digest, std::size_t part_max = 100) {
    Result<std::unique_ptr<DocumentReader>> reader = documents_->open(digest);
    if (!reader) return {"", reader.error().code};
    std::string out;
    while (true) {
      const Result<std::string> part = (*reader)->read(part_max);
      if (!part) return {out, part.error().code};
      if (part->empty()) return {out, "ok"};
      out += *part;
    }
  }

  Folder folder_;
  std::unique_ptr<DocumentStore> documents_;
};

TEST_F(Store, GivesBackWhatWasPut) {
  for (const std::size_t size : {0U, 1U, 99U, 100U, 101U, 200U, 70'000U}) {
    const std::string content(size, 'x');
    const Result<StoredDocument> stored = put(content);
    ASSERT_TRUE(stored);
    EXPECT_EQ(stored->digest, sha256_hex(content));
    EXPECT_EQ(stored->size, size);
    EXPECT_EQ(read(stored->digest), std::pair(content, std::string("ok")));
  }
}

TEST_F(Store, KnowsNothingElse) {
  for (const std::string& digest : {std::string{}, std::string("../../etc/passwd"), std::string(64, 'A'), std::string(64, 'a'), std::string(65, '0')})
    EXPECT_EQ(read(digest).second, "document.unknown") << digest;
}

TEST_F(Store, HoldsTheLastPartOfAChangedFileBack) {
  const std::string content(1'000, 'x');
  const std::string digest = put(content)->digest;
  struct Change {
    const char* name;
    std::string now;
  };
  for (const Change& change : {Change{"FirstByte", "y" + content.substr(1)}, Change{"LastByte", content.substr(1) + "y"}, Change{"Cut", content.substr(1)},
                               Change{"Emptied", ""}, Change{"Longer", content + "x"}}) {
    SCOPED_TRACE(change.name);
    write_whole(path_of(digest), change.now);
    for (const std::size_t part_max : {100U, 5'000U}) {
      const auto [got, code] = read(digest, part_max);
      EXPECT_EQ(code, "document.corrupt");
      EXPECT_LT(got.size(), std::max<std::size_t>(change.now.size(), 1));
    }
  }
  EXPECT_TRUE(put(content));
  EXPECT_EQ(read(digest).second, "ok") << "putting it again mends it";
}

TEST_F(Store, SeesAFileThatIsChangedWhileItIsRead) {
  const std::string digest = put(std::string(1'000, 'x'))->digest;
  Result<std::unique_ptr<DocumentReader>> reader = documents_->open(digest);
  ASSERT_TRUE((*reader)->read(500));
  fs::resize_file(path_of(digest), 600);
  EXPECT_EQ((*reader)->read(500).error().code, "document.corrupt");
}

TEST_F(Store, RefusesMoreThanIsAllowedAndKeepsNothing) {
  {
    const std::unique_ptr<DocumentWriter> to = writer(10);
    EXPECT_TRUE(to->write("0123456789"));
    EXPECT_EQ(to->write("x").error().code, "document.size");
  }
  EXPECT_TRUE(folder_.files().empty());
}

TEST_F(Store, DeletesWhatWasRefused) {
  const std::string digest = put("content")->digest;
  documents_->release(digest, false);
  EXPECT_TRUE(folder_.files().empty());
}

TEST_F(Store, KeepsWhatAnotherHolderRefersTo) {
  const std::string digest = put("content")->digest;
  EXPECT_EQ(put("content")->digest, digest);
  documents_->release(digest, false);
  EXPECT_EQ(read(digest).second, "ok") << "the other holder may commit yet";
  documents_->release(digest, true);
  EXPECT_EQ(read(digest).second, "ok");
  EXPECT_EQ(put("content")->digest, digest);
  documents_->release(digest, false);
  EXPECT_EQ(read(digest).second, "ok") << "it was there before this upload";
}

TEST_F(Store, DeletesWhatAllHoldersWereRefused) {
  const std::string digest = put("content")->digest;
  EXPECT_EQ(put("content")->digest, digest);
  documents_->release(digest, false);
  documents_->release(digest, false);
  EXPECT_TRUE(folder_.files().empty());
  documents_->release(digest, false);
  EXPECT_EQ(put("content")->digest, digest);
  EXPECT_EQ(read(digest).second, "ok");
}

TEST_F(Store, AFailedSyncIsNoSuccess) {
  g_sync_fails = true;
  EXPECT_EQ(put("content").error().code, "document.io");
  BagSpec bag;
  bag.payload = {{.path = "a", .digest = {}, .bytes = "x"}};
  EXPECT_EQ(documents_->seal(bag).error().code, "document.io");
  EXPECT_TRUE(folder_.files().empty());
  g_sync_fails = false;
  EXPECT_TRUE(put("content"));
  EXPECT_TRUE(documents_->seal(bag));
}

/// Runs `job` in a process of its own. @return its exit code.
int in_child(const std::function<int()>& job) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(job());
  int status = -1;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

TEST_F(Store, AFullDiskIsSaidAndKeepsNothing) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can mount a small disk";
  const std::string disk = folder_ / "disk";
  fs::create_directory(disk);
  if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=1m") != 0) GTEST_SKIP() << "no small disk can be mounted here";
  {
    const std::unique_ptr<DocumentStore> full = std::move(*open_file_documents(disk + "/documents"));
    const std::string small = store(*full, std::string(600'000, 'x'));
    EXPECT_FALSE(small.empty());
    {
      const std::unique_ptr<DocumentWriter> to = std::move(*full->create(1U << 30));
      EXPECT_EQ(to->write(std::string(600'000, 'y')).error().code, "document.full");
    }
    BagSpec bag;
    bag.payload = {{.path = "a", .digest = small, .bytes = {}}};
    EXPECT_EQ(full->seal(bag).error().code, "document.full");
    EXPECT_EQ(folder_.files(), std::vector<std::string>{small});
    EXPECT_TRUE(full->open(small));
  }
  EXPECT_EQ(::umount(disk.c_str()), 0);
}

TEST_F(Store, AFileThatCannotGrowIsAnErrorAndKeepsNothing) {
  const std::string small = store(*documents_, std::string(80'000, 'x'));
  const int code = in_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{90'000, 90'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    BagSpec bag;
    bag.payload = {{.path = "a", .digest = small, .bytes = {}}, {.path = "b", .digest = small, .bytes = {}}};
    const bool put_refused = !put(std::string(100'000, 'y'));
    const Result<StoredDocument> sealed = documents_->seal(bag);
    return put_refused && !sealed && sealed.error().kind == ErrorKind::unavailable ? 0 : 1;
  });
  EXPECT_EQ(code, 0);
  EXPECT_EQ(folder_.files(), std::vector<std::string>{small});
}

TEST_F(Store, WhatAKilledProcessLeftIsGoneAtTheNextStart) {
  const int code = in_child([&] {
    const std::unique_ptr<DocumentWriter> to = writer();
    if (!to->write("half")) return 1;
    ::raise(SIGKILL);
    return 2;
  });
  EXPECT_EQ(code, 1000 + SIGKILL);
  EXPECT_EQ(folder_.files().size(), 1U);
  documents_ = std::move(*open_file_documents(folder_ / "documents"));
  EXPECT_TRUE(folder_.files().empty());
  EXPECT_TRUE(put("content"));
}

}  // namespace
}  // namespace chuyi

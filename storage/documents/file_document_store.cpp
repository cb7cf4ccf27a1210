#include "storage/documents/file_document_store.h"

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <map>
#include <mutex>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/mutant.h"
#include "storage/documents/bag_limits.h"
#include "storage/documents/bag_writer.h"
#include "storage/documents/content.h"
#include "storage/documents/descriptor.h"
#include "storage/documents/io_error.h"

namespace chuyi {
namespace {

namespace fs = std::filesystem;

Result<> sync_folder(const fs::path& folder) {
  const Descriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0 || ::fsync(fd.get()) != 0) return io_error("sync a folder", errno);
  return {};
}

/// Creates the folder and syncs the one above, so that a file in it cannot be lost with it.
Result<> make_folder(const fs::path& folder) {
  // Also one that is there: whoever made it may not have synced it yet.
  if (::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST)
    return CHUYI_MUTANT("new_folder_not_synced") ? Result<>{} : sync_folder(folder.parent_path());
  return io_error("create a folder", errno);
}

/// A file in the staging folder; gone with this object unless its path was taken.
class Staged {
 public:
  explicit Staged(fs::path path) : path_(std::move(path)) {}
  ~Staged() {
    if (!path_.empty() && !CHUYI_MUTANT("staged_file_left")) ::unlink(path_.c_str());
  }
  Staged(const Staged&) = delete;
  Staged& operator=(const Staged&) = delete;
  const fs::path& path() const { return path_; }
  void renamed() { path_.clear(); }

 private:
  fs::path path_;
};

/// The documents by digest, and who holds which.
class Shelves {
 public:
  explicit Shelves(fs::path root) : root_(std::move(root)) {}

  fs::path path_of(std::string_view digest) const { return root_ / std::string{digest.substr(0, 2)} / std::string{digest}; }
  fs::path new_staging_path() {
    return root_ / "staging" / (std::to_string(::getpid()) + "-" + std::to_string(counter_.fetch_add(1)));
  }

  /// Gives the synced file its name and holds it.
  Result<StoredDocument> keep(Staged& staged, const StoredDocument& content) {
    const std::string& digest = content.digest;
    const fs::path target = path_of(digest);
    if (Result<> made = make_folder(target.parent_path()); !made) return made.error();
    {
      const std::lock_guard lock(mutex_);
      const bool known = ::access(target.c_str(), F_OK) == 0;
      if (::rename(staged.path().c_str(), target.c_str()) != 0) return io_error("name a document", errno);
      staged.renamed();
      ++held_.try_emplace(digest, Held{.holders = 0, .fresh = !known, .referenced = false}).first->second.holders;
    }
    if (CHUYI_MUTANT("document_name_not_synced")) return content;
    if (Result<> synced = sync_folder(target.parent_path()); !synced) {
      release(digest, false);
      return synced.error();
    }
    return content;
  }

  void release(std::string_view digest, bool referenced) {
    const std::lock_guard lock(mutex_);
    const auto held = held_.find(digest);
    if (held == held_.end()) return;
    held->second.referenced = held->second.referenced || referenced;
    if (--held->second.holders > 0) return;
    // Deleted under the lock: keep() of the same content comes before (and holds it) or after (and writes it anew).
    if (held->second.fresh && (!held->second.referenced || CHUYI_MUTANT("referenced_document_removed"))) ::unlink(path_of(digest).c_str());
    held_.erase(held);
  }

 private:
  struct Held {
    int holders = 0;
    bool fresh = false;  ///< was not there before: nothing committed can refer to it but through a holder
    bool referenced = false;
  };
  fs::path root_;
  std::atomic<std::uint64_t> counter_{0};
  std::mutex mutex_;
  std::map<std::string, Held, std::less<>> held_;
};

class FileWriter final : public DocumentWriter {
 public:
  FileWriter(std::shared_ptr<Shelves> shelves, fs::path staging, int fd, std::uint64_t bytes_max)
      : shelves_(std::move(shelves)), staged_(std::move(staging)), fd_(fd), sum_(bytes_max) {}

  Result<> write(std::string_view bytes) override {
    if (Result<> added = sum_.add(bytes); !added) return added;
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_.get(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return io_error("write a document", errno);
      bytes.remove_prefix(CHUYI_MUTANT("short_write_taken_for_whole") ? bytes.size() : static_cast<std::size_t>(written));
    }
    return {};
  }

  Result<StoredDocument> finish() override {
    // After a failed sync the kernel may have dropped the pages: the file is thrown away, never retried.
    if (CHUYI_MUTANT("document_named_before_synced")) {
      Result<StoredDocument> kept = shelves_->keep(staged_, sum_.finish());
      return ::fsync(fd_.get()) != 0 ? io_error("sync a document", errno) : std::move(kept);
    }
    if (!CHUYI_MUTANT("document_not_synced") && ::fsync(fd_.get()) != 0 && !CHUYI_MUTANT("failed_sync_of_a_document_ignored"))
      return io_error("sync a document", errno);
    fd_.close();
    return shelves_->keep(staged_, sum_.finish());
  }

 private:
  std::shared_ptr<Shelves> shelves_;
  Staged staged_;
  Descriptor fd_;
  ContentSum sum_;
};

class FileReader final : public CheckedReader {
 public:
  FileReader(int fd, std::string digest, std::uint64_t size) : CheckedReader(std::move(digest), size), fd_(fd) {}

 private:
  Result<std::string> next(std::size_t bytes) override {
    std::string out(bytes, '\0');
    std::size_t have = 0;
    while (have < out.size()) {
      const ssize_t got = ::read(fd_.get(), out.data() + have, out.size() - have);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return io_error("read a document", errno);
      if (got == 0) break;
      have += static_cast<std::size_t>(got);
    }
    out.resize(have);
    return out;
  }

  Descriptor fd_;
};

class FileDocumentStore final : public DocumentStore {
 public:
  explicit FileDocumentStore(const fs::path& root) : shelves_(std::make_shared<Shelves>(root)) {}

  Result<std::unique_ptr<DocumentWriter>> create(std::uint64_t bytes_max) override {
    const fs::path staging = shelves_->new_staging_path();
    const int fd = ::open(staging.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return io_error("create a document", errno);
    return std::unique_ptr<DocumentWriter>(std::make_unique<FileWriter>(shelves_, staging, fd, bytes_max));
  }

  Result<std::unique_ptr<DocumentReader>> open(std::string_view digest) override {
    if (!is_digest(digest)) return unknown_document(digest);
    const int fd = ::open(shelves_->path_of(digest).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return unknown_document(digest);
    if (fd < 0) return io_error("open a document", errno);
    struct stat info {};
    if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
      ::close(fd);
      return unknown_document(digest);
    }
    return std::unique_ptr<DocumentReader>(
        std::make_unique<FileReader>(fd, std::string{digest}, static_cast<std::uint64_t>(info.st_size)));
  }

  Result<StoredDocument> seal(const BagSpec& spec) override {
    Staged staged(shelves_->new_staging_path());
    if (Result<> written = write_bag(*this, spec, staged.path().string()); !written) return written.error();
    const Descriptor fd(::open(staged.path().c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (fd.get() < 0 || ::fchmod(fd.get(), 0600) != 0) return io_error("open a bag", errno);
    ContentSum sum(kBagLimits.bytes_max);
    std::string part(1U << 16, '\0');
    while (true) {
      const ssize_t got = ::read(fd.get(), part.data(), part.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return io_error("read a bag", errno);
      if (got == 0) break;
      if (Result<> added = sum.add(std::string_view{part}.substr(0, static_cast<std::size_t>(got))); !added) return added.error();
    }
    if (!CHUYI_MUTANT("bag_not_synced") && ::fsync(fd.get()) != 0) return io_error("sync a bag", errno);
    return shelves_->keep(staged, sum.finish());
  }

  void release(std::string_view digest, bool referenced) override { shelves_->release(digest, referenced); }

 private:
  std::shared_ptr<Shelves> shelves_;
};

}  // namespace

Result<std::unique_ptr<DocumentStore>> open_file_documents(const std::string& folder) {
  const fs::path root = folder;
  if (Result<> made = make_folder(root); !made) return made.error();
  std::error_code ec;
  fs::remove_all(root / "staging", ec);
  if (Result<> made = make_folder(root / "staging"); !made) return made.error();
  return std::unique_ptr<DocumentStore>(std::make_unique<FileDocumentStore>(root));
}

std::unique_ptr<DocumentStore> read_file_documents(const std::string& folder) { return std::make_unique<FileDocumentStore>(folder); }

}  // namespace chuyi

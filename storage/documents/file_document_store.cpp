#include "storage/documents/file_document_store.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <map>
#include <mutex>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <spdlog/spdlog.h>

#include "engine/base/digest.h"
#include "engine/base/mutant.h"
#include "storage/documents/bag_writer.h"
#include "storage/documents/io_error.h"

namespace chuyi {
namespace {

namespace fs = std::filesystem;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

Result<> sync_folder(const fs::path& folder) {
  const Descriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0 || ::fsync(fd.get()) != 0) return io_error("sync a folder", errno);
  return {};
}

bool is_digest(std::string_view digest) {
  return digest.size() == 64 && std::all_of(digest.begin(), digest.end(),
                                            [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
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
  Result<StoredDocument> keep(Staged& staged, const std::string& digest, std::uint64_t size) {
    const fs::path target = path_of(digest);
    if (Result<> made = make_folder(target.parent_path()); !made) return made.error();
    {
      const std::lock_guard lock(mutex_);
      const bool known = ::access(target.c_str(), F_OK) == 0;
      if (::rename(staged.path().c_str(), target.c_str()) != 0) return io_error("name a document", errno);
      staged.renamed();
      ++held_.try_emplace(digest, Held{.holders = 0, .fresh = !known, .referenced = false}).first->second.holders;
    }
    if (CHUYI_MUTANT("document_name_not_synced")) return StoredDocument{.digest = digest, .size = size};
    if (Result<> synced = sync_folder(target.parent_path()); !synced) {
      release(digest, false);
      return synced.error();
    }
    return StoredDocument{.digest = digest, .size = size};
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
      : shelves_(std::move(shelves)), staged_(std::move(staging)), fd_(fd), bytes_max_(bytes_max) {}

  Result<> write(std::string_view bytes) override {
    if (size_ + bytes.size() > bytes_max_)
      return Error{.kind = ErrorKind::too_large,
                   .code = "document.size",
                   .message = "Expected a document of at most " + std::to_string(bytes_max_) + " bytes",
                   .message_zh = "材料超过大小限制"};
    hash_.update(bytes);
    size_ += bytes.size();
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
      Result<StoredDocument> kept = shelves_->keep(staged_, hash_.finish_hex(), size_);
      return ::fsync(fd_.get()) != 0 ? io_error("sync a document", errno) : std::move(kept);
    }
    if (!CHUYI_MUTANT("document_not_synced") && ::fsync(fd_.get()) != 0 && !CHUYI_MUTANT("failed_sync_of_a_document_ignored"))
      return io_error("sync a document", errno);
    fd_.close();
    return shelves_->keep(staged_, hash_.finish_hex(), size_);
  }

 private:
  std::shared_ptr<Shelves> shelves_;
  Staged staged_;
  Descriptor fd_;
  std::uint64_t bytes_max_;
  std::uint64_t size_ = 0;
  Sha256 hash_;
};

class FileReader final : public DocumentReader {
 public:
  FileReader(int fd, std::string digest, std::uint64_t size) : fd_(fd), digest_(std::move(digest)), size_(size) {}
  std::uint64_t size() const override { return size_; }
  Result<std::string> read(std::size_t bytes_max) override {
    std::string out(static_cast<std::size_t>(std::min<std::uint64_t>(bytes_max, size_ - given_)), '\0');
    std::size_t have = 0;
    while (have < out.size()) {
      const ssize_t got = ::read(fd_.get(), out.data() + have, out.size() - have);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return io_error("read a document", errno);
      if (got == 0) return corrupt();
      have += static_cast<std::size_t>(got);
    }
    hash_.update(out);
    given_ += out.size();
    // The last part is held back until the whole is known to be right.
    if (given_ == size_ && !checked_) {
      if (hash_.finish_hex() != digest_ && !CHUYI_MUTANT("digest_not_checked")) return corrupt();
      checked_ = true;
    }
    return out;
  }

 private:
  Error corrupt() const {
    spdlog::error("document {} was changed on the disk: its bytes are not those of its SHA-256", digest_);
    return Error{.kind = ErrorKind::unavailable,
                 .code = "document.corrupt",
                 .message = "Expected the bytes of document " + digest_ + ", but they were changed on the disk",
                 .message_zh = "材料已损坏"};
  }

  Descriptor fd_;
  std::string digest_;
  std::uint64_t size_;
  std::uint64_t given_ = 0;
  Sha256 hash_;
  bool checked_ = false;
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
    const auto unknown = [&] {
      return Error{.kind = ErrorKind::not_found,
                   .code = "document.unknown",
                   .message = "Expected a stored document, but found '" + std::string{digest.substr(0, 64)} + "'"};
    };
    if (!is_digest(digest)) return unknown();
    const int fd = ::open(shelves_->path_of(digest).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return unknown();
    if (fd < 0) return io_error("open a document", errno);
    struct stat info {};
    if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
      ::close(fd);
      return unknown();
    }
    return std::unique_ptr<DocumentReader>(
        std::make_unique<FileReader>(fd, std::string{digest}, static_cast<std::uint64_t>(info.st_size)));
  }

  Result<StoredDocument> seal(const BagSpec& spec) override {
    Staged staged(shelves_->new_staging_path());
    if (Result<> written = write_bag(*this, spec, staged.path().string()); !written) return written.error();
    const Descriptor fd(::open(staged.path().c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (fd.get() < 0 || ::fchmod(fd.get(), 0600) != 0) return io_error("open a bag", errno);
    Sha256 hash;
    std::uint64_t size = 0;
    std::string part(1U << 16, '\0');
    while (true) {
      const ssize_t got = ::read(fd.get(), part.data(), part.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return io_error("read a bag", errno);
      if (got == 0) break;
      hash.update(std::string_view{part}.substr(0, static_cast<std::size_t>(got)));
      size += static_cast<std::uint64_t>(got);
    }
    if (!CHUYI_MUTANT("bag_not_synced") && ::fsync(fd.get()) != 0) return io_error("sync a bag", errno);
    return shelves_->keep(staged, hash.finish_hex(), size);
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

}  // namespace chuyi

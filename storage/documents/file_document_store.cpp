#include "storage/documents/file_document_store.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/digest.h"
#include "storage/documents/bag_writer.h"

namespace chuyi {
namespace {

namespace fs = std::filesystem;

Error io_error(const std::string& what) {
  if (errno == ENOSPC || errno == EDQUOT)
    return Error{.kind = ErrorKind::unavailable,
                 .code = "document.full",
                 .message = "Expected space on the disk of the documents; free some and try again",
                 .message_zh = "存储空间不足，材料未保存"};
  return Error{.kind = ErrorKind::unavailable,
               .code = "document.io",
               .message = "Expected to " + what + ", but found: " + std::strerror(errno),
               .message_zh = "材料存储暂时不可用"};
}

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
  if (fd.get() < 0 || ::fsync(fd.get()) != 0) return io_error("sync a folder");
  return {};
}

bool is_digest(std::string_view digest) {
  return digest.size() == 64 && std::all_of(digest.begin(), digest.end(),
                                            [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

/// Creates the folder and syncs the one above, so that a file in it cannot be lost with it.
Result<> make_folder(const fs::path& folder) {
  if (::mkdir(folder.c_str(), 0700) == 0) return sync_folder(folder.parent_path());
  if (errno == EEXIST) return {};
  return io_error("create a folder");
}

class FileWriter final : public DocumentWriter {
 public:
  FileWriter(fs::path root, fs::path staging, int fd, std::uint64_t bytes_max)
      : root_(std::move(root)), staging_(std::move(staging)), fd_(fd), bytes_max_(bytes_max) {}
  ~FileWriter() override {
    if (!staging_.empty()) ::unlink(staging_.c_str());
  }

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
      if (written < 0) return io_error("write a document");
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }

  Result<StoredDocument> finish() override {
    const std::string digest = hash_.finish_hex();
    // After a failed sync the kernel may have dropped the pages: the file is thrown away, never retried.
    if (::fsync(fd_.get()) != 0) return io_error("sync a document");
    fd_.close();
    const fs::path folder = root_ / digest.substr(0, 2);
    if (Result<> made = make_folder(folder); !made) return made.error();
    const fs::path target = folder / digest;
    if (::rename(staging_.c_str(), target.c_str()) != 0) return io_error("name a document");
    staging_.clear();
    if (Result<> synced = sync_folder(folder); !synced) return synced.error();
    return StoredDocument{.digest = digest, .size = size_};
  }

 private:
  fs::path root_;
  fs::path staging_;
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
    std::string out(bytes_max, '\0');
    ssize_t got = -1;
    do {
      got = ::read(fd_.get(), out.data(), out.size());
    } while (got < 0 && errno == EINTR);
    if (got < 0) return io_error("read a document");
    out.resize(static_cast<std::size_t>(got));
    hash_.update(out);
    if (out.empty() && !checked_) {
      checked_ = true;
      if (hash_.finish_hex() != digest_)
        return Error{.kind = ErrorKind::unavailable,
                     .code = "document.corrupt",
                     .message = "Expected the bytes of document " + digest_ + ", but they were changed on the disk",
                     .message_zh = "材料已损坏"};
    }
    return out;
  }

 private:
  Descriptor fd_;
  std::string digest_;
  std::uint64_t size_;
  Sha256 hash_;
  bool checked_ = false;
};

class FileDocumentStore final : public DocumentStore {
 public:
  explicit FileDocumentStore(fs::path root) : root_(std::move(root)) {}

  Result<std::unique_ptr<DocumentWriter>> create(std::uint64_t bytes_max) override {
    const fs::path staging =
        root_ / "staging" / (std::to_string(::getpid()) + "-" + std::to_string(counter_.fetch_add(1)));
    const int fd = ::open(staging.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return io_error("create a document");
    return std::unique_ptr<DocumentWriter>(std::make_unique<FileWriter>(root_, staging, fd, bytes_max));
  }

  Result<std::unique_ptr<DocumentReader>> open(std::string_view digest) override {
    const auto unknown = [&] {
      return Error{.kind = ErrorKind::not_found,
                   .code = "document.unknown",
                   .message = "Expected a stored document, but found '" + std::string{digest.substr(0, 64)} + "'"};
    };
    if (!is_digest(digest)) return unknown();
    const fs::path path = root_ / std::string{digest.substr(0, 2)} / std::string{digest};
    const int fd = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return unknown();
    if (fd < 0) return io_error("open a document");
    struct stat info {};
    if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
      ::close(fd);
      return unknown();
    }
    return std::unique_ptr<DocumentReader>(
        std::make_unique<FileReader>(fd, std::string{digest}, static_cast<std::uint64_t>(info.st_size)));
  }

  Result<StoredDocument> seal(const BagSpec& spec) override { return write_bag(*this, spec); }

 private:
  fs::path root_;
  std::atomic<std::uint64_t> counter_{0};
};

}  // namespace

Result<std::unique_ptr<DocumentStore>> open_file_documents(const std::string& folder) {
  const fs::path root = folder;
  if (::mkdir(root.c_str(), 0700) != 0 && errno != EEXIST) return io_error("create " + folder);
  std::error_code ec;
  fs::remove_all(root / "staging", ec);
  if (Result<> made = make_folder(root / "staging"); !made) return made.error();
  return std::unique_ptr<DocumentStore>(std::make_unique<FileDocumentStore>(root));
}

}  // namespace chuyi

#include "storage/documents/content.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <unistd.h>

#include <spdlog/spdlog.h>

#include "engine/base/mutant.h"
#include "storage/documents/bag_limits.h"
#include "storage/documents/bag_writer.h"
#include "storage/documents/io_error.h"

namespace chuyi {
namespace {

namespace fs = std::filesystem;

/// A folder of its own; gone with the object.
class ScratchFolder {
 public:
  explicit ScratchFolder(const fs::path& above) : path_((above / "bag-XXXXXX").string()) {
    std::error_code ec;
    fs::create_directories(above, ec);
    made_ = ::mkdtemp(path_.data()) != nullptr;
  }
  ~ScratchFolder() {
    std::error_code ec;
    if (made_) fs::remove_all(path_, ec);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  bool made() const { return made_; }
  std::string file(const char* name) const { return path_ + "/" + name; }

 private:
  std::string path_;
  bool made_ = false;
};

/// Passes the file's bytes on.
Result<> copy_file(const std::string& path, DocumentWriter& to) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return io_error("open a bag", errno);
  std::string part(1U << 16, '\0');
  while (true) {
    const ssize_t got = ::read(fd, part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    Result<> taken = got < 0 ? Result<>(io_error("read a bag", errno)) : to.write(std::string_view{part}.substr(0, static_cast<std::size_t>(got)));
    if (taken && got > 0) continue;
    ::close(fd);
    return taken;
  }
}

}  // namespace

bool is_digest(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

Error unknown_document(std::string_view digest) {
  return Error{.kind = ErrorKind::not_found,
               .code = "document.unknown",
               .message = "Expected a stored document, but found '" + std::string{digest.substr(0, 64)} + "'"};
}

Result<> ContentSum::add(std::string_view bytes) {
  if (size_ + bytes.size() > bytes_max_)
    return Error{.kind = ErrorKind::too_large,
                 .code = "document.size",
                 .message = "Expected a document of at most " + std::to_string(bytes_max_) + " bytes",
                 .message_zh = "材料超过大小限制"};
  hash_.update(bytes);
  size_ += bytes.size();
  return {};
}

Result<std::string> CheckedReader::read(std::size_t bytes_max) {
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(bytes_max, size_ - given_));
  Result<std::string> out = std::string{};
  if (wanted != 0) out = next(wanted);
  if (!out) return out;
  if (out->size() != wanted) return corrupt();
  hash_.update(*out);
  given_ += out->size();
  if (given_ == size_ && !checked_) {
    if (hash_.finish_hex() != digest_ && !CHUYI_MUTANT("digest_not_checked")) return corrupt();
    checked_ = true;
  }
  return out;
}

Error CheckedReader::corrupt() const {
  spdlog::error("document {} was changed where it is stored: its bytes are not those of its SHA-256", digest_);
  return Error{.kind = ErrorKind::unavailable,
               .code = "document.corrupt",
               .message = "Expected the bytes of document " + digest_ + ", but they were changed where they are stored",
               .message_zh = "材料已损坏"};
}

Result<StoredDocument> seal_by_copy(DocumentStore& store, const BagSpec& spec, const std::string& scratch) {
  const ScratchFolder folder(scratch);
  if (!folder.made()) return io_error("create a folder in " + scratch, errno);
  const std::string bag = folder.file("bag.zip");
  if (Result<> written = write_bag(store, spec, bag); !written) return written.error();
  const Result<std::unique_ptr<DocumentWriter>> writer = store.create(kBagLimits.bytes_max);
  if (!writer) return writer.error();
  if (Result<> copied = copy_file(bag, **writer); !copied) return copied.error();
  return (*writer)->finish();
}

}  // namespace chuyi

#include "storage/documents/bag_writer.h"

#include <algorithm>
#include <cerrno>
#include <list>
#include <map>
#include <optional>
#include <set>

#include <zip.h>

#include "engine/base/digest.h"
#include "engine/base/entry_name.h"
#include "storage/documents/bag_limits.h"
#include "storage/documents/io_error.h"

namespace chuyi {
namespace {

constexpr zip_uint16_t kDosDate = (0 << 9) | (1 << 5) | 1;  // 1980-01-01, the first day a zip can name
constexpr zip_uint32_t kUnixFile = 0100644U << 16;
constexpr const char* kBase = "bag/";

Error bag_error(std::string code, std::string message, std::string message_zh, std::string place = {}) {
  return Error{.kind = ErrorKind::invalid,
               .code = std::move(code),
               .message = std::move(message),
               .place = std::move(place),
               .message_zh = std::move(message_zh)};
}

Error too_large(const char* code, std::string message, std::string message_zh) {
  return Error{.kind = ErrorKind::too_large, .code = code, .message = std::move(message), .message_zh = std::move(message_zh)};
}

/// RFC 8493 section 2.1.3: line breaks and "%" of a path are percent-encoded in manifests.
std::string manifest_path(const std::string& path) {
  std::string out;
  for (const char c : path) out += c == '%' ? "%25" : c == '\n' ? "%0A" : c == '\r' ? "%0D" : std::string(1, c);
  return out;
}

/// One file of the bag: a stored document, or its bytes.
struct File {
  std::string digest;  ///< SHA-256 of the content
  std::uint64_t size = 0;
  std::optional<std::string> bytes;
};

/// Hands a stored document to libzip, which opens it when its turn has come.
struct DocumentSource {
  DocumentStore& store;
  const File& file;
  std::optional<Error>& failure;  ///< why libzip could not go on
  std::unique_ptr<DocumentReader> reader = nullptr;

  bool fail(Error error) {
    if (!failure) failure = std::move(error);
    return false;
  }
  bool open() {
    Result<std::unique_ptr<DocumentReader>> opened = store.open(file.digest);
    if (!opened) return fail(opened.error());
    reader = std::move(*opened);
    return true;
  }
  zip_int64_t read(void* data, zip_uint64_t size) {
    const Result<std::string> part = reader->read(size);
    if (!part) return fail(part.error()) ? 0 : -1;
    std::copy(part->begin(), part->end(), static_cast<char*>(data));
    return static_cast<zip_int64_t>(part->size());
  }
};

zip_int64_t read_document(void* state, void* data, zip_uint64_t size, zip_source_cmd_t command) {
  DocumentSource& source = *static_cast<DocumentSource*>(state);
  switch (command) {
    case ZIP_SOURCE_SUPPORTS:
      return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR,
                                            ZIP_SOURCE_FREE, -1);
    case ZIP_SOURCE_OPEN: return source.open() ? 0 : -1;
    case ZIP_SOURCE_READ: return source.read(data, size);
    case ZIP_SOURCE_CLOSE: source.reader.reset(); return 0;
    case ZIP_SOURCE_STAT: {
      auto* stat = static_cast<zip_stat_t*>(data);
      zip_stat_init(stat);
      stat->size = source.file.size;
      stat->valid |= ZIP_STAT_SIZE;
      return sizeof *stat;
    }
    case ZIP_SOURCE_ERROR: {
      zip_error_t error;
      zip_error_init(&error);
      zip_error_set(&error, ZIP_ER_READ, EIO);
      return zip_error_to_data(&error, data, size);
    }
    case ZIP_SOURCE_FREE: return 0;
    default: return -1;
  }
}

/// libzip collects entries here and writes all of them in finish().
class ZipWriter {
 public:
  ZipWriter(DocumentStore& store, const std::string& path) : store_(store) {
    int code = 0;
    archive_ = zip_open(path.c_str(), ZIP_CREATE | ZIP_EXCL, &code);
    if (archive_ == nullptr) failure_ = io_error("create a bag", errno);
  }
  ~ZipWriter() {
    if (archive_ != nullptr) zip_discard(archive_);
  }
  ZipWriter(const ZipWriter&) = delete;
  ZipWriter& operator=(const ZipWriter&) = delete;

  /// `file` outlives the writer.
  void add(const std::string& name, const File& file) {
    if (failure_) return;
    zip_source_t* content =
        file.bytes ? zip_source_buffer(archive_, file.bytes->data(), file.bytes->size(), 0)
                   : zip_source_function(archive_, read_document, &documents_.emplace_back(DocumentSource{store_, file, failure_}));
    const zip_int64_t index = zip_file_add(archive_, name.c_str(), content, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
      zip_source_free(content);
      failure_ = error();
      return;
    }
    const auto at = static_cast<zip_uint64_t>(index);
    // Stored, not deflated: a deflate stream may end in bits that mean nothing, and a change there is found by no digest.
    const bool set = zip_file_set_dostime(archive_, at, 0, kDosDate, 0) == 0 &&
                     zip_file_set_external_attributes(archive_, at, 0, ZIP_OPSYS_UNIX, kUnixFile) == 0 &&
                     zip_set_file_compression(archive_, at, ZIP_CM_STORE, 0) == 0;
    if (!set) failure_ = error();
  }

  Result<> finish() {
    if (failure_) return *failure_;
    if (zip_close(archive_) != 0) return failure_ ? *failure_ : error();
    archive_ = nullptr;
    return {};
  }

 private:
  Error error() {
    const zip_error_t& found = *zip_get_error(archive_);
    if (zip_error_system_type(&found) == ZIP_ET_SYS) return io_error("write a bag", zip_error_code_system(&found));
    return Error{.kind = ErrorKind::unavailable,
                 .code = "bag.zip",
                 .message = std::string{"Expected libzip to write the bag, but it says: "} + zip_error_strerror(zip_get_error(archive_)),
                 .message_zh = "材料包未能生成"};
  }

  DocumentStore& store_;
  zip_t* archive_ = nullptr;
  std::list<DocumentSource> documents_;
  std::optional<Error> failure_;
};

File file_of(std::string bytes) { return File{.digest = sha256_hex(bytes), .size = bytes.size(), .bytes = std::move(bytes)}; }

Result<File> file_of(DocumentStore& store, const BagEntry& entry) {
  if (entry.digest.empty()) return file_of(entry.bytes);
  const Result<std::unique_ptr<DocumentReader>> reader = store.open(entry.digest);
  if (!reader) return reader.error();
  return File{.digest = entry.digest, .size = (*reader)->size(), .bytes = {}};
}

/// Every file of the bag by path, below its base folder.
Result<std::map<std::string, File>> files_of(DocumentStore& store, const BagSpec& spec) {
  std::map<std::string, File> files;
  std::set<std::string> keys;
  std::string manifest;
  std::uint64_t octets = 0;
  for (const BagEntry& entry : spec.payload) {
    const std::string path = "data/" + entry.path;
    if (const Result<> good = check_entry_name(kBase + path); !good)
      return bag_error("bag.path", good.error().message, good.error().message_zh, entry.path);
    if (!keys.insert(entry_key(entry.path)).second)
      return bag_error("bag.duplicate", "Expected file names that differ by more than upper and lower case", "文件名重复（不区分大小写）", entry.path);
    Result<File> file = file_of(store, entry);
    if (!file) return file.error();
    octets += file->size;
    if (octets > kBagPayloadBytesMax) return too_large("bag.size", "Expected a bag of at most 2 GiB", "材料包不得超过2 GiB");
    files[path] = std::move(*file);
  }
  for (const auto& [path, file] : files) manifest += file.digest + "  " + manifest_path(path) + "\n";
  std::string info;
  for (const auto& [label, value] : spec.info) info += label + ": " + value + "\n";
  info += "Payload-Oxum: " + std::to_string(octets) + "." + std::to_string(files.size()) + "\n";
  std::map<std::string, File> tags;
  tags["bagit.txt"] = file_of("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n");
  tags["bag-info.txt"] = file_of(std::move(info));
  tags["manifest-sha256.txt"] = file_of(std::move(manifest));
  std::string tag_manifest;
  for (const auto& [path, file] : tags) tag_manifest += file.digest + "  " + path + "\n";
  tags["tagmanifest-sha256.txt"] = file_of(std::move(tag_manifest));
  const bool tags_fit = std::all_of(tags.begin(), tags.end(), [](const auto& tag) { return tag.second.size <= kBagTagBytesMax; });
  files.merge(tags);
  if (!tags_fit || files.size() > kBagEntriesMax)
    return too_large("bag.entries", "Expected at most " + std::to_string(kBagEntriesMax) + " files with names of a usual length", "材料包的文件过多");
  return files;
}

}  // namespace

Result<> write_bag(DocumentStore& store, const BagSpec& spec, const std::string& path) {
  for (const auto& [label, value] : spec.info)
    if ((label + value).find_first_of("\r\n") != std::string::npos)
      return bag_error("bag.info", "Expected bag-info values of one line", "材料包说明的每一项应为一行", label);
  const Result<std::map<std::string, File>> files = files_of(store, spec);
  if (!files) return files.error();
  ZipWriter zip(store, path);
  for (const auto& [name, file] : *files) zip.add(kBase + name, file);
  return zip.finish();
}

}  // namespace chuyi

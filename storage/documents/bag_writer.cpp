#include "storage/documents/bag_writer.h"

#include <map>
#include <set>

#include <zip.h>

#include "engine/base/digest.h"
#include "storage/documents/entry_name.h"

namespace chuyi {
namespace {

constexpr std::uint64_t kBagBytesMax = std::uint64_t{2} * 1024 * 1024 * 1024;
constexpr zip_uint16_t kDosDate = (0 << 9) | (1 << 5) | 1;  // 1980-01-01, the first day a zip can name
constexpr zip_uint32_t kUnixFile = 0100644U << 16;

Error bag_error(std::string code, std::string message, std::string place = {}) {
  return Error{.kind = ErrorKind::invalid, .code = std::move(code), .message = std::move(message), .place = std::move(place)};
}

/// RFC 8493 section 2.1.3: line breaks and "%" of a path are percent-encoded in manifests.
std::string manifest_path(const std::string& path) {
  std::string out;
  for (const char c : path) out += c == '%' ? "%25" : c == '\n' ? "%0A" : c == '\r' ? "%0D" : std::string(1, c);
  return out;
}

/// A zip that grows in memory; libzip writes it out at the end.
class ZipWriter {
 public:
  ZipWriter() {
    zip_error_t error;
    zip_error_init(&error);
    source_ = zip_source_buffer_create(nullptr, 0, 0, &error);
    zip_source_keep(source_);
    archive_ = zip_open_from_source(source_, ZIP_TRUNCATE, &error);
    zip_error_fini(&error);
  }
  ~ZipWriter() {
    if (archive_ != nullptr) zip_discard(archive_);
    zip_source_free(source_);
  }
  ZipWriter(const ZipWriter&) = delete;
  ZipWriter& operator=(const ZipWriter&) = delete;

  bool add(const std::string& name, const std::string& bytes) {
    zip_source_t* content = zip_source_buffer(archive_, bytes.data(), bytes.size(), 0);
    const zip_int64_t index = zip_file_add(archive_, name.c_str(), content, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
      zip_source_free(content);
      return false;
    }
    const auto at = static_cast<zip_uint64_t>(index);
    // Stored, not deflated: a deflate stream may end in bits that mean nothing, and a change there is found by no digest.
    return zip_file_set_dostime(archive_, at, 0, kDosDate, 0) == 0 &&
           zip_file_set_external_attributes(archive_, at, 0, ZIP_OPSYS_UNIX, kUnixFile) == 0 &&
           zip_set_file_compression(archive_, at, ZIP_CM_STORE, 0) == 0;
  }

  /// The finished archive; empty when libzip failed.
  std::string finish() {
    if (zip_close(archive_) != 0) return {};
    archive_ = nullptr;
    std::string out;
    if (zip_source_open(source_) != 0) return {};
    zip_source_seek(source_, 0, SEEK_END);
    const zip_int64_t size = zip_source_tell(source_);
    zip_source_seek(source_, 0, SEEK_SET);
    out.resize(static_cast<std::size_t>(size));
    const zip_int64_t got = zip_source_read(source_, out.data(), out.size());
    zip_source_close(source_);
    return got == size ? out : std::string{};
  }

 private:
  zip_source_t* source_ = nullptr;
  zip_t* archive_ = nullptr;
};

Result<std::string> content_of(DocumentStore& store, const BagEntry& entry) {
  if (entry.digest.empty()) return entry.bytes;
  Result<std::unique_ptr<DocumentReader>> reader = store.open(entry.digest);
  if (!reader) return reader.error();
  std::string out;
  while (true) {
    Result<std::string> part = (*reader)->read(1U << 20);
    if (!part) return part.error();
    if (part->empty()) return out;
    out += *part;
  }
}

/// Every file of the bag by path, below its base folder.
Result<std::map<std::string, std::string>> files_of(DocumentStore& store, const BagSpec& spec) {
  std::map<std::string, std::string> files;
  std::set<std::string> keys;
  std::string manifest;
  std::uint64_t octets = 0;
  for (const BagEntry& entry : spec.payload) {
    if (Result<> good = check_entry_name(entry.path); !good) return bag_error("bag.path", good.error().message, entry.path);
    if (!keys.insert(entry_key(entry.path)).second)
      return bag_error("bag.duplicate", "Expected file names that differ by more than upper and lower case", entry.path);
    Result<std::string> content = content_of(store, entry);
    if (!content) return content.error();
    octets += content->size();
    if (octets > kBagBytesMax)
      return Error{.kind = ErrorKind::too_large, .code = "bag.size", .message = "Expected a bag of at most 2 GiB"};
    files["data/" + entry.path] = std::move(*content);
  }
  for (const auto& [path, content] : files) manifest += sha256_hex(content) + "  " + manifest_path(path) + "\n";
  const std::size_t streams = files.size();
  std::string info;
  for (const auto& [label, value] : spec.info) info += label + ": " + value + "\n";
  info += "Payload-Oxum: " + std::to_string(octets) + "." + std::to_string(streams) + "\n";
  std::map<std::string, std::string> tags{{"bagit.txt", "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"},
                                          {"bag-info.txt", std::move(info)},
                                          {"manifest-sha256.txt", std::move(manifest)}};
  std::string tag_manifest;
  for (const auto& [path, content] : tags) tag_manifest += sha256_hex(content) + "  " + path + "\n";
  tags["tagmanifest-sha256.txt"] = std::move(tag_manifest);
  files.merge(tags);
  return files;
}

}  // namespace

Result<StoredDocument> write_bag(DocumentStore& store, const BagSpec& spec) {
  for (const auto& [label, value] : spec.info)
    if ((label + value).find_first_of("\r\n") != std::string::npos)
      return bag_error("bag.info", "Expected bag-info values of one line", label);
  Result<std::map<std::string, std::string>> files = files_of(store, spec);
  if (!files) return files.error();
  ZipWriter zip;
  for (const auto& [path, content] : *files)
    if (!zip.add("bag/" + path, content)) return bag_error("bag.zip", "Expected libzip to take the entry", path);
  const std::string bytes = zip.finish();
  if (bytes.empty()) return Error{.kind = ErrorKind::unavailable, .code = "bag.zip", .message = "Expected libzip to write the bag"};
  Result<std::unique_ptr<DocumentWriter>> writer = store.create(bytes.size());
  if (!writer) return writer.error();
  if (Result<> written = (*writer)->write(bytes); !written) return written.error();
  return (*writer)->finish();
}

}  // namespace chuyi

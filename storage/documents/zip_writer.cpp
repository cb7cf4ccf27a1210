#include "storage/documents/zip_writer.h"

#include <memory>

#include <zip.h>

namespace chuyi {
namespace {

constexpr zip_uint16_t kDosDate = (0 << 9) | (1 << 5) | 1;  // 1980-01-01, the first day a zip can name
constexpr zip_uint32_t kUnixFile = 0100644U << 16;

Error write_error(const std::string& why) {
  return Error{.kind = ErrorKind::unavailable, .code = "zip.write", .message = "Expected libzip to write the archive, but it says: " + why, .message_zh = "压缩包未能生成"};
}

struct FreeSource {
  void operator()(zip_source_t* source) const { zip_source_free(source); }
};
struct DiscardZip {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};

bool add(zip_t* archive, const std::string& name, const std::string& bytes) {
  zip_source_t* content = zip_source_buffer(archive, bytes.data(), bytes.size(), 0);
  const zip_int64_t index = content == nullptr ? -1 : zip_file_add(archive, name.c_str(), content, ZIP_FL_ENC_UTF_8);
  if (index < 0) {
    zip_source_free(content);
    return false;
  }
  const auto at = static_cast<zip_uint64_t>(index);
  // Stored: what deflate makes of bytes differs with its version.
  return zip_file_set_dostime(archive, at, 0, kDosDate, 0) == 0 &&
         zip_file_set_external_attributes(archive, at, 0, ZIP_OPSYS_UNIX, kUnixFile) == 0 &&
         zip_set_file_compression(archive, at, ZIP_CM_STORE, 0) == 0;
}

}  // namespace

Result<std::string> make_zip(const std::map<std::string, std::string>& files) {
  zip_error_t error;
  zip_error_init(&error);
  const std::unique_ptr<zip_source_t, FreeSource> buffer(zip_source_buffer_create(nullptr, 0, 0, &error));
  if (!buffer) return write_error(zip_error_strerror(&error));
  std::unique_ptr<zip_t, DiscardZip> archive(zip_open_from_source(buffer.get(), ZIP_TRUNCATE, &error));
  if (!archive) return write_error(zip_error_strerror(&error));
  zip_source_keep(buffer.get());  // the archive drops it when it closes
  for (const auto& [name, bytes] : files)
    if (!add(archive.get(), name, bytes)) return write_error(zip_error_strerror(zip_get_error(archive.get())));
  if (zip_close(archive.get()) != 0) return write_error(zip_error_strerror(zip_get_error(archive.get())));
  (void)archive.release();
  zip_stat_t stat;
  if (zip_source_open(buffer.get()) != 0 || zip_source_stat(buffer.get(), &stat) != 0) return write_error("the archive cannot be read back");
  std::string out(stat.size, '\0');
  if (zip_source_read(buffer.get(), out.data(), out.size()) != static_cast<zip_int64_t>(out.size())) return write_error("the archive cannot be read back");
  zip_source_close(buffer.get());
  return out;
}

}  // namespace chuyi

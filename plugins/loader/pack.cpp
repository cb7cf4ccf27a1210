#include "plugins/loader/pack.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "engine/base/entry_name.h"
#include "storage/documents/zip_writer.h"

namespace chuyi {
namespace {

namespace fs = std::filesystem;

Detail problem(std::string code, std::string place, std::string message, std::string message_zh) {
  return {.place = std::move(place), .code = std::move(code), .message = std::move(message), .message_zh = std::move(message_zh)};
}

class FolderReader {
 public:
  explicit FolderReader(fs::path root) : root_(std::move(root)) {}

  Result<PackageFiles> run() {
    read(root_);
    if (problems_.empty()) return std::move(files_);
    Error error{.kind = ErrorKind::invalid, .code = problems_.front().code, .message = problems_.front().message, .place = problems_.front().place, .message_zh = problems_.front().message_zh};
    error.details = std::move(problems_);
    return error;
  }

 private:
  void read(const fs::path& folder) {
    std::error_code ec;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, ec)) {
      const std::string place = entry.path().lexically_relative(root_).generic_string();
      if (entry.path().filename().string().starts_with('.') || place == "build" || place == kSignatureFile) continue;
      const fs::file_status status = entry.symlink_status(ec);
      if (!ec && fs::is_directory(status))
        read(entry.path());
      else if (!ec && fs::is_regular_file(status))
        add(place, entry.path());
      else
        problems_.push_back(problem("plugin.file", place, "Expected files and folders alone, no links", "程序包中只能有普通文件和文件夹，不得有链接"));
    }
    if (ec) problems_.push_back(problem("plugin.folder", folder.string(), "Expected a folder that can be read: " + ec.message(), "文件夹无法读取"));
  }

  void add(const std::string& place, const fs::path& path) {
    if (const Result<> good = check_entry_name(place); !good) problems_.push_back(details_of(good.error()).front());
    std::error_code ec;
    bytes_ += fs::file_size(path, ec);
    if (ec || bytes_ > kPackageBytesMax || files_.size() + 1 >= kPackageZip.entries_max) {
      if (!too_large_) problems_.push_back(problem("plugin.file_size", place, "Expected a package of at most 64 MiB and 499 files", "程序包不得超过64 MiB、499个文件"));
      too_large_ = true;
      return;
    }
    std::ifstream in(path, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    if (!in) problems_.push_back(problem("plugin.file", place, "Expected a file that can be read", "文件无法读取"));
    files_[place] = std::move(text).str();
  }

  fs::path root_;
  PackageFiles files_;
  std::vector<Detail> problems_;
  std::uint64_t bytes_ = 0;
  bool too_large_ = false;
};

}  // namespace

Result<PackageFiles> read_package_folder(const std::string& folder) { return FolderReader(folder).run(); }

Result<std::string> pack_package(PackageFiles files, const std::string& private_pem) {
  Result<std::string> signature = sign_package(files, private_pem);
  if (!signature) return signature.error();
  files[kSignatureFile] = std::move(*signature);
  return make_zip(files);
}

Result<PackageFiles> unpack_package(const std::string& path) {
  const std::string name = fs::path{path}.filename().string();
  const auto within = [&](Error error) {
    error.place = name + (error.place.empty() ? "" : ":" + error.place);
    for (Detail& each : error.details) each.place = name + ":" + each.place;
    return error;
  };
  const Result<std::unique_ptr<ZipArchive>> zip = open_zip(path, kPackageZip);
  if (!zip) return within(zip.error());
  PackageFiles out;
  for (const ZipEntry& entry : (*zip)->entries()) {
    if (entry.folder) continue;
    Result<std::string> bytes = (*zip)->read_all(entry, kPackageBytesMax);
    if (!bytes) return within(bytes.error());
    out[entry.name] = std::move(*bytes);
  }
  return out;
}

}  // namespace chuyi

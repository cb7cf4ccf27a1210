#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <unistd.h>

#include "engine/base/digest.h"
#include "storage/documents/file_document_store.h"

namespace chuyi {

namespace fs = std::filesystem;

/// A folder of its own for each test; gone with it.
class Folder {
 public:
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "chuyi-test-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() {
    std::error_code ec;
    fs::remove_all(path_, ec);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::string path() const { return path_.string(); }
  /// The files below it, without folders, sorted.
  std::vector<std::string> files() const {
    std::vector<std::string> out;
    for (const auto& entry : fs::recursive_directory_iterator(path_))
      if (entry.is_regular_file()) out.push_back(entry.path().filename().string());
    std::sort(out.begin(), out.end());
    return out;
  }

 private:
  fs::path path_;
};

inline std::string read_whole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

inline void write_whole(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/// Where third-party test data lies, when it does: never copied into the project.
inline fs::path corpus(const std::string& name) {
  const char* chosen = std::getenv("CHUYI_CORPUS");
  return (chosen != nullptr ? fs::path{chosen} : fs::path{CHUYI_SOURCE_DIR} / "../shared/corpus") / name;
}

/// One entry of an archive made by hand: every field can lie.
struct RawEntry {
  std::string name;
  std::string data;
  std::uint16_t flags = 0x0800;
  std::uint16_t method = 0;
  std::uint32_t mode = 0100644;
  std::string local_name = {};                ///< empty: as `name`
  std::string extra = {};                     ///< of the directory
  std::int64_t size = -1;                     ///< declared, when not the real one
  std::int64_t packed = -1;
  std::int64_t crc = -1;
  std::int64_t offset = -1;                   ///< of the local header, as the directory says
  bool local_differs = false;                 ///< the local header says the true sizes all the same
};

/// The archive; `between` goes between the entries and the directory, `comment` behind all.
std::string make_zip(const std::vector<RawEntry>& entries, const std::string& between = {}, const std::string& comment = {});

/// Stores `content` and lets go of it as referenced. @return its digest.
std::string store(DocumentStore& documents, const std::string& content);

}  // namespace chuyi

#pragma once

#include <filesystem>
#include <map>
#include <random>
#include <string>

#include <sys/types.h>

namespace chuyi::test {

/// What a power cut would leave of the files below a folder: of each file the content of its last sync, of each folder the
/// names of its last sync; of what came after, some. Told of syncs by the hooks of calls.h, it reads the rest off the disk.
class DiskModel {
 public:
  /// What is there now counts as synced.
  explicit DiskModel(std::filesystem::path root);
  ~DiskModel();
  DiskModel(const DiskModel&) = delete;
  DiskModel& operator=(const DiskModel&) = delete;

  void synced(int fd);
  enum class Keeps { nothing, everything, any };
  void power_cut(const std::filesystem::path& to, Keeps keeps, std::mt19937& random) const;

 private:
  using Names = std::map<std::string, ino_t>;
  struct Node {
    int fd = -1;  ///< keeps the number from being given to another file
    std::string content;
    Names names;
  };
  Names names_of(const std::filesystem::path& folder) const;
  void leave_folder(ino_t folder, const std::filesystem::path& at, const std::filesystem::path& to, Keeps keeps, std::mt19937& random) const;
  void leave_file(ino_t file, const std::filesystem::path& to, const std::string* live, Keeps keeps, std::mt19937& random) const;

  std::filesystem::path root_;
  std::map<ino_t, Node> nodes_;
};

}  // namespace chuyi::test

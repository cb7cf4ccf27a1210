#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/result.h"

namespace chuyi {

/// A folder that is there as a whole or not at all: filled under another name, "….partial", synced, and renamed. Gone
/// with this object otherwise; what a program that was ended in the midst has left is emptied by the next one.
class NewFolder {
 public:
  /// Errors: `rejected` "folder.taken" when there is something at `path` that is no empty folder, "folder.busy" when
  /// another program fills it; `unavailable` "document.full", "document.io".
  static Result<std::unique_ptr<NewFolder>> begin(const std::string& path);
  ~NewFolder();
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;
  /// Where it is filled.
  std::string partial() const { return path_ + ".partial"; }
  /// Syncs every folder and gives it its name. Files are synced by whoever wrote them.
  Result<> finish();

 private:
  NewFolder(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}
  std::string path_;
  int lock_;  ///< of the partial folder, held while it is filled
  bool finished_ = false;
};

/// Writes a BagIt 1.0 bag (RFC 8493) as a folder.
class BagFolder {
 public:
  /// Errors: those of NewFolder.
  static Result<std::unique_ptr<BagFolder>> begin(const std::string& path);

  /// Where a payload file is to be written; its folder is made. Then call add().
  /// @param name  below data/, e.g. "chuyi.db".
  Result<std::string> place(const std::string& name);
  /// Takes in a payload file that was written to its place(). @return its digest.
  Result<std::string> add(const std::string& name);
  /// Copies a file.
  Result<std::string> copy(const std::string& file, const std::string& name);
  /// Links a file that nobody will change, or copies it to another file system.
  Result<std::string> link(const std::string& file, const std::string& name);
  /// Writes the tag files, syncs everything and gives the bag its name.
  /// @param info  bag-info.txt, in order, before Payload-Oxum.
  Result<> finish(const std::vector<std::pair<std::string, std::string>>& info);

  std::size_t files() const { return digests_.size(); }
  std::uint64_t bytes() const { return bytes_; }

 private:
  explicit BagFolder(std::unique_ptr<NewFolder> folder) : folder_(std::move(folder)) {}

  std::unique_ptr<NewFolder> folder_;
  std::map<std::string, std::string> digests_;  ///< payload path below data/ → SHA-256
  std::uint64_t bytes_ = 0;
};

/// What a bag that is a folder says of itself.
struct BagContents {
  std::map<std::string, std::string> digests;  ///< payload path below data/ → SHA-256
  std::map<std::string, std::string> info;     ///< bag-info.txt
};

/// Reads the tag files and checks them against their manifest, and that the payload files are exactly those of the
/// manifest; their bytes are not read: see copy_checked(). Errors: `invalid` "bag.damaged" with each finding.
Result<BagContents> read_bag_folder(const std::string& path);

/// Copies one payload file and syncs the copy. Errors: `invalid` "bag.damaged" when its bytes are not those of the digest.
Result<> copy_checked(const std::string& file, const std::string& digest, const std::string& to);

/// Syncs a file that somebody else wrote. Errors: `unavailable` "document.io".
Result<> sync_file(const std::string& path);

}  // namespace chuyi

#pragma once

#include <memory>
#include <string>

#include "engine/base/result.h"

namespace chuyi {

/// Holds the installation in a data folder for one process.
class DataFolder {
 public:
  /// Makes the folder when it is not there. Errors: `rejected` "installation.locked".
  static Result<std::unique_ptr<DataFolder>> open(const std::string& path);
  ~DataFolder();
  DataFolder(const DataFolder&) = delete;
  DataFolder& operator=(const DataFolder&) = delete;

 private:
  explicit DataFolder(int lock) : lock_(lock) {}
  int lock_;
};

}  // namespace chuyi

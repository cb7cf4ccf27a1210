#include "server/data_folder.h"

#include <filesystem>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace chuyi {

Result<std::unique_ptr<DataFolder>> DataFolder::open(const std::string& path) {
  std::error_code ec;
  std::filesystem::create_directories(path, ec);
  ::chmod(path.c_str(), 0700);
  std::unique_ptr<DataFolder> out(new DataFolder(::open((path + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)));
  if (out->lock_ < 0 || ::flock(out->lock_, LOCK_EX | LOCK_NB) != 0)
    return Error{.kind = ErrorKind::rejected,
                 .code = "installation.locked",
                 .message = "Expected a data folder that no other chuyi uses; stop the server first",
                 .place = path};
  return out;
}

DataFolder::~DataFolder() {
  if (lock_ >= 0) ::close(lock_);
}

}  // namespace chuyi

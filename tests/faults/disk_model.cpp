#include "tests/faults/disk_model.h"

#include <fstream>
#include <set>
#include <sstream>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace chuyi::test {
namespace {

namespace fs = std::filesystem;

ino_t number_of(const fs::path& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 ? info.st_ino : 0;
}

std::string content_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

fs::path path_of(int fd) { return fs::read_symlink("/proc/self/fd/" + std::to_string(fd)); }

}  // namespace

DiskModel::DiskModel(fs::path root) : root_(std::move(root)) {
  const int fd = ::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  synced(fd);
  ::close(fd);
}

DiskModel::~DiskModel() {
  for (const auto& [number, node] : nodes_) ::close(node.fd);
}

void DiskModel::synced(int fd) {
  struct stat info {};
  ::fstat(fd, &info);
  Node& node = nodes_[info.st_ino];
  const fs::path path = path_of(fd);
  if (node.fd < 0) node.fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (S_ISDIR(info.st_mode)) node.names = names_of(path);
  else node.content = content_of(path);
}

DiskModel::Names DiskModel::names_of(const fs::path& folder) const {
  Names out;
  std::error_code ec;
  for (const fs::directory_entry& each : fs::directory_iterator(folder, ec)) out[each.path().filename()] = number_of(each.path());
  return out;
}

void DiskModel::power_cut(const fs::path& to, Keeps keeps, std::mt19937& random) const { leave_folder(number_of(root_), root_, to, keeps, random); }

void DiskModel::leave_folder(ino_t folder, const fs::path& at, const fs::path& to, Keeps keeps, std::mt19937& random) const {
  const auto node = nodes_.find(folder);
  const Names none;
  const Names& before = node == nodes_.end() ? none : node->second.names;
  const Names now = names_of(at);
  std::set<std::string> all;
  for (const Names* names : {&before, &now})
    for (const auto& [name, number] : *names) all.insert(name);
  fs::create_directories(to);
  for (const std::string& name : all) {
    const Names& from = keeps == Keeps::everything || (keeps == Keeps::any && random() % 2 == 0) ? now : before;
    const auto found = from.find(name);
    if (found == from.end()) continue;
    const auto live = now.find(name);
    const bool is_live = live != now.end() && live->second == found->second;
    if (is_live && fs::is_directory(at / name)) {
      leave_folder(found->second, at / name, to / name, keeps, random);
      continue;
    }
    const std::string content = is_live ? content_of(at / name) : "";
    leave_file(found->second, to / name, is_live ? &content : nullptr, keeps, random);
  }
}

void DiskModel::leave_file(ino_t file, const fs::path& to, const std::string* live, Keeps keeps, std::mt19937& random) const {
  const auto node = nodes_.find(file);
  std::string content = node == nodes_.end() ? "" : node->second.content;
  if (live != nullptr && *live != content) {
    if (keeps == Keeps::everything) content = *live;
    if (keeps == Keeps::any) content = live->substr(0, random() % (live->size() + 1));
  }
  std::ofstream(to, std::ios::binary | std::ios::trunc) << content;
}

}  // namespace chuyi::test

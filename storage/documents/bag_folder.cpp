#include "storage/documents/bag_folder.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/digest.h"
#include "engine/base/entry_name.h"
#include "storage/documents/descriptor.h"
#include "storage/documents/io_error.h"

namespace chuyi {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPart = 1U << 16;

Result<> write_all(int fd, std::string_view bytes, const std::string& name) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return io_error("write " + name, errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

struct Content {
  std::string digest;
  std::uint64_t bytes = 0;
};

/// Reads a regular file to its end and, unless `to` is negative, writes it there.
Result<Content> read_through(const std::string& file, int to) {
  const Descriptor from(::open(file.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  struct stat info {};
  if (from.get() < 0 || ::fstat(from.get(), &info) != 0) return io_error("read " + file, errno);
  if (!S_ISREG(info.st_mode)) return io_error("read a regular file at " + file, EINVAL);
  Sha256 hash;
  Content out;
  std::string part(kPart, '\0');
  while (true) {
    const ssize_t got = ::read(from.get(), part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error("read " + file, errno);
    if (got == 0) break;
    const std::string_view bytes = std::string_view{part}.substr(0, static_cast<std::size_t>(got));
    hash.update(bytes);
    out.bytes += bytes.size();
    if (to < 0) continue;
    if (Result<> written = write_all(to, bytes, file); !written) return written.error();
  }
  out.digest = hash.finish_hex();
  return out;
}

/// Copies a file with its mode to a new one and syncs it.
Result<Content> copy_file(const std::string& file, const std::string& to) {
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0) return io_error("read " + file, errno);
  const Descriptor target(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, info.st_mode & 0700));
  if (target.get() < 0) return io_error("create " + to, errno);
  Result<Content> content = read_through(file, target.get());
  if (content && ::fsync(target.get()) != 0) return io_error("sync " + to, errno);
  return content;
}

Result<> sync(const std::string& path, int flags) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags));
  if (fd.get() < 0 || ::fsync(fd.get()) != 0) return io_error("sync " + path, errno);
  return {};
}

std::string parent_of(const std::string& path) {
  const fs::path parent = fs::path{path}.parent_path();
  return parent.empty() ? "." : parent.string();
}

Result<> make_folders(const fs::path& path) {
  std::error_code ec;
  if (path.empty() || fs::is_directory(path, ec)) return {};
  if (Result<> made = make_folders(path.parent_path()); !made) return made;
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return io_error("create " + path.string(), errno);
  return sync(parent_of(path.string()), O_DIRECTORY);
}

Result<> write_file(const std::string& path, const std::string& text) {
  const Descriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (fd.get() < 0) return io_error("create " + path, errno);
  if (Result<> written = write_all(fd.get(), text, path); !written) return written;
  if (::fsync(fd.get()) != 0) return io_error("sync " + path, errno);
  return {};
}

/// Every folder at and below `path`, so that no name in it can be lost.
Result<> sync_folders(const std::string& path) {
  std::error_code ec;
  for (auto entry = fs::recursive_directory_iterator(path, ec); !ec && entry != fs::recursive_directory_iterator(); entry.increment(ec))
    if (entry->is_directory())
      if (Result<> synced = sync(entry->path().string(), O_DIRECTORY); !synced) return synced;
  if (ec) return io_error("read " + path, ec.value());
  return sync(path, O_DIRECTORY);
}

/// RFC 8493 section 2.1.3: line breaks and "%" of a path are percent-encoded in manifests.
std::string encoded(const std::string& path) {
  std::string out;
  for (const char c : path) out += c == '%' ? "%25" : c == '\n' ? "%0A" : c == '\r' ? "%0D" : std::string(1, c);
  return out;
}

std::string decoded(std::string path) {
  for (const auto& [code, c] : {std::pair{"%0A", "\n"}, std::pair{"%0D", "\r"}, std::pair{"%25", "%"}})
    for (std::size_t at = path.find(code); at != std::string::npos; at = path.find(code, at + 1)) path.replace(at, 3, c);
  return path;
}

Error invalid(const std::string& path, std::vector<Detail> details) {
  const std::string count = std::to_string(details.size());
  return Error{.kind = ErrorKind::invalid,
               .code = "bag.damaged",
               .message = "Expected a whole and unchanged bag, but found " + count + (details.size() == 1 ? " error" : " errors"),
               .place = path,
               .message_zh = "备份不完整或已被改动，共" + count + "处",
               .details = std::move(details)};
}

Detail missing(const std::string& name) {
  return {.place = name, .code = "bag.missing", .message = "Expected this file, but it is not there", .message_zh = "缺少文件"};
}

Detail changed(const std::string& name) {
  return {.place = name, .code = "bag.digest", .message = "Expected the bytes of its SHA-256 in the manifest, but they were changed", .message_zh = "文件内容已被改动"};
}

/// Lines "digest  path".
std::map<std::string, std::string> manifest_of(const std::string& text) {
  std::map<std::string, std::string> out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.size() > 66) out[decoded(line.substr(66))] = line.substr(0, 64);
  return out;
}

}  // namespace

Result<std::unique_ptr<NewFolder>> NewFolder::begin(const std::string& path) {
  std::string clean = path;
  while (clean.size() > 1 && clean.back() == '/') clean.pop_back();
  std::error_code ec;
  const fs::file_status there = fs::symlink_status(clean, ec);
  if (fs::exists(there) && !(fs::is_directory(there) && fs::is_empty(clean, ec)))
    return Error{.kind = ErrorKind::rejected,
                 .code = "folder.taken",
                 .message = "Expected a folder that is empty or not there yet",
                 .place = clean,
                 .message_zh = "目标文件夹应为空或尚不存在"};
  const std::string partial = clean + ".partial";
  if (Result<> made = make_folders(fs::path{clean}.parent_path()); !made) return made.error();
  if (::mkdir(partial.c_str(), 0700) != 0 && errno != EEXIST) return io_error("create " + partial, errno);
  const int lock = ::open(partial.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (lock < 0) return io_error("open " + partial, errno);
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    ::close(lock);
    return Error{.kind = ErrorKind::rejected, .code = "folder.busy", .message = "Expected nobody else to write there", .place = partial, .message_zh = "另一程序正在写入该文件夹"};
  }
  // One that was there may be open to everybody, or anybody's.
  struct stat info {};
  if (::fstat(lock, &info) != 0 || info.st_uid != ::geteuid() || ::fchmod(lock, 0700) != 0) {
    ::close(lock);
    return io_error("own " + partial, EPERM);
  }
  std::unique_ptr<NewFolder> out(new NewFolder(clean, lock));
  for (const fs::directory_entry& entry : fs::directory_iterator(partial, ec)) fs::remove_all(entry.path(), ec);
  return out;
}

NewFolder::~NewFolder() {
  std::error_code ec;
  if (!finished_) fs::remove_all(partial(), ec);
  ::close(lock_);
}

Result<> NewFolder::finish() {
  if (Result<> synced = sync_folders(partial()); !synced) return synced;
  // Takes the place of an empty folder, and of nothing else.
  if (::rename(partial().c_str(), path_.c_str()) != 0) return io_error("name " + path_, errno);
  finished_ = true;
  return sync(parent_of(path_), O_DIRECTORY);
}

Result<std::unique_ptr<BagFolder>> BagFolder::begin(const std::string& path) {
  Result<std::unique_ptr<NewFolder>> folder = NewFolder::begin(path);
  if (!folder) return folder.error();
  return std::unique_ptr<BagFolder>(new BagFolder(*std::move(folder)));
}

Result<std::string> BagFolder::place(const std::string& name) {
  std::string out = folder_->partial() + "/data/" + name;
  if (Result<> made = make_folders(fs::path{out}.parent_path()); !made) return made.error();
  return out;
}

Result<std::string> BagFolder::add(const std::string& name) {
  const std::string file = folder_->partial() + "/data/" + name;
  const Result<Content> content = read_through(file, -1);
  if (!content) return content.error();
  if (Result<> synced = sync(file, 0); !synced) return synced.error();
  digests_[name] = content->digest;
  bytes_ += content->bytes;
  return content->digest;
}

Result<std::string> BagFolder::copy(const std::string& file, const std::string& name) {
  const Result<std::string> to = place(name);
  if (!to) return to.error();
  const Result<Content> content = copy_file(file, *to);
  if (!content) return content.error();
  digests_[name] = content->digest;
  bytes_ += content->bytes;
  return content->digest;
}

Result<std::string> BagFolder::link(const std::string& file, const std::string& name) {
  const Result<std::string> to = place(name);
  if (!to) return to.error();
  if (::link(file.c_str(), to->c_str()) == 0) return add(name);
  return copy(file, name);  // to another file system, to one without links, or past their number
}

Result<> BagFolder::finish(const std::vector<std::pair<std::string, std::string>>& info) {
  std::map<std::string, std::string> tags;
  tags["bagit.txt"] = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n";
  for (const auto& [label, value] : info) tags["bag-info.txt"] += label + ": " + value + "\n";
  tags["bag-info.txt"] += "Payload-Oxum: " + std::to_string(bytes_) + "." + std::to_string(files()) + "\n";
  for (const auto& [name, digest] : digests_) tags["manifest-sha256.txt"] += digest + "  data/" + encoded(name) + "\n";
  std::string tag_manifest;
  for (const auto& [name, text] : tags) tag_manifest += sha256_hex(text) + "  " + name + "\n";
  tags["tagmanifest-sha256.txt"] = std::move(tag_manifest);
  for (const auto& [name, text] : tags)
    if (Result<> written = write_file(folder_->partial() + "/" + name, text); !written) return written;
  return folder_->finish();
}

Result<BagContents> read_bag_folder(const std::string& path) {
  std::vector<Detail> wrong;
  std::map<std::string, std::string> tags;
  for (const char* name : {"bagit.txt", "bag-info.txt", "manifest-sha256.txt", "tagmanifest-sha256.txt"}) {
    std::ifstream in(path + "/" + name, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    if (in) tags[name] = text.str();
    else wrong.push_back(missing(name));
  }
  if (!wrong.empty()) return invalid(path, std::move(wrong));
  const std::map<std::string, std::string> tag_digests = manifest_of(tags["tagmanifest-sha256.txt"]);
  for (const char* name : {"bagit.txt", "bag-info.txt", "manifest-sha256.txt"}) {
    const auto digest = tag_digests.find(name);
    if (digest == tag_digests.end() || digest->second != sha256_hex(tags[name])) wrong.push_back(changed(name));
  }
  BagContents out;
  for (const auto& [name, digest] : manifest_of(tags["manifest-sha256.txt"])) {
    if (!name.starts_with("data/") || !check_entry_name(name))
      wrong.push_back({.place = name, .code = "bag.path", .message = "Expected a path below data/", .message_zh = "路径应在data/之下"});
    else
      out.digests[name.substr(5)] = digest;
  }
  if (!wrong.empty()) return invalid(path, std::move(wrong));
  std::map<std::string, std::string> left = out.digests;
  std::error_code ec;
  for (auto entry = fs::recursive_directory_iterator(path + "/data", ec); !ec && entry != fs::recursive_directory_iterator(); entry.increment(ec)) {
    if (entry->is_directory() && !entry->is_symlink()) continue;
    const std::string name = entry->path().lexically_relative(path + "/data").generic_string();
    if (entry->is_symlink() || !entry->is_regular_file() || left.erase(name) == 0)
      wrong.push_back({.place = "data/" + name, .code = "bag.unexpected", .message = "Expected no file that the manifest does not name", .message_zh = "清单之外的文件"});
  }
  for (const auto& [name, digest] : left) wrong.push_back(missing("data/" + name));
  if (!wrong.empty()) return invalid(path, std::move(wrong));
  std::istringstream lines(tags["bag-info.txt"]);
  for (std::string line; std::getline(lines, line);)
    if (const std::size_t colon = line.find(": "); colon != std::string::npos) out.info[line.substr(0, colon)] = line.substr(colon + 2);
  return out;
}

Result<> copy_checked(const std::string& file, const std::string& digest, const std::string& to) {
  if (Result<> made = make_folders(fs::path{to}.parent_path()); !made) return made;
  const Result<Content> content = copy_file(file, to);
  if (!content) return content.error();
  if (content->digest != digest) return invalid(file, {changed(file)});
  return {};
}

Result<> sync_file(const std::string& path) { return sync(path, 0); }

}  // namespace chuyi

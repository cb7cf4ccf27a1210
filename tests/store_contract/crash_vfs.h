#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace chuyi::test {

/// A SQLite VFS over the default one that knows what a power cut would leave: for each file the bytes of its last
/// sync, and what was written since. It can also fail a write or sync. After the examples of SQLite's own crash tests.
class CrashVfs {
 public:
  explicit CrashVfs(std::string name);
  ~CrashVfs();
  CrashVfs(const CrashVfs&) = delete;
  CrashVfs& operator=(const CrashVfs&) = delete;

  const char* name() const { return name_.c_str(); }

  /// Writes into `folder` what the disk may hold after a power cut now: synced bytes, and of the writes since then
  /// those that `keep(n)` says, n counting from 0 (a disk may keep any of them).
  template <class Keep>
  void power_cut(const std::string& folder, Keep keep) {
    const std::lock_guard lock(mutex_);
    for (const auto& [path, file] : files_) {
      std::string bytes = file.synced;
      std::size_t n = 0;
      for (const Change& change : file.pending)
        if (keep(n++)) apply(change, bytes);
      write_file(folder, path, bytes);
    }
  }

  /// Fails write or sync number `at` (from 1, counted from now) with `code`, and all after it when `for_ever`.
  void fail(std::uint64_t at, int code, bool for_ever);
  /// Fails every write or sync of the file of that name.
  void fail_on(const std::string& file, int code);
  /// Bytes that the file of that name holds for sure.
  std::size_t synced_bytes(const std::string& file);
  /// Whether a failure was given since `fail`.
  bool failed() const { return failed_; }

  // For the VFS's own functions.
  struct Change {
    std::uint64_t offset = 0;
    std::optional<std::string> bytes;  ///< nothing: cut the file at `offset`
  };
  int next_result(const char* path);
  void change(const std::string& path, Change change);
  void sync(const std::string& path);
  void remove(const std::string& path);

 private:
  struct File {
    std::string synced;
    std::vector<Change> pending;
  };
  static void apply(const Change& change, std::string& bytes);
  static void write_file(const std::string& folder, const std::string& path, const std::string& bytes);

  std::string name_;
  std::mutex mutex_;
  std::map<std::string, File> files_;
  std::uint64_t operations_ = 0;
  std::string fail_file_;
  std::uint64_t fail_at_ = 0;
  int fail_code_ = 0;
  bool for_ever_ = false;
  bool failed_ = false;
  void* vfs_ = nullptr;
};

}  // namespace chuyi::test

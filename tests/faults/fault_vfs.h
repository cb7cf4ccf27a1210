#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace chuyi::test {

/// The calls of a VFS that can fail.
enum class Call { open, remove, access, full_path, read, write, sync, truncate, size, lock, shm_map, shm_lock };
inline constexpr std::array kCalls{"open", "remove", "access", "full_path", "read", "write",
                                   "sync", "truncate", "size", "lock", "shm_map", "shm_lock"};

/// A SQLite VFS over the default one that knows what a power cut would leave: for each file the bytes of its last
/// sync, and what was written since; for the folder the names of its last sync, and those made and removed since. Its
/// calls can be made to fail. After the examples of SQLite's own crash tests (src/test6.c).
class FaultVfs {
 public:
  explicit FaultVfs(std::string name);
  ~FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  const char* name() const { return name_.c_str(); }

  /// What a disk keeps of what was not synced.
  enum class Keeps { nothing, everything, any };
  /// Writes into `folder` what the disk may hold after a power cut now: what was synced; with Keeps::any, each sector of
  /// each write since, each cut and each change of a name is there or not, and a sector may be torn.
  void power_cut(const std::string& folder, Keeps keeps, std::mt19937& random);

  /// Called before each write, sync, cut and removal, and again after each sync, on the thread that does it.
  std::function<void(bool is_sync)> on_change = [](bool) {};

  struct Fault {
    std::uint64_t at = 0;     ///< number of the call, from 1 and from now; 0: none
    bool for_ever = false;    ///< all calls after it too
    bool full = false;        ///< a write says that the disk is full; else each call says what belongs to an I/O error
    bool part = false;        ///< half of a failed write is done
    bool changes_only = false;  ///< only writes and syncs are counted
    std::string file = {};    ///< only calls on the file of that name are counted
  };
  void fail(const Fault& fault);
  /// The call that failed first since `fail`.
  std::optional<Call> failed();
  /// Bytes that the file of that name holds for sure.
  std::size_t synced_bytes(const std::string& file);

  // For the VFS's own functions.
  struct Change {
    std::uint64_t offset = 0;
    std::optional<std::string> bytes;  ///< nothing: cut the file at `offset`
  };
  /// The code that the call has to end with; SQLITE_OK to go on.
  int next_result(Call call, const char* path);
  bool writes_part();
  void created(const std::string& path);
  void change(const std::string& path, Change change);
  void sync(const std::string& path, bool with_folder);
  void remove(const std::string& path, bool with_folder);

 private:
  struct File {
    std::string synced;
    std::vector<Change> pending;
  };
  using Names = std::map<std::string, std::shared_ptr<File>>;
  File& file(const std::string& path);

  std::string name_;
  std::mutex mutex_;
  Names names_;
  Names synced_names_;
  Fault fault_;
  std::uint64_t calls_ = 0;
  std::optional<Call> failed_;
  void* vfs_ = nullptr;
};

}  // namespace chuyi::test

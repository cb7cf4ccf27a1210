#include "tests/store_contract/crash_vfs.h"

#include <filesystem>
#include <fstream>

#include <sqlite3.h>

namespace chuyi::test {
namespace {

/// The wrapped file lies behind this head in the memory that SQLite gives.
struct CrashFile {
  sqlite3_file base;
  CrashVfs* vfs;
  const char* path;  ///< SQLite keeps it while the file is open; nullptr for a temporary file
};

sqlite3_file* real(sqlite3_file* file) { return reinterpret_cast<sqlite3_file*>(reinterpret_cast<CrashFile*>(file) + 1); }
CrashFile* own(sqlite3_file* file) { return reinterpret_cast<CrashFile*>(file); }

int x_close(sqlite3_file* f) { return real(f)->pMethods->xClose(real(f)); }
int x_read(sqlite3_file* f, void* to, int n, sqlite3_int64 at) { return real(f)->pMethods->xRead(real(f), to, n, at); }
int x_write(sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
  if (const int code = own(f)->vfs->next_result(own(f)->path); code != SQLITE_OK) return code;
  if (own(f)->path != nullptr)
    own(f)->vfs->change(own(f)->path, {.offset = static_cast<std::uint64_t>(at), .bytes = std::string(static_cast<const char*>(from), static_cast<std::size_t>(n))});
  return real(f)->pMethods->xWrite(real(f), from, n, at);
}
int x_truncate(sqlite3_file* f, sqlite3_int64 size) {
  if (own(f)->path != nullptr) own(f)->vfs->change(own(f)->path, {.offset = static_cast<std::uint64_t>(size), .bytes = {}});
  return real(f)->pMethods->xTruncate(real(f), size);
}
int x_sync(sqlite3_file* f, int flags) {
  if (own(f)->vfs->next_result(own(f)->path) != SQLITE_OK) return SQLITE_IOERR_FSYNC;
  if (own(f)->path != nullptr) own(f)->vfs->sync(own(f)->path);
  return real(f)->pMethods->xSync(real(f), flags);
}
int x_size(sqlite3_file* f, sqlite3_int64* size) { return real(f)->pMethods->xFileSize(real(f), size); }
int x_lock(sqlite3_file* f, int level) { return real(f)->pMethods->xLock(real(f), level); }
int x_unlock(sqlite3_file* f, int level) { return real(f)->pMethods->xUnlock(real(f), level); }
int x_reserved(sqlite3_file* f, int* out) { return real(f)->pMethods->xCheckReservedLock(real(f), out); }
int x_control(sqlite3_file* f, int op, void* arg) { return real(f)->pMethods->xFileControl(real(f), op, arg); }
int x_sector(sqlite3_file* f) { return real(f)->pMethods->xSectorSize(real(f)); }
int x_device(sqlite3_file*) { return 0; }  // promises nothing: neither atomic nor ordered writes
int x_shm_map(sqlite3_file* f, int page, int size, int extend, void volatile** out) { return real(f)->pMethods->xShmMap(real(f), page, size, extend, out); }
int x_shm_lock(sqlite3_file* f, int offset, int n, int flags) { return real(f)->pMethods->xShmLock(real(f), offset, n, flags); }
void x_shm_barrier(sqlite3_file* f) { real(f)->pMethods->xShmBarrier(real(f)); }
int x_shm_unmap(sqlite3_file* f, int remove) { return real(f)->pMethods->xShmUnmap(real(f), remove); }

const sqlite3_io_methods kMethods{2, x_close, x_read, x_write, x_truncate, x_sync, x_size, x_lock, x_unlock, x_reserved, x_control,
                                  x_sector, x_device, x_shm_map, x_shm_lock, x_shm_barrier, x_shm_unmap, nullptr, nullptr};

struct Vfs {
  sqlite3_vfs base;
  CrashVfs* self;
  sqlite3_vfs* real;
};
sqlite3_vfs* below(sqlite3_vfs* vfs) { return reinterpret_cast<Vfs*>(vfs)->real; }

int v_open(sqlite3_vfs* vfs, sqlite3_filename name, sqlite3_file* file, int flags, int* out) {
  const int code = below(vfs)->xOpen(below(vfs), name, real(file), flags, out);
  own(file)->base.pMethods = code == SQLITE_OK ? &kMethods : nullptr;
  own(file)->vfs = reinterpret_cast<Vfs*>(vfs)->self;
  own(file)->path = name;
  return code;
}
int v_delete(sqlite3_vfs* vfs, const char* name, int sync) {
  reinterpret_cast<Vfs*>(vfs)->self->remove(name);
  return below(vfs)->xDelete(below(vfs), name, sync);
}
int v_access(sqlite3_vfs* vfs, const char* name, int flags, int* out) { return below(vfs)->xAccess(below(vfs), name, flags, out); }
int v_full(sqlite3_vfs* vfs, const char* name, int n, char* out) { return below(vfs)->xFullPathname(below(vfs), name, n, out); }
int v_random(sqlite3_vfs* vfs, int n, char* out) { return below(vfs)->xRandomness(below(vfs), n, out); }
int v_sleep(sqlite3_vfs* vfs, int us) { return below(vfs)->xSleep(below(vfs), us); }
int v_time(sqlite3_vfs* vfs, double* out) { return below(vfs)->xCurrentTime(below(vfs), out); }
int v_error(sqlite3_vfs* vfs, int n, char* out) { return below(vfs)->xGetLastError(below(vfs), n, out); }
int v_time64(sqlite3_vfs* vfs, sqlite3_int64* out) { return below(vfs)->xCurrentTimeInt64(below(vfs), out); }

}  // namespace

CrashVfs::CrashVfs(std::string name) : name_(std::move(name)) {
  sqlite3_vfs* found = sqlite3_vfs_find(nullptr);
  auto* vfs = new Vfs{};
  vfs->self = this;
  vfs->real = found;
  vfs->base.iVersion = 2;
  vfs->base.szOsFile = static_cast<int>(sizeof(CrashFile)) + found->szOsFile;
  vfs->base.mxPathname = found->mxPathname;
  vfs->base.zName = name_.c_str();
  vfs->base.xOpen = v_open;
  vfs->base.xDelete = v_delete;
  vfs->base.xAccess = v_access;
  vfs->base.xFullPathname = v_full;
  vfs->base.xRandomness = v_random;
  vfs->base.xSleep = v_sleep;
  vfs->base.xCurrentTime = v_time;
  vfs->base.xGetLastError = v_error;
  vfs->base.xCurrentTimeInt64 = v_time64;
  vfs_ = vfs;
  sqlite3_vfs_register(&vfs->base, 0);
}

CrashVfs::~CrashVfs() {
  auto* vfs = static_cast<Vfs*>(vfs_);
  sqlite3_vfs_unregister(&vfs->base);
  delete vfs;
}

void CrashVfs::fail(std::uint64_t at, int code, bool for_ever) {
  const std::lock_guard lock(mutex_);
  operations_ = 0;
  fail_at_ = at;
  fail_code_ = code;
  for_ever_ = for_ever;
  failed_ = false;
}

void CrashVfs::fail_on(const std::string& file, int code) {
  const std::lock_guard lock(mutex_);
  fail_file_ = file;
  fail_code_ = code;
}

std::size_t CrashVfs::synced_bytes(const std::string& file) {
  const std::lock_guard lock(mutex_);
  for (const auto& [path, held] : files_)
    if (std::filesystem::path{path}.filename() == file) return held.synced.size();
  return 0;
}

int CrashVfs::next_result(const char* path) {
  const std::lock_guard lock(mutex_);
  if (!fail_file_.empty() && path != nullptr && std::filesystem::path{path}.filename() == fail_file_) {
    failed_ = true;
    return fail_code_;
  }
  ++operations_;
  if (fail_at_ == 0 || operations_ < fail_at_ || (operations_ > fail_at_ && !for_ever_)) return SQLITE_OK;
  failed_ = true;
  return fail_code_;
}

void CrashVfs::change(const std::string& path, Change change) {
  const std::lock_guard lock(mutex_);
  files_[path].pending.push_back(std::move(change));
}

void CrashVfs::sync(const std::string& path) {
  const std::lock_guard lock(mutex_);
  File& file = files_[path];
  for (const Change& change : file.pending) apply(change, file.synced);
  file.pending.clear();
}

void CrashVfs::remove(const std::string& path) {
  const std::lock_guard lock(mutex_);
  files_.erase(path);
}

void CrashVfs::apply(const Change& change, std::string& bytes) {
  if (!change.bytes) {
    bytes.resize(change.offset);
    return;
  }
  if (bytes.size() < change.offset + change.bytes->size()) bytes.resize(change.offset + change.bytes->size());
  bytes.replace(change.offset, change.bytes->size(), *change.bytes);
}

void CrashVfs::write_file(const std::string& folder, const std::string& path, const std::string& bytes) {
  std::ofstream out(std::filesystem::path{folder} / std::filesystem::path{path}.filename(), std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace chuyi::test

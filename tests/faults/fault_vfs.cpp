#include "tests/faults/fault_vfs.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include <sqlite3.h>

namespace chuyi::test {
namespace {

constexpr std::size_t kSector = 512;

/// The wrapped file lies behind this head in the memory that SQLite gives.
struct FaultFile {
  sqlite3_file base;
  FaultVfs* vfs;
  const char* path;  ///< SQLite keeps it while the file is open; nullptr for a temporary file
  bool name_synced;  ///< SQLite's own VFS syncs the folder with the first sync of a new journal or log
};

sqlite3_file* real(sqlite3_file* file) { return reinterpret_cast<sqlite3_file*>(reinterpret_cast<FaultFile*>(file) + 1); }
FaultFile* own(sqlite3_file* file) { return reinterpret_cast<FaultFile*>(file); }
int result(sqlite3_file* file, Call call) { return own(file)->vfs->next_result(call, own(file)->path); }

/// What SQLite's own VFS would say.
int io_error_of(Call call) {
  switch (call) {
    case Call::open: return SQLITE_CANTOPEN;
    case Call::full_path: return SQLITE_CANTOPEN_FULLPATH;
    case Call::remove: return SQLITE_IOERR_DELETE;
    case Call::access: return SQLITE_IOERR_ACCESS;
    case Call::read: return SQLITE_IOERR_READ;
    case Call::write: return SQLITE_IOERR_WRITE;
    case Call::sync: return SQLITE_IOERR_FSYNC;
    case Call::truncate: return SQLITE_IOERR_TRUNCATE;
    case Call::size: return SQLITE_IOERR_FSTAT;
    case Call::lock: return SQLITE_IOERR_LOCK;
    case Call::shm_map: return SQLITE_IOERR_SHMMAP;
    case Call::shm_lock: return SQLITE_IOERR_SHMLOCK;
  }
  return SQLITE_IOERR;
}

int x_close(sqlite3_file* f) { return real(f)->pMethods->xClose(real(f)); }
int x_read(sqlite3_file* f, void* to, int n, sqlite3_int64 at) {
  if (const int code = result(f, Call::read); code != SQLITE_OK) return code;
  return real(f)->pMethods->xRead(real(f), to, n, at);
}
int x_write(sqlite3_file* f, const void* from, int n, sqlite3_int64 at) {
  const int code = result(f, Call::write);
  if (code != SQLITE_OK) {
    n /= 2;
    if (!own(f)->vfs->writes_part() || n == 0) return code;
  }
  if (own(f)->path != nullptr)
    own(f)->vfs->change(own(f)->path, {.offset = static_cast<std::uint64_t>(at),
                                       .bytes = std::string(static_cast<const char*>(from), static_cast<std::size_t>(n))});
  const int written = real(f)->pMethods->xWrite(real(f), from, n, at);
  return code != SQLITE_OK ? code : written;
}
int x_truncate(sqlite3_file* f, sqlite3_int64 size) {
  if (const int code = result(f, Call::truncate); code != SQLITE_OK) return code;
  if (own(f)->path != nullptr) own(f)->vfs->change(own(f)->path, {.offset = static_cast<std::uint64_t>(size), .bytes = {}});
  return real(f)->pMethods->xTruncate(real(f), size);
}
/// The model is what counts: the disk below need not be waited for.
int x_sync(sqlite3_file* f, int) {
  if (const int code = result(f, Call::sync); code != SQLITE_OK) return code;
  if (own(f)->path != nullptr) {
    own(f)->vfs->sync(own(f)->path, !own(f)->name_synced);
    own(f)->name_synced = true;
  }
  own(f)->vfs->on_change(true);
  return SQLITE_OK;
}
int x_size(sqlite3_file* f, sqlite3_int64* size) {
  if (const int code = result(f, Call::size); code != SQLITE_OK) return code;
  return real(f)->pMethods->xFileSize(real(f), size);
}
int x_lock(sqlite3_file* f, int level) {
  if (const int code = result(f, Call::lock); code != SQLITE_OK) return code;
  return real(f)->pMethods->xLock(real(f), level);
}
int x_unlock(sqlite3_file* f, int level) { return real(f)->pMethods->xUnlock(real(f), level); }
int x_reserved(sqlite3_file* f, int* out) { return real(f)->pMethods->xCheckReservedLock(real(f), out); }
int x_control(sqlite3_file* f, int op, void* arg) { return real(f)->pMethods->xFileControl(real(f), op, arg); }
int x_sector(sqlite3_file* f) { return real(f)->pMethods->xSectorSize(real(f)); }
int x_device(sqlite3_file*) { return 0; }  // promises nothing: neither atomic nor ordered writes
int x_shm_map(sqlite3_file* f, int page, int size, int extend, void volatile** out) {
  if (const int code = result(f, Call::shm_map); code != SQLITE_OK) return code;
  return real(f)->pMethods->xShmMap(real(f), page, size, extend, out);
}
int x_shm_lock(sqlite3_file* f, int offset, int n, int flags) {
  // To unlock never fails.
  if (const int code = (flags & SQLITE_SHM_LOCK) != 0 ? result(f, Call::shm_lock) : SQLITE_OK; code != SQLITE_OK) return code;
  return real(f)->pMethods->xShmLock(real(f), offset, n, flags);
}
void x_shm_barrier(sqlite3_file* f) { real(f)->pMethods->xShmBarrier(real(f)); }
int x_shm_unmap(sqlite3_file* f, int remove) { return real(f)->pMethods->xShmUnmap(real(f), remove); }

const sqlite3_io_methods kMethods{2, x_close, x_read, x_write, x_truncate, x_sync, x_size, x_lock, x_unlock, x_reserved, x_control,
                                  x_sector, x_device, x_shm_map, x_shm_lock, x_shm_barrier, x_shm_unmap, nullptr, nullptr};

struct Vfs {
  sqlite3_vfs base;
  FaultVfs* self;
  sqlite3_vfs* real;
};
sqlite3_vfs* below(sqlite3_vfs* vfs) { return reinterpret_cast<Vfs*>(vfs)->real; }
FaultVfs* self(sqlite3_vfs* vfs) { return reinterpret_cast<Vfs*>(vfs)->self; }

int v_open(sqlite3_vfs* vfs, sqlite3_filename name, sqlite3_file* file, int flags, int* out) {
  own(file)->base.pMethods = nullptr;
  if (const int code = self(vfs)->next_result(Call::open, name); code != SQLITE_OK) return code;
  std::error_code ec;
  const bool is_new = name != nullptr && !std::filesystem::exists(name, ec);
  const int code = below(vfs)->xOpen(below(vfs), name, real(file), flags, out);
  if (code != SQLITE_OK) return code;
  own(file)->base.pMethods = &kMethods;
  own(file)->vfs = self(vfs);
  own(file)->path = name;
  constexpr int kSyncsItsName = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;
  own(file)->name_synced = (flags & SQLITE_OPEN_CREATE) == 0 || (flags & kSyncsItsName) == 0;
  if (is_new) self(vfs)->created(name);
  return code;
}
int v_delete(sqlite3_vfs* vfs, const char* name, int sync) {
  if (const int code = self(vfs)->next_result(Call::remove, name); code != SQLITE_OK) return code;
  self(vfs)->remove(name, sync != 0);
  return below(vfs)->xDelete(below(vfs), name, sync);
}
int v_access(sqlite3_vfs* vfs, const char* name, int flags, int* out) {
  if (const int code = self(vfs)->next_result(Call::access, name); code != SQLITE_OK) return code;
  return below(vfs)->xAccess(below(vfs), name, flags, out);
}
int v_full(sqlite3_vfs* vfs, const char* name, int n, char* out) {
  if (const int code = self(vfs)->next_result(Call::full_path, name); code != SQLITE_OK) return code;
  return below(vfs)->xFullPathname(below(vfs), name, n, out);
}
int v_random(sqlite3_vfs* vfs, int n, char* out) { return below(vfs)->xRandomness(below(vfs), n, out); }
int v_sleep(sqlite3_vfs* vfs, int us) { return below(vfs)->xSleep(below(vfs), us); }
int v_time(sqlite3_vfs* vfs, double* out) { return below(vfs)->xCurrentTime(below(vfs), out); }
int v_error(sqlite3_vfs* vfs, int n, char* out) { return below(vfs)->xGetLastError(below(vfs), n, out); }
int v_time64(sqlite3_vfs* vfs, sqlite3_int64* out) { return below(vfs)->xCurrentTimeInt64(below(vfs), out); }

}  // namespace

FaultVfs::FaultVfs(std::string name) : name_(std::move(name)) {
  sqlite3_vfs* found = sqlite3_vfs_find(nullptr);
  auto* vfs = new Vfs{};
  vfs->self = this;
  vfs->real = found;
  vfs->base.iVersion = 2;
  vfs->base.szOsFile = static_cast<int>(sizeof(FaultFile)) + found->szOsFile;
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

FaultVfs::~FaultVfs() {
  auto* vfs = static_cast<Vfs*>(vfs_);
  sqlite3_vfs_unregister(&vfs->base);
  delete vfs;
}

namespace {

/// `change` on `bytes`; each sector of it, or half of one, may be missing when `any`.
void apply(const FaultVfs::Change& change, std::string& bytes, bool any, std::mt19937& random) {
  if (!change.bytes) {
    if (!any || random() % 2 == 0) bytes.resize(change.offset);
    return;
  }
  const std::uint64_t end = change.offset + change.bytes->size();
  for (std::uint64_t from = change.offset; from < end;) {
    const std::uint64_t to = std::min((from / kSector + 1) * kSector, end);
    std::uint64_t kept = to - from;
    if (any) {
      const auto chance = random() % 8;
      kept = chance < 4 ? 0 : chance == 4 ? random() % (kept + 1) : kept;
    }
    if (kept > 0) {
      bytes.resize(std::max<std::size_t>(bytes.size(), from + kept));
      bytes.replace(from, kept, *change.bytes, from - change.offset, kept);
    }
    from = to;
  }
}

std::string name_of(const std::string& path) { return std::filesystem::path{path}.filename().string(); }

}  // namespace

void FaultVfs::power_cut(const std::string& folder, Keeps keeps, std::mt19937& random) {
  const std::lock_guard lock(mutex_);
  std::set<std::string> paths;
  for (const Names* names : {&names_, &synced_names_})
    for (const auto& [path, file] : *names) paths.insert(path);
  for (const std::string& path : paths) {
    const Names& from = keeps == Keeps::everything || (keeps == Keeps::any && random() % 2 == 0) ? names_ : synced_names_;
    const auto found = from.find(path);
    if (found == from.end()) continue;
    std::string bytes = found->second->synced;
    if (keeps != Keeps::nothing)
      for (const Change& change : found->second->pending) apply(change, bytes, keeps == Keeps::any, random);
    std::ofstream out(std::filesystem::path{folder} / name_of(path), std::ios::binary | std::ios::trunc);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
}

void FaultVfs::fail(const Fault& fault) {
  const std::lock_guard lock(mutex_);
  fault_ = fault;
  calls_ = 0;
  failed_.reset();
}

std::optional<Call> FaultVfs::failed() {
  const std::lock_guard lock(mutex_);
  return failed_;
}

std::size_t FaultVfs::synced_bytes(const std::string& file) {
  const std::lock_guard lock(mutex_);
  for (const auto& [path, held] : names_)
    if (name_of(path) == file) return held->synced.size();
  return 0;
}

int FaultVfs::next_result(Call call, const char* path) {
  if (call == Call::write || call == Call::sync || call == Call::truncate || call == Call::remove) on_change(call == Call::sync);
  const std::lock_guard lock(mutex_);
  if (fault_.at == 0) return SQLITE_OK;
  if (fault_.changes_only && call != Call::write && call != Call::sync) return SQLITE_OK;
  if (!fault_.file.empty() && (path == nullptr || name_of(path) != fault_.file)) return SQLITE_OK;
  ++calls_;
  if (calls_ < fault_.at || (calls_ > fault_.at && !fault_.for_ever)) return SQLITE_OK;
  if (!failed_) failed_ = call;
  return fault_.full && call == Call::write ? SQLITE_FULL : io_error_of(call);
}

bool FaultVfs::writes_part() {
  const std::lock_guard lock(mutex_);
  return fault_.part;
}

FaultVfs::File& FaultVfs::file(const std::string& path) {
  std::shared_ptr<File>& found = names_[path];
  if (!found) found = std::make_shared<File>();
  return *found;
}

void FaultVfs::created(const std::string& path) {
  const std::lock_guard lock(mutex_);
  names_[path] = std::make_shared<File>();
}

void FaultVfs::change(const std::string& path, Change change) {
  const std::lock_guard lock(mutex_);
  file(path).pending.push_back(std::move(change));
}

void FaultVfs::sync(const std::string& path, bool with_folder) {
  const std::lock_guard lock(mutex_);
  std::mt19937 none;
  File& synced = file(path);
  for (const Change& change : synced.pending) apply(change, synced.synced, false, none);
  synced.pending.clear();
  if (with_folder) synced_names_ = names_;
}

void FaultVfs::remove(const std::string& path, bool with_folder) {
  const std::lock_guard lock(mutex_);
  names_.erase(path);
  if (with_folder) synced_names_ = names_;
}

}  // namespace chuyi::test

#define _GNU_SOURCE
#undef _FORTIFY_SOURCE /* whose functions are the very ones defined here */
#include "calls.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct chuyi_faults chuyi_faults;
static __thread int inside;

__attribute__((constructor)) static void read_environment(void) {
  const char *given = getenv("CHUYI_FAULT_CALLS");
  if (given == NULL) return;
  unsigned long at = 0;
  if (sscanf(given, "%lu %d %d %d %255s", &at, &chuyi_faults.code, &chuyi_faults.for_ever, &chuyi_faults.part, chuyi_faults.folder) == 5)
    chuyi_faults.at = at;
}

static void tell(const char *name, uint64_t number) {
  char line[64];
  const int size = snprintf(line, sizeof line, "fault: call %lu, %s\n", (unsigned long)number, name);
  if (getenv("CHUYI_FAULT_CALLS") != NULL) syscall(SYS_write, STDERR_FILENO, line, size);
}

#define NEXT(name) (__extension__(__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int below(const char *path) {
  const size_t size = strlen(chuyi_faults.folder);
  return size > 0 && strncmp(path, chuyi_faults.folder, size) == 0;
}

static int below_fd(int fd) {
  char link[64], path[PATH_MAX];
  if (chuyi_faults.folder[0] == '\0') return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, sizeof path - 1);
  if (size <= 0) return 0;
  path[size] = '\0';
  return below(path);
}

/* Counts the call. Whether it has to fail; errno is set. */
static int fails(const char *name, int counts) {
  if (!counts || inside) return 0;
  if (chuyi_faults.on_call != NULL) {
    inside = 1;
    chuyi_faults.on_call(name);
    inside = 0;
  }
  /* Only reads and writes can be short. */
  if (chuyi_faults.part && chuyi_faults.code == 0 && strcmp(name, "read") != 0 && strcmp(name, "write") != 0) return 0;
  const uint64_t number = __atomic_add_fetch(&chuyi_faults.calls, 1, __ATOMIC_RELAXED);
  if (chuyi_faults.at == 0 || number < chuyi_faults.at || (number > chuyi_faults.at && !chuyi_faults.for_ever)) return 0;
  if (number == chuyi_faults.at) {
    strncpy(chuyi_faults.failed, name, sizeof chuyi_faults.failed - 1);
    tell(name, number);
  }
  errno = chuyi_faults.code;
  return 1;
}

#define OPEN(name)                                                             \
  int name(const char *path, int flags, ...) {                                 \
    va_list more;                                                              \
    va_start(more, flags);                                                     \
    const mode_t mode = va_arg(more, mode_t);                                  \
    va_end(more);                                                              \
    if (fails("open", below(path))) return -1;                                 \
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);              \
  }
OPEN(open)
OPEN(open64)

int mkstemp(char *pattern) {
  if (fails("mkstemp", below(pattern))) return -1;
  return NEXT(mkstemp)(pattern);
}

/* What is left of a write that fails: half of it was done, or nothing. A short one is no failure. */
static int cut_write(size_t *size) {
  const int error = chuyi_faults.code;
  if (!chuyi_faults.part || *size < 2) return error == 0 ? 0 : -1;
  *size /= 2;
  return error == 0 ? 0 : 1;
}

static ssize_t failed_write(int error) {
  errno = error;
  return -1;
}

ssize_t write(int fd, const void *from, size_t size) {
  if (!fails("write", below_fd(fd))) return syscall(SYS_write, fd, from, size);
  const int cut = cut_write(&size);
  const ssize_t done = cut < 0 ? -1 : syscall(SYS_write, fd, from, size);
  return cut == 0 ? done : failed_write(chuyi_faults.code);
}

#define PWRITE(name)                                                            \
  ssize_t name(int fd, const void *from, size_t size, off_t at) {              \
    if (!fails("write", below_fd(fd))) return syscall(SYS_pwrite64, fd, from, size, at); \
    const int cut = cut_write(&size);                                          \
    const ssize_t done = cut < 0 ? -1 : syscall(SYS_pwrite64, fd, from, size, at); \
    return cut == 0 ? done : failed_write(chuyi_faults.code);                  \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

#define PREAD(name)                                                             \
  ssize_t name(int fd, void *to, size_t size, off_t at) {                      \
    if (!fails("read", below_fd(fd))) return syscall(SYS_pread64, fd, to, size, at); \
    if (chuyi_faults.code != 0) return -1;                                     \
    return syscall(SYS_pread64, fd, to, size > 1 ? size / 2 : size, at);       \
  }
PREAD(pread)
PREAD(pread64)

size_t fwrite(const void *from, size_t each, size_t count, FILE *file) {
  if (!fails("fwrite", below_fd(fileno(file)))) return NEXT(fwrite)(from, each, count, file);
  size_t size = each * count;
  const int cut = cut_write(&size);
  const size_t done = cut < 0 ? 0 : NEXT(fwrite)(from, 1, size, file) / each;
  errno = chuyi_faults.code;
  return done;
}

ssize_t read(int fd, void *to, size_t size) {
  if (!fails("read", below_fd(fd))) return syscall(SYS_read, fd, to, size);
  if (chuyi_faults.code != 0) return -1;
  return syscall(SYS_read, fd, to, size > 1 ? size / 2 : size);
}

/* Below the folder a sync is told to the hook and not waited for: no test cuts the power of the machine. */
static int sync_with(long call, const char *name, int fd) {
  if (inside || !below_fd(fd)) return (int)syscall(call, fd);
  if (fails(name, 1)) return -1;
  if (chuyi_faults.on_sync != NULL) {
    inside = 1;
    chuyi_faults.on_sync(fd);
    inside = 0;
  }
  return 0;
}
int fsync(int fd) { return sync_with(SYS_fsync, "fsync", fd); }
int fdatasync(int fd) { return sync_with(SYS_fdatasync, "fdatasync", fd); }

int ftruncate(int fd, off_t size) { return fails("ftruncate", below_fd(fd)) ? -1 : (int)syscall(SYS_ftruncate, fd, size); }
int ftruncate64(int fd, off_t size) { return ftruncate(fd, size); }
int rename(const char *from, const char *to) { return fails("rename", below(from)) ? -1 : (int)syscall(SYS_rename, from, to); }
int link(const char *from, const char *to) { return fails("link", below(from)) ? -1 : (int)syscall(SYS_link, from, to); }
int unlink(const char *path) { return fails("unlink", below(path)) ? -1 : (int)syscall(SYS_unlink, path); }
int remove(const char *path) { return fails("unlink", below(path)) ? -1 : NEXT(remove)(path); }
int mkdir(const char *path, mode_t mode) { return fails("mkdir", below(path)) ? -1 : (int)syscall(SYS_mkdir, path, mode); }
int chmod(const char *path, mode_t mode) { return fails("chmod", below(path)) ? -1 : (int)syscall(SYS_chmod, path, mode); }
int fchmod(int fd, mode_t mode) { return fails("chmod", below_fd(fd)) ? -1 : (int)syscall(SYS_fchmod, fd, mode); }

/* The descriptor is closed all the same, as Linux does. */
int close(int fd) {
  const int failing = fails("close", below_fd(fd));
  const int result = (int)syscall(SYS_close, fd);
  return failing ? (int)failed_write(chuyi_faults.code) : result;
}
int fclose(FILE *file) {
  const int failing = fails("fclose", below_fd(fileno(file)));
  const int result = NEXT(fclose)(file);
  return failing ? (int)failed_write(chuyi_faults.code) : result;
}

/* Preloaded into a program: makes its disk fail while the file named by CHUYI_FAULTS holds "sync", "full",
   "libraries" (full for files of folders of that name) or "database" (full for files that are written by the page). With CHUYI_KILL_AT_SYNC=N
   the program dies as by kill -9 when it comes to its N-th sync. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static int failing(const char *kind) {
  const char *path = getenv("CHUYI_FAULTS");
  char text[16] = "";
  if (path == NULL) return 0;
  const int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return 0;
  const long got = syscall(SYS_read, fd, text, sizeof text - 1);
  syscall(SYS_close, fd);
  return got > 0 && strncmp(text, kind, strlen(kind)) == 0;
}

static int fail_with(int code) {
  errno = code;
  return -1;
}

static void count_sync(void) {
  static atomic_int syncs = 0;
  const char *at = getenv("CHUYI_KILL_AT_SYNC");
  if (at != NULL && atomic_fetch_add(&syncs, 1) + 1 == atoi(at)) raise(SIGKILL);
}

int fdatasync(int fd) {
  count_sync();
  return failing("sync") ? fail_with(EIO) : (int)syscall(SYS_fdatasync, fd);
}
int fsync(int fd) {
  count_sync();
  return failing("sync") ? fail_with(EIO) : (int)syscall(SYS_fsync, fd);
}

/* Standard streams and sockets go on: only files fill up. */
static int is_file(int fd) { return fd > 2 && lseek(fd, 0, SEEK_CUR) >= 0; }

static int has_no_space(int fd) {
  char link[32], path[4096] = "";
  if (!is_file(fd)) return 0;
  if (!failing("libraries")) return failing("full");
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  return readlink(link, path, sizeof path - 1) > 0 && strstr(path, "/libraries/") != NULL;
}
ssize_t write(int fd, const void *from, size_t size) {
  return has_no_space(fd) ? fail_with(ENOSPC) : syscall(SYS_write, fd, from, size);
}
ssize_t writev(int fd, const struct iovec *from, int count) {
  return has_no_space(fd) ? fail_with(ENOSPC) : syscall(SYS_writev, fd, from, count);
}
static int has_no_page(void) { return failing("full") || failing("database"); }
ssize_t pwrite(int fd, const void *from, size_t size, off_t at) {
  return has_no_page() ? fail_with(ENOSPC) : syscall(SYS_pwrite64, fd, from, size, at);
}
ssize_t pwrite64(int fd, const void *from, size_t size, off64_t at) {
  return has_no_page() ? fail_with(ENOSPC) : syscall(SYS_pwrite64, fd, from, size, at);
}

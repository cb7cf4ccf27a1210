/* A library that misbehaves: tries every way out of its sandbox, at load and when called, and names as findings
 * those that were open. Nothing it tries does harm where it succeeds. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/plugins/hostile/hostile.h"

extern char **environ;

static char findings[16384] = "{\"findings\":[";
static size_t used = sizeof "{\"findings\":[" - 1;

static void found(const char *what, long detail) {
  used += (size_t)snprintf(findings + used, sizeof findings - used, "%s{\"place\":\"%s\",\"code\":\"open\",\"message\":\"%ld\",\"message_zh\":\"-\"}",
                           findings[used - 1] == '[' ? "" : ",", what, detail);
}

#define TRY(what, call)                                \
  do {                                                 \
    const long result_ = (long)(call);                 \
    if (result_ >= 0) found(what, result_);            \
  } while (0)

/* A child must not go on with the host's work. */
#define TRY_CHILD(what, call)                          \
  do {                                                 \
    const long child_ = (long)(call);                  \
    if (child_ == 0) _exit(0);                         \
    if (child_ > 0) found(what, child_);               \
  } while (0)

static void *nothing(void *argument) { return argument; }

static void processes(void) {
  pthread_t thread;
  const pid_t parent = getppid();
  static siginfo_t info;
  char *const none[] = {NULL};
  TRY_CHILD("fork", fork());
  TRY_CHILD("clone", syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
  TRY("clone3", syscall(SYS_clone3, NULL, 0) < 0 && errno == ENOSYS ? -1 : 0);
  TRY("thread", pthread_create(&thread, NULL, nothing, NULL) == 0 ? 0 : -1);
  TRY("execveat", syscall(SYS_execveat, -1, "", none, none, 0) < 0 && errno == EPERM ? -1 : 0);
  TRY("kill", kill(parent, 0));
  TRY("tkill", syscall(SYS_tkill, parent, 0));
  TRY("tgkill", syscall(SYS_tgkill, parent, parent, 0));
  info.si_code = SI_QUEUE;
  TRY("rt_sigqueueinfo", syscall(SYS_rt_sigqueueinfo, parent, 0, &info));
  TRY("pidfd_open", syscall(SYS_pidfd_open, parent, 0));
  TRY("own", fcntl(3, F_SETOWN, parent)); /* with O_ASYNC: a signal to the parent for each byte */
  struct rlimit limit = {16, 16};
  TRY("setrlimit", setrlimit(RLIMIT_NOFILE, &limit));
  TRY("prlimit64", syscall(SYS_prlimit64, parent, RLIMIT_NOFILE, NULL, &limit));
  TRY("ptrace", ptrace(PTRACE_TRACEME, 0, NULL, NULL));
  struct iovec part = {findings, 1};
  TRY("process_vm_readv", syscall(SYS_process_vm_readv, getpid(), &part, 1, &part, 1, 0));
  TRY("process_vm_writev", syscall(SYS_process_vm_writev, getpid(), &part, 1, &part, 1, 0));
  TRY("setpriority", setpriority(PRIO_PROCESS, 0, 1));
  TRY("pdeathsig", prctl(PR_SET_PDEATHSIG, 0));
  TRY("setsid", setsid());
}

static void kernel(void) {
  static char room[256];
  TRY("io_uring_setup", syscall(SYS_io_uring_setup, 1, room));
  TRY("memfd_create", syscall(SYS_memfd_create, "x", 0));
  TRY("userfaultfd", syscall(SYS_userfaultfd, 1));
  TRY("bpf", syscall(SYS_bpf, 0, room, sizeof room) < 0 && errno == EPERM ? -1 : 0);
  TRY("perf_event_open", syscall(SYS_perf_event_open, room, 0, -1, -1, 0) < 0 && errno == EPERM ? -1 : 0);
  TRY("keyctl", syscall(SYS_keyctl, 0, -3, 1));
  TRY("unshare", unshare(CLONE_NEWUSER));
  TRY("setns", setns(3, 0) < 0 && errno == EPERM ? -1 : 0);
  TRY("mount", mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
  TRY("chroot", chroot("/"));
  TRY("shmget", syscall(SYS_shmget, 0, 4096, 01600));
}

static void network(void) {
  int pair[2];
  TRY("socket inet", socket(AF_INET, SOCK_STREAM, 0));
  TRY("socket unix", socket(AF_UNIX, SOCK_STREAM, 0));
  TRY("socket netlink", socket(AF_NETLINK, SOCK_RAW, 0));
  TRY("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  struct msghdr message = {0};
  TRY("sendmsg", sendmsg(3, &message, 0));
}

static void files(const char *secret) {
  char path[4096];
  struct {
    unsigned long long flags, mode, resolve;
  } how = {O_RDONLY, 0, 0};
  TRY("read passwd", open("/etc/passwd", O_RDONLY));
  TRY("read home", open("/root", O_RDONLY | O_DIRECTORY));
  TRY("openat2", syscall(SYS_openat2, AT_FDCWD, "/usr/lib/os-release", &how, sizeof how));
  TRY("read secret", open(secret, O_RDONLY));
  TRY("write secret", open(secret, O_WRONLY));
  TRY("append secret", open(secret, O_WRONLY | O_APPEND));
  TRY("open and truncate secret", open(secret, O_RDONLY | O_TRUNC));
  TRY("openat and truncate secret", syscall(SYS_openat, AT_FDCWD, secret, O_RDONLY | O_TRUNC));
  TRY("truncate secret", truncate(secret, 0));
  TRY("chmod secret", chmod(secret, 0777));
  TRY("unlink secret", unlink(secret));
  snprintf(path, sizeof path, "%s.new", secret);
  TRY("rename secret", rename(secret, path));
  TRY("link secret", link(secret, path));
  TRY("symlink", symlink("/", path));
  TRY("mkdir", mkdir(path, 0700));
  TRY("mknod", mknod(path, S_IFIFO | 0600, 0));
  TRY("create", open(path, O_RDONLY | O_CREAT, 0600));
  TRY("creat", creat(path, 0600));
  TRY("temporary", open("/tmp", O_RDWR | O_TMPFILE, 0600));
  for (const char *const *name = (const char *const[]){"mem", "environ", "maps", "fd", NULL}; *name != NULL; ++name) {
    snprintf(path, sizeof path, "/proc/%d/%s", (int)getppid(), *name);
    TRY("read of the server's /proc", open(path, O_RDONLY));
  }
}

static void inherited(void) {
  for (int fd = 4; fd < 1024; ++fd)
    if (fcntl(fd, F_GETFD) >= 0) found("inherited descriptor", fd);
  for (char **each = environ; each != NULL && *each != NULL; ++each) found("environment", 0);
}

__attribute__((constructor)) static void at_load(void) {
  const int file = open("/etc/passwd", O_RDONLY);
  TRY("read passwd at load", file);
  if (file >= 0) close(file);
  TRY_CHILD("fork at load", fork());
  TRY("socket at load", socket(AF_INET, SOCK_STREAM, 0));
}

static int32_t misbehave(const struct call *call) {
  char secret[2048] = "";
  const char *at = strstr(call->json, "\"secret\":\"");
  if (at == NULL || sscanf(at, "\"secret\":\"%2000[^\"]", secret) != 1) return CHUYI_BAD_INPUT;
  inherited();
  processes();
  kernel();
  network();
  files(secret);
  strcpy(findings + used, "]}");
  answer(call, findings);
  return CHUYI_OK;
}

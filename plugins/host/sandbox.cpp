#include "plugins/host/sandbox.h"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>

#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace chuyi::plugin {
namespace {

constexpr rlim_t kMemoryMax = 512U * 1024 * 1024;
constexpr rlim_t kFilesMax = 32;

void limit(int resource, rlim_t value) {
  const rlimit both{value, value};
  ::setrlimit(static_cast<__rlimit_resource>(resource), &both);
}

void set_limits(long cpu_seconds) {
  limit(RLIMIT_CPU, static_cast<rlim_t>(cpu_seconds));
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_NOFILE, kFilesMax);
#ifndef CHUYI_SANITIZED  // they map terabytes of shadow memory, and write reports
  limit(RLIMIT_AS, kMemoryMax);
  limit(RLIMIT_FSIZE, 0);
#endif
  std::signal(SIGXFSZ, SIG_IGN);  // a write past RLIMIT_FSIZE is an error of that write, not the end
}

// The newest kernel's landlock_ruleset_attr: Debian 12's header has the first member only. `size` says how much the
// running kernel knows.
struct Ruleset {
  std::uint64_t handled_access_fs;
  std::uint64_t handled_access_net;  // ABI 4
  std::uint64_t scoped;              // ABI 6
};

Ruleset everything(long abi) {
  // ABI 1 knows 13 rights of files; 2 adds REFER, 3 TRUNCATE, 5 IOCTL_DEV.
  const int rights = abi >= 5 ? 16 : abi >= 3 ? 15 : abi >= 2 ? 14 : 13;
  return {.handled_access_fs = (std::uint64_t{1} << rights) - 1, .handled_access_net = 3, .scoped = 3};
}

bool allow_reading(int ruleset, const char* path) {
  const int fd = ::open(path, O_PATH | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT || errno == ENOTDIR;
  const landlock_path_beneath_attr rule{.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE, .parent_fd = fd};
  const long added = ::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
  ::close(fd);
  return added == 0;
}

/// 0 where the kernel has no Landlock, was started without it, or a container's own filter denies it.
long landlock_abi() {
  const long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return abi > 0 ? abi : 0;
}

bool close_files(long abi, const std::string& library) {
  const Ruleset all = everything(abi);
  const std::size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
  const int ruleset = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &all, size, 0));
  if (ruleset < 0) return false;
  bool closed = allow_reading(ruleset, library.c_str());
  // What the loader needs for the libraries that this one names.
  for (const char* path : {"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"})
    closed = closed && allow_reading(ruleset, path);
#ifdef CHUYI_SANITIZED
  closed = closed && allow_reading(ruleset, "/proc/self/");  // their reports look up where code is mapped
#endif
  closed = closed && ::syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
  ::close(ruleset);
  return closed;
}

// Whatever an argument is. Without thread or process calls: a runtime that needs threads (Go's) is not served.
constexpr int kAllowed[] = {
    // files that are open, and what the loader asks about them
    SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(readv), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(lseek), SCMP_SYS(close),
    SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(poll), SCMP_SYS(ppoll),
    // memory
    SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect), SCMP_SYS(madvise),
    // itself
    SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(futex), SCMP_SYS(sched_yield), SCMP_SYS(restart_syscall), SCMP_SYS(getpid),
    SCMP_SYS(gettid), SCMP_SYS(getppid), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(uname),
    SCMP_SYS(sysinfo), SCMP_SYS(getrandom), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    // clocks
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep),
#ifdef CHUYI_SANITIZED
    SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getcwd), SCMP_SYS(sched_getaffinity),
#endif
};

bool allow_calls(scmp_filter_ctx filter, int socket) {
  const auto allow = [filter](int call, auto... arguments) {
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, sizeof...(arguments), arguments...) == 0;
  };
  for (const int call : kAllowed)
    if (!allow(call)) return false;
  // Callers fall back to the older form where the newer one hides its flags behind a pointer.
  for (const int call : {SCMP_SYS(openat2), SCMP_SYS(clone3), SCMP_SYS(statx)})
    if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), call, 0) != 0) return false;
  constexpr unsigned kTemporary = O_TMPFILE & ~static_cast<unsigned>(O_DIRECTORY);
  constexpr scmp_datum_t kWriting = O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | kTemporary;
  const auto descriptor = static_cast<scmp_datum_t>(socket);
  const auto self = static_cast<scmp_datum_t>(::getpid());
  bool done = allow(SCMP_SYS(open), SCMP_A1(SCMP_CMP_MASKED_EQ, kWriting, O_RDONLY)) &&
              allow(SCMP_SYS(openat), SCMP_A2(SCMP_CMP_MASKED_EQ, kWriting, O_RDONLY)) &&
              allow(SCMP_SYS(sendto), SCMP_A0(SCMP_CMP_EQ, descriptor), SCMP_A4(SCMP_CMP_EQ, 0)) &&
              allow(SCMP_SYS(recvfrom), SCMP_A0(SCMP_CMP_EQ, descriptor)) &&
              allow(SCMP_SYS(tgkill), SCMP_A0(SCMP_CMP_EQ, self)) &&  // abort()
              allow(SCMP_SYS(prlimit64), SCMP_A0(SCMP_CMP_EQ, 0), SCMP_A2(SCMP_CMP_EQ, 0));
  // Not F_SETOWN, F_SETSIG: they send signals to others.
  for (const scmp_datum_t command : {F_GETFD, F_SETFD, F_GETFL}) done = done && allow(SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, command));
  return done;
}

bool close_calls(int socket) {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
  if (filter == nullptr) return false;
  const bool closed = allow_calls(filter, socket) && seccomp_load(filter) == 0;
  seccomp_release(filter);
  return closed;
}

}  // namespace

Sandbox close_sandbox(const SandboxOptions& options) {
  const auto open = [](const char* what) { return Sandbox{.open = std::string{"expected "} + what + ": " + std::strerror(errno)}; };
  // First the signal, then the question: between the two the parent may go.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != options.parent) return open("the server that started it");
  set_limits(options.cpu_seconds);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return open("a kernel with no_new_privs");
  const long abi = landlock_abi();
  if (abi > 0 && !close_files(abi, options.library)) return open("Landlock to close the files");
  if (!close_calls(options.socket)) return open("a kernel with seccomp");
  return {.open = {}, .files_closed = abi > 0};
}

}  // namespace chuyi::plugin

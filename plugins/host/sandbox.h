#pragma once

#include <string>

#include <sys/types.h>

namespace chuyi::plugin {

struct Sandbox {
  std::string open;           ///< what could not be closed: then nothing may be loaded; empty when all is closed
  bool files_closed = false;  ///< false on a kernel without Landlock: files that the server may read can be read
};

struct SandboxOptions {
  pid_t parent;         ///< the process that started this one. Not compared with 1: a server in a container is process 1
  std::string library;  ///< the one file of its own that can be read
  int socket;           ///< the one that can be talked on
  long cpu_seconds;     ///< processor time after which the kernel ends the process
};

/// Closes the process in for good, before any foreign code is loaded: it ends with `parent`; limits on memory,
/// processor time, files and core dumps; Landlock, where the kernel has it, so that only `library` and the system's libraries can
/// be read; a seccomp allow-list: reading, memory, own signals, clocks, and talk on `socket`. No writing, no network,
/// no processes or threads, nothing that reaches another process; all else is EPERM.
///
/// @see     landlock(7), seccomp(2), prctl(2) PR_SET_PDEATHSIG.
Sandbox close_sandbox(const SandboxOptions& options);

}  // namespace chuyi::plugin

/* The contract between Chuyi and the native library of a package. C11, no other header.
 *
 * A library exports one symbol, chuyi_plugin(). It is loaded into a process of its own, which is closed before
 * anything of the library runs, its constructors included. A crash, a call past its time, or an answer that is
 * none fails the one call, and the process is started again.
 *
 * What the process can do: compute, use memory (512 MiB), read clocks, raise signals to itself, answer and log.
 * What it cannot, with EPERM (or EACCES for files):
 *   - files: write, make, change or remove any; read any but the library itself and the system's libraries (where
 *     the kernel has Landlock). Whatever a library needs to know is in the call. Sizes and dates of files (stat) are
 *     not hidden. Descriptors 0, 1 and 2 are /dev/null: use log(). Descriptor 3 is the host's own: leave it alone.
 *   - network: any socket.
 *   - processes: start, trace, signal or look into any; nor start threads, so a runtime that needs them (Go, Java)
 *     is not served.
 *   - the rest of the kernel: io_uring, bpf, namespaces, keys, limits, shared memory, prctl.
 * The environment is empty, the locale "C", the time zone UTC. The library is one file: copied when the package is
 * loaded, and run from the copy, so it may need libraries of the system, but none of its package. */
#ifndef CHUYI_PLUGIN_H
#define CHUYI_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CHUYI_ABI_VERSION 1u

/* Takes an answer: `size` bytes of UTF-8 JSON at `json`, which the caller keeps and may free afterwards.
 * At most 2 MiB. Call it exactly once for each call of a hook, on the thread of that call. `context` as it was given. */
typedef void (*chuyi_sink)(void *context, const char *json, size_t size);

/* What the host offers. Lives as long as the process. May grow at the end: look at `size`. */
typedef struct chuyi_host {
  uint32_t size; /* sizeof(chuyi_host) of the host that was built */
  /* Writes a line to the server's log. `text` stays the caller's; best UTF-8. The first 2,000 bytes of a line and
   * the first 100 lines of a call are kept. */
  void (*log)(const char *text, size_t size);
} chuyi_host;

/* Why a hook did not answer. */
enum {
  CHUYI_OK = 0,        /* the sink was called */
  CHUYI_BAD_INPUT = 1, /* `json` is not what this package expects */
  CHUYI_FAILED = 2     /* anything else */
};

/* What the library gives. Static: it must live as long as the library is loaded. Fill `size` with
 * sizeof(chuyi_plugin_info), leave a hook NULL that the package does not have. */
typedef struct chuyi_plugin_info {
  uint32_t size;
  uint32_t abi_version;   /* CHUYI_ABI_VERSION */
  const char *package_id; /* as in plugin.xml; UTF-8, NUL-terminated */
  /* Validates a form before it is signed off.
   * json: {"form": form id, "data": {…}, "date": day of the sign-off, "application": {"id","programme","round","title","org","org_name"}},
   *       `size` bytes of UTF-8, valid during the call, not NUL-terminated.
   * Answer: {"findings": [{"place": JSON pointer into data, "code": "…", "message": "…", "message_zh": "…"}]};
   * an empty list means valid. Called on one thread at a time. */
  int32_t (*validate)(const chuyi_host *host, const char *json, size_t size, chuyi_sink sink, void *context);
} chuyi_plugin_info;

/* The one exported symbol. NULL: this library cannot serve a host of that ABI version. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const chuyi_plugin_info *chuyi_plugin(uint32_t abi_version);

#ifdef __cplusplus
}
#endif
#endif

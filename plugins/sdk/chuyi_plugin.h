/* The contract between Chuyi and the native library of a package. C11, no other header. chuyi_plugin.hpp beside it is a
 * wrapper for C++.
 *
 * A library exports one symbol, chuyi_plugin(). It is loaded into a process of its own, which is closed before
 * anything of the library runs, its constructors included. A crash, a call past its time, or an answer that is
 * none fails the one call, and the process is started again: nothing that a library keeps in memory lasts. It is also
 * started again, between two calls, when it has used a minute of processor time.
 *
 * What the process can do: compute, use memory (512 MiB), read clocks, raise signals to itself, answer and log.
 * What it cannot, with EPERM (or EACCES for files):
 *   - files: write, make, change or remove any; read any but the library itself and the system's libraries (where
 *     the kernel has Landlock). Whatever a library needs to know is in the call. Sizes and dates of files (stat) are
 *     not hidden. Descriptors 0, 1 and 2 are /dev/null: use log(). Descriptor 3 is the host's own: leave it alone.
 *   - network: any socket.
 *   - processes: start, trace, signal or look into any; nor start threads.
 *   - the rest of the kernel: io_uring, bpf, namespaces, keys, limits, shared memory, prctl.
 * So every language is served whose libraries do without threads: C, C++, Rust (crate type cdylib, panics caught before
 * they reach the host). Go is not (-buildmode=c-shared): its runtime starts threads while it is loaded, and the library
 * fails with plugin.load; nor is Java.
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

/* A hook: reads one JSON object and gives one. Called on one thread, one call after the other.
 * host:  lives as long as the process.
 * json:  `size` bytes of UTF-8, the library's to read during the call, not NUL-terminated. Beside what is told at each
 *        hook it has "call": the id of the call, the same when a call is repeated; empty for one that never is.
 * sink, context: valid during the call only.
 * Nothing may leave it but by return: no C++ exception, no longjmp, no Rust panic. */
typedef int32_t (*chuyi_hook)(const chuyi_host *host, const char *json, size_t size, chuyi_sink sink, void *context);

/* What the library gives. Static: it must live as long as the library is loaded. Fill `size` with
 * sizeof(chuyi_plugin_info), leave a hook NULL that the package does not have. It grows at its end only: a library
 * built with an older header has a smaller `size`, and the hooks past it are absent.
 *
 * In what follows "application" is {"id","programme","round","title","org","org_name"}, a date is "YYYY-MM-DD", a
 * decimal is a string such as "87.5". A list of findings is [{"place": JSON pointer into data, "code": "…",
 * "message": "…", "message_zh": "…"}], at most 200; code, message and message_zh are not empty, and an empty list means
 * that all is well. Members that are not named here are kept or passed over, those with "?" may be left out; an answer
 * of another shape fails the call. */
typedef struct chuyi_plugin_info {
  uint32_t size;
  uint32_t abi_version;   /* CHUYI_ABI_VERSION */
  const char *package_id; /* as in plugin.xml; UTF-8, NUL-terminated */

  /* Validates a form (draft, nomination, annual report) before it is signed off.
   * {"form": form id, "data": {…}, "date": day of the sign-off, "application"} -> {"findings"} */
  chuyi_hook validate;

  /* Says whether an applicant may be nominated; asked before a nomination is signed off, after validate.
   * {"data": {…}, "date", "application"} -> {"findings"} */
  chuyi_hook eligible;

  /* Combines a panel's sheets into the score of an application.
   * {"application", "rubric": as in the manifest, "sheets": [{"scores": {criterion: decimal}, "total": decimal}]}
   * -> {"score": decimal} */
  chuyi_hook score;

  /* Gives the number of an award.
   * {"application", "year": 2026, "seq": 7, "number": as the package's scheme gives it} -> {"number": "…"}, 1 to 200 bytes */
  chuyi_hook number;

  /* Holds an annual report against the programme's indicators.
   * {"year": 2027, "data": the annual report, "application", "indicators": [… as in the manifest …]}
   * -> {"findings", "suggested"?: "excellent"|"qualified"|"rectify"|"unqualified", "notes"?: [{"zh","en"}], at most 200} */
  chuyi_hook check_indicators;

  /* Gives further fields of a certificate: what stands as {field.NAME} in its template.
   * {"kind": "certificate", "application", "data": the nomination, "award": {"number", "granted", "ends", … as the public
   * register has it}} -> {"fields": {name: text}}, at most 200, each one line of at most 1,000 bytes; each that the template names must be there */
  chuyi_hook render;

  /* The package's own <invoke> type. "state" is what the answer before gave, {} at the start; whatever must last goes there.
   * {"action": "start"|"signal"|"cancel", "type": of the <invoke>, "state": {…}, "params": {…} (start), "signal": {…}
   * (signal), "application"}
   * -> {"state": {…}, "events": [{"name": "done" or another, such as "sealed.twice", "data"?: …}]}, at most 100 */
  chuyi_hook handle;

  /* Carries the data of a running application from one version of the package to another.
   * {"from": "1.0.0", "to": "1.1.0", "data": {… data model of the chart …}, "application"} -> {"data": {…}} */
  chuyi_hook migrate;
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

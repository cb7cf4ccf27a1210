// chuyi-plugin-host LIBRARY PACKAGE: serves the hooks of one package's library on the socket at
// descriptor 3, in a sandbox that is closed before the library is loaded (its constructors run at load).
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <dlfcn.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/json.hpp>

#include "plugins/host/frames.h"
#include "plugins/sdk/chuyi_plugin.h"

namespace {

namespace json = boost::json;
using chuyi::plugin::FrameStatus;

constexpr int kSocket = 3;
constexpr rlim_t kMemoryMax = 512U * 1024 * 1024;
constexpr rlim_t kFilesMax = 32;

void log_line(const char* text, size_t size) {
  constexpr size_t kLineMax = 2000;
  std::fprintf(stderr, "%.*s\n", static_cast<int>(size < kLineMax ? size : kLineMax), text);
}

const chuyi_host kHost = {sizeof(chuyi_host), log_line};

void limit(int resource, rlim_t value) {
  const rlimit both{value, value};
  setrlimit(static_cast<__rlimit_resource>(resource), &both);
}

bool deny(scmp_filter_ctx filter) {
  const int denied[] = {SCMP_SYS(socket),  SCMP_SYS(socketpair), SCMP_SYS(connect), SCMP_SYS(bind),   SCMP_SYS(listen),
                        SCMP_SYS(accept),  SCMP_SYS(accept4),    SCMP_SYS(execve),  SCMP_SYS(execveat), SCMP_SYS(fork),
                        SCMP_SYS(vfork),   SCMP_SYS(ptrace),     SCMP_SYS(kill),    SCMP_SYS(tkill),  SCMP_SYS(mount),
                        SCMP_SYS(umount2), SCMP_SYS(unshare),    SCMP_SYS(setns),   SCMP_SYS(bpf),    SCMP_SYS(keyctl),
                        SCMP_SYS(unlink),  SCMP_SYS(unlinkat),   SCMP_SYS(rename),  SCMP_SYS(renameat), SCMP_SYS(renameat2),
                        SCMP_SYS(mkdir),   SCMP_SYS(mkdirat),    SCMP_SYS(symlink), SCMP_SYS(symlinkat), SCMP_SYS(link),
                        SCMP_SYS(linkat),  SCMP_SYS(chmod),      SCMP_SYS(fchmodat), SCMP_SYS(truncate)};
  for (const int call : denied)
    if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 0) != 0) return false;
  // Threads yes, processes no; clone3 hides its flags behind a pointer, so callers fall back to clone.
  if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) != 0) return false;
  if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                       SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0)) != 0)
    return false;
  // Files may be read, not written or made.
  return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(open), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, 01, 01)) == 0 &&
         seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(open), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, 02, 02)) == 0 &&
         seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(openat), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, 01, 01)) == 0 &&
         seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(openat), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, 02, 02)) == 0 &&
         seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(creat), 0) == 0;
}

bool close_sandbox() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() == 1) return false;  // the server went before the line above
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_NOFILE, kFilesMax);
  limit(RLIMIT_FSIZE, 0);
#ifndef CHUYI_SANITIZED
  limit(RLIMIT_AS, kMemoryMax);  // the sanitizers map terabytes of shadow memory
#endif
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  if (filter == nullptr) return false;
  const bool closed = deny(filter) && seccomp_load(filter) == 0;
  seccomp_release(filter);
  return closed;
}

bool send(const json::value& message) {
  return chuyi::plugin::write_frame(kSocket, json::serialize(message), {}) == FrameStatus::ok;
}

int refuse(const std::string& reason) {
  send(json::object{{"error", reason}});
  return 1;
}

struct Answer {
  std::string text;
  int count = 0;
};

void take_answer(void* context, const char* text, size_t size) {
  auto& answer = *static_cast<Answer*>(context);
  ++answer.count;
  if (size <= chuyi::plugin::kFrameMax / 2) answer.text.assign(text, size);
}

json::object call(const chuyi_plugin_info& plugin, const json::object& request) {
  json::object reply{{"id", request.at("id")}};
  if (plugin.validate == nullptr) {
    reply["answer"] = json::object{{"findings", json::array{}}};
    return reply;
  }
  const std::string input = json::serialize(request.at("input"));
  Answer answer;
  const int32_t status = plugin.validate(&kHost, input.data(), input.size(), take_answer, &answer);
  json::error_code ec;
  json::value value = json::parse(answer.text, ec);
  if (status != CHUYI_OK || answer.count != 1)
    reply["error"] = "expected status 0 and one answer, but found status " + std::to_string(status) + " and " +
                     std::to_string(answer.count) + " answers";
  else if (ec)
    reply["error"] = "expected an answer in JSON, but found: " + ec.message();
  else
    reply["answer"] = std::move(value);
  return reply;
}

int serve(const chuyi_plugin_info& plugin) {
  std::string frame;
  while (chuyi::plugin::read_frame(kSocket, frame, {}) == FrameStatus::ok) {
    json::error_code ec;
    const json::value request = json::parse(frame, ec);
    if (ec || !request.is_object() || !request.get_object().contains("id") || !request.get_object().contains("input")) return 1;
    if (!send(call(plugin, request.get_object()))) return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: chuyi-plugin-host LIBRARY PACKAGE (started by chuyi)\n", stderr);
    return 2;
  }
  if (!close_sandbox()) return refuse("expected a kernel with seccomp");
  void* library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return refuse(dlerror());
  using Entry = const chuyi_plugin_info* (*)(uint32_t);
  const auto entry = reinterpret_cast<Entry>(dlsym(library, "chuyi_plugin"));
  if (entry == nullptr) return refuse("expected the exported symbol chuyi_plugin");
  const chuyi_plugin_info* plugin = entry(CHUYI_ABI_VERSION);
  if (plugin == nullptr || plugin->size < sizeof(chuyi_plugin_info) || plugin->abi_version != CHUYI_ABI_VERSION)
    return refuse("expected a library for ABI version " + std::to_string(CHUYI_ABI_VERSION));
  if (plugin->package_id == nullptr || std::strcmp(plugin->package_id, argv[2]) != 0)
    return refuse("expected the library of package '" + std::string{argv[2]} + "'");
  if (!send(json::object{{"hello", json::object{{"abi", CHUYI_ABI_VERSION}, {"package", argv[2]}}}})) return 1;
  return serve(*plugin);
}

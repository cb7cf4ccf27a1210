// chuyi-plugin-host LIBRARY PACKAGE SERVER CPU_SECONDS: serves the hooks of one package's library on the socket at
// descriptor 3 for the process SERVER, in a sandbox that is closed before the library is loaded (its constructors run at
// load). It reads and writes no JSON: what the library says is the server's to judge.
#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include <dlfcn.h>

#include "plugins/host/frames.h"
#include "plugins/host/sandbox.h"
#include "plugins/sdk/chuyi_plugin.h"

#ifdef CHUYI_SANITIZED
// The search for leaks at the end needs a process of its own, which the sandbox denies.
extern "C" const char* __lsan_default_options() { return "detect_leaks=0"; }
#endif

namespace {

using chuyi::plugin::FrameStatus;

constexpr int kSocket = 3;

bool send(char kind, std::string_view text) { return chuyi::plugin::write_all(kSocket, chuyi::plugin::frame_of(kind + std::string{text})); }

int refuse(const std::string& reason) {
  send(chuyi::plugin::kRefused, reason);
  return 1;
}

int lines_logged = 0;  // in this call

void log_line(const char* text, size_t size) {
  if (++lines_logged > chuyi::plugin::kLogLinesMax || size == 0) return;
  send(chuyi::plugin::kLog, {text, std::min(size, chuyi::plugin::kLogLineMax)});
}

/// Tells how many lines the call logged past the limit.
void end_log() {
  const int more = lines_logged - chuyi::plugin::kLogLinesMax;
  if (more > 0) send(chuyi::plugin::kLog, "(" + std::to_string(more) + " more lines)");
  lines_logged = 0;
}

const chuyi_host kHost = {sizeof(chuyi_host), log_line};

struct HookRow {
  std::string_view name;
  std::size_t offset;
};
constexpr HookRow kHooks[] = {
    {"validate", offsetof(chuyi_plugin_info, validate)},
    {"eligible", offsetof(chuyi_plugin_info, eligible)},
    {"score", offsetof(chuyi_plugin_info, score)},
    {"number", offsetof(chuyi_plugin_info, number)},
    {"check_indicators", offsetof(chuyi_plugin_info, check_indicators)},
    {"render", offsetof(chuyi_plugin_info, render)},
    {"handle", offsetof(chuyi_plugin_info, handle)},
    {"migrate", offsetof(chuyi_plugin_info, migrate)},
};
/// What the first version of the struct had.
constexpr std::size_t kInfoMin = offsetof(chuyi_plugin_info, validate) + sizeof(chuyi_hook);

/// NULL when the library, or the header it was built with, has none.
chuyi_hook hook_at(const chuyi_plugin_info& plugin, std::size_t offset) {
  if (plugin.size < offset + sizeof(chuyi_hook)) return nullptr;
  chuyi_hook hook = nullptr;
  std::memcpy(&hook, reinterpret_cast<const char*>(&plugin) + offset, sizeof hook);
  return hook;
}

chuyi_hook hook_named(const chuyi_plugin_info& plugin, std::string_view name) {
  for (const HookRow& row : kHooks)
    if (row.name == name) return hook_at(plugin, row.offset);
  return nullptr;
}

/// Of the call that runs. Not on the stack: a library may keep a sink past its call.
struct {
  std::string text;
  int count = 0;
  std::size_t size = 0;
  std::uintptr_t call = 0;
  bool late = false;
} answer;

void take_answer(void* context, const char* text, size_t size) {
  if (reinterpret_cast<std::uintptr_t>(context) != answer.call) {
    answer.late = true;
    return;
  }
  ++answer.count;
  answer.size = size;
  if (size <= chuyi::plugin::kAnswerMax) answer.text.assign(text, size);
}

/// Why there is no answer; empty when there is one.
std::string failure_of(int32_t status) {
  if (answer.late) return "expected an answer to the call that runs, but found one to a call that had ended";
  if (status != CHUYI_OK || answer.count != 1)
    return "expected status 0 and one answer, but found status " + std::to_string(status) + " and " + std::to_string(answer.count) + " answers";
  if (answer.size > chuyi::plugin::kAnswerMax)
    return "expected an answer of at most " + std::to_string(chuyi::plugin::kAnswerMax) + " bytes, but found " + std::to_string(answer.size);
  return {};
}

/// False when the server is gone.
bool serve_one(const chuyi_plugin_info& plugin, std::string_view request) {
  const std::size_t space = request.find(' ');
  const std::size_t line = request.find('\n');
  if (space == std::string_view::npos || line == std::string_view::npos || space > line) return false;
  const std::string id = std::string{request.substr(0, space)} + "\n";
  const chuyi_hook hook = hook_named(plugin, request.substr(space + 1, line - space - 1));
  if (hook == nullptr) return send(chuyi::plugin::kNone, id);
  const std::string_view input = request.substr(line + 1);
  answer = {.text = {}, .count = 0, .size = 0, .call = answer.call + 1, .late = false};
  const int32_t status = hook(&kHost, input.data(), input.size(), take_answer, reinterpret_cast<void*>(answer.call));
  end_log();
  const std::string failure = failure_of(status);
  return failure.empty() ? send(chuyi::plugin::kAnswer, id + answer.text) : send(chuyi::plugin::kFailed, id + failure);
}

int serve(const chuyi_plugin_info& plugin) {
  chuyi::plugin::Inbox inbox;
  std::string_view request;
  while (true) {
    const FrameStatus next = inbox.next(request);
    if (next == FrameStatus::none) {
      if (inbox.receive(kSocket, 0) != FrameStatus::ok) return 0;
    } else if (next != FrameStatus::ok || !serve_one(plugin, request)) {
      return 1;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fputs("usage: chuyi-plugin-host LIBRARY PACKAGE SERVER CPU_SECONDS (started by chuyi)\n", stderr);
    return 2;
  }
  const chuyi::plugin::Sandbox sandbox = chuyi::plugin::close_sandbox(
      {.parent = static_cast<pid_t>(std::atol(argv[3])), .library = argv[1], .socket = kSocket, .cpu_seconds = std::atol(argv[4])});
  if (!sandbox.open.empty()) return refuse(sandbox.open);
  void* library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return refuse(dlerror());
  using Entry = const chuyi_plugin_info* (*)(uint32_t);
  const auto entry = reinterpret_cast<Entry>(dlsym(library, "chuyi_plugin"));
  if (entry == nullptr) return refuse("expected the exported symbol chuyi_plugin");
  const chuyi_plugin_info* plugin = entry(CHUYI_ABI_VERSION);
  if (plugin == nullptr || plugin->size < kInfoMin || plugin->abi_version != CHUYI_ABI_VERSION)
    return refuse("expected a library for ABI version " + std::to_string(CHUYI_ABI_VERSION));
  if (plugin->package_id == nullptr || std::strcmp(plugin->package_id, argv[2]) != 0)
    return refuse("expected the library of package '" + std::string{argv[2]} + "'");
  std::string hello = sandbox.files_closed ? "1" : "0";
  for (const HookRow& row : kHooks)
    if (hook_at(*plugin, row.offset) != nullptr) (hello += ' ') += row.name;
  if (!send(chuyi::plugin::kHello, hello)) return 1;
  return serve(*plugin);
}

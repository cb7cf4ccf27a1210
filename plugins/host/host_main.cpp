// chuyi-plugin-host LIBRARY PACKAGE SERVER: serves the hooks of one package's library on the socket at descriptor 3
// for the process SERVER, in a sandbox that is closed before the library is loaded (its constructors run at load).
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <dlfcn.h>

#include <boost/json.hpp>

#include "plugins/host/frames.h"
#include "plugins/host/sandbox.h"
#include "plugins/sdk/chuyi_plugin.h"

#ifdef CHUYI_SANITIZED
// The search for leaks at the end needs a process of its own, which the sandbox denies.
extern "C" const char* __lsan_default_options() { return "detect_leaks=0"; }
#endif

namespace {

namespace json = boost::json;
using chuyi::plugin::FrameStatus;

constexpr int kSocket = 3;

int lines_logged = 0;  // in this call

void log_line(const char* text, size_t size) {
  if (++lines_logged > chuyi::plugin::kLogLinesMax || size == 0) return;
  size = std::min(size, chuyi::plugin::kLogLineMax);
  chuyi::plugin::write_frame(kSocket, chuyi::plugin::kLogMark + std::string{text, size}, {});
}

const chuyi_host kHost = {sizeof(chuyi_host), log_line};

bool send(const json::value& message) {
  return chuyi::plugin::write_frame(kSocket, json::serialize(message), {}) == FrameStatus::ok;
}

/// Tells how many lines the call logged past the limit.
void end_log() {
  const int more = lines_logged - chuyi::plugin::kLogLinesMax;
  if (more > 0) chuyi::plugin::write_frame(kSocket, chuyi::plugin::kLogMark + ("(" + std::to_string(more) + " more lines)"), {});
  lines_logged = 0;
}

int refuse(const std::string& reason) {
  send(json::object{{"error", reason}});
  return 1;
}

constexpr std::size_t kAnswerMax = chuyi::plugin::kFrameMax / 2;

struct Answer {
  std::string text;
  int count = 0;
  std::size_t size = 0;
};

void take_answer(void* context, const char* text, size_t size) {
  auto& answer = *static_cast<Answer*>(context);
  ++answer.count;
  answer.size = size;
  if (size <= kAnswerMax) answer.text.assign(text, size);
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
  end_log();
  json::error_code ec;
  json::value value = json::parse(answer.text, ec);
  if (status != CHUYI_OK || answer.count != 1)
    reply["error"] = "expected status 0 and one answer, but found status " + std::to_string(status) + " and " +
                     std::to_string(answer.count) + " answers";
  else if (answer.size > kAnswerMax)
    reply["error"] = "expected an answer of at most " + std::to_string(kAnswerMax) + " bytes, but found " + std::to_string(answer.size);
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
  if (argc != 4) {
    std::fputs("usage: chuyi-plugin-host LIBRARY PACKAGE SERVER (started by chuyi)\n", stderr);
    return 2;
  }
  const chuyi::plugin::Sandbox sandbox = chuyi::plugin::close_sandbox(static_cast<pid_t>(std::atol(argv[3])), argv[1], kSocket);
  if (!sandbox.open.empty()) return refuse(sandbox.open);
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
  if (!send(json::object{{"hello", json::object{{"abi", CHUYI_ABI_VERSION}, {"package", argv[2]}, {"files_closed", sandbox.files_closed}}}})) return 1;
  return serve(*plugin);
}

#include "plugins/host/plugin_client.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <fstream>
#include <future>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>

#include "engine/base/digest.h"
#include "plugins/host/frames.h"

namespace chuyi {
namespace {

using plugin::FrameStatus;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kIncidentsMax = 200;
constexpr std::size_t kFindingsMax = 200;
/// From this many failures in a row on, a call during the wait for the next start fails at once.
constexpr int kFailuresMax = 3;
constexpr std::chrono::milliseconds kBackoffMax{10'000};
constexpr int kSocketInChild = 3;

/// The caller says which package and hook.
Error plugin_error(const std::string& code, const std::string& package, const std::string& what) {
  static const std::map<std::string, std::string> kTexts = {
      {"plugin.crashed", "项目插件异常退出，本次提交未保存，请稍后重试或联系管理员"},
      {"plugin.timeout", "项目插件超时，本次提交未保存，请稍后重试或联系管理员"},
      {"plugin.answer", "项目插件返回内容有误，本次提交未保存，请联系管理员"},
      {"plugin.load", "项目插件无法加载，本次提交未保存，请联系管理员"}};
  const auto text = kTexts.find(code);
  return Error{.kind = ErrorKind::unavailable,
               .code = code,
               .message = what,
               .place = package,
               .message_zh = text == kTexts.end() ? std::string{} : text->second};
}

}  // namespace

/// A host process and the socket to it. Calls take turns.
class PluginClient::Process {
 public:
  Process(const PluginClientOptions& options, const Definition& definition)
      : options_(options), library_(definition.library), digest_(definition.library_digest), package_(definition.programme) {}
  ~Process() { end(); }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  Result<json::value> call(std::string_view hook, std::string_view id, const json::object& input) {
    // Long enough for one other call to fail and the process to start again.
    const auto turn_max = options_.call_max + options_.start_max;
    const auto deadline = Clock::now() + turn_max;
    const std::unique_lock turn(turn_, deadline);
    if (!turn) return error("plugin.timeout", "other calls left it no turn within " + std::to_string(turn_max.count()) + " ms");
    if (pid_ > 0 && disturbed()) end();
    if (pid_ < 0) {
      if (not_before_ > Clock::now() && (failures_ >= kFailuresMax || not_before_ > deadline))
        return error("plugin.crashed", "it is being restarted after repeated failures");
      std::this_thread::sleep_until(not_before_);
      if (Result<> started = start(); !started) return started.error();
    }
    Result<json::value> answer = exchange(hook, id, input);
    if (answer)
      failures_ = 0;
    else
      fail();
    return answer;
  }

 private:
  /// Between calls a host is silent: it has ended, or wrote what nobody asked for.
  bool disturbed() const {
    pollfd state{.fd = socket_, .events = POLLIN, .revents = 0};
    return ::poll(&state, 1, 0) != 0;
  }

  Result<> start() {
    if (Result<> intact = check_library(); !intact) return intact;
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return error("plugin.load", std::strerror(errno));
    socket_ = pair[0];
    // The kernel ends a host together with the thread that started it, so that thread lives as long as the host does.
    std::promise<int> spawned;
    std::future<int> status = spawned.get_future();
    keeper_ = std::thread([this, child_end = pair[1], spawned = std::move(spawned)]() mutable {
      const int result = spawn(child_end);
      const pid_t pid = pid_;
      spawned.set_value(result);
      if (result != 0) return;
      siginfo_t ended;
      while (::waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
      }
    });
    const int result = status.get();
    ::close(pair[1]);
    if (result == 0) return greet();
    fail();
    return error("plugin.load", "cannot start " + options_.host_program + ": " + std::strerror(result));
  }

  /// The host gets no environment, no descriptor but its socket, and the signals as they are by default.
  int spawn(int socket) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    // To itself, dup2 takes close-on-exec off as well (glibc ≥ 2.29, POSIX.1-2024).
    posix_spawn_file_actions_adddup2(&actions, socket, kSocketInChild);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
#ifndef CHUYI_SANITIZED  // their reports go to the server's log
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
#endif
    posix_spawn_file_actions_addclosefrom_np(&actions, kSocketInChild + 1);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    // A group of its own: Ctrl-C is for the server, which lets calls end.
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    std::string arguments[] = {"chuyi-plugin-host", library_, package_, std::to_string(::getpid())};
    char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(), arguments[3].data(), nullptr};
    char* environment[] = {nullptr};
    pid_t pid = -1;
    const int status = ::posix_spawn(&pid, options_.host_program.c_str(), &actions, &attributes, argv, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (status == 0) pid_ = pid;
    return status;
  }

  /// Applications go on with the code that they started with, and with no other.
  Result<> check_library() {
    if (digest_.empty()) return {};
    Sha256 digest;
    std::ifstream in(library_, std::ios::binary);
    std::string part(64U * 1024, '\0');
    while (in.read(part.data(), static_cast<std::streamsize>(part.size())) || in.gcount() > 0)
      digest.update({part.data(), static_cast<std::size_t>(in.gcount())});
    if (digest.finish_hex() == digest_) return {};
    fail();
    return error("plugin.load", "expected " + library_ + " with the SHA-256 of its name; reload the package to have it written again");
  }

  Result<> greet() {
    std::string frame;
    const FrameStatus got = plugin::read_frame(socket_, frame, Clock::now() + options_.start_max);
    const Result<json::value> hello = got == FrameStatus::ok ? parse_json(frame, {}, "greeting") : Result<json::value>{Error{}};
    if (hello && hello->is_object() && hello->get_object().contains("hello")) {
      if (!bool_or(object_or_empty(hello->get_object(), "hello"), "files_closed", false))
        log("this kernel has no Landlock: the package's code can read what the server can");
      return {};
    }
    std::string reason = got == FrameStatus::timeout ? "it did not start in time" : "it ended while it was loaded";
    if (hello && hello->is_object()) reason = string_or(hello->get_object(), "error", reason);
    fail();
    return error("plugin.load", reason);
  }

  Result<json::value> exchange(std::string_view hook, std::string_view call, const json::object& input) {
    const std::int64_t id = ++last_id_;
    const auto deadline = Clock::now() + options_.call_max;
    const std::string request = json::serialize(json::object{{"id", id}, {"hook", hook}, {"call", call}, {"input", input}});
    std::string frame;
    FrameStatus status = plugin::write_frame(socket_, request, deadline);
    int lines = 0;
    do {
      if (status == FrameStatus::ok) status = plugin::read_frame(socket_, frame, deadline);
    } while (status == FrameStatus::ok && frame.front() == plugin::kLogMark && ++lines <= plugin::kLogLinesMax + 1 && take_line(frame));
    if (status == FrameStatus::timeout)
      return error("plugin.timeout", "no answer within " + std::to_string(options_.call_max.count()) + " ms");
    if (status == FrameStatus::closed) return error("plugin.crashed", "its process ended during the call");
    if (status == FrameStatus::invalid) return error("plugin.answer", "its process wrote what is no answer");
    const Result<json::value> reply = parse_json(frame, JsonLimits{.bytes_max = plugin::kFrameMax}, "plugin answer");
    if (!reply || !reply->is_object() || int_or(reply->get_object(), "id", 0) != id)
      return error("plugin.answer", "its process wrote what is no answer");
    const json::object& object = reply->get_object();
    if (const std::string reason = string_or(object, "error"); !reason.empty()) return error("plugin.answer", reason);
    const json::value* answer = object.if_contains("answer");
    return answer == nullptr ? json::value() : *answer;
  }

  /// False for what no host sends.
  bool take_line(const std::string& frame) const {
    if (frame.size() > plugin::kLogLineMax + 1) return false;
    log(std::string_view{frame}.substr(1));
    return true;
  }

  void log(std::string_view line) const {
    std::string text = printable(line);
    std::replace(text.begin(), text.end(), '\n', ' ');
    if (options_.log) options_.log(package_, text);
  }

  Error error(const char* code, const std::string& what) const { return plugin_error(code, package_, what); }

  void fail() {
    end();
    ++failures_;
    if (failures_ >= 2) {
      const auto wait = options_.backoff_step * (1 << std::min(failures_ - 2, 6));
      not_before_ = Clock::now() + std::min(wait, std::max(kBackoffMax, options_.backoff_step));
    }
  }

  void end() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
    if (pid_ > 0) ::kill(pid_, SIGKILL);
    if (keeper_.joinable()) keeper_.join();
    if (pid_ > 0)
      while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
      }
    pid_ = -1;
  }

  const PluginClientOptions& options_;
  std::string library_;
  std::string digest_;  ///< empty: not known
  std::string package_;
  std::timed_mutex turn_;
  pid_t pid_ = -1;
  std::thread keeper_;  ///< started the process, and ends with it
  int socket_ = -1;
  std::int64_t last_id_ = 0;
  int failures_ = 0;
  Clock::time_point not_before_{};
};

PluginClient::PluginClient(PluginClientOptions options) : options_(std::move(options)) {}
PluginClient::~PluginClient() = default;

std::shared_ptr<PluginClient::Process> PluginClient::process_of(const Definition& definition) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Process>& process = processes_[{definition.library, definition.programme}];
  if (!process) process = std::make_shared<Process>(options_, definition);
  return process;
}

void PluginClient::record(const Definition& definition, std::string_view hook, const Error& error) {
  const std::lock_guard lock(mutex_);
  incidents_.push_back({.at = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now()),
                        .package = definition.programme,
                        .version = definition.version,
                        .hook = std::string{hook},
                        .code = error.code,
                        .reason = error.message});
  if (incidents_.size() > kIncidentsMax) incidents_.pop_front();
}

std::vector<PluginIncident> PluginClient::incidents() const {
  const std::lock_guard lock(mutex_);
  return {incidents_.begin(), incidents_.end()};
}

namespace {

/// Why an answer is none for its hook; empty when it is one.
std::string defect_of(std::string_view asked, const json::value& answer) {
  if (!answer.is_object()) return "expected an answer that is an object";
  if (asked != hook::kValidate && asked != hook::kEligible) return {};
  const json::value* findings = answer.get_object().if_contains("findings");
  if (findings == nullptr || !findings->is_array() || findings->get_array().size() > kFindingsMax) return "expected an answer with a list of findings";
  return {};
}

}  // namespace

Result<json::object> PluginClient::call(const Definition& definition, std::string_view hook, std::string_view id, const json::object& input) {
  const json::array& hooks = array_or_empty(definition.manifest, "hooks");
  if (definition.library.empty() || std::find(hooks.begin(), hooks.end(), json::value(hook)) == hooks.end()) return json::object{};
  Result<json::value> answer = process_of(definition)->call(hook, id, input);
  if (answer)
    if (const std::string defect = defect_of(hook, *answer); !defect.empty()) answer = plugin_error("plugin.answer", definition.programme, defect);
  if (answer) return std::move(answer->get_object());
  Error error = answer.error();
  error.message = "Package '" + definition.programme + "', hook '" + std::string{hook} + "': " + error.message;
  record(definition, hook, error);
  return error;
}

}  // namespace chuyi

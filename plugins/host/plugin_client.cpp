#include "plugins/host/plugin_client.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <ctime>
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
#include "plugins/host/answers.h"
#include "plugins/host/frames.h"

namespace chuyi {
namespace {

using plugin::FrameStatus;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kIncidentsMax = 200;
/// So many calls of a line are on the socket, answered or not, behind the first.
constexpr std::size_t kAheadMax = 8;
/// From this many failures in a row on, a call during the wait for the next start fails at once.
constexpr int kFailuresMax = 3;
constexpr std::chrono::milliseconds kBackoffMax{10'000};
constexpr int kSocketInChild = 3;
constexpr const char* kRestarting = "plugin.restarting";

/// The caller says which package and hook.
Error plugin_error(const std::string& code, const std::string& package, const std::string& what) {
  static const std::map<std::string, std::string> kTexts = {
      {"plugin.crashed", "项目插件异常退出，本次提交未保存，请稍后重试或联系管理员"},
      {"plugin.timeout", "项目插件超时，本次提交未保存，请稍后重试或联系管理员"},
      {"plugin.answer", "项目插件返回内容有误，本次提交未保存，请联系管理员"},
      {"plugin.load", "项目插件无法加载，本次提交未保存，请联系管理员"},
      {kRestarting, "项目插件正在重新启动，本次提交未保存，请稍后重试"},
      {"plugin.input", "提交内容过大，项目插件无法处理"}};
  const auto text = kTexts.find(code);
  return Error{.kind = ErrorKind::unavailable,
               .code = code,
               .message = what,
               .place = package,
               .message_zh = text == kTexts.end() ? std::string{} : text->second};
}

}  // namespace

/// A host process, the socket to it, and the line of calls. The thread of the first call drives: it alone starts and ends
/// the process and reads from it. Others put their requests on the socket behind the first, and wait.
class PluginClient::Process {
 public:
  Process(const PluginClientOptions& options, const Definition& definition)
      : options_(options), library_(definition.library), digest_(definition.library_digest), package_(definition.programme) {
    for (const json::value& each : array_or_empty(definition.manifest, "hooks"))
      if (each.is_string()) named_.emplace_back(each.get_string());
  }
  ~Process() { end(); }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  Result<json::object> call(std::string_view hook, std::string_view id, const json::object& input) {
    // Long enough for one other call to fail and the process to start again.
    const auto turn_max = options_.call_max + options_.start_max;
    const auto deadline = Clock::now() + turn_max;
    // The id of the call goes before the members: a form of megabytes is not copied for it.
    const std::string object = canonical_json(input);
    const std::string_view members = std::string_view{object}.substr(1);
    const std::string call_id = json::serialize(json::string{id});
    std::unique_lock lock(mutex_);
    const auto mine = std::make_shared<Call>(++last_id_, hook);
    const std::string head = std::to_string(mine->id) + " " + mine->hook + "\n{\"call\":" + call_id + (input.empty() ? "" : ",");
    if (head.size() + members.size() > plugin::kFrameMax)
      return error("plugin.input", "expected an input of at most " + std::to_string(plugin::kFrameMax) + " bytes");
    mine->frame = plugin::frame_of(head, members);
    line_.push_back(mine);
    if (driver_ == nullptr)
      driver_ = mine.get();
    else
      send_line();
    if (!mine->turn.wait_until(lock, deadline, [&] { return driver_ == mine.get(); })) {
      leave(mine);
      return error("plugin.timeout", "other calls left it no turn within " + std::to_string(turn_max.count()) + " ms");
    }
    Result<json::object> answer = serve(lock, mine, deadline);
    pass_on();
    return answer;
  }

 private:
  struct Call {
    Call(std::int64_t number, std::string_view asked) : id(number), hook(asked) {}
    const std::int64_t id;
    const std::string hook;
    std::string frame;
    std::size_t sent = 0;    ///< bytes of `frame` that this process has
    bool gone = false;       ///< nobody waits for it
    bool doubted = false;    ///< its process was ended for what another call had done
    std::condition_variable turn;
  };
  using CallPtr = std::shared_ptr<Call>;

  void leave(const CallPtr& call) {
    call->gone = true;
    if (call->sent == 0) std::erase(line_, call);  // else its answer has to be read
  }

  void pass_on() {
    const auto next = std::find_if(line_.begin(), line_.end(), [](const CallPtr& each) { return !each->gone; });
    driver_ = next == line_.end() ? nullptr : next->get();
    if (driver_ != nullptr) driver_->turn.notify_one();
  }

  /// As drive(), with what this machine lacks (memory, a thread) as an error: the line goes on.
  Result<json::object> serve(std::unique_lock<std::mutex>& lock, const CallPtr& mine, Clock::time_point deadline) {
    try {
      return drive(lock, mine, deadline);
    } catch (const std::exception& thrown) {
      if (!lock.owns_lock()) lock.lock();
      std::erase(line_, mine);
      fail();
      return error("plugin.crashed", thrown.what());
    }
  }

  /// Serves the line up to `mine`.
  Result<json::object> drive(std::unique_lock<std::mutex>& lock, const CallPtr& mine, Clock::time_point deadline) {
    while (true) {
      const CallPtr first = line_.front();
      if (first != mine && first->sent == 0) {
        line_.pop_front();
        continue;
      }
      Result<json::object> answer = ask(lock, *first, deadline);
      line_.pop_front();
      if (first == mine) return answer;
    }
  }

  Result<json::object> ask(std::unique_lock<std::mutex>& lock, Call& first, Clock::time_point deadline) {
    while (true) {
      if (Result<> running = make_ready(lock, first, deadline); !running) return running.error();
      Result<json::object> answer = exchange(lock, first);
      if (answer) {
        failures_ = 0;
        return answer;
      }
      if (answer.error().code != kStale || first.doubted) {
        fail();
        return answer.error().code == kStale ? error("plugin.answer", answer.error().message) : answer.error();
      }
      // Its own answer has not been seen, and what came was an answer to a call before it.
      log("it answered a call twice, and is started again");
      first.doubted = true;
      end();
    }
  }

  /// A process that `first` is sent to, or will be.
  Result<> make_ready(std::unique_lock<std::mutex>& lock, const Call& first, Clock::time_point deadline) {
    if (pid_ > 0 && first.sent == 0 && (worn_ || disturbed())) end();
    if (pid_ > 0) return {};
    if (not_before_ > Clock::now() && (failures_ >= kFailuresMax || not_before_ > deadline))
      return error(kRestarting, "it is being restarted after repeated failures");
    lock.unlock();
    std::this_thread::sleep_until(not_before_);
    Result<> started = start();
    lock.lock();
    up_ = started.has_value();
    if (!started) fail();
    return started;
  }

  /// Between calls a host is silent: it has ended, or wrote what nobody asked for.
  bool disturbed() const {
    pollfd state{.fd = socket_, .events = POLLIN, .revents = 0};
    return !inbox_.empty() || ::poll(&state, 1, 0) != 0;
  }

  /// Whether the processor time comes near the end that the sandbox sets.
  bool worn() const {
    clockid_t clock;
    timespec used{};
    return ::clock_getcpuclockid(pid_, &clock) == 0 && ::clock_gettime(clock, &used) == 0 && used.tv_sec >= options_.cpu_max.count();
  }

  /// Puts on the socket what it takes of the line, in order. Never waits.
  void send_line() {
    std::size_t ahead = 0;
    for (const CallPtr& call : line_) {
      if (!up_ || ahead++ > kAheadMax || (worn_ && call->sent == 0)) return;
      while (call->sent < call->frame.size()) {
        const ssize_t sent = ::send(socket_, call->frame.data() + call->sent, call->frame.size() - call->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return;  // full; or closed, which who reads will see
        call->sent += static_cast<std::size_t>(sent);
      }
    }
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
    std::string arguments[] = {"chuyi-plugin-host", library_, package_, std::to_string(::getpid()), std::to_string(cpu_seconds())};
    char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(), arguments[3].data(), arguments[4].data(), nullptr};
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
    return error("plugin.load", "expected " + library_ + " with the SHA-256 of its name; reload the package to have it written again");
  }

  Result<> greet() {
    const auto deadline = Clock::now() + options_.start_max;
    std::string_view message;
    FrameStatus status = FrameStatus::none;
    while ((status = inbox_.next(message)) == FrameStatus::none && (status = wait(false, deadline)) == FrameStatus::ok) {
    }
    if (status == FrameStatus::ok && message.front() == plugin::kHello) return take_hello(message.substr(1));
    if (status == FrameStatus::ok && message.front() == plugin::kRefused) return error("plugin.load", printable(message.substr(1)));
    return error("plugin.load", status == FrameStatus::none ? "it did not start in time" : "it ended while it was loaded");
  }

  Result<> take_hello(std::string_view hello) {
    if (hello.empty() || hello.front() != '1') log("this kernel has no Landlock: the package's code can read what the server can");
    const std::string hooks = std::string{hello.substr(std::min<std::size_t>(1, hello.size()))} + " ";
    for (const std::string& each : named_)
      if (hooks.find(" " + each + " ") == std::string::npos) log("its plugin.xml names the hook '" + each + "', which its library does not have");
    return {};
  }

  /// Waits until something came in, or, if there is something to send, went out. `none` when that took too long.
  FrameStatus wait(bool sending, Clock::time_point deadline) {
    while (true) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
      if (left <= 0) return FrameStatus::none;
      pollfd state{.fd = socket_, .events = static_cast<short>(sending ? POLLIN | POLLOUT : POLLIN), .revents = 0};
      const int ready = ::poll(&state, 1, static_cast<int>(std::min<long long>(left, 60'000)));
      if (ready < 0 && errno != EINTR) return FrameStatus::closed;
      if (ready <= 0) continue;
      if ((state.revents & ~POLLOUT) == 0) return FrameStatus::ok;
      const FrameStatus got = inbox_.receive(socket_, MSG_DONTWAIT);
      if (got != FrameStatus::none) return got;
    }
  }

  /// Sends what is left of `first`, and reads its answer. Nothing but its time limit ends it if the library does not.
  Result<json::object> exchange(std::unique_lock<std::mutex>& lock, Call& first) {
    const auto deadline = Clock::now() + options_.call_max;
    int lines = 0;
    while (true) {
      std::string_view message;
      FrameStatus status = inbox_.next(message);
      if (status == FrameStatus::none) {
        send_line();
        const bool sending = first.sent < first.frame.size();
        lock.unlock();
        status = wait(sending, deadline);
        lock.lock();
        if (status == FrameStatus::ok) continue;
        if (status == FrameStatus::none) return error("plugin.timeout", "no answer within " + std::to_string(options_.call_max.count()) + " ms");
        if (status == FrameStatus::closed) return error("plugin.crashed", "its process ended during the call");
      }
      if (status == FrameStatus::ok && message.front() == plugin::kLog && message.size() <= plugin::kLogLineMax + 1 &&
          ++lines <= plugin::kLogLinesMax + 1) {
        log(message.substr(1));
        continue;
      }
      worn_ = worn();
      if (status != FrameStatus::ok) return error("plugin.answer", kNoAnswer);
      lock.unlock();  // the process goes on with the next call
      Result<json::object> answer = answer_in(message, first);
      lock.lock();
      return answer;
    }
  }

  Result<json::object> answer_in(std::string_view message, const Call& call) const {
    const char kind = message.front();
    const std::size_t line = message.find('\n');
    std::int64_t id = 0;
    if (line == std::string_view::npos || line == 0 || std::from_chars(message.data() + 1, message.data() + line, id).ptr != message.data() + line)
      return error("plugin.answer", kNoAnswer);
    if (id > 0 && id < call.id) return error(kStale, kNoAnswer);
    if (id != call.id) return error("plugin.answer", kNoAnswer);
    const std::string_view text = message.substr(line + 1);
    if (kind == plugin::kNone) return json::object{};
    if (kind == plugin::kFailed) return error("plugin.answer", printable(text));
    if (kind != plugin::kAnswer) return error("plugin.answer", kNoAnswer);
    Result<json::value> answer = parse_json(text, JsonLimits{.bytes_max = plugin::kAnswerMax}, "plugin answer");
    if (!answer) return error("plugin.answer", "expected an answer in JSON, but found: " + answer.error().message);
    if (const std::string defect = defect_of(call.hook, *answer); !defect.empty()) return error("plugin.answer", defect);
    return std::move(answer->get_object());
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

  /// What the sandbox sets: the calls that are on the socket when the time is seen to be over have all of theirs.
  long cpu_seconds() const {
    const auto each = std::chrono::ceil<std::chrono::seconds>(options_.call_max);
    return (options_.cpu_max + each * static_cast<long>(kAheadMax + 2)).count();
  }

  void end() {
    for (const CallPtr& each : line_) each->sent = 0;
    up_ = worn_ = false;
    inbox_.clear();
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
    if (pid_ > 0) ::kill(pid_, SIGKILL);
    if (keeper_.joinable()) keeper_.join();
    if (pid_ > 0)
      while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
      }
    pid_ = -1;
  }

  static constexpr const char* kStale = "stale";  ///< no error of the call: never leaves ask()
  static constexpr const char* kNoAnswer = "its process wrote what is no answer";

  const PluginClientOptions& options_;
  std::string library_;
  std::string digest_;  ///< empty: not known
  std::string package_;
  std::vector<std::string> named_;  ///< hooks, in the manifest

  std::mutex mutex_;  ///< of the line and of what is sent; the rest is the driver's
  std::deque<CallPtr> line_;
  Call* driver_ = nullptr;  ///< the first of the line that somebody waits for
  std::int64_t last_id_ = 0;
  bool up_ = false;    ///< the process has greeted
  bool worn_ = false;  ///< it gets no more calls
  int socket_ = -1;

  plugin::Inbox inbox_;
  pid_t pid_ = -1;
  std::thread keeper_;  ///< started the process, and ends with it
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

Result<json::object> PluginClient::call(const Definition& definition, std::string_view hook, std::string_view id, const json::object& input) {
  const json::array& hooks = array_or_empty(definition.manifest, "hooks");
  if (definition.library.empty() || std::find(hooks.begin(), hooks.end(), json::value(hook)) == hooks.end()) return json::object{};
  Result<json::object> answer = process_of(definition)->call(hook, id, input);
  const std::string lack = answer ? lack_of(hook, *answer, definition) : std::string{};
  if (answer && lack.empty()) return answer;
  Error error = answer ? plugin_error("plugin.answer", definition.programme, lack) : answer.error();
  error.message = "Package '" + definition.programme + "', hook '" + std::string{hook} + "': " + error.message;
  // Whoever asks again and again meanwhile must not push out of the list what has happened.
  if (error.code != kRestarting) record(definition, hook, error);
  return error;
}

}  // namespace chuyi

#include "plugins/host/plugin_client.h"

#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>

#include "plugins/host/frames.h"

namespace chuyi {
namespace {

using plugin::FrameStatus;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kIncidentsMax = 200;
constexpr std::size_t kFindingsMax = 200;
/// Waits before the third and later starts in a row; a call meanwhile fails at once.
constexpr std::chrono::milliseconds kBackoffStep{250};
constexpr std::chrono::milliseconds kBackoffMax{10'000};
constexpr int kSocketInChild = 3;

Error plugin_error(const std::string& code, const std::string& package, const std::string& what) {
  static const std::map<std::string, std::string> kTexts = {
      {"plugin.crashed", "项目插件异常退出，本次提交未保存，请稍后重试或联系管理员"},
      {"plugin.timeout", "项目插件超时，本次提交未保存，请稍后重试或联系管理员"},
      {"plugin.answer", "项目插件返回内容有误，本次提交未保存，请联系管理员"},
      {"plugin.load", "项目插件无法加载，本次提交未保存，请联系管理员"}};
  const auto text = kTexts.find(code);
  return Error{.kind = ErrorKind::unavailable,
               .code = code,
               .message = "Package '" + package + "', hook 'validate': " + what,
               .place = package,
               .message_zh = text == kTexts.end() ? std::string{} : text->second};
}

}  // namespace

/// A host process and the socket to it. All calls hold the mutex.
class PluginClient::Process {
 public:
  Process(const PluginClientOptions& options, std::string library, std::string package)
      : options_(options), library_(std::move(library)), package_(std::move(package)) {}
  ~Process() { end(); }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  Result<json::value> call(const json::object& input) {
    const std::lock_guard lock(mutex_);
    if (pid_ < 0)
      if (Result<> started = start(); !started) return started.error();
    Result<json::value> answer = exchange(input);
    if (answer)
      failures_ = 0;
    else
      fail();
    return answer;
  }

 private:
  Result<> start() {
    if (Clock::now() < not_before_) return error("plugin.crashed", "it is being restarted after repeated failures");
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return error("plugin.load", std::strerror(errno));
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    // dup2 onto itself would keep close-on-exec: move the child's end out of the way first.
    if (pair[1] == kSocketInChild) {
      const int moved = ::fcntl(pair[1], F_DUPFD_CLOEXEC, kSocketInChild + 1);
      ::close(pair[1]);
      pair[1] = moved;
    }
    posix_spawn_file_actions_adddup2(&actions, pair[1], kSocketInChild);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    std::string arguments[] = {"chuyi-plugin-host", library_, package_};
    char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(), nullptr};
    std::string variables[] = {"PATH=/usr/bin:/bin", "LANG=C.UTF-8"};
    char* environment[] = {variables[0].data(), variables[1].data(), nullptr};
    const int status = ::posix_spawn(&pid_, options_.host_program.c_str(), &actions, nullptr, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    ::close(pair[1]);
    socket_ = pair[0];
    if (status != 0) {
      pid_ = -1;
      end();
      return error("plugin.load", "cannot start " + options_.host_program + ": " + std::strerror(status));
    }
    return greet();
  }

  Result<> greet() {
    std::string frame;
    const FrameStatus got = plugin::read_frame(socket_, frame, Clock::now() + options_.start_max);
    const Result<json::value> hello = got == FrameStatus::ok ? parse_json(frame, {}, "greeting") : Result<json::value>{Error{}};
    if (hello && hello->is_object() && hello->get_object().contains("hello")) return {};
    std::string reason = got == FrameStatus::timeout ? "it did not start in time" : "it ended while it was loaded";
    if (hello && hello->is_object()) reason = string_or(hello->get_object(), "error", reason);
    fail();
    return error("plugin.load", reason);
  }

  Result<json::value> exchange(const json::object& input) {
    const std::int64_t id = ++last_id_;
    const auto deadline = Clock::now() + options_.call_max;
    const std::string request = json::serialize(json::object{{"id", id}, {"hook", "validate"}, {"input", input}});
    std::string frame;
    FrameStatus status = plugin::write_frame(socket_, request, deadline);
    if (status == FrameStatus::ok) status = plugin::read_frame(socket_, frame, deadline);
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

  Error error(const char* code, const std::string& what) const { return plugin_error(code, package_, what); }

  void fail() {
    end();
    ++failures_;
    if (failures_ >= 2) {
      const auto wait = kBackoffStep * (1 << std::min(failures_ - 2, 6));
      not_before_ = Clock::now() + std::min<std::chrono::milliseconds>(wait, kBackoffMax);
    }
  }

  void end() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
    pid_ = -1;
  }

  const PluginClientOptions& options_;
  std::string library_;
  std::string package_;
  std::mutex mutex_;
  pid_t pid_ = -1;
  int socket_ = -1;
  std::int64_t last_id_ = 0;
  int failures_ = 0;
  Clock::time_point not_before_{};
};

PluginClient::PluginClient(PluginClientOptions options) : options_(std::move(options)) {}
PluginClient::~PluginClient() = default;

std::shared_ptr<PluginClient::Process> PluginClient::process_of(const Definition& definition) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Process>& process = processes_[definition.library];
  if (!process) process = std::make_shared<Process>(options_, definition.library, definition.programme);
  return process;
}

void PluginClient::record(const Definition& definition, const Error& error) {
  const std::lock_guard lock(mutex_);
  incidents_.push_back({.at = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now()),
                        .package = definition.programme,
                        .version = definition.version,
                        .hook = "validate",
                        .code = error.code,
                        .reason = error.message});
  if (incidents_.size() > kIncidentsMax) incidents_.pop_front();
}

std::vector<PluginIncident> PluginClient::incidents() const {
  const std::lock_guard lock(mutex_);
  return {incidents_.begin(), incidents_.end()};
}

Result<std::vector<Detail>> PluginClient::validate(const Definition& definition, const json::object& input) {
  if (definition.library.empty()) return std::vector<Detail>{};
  const Result<json::value> answer = process_of(definition)->call(input);
  if (!answer) {
    record(definition, answer.error());
    return answer.error();
  }
  std::vector<Detail> out;
  const json::value* findings = answer->is_object() ? answer->get_object().if_contains("findings") : nullptr;
  if (findings == nullptr || !findings->is_array() || findings->get_array().size() > kFindingsMax) {
    const Error error = plugin_error("plugin.answer", definition.programme, "expected an answer with a list of findings");
    record(definition, error);
    return error;
  }
  for (const json::value& each : findings->get_array()) {
    if (!each.is_object()) continue;
    const json::object& finding = each.get_object();
    out.push_back({.place = string_or(finding, "place"),
                   .code = "plugin." + string_or(finding, "code", "refused"),
                   .message = string_or(finding, "message"),
                   .message_zh = string_or(finding, "message_zh")});
  }
  return out;
}

}  // namespace chuyi

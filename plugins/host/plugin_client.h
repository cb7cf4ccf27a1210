#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "engine/base/time.h"
#include "engine/ports/plugin_host.h"

namespace chuyi {

/// Something a package's native code did that it must not.
struct PluginIncident {
  Instant at;
  std::string package;
  std::string version;
  std::string hook;
  std::string code;  ///< "plugin.crashed", "plugin.timeout", "plugin.answer", "plugin.load", "plugin.input" (too large to be sent)
  std::string reason;
};

struct PluginClientOptions {
  std::string host_program;  ///< path of chuyi-plugin-host
  std::chrono::milliseconds call_max{2'000};
  std::chrono::milliseconds start_max{5'000};
  std::chrono::seconds cpu_max{60};             ///< processor time after which a process is replaced, between two calls
  std::chrono::milliseconds backoff_step{250};  ///< wait before the start after a second failure in a row; doubles
  /// Takes a line that a package logged, as printable() makes it. On the thread of the call.
  std::function<void(const std::string& package, const std::string& line)> log = {};
};

/// One host process for each library, started when first called, killed and started again after any misbehaviour.
/// Different libraries run side by side. Calls of one library form a line: the first few of it are on the socket at once,
/// the process serves them in order, and the time of a call begins when it is the first. What the first does wrong is its
/// own error: the others are sent to the next process, with the same ids. A call whose turn comes while the process is
/// down waits for its start; only after repeated failures in a row it fails at once.
class PluginClient final : public PluginHost {
 public:
  explicit PluginClient(PluginClientOptions options);
  ~PluginClient() override;
  Result<json::object> call(const Definition& definition, std::string_view hook, std::string_view id, const json::object& input) override;
  /// The latest, newest last; at most 200 are kept.
  std::vector<PluginIncident> incidents() const;

 private:
  class Process;
  std::shared_ptr<Process> process_of(const Definition& definition);
  void record(const Definition& definition, std::string_view hook, const Error& error);

  PluginClientOptions options_;
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<Process>> processes_;  ///< by library (its path holds its digest), package
  std::deque<PluginIncident> incidents_;
};

}  // namespace chuyi

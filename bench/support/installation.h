#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include "engine/ports/clock.h"
#include "engine/runtime/dispatcher.h"
#include "plugins/host/plugin_client.h"
#include "server/installation.h"
#include "server/storage.h"

namespace chuyi::bench {

/// Ends the program with `what` and the error: a benchmark that could not do its work prints no figure.
[[noreturn]] void fail(const std::string& what, const Error& error);
template <class T>
T value_of(Result<T> result, const std::string& what) {
  if (!result) fail(what, result.error());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// An installation as the server has it, without HTTP: the shipped packages, workflow and store, and the real command
/// path. Its people: college (applicant), bureau (recommending officer, who finds every application in one inbox) and
/// clerk (provincial officer).
class Installation {
 public:
  explicit Installation(const Home& home);
  ~Installation();
  Installation(const Installation&) = delete;

  /// Sets up organisations and accounts (password: kPassword), and takes one application to `recommendation` over the
  /// real commands: the one that fill() multiplies.
  void begin();
  /// Applications number `from` to `to` - 1, each a copy of the first with ids of its own, through the store's port,
  /// one update each. They wait for the bureau's recommendation.
  void fill(std::size_t from, std::size_t to);

  CommandService& commands() { return *dispatcher_; }
  Queries& queries() { return *storage_.queries; }
  Store& store() { return *storage_.store; }
  Actor actor(const std::string& user);
  /// Waits for a command that must succeed.
  Reply execute(Command command);

 private:
  SharedFiles files_;
  Calendar calendar_;
  InvokeRegistry registry_;
  std::unique_ptr<PackageLibrary> library_;
  std::unique_ptr<DocumentStore> documents_;
  PluginClient plugins_;
  SystemClock clock_;
  boost::asio::thread_pool preparing_{16};
  Storage storage_;
  std::unique_ptr<Dispatcher> dispatcher_;
};

inline constexpr const char* kPassword = "correct horse battery staple";

/// The id of application number `n`; number 0 is the one that went the real way.
std::string application_id(std::size_t n);
/// The task of application number `n` that waits for the bureau.
std::string recommend_task(std::size_t n);
/// The sign-off of it, with an Idempotency-Key as over HTTP.
Command recommend(std::size_t n, const Actor& bureau);

}  // namespace chuyi::bench

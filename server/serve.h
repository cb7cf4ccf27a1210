#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/time.h"
#include "engine/runtime/command.h"
#include "server/http/http_server.h"
#include "server/identity.h"
#include "server/installation.h"
#include "server/storage.h"

namespace chuyi {

struct ServeOptions {
  std::string data;
  std::string store;        ///< see Home
  DocumentPlace documents;
  std::size_t cache_mb = 64;  ///< of the embedded database, see Home
  std::size_t mmap_mb = 0;
  ListenOptions listen;
  HttpLimits limits;
  std::vector<std::string> trusted_proxies;  ///< addresses and networks, see TrustedProxies
  std::vector<std::string> packages;
  std::string public_url;                    ///< where this server is reached: for messages to charts, codes on certificates; empty: neither
  std::vector<std::string> allowed_messages;  ///< URLs that charts may post to, and what is below them
  std::optional<Instant> manual_clock;  ///< stands still and is moved by administrators only
  int plugin_call_ms = 2'000;
  unsigned workers = 16;
  bool secure_cookies = true;
  std::function<std::string()> random_id = {};  ///< of new applications, for a rehearsal that is to be the same again; empty: random ones
};

/// Opens the installation and serves until a signal. `ready` is called with the port once it listens.
/// Errors: whatever stands in the way of starting; `unavailable` "store.io" when the store failed meanwhile.
Result<> serve(const SharedFiles& files, const ServeOptions& options, const std::function<void(std::uint16_t port, std::function<void()> stop)>& ready);

/// Makes `data` an empty demo installation: a new folder, an empty one, or one that a demo made before (it is
/// marked), which then begins anew. Errors: `rejected` "demo.folder" for any other, "installation.locked".
Result<> begin_demo(const std::string& data);

/// An installation that is not being served, or whose store is for several programs, held open for commands.
class Offline {
 public:
  /// Errors: `rejected` "installation.locked"; those of the store.
  static Result<std::unique_ptr<Offline>> open(const SharedFiles& files, const Home& home);
  /// The same for an installation that is there already. Errors: also `not_found` "store.missing".
  static Result<std::unique_ptr<Offline>> open_known(const SharedFiles& files, const Home& home);
  ~Offline();
  CommandService& commands();
  Queries& queries();
  DocumentStore& documents();
  PackageLibrary& library();
  const InvokeRegistry& registry() const;

 private:
  struct Parts;
  explicit Offline(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

/// Creates or changes a user in an installation that is not being served, or whose store is for several programs.
/// Errors: `rejected` "installation.locked"; those of user.put.
Result<> put_user_offline(const SharedFiles& files, const Home& home, const json::object& user, const std::string& password);

}  // namespace chuyi

#include "server/serve.h"

#include <atomic>
#include <charconv>
#include <filesystem>
#include <optional>
#include <fstream>

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <openssl/rand.h>
#include <spdlog/spdlog.h>

#include "engine/migrate/migrations.h"
#include "engine/ports/audit.h"
#include "engine/runtime/dispatcher.h"
#include "engine/runtime/journal_view.h"
#include "engine/runtime/pumps.h"
#include "engine/stages/profiles.h"
#include "plugins/host/plugin_client.h"
#include "server/data_folder.h"
#include "server/messages.h"
#include "server/pages/pages.h"
#include "server/plugin_admin.h"
#include "server/shared_packages.h"

namespace chuyi {
namespace {

namespace fs = std::filesystem;

std::string random_id() {
  static constexpr char kAlphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof bytes) != 1) throw std::runtime_error("no random numbers");
  std::string out;
  for (const unsigned char byte : bytes) out += kAlphabet[byte & 31];
  return out;
}

/// Until mail and webhooks exist, what happened is told to the log.
class LogNotifier final : public Notifier {
 public:
  Result<> notify(std::string_view id, const json::object& payload) override {
    spdlog::info("notify id={} event={} application={} state={}", id, string_or(payload, "event"), string_or(payload, "application"),
                 string_or(payload, "state"));
    return {};
  }
};

Result<std::unique_ptr<Texts>> load_texts(const SharedFiles& files) {
  auto out = std::make_unique<Texts>();
  for (const char* name : {"problems.json", "pages.json", "workflow.json"}) {
    const std::string path = files.root + "/server/texts/" + name;
    const Result<std::string> text = read_file(path);
    if (!text) return text.error();
    if (Result<> added = out->add(*text, path); !added) return added.error();
  }
  return out;
}

/// A manual clock goes on from where it stood: never back.
Instant manual_start(Queries& queries, Instant start) {
  const Result<std::optional<std::string>> kept = queries.setting(kManualClockSetting);
  std::int64_t ms = 0;
  if (kept && *kept) std::from_chars((*kept)->data(), (*kept)->data() + (*kept)->size(), ms);
  return std::max(start, from_ms(ms));
}

/// The manual clock of several nodes: goes where any of them moved it.
class SharedManualClock final : public Clock {
 public:
  SharedManualClock(ManualClock& own, Queries& queries) : own_(own), queries_(queries) {}
  Instant now() const override {
    own_.advance_to(manual_start(queries_, own_.now()));
    return own_.now();
  }

 private:
  ManualClock& own_;
  Queries& queries_;
};

void log_problems(const std::vector<Detail>& problems) {
  for (const Detail& each : problems) spdlog::warn("package {} {}: {}", each.place, each.code, each.message);
}

}  // namespace

Result<> serve(const SharedFiles& files, const ServeOptions& options, const std::function<void(std::uint16_t, std::function<void()>)>& ready) {
  const Result<std::unique_ptr<DataFolder>> folder = DataFolder::open(options.data);
  if (!folder) return folder.error();
  const Result<Calendar> calendar = load_calendar(files);
  if (!calendar) return calendar.error();
  Result<std::vector<RecommenderRule>> recommenders = load_recommenders(files);
  if (!recommenders) return recommenders.error();
  const Result<std::unique_ptr<Texts>> texts = load_texts(files);
  if (!texts) return texts.error();
  const Result<std::unique_ptr<Pages>> pages = Pages::load(files.root + "/server/templates", files.root + "/server/static");
  if (!pages) return pages.error();
  Result<TrustedProxies> proxies = TrustedProxies::read(options.trusted_proxies);
  if (!proxies) return proxies.error();
  std::error_code ec;
  fs::remove_all(options.data + "/staging", ec);  // bags that a killed process did not finish
  std::atomic<bool> failed{false};
  std::function<void()> stop_server = [] {};
  std::atomic<Pumps*> woken{nullptr};  // by other nodes, from before this one has its pumps
  StorageEvents events;
  events.on_fatal = [&](const Error& error) {
    spdlog::critical("store failed, ending: {}", error.message);
    failed = true;
    stop_server();
  };
  events.on_work = [&woken] {
    if (Pumps* pumps = woken) pumps->wake();
  };
  Result<Storage> storage = open_storage({.data = options.data, .store = options.store, .documents = options.documents, .cache_mb = options.cache_mb, .mmap_mb = options.mmap_mb}, std::move(events));
  if (!storage) return storage.error();
  Queries& queries = *storage->queries;

  const InvokeRegistry registry = make_registry();
  const Result<std::vector<check::Policy>> policies = load_policies(files);
  if (!policies) return policies.error();
  const std::unique_ptr<PackageLibrary> library = make_library(files, registry, options.data, options.packages, *policies);
  library->fetch_libraries([&storage](const std::string& digest) { return fetch_library(*storage->documents, digest); });
  log_problems(restore_definitions(queries, *library));
  log_problems(library->reload());
  std::optional<SharedPackages> shared_packages;
  if (!options.store.empty()) shared_packages.emplace(*library, queries, *storage->documents);
  Definitions& definitions = shared_packages ? static_cast<Definitions&>(*shared_packages) : *library;

  std::unique_ptr<ManualClock> manual;
  if (options.manual_clock) manual = std::make_unique<ManualClock>(manual_start(queries, *options.manual_clock));
  const SystemClock system;
  std::optional<SharedManualClock> shared_clock;
  if (manual && !options.store.empty()) shared_clock.emplace(*manual, queries);
  const Clock& clock = shared_clock ? static_cast<const Clock&>(*shared_clock) : manual ? static_cast<const Clock&>(*manual) : system;

  PluginClient plugins({.host_program = files.plugin_host, .call_max = std::chrono::milliseconds{options.plugin_call_ms}, .log = [](const std::string& package, const std::string& line) {
                          spdlog::info("package {} says: {}", package, line);
                        }});
  net::thread_pool pool(options.workers);
  // Of its own: packages that hang hold up those who wait for packages, and nobody else.
  std::optional<net::thread_pool> preparing(std::in_place, options.workers);
  Result<std::unique_ptr<MessageSender>> sender = make_message_sender(options.allowed_messages);
  if (!sender) return sender.error();
  std::unique_ptr<Pumps> pumps;
  Dispatcher dispatcher(Runtime{.store = *storage->store,
                                .queries = queries,
                                .definitions = definitions,
                                .registry = registry,
                                .calendar = *calendar,
                                .clock = clock,
                                .documents = *storage->documents,
                                .plugins = plugins,
                                .post = [&preparing](std::function<void()> job) { net::post(*preparing, std::move(job)); },
                                .random_id = options.random_id ? options.random_id : random_id,
                                .wake = [&pumps] {
                                  if (pumps) pumps->wake();
                                },
                                .http_base = options.public_url,
                                .recommenders = std::move(*recommenders)});
  LogNotifier notifier;
  pumps = std::make_unique<Pumps>(queries, dispatcher, clock, notifier, [](const Detail& refused) {
    spdlog::warn("put off {} {}: {}", printable(refused.place), refused.code, printable(refused.message));
  }, PumpMessages{.base = options.public_url, .sender = sender->get()}, PumpPlugins{.host = &plugins, .definitions = &definitions, .post = [&preparing](std::function<void()> job) { net::post(*preparing, std::move(job)); }});
  Identity identity(Identity::Options{.secure_cookies = options.secure_cookies});
  const Migrations migrations({.commands = &dispatcher,
                               .queries = queries,
                               .definitions = definitions,
                               .registry = registry,
                               .world = builtin_world(),
                               .policies = *policies});
  PluginAdmin plugin_admin({.files = files, .data = options.data, .commands = dispatcher, .queries = queries, .definitions = definitions, .library = *library, .policies = *policies});
  Result<json::object> review_defaults = load_review_defaults(files);
  if (!review_defaults) return review_defaults.error();
  std::mutex advancing;

  Services services{.commands = dispatcher,
                    .queries = queries,
                    .definitions = definitions,
                    .documents = *storage->documents,
                    .clock = clock,
                    .calendar = *calendar,
                    .identity = identity,
                    .migrations = migrations,
                    .plugins = plugin_admin,
                    .pages = **pages,
                    .texts = **texts,
                    .limits = options.limits,
                    .proxies = std::move(*proxies),
                    .pool = pool,
                    .package_pool = *preparing,
                    .plugin_host = plugins,
                    .review_defaults = std::move(*review_defaults),
                    .public_url = options.public_url,
                    .reads_here = options.store.empty(),
                    .advance_clock = {},
                    .incidents = {},
                    .reload_packages = {},
                    .ready = {}};
  if (manual)
    services.advance_clock = [&](std::optional<Instant> to, const Actor& actor) -> Result<PumpReport> {
      const std::lock_guard lock(advancing);
      (void)clock.now();  // where others moved it
      if (!to) {
        const Result<std::optional<Instant>> next = queries.next_timer();
        if (!next) return next.error();
        to = next->has_value() ? std::max(**next, manual->now()) : manual->now();
      }
      return advance_clock(*manual, *to, actor, queries, dispatcher, *pumps);
    };
  services.incidents = [&] {
    json::array out;
    for (const PluginIncident& each : plugins.incidents())
      out.push_back(json::object{{"at", format_instant(each.at)}, {"package", each.package}, {"version", each.version}, {"hook", each.hook}, {"code", each.code}, {"reason", each.reason}});
    return out;
  };
  services.reload_packages = [&] { return definitions.reload(); };
  services.ready = [&] { return !failed && queries.setting(kAuditCountSetting).has_value(); };

  const Result<std::optional<std::string>> known_secret = queries.setting(kHttpSecretSetting);
  if (!known_secret) return known_secret.error();
  if (!options.public_url.empty() && !*known_secret) {
    if (const Result<Reply> kept = execute_and_wait(dispatcher, system_command("http.secret", {{"secret", random_id() + random_id()}})); !kept) return kept.error();
  }
  if (shared_packages) log_problems(shared_packages->start(dispatcher));
  HttpServer server(options.listen, services, all_routes());
  stop_server = [&server] { server.stop(); };
  const Result<std::uint16_t> port = server.listen();
  if (!port) return port.error();
  woken = pumps.get();  // from here on the store ends before them
  pumps->start();
  ready(*port, [&server] { server.stop(); });
  server.run();
  pumps->stop();
  identity.stop();
  pool.join();
  sender->reset();  // after whatever may still post through the pumps
  preparing->join();
  // Last of those that run commands: what it still has in its queue calls back into the parts above.
  storage->store.reset();
  preparing.reset();  // with jobs that came too late to run: they hold on to connections of `server`
  if (failed) return Error{.kind = ErrorKind::unavailable, .code = "store.io", .message = "Expected the store to work; start again to go on from what is on disk"};
  return {};
}

Result<> begin_demo(const std::string& data) {
  constexpr const char* kMark = "/demo";
  std::error_code ec;
  const bool marked = fs::exists(data + kMark, ec);
  if (!marked && fs::exists(data, ec) && !fs::is_empty(data, ec))
    return Error{.kind = ErrorKind::rejected,
                 .code = "demo.folder",
                 .message = "Expected a new or empty folder, or one of an earlier demo: a demo must not play into a real installation",
                 .place = data};
  const Result<std::unique_ptr<DataFolder>> folder = DataFolder::open(data);
  if (!folder) return folder.error();
  std::ofstream(data + kMark) << "chuyi demo: begun anew each time\n";
  for (const char* made : {"chuyi.db", "chuyi.db-wal", "chuyi.db-shm", "documents", "libraries"}) {
    fs::remove_all(data + "/" + made, ec);
    if (ec) return Error{.kind = ErrorKind::unavailable, .code = "demo.folder", .message = "Expected to empty the folder, but found: " + ec.message(), .place = data};
  }
  return {};
}

struct Offline::Parts {
  std::unique_ptr<DataFolder> folder;
  Storage storage;
  InvokeRegistry registry = make_registry();
  std::unique_ptr<PackageLibrary> library;
  SystemClock clock;
  Calendar calendar;
  std::unique_ptr<PluginClient> plugins;
  std::unique_ptr<Dispatcher> dispatcher;
};

Offline::Offline(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Offline::~Offline() = default;
CommandService& Offline::commands() { return *parts_->dispatcher; }
Queries& Offline::queries() { return *parts_->storage.queries; }
DocumentStore& Offline::documents() { return *parts_->storage.documents; }
PackageLibrary& Offline::library() { return *parts_->library; }
const InvokeRegistry& Offline::registry() const { return parts_->registry; }

Result<std::unique_ptr<Offline>> Offline::open(const SharedFiles& files, const Home& home) {
  auto parts = std::make_unique<Parts>();
  if (home.store.empty()) {
    Result<std::unique_ptr<DataFolder>> folder = DataFolder::open(home.data);
    if (!folder) return folder.error();
    parts->folder = std::move(*folder);
  }
  Result<Storage> storage = open_storage(home);
  if (!storage) return storage.error();
  parts->storage = std::move(*storage);
  parts->library = make_library(files, parts->registry, home.data, {});
  parts->library->fetch_libraries([documents = parts->storage.documents.get()](const std::string& digest) { return fetch_library(*documents, digest); });
  parts->plugins = std::make_unique<PluginClient>(PluginClientOptions{.host_program = files.plugin_host});
  parts->dispatcher = std::make_unique<Dispatcher>(Runtime{.store = *parts->storage.store,
                                                           .queries = *parts->storage.queries,
                                                           .definitions = *parts->library,
                                                           .registry = parts->registry,
                                                           .calendar = parts->calendar,
                                                           .clock = parts->clock,
                                                           .documents = *parts->storage.documents,
                                                           .plugins = *parts->plugins,
                                                           .post = [](const std::function<void()>& job) { job(); },
                                                           .random_id = random_id});
  return std::unique_ptr<Offline>(new Offline(std::move(parts)));
}

Result<std::unique_ptr<Offline>> Offline::open_known(const SharedFiles& files, const Home& home) {
  // A reader makes nothing: neither a folder nor tables.
  if (const Result<std::unique_ptr<Queries>> readers = open_readers(home); !readers) return readers.error();
  return open(files, home);
}

Result<> put_user_offline(const SharedFiles& files, const Home& home, const json::object& user, const std::string& password) {
  const Result<std::unique_ptr<Offline>> opened = Offline::open(files, home);
  if (!opened) return opened.error();
  Offline& installation = **opened;
  const Actor actor{.user_id = "system", .name = "chuyi user add", .memberships = {}};
  const auto run = [&](std::string kind, json::object command_data) {
    return execute_and_wait(installation.commands(), Command{.kind = std::move(kind), .session_id = {}, .task_id = {}, .actor = actor, .data = std::move(command_data), .if_revision = {}, .key = {}});
  };
  // The tree of organisations that comes with the province's data, where this is a new installation.
  const Result<std::vector<OrganisationRow>> known = installation.queries().organisations();
  if (!known) return known.error();
  if (known->empty()) {
    const std::string path = files.root + "/workflows/data/hunan/organisations.json";
    const Result<std::string> text = read_file(path);
    if (!text) return text.error();
    const Result<json::value> list = parse_json(*text, JsonLimits{}, path);
    if (!list) return list.error();
    for (const json::value& each : list->as_array())
      if (const Result<Reply> put = run("organisation.put", each.as_object()); !put) return put.error();
  }
  const Identity identity(Identity::Options{});
  Result<std::string> hash = identity.hash_password(password);
  if (!hash) return hash.error();
  json::object row = user;
  row["password_hash"] = std::move(*hash);
  if (const Result<Reply> put = run("user.put", std::move(row)); !put) return put.error();
  return {};
}

}  // namespace chuyi

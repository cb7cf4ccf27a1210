#include "server/cli/plugin.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>

#include <boost/json/serialize.hpp>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugins/host/plugin_client.h"
#include "plugins/loader/pack.h"
#include "server/cli/commands.h"
#include "server/cli/remote.h"
#include "server/http/message.h"
#include "server/plugin_admin.h"
#include "server/plugin_tests.h"
#include "server/shared_packages.h"
#include "storage/documents/descriptor.h"

namespace chuyi {
namespace {

namespace fs = std::filesystem;

struct PluginOptions {
  std::string server;  ///< ADDRESS:PORT of a running one; empty: the installation itself
  bool password_stdin = false;
  std::string argument;  ///< file, folder, id or name
  std::string out, key, name;
  bool native = false;
  InstallOptions install;
};

Result<> write_file(const std::string& path, std::string_view bytes, mode_t mode, bool fresh) {
  const auto failed = [&] { return Error{.kind = ErrorKind::unavailable, .code = "file.write", .message = std::string{"Expected to write the file, but: "} + std::strerror(errno), .place = path}; };
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | (fresh ? O_EXCL : O_TRUNC), mode));
  if (file.get() < 0) return failed();
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.get(), bytes.data(), bytes.size());
    if (written <= 0) return failed();
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

// ── an installation, or a server ─────────────────────────────────────────────────────────────────────

/// Where packages are handled.
class Place {
 public:
  virtual ~Place() = default;
  virtual Result<json::array> list() = 0;
  virtual Result<json::object> install(const std::string& file, const std::string& archive, const InstallOptions& options) = 0;
  virtual Result<> enable(const std::string& id, bool enabled) = 0;
  virtual Result<> remove(const std::string& id) = 0;
  virtual Result<json::array> trusted() = 0;
  virtual Result<std::string> trust(const std::string& name, const std::string& pem) = 0;
  virtual Result<> distrust(const std::string& id) = 0;
};

class Installation final : public Place {
 public:
  static Result<std::unique_ptr<Place>> open(const SharedFiles& files, const Home& home) {
    std::unique_ptr<Installation> out(new Installation(files));
    Result<std::vector<check::Policy>> policies = load_policies(files);
    if (!policies) return policies.error();
    out->policies_ = std::move(*policies);
    Result<std::unique_ptr<Offline>> opened = Offline::open_known(files, home);
    if (!opened) return opened.error();
    out->opened_ = std::move(*opened);
    Offline& offline = *out->opened_;
    restore_definitions(offline.queries(), offline.library());
    report(offline.library().reload());
    if (!home.store.empty()) {
      out->shared_ = std::make_unique<SharedPackages>(offline.library(), offline.queries(), offline.documents());
      report(out->shared_->start(offline.commands()));
    }
    Definitions& definitions = out->shared_ ? static_cast<Definitions&>(*out->shared_) : offline.library();
    out->admin_ = std::make_unique<PluginAdmin>(PluginAdmin::Parts{.files = out->files_, .data = home.data, .commands = offline.commands(), .queries = offline.queries(),
                                                                   .definitions = definitions, .library = offline.library(), .policies = out->policies_});
    return std::unique_ptr<Place>(std::move(out));
  }

  Result<json::array> list() override { return admin_->list(); }
  Result<json::object> install(const std::string& file, const std::string& archive, const InstallOptions& options) override { return admin_->install(file, archive, options, actor()); }
  Result<> enable(const std::string& id, bool enabled) override { return admin_->enable(id, enabled, actor()); }
  Result<> remove(const std::string& id) override { return admin_->remove(id, actor()); }
  Result<json::array> trusted() override { return admin_->trusted(); }
  Result<std::string> trust(const std::string& name, const std::string& pem) override { return admin_->trust(name, pem, actor()); }
  Result<> distrust(const std::string& id) override { return admin_->distrust(id, actor()); }

 private:
  explicit Installation(const SharedFiles& files) : files_(files) {}
  static Actor actor() { return {.user_id = "system", .name = "chuyi plugin", .memberships = {}}; }
  static void report(const std::vector<Detail>& problems) {
    for (const Detail& each : problems) std::cerr << "warning: " << line_of(each) << "\n";
  }

  SharedFiles files_;
  std::vector<check::Policy> policies_;
  std::unique_ptr<Offline> opened_;
  std::unique_ptr<SharedPackages> shared_;
  std::unique_ptr<PluginAdmin> admin_;
};

class Remote final : public Place {
 public:
  static Result<std::unique_ptr<Place>> open(const PluginOptions& options) {
    Result<RemoteServer> server = RemoteServer::sign_in(options.server, "admin", options.password_stdin);
    if (!server) return server.error();
    std::unique_ptr<Remote> out(new Remote(std::move(*server)));
    return std::unique_ptr<Place>(std::move(out));
  }

  Result<json::array> list() override { return items("/admin/plugins"); }
  Result<json::object> install(const std::string& /*file*/, const std::string& archive, const InstallOptions& options) override {
    return server_.send("POST", std::string{"/admin/plugins?upgrade="} + (options.upgrade ? "true" : "false") + "&unsigned=" + (options.unsigned_too ? "true" : "false"), archive, "application/zip");
  }
  Result<> enable(const std::string& id, bool enabled) override { return done(server_.send("POST", "/admin/plugins/" + percent_encode(id) + (enabled ? "/enable" : "/disable"), "{}", "application/json")); }
  Result<> remove(const std::string& id) override { return done(server_.send("DELETE", "/admin/plugins/" + percent_encode(id), {}, {})); }
  Result<json::array> trusted() override { return items("/admin/trust"); }
  Result<std::string> trust(const std::string& name, const std::string& pem) override {
    const Result<json::object> added = server_.send("POST", "/admin/trust", boost::json::serialize(json::object{{"name", name}, {"key", pem}}), "application/json");
    if (!added) return added.error();
    return string_or(*added, "id");
  }
  Result<> distrust(const std::string& id) override { return done(server_.send("DELETE", "/admin/trust/" + percent_encode(id), {}, {})); }

 private:
  explicit Remote(RemoteServer server) : server_(std::move(server)) {}
  static Result<> done(const Result<json::object>& answer) {
    if (!answer) return answer.error();
    return {};
  }
  Result<json::array> items(const std::string& path) {
    const Result<json::object> answer = server_.send("GET", path, {}, {});
    if (!answer) return answer.error();
    return array_or_empty(*answer, "items");
  }

  RemoteServer server_;
};

Result<std::unique_ptr<Place>> open_place(const SharedFiles& files, const Home& home, const PluginOptions& options) {
  if (!options.server.empty()) return Remote::open(options);
  return Installation::open(files, home);
}

// ── the commands ─────────────────────────────────────────────────────────────────────────────────────

Result<json::array> listed(const SharedFiles& files, const Home& home, const PluginOptions& options) {
  if (!options.server.empty() || !home.store.empty()) {
    const Result<std::unique_ptr<Place>> place = open_place(files, home, options);
    return place ? (*place)->list() : place.error();
  }
  // Beside a running server too: readers alone.
  const Result<std::unique_ptr<Queries>> queries = open_readers(home);
  if (!queries && queries.error().code == "store.missing") return shipped_plugins(files);
  if (!queries) return queries.error();
  const InvokeRegistry registry = make_registry();
  const std::unique_ptr<PackageLibrary> library = make_library(files, registry, {}, {home.data + "/plugins"});
  restore_definitions(**queries, *library);
  for (const Detail& each : library->reload()) std::cerr << "warning: " << line_of(each) << "\n";
  return list_plugins(**queries, *library);
}

Result<> run_list(const SharedFiles& files, const Home& home, const PluginOptions& options, bool json_output) {
  const Result<json::array> items = listed(files, home, options);
  if (!items) return items.error();
  if (json_output) {
    std::cout << json::serialize(*items) << "\n";
    return {};
  }
  for (const json::value& each : *items) {
    const json::object& item = each.as_object();
    std::int64_t running = 0;
    for (const json::value& version : array_or_empty(item, "applications")) running += int_or(version.as_object(), "running", 0);
    std::cout << string_or(item, "id") << "  " << string_or(item, "version") << "  " << (bool_or(item, "enabled", true) ? "enabled" : "disabled") << "  "
              << running << " running  " << (string_or(item, "kind") == "round" ? "[round]  " : "") << printable(string_or(object_or_empty(item, "titles"), "zh"));
    if (const std::string key = string_or(item, "signed_by"); !key.empty()) std::cout << "  signed by " << printable(string_or(item, "signer", key));
    std::cout << "\n";
  }
  return {};
}

Result<> run_install(Place& place, const PluginOptions& options, bool json_output) {
  std::error_code ec;
  if (fs::file_size(options.argument, ec) > kPackageBytesMax && !ec)
    return Error{.kind = ErrorKind::too_large, .code = "zip.size", .message = "Expected an archive of at most 64 MiB", .place = options.argument};
  const Result<std::string> archive = read_file(options.argument);
  if (!archive) return archive.error();
  const Result<json::object> installed = place.install(fs::path{options.argument}.filename().string(), *archive, options.install);
  if (!installed) return installed.error();
  if (json_output)
    std::cout << json::serialize(*installed) << "\n";
  else
    std::cout << printable(string_or(*installed, "id") + " " + string_or(*installed, "version")) << (bool_or(*installed, "changed", true) ? " is installed\n" : " is there already\n");
  return {};
}

Result<> run_trust_add(Place& place, const PluginOptions& options) {
  const Result<std::string> pem = read_file(options.argument);
  if (!pem) return pem.error();
  const Result<std::string> id = place.trust(options.name, *pem);
  if (!id) return id.error();
  std::cout << printable(*id) << "\n";
  return {};
}

Result<> run_trust_list(Place& place, bool json_output) {
  const Result<json::array> items = place.trusted();
  if (!items) return items.error();
  if (json_output) std::cout << json::serialize(*items) << "\n";
  if (!json_output)
    for (const json::value& each : *items) std::cout << printable(string_or(each.as_object(), "id") + "  " + string_or(each.as_object(), "name")) << "\n";
  return {};
}

Result<> run_keygen(const std::string& file) {
  const Result<KeyPair> key = make_key();
  if (!key) return key.error();
  if (Result<> written = write_file(file, key->private_pem, 0600, true); !written) return written;
  if (Result<> written = write_file(file + ".pub", key->public_pem, 0644, true); !written) return written;
  const Result<std::string> id = key_id(key->public_pem);
  if (!id) return id.error();
  std::cout << *id << "\n";
  std::cerr << "keep " << file << " to yourself; " << file << ".pub is for `chuyi plugin trust add`\n";
  return {};
}

Result<> run_pack(const SharedFiles& files, const PluginOptions& options) {
  const InvokeRegistry registry = make_registry();
  const Result<DefinitionPtr> loaded = make_library(files, registry, {}, {})->load(options.argument);
  if (!loaded) return loaded.error();
  std::string key;
  if (!options.key.empty()) {
    Result<std::string> read = read_file(options.key);
    if (!read) return read.error();
    key = std::move(*read);
  }
  Result<PackageFiles> content = read_package_folder(options.argument);
  if (!content) return content.error();
  const Result<std::string> archive = pack_package(std::move(*content), key);
  if (!archive) return archive.error();
  const std::string out = options.out.empty() ? (*loaded)->programme + "-" + (*loaded)->version + ".zip" : options.out;
  if (Result<> written = write_file(out, *archive, 0644, false); !written) return written;
  std::cout << out << "\n";
  return {};
}

Result<> run_test(const SharedFiles& files, const std::string& folder) {
  if (Result<> checked = run_check(files, {.paths = {folder}}); !checked) return checked;
  const Result<PackageFiles> content = read_package_folder(folder);
  if (!content) return content.error();
  const Result<std::unique_ptr<TemporaryFolder>> scratch = TemporaryFolder::make(fs::temp_directory_path().string());
  if (!scratch) return scratch.error();
  const InvokeRegistry registry = make_registry();
  const Result<DefinitionPtr> loaded = make_examiner(files, registry, (*scratch)->path() + "/libraries")->load(folder);
  if (!loaded) return loaded.error();
  PluginClient plugins({.host_program = files.plugin_host, .log = [](const std::string& package, const std::string& line) { std::cerr << package << ": " << line << "\n"; }});
  TestRun run = run_package_tests(**loaded, *content, plugins);
  for (Detail& each : run.failures) {
    each.place = (fs::path{folder} / each.place).string();
    std::cout << line_of(each) << "\n";
  }
  std::cerr << run.cases << " tests, " << run.failures.size() << " failed\n";
  if (run.failures.empty()) return {};
  return Error{.kind = ErrorKind::invalid, .code = "plugin.test", .message = "Expected the package's tests to pass, but " + std::to_string(run.failures.size()) + " failed", .place = folder};
}

}  // namespace

void add_plugin_commands(CLI::App& app, const SharedFiles& files, std::function<Home()> home, bool& json_output, std::function<void(const Result<>&)> done) {
  const auto options = std::make_shared<PluginOptions>();
  CLI::App* plugin = app.add_subcommand("plugin", "packages: make them, and install them; without --server or --store the server must not run")->require_subcommand(1);
  const auto server_options = [options](CLI::App& command) {
    command.add_option("--server", options->server, "ADDRESS:PORT of a running server, signed in to as admin; none: the data folder");
    command.add_flag("--password-stdin", options->password_stdin, "with --server: read the password from standard input, else from the terminal");
  };
  // One that works on a place, with one argument.
  const auto add = [=, &files](CLI::App& parent, const char* name, const char* says, const char* argument, std::function<Result<>(Place&)> run) {
    CLI::App* command = parent.add_subcommand(name, says);
    if (argument != nullptr) command->add_option(argument, options->argument)->required();
    server_options(*command);
    command->callback([=, &files] {
      const Result<std::unique_ptr<Place>> place = open_place(files, home(), *options);
      done(place ? run(**place) : place.error());
    });
    return command;
  };

  CLI::App* list = plugin->add_subcommand("list", "every package: of the installation, or without one those that come with the program");
  list->add_flag("--json", json_output, "print as JSON");
  server_options(*list);
  list->callback([=, &files, &json_output] { done(run_list(files, home(), *options, json_output)); });
  const auto install = [options, &json_output](Place& place) { return run_install(place, *options, json_output); };
  const auto upgrade = [options, install](Place& place) {
    options->install.upgrade = true;
    return install(place);
  };
  for (CLI::App* command : {add(*plugin, "install", "take in a package, or a higher version of one", "file", install), add(*plugin, "upgrade", "take in a higher version of a package that is there", "file", upgrade)}) {
    command->add_flag("--unsigned", options->install.unsigned_too, "also one that nobody signed");
    command->add_flag("--json", json_output, "print as JSON");
  }
  add(*plugin, "enable", "let new applications of a programme start again", "id", [options](Place& place) { return place.enable(options->argument, true); });
  add(*plugin, "disable", "let no new applications of a programme start; those that run go on", "id", [options](Place& place) { return place.enable(options->argument, false); });
  add(*plugin, "remove", "remove an installed package that no application uses", "id", [options](Place& place) { return place.remove(options->argument); });
  CLI::App* trust = plugin->add_subcommand("trust", "keys whose signatures count")->require_subcommand(1);
  add(*trust, "add", "trust a public key", "file", [options](Place& place) { return run_trust_add(place, *options); })
      ->add_option("--name", options->name, "whose key it is")
      ->required();
  add(*trust, "list", "trusted keys", nullptr, [&json_output](Place& place) { return run_trust_list(place, json_output); })->add_flag("--json", json_output, "print as JSON");
  add(*trust, "remove", "trust a key no more; what it signed stays", "id", [options](Place& place) { return place.distrust(options->argument); });

  CLI::App* fresh = plugin->add_subcommand("new", "write a package to begin with into a new folder");
  fresh->add_option("name", options->argument, "its id: [a-z][a-z0-9-]*")->required();
  fresh->add_flag("--native", options->native, "with a validator in C++");
  fresh->callback([=, &files] { done(write_new_plugin(files, options->argument, options->native)); });
  CLI::App* test = plugin->add_subcommand("test", "check a package and run its own examples, tests/*.json");
  test->add_option("folder", options->argument, "a package's folder")->required();
  test->callback([=, &files] { done(run_test(files, options->argument)); });
  CLI::App* keygen = plugin->add_subcommand("keygen", "make a key to sign packages with: FILE and FILE.pub");
  keygen->add_option("file", options->argument, "a new file")->required();
  keygen->callback([=] { done(run_keygen(options->argument)); });
  CLI::App* pack = plugin->add_subcommand("pack", "pack a package's folder into a zip, the same bytes on every run");
  pack->add_option("folder", options->argument, "a package's folder")->required();
  pack->add_option("-o,--out", options->out, "the zip; ID-VERSION.zip when it is left out");
  pack->add_option("--key", options->key, "sign with this key; none: the package is unsigned");
  pack->callback([=, &files] { done(run_pack(files, *options)); });
}

}  // namespace chuyi

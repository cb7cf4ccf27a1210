#include "server/plugin_admin.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "engine/runtime/dispatcher.h"
#include "plugins/host/plugin_client.h"
#include "plugins/loader/pack.h"
#include "server/plugin_tests.h"

namespace chuyi {
namespace {

Error unknown(const std::string& programme) {
  return Error{.kind = ErrorKind::not_found, .code = "programme.unknown", .message = "Expected a known programme, but found '" + programme + "'", .message_zh = "未找到该项目类别"};
}

Error rejected(std::string code, std::string message, std::string message_zh) {
  return Error{.kind = ErrorKind::rejected, .code = std::move(code), .message = std::move(message), .place = {}, .message_zh = std::move(message_zh)};
}

Error refused(std::vector<Detail> problems) {
  return Error{.kind = ErrorKind::invalid,
               .code = problems.front().code,
               .message = "Expected a package without problems, but found " + std::to_string(problems.size()) + "; nothing was changed",
               .place = {},
               .message_zh = "程序包有" + std::to_string(problems.size()) + "处问题，未作任何更改",
               .details = std::move(problems)};
}

Result<json::object> read_setting(Queries& queries, const char* name) {
  const Result<std::optional<std::string>> text = queries.setting(name);
  if (!text) return text.error();
  return setting_object(*text, name);
}

json::object plugin_json(const Definition& definition, const json::object& plugins) {
  json::object out{{"id", definition.programme}, {"version", definition.version}, {"digest", definition.digest}};
  for (const char* key : {"titles", "quota", "kind"})
    if (const json::value* found = definition.manifest.if_contains(key)) out[key] = *found;
  const json::object& entry = object_or_empty(plugins, definition.programme);
  const json::object& installed = object_or_empty(entry, "installed");
  out["enabled"] = !bool_or(entry, "disabled", false);
  out["installed"] = string_or(installed, "digest") == definition.digest;
  out["signed_by"] = out["installed"] == true && !string_or(installed, "key").empty() ? json::value(string_or(installed, "key")) : json::value();
  out["applications"] = json::array{};
  return out;
}

}  // namespace

struct PluginAdmin::Examined {
  DefinitionPtr definition;
  std::string key;
};

Result<> PluginAdmin::run(std::string kind, json::object data, const Actor& actor) {
  Command command = system_command(std::move(kind), std::move(data));
  command.actor = actor;
  const Result<Reply> reply = execute_and_wait(parts_.commands, std::move(command));
  if (!reply) return reply.error();
  return {};
}

Result<bool> PluginAdmin::is_in_use(const std::string& programme) const {
  SessionFilter filter{};
  filter.programme = programme;
  const Result<Page<SessionRow>> rows = parts_.queries.sessions(filter, {.limit = 1});
  if (!rows) return rows.error();
  return !rows->rows.empty();
}

Result<json::array> PluginAdmin::list() const { return list_plugins(parts_.queries, parts_.definitions); }

Result<json::array> list_plugins(Queries& queries, const Definitions& definitions) {
  const Result<json::object> plugins = read_setting(queries, kPluginsSetting);
  if (!plugins) return plugins.error();
  const Result<json::object> trust = read_setting(queries, kTrustSetting);
  if (!trust) return trust.error();
  const Result<std::map<std::string, std::int64_t>> running = queries.running();
  if (!running) return running.error();
  std::map<std::string, json::array> applications;
  for (const auto& [digest, count] : *running)
    if (const DefinitionPtr version = definitions.by_digest(digest))
      applications[version->programme].push_back(json::object{{"version", version->version}, {"digest", digest}, {"running", count}});
  json::array out;
  for (const DefinitionPtr& each : definitions.current()) {
    json::object item = plugin_json(*each, *plugins);
    const std::string signer = string_or(object_or_empty(*trust, string_or(item, "signed_by")), "name");
    item["signer"] = signer.empty() ? json::value() : json::value(signer);
    item["applications"] = std::move(applications[each->programme]);
    out.push_back(std::move(item));
  }
  return out;
}

json::array shipped_plugins(const SharedFiles& files) {
  const InvokeRegistry registry = make_registry();
  const std::unique_ptr<PackageLibrary> library = make_library(files, registry, {}, {});
  (void)library->reload();
  json::array out;
  for (const DefinitionPtr& each : library->current()) out.push_back(plugin_json(*each, {}));
  return out;
}

Result<PluginAdmin::Examined> PluginAdmin::examine(const std::string& name, const std::string& archive, bool unsigned_too) const {
  const Result<std::unique_ptr<TemporaryFolder>> staging = TemporaryFolder::make(parts_.data + "/staging");
  if (!staging) return staging.error();
  const std::string path = (*staging)->path() + "/" + name;
  if (std::ofstream out(path, std::ios::binary); !(out << archive).flush())
    return Error{.kind = ErrorKind::unavailable, .code = "plugin.kept", .message = "Expected space to look through the package", .place = name, .message_zh = "无法保存程序包，请检查数据目录的空间与权限"};
  const Result<PackageFiles> files = unpack_package(path);
  if (!files) return files.error();
  const Result<json::object> trust = read_setting(parts_.queries, kTrustSetting);
  if (!trust) return trust.error();
  std::map<std::string, std::string> keys;
  for (const auto& each : *trust) keys[std::string{each.key()}] = string_or(each.value().as_object(), "key");
  Verification verified = verify_package(*files, keys, unsigned_too);
  std::vector<Detail> problems = std::move(verified.problems);
  for (Detail& each : problems) each.place = name + "/" + each.place;
  // In a folder of its own: nothing is left where packages run from when this one is refused.
  const InvokeRegistry registry = make_registry();
  const std::unique_ptr<PackageLibrary> examiner = make_examiner(parts_.files, registry, (*staging)->path() + "/libraries");
  const Result<DefinitionPtr> loaded = examiner->load(path);
  if (!loaded && loaded.error().kind == ErrorKind::unavailable) return loaded.error();  // no fault of the package
  if (!loaded)
    for (Detail& each : details_of(loaded.error())) problems.push_back(std::move(each));
  else
    for (Detail& each : check_package(**loaded, parts_.policies)) problems.push_back(std::move(each));
  // Its code runs only when it is known whose it is.
  if (problems.empty()) {
    PluginClient plugins({.host_program = parts_.files.plugin_host});
    problems = run_package_tests(**loaded, *files, plugins).failures;
    for (Detail& each : problems) each.place = name + "/" + each.place;
  }
  if (!problems.empty()) return refused(std::move(problems));
  return Examined{.definition = *loaded, .key = std::move(verified.key)};
}

Result<json::object> PluginAdmin::install(const std::string& name, const std::string& archive, const InstallOptions& options, const Actor& actor) {
  const std::lock_guard one_at_a_time(changing_);
  Result<Examined> examined = examine(name, archive, options.unsigned_too);
  if (!examined) return examined.error();
  const Definition& fresh = *examined->definition;
  json::object answer{{"id", fresh.programme}, {"version", fresh.version}, {"digest", fresh.digest}, {"signed_by", examined->key.empty() ? json::value() : json::value(examined->key)}, {"changed", true}};
  const DefinitionPtr current = parts_.definitions.current(fresh.programme);
  if (!current && options.upgrade) return rejected("plugin.not_there", "Expected a programme that is there to be upgraded, but there is no '" + fresh.programme + "'", "没有可升级的同名程序包");
  if (current && current->digest == fresh.digest) {
    answer["changed"] = false;
    return answer;
  }
  if (current && is_newer_version(current->version, fresh.version))
    return rejected("plugin.downgrade", "Expected a version after " + current->version + ", but found " + fresh.version, "版本应高于现行的" + current->version);
  if (current && current->version == fresh.version)
    return rejected("plugin.version", "Expected a new version for another content: " + current->version + " is there already", "内容有变而版本未变，请提高版本号");
  const std::vector<std::string>& folders = parts_.library.options().packages;
  const auto own = static_cast<std::size_t>(std::find(folders.begin(), folders.end(), parts_.library.options().installed) - folders.begin());
  const std::set<std::size_t> in = parts_.library.folders_of(fresh.programme);
  if (!in.empty() && *in.rbegin() > own)
    return rejected("plugin.shadowed", "Expected no later folder with the programme, but it is in " + folders[*in.rbegin()] + " (--plugins)", "该程序包来自--plugins所指文件夹，请在那里更换");
  const auto commit = [&] {
    return run("plugin.install", {{"programme", fresh.programme}, {"version", fresh.version}, {"digest", fresh.digest}, {"key", examined->key}}, actor);
  };
  if (Result<> kept = parts_.library.install(fresh.programme, fresh.version, archive, commit); !kept) return kept.error();
  const std::vector<Detail> problems = parts_.definitions.reload();
  const DefinitionPtr now = parts_.definitions.current(fresh.programme);
  if (now && now->digest == fresh.digest) return answer;
  return Error{.kind = ErrorKind::unavailable, .code = "plugin.not_taken", .message = "Expected the package that was kept to be taken in; read the packages again", .place = {}, .message_zh = "程序包已保存但尚未生效，请重新加载", .details = problems};
}

Result<> PluginAdmin::enable(const std::string& programme, bool enabled, const Actor& actor) {
  if (!parts_.definitions.current(programme)) return unknown(programme);
  return run(enabled ? "plugin.enable" : "plugin.disable", {{"programme", programme}}, actor);
}

Result<> PluginAdmin::remove(const std::string& programme, const Actor& actor) {
  const std::lock_guard one_at_a_time(changing_);
  if (!parts_.definitions.current(programme)) return unknown(programme);
  const Result<json::object> plugins = read_setting(parts_.queries, kPluginsSetting);
  if (!plugins) return plugins.error();
  const json::object& entry = object_or_empty(*plugins, programme);
  const std::vector<std::string>& folders = parts_.library.options().packages;
  const std::set<std::size_t> in = parts_.library.folders_of(programme);
  const bool elsewhere = std::any_of(in.begin(), in.end(), [&](std::size_t folder) { return folders[folder] != parts_.library.options().installed; });
  if (elsewhere || !entry.contains("installed"))
    return rejected("plugin.shipped", "Expected a package that was installed, but '" + programme + "' is in a folder of the program or the administrator; it can be disabled", "该程序包随程序提供或由管理员放置，不能删除，只能停用");
  const Error used = rejected("plugin.in_use", "Expected a programme without applications; '" + programme + "' can be disabled for new ones", "该项目类别已有申报，不能删除，只能停用");
  Result<bool> in_use = is_in_use(programme);
  if (!in_use) return in_use.error();
  if (*in_use) return used;
  // No application may come between the look and the removal.
  const bool disabled = bool_or(entry, "disabled", false);
  if (!disabled)
    if (Result<> closed = run("plugin.disable", {{"programme", programme}}, actor); !closed) return closed;
  in_use = is_in_use(programme);
  if (!in_use) return in_use.error();
  if (*in_use) {
    if (!disabled)
      if (Result<> opened = run("plugin.enable", {{"programme", programme}}, actor); !opened) return opened;
    return used;
  }
  if (Result<> gone = parts_.library.uninstall(programme); !gone) return gone;
  if (Result<> removed = run("plugin.remove", {{"programme", programme}}, actor); !removed) return removed;
  (void)parts_.definitions.reload();
  return {};
}

Result<json::array> PluginAdmin::trusted() const {
  const Result<json::object> trust = read_setting(parts_.queries, kTrustSetting);
  if (!trust) return trust.error();
  json::array out;
  for (const auto& each : *trust) {
    const json::object& entry = each.value().as_object();
    out.push_back(json::object{{"id", each.key()}, {"name", string_or(entry, "name")}, {"key", string_or(entry, "key")}});
  }
  return out;
}

Result<std::string> PluginAdmin::trust(const std::string& name, const std::string& public_pem, const Actor& actor) {
  Result<std::string> id = key_id(public_pem);
  if (!id) return id;
  if (Result<> added = run("trust.add", {{"id", *id}, {"key", public_pem}, {"name", name}}, actor); !added) return added.error();
  return id;
}

Result<> PluginAdmin::distrust(const std::string& id, const Actor& actor) { return run("trust.remove", {{"id", id}}, actor); }

}  // namespace chuyi

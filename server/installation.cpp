#include "server/installation.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "engine/stages/builtin.h"
#include "engine/stages/profiles.h"

namespace chuyi {

namespace fs = std::filesystem;

SharedFiles SharedFiles::find(const std::string& program) {
  std::error_code ec;
  fs::path self = fs::canonical("/proc/self/exe", ec);
  if (ec) self = program;
  const fs::path bin = self.parent_path();
  const char* chosen = std::getenv("CHUYI_SHARE");
  const fs::path installed = bin.parent_path() / "share" / "chuyi";
  SharedFiles out;
  out.root = chosen != nullptr ? chosen : fs::exists(installed) ? installed.string() : CHUYI_SOURCE_TREE;
  const fs::path built = bin.parent_path() / "plugins";
  const fs::path shipped = fs::exists(built) ? built : fs::path{out.root} / "plugins";
  out.packages = {shipped.string()};
  out.plugin_host = (bin / "chuyi-plugin-host").string();
  return out;
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  if (!in) return Error{.kind = ErrorKind::not_found, .code = "file.missing", .message = "Expected a file that can be read", .place = path};
  return out.str();
}

Result<Calendar> load_calendar(const SharedFiles& files) {
  Calendar out;
  std::vector<fs::path> paths;
  std::error_code ec;
  for (const fs::directory_entry& entry : fs::directory_iterator(fs::path{files.root} / "workflows/calendars", ec))
    if (entry.path().extension() == ".json") paths.push_back(entry.path());
  if (ec) return Error{.kind = ErrorKind::invalid, .code = "calendar.folder", .message = "Expected calendars", .place = files.root};
  std::sort(paths.begin(), paths.end());
  for (const fs::path& path : paths) {
    const Result<std::string> text = read_file(path.string());
    if (!text) return text.error();
    if (Result<> added = out.add_year(*text, path.string()); !added) return added.error();
  }
  return out;
}

Result<std::vector<check::Policy>> load_policies(const SharedFiles& files) {
  const std::string folder = files.root + "/workflows/policies";
  std::vector<fs::path> paths;
  std::error_code ec;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ec))
    if (entry.path().extension() == ".xml") paths.push_back(entry.path());
  if (ec) return Error{.kind = ErrorKind::not_found, .code = "file.missing", .message = "Expected a folder of policies", .place = folder};
  std::sort(paths.begin(), paths.end());
  std::vector<check::Policy> out;
  for (const fs::path& path : paths) {
    const Result<std::string> text = read_file(path.string());
    if (!text) return text.error();
    Result<std::vector<check::Policy>> read = check::parse_policies(*text, path.string());
    if (!read) return read.error();
    std::move(read->begin(), read->end(), std::back_inserter(out));
  }
  return out;
}

Result<std::vector<RecommenderRule>> load_recommenders(const SharedFiles& files) {
  const std::string path = files.root + "/workflows/data/hunan/recommenders.json";
  const Result<std::string> text = read_file(path);
  if (!text) return text.error();
  return parse_recommenders(*text, path);
}

InvokeRegistry make_registry() {
  InvokeRegistry out;
  if (Result<> added = add_builtin_handlers(out); !added) std::abort();  // two built-ins of one name: a broken build
  return out;
}

namespace {

PackageLibraryOptions library_options(const SharedFiles& files, const InvokeRegistry& registry) {
  PackageLibraryOptions out{.packages = {},
                            .workflows = files.root + "/workflows",
                            .forms = files.root + "/forms",
                            .schema = files.root + "/plugins/sdk/plugin.xsd",
                            .libraries = {},
                            .invoke_types = {},
                            .world = builtin_world(),
                            .policies = {}};
  for (std::string& type : registry.types()) out.invoke_types.insert(std::move(type));
  return out;
}

}  // namespace

std::unique_ptr<PackageLibrary> make_examiner(const SharedFiles& files, const InvokeRegistry& registry, const std::string& libraries) {
  PackageLibraryOptions options = library_options(files, registry);
  options.libraries = libraries;
  return std::make_unique<PackageLibrary>(std::move(options));
}

Result<json::object> load_review_defaults(const SharedFiles& files) {
  json::object out;
  for (const char* name : {"review", "conflicts"}) {
    const std::string path = files.root + "/workflows/policies/" + name + ".json";
    const Result<std::string> text = read_file(path);
    if (!text) return text.error();
    const Result<json::value> parsed = parse_json(*text, JsonLimits{}, path);
    if (!parsed) return parsed.error();
    if (!parsed->is_object()) return Error{.kind = ErrorKind::invalid, .code = "json.type", .message = "Expected an object in " + path, .place = path};
    if (std::string_view{name} == "review") out = parsed->get_object();
    else out["policy"] = parsed->get_object();
  }
  return out;
}

std::unique_ptr<PackageLibrary> make_library(const SharedFiles& files, const InvokeRegistry& registry, const std::string& data,
                                             const std::vector<std::string>& more, std::vector<check::Policy> policies) {
  PackageLibraryOptions options = library_options(files, registry);
  options.packages = files.packages;
  options.libraries = data.empty() ? "" : data + "/libraries";
  options.policies = std::move(policies);
  if (!data.empty()) {
    // There from the start, so that a package can be put into it while the server runs.
    std::error_code ec;
    fs::create_directories(data + "/plugins", ec);
    options.installed = data + "/plugins";
    options.packages.push_back(options.installed);
  }
  options.packages.insert(options.packages.end(), more.begin(), more.end());
  return std::make_unique<PackageLibrary>(std::move(options));
}

std::vector<Detail> restore_definitions(Queries& queries, Definitions& definitions) {
  std::vector<Detail> problems;
  const Result<std::vector<DefinitionRow>> rows = queries.definitions();
  if (!rows) return {{.place = {}, .code = rows.error().code, .message = rows.error().message, .message_zh = {}}};
  for (const DefinitionRow& row : *rows)
    if (const Result<DefinitionPtr> restored = definitions.restore(row.digest, row.files); !restored)
      problems.push_back({.place = row.programme + " " + row.version, .code = restored.error().code, .message = restored.error().message, .message_zh = {}});
  return problems;
}

}  // namespace chuyi

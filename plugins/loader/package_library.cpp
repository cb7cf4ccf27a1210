#include "plugins/loader/package_library.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "engine/base/digest.h"
#include "engine/scxml/describe.h"
#include "plugins/loader/manifest.h"
#include "storage/documents/zip_archive.h"

namespace chuyi {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kTextMax = 2U * 1024 * 1024;
constexpr std::uintmax_t kLibraryMax = 64U * 1024 * 1024;
/// A package is looked at while people wait; `chuyi check` goes further.
constexpr check::Limits kCheckLimits{.nodes_max = 200'000, .edges_max = 2'000'000};
constexpr const char* kWorkflowFile = "workflow.scxml";
constexpr const char* kLibraryDigest = "library.sha256";
constexpr const char* kLibraryPath = "library.path";

Error package_error(std::string code, std::string message, std::string place) {
  return Error{.kind = ErrorKind::invalid, .code = std::move(code), .message = std::move(message), .place = std::move(place)};
}

/// Every defect of an error, at least one.
std::vector<Detail> details_of(const Error& error) {
  if (!error.details.empty()) return error.details;
  return {{.place = error.place, .code = error.code, .message = error.message, .message_zh = error.message_zh}};
}

Result<std::string> read_text(const fs::path& path, std::uintmax_t bytes_max) {
  std::error_code ec;
  const fs::file_status status = fs::symlink_status(path, ec);
  if (ec || !fs::is_regular_file(status))
    return package_error("plugin.file", "Expected the file to be there, and no link", path.string());
  if (fs::file_size(path, ec) > bytes_max || ec)
    return package_error("plugin.file_size", "Expected at most " + std::to_string(bytes_max) + " bytes", path.string());
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  if (!in) return package_error("plugin.file", "Expected a file that can be read", path.string());
  return out.str();
}

using ReadFile = std::function<Result<std::string>(const std::string& path)>;

/// Collects the files that the manifest names, common parts of forms inlined.
Result<PackageSource> collect(const std::string& name, const PackageLibraryOptions& options, const ReadFile& read) {
  Result<std::string> manifest_text = read("plugin.xml");
  if (!manifest_text) return manifest_text.error();
  const Result<Manifest> manifest = read_manifest(*manifest_text, name + "/plugin.xml", options.schema);
  if (!manifest) return manifest.error();
  PackageSource out{.name = name, .files = {}, .library = {}};
  out.files["plugin.xml"] = std::move(*manifest_text);
  std::vector<Detail> problems;
  const auto keep = [&](Result<> result) {
    if (!result)
      for (Detail& each : details_of(result.error())) problems.push_back(std::move(each));
  };
  const Result<std::string> workflow = manifest->workflow_shared.empty()
                                           ? read(manifest->workflow_src)
                                           : read_text(fs::path{options.workflows} / (manifest->workflow_shared + ".scxml"), kTextMax);
  if (workflow)
    out.files[kWorkflowFile] = *workflow;
  else
    keep(workflow.error());
  const auto read_common = [&](const std::string& path) { return read_text(fs::path{options.forms} / path, kTextMax); };
  for (const ManifestForm& form : manifest->forms) {
    const Result<std::string> text = read(form.src);
    if (!text) {
      keep(text.error());
      continue;
    }
    const std::string file = name + "/" + form.src;
    const Result<json::value> schema = parse_json(*text, JsonLimits{.bytes_max = kTextMax}, file);
    if (!schema) {
      Error error = schema.error();
      error.place = file + (error.place.empty() ? "" : "#" + error.place);
      keep(error);
      continue;
    }
    const Result<json::value> inlined = inline_common(*schema, file, read_common);
    if (inlined)
      out.files["forms/" + form.id + ".json"] = canonical_json(*inlined);
    else
      keep(inlined.error());
  }
  if (problems.empty()) return out;
  Error error = package_error(problems.front().code, problems.front().message, problems.front().place);
  error.details = std::move(problems);
  return error;
}

/// Builds the definition that a package's files describe.
Result<DefinitionPtr> build(const PackageSource& source, const PackageLibraryOptions& options) {
  const std::string file = source.name + "/plugin.xml";
  Result<Manifest> manifest = read_manifest(string_or(source.files, "plugin.xml"), file, options.schema);
  if (!manifest) return manifest.error();
  std::vector<Detail> problems;
  auto out = std::make_shared<Definition>();
  const Result<scxml::ChartPtr> chart =
      scxml::parse_chart(string_or(source.files, kWorkflowFile),
                         manifest->workflow_shared.empty() ? source.name + "/" + manifest->workflow_src
                                                           : "workflows/" + manifest->workflow_shared + ".scxml");
  if (chart) {
    out->chart = *chart;
    for (const std::string& type : scxml::invoke_types_of(**chart))
      if (!options.invoke_types.contains(type))
        problems.push_back({.place = manifest->workflow_place,
                            .code = "plugin.invoke_type",
                            .message = "Expected invoke types that this installation has, but the workflow uses '" + type + "'",
                            .message_zh = {}});
  } else {
    for (Detail& each : details_of(chart.error())) problems.push_back(std::move(each));
  }
  for (const ManifestForm& form : manifest->forms) {
    const std::string name = source.name + "/" + form.src;
    const Result<json::value> schema =
        parse_json(string_or(source.files, "forms/" + form.id + ".json"), JsonLimits{.bytes_max = kTextMax}, name);
    if (!schema) {
      problems.push_back({.place = form.place, .code = schema.error().code, .message = schema.error().message, .message_zh = {}});
      continue;
    }
    Result<FormPtr> compiled = compile_form(*schema, name);
    if (!compiled) {
      for (Detail& each : details_of(compiled.error())) problems.push_back(std::move(each));
      continue;
    }
    out->forms[form.id] = *schema;
    out->compiled_forms[form.id] = std::move(*compiled);
  }
  if (!problems.empty()) {
    Error error = package_error(problems.front().code, problems.front().message, problems.front().place);
    error.details = std::move(problems);
    return error;
  }
  json::object content = source.files;
  content.erase(kLibraryPath);  // where it lies is not what it is
  out->digest = sha256_hex(canonical_json(content));
  out->programme = std::move(manifest->id);
  out->version = std::move(manifest->version);
  out->manifest = std::move(manifest->data);
  out->files = source.files;
  out->library = source.library;
  return DefinitionPtr{std::move(out)};
}

/// Refuses a workflow that breaks a policy, or that is too large to be sure of it.
Result<> keep_policies(const Definition& definition, const PackageLibraryOptions& options) {
  if (options.policies.empty()) return {};
  const check::Report report =
      check::check(*definition.chart, {.manifest = definition.manifest}, options.world, options.policies, kCheckLimits);
  std::vector<Detail> problems;
  for (const check::Finding& each : report.findings)
    if (each.detail.code == "check.policy" || each.detail.code == "check.too_large") problems.push_back(check::flat(each));
  if (problems.empty()) return {};
  Error error = package_error(problems.front().code, problems.front().message, problems.front().place);
  error.message_zh = problems.front().message_zh;
  error.details = std::move(problems);
  return error;
}

/// Three numbers, compared as numbers.
bool newer(const std::string& a, const std::string& b) {
  const auto parts = [](const std::string& version) {
    std::vector<int> out;
    std::stringstream in(version);
    for (std::string part; std::getline(in, part, '.');) out.push_back(std::stoi(part));
    return out;
  };
  return parts(a) > parts(b);
}

}  // namespace

Result<PackageSource> PackageLibrary::read_folder(const std::string& path) const {
  const fs::path folder = path;
  Result<PackageSource> source =
      collect(folder.filename().string(), options_, [&](const std::string& name) { return read_text(folder / name, kTextMax); });
  if (!source) return source;
  const Result<Manifest> manifest =
      read_manifest(string_or(source->files, "plugin.xml"), source->name + "/plugin.xml", options_.schema);
  if (!manifest) return manifest.error();
  if (manifest->library.empty()) return source;
  const fs::path library = fs::absolute(folder / manifest->library);
  const Result<std::string> bytes = read_text(library, kLibraryMax);
  if (!bytes) return bytes.error();
  source->files[kLibraryDigest] = sha256_hex(*bytes);
  source->files[kLibraryPath] = library.string();
  source->library = library.string();
  return source;
}

Result<PackageSource> PackageLibrary::read_archive(const std::string& path) const {
  Result<std::string> bytes = read_text(path, kLibraryMax);
  if (!bytes) return bytes.error();
  const ZipLimits limits{.bytes_max = kLibraryMax, .entries_max = 500, .entry_bytes_max = kLibraryMax, .total_bytes_max = 2 * kLibraryMax, .ratio_max = 200};
  Result<std::unique_ptr<ZipArchive>> zip = open_zip(std::move(*bytes), limits);
  const std::string name = fs::path{path}.filename().string();
  if (!zip) {
    Error error = zip.error();
    error.place = name + (error.place.empty() ? "" : ":" + error.place);
    return error;
  }
  // The package may stand at the top of the archive or in its one folder.
  std::string base;
  for (const ZipEntry& entry : (*zip)->entries())
    if (entry.name.ends_with("/plugin.xml") && std::count(entry.name.begin(), entry.name.end(), '/') == 1)
      base = entry.name.substr(0, entry.name.size() - 10);
  const ReadFile read = [&](const std::string& file) -> Result<std::string> {
    const ZipEntry* entry = (*zip)->find(base + file);
    if (entry == nullptr) return package_error("plugin.file", "Expected the file in the archive", name + ":" + file);
    return (*zip)->read_all(*entry);
  };
  Result<PackageSource> source = collect(name, options_, read);
  if (!source) return source;
  const Result<Manifest> manifest = read_manifest(string_or(source->files, "plugin.xml"), name + "/plugin.xml", options_.schema);
  if (!manifest) return manifest.error();
  if (manifest->library.empty()) return source;
  const Result<std::string> library = read(manifest->library);
  if (!library) return library.error();
  const std::string digest = sha256_hex(*library);
  std::error_code ec;
  fs::create_directories(options_.libraries, ec);
  const fs::path target = fs::absolute(fs::path{options_.libraries} / (digest + ".so"));
  if (!fs::exists(target)) {
    const fs::path temporary = target.string() + ".new";
    std::ofstream(temporary, std::ios::binary) << *library;
    fs::rename(temporary, target, ec);
    if (ec) return package_error("plugin.file", "Expected to unpack the library, but found: " + ec.message(), name);
  }
  source->files[kLibraryDigest] = digest;
  source->files[kLibraryPath] = target.string();
  source->library = target.string();
  return source;
}

Result<DefinitionPtr> PackageLibrary::load(const std::string& path) const {
  const Result<PackageSource> source = fs::is_directory(path) ? read_folder(path) : read_archive(path);
  if (!source) return source.error();
  Result<DefinitionPtr> built = build(*source, options_);
  if (!built) return built;
  if (Result<> kept = keep_policies(**built, options_); !kept) return kept.error();
  return built;
}

std::vector<Detail> PackageLibrary::reload() {
  std::vector<Detail> problems;
  std::map<std::string, DefinitionPtr, std::less<>> found;
  for (const std::string& folder : options_.packages) {
    std::vector<fs::path> paths;
    std::error_code ec;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, ec))
      if ((entry.is_directory() && fs::exists(entry.path() / "plugin.xml")) || entry.path().extension() == ".zip") paths.push_back(entry.path());
    if (ec) problems.push_back({.place = folder, .code = "plugin.folder", .message = "Expected a folder of packages: " + ec.message(), .message_zh = {}});
    std::sort(paths.begin(), paths.end());
    for (const fs::path& path : paths) {
      Result<DefinitionPtr> loaded = load(path.string());
      if (!loaded) {
        for (Detail& each : details_of(loaded.error())) problems.push_back(std::move(each));
        continue;
      }
      DefinitionPtr& slot = found[(*loaded)->programme];
      if (!slot || !newer(slot->version, (*loaded)->version)) slot = std::move(*loaded);
    }
  }
  const std::lock_guard lock(mutex_);
  for (auto& [programme, definition] : found) {
    const auto known = by_digest_.try_emplace(definition->digest, definition).first;
    current_[programme] = known->second;
  }
  return problems;
}

std::vector<DefinitionPtr> PackageLibrary::current() const {
  const std::lock_guard lock(mutex_);
  std::vector<DefinitionPtr> out;
  for (const auto& [programme, definition] : current_) out.push_back(definition);
  return out;
}

DefinitionPtr PackageLibrary::current(std::string_view programme) const {
  const std::lock_guard lock(mutex_);
  const auto found = current_.find(programme);
  return found == current_.end() ? nullptr : found->second;
}

DefinitionPtr PackageLibrary::by_digest(std::string_view digest) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_digest_.find(digest);
  return found == by_digest_.end() ? nullptr : found->second;
}

Result<DefinitionPtr> PackageLibrary::restore(std::string_view digest, const json::object& files) {
  if (DefinitionPtr known = by_digest(digest)) return known;
  const Result<DefinitionPtr> built =
      build({.name = "stored:" + std::string{digest.substr(0, 12)}, .files = files, .library = string_or(files, kLibraryPath)}, options_);
  if (!built) return built;
  if ((*built)->digest != digest)
    return package_error("definition.digest", "Expected definition " + std::string{digest} + ", but its files give " + (*built)->digest, {});
  const std::lock_guard lock(mutex_);
  return by_digest_.try_emplace((*built)->digest, *built).first->second;
}

}  // namespace chuyi

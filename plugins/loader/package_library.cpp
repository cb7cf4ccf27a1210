#include "plugins/loader/package_library.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/digest.h"
#include "engine/scxml/describe.h"
#include "plugins/loader/certificate.h"
#include "plugins/loader/package_source.h"
#include "storage/documents/descriptor.h"

namespace chuyi {
namespace {

namespace fs = std::filesystem;

/// A package is looked at while people wait; `chuyi check` goes further.
constexpr check::Limits kCheckLimits{.nodes_max = 200'000, .edges_max = 2'000'000};

fs::path library_path(const PackageLibraryOptions& options, const std::string& digest) {
  return fs::absolute(fs::path{options.libraries} / (digest + ".so"));
}

bool declares(const json::object& manifest, const std::string& type) {
  const json::array& own = array_or_empty(manifest, "invokes");
  return std::any_of(own.begin(), own.end(), [&](const json::value& each) { return string_or(each.get_object(), "type") == type; });
}

/// Where the manifest names the files of its forms, those of its shared workflow are called this.
constexpr const char* kSharedForm = "workflow";

/// The forms of a package's files: those of its manifest, and those of its shared workflow.
std::vector<ManifestForm> forms_of(const PackageSource& source) {
  constexpr std::string_view kFolder = "forms/", kEnding = ".json";
  std::vector<ManifestForm> out = source.manifest.forms;
  for (const auto& file : source.files) {
    const std::string_view name = file.key();
    if (!name.starts_with(kFolder) || !name.ends_with(kEnding)) continue;
    const std::string id{name.substr(kFolder.size(), name.size() - kFolder.size() - kEnding.size())};
    if (std::none_of(out.begin(), out.end(), [&](const ManifestForm& each) { return each.id == id; }))
      out.push_back({.id = id, .src = {}, .place = std::string{name}});
  }
  return out;
}

void build_forms(const PackageSource& source, Definition& out, std::vector<Detail>& problems) {
  for (const ManifestForm& form : forms_of(source)) {
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
    out.forms[form.id] = *schema;
    out.compiled_forms[form.id] = std::move(*compiled);
  }
}

/// Builds the definition that a package's files describe.
Result<DefinitionPtr> build(const PackageSource& source, const PackageLibraryOptions& options) {
  const Manifest& manifest = source.manifest;
  std::vector<Detail> problems;
  auto out = std::make_shared<Definition>();
  const Result<scxml::ChartPtr> chart =
      scxml::parse_chart(string_or(source.files, kWorkflowFile), workflow_file(source), {},
                         [&](const std::string& src) { return read_source(source.files, src); });
  if (chart) {
    out->chart = *chart;
    for (const std::string& type : scxml::invoke_types_of(**chart))
      if (!options.invoke_types.contains(type) && !declares(manifest.data, type))
        problems.push_back({.place = manifest.workflow_place,
                            .code = "plugin.invoke_type",
                            .message = "Expected invoke types that this installation has, but the workflow uses '" + type + "'",
                            .message_zh = {}});
  } else {
    for (Detail& each : details_of(chart.error())) problems.push_back(std::move(each));
  }
  build_forms(source, *out, problems);
  if (source.files.contains(kCertificateFile)) {
    const std::string schema = (fs::path{options.schema}.parent_path() / "certificate.xsd").string();
    if (Result<Certificate> certificate = read_certificate(string_or(source.files, kCertificateFile), certificate_file(source), schema, manifest))
      out->certificate = std::make_shared<const Certificate>(std::move(*certificate));
    else
      for (Detail& each : details_of(certificate.error())) problems.push_back(std::move(each));
  }
  if (out->certificate || !source.files.contains(kCertificateFile))
    for (Detail& each : check_texts(manifest, out->certificate.get())) problems.push_back(std::move(each));
  if (!problems.empty()) {
    Error error = package_error(problems.front().code, problems.front().message, problems.front().place);
    error.details = std::move(problems);
    return error;
  }
  out->digest = sha256_hex(canonical_json(source.files));
  out->programme = manifest.id;
  out->version = manifest.version;
  out->manifest = manifest.data;
  for (const auto& form : out->forms) out->manifest["forms"].as_object().emplace(form.key(), kSharedForm);  // keeps what is there
  if (const std::string limits = string_or(source.files, kLimitsFile); !limits.empty()) {
    const Result<json::value> rules = parse_json(limits, kStoredJson, kLimitsFile);
    if (!rules) return rules.error();
    out->manifest["limits"] = *rules;
  }
  if (source.files.contains(kConflictsFile))
    if (Result<json::value> conflicts = parse_json(string_or(source.files, kConflictsFile), JsonLimits{.bytes_max = kTextMax}, kConflictsFile); conflicts)
      out->manifest["conflicts"] = std::move(*conflicts);
  out->files = source.files;
  out->library_digest = string_or(source.files, kLibraryDigest);
  if (!out->library_digest.empty()) out->library = library_path(options, out->library_digest).string();
  return DefinitionPtr{std::move(out)};
}

bool write_durably(int fd, std::string_view bytes, mode_t mode) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return ::fchmod(fd, mode) == 0 && ::fsync(fd) == 0;
}

/// Puts `bytes` into a file, durable when this returns; `commit` is called before it takes its name.
/// @param failure  the error to give, but for its message.
Result<> replace_file(const fs::path& target, std::string_view bytes, mode_t mode, const std::function<Result<>()>& commit, Error failure) {
  const auto failed = [&](const char* doing) {
    failure.message = "Expected to " + std::string{doing} + " in " + target.parent_path().string() + ", but: " + std::strerror(errno);
    return failure;
  };
  std::string temporary = target.string() + ".XXXXXX";
  const Descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (file.get() < 0) return failed("make a file");
  if (!write_durably(file.get(), bytes, mode)) {
    Error error = failed("write a file");
    ::unlink(temporary.c_str());
    return error;
  }
  if (Result<> committed = commit(); !committed) {
    ::unlink(temporary.c_str());
    return committed;
  }
  if (::rename(temporary.c_str(), target.c_str()) != 0) {
    Error error = failed("rename a file");
    ::unlink(temporary.c_str());
    return error;
  }
  for (const fs::path& named_in : {target.parent_path(), target.parent_path().parent_path()}) {
    const Descriptor folder(::open(named_in.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.get() < 0 || ::fsync(folder.get()) != 0) return failed("sync the folder");
  }
  return {};
}

/// Is it a file that install() made of this programme?
bool is_archive_of(const fs::path& path, std::string_view programme) {
  const std::string name = path.filename().string();
  if (!name.starts_with(std::string{programme} + "-") || !name.ends_with(".zip")) return false;
  const std::string version = name.substr(programme.size() + 1, name.size() - programme.size() - 5);
  return !version.empty() && version.find_first_not_of("0123456789.") == std::string::npos;
}

/// Writes a library to the file of its digest, durable when this returns; one that is there already is only
/// looked through.
Result<> keep_library(const PackageSource& source, const PackageLibraryOptions& options) {
  const fs::path target = library_path(options, string_or(source.files, kLibraryDigest));
  if (const Result<std::string> kept = read_text(target, kLibraryMax); kept && *kept == source.library) return {};
  std::error_code ec;
  fs::create_directories(target.parent_path(), ec);
  Error failure{.kind = ErrorKind::unavailable, .code = "plugin.library_kept", .place = source.manifest.library_place, .message_zh = "无法保存程序包的本机库，请检查数据目录的空间与权限"};
  return replace_file(target, source.library, 0500, [] { return Result<>{}; }, std::move(failure));
}

/// Refuses a workflow that breaks a policy, or of which one cannot be sure.
Result<> keep_policies(const Definition& definition, const PackageLibraryOptions& options) {
  if (options.policies.empty()) return {};
  const auto read = [&](const std::string& src) { return read_source(definition.files, src); };
  const check::Report report =
      check::check(*definition.chart, {.manifest = definition.manifest, .sources = read}, options.world, options.policies, kCheckLimits);
  std::vector<Detail> problems;
  for (const check::Finding& each : report.findings)
    if (check::keeps_out(each)) problems.push_back(check::flat(each));
  if (problems.empty()) return {};
  Error error = package_error(problems.front().code, problems.front().message, problems.front().place);
  error.message_zh = problems.front().message_zh;
  error.details = std::move(problems);
  return error;
}

}  // namespace

Result<DefinitionPtr> PackageLibrary::load(const std::string& path) const {
  const Result<PackageSource> source = read_package(path, options_);
  if (!source) return source.error();
  Result<DefinitionPtr> built = build(*source, options_);
  if (!built) return built;
  if (Result<> kept = keep_policies(**built, options_); !kept) return kept.error();
  if (!source->library.empty() && !options_.libraries.empty())
    if (Result<> kept = keep_library(*source, options_); !kept) return kept.error();
  return built;
}

std::vector<Detail> PackageLibrary::reload() {
  const std::lock_guard one_at_a_time(reloading_);
  std::vector<Detail> problems;
  std::map<std::string, DefinitionPtr, std::less<>> found;
  std::map<std::string, std::set<std::size_t>, std::less<>> folders;
  for (std::size_t number = 0; number < options_.packages.size(); ++number) {
    const std::string& folder = options_.packages[number];
    std::vector<fs::path> paths;
    std::error_code ec;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, ec))
      if ((entry.is_directory() && fs::exists(entry.path() / "plugin.xml")) || entry.path().extension() == ".zip") paths.push_back(entry.path());
    if (ec) problems.push_back({.place = folder, .code = "plugin.folder", .message = "Expected a folder of packages: " + ec.message(), .message_zh = {}});
    std::sort(paths.begin(), paths.end());
    std::map<std::string, DefinitionPtr, std::less<>> here;
    for (const fs::path& path : paths) {
      DefinitionPtr& last_good = last_good_[path.string()];
      if (Result<DefinitionPtr> loaded = load(path.string()))
        last_good = std::move(*loaded);
      else
        for (Detail& each : details_of(loaded.error())) problems.push_back(std::move(each));
      if (!last_good) continue;
      DefinitionPtr& slot = here[last_good->programme];
      if (!slot || !is_newer_version(slot->version, last_good->version)) slot = last_good;
    }
    for (auto& [programme, definition] : here) {
      folders[programme].insert(number);
      found[programme] = std::move(definition);
    }
  }
  const std::lock_guard lock(mutex_);
  folders_ = std::move(folders);
  for (auto& [programme, definition] : found) {
    const auto known = by_digest_.try_emplace(definition->digest, definition).first;
    current_[programme] = known->second;
  }
  return problems;
}

Result<> PackageLibrary::install(const std::string& programme, const std::string& version, std::string_view archive, const std::function<Result<>()>& commit) {
  const std::lock_guard not_while_reading(reloading_);
  const fs::path target = fs::path{options_.installed} / (programme + "-" + version + ".zip");
  Error failure{.kind = ErrorKind::unavailable, .code = "plugin.kept", .place = target.filename().string(), .message_zh = "无法保存程序包，请检查数据目录的空间与权限"};
  if (Result<> kept = replace_file(target, archive, 0600, commit, std::move(failure)); !kept) return kept;
  std::error_code ec;
  for (const fs::directory_entry& entry : fs::directory_iterator(options_.installed, ec))
    if (entry.path() != target && is_archive_of(entry.path(), programme)) fs::remove(entry.path(), ec);
  return {};
}

Result<> PackageLibrary::uninstall(std::string_view programme) {
  const std::lock_guard not_while_reading(reloading_);
  std::error_code ec;
  if (!options_.installed.empty())
    for (const fs::directory_entry& entry : fs::directory_iterator(options_.installed, ec))
      if (std::error_code failed; is_archive_of(entry.path(), programme) && !fs::remove(entry.path(), failed))
        return Error{.kind = ErrorKind::unavailable, .code = "plugin.kept", .message = "Expected to remove the archive, but: " + failed.message(), .place = entry.path().filename().string(), .message_zh = "程序包文件未能删除"};
  if (const Descriptor folder(::open(options_.installed.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)); folder.get() >= 0) ::fsync(folder.get());
  const std::lock_guard lock(mutex_);
  if (const auto found = current_.find(programme); found != current_.end()) current_.erase(found);
  return {};
}

std::set<std::size_t> PackageLibrary::folders_of(std::string_view programme) const {
  const std::lock_guard lock(mutex_);
  const auto found = folders_.find(programme);
  return found == folders_.end() ? std::set<std::size_t>{} : found->second;
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
  const std::string name = "stored:" + std::string{digest.substr(0, 12)};
  Result<Manifest> manifest = read_manifest(string_or(files, "plugin.xml"), name + "/plugin.xml", options_.schema);
  if (!manifest) return manifest.error();
  PackageSource source{.name = name, .manifest = std::move(*manifest), .files = files, .library = {}};
  const Result<DefinitionPtr> built = build(source, options_);
  if (!built) return built;
  if ((*built)->digest != digest)
    return package_error("definition.digest", "Expected definition " + std::string{digest} + ", but its files give " + (*built)->digest, {});
  std::error_code ec;
  if (fetch_library_ && !(*built)->library.empty() && !fs::exists((*built)->library, ec)) {
    Result<std::string> library = fetch_library_((*built)->library_digest);
    if (!library) return library.error();
    source.library = std::move(*library);
    if (Result<> kept = keep_library(source, options_); !kept) return kept.error();
  }
  const std::lock_guard lock(mutex_);
  return by_digest_.try_emplace((*built)->digest, *built).first->second;
}

}  // namespace chuyi

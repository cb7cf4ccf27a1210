#include "plugins/loader/package_library.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/digest.h"
#include "engine/invoke/limits.h"
#include "engine/review/conflicts.h"
#include "engine/scxml/describe.h"
#include "plugins/loader/certificate.h"
#include "plugins/loader/manifest.h"
#include "plugins/loader/native_library.h"
#include "plugins/loader/pack.h"
#include "storage/documents/descriptor.h"

namespace chuyi {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kTextMax = 2U * 1024 * 1024;
constexpr std::uintmax_t kLibraryMax = kPackageBytesMax;
/// A package is looked at while people wait; `chuyi check` goes further.
constexpr check::Limits kCheckLimits{.nodes_max = 200'000, .edges_max = 2'000'000};
constexpr const char* kWorkflowFile = "workflow.scxml";
constexpr const char* kCertificateFile = "certificate.xml";
constexpr const char* kLimitsFile = "limits.json";
constexpr const char* kLibraryDigest = "library.sha256";
constexpr const char* kConflictsFile = "conflicts.json";

Error package_error(std::string code, std::string message, std::string place) {
  return Error{.kind = ErrorKind::invalid, .code = std::move(code), .message = std::move(message), .place = std::move(place)};
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

using ReadFile = std::function<Result<std::string>(const std::string& path, std::uintmax_t bytes_max)>;

/// What a package's files say, before anything is built from them.
struct PackageSource {
  std::string name;     ///< names the package in errors: its folder or archive
  Manifest manifest;
  json::object files;   ///< path → text: plugin.xml, the workflow, forms with common parts inlined, the library's digest
  std::string library;  ///< its bytes
};

Error missing_library(const Manifest& manifest, const std::string& found) {
  Error out = package_error("plugin.library",
                            "Expected the native library '" + manifest.library + "' that the package declares, but: " + found +
                                ". Build it, or check the built package (build/PRESET/plugins/" + manifest.id + ")",
                            manifest.library_place);
  out.message_zh = "缺少程序包声明的本机库“" + manifest.library + "”：请先构建，或检查构建目录中的程序包";
  return out;
}

/// Takes along what a chart names with `src`, and loads the charts that it invokes.
class Sources {
 public:
  Sources(const ReadFile& read, json::object& files, std::vector<Detail>& problems) : read_(read), files_(files), problems_(problems) {}

  void add(const std::string& text, const std::string& file, int depth = 0) {
    const auto read = [&](const std::string& src) { return keep(src); };
    const Result<scxml::ChartPtr> chart = scxml::parse_chart(text, file, {}, read);
    if (!chart) {
      // What is wrong with the workflow itself is said where it is built.
      if (depth > 0)
        for (Detail& each : details_of(chart.error())) problems_.push_back(std::move(each));
      return;
    }
    for (const scxml::ChildDocument& child : scxml::child_documents_of(**chart)) {
      if (child.src.empty()) {
        add(child.text, child.place + "/content", depth + 1);
        continue;
      }
      const bool known = files_.contains(source_key(source_name(child.src)));
      const Result<std::string> named = keep(child.src);
      if (!named)
        problems_.push_back({.place = child.place, .code = "scxml.src", .message = named.error().message, .message_zh = named.error().message_zh});
      else if (!known)
        add(*named, source_name(child.src), depth + 1);
    }
  }

 private:
  Result<std::string> keep(const std::string& src) {
    if (Result<std::string> known = read_source(files_, src); known || source_name(src).empty()) return known;
    Result<std::string> text = read_(source_name(src), kTextMax);
    if (text && text->find('\0') != std::string::npos) {
      Error error = package_error("plugin.file", "Expected a text without U+0000, which not every store can keep", source_name(src));
      problems_.push_back(details_of(error).front());
      return error;
    }
    if (text) files_[source_key(source_name(src))] = *text;
    return text;
  }

  const ReadFile& read_;
  json::object& files_;
  std::vector<Detail>& problems_;
};

std::string workflow_file(const PackageSource& source) {
  const Manifest& manifest = source.manifest;
  return manifest.workflow_shared.empty() ? source.name + "/" + manifest.workflow_src : "workflows/" + manifest.workflow_shared + ".scxml";
}

json::object number_field(const json::object& indicator) {
  const std::string type = string_or(indicator, "type");
  const json::object& titles = object_or_empty(indicator, "titles");
  const std::string unit = string_or(indicator, "unit", type == "percent" ? "%" : type == "money" ? "万元" : "");
  json::object out{{"title", string_or(titles, "zh") + (unit.empty() ? "" : "（" + unit + "）")}, {"x-title-en", string_or(titles, "en")}};
  if (!unit.empty()) out["x-unit"] = unit;
  if (type == "integer") {
    out["type"] = "integer";
    out["minimum"] = 0;
    out["maximum"] = 1'000'000'000;
  } else if (type == "text") {
    out["type"] = "string";
    out["minLength"] = 1;
    out["maxLength"] = 1'000;
  } else {
    out["type"] = "string";
    out["format"] = "decimal";
    out["x-min"] = "0";
    out["x-max"] = type == "percent" ? "100" : "1000000000";
    if (type == "money") out["x-places"] = 2;
  }
  return out;
}

/// The annual report that the manifest's indicators ask for, and a summary of the year.
json::object annual_form(const json::object& manifest) {
  json::object properties;
  json::array required;
  for (const json::value& each : array_or_empty(object_or_empty(manifest, "annual_check"), "indicators")) {
    const json::object& indicator = each.get_object();
    properties[string_or(indicator, "id")] = number_field(indicator);
    required.emplace_back(string_or(indicator, "id"));
  }
  properties["summary"] = json::object{{"type", "string"}, {"title", "年度工作总结"}, {"x-title-en", "Summary of the year"}, {"minLength", 1}, {"maxLength", 3'000}};
  required.emplace_back("summary");
  return {{"$schema", "http://json-schema.org/draft-07/schema#"},
          {"title", "年度考核报告"},
          {"x-title-en", "Annual report"},
          {"type", "object"},
          {"additionalProperties", false},
          {"required", std::move(required)},
          {"properties", std::move(properties)}};
}

/// The programme's rules of eligibility stand behind the form's own.
void add_rules(json::value& schema, const json::array& rules) {
  if (!schema.is_object() || rules.empty()) return;
  json::value& own = schema.get_object()["x-rules"];
  if (!own.is_array()) own = json::array{};
  for (const json::value& each : rules) own.get_array().push_back(each);
}

std::string certificate_file(const PackageSource& source) {
  const Manifest& manifest = source.manifest;
  return manifest.certificate_shared.empty() ? source.name + "/" + manifest.certificate_src : "forms/certificates/" + manifest.certificate_shared + ".xml";
}

/// The template of the programme's certificate; empty when it has none. Errors: `invalid` "plugin.certificate".
Result<std::string> read_template(const Manifest& manifest, const PackageLibraryOptions& options, const ReadFile& read) {
  const std::string& shared = manifest.certificate_shared;
  if (manifest.certificate_src.empty() && shared.empty()) return std::string{};
  const Result<std::string> text = shared.empty() ? read(manifest.certificate_src, kTextMax) : read_text(fs::path{options.forms} / "certificates" / (shared + ".xml"), kTextMax);
  if (text) return text;
  Error error = package_error("plugin.certificate",
                              shared.empty() ? "Expected the template '" + manifest.certificate_src + "' in the package: " + text.error().message : "Expected a shared certificate, but there is no forms/certificates/" + shared + ".xml",
                              manifest.certificate_place);
  error.message_zh = "证书模板缺失或无法读取";
  return error;
}

/// The installation's rules of recommendation that count this programme (workflows/policies/limits.json), as a file of the
/// package, so that a definition says all that it was decided by. None: no file.
Result<> add_limits(const fs::path& path, const std::string& programme, json::object& files) {
  if (!fs::exists(path)) return {};
  const Result<std::string> text = read_text(path, kTextMax);
  if (!text) return text.error();
  const Result<json::value> all = parse_json(*text, JsonLimits{.bytes_max = kTextMax}, path.filename().string());
  if (!all) return all.error();
  if (!all->is_object() || !all->get_object().contains("rules")) return package_error("limit.rules", "Expected an object with 'rules'", path.filename().string());
  const json::array& rules = array_or_empty(all->get_object(), "rules");
  if (std::vector<Detail> wrong = check_limits(rules, path.filename().string() + "#/rules"); !wrong.empty()) {
    Error error = package_error(wrong.front().code, wrong.front().message, wrong.front().place);
    error.details = std::move(wrong);
    return error;
  }
  json::array own;
  for (const json::value& rule : rules)
    if (limit_of(rule.get_object(), {}).covers(programme)) own.push_back(rule);
  if (!own.empty()) files[kLimitsFile] = canonical_json(json::value(std::move(own)));
  return {};
}

/// The rules of conflict that the programme's panels keep, and which fields of the nomination they read: {"rules", "fields"}, from
/// workflows/policies. Empty when the manifest names none. Errors: `invalid` "plugin.conflicts".
Result<std::string> read_conflicts(const Manifest& manifest, const PackageLibraryOptions& options) {
  if (manifest.conflicts.empty()) return std::string{};
  json::object out;
  const std::pair<const char*, std::string> files[] = {{"rules", manifest.conflicts}, {"fields", "conflict-fields"}};
  for (const auto& [member, name] : files) {
    const Result<std::string> text = read_text(fs::path{options.workflows} / "policies" / (name + ".json"), kTextMax);
    if (!text) return package_error("plugin.conflicts", "Expected the file workflows/policies/" + name + ".json", manifest.conflicts_place);
    const Result<json::value> read = parse_json(*text, JsonLimits{.bytes_max = kTextMax}, name);
    if (!read || !read->is_object()) return package_error("plugin.conflicts", "Expected JSON in workflows/policies/" + name + ".json", manifest.conflicts_place);
    if (std::string{member} == "fields")
      out[member] = *read;
    else
      out[member] = array_or_empty(read->get_object(), "rules");
  }
  constexpr int kAnyYear = 2000;
  if (const Result<review::ConflictPolicy> policy = review::conflict_policy_from_json({{"rules", out["rules"]}}, kAnyYear); !policy)
    return package_error("plugin.conflicts", "Expected rules of conflict in workflows/policies/" + manifest.conflicts + ".json: " + policy.error().message, manifest.conflicts_place);
  return canonical_json(json::value(out));
}

/// Where the manifest names the files of its forms, those of its shared workflow are called this.
constexpr const char* kSharedForm = "workflow";

/// Forms that a shared workflow asks for itself, whatever the programme: forms/WORKFLOW/*.json. The package's own come first.
Result<> add_shared_forms(const fs::path& folder, const std::function<Result<std::string>(const std::string&)>& read_common, json::object& files) {
  std::error_code none;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, none)) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() != ".json" || files.contains("forms/" + name)) continue;
    const Result<std::string> text = read_text(entry.path(), kTextMax);
    if (!text) return text.error();
    const std::string file = "forms/" + folder.filename().string() + "/" + name;
    const Result<json::value> schema = parse_json(*text, JsonLimits{.bytes_max = kTextMax}, file);
    if (!schema) return schema.error();
    const Result<json::value> inlined = inline_common(*schema, file, read_common);
    if (!inlined) return inlined.error();
    files["forms/" + name] = canonical_json(*inlined);
  }
  return {};
}

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

/// Collects the files that the manifest names, common parts of forms inlined.
/// @param read  the package's files by their path inside it; at most `bytes_max` bytes.
Result<PackageSource> collect(const std::string& name, const PackageLibraryOptions& options, const ReadFile& read) {
  Result<std::string> manifest_text = read("plugin.xml", kTextMax);
  if (!manifest_text) return manifest_text.error();
  Result<Manifest> parsed = read_manifest(*manifest_text, name + "/plugin.xml", options.schema);
  if (!parsed) return parsed.error();
  PackageSource out{.name = name, .manifest = std::move(*parsed), .files = {}, .library = {}};
  const Manifest& manifest = out.manifest;
  out.files["plugin.xml"] = std::move(*manifest_text);
  std::vector<Detail> problems;
  const auto keep = [&](Result<> result) {
    if (!result)
      for (Detail& each : details_of(result.error())) problems.push_back(std::move(each));
  };
  const Result<std::string> workflow = manifest.workflow_shared.empty()
                                           ? read(manifest.workflow_src, kTextMax)
                                           : read_text(fs::path{options.workflows} / (manifest.workflow_shared + ".scxml"), kTextMax);
  if (workflow) {
    out.files[kWorkflowFile] = *workflow;
    const ReadFile read_shared = [&](const std::string& file, std::uintmax_t bytes_max) { return read_text(fs::path{options.workflows} / file, bytes_max); };
    Sources(manifest.workflow_shared.empty() ? read : read_shared, out.files, problems).add(*workflow, workflow_file(out));
  } else {
    keep(workflow.error());
  }
  keep(add_limits(fs::path{options.workflows} / "policies" / "limits.json", manifest.id, out.files));
  const auto read_common = [&](const std::string& path) { return read_text(fs::path{options.forms} / path, kTextMax); };
  for (const ManifestForm& form : manifest.forms) {
    if (form.src.empty()) {
      out.files["forms/" + form.id + ".json"] = canonical_json(json::value(annual_form(manifest.data)));
      continue;
    }
    const Result<std::string> text = read(form.src, kTextMax);
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
    Result<json::value> inlined = inline_common(*schema, file, read_common);
    if (inlined && form.id == "nomination") add_rules(*inlined, array_or_empty(manifest.data, "eligibility"));
    if (inlined)
      out.files["forms/" + form.id + ".json"] = canonical_json(*inlined);
    else
      keep(inlined.error());
  }
  if (!manifest.workflow_shared.empty()) keep(add_shared_forms(fs::path{options.forms} / manifest.workflow_shared, read_common, out.files));
  if (const Result<std::string> certificate = read_template(manifest, options, read); !certificate)
    keep(certificate.error());
  else if (!certificate->empty())
    out.files[kCertificateFile] = *certificate;
  if (const Result<std::string> conflicts = read_conflicts(manifest, options); !conflicts)
    keep(conflicts.error());
  else if (!conflicts->empty())
    out.files[kConflictsFile] = *conflicts;
  if (!manifest.library.empty()) {
    Result<std::string> library = read(manifest.library, kLibraryMax);
    if (library) {
      for (Detail& each : check_native_library(*library, manifest.library_place)) problems.push_back(std::move(each));
      out.files[kLibraryDigest] = sha256_hex(*library);
      out.library = std::move(*library);
    } else {
      keep(missing_library(manifest, library.error().message));
    }
  }
  if (problems.empty()) return out;
  Error error = package_error(problems.front().code, problems.front().message, problems.front().place);
  error.details = std::move(problems);
  return error;
}

fs::path library_path(const PackageLibraryOptions& options, const std::string& digest) {
  return fs::absolute(fs::path{options.libraries} / (digest + ".so"));
}

bool declares(const json::object& manifest, const std::string& type) {
  const json::array& own = array_or_empty(manifest, "invokes");
  return std::any_of(own.begin(), own.end(), [&](const json::value& each) { return string_or(each.get_object(), "type") == type; });
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
    out->forms[form.id] = *schema;
    out->compiled_forms[form.id] = std::move(*compiled);
  }
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

Result<PackageSource> read_folder(const fs::path& folder, const PackageLibraryOptions& options) {
  fs::path named = fs::absolute(folder).lexically_normal();
  if (!named.has_filename()) named = named.parent_path();  // "workshop/", "."
  return collect(named.filename().string(), options,
                 [&](const std::string& file, std::uintmax_t bytes_max) { return read_text(folder / file, bytes_max); });
}

Result<PackageSource> read_archive(const fs::path& path, const PackageLibraryOptions& options) {
  std::error_code ec;
  if (!fs::is_regular_file(fs::symlink_status(path, ec)))
    return package_error("plugin.file", "Expected the file to be there, and no link", path.string());
  Result<std::unique_ptr<ZipArchive>> zip = open_zip(path.string(), kPackageZip);
  const std::string name = path.filename().string();
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
  return collect(name, options, [&](const std::string& file, std::uintmax_t bytes_max) -> Result<std::string> {
    const ZipEntry* entry = (*zip)->find(base + file);
    if (entry == nullptr) return package_error("plugin.file", "Expected the file in the archive", name + ":" + file);
    return (*zip)->read_all(*entry, bytes_max);
  });
}

}  // namespace

Result<DefinitionPtr> PackageLibrary::load(const std::string& path) const {
  const Result<PackageSource> source = fs::is_directory(path) ? read_folder(path, options_) : read_archive(path, options_);
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

#include "plugins/loader/package_source.h"

#include <algorithm>
#include <fstream>
#include <functional>
#include <sstream>

#include "engine/base/digest.h"
#include "engine/invoke/limits.h"
#include "engine/review/conflicts.h"
#include "engine/scxml/describe.h"
#include "plugins/loader/native_library.h"

namespace chuyi {

namespace fs = std::filesystem;

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

std::string workflow_file(const PackageSource& source) {
  const Manifest& manifest = source.manifest;
  return manifest.workflow_shared.empty() ? source.name + "/" + manifest.workflow_src : "workflows/" + manifest.workflow_shared + ".scxml";
}

std::string certificate_file(const PackageSource& source) {
  const Manifest& manifest = source.manifest;
  return manifest.certificate_shared.empty() ? source.name + "/" + manifest.certificate_src : "forms/certificates/" + manifest.certificate_shared + ".xml";
}

namespace {

using ReadFile = std::function<Result<std::string>(const std::string& path, std::uintmax_t bytes_max)>;

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

/// The forms with their common parts inlined; the programme's rules of eligibility stand in that of the nomination.
void collect_forms(const PackageLibraryOptions& options, const ReadFile& read, PackageSource& out, std::vector<Detail>& problems) {
  const Manifest& manifest = out.manifest;
  const auto keep = [&](const Error& error) {
    for (Detail& each : details_of(error)) problems.push_back(std::move(each));
  };
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
    const std::string file = out.name + "/" + form.src;
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
  if (!manifest.workflow_shared.empty())
    if (Result<> added = add_shared_forms(fs::path{options.forms} / manifest.workflow_shared, read_common, out.files); !added) keep(added.error());
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
  collect_forms(options, read, out, problems);
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

Result<PackageSource> read_package(const std::string& path, const PackageLibraryOptions& options) {
  return fs::is_directory(path) ? read_folder(path, options) : read_archive(path, options);
}

}  // namespace chuyi

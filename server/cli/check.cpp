#include <filesystem>
#include <iostream>

#include <boost/json/serialize.hpp>
#include <unistd.h>

#include "engine/forms/forms.h"
#include "engine/stages/profiles.h"
#include "server/cli/commands.h"

namespace chuyi {
namespace {

namespace fs = std::filesystem;

std::vector<check::Finding> findings_of(const Error& error) {
  std::vector<check::Finding> out;
  for (const Detail& each : error.details) out.push_back({.detail = each, .way = {}, .policy = {}});
  if (out.empty()) out.push_back({.detail = {.place = error.place, .code = error.code, .message = error.message, .message_zh = error.message_zh}, .way = {}, .policy = {}});
  return out;
}
template <class T>
std::vector<check::Finding> findings_of(const Result<T>& result) {
  return result ? std::vector<check::Finding>{} : findings_of(result.error());
}

/// A line that is written over, when somebody watches.
check::Progress progress_bar(const std::string& path) {
  if (::isatty(STDERR_FILENO) == 0) return {};
  return [path](std::size_t nodes, std::size_t waiting) {
    constexpr std::size_t kWidth = 30;
    const std::size_t done = nodes == 0 ? 0 : (nodes - waiting) * kWidth / nodes;
    std::cerr << "\r\x1b[K";
    if (waiting > 0)
      std::cerr << path << " [" << std::string(done, '#') << std::string(kWidth - done, ' ') << "] " << nodes << " situations, " << waiting
                << " waiting" << std::flush;
  };
}

class CheckRun {
 public:
  CheckRun(const SharedFiles& files, const CheckOptions& options, const std::vector<check::Policy>& policies)
      : files_(files), options_(options), policies_(policies) {}

  std::vector<check::Finding> one(const std::string& path) {
    const std::string extension = fs::path{path}.extension().string();
    if (fs::is_directory(path) || extension == ".zip") {
      const InvokeRegistry registry = make_registry();
      const Result<DefinitionPtr> loaded = make_library(files_, registry, {}, {})->load(path);
      if (!loaded) return findings_of(loaded);
      const auto kept = [&](const std::string& src) { return read_source((*loaded)->files, src); };
      return workflow(*(*loaded)->chart, {.manifest = (*loaded)->manifest, .sources = kept}, path);
    }
    const Result<std::string> text = read_file(path);
    if (!text) return findings_of(text);
    if (extension == ".scxml") {
      const auto beside = [&](const std::string& src) { return read_file((fs::path{path}.parent_path() / source_name(src)).string()); };
      const Result<scxml::ChartPtr> chart = scxml::parse_chart(*text, path, {}, beside);
      return chart ? workflow(**chart, {.manifest = {}, .sources = beside}, path) : findings_of(chart);
    }
    if (extension == ".xml") return findings_of(check::parse_policies(*text, path));
    Result<json::value> schema = parse_json(*text, JsonLimits{}, path);
    if (!schema) return findings_of(schema);
    const auto read_common = [&](const std::string& name) { return read_file(files_.root + "/forms/" + name); };
    Result<json::value> inlined = inline_common(*schema, path, read_common);
    if (!inlined) return findings_of(inlined);
    return findings_of(compile_form(*inlined, path));
  }

 private:
  std::vector<check::Finding> workflow(const scxml::Chart& chart, const check::Subject& subject, const std::string& path) {
    check::Report report = check::check(chart, subject, builtin_world(), policies_,
                                        {.nodes_max = options_.nodes_max, .edges_max = options_.nodes_max * 8}, progress_bar(path));
    for (const Detail& each : report.notes)
      std::cerr << "note: " << printable(options_.language == "zh" ? each.message_zh : each.message) << "\n";
    return std::move(report.findings);
  }

  const SharedFiles& files_;
  const CheckOptions& options_;
  const std::vector<check::Policy>& policies_;
};

json::object json_of(const check::Finding& finding) {
  json::object out{{"place", printable(finding.detail.place)},
                   {"code", finding.detail.code},
                   {"message", printable(finding.detail.message)},
                   {"message_zh", printable(finding.detail.message_zh)}};
  if (!finding.policy.empty()) out["policy"] = finding.policy;
  json::array way;
  for (const check::WayStep& each : finding.way) {
    json::array configuration(each.configuration.begin(), each.configuration.end());
    way.push_back(json::object{{"event", each.event}, {"invokeid", each.invokeid}, {"data", each.data},
                               {"configuration", std::move(configuration)}, {"zh", each.zh}, {"en", each.en}});
  }
  out["counterexample"] = std::move(way);
  return out;
}

void print(const check::Finding& finding, const std::string& language) {
  Detail shown = finding.detail;
  if (language == "zh" && !shown.message_zh.empty()) shown.message = shown.message_zh;
  std::cout << line_of(shown) << "\n";
  std::string way = printable(check::text_of(finding.way, language));
  for (std::size_t at = 0; at < way.size(); at = way.find('\n', at) + 1) std::cout << "    " << way.substr(at, way.find('\n', at) + 1 - at);
}

}  // namespace

Result<> run_check(const SharedFiles& files, const CheckOptions& options) {
  const Result<std::vector<check::Policy>> policies = load_policies(files);
  if (!policies) return policies.error();
  CheckRun run(files, options, *policies);
  std::vector<check::Finding> findings;
  for (const std::string& path : options.paths)
    for (check::Finding& each : run.one(path)) findings.push_back(std::move(each));
  if (options.json) {
    json::array out;
    for (const check::Finding& each : findings) out.push_back(json_of(each));
    std::cout << json::serialize(out) << "\n";
  } else {
    for (const check::Finding& each : findings) print(each, options.language);
  }
  const bool zh = options.language == "zh";
  if (findings.empty()) {
    if (!options.json) std::cerr << (zh ? "没有发现问题\n" : "no problems found\n");
    return {};
  }
  return Error{.kind = ErrorKind::invalid, .code = "check.problems", .message = "Expected no problems, but found " + std::to_string(findings.size())};
}

}  // namespace chuyi

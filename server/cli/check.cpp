#include <filesystem>
#include <iostream>

#include <boost/json/serialize.hpp>

#include "engine/forms/forms.h"
#include "engine/stages/profiles.h"
#include "server/cli/commands.h"
#include "server/cli/progress.h"
#include "server/cli/workflow_commands.h"

namespace chuyi {
namespace {

namespace fs = std::filesystem;

std::vector<check::Finding> findings_of(const Error& error) {
  std::vector<check::Finding> out;
  for (Detail& each : details_of(error)) out.push_back({.detail = std::move(each), .way = {}, .policy = {}});
  return out;
}
template <class T>
std::vector<check::Finding> findings_of(const Result<T>& result) {
  return result ? std::vector<check::Finding>{} : findings_of(result.error());
}

class CheckRun {
 public:
  CheckRun(const SharedFiles& files, const CheckOptions& options, const std::vector<check::Policy>& policies)
      : files_(files), options_(options), policies_(policies) {}

  std::vector<check::Finding> one(const std::string& path) {
    const std::string extension = fs::path{path}.extension().string();
    if (is_package(path) || extension == ".scxml") {
      const Result<Workflow> loaded = load_workflow(files_, path);
      return loaded ? workflow(*loaded, path) : findings_of(loaded);
    }
    const Result<std::string> text = read_file(path);
    if (!text) return findings_of(text);
    if (extension == ".xml") return findings_of(check::parse_policies(*text, path));
    Result<json::value> schema = parse_json(*text, JsonLimits{}, path);
    if (!schema) return findings_of(schema);
    const auto read_common = [&](const std::string& name) { return read_file(files_.root + "/forms/" + name); };
    Result<json::value> inlined = inline_common(*schema, path, read_common);
    if (!inlined) return findings_of(inlined);
    return findings_of(compile_form(*inlined, path));
  }

 private:
  std::vector<check::Finding> workflow(const Workflow& loaded, const std::string& path) {
    const json::object manifest = loaded.definition ? loaded.definition->manifest : json::object{};
    check::Report report = [&] {
      Progress bar(path);
      const auto show = [&](std::size_t nodes, std::size_t waiting) { bar.show(nodes - waiting, nodes, path + " " + std::to_string(nodes) + " situations"); };
      return check::check(*loaded.chart, {.manifest = manifest, .sources = loaded.sources}, builtin_world(), policies_,
                          {.nodes_max = options_.nodes_max, .edges_max = options_.nodes_max * 8}, show);
    }();
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

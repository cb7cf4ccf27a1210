#include "server/cli/workflow_commands.h"

#include <filesystem>
#include <iostream>

#include <boost/json/serialize.hpp>

#include "engine/invoke/rows_json.h"
#include "engine/scxml/diagram.h"
#include "engine/scxml/diff.h"
#include "engine/scxml/explain.h"
#include "server/diagram/diagram.h"
#include "server/phrases.h"

namespace chuyi {
namespace fs = std::filesystem;

Result<Texts> load_workflow_texts(const SharedFiles& files) {
  const std::string path = files.root + "/server/texts/workflow.json";
  const Result<std::string> text = read_file(path);
  if (!text) return text.error();
  Texts out;
  if (Result<> added = out.add(*text, path); !added) return added.error();
  return out;
}

bool is_package(const std::string& path) { return fs::is_directory(path) || fs::path{path}.extension() == ".zip"; }

Result<Workflow> load_workflow(const SharedFiles& files, const std::string& path) {
  if (is_package(path)) {
    const InvokeRegistry registry = make_registry();
    const Result<DefinitionPtr> loaded = make_library(files, registry, {}, {})->load(path);
    if (!loaded) return loaded.error();
    const auto kept = [definition = *loaded](const std::string& src) { return read_source(definition->files, src); };
    return Workflow{.chart = (*loaded)->chart, .definition = *loaded, .sources = kept};
  }
  const Result<std::string> text = read_file(path);
  if (!text) return text.error();
  const auto beside = [folder = fs::path{path}.parent_path()](const std::string& src) { return read_file((folder / source_name(src)).string()); };
  const Result<scxml::ChartPtr> chart = scxml::parse_chart(*text, path, {}, beside);
  if (!chart) return chart.error();
  return Workflow{.chart = *chart, .definition = nullptr, .sources = beside};
}

Result<> run_diagram(const SharedFiles& files, const DiagramOptions& options) {
  const Result<Workflow> workflow = load_workflow(files, options.file);
  if (!workflow) return workflow.error();
  const Result<Texts> texts = load_workflow_texts(files);
  if (!texts) return texts.error();
  const scxml::Phrases phrases = workflow_phrases(*texts, options.language, workflow->definition.get());
  if (options.format == DiagramFormat::mermaid) {
    std::cout << scxml::to_mermaid(*workflow->chart, phrases);
    return {};
  }
  const std::string dot = scxml::to_dot(*workflow->chart, phrases);
  if (options.format == DiagramFormat::dot) {
    std::cout << dot;
    return {};
  }
  const Result<std::string> drawn = options.format == DiagramFormat::png ? png_of_dot(dot) : svg_of_dot(dot);
  if (!drawn) return drawn.error();
  std::cout << *drawn;
  return {};
}

Result<> run_explain(const SharedFiles& files, const std::string& file, const std::string& language) {
  const Result<Workflow> workflow = load_workflow(files, file);
  if (!workflow) return workflow.error();
  const Result<Texts> texts = load_workflow_texts(files);
  if (!texts) return texts.error();
  const scxml::Phrases phrases = workflow_phrases(*texts, language, workflow->definition.get());
  if (workflow->definition) std::cout << string_or(object_or_empty(workflow->definition->manifest, "titles"), language) << "\n";
  std::cout << to_text(scxml::explain(*workflow->chart, phrases), phrases);
  return {};
}

Result<> run_diff(const SharedFiles& files, const std::string& before, const std::string& after, const std::string& language, bool json_output) {
  const Result<Workflow> was = load_workflow(files, before);
  if (!was) return was.error();
  const Result<Workflow> is = load_workflow(files, after);
  if (!is) return is.error();
  const Result<Texts> texts = load_workflow_texts(files);
  if (!texts) return texts.error();
  const scxml::Phrases old_phrases = workflow_phrases(*texts, language, was->definition.get());
  const scxml::Phrases new_phrases = workflow_phrases(*texts, language, is->definition.get());
  const std::vector<scxml::ChartChange> changes = scxml::diff(*was->chart, old_phrases, *is->chart, new_phrases);
  if (!json_output) {
    std::cout << to_text(changes, new_phrases);
    return {};
  }
  json::array out;
  for (const scxml::ChartChange& each : changes)
    out.push_back(json::object{{"kind", each.kind}, {"state", each.state}, {"who", to_json(each.who)}, {"text", each.text}});
  std::cout << json::serialize(out) << "\n";
  return {};
}

}  // namespace chuyi

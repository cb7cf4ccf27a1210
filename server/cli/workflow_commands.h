#pragma once

#include <string>

#include "server/installation.h"
#include "server/problem.h"

/// `chuyi diagram`, `explain` and `diff`: workflows for people who read no XML.
namespace chuyi {

/// A chart, alone or with the package around it.
struct Workflow {
  scxml::ChartPtr chart;
  DefinitionPtr definition;      ///< nullptr: a chart alone
  scxml::ReadSource sources;     ///< what its `src` name: of the package, or beside the file
};
/// Of a .scxml file, or of a package (folder or zip) that is read and not kept. Errors: those of parse_chart and of the package.
Result<Workflow> load_workflow(const SharedFiles& files, const std::string& path);
/// Words for what charts hold. Errors: of the file.
Result<Texts> load_workflow_texts(const SharedFiles& files);
/// Is it a package, by its name?
bool is_package(const std::string& path);

enum class DiagramFormat : std::uint8_t { svg, png, dot, mermaid };

struct DiagramOptions {
  std::string file;
  std::string language = "zh";
  DiagramFormat format = DiagramFormat::svg;
};

/// `file`: a .scxml file, or a package (folder or zip), whose numbers and form titles then stand in the sentences.
Result<> run_diagram(const SharedFiles& files, const DiagramOptions& options);
Result<> run_explain(const SharedFiles& files, const std::string& file, const std::string& language);
Result<> run_diff(const SharedFiles& files, const std::string& before, const std::string& after, const std::string& language, bool json_output);

}  // namespace chuyi

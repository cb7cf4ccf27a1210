#pragma once

#include <string>

#include "server/installation.h"

/// `chuyi diagram`, `explain` and `diff`: workflows for people who read no XML.
namespace chuyi {

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

#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace chuyi::scxml {

/// One hostile input that lies beside the source tree, and what its manifest says about it.
struct CorpusRow {
  std::string path;         ///< in the corpus, e.g. "lua/os-exit.lua"
  std::string kind;         ///< "lua", "xml", "scxml-run"
  std::string check;        ///< "ACCEPT", "REJECT", "DENY" …
  std::string error_class;  ///< "XML_DOCTYPE"; "-" for none
  std::string text;
};

/// CHUYI_CORPUS, or the folder beside the source tree.
inline std::filesystem::path corpus_root() {
  const char* given = std::getenv("CHUYI_CORPUS");
  return given != nullptr ? std::filesystem::path{given} : std::filesystem::path{CHUYI_SOURCE_DIR} / "../shared/corpus";
}

/// The rows whose path starts so; none when there is no corpus. Packed files (.gz) are left out.
inline std::vector<CorpusRow> corpus(std::string_view prefix) {
  std::vector<CorpusRow> out;
  std::ifstream manifest(corpus_root() / "MANIFEST.tsv");
  for (std::string line; std::getline(manifest, line);) {
    std::vector<std::string> cells;
    std::stringstream row(line);
    for (std::string cell; std::getline(row, cell, '\t');) cells.push_back(cell);
    if (cells.size() < 8 || !cells[0].starts_with(prefix) || cells[0].ends_with(".gz")) continue;
    std::ifstream in(corpus_root() / cells[0], std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    out.push_back({.path = cells[0], .kind = cells[3], .check = cells[6], .error_class = cells[7], .text = text.str()});
  }
  return out;
}

}  // namespace chuyi::scxml

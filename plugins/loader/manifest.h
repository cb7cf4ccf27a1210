#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/base/json.h"
#include "engine/base/result.h"

namespace chuyi {

struct ManifestForm {
  std::string id;
  std::string src;  ///< empty: made from the manifest's indicators
  std::string place;
};

/// plugin.xml as data.
struct Manifest {
  std::string id;
  std::string version;
  json::object data;  ///< as engine/ports/definition.h describes Definition::manifest
  std::string workflow_src;
  std::string workflow_shared;
  std::string workflow_place;
  std::vector<ManifestForm> forms;
  std::string certificate_src;  ///< both empty: none
  std::string certificate_shared;
  std::string certificate_place;
  std::string conflicts;  ///< name of the rules of conflict in workflows/policies; empty: none
  std::string conflicts_place;
  std::map<std::string, std::string> text_places;  ///< by the keys of data["texts"]
  std::string library;  ///< path inside the package; empty when there is none
  std::string library_place;
};

/// Reads plugin.xml: through the XML gate, against plugin.xsd, then what a schema cannot say (weights that sum
/// to 100, unique ids, a numbering scheme with a sequence number).
/// Errors: `invalid` "xml.*", "plugin.schema", "plugin.*" with every defect, place = file:line:column.
Result<Manifest> read_manifest(const std::string& text, const std::string& file, const std::string& schema_path);

}  // namespace chuyi

#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/json.h"
#include "engine/base/result.h"
#include "engine/forms/forms.h"
#include "engine/ports/certificate.h"
#include "engine/scxml/chart.h"

namespace chuyi {

/// One version of one programme, as loaded from a package. Immutable; a running application keeps the
/// one it started with.
struct Definition {
  std::string digest;     ///< SHA-256 over the canonical content, hex: its identity
  std::string programme;  ///< id, e.g. "workshop"
  std::string version;    ///< SemVer of the package
  /// {"titles":{"zh","en"},"description":{…},"quota":{"province":100},"term_years":3,
  ///  "numbering":{"scheme":"…{year}…{seq:03}…"},"publicity":{"days":5,"unit":"working","include_start":true,
  ///  "fields":[…]},"panel":{"reviewers_min":3},"documents":[{"kind","titles","required","media_types","bytes_max","public"}],
  ///  "rubric":{"criteria":[{"id","titles","weight","max"}]},"forms":{"nomination":"forms/nomination.json",…},
  ///  "hooks":["validate"],"rounds":["2026"],"texts":{"notice.lead":{"zh","en"}}}
  json::object manifest;
  scxml::ChartPtr chart;
  json::object forms;  ///< form id → JSON Schema draft-07 with common definitions already inlined
  std::map<std::string, FormPtr, std::less<>> compiled_forms;  ///< the same, compiled
  CertificatePtr certificate;  ///< of an award; nullptr when the programme gives none
  /// Every text file of the package that the digest covers: path → content. What the store keeps, and
  /// what `Definitions::restore` rebuilds a definition from.
  json::object files;
  std::string library;  ///< absolute path of the native library; empty when there is none
  std::string library_digest;  ///< SHA-256 of its bytes, hex; covered by `digest` too
};
using DefinitionPtr = std::shared_ptr<const Definition>;

/// Whether version `a` comes after `b`: three numbers, compared as numbers.
bool is_newer_version(std::string_view a, std::string_view b);

/// The name that `src` of an <invoke>, <data> or <script> gives to a document beside the workflow: as it stands, or after
/// "file:". Empty for everything else: other folders, other schemes.
std::string source_name(const std::string& src);
/// Where Definition::files keeps the document of this name.
inline std::string source_key(const std::string& name) { return "sources/" + name; }
/// Its text. Errors: `not_found` "scxml.src".
Result<std::string> read_source(const json::object& files, const std::string& src);

/// Where definitions come from. Thread-safe.
class Definitions {
 public:
  virtual ~Definitions() = default;
  /// The version of each programme that new applications start on, ordered by id.
  virtual std::vector<DefinitionPtr> current() const = 0;
  /// nullptr when there is no such programme.
  virtual DefinitionPtr current(std::string_view programme) const = 0;
  /// Any version loaded or restored since start. nullptr when unknown.
  virtual DefinitionPtr by_digest(std::string_view digest) const = 0;
  /// Rebuilds a stored definition from its files; idempotent.
  virtual Result<DefinitionPtr> restore(std::string_view digest, const json::object& files) = 0;
  /// Reads the packages folder again. A package with problems is left out, keeps its former version and
  /// is reported. @return problems, place = file:line:column.
  virtual std::vector<Detail> reload() = 0;
};

}  // namespace chuyi

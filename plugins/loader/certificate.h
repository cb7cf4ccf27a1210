#pragma once

#include <string>
#include <vector>

#include "engine/ports/certificate.h"
#include "plugins/loader/manifest.h"

namespace chuyi {

/// Reads the template of a certificate and puts the package's own wording into it.
///
/// @param file  names the template in errors.
/// @return  Errors: `invalid` "xml.*", "certificate.schema" (an unknown element, a missing language, a size out of bounds),
///          "certificate.place" (past the edge of the page), "certificate.duplicate", "certificate.size", "certificate.placeholder",
///          "text.braces" with every defect, place = file:line:column.
Result<Certificate> read_certificate(const std::string& text, const std::string& file, const std::string& schema_path, const Manifest& manifest);

/// What is wrong with the package's own texts: "plugin.text_key" for one that nothing reads, "certificate.placeholder",
/// "text.braces". @param certificate  nullptr when the package has none, or one that cannot be read.
std::vector<Detail> check_texts(const Manifest& manifest, const Certificate* certificate);

}  // namespace chuyi

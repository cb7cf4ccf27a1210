#pragma once

#include <memory>
#include <string>

#include "engine/scxml/xml_gate.h"

namespace chuyi {

/// Reads an XML document through the gate and holds it against an XSD.
/// Errors: those of parse_xml; `invalid` `code` with every defect that the schema finds, place = file:line:column.
Result<std::unique_ptr<XmlDocument>> read_by_schema(const std::string& text, const std::string& file, const std::string& schema_path, const char* code);

}  // namespace chuyi

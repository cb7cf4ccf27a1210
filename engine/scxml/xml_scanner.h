#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/base/result.h"
#include "engine/scxml/chart.h"

namespace chuyi {

/// A defect of an XML text and the byte it was found at.
struct XmlFault {
  ErrorKind kind;
  std::string code;
  std::string message;
  std::size_t offset;
};

/// Checks that `text` (UTF-8) is a well-formed, namespace-well-formed XML 1.0 document without DOCTYPE and
/// within `limits`. Does not recurse; takes time linear in the text.
std::optional<XmlFault> scan_xml(std::string_view text, bool was_utf16, const scxml::ChartLimits& limits);

}  // namespace chuyi

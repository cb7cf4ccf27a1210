#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace chuyi::scxml {

/// Bounds of a workflow document.
struct ChartLimits {
  std::size_t bytes_max = 1024U * 1024;
  std::size_t depth_max = 64;
  std::size_t elements_max = 20'000;
  std::size_t attributes_max = 64;          ///< of one element
  std::size_t text_bytes_max = 64U * 1024;  ///< one attribute value or text
  /// Expressions that do not compile fail when they are evaluated, instead of here: SCXML 5.9 leaves the choice.
  bool lazy_expressions = false;
};

/// A validated, immutable workflow definition. Share it between threads freely.
class Chart;
using ChartPtr = std::shared_ptr<const Chart>;

/// Gives the text of a document that `src` names (`<data>`, `<script>`). Errors: any; they become "scxml.src".
using ReadSource = std::function<Result<std::string>(const std::string& src)>;

/// Reads an SCXML document (W3C SCXML 1.0, 2015-09-01) with the data model "lua" or "null".
///
/// @param xml   the document's bytes; UTF-8, or UTF-16 with a byte order mark.
/// @param file  names the document in errors.
/// @param read  reads what `src` of `<data>` and `<script>` names, now, whatever the binding; none: nothing can be read.
/// @return      the chart. Errors: `invalid` with one Detail for each defect, place = file:line:column,
///              codes "xml.*" (not well-formed, DOCTYPE, encoding) and "scxml.*" (structure, targets,
///              ids, expressions that do not compile); `too_large` "xml.*" past a limit.
Result<ChartPtr> parse_chart(std::string_view xml, const std::string& file, const ChartLimits& limits = {}, const ReadSource& read = {});

}  // namespace chuyi::scxml

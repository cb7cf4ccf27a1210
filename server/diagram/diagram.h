#pragma once

#include <string>

#include "engine/base/result.h"

namespace chuyi {

/// Lays out Graphviz source and draws it as SVG (in process; one at a time: Graphviz is not thread-safe). The latest pictures are kept.
/// Presentation attributes only, no style element and no script, so that a strict CSP shows it.
/// Errors: `invalid` "diagram.size"; `unavailable` "diagram.graphviz" when the layout plugins are missing.
Result<std::string> svg_of_dot(const std::string& dot);
/// The same as PNG, at twice the usual resolution, so that it prints well.
Result<std::string> png_of_dot(const std::string& dot);

}  // namespace chuyi

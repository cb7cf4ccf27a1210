#pragma once

#include <string>

#include "engine/ports/definition.h"

namespace chuyi {

/// The chart that an <invoke> runs, compiled once for each text and definition. Thread-safe.
/// Errors: those of scxml::parse_chart.
Result<scxml::ChartPtr> child_chart(const Definition& definition, const std::string& text);

}  // namespace chuyi

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace chuyi::scxml {

/// A CSS2 time as `delay` takes it: "5s", "1.5s", "500ms". @return milliseconds.
std::optional<std::int64_t> parse_css_time(std::string_view text);

}  // namespace chuyi::scxml

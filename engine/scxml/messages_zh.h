#pragma once

#include <string>
#include <string_view>

namespace chuyi::scxml {

/// What a problem of this code means, in Chinese, with what the English message says was found. Empty for other codes.
std::string message_zh_of(std::string_view code, std::string_view message);

}  // namespace chuyi::scxml

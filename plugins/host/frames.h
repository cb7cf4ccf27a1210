#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

/// Messages between the server and a plugin host: a length (4 bytes, little endian) and that many bytes of JSON.
namespace chuyi::plugin {

inline constexpr std::size_t kFrameMax = 4U * 1024 * 1024;

using Deadline = std::optional<std::chrono::steady_clock::time_point>;

enum class FrameStatus { ok, closed, timeout, invalid };

/// Writes one frame; `closed` when the other side is gone, `timeout` when it does not take it in time.
FrameStatus write_frame(int fd, std::string_view bytes, Deadline deadline);
/// Reads one frame into `out`; `invalid` for a length of 0 or past kFrameMax.
FrameStatus read_frame(int fd, std::string& out, Deadline deadline);

}  // namespace chuyi::plugin

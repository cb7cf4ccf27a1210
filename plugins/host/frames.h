#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

/// Messages between the server and a plugin host: a length (4 bytes, little endian) and that many bytes of JSON, or
/// of a line for the server's log (any bytes) behind kLogMark, with which no JSON begins.
namespace chuyi::plugin {

inline constexpr std::size_t kFrameMax = 4U * 1024 * 1024;
inline constexpr char kLogMark = 'L';
inline constexpr std::size_t kLogLineMax = 2'000;  ///< bytes; the rest of a line is cut off
inline constexpr int kLogLinesMax = 100;           ///< of one call; one more says how many were dropped

using Deadline = std::optional<std::chrono::steady_clock::time_point>;

enum class FrameStatus { ok, closed, timeout, invalid };

/// Writes one frame; `closed` when the other side is gone, `timeout` when it does not take it in time.
FrameStatus write_frame(int fd, std::string_view bytes, Deadline deadline);
/// Reads one frame into `out`; `invalid` for a length of 0 or past kFrameMax.
FrameStatus read_frame(int fd, std::string& out, Deadline deadline);

}  // namespace chuyi::plugin

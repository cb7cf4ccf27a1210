#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

/// Messages between the server and a plugin host: a length (4 bytes, little endian) and that many bytes.
///
/// The server asks `ID HOOK\n{…}`, with ids that rise. The host greets with kHello or kRefused, then serves the requests in
/// order: log lines, then kAnswer, kNone or kFailed with the id. What stands behind the id is the library's own text.
namespace chuyi::plugin {

inline constexpr char kHello = 'H';    ///< "H1 validate score": whether files are closed, and the library's hooks
inline constexpr char kRefused = 'R';  ///< "Rreason": the library cannot be served
inline constexpr char kLog = 'L';      ///< "Lline" for the server's log, any bytes
inline constexpr char kAnswer = 'A';   ///< "A7\n{…}", JSON if the library did as it should
inline constexpr char kNone = 'N';     ///< "N7\n": the library has no such hook
inline constexpr char kFailed = 'F';   ///< "F7\nreason"

inline constexpr std::size_t kFrameMax = 4U * 1024 * 1024;
inline constexpr std::size_t kAnswerMax = kFrameMax / 2;
inline constexpr std::size_t kLogLineMax = 2'000;  ///< bytes; the rest of a line is cut off
inline constexpr int kLogLinesMax = 100;           ///< of one call; one more says how many were dropped

enum class FrameStatus { ok, none, closed, invalid };

/// The message, of two parts, with its length before it. At most kFrameMax bytes, not empty.
std::string frame_of(std::string_view head, std::string_view rest = {});

/// Writes all of `bytes`, however long that takes. False when the other side is gone.
bool write_all(int fd, std::string_view bytes);

/// What came in over a socket, message by message.
class Inbox {
 public:
  /// The next whole message, in place until the next receive(); `none` when it is not all there, `invalid` for a length of 0
  /// or past kFrameMax.
  FrameStatus next(std::string_view& message);
  /// Reads what is there, of recv()'s `flags`; `none` when MSG_DONTWAIT found nothing, `closed` when the other side is gone.
  FrameStatus receive(int fd, int flags);
  bool empty() const { return begin_ == end_; }
  void clear() { begin_ = end_ = 0; }

 private:
  std::vector<char> bytes_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace chuyi::plugin

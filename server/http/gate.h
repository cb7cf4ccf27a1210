#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "server/http/message.h"

namespace chuyi {

/// Why a request's framing was refused. The connection closes after the answer.
struct Refusal {
  int status;        ///< 400, 413, 414, 431, 501, 505
  std::string code;  ///< "http.*"
  std::string message;
};

/// The one gate for request heads (RFC 9112, RFC 9110): takes the bytes up to and including the empty line.
/// Refuses whatever two readers could take for different things: no or several Host, line folding, space before
/// a colon, bare CR or LF, control characters, Content-Length that is no plain number or stands twice or beside
/// Transfer-Encoding, any transfer coding but one "chunked", versions but 1.1 and 1.0, and paths that are not
/// canonical (percent-decoded once: no "..", "//", ";", "\", "%2f", "%00", invalid UTF-8).
std::variant<Request, Refusal> parse_head(std::string_view head, const HttpLimits& limits);

/// Decodes percent escapes strictly; `plus` turns "+" into a space. False for a bad escape or a NUL.
bool percent_decode(std::string_view text, bool plus, std::string& out);
/// "a=1&b=2" into names and values, each name once. False when malformed.
bool parse_query(std::string_view text, std::map<std::string, std::string>& out);

/// A chunk's size line without its CRLF: strict hex, at most 16 digits, a short extension at most.
std::optional<std::uint64_t> parse_chunk_size(std::string_view line);

}  // namespace chuyi

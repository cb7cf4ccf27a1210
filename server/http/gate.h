#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <boost/beast/http/message.hpp>

#include "server/http/message.h"

namespace chuyi {

/// Why a request's framing was refused. The connection closes after the answer.
struct Refusal {
  int status;        ///< 400, 413, 414, 431, 501, 505
  std::string code;  ///< "http.*"
  std::string message;
};

/// The one gate for request heads (RFC 9112, RFC 9110): looks at the bytes up to and including the empty line,
/// before Beast's more lenient parser reads them. Refuses whatever two readers could take for different things: no
/// or several Host, line folding, space before a colon, bare CR or LF, control characters, Content-Length that is
/// no plain number or stands twice or beside Transfer-Encoding, any transfer coding but one "chunked", upgrades,
/// and versions but 1.1 and 1.0.
std::optional<Refusal> refuse_head(std::string_view head, const HttpLimits& limits);

/// Method, target and headers of a message that passed the gate. Refuses paths that are not canonical
/// (percent-decoded once: no "..", "//", ";", "\\", "%2f", "%00", invalid UTF-8) and malformed queries.
std::variant<Request, Refusal> read_request(const boost::beast::http::request_header<>& head);

}  // namespace chuyi

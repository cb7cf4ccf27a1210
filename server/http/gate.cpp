#include "server/http/gate.h"

#include <algorithm>
#include <array>

#include "engine/base/json.h"

namespace chuyi {
namespace {

bool is_token_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
}
bool is_token(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char); }

std::string lower(std::string_view text) {
  std::string out{text};
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

Refusal bad(std::string code, std::string message, int status = 400) {
  return {.status = status, .code = "http." + std::move(code), .message = "Expected " + std::move(message)};
}

/// Decoded once and canonical, or empty.
std::string canonical_path(std::string_view raw) {
  if (raw.empty() || raw.front() != '/') return {};
  const std::string probe = lower(raw);
  for (const std::string_view forbidden : {"%2f", "%5c", "%00", "%25", "//", ";", "\\"})
    if (probe.find(forbidden) != std::string::npos) return {};
  std::string out;
  if (!percent_decode(raw, false, out) || !is_utf8(out)) return {};
  if (std::any_of(out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; })) return {};
  for (std::size_t at = 0; at < out.size();) {
    const std::size_t end = std::min(out.find('/', at + 1), out.size());
    const std::string_view segment = std::string_view{out}.substr(at + 1, end - at - 1);
    if (segment == "." || segment == "..") return {};
    at = end;
  }
  return out;
}

std::optional<Refusal> refuse_request_line(std::string_view line, const HttpLimits& limits) {
  const std::size_t first = line.find(' ');
  const std::size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos || line.find(' ', second + 1) != std::string_view::npos)
    return bad("request_line", "METHOD TARGET HTTP/1.1");
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, second - first - 1);
  const std::string_view version = line.substr(second + 1);
  if (!is_token(method)) return bad("method", "a method");
  static constexpr std::array kMethods = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"};
  if (std::find(kMethods.begin(), kMethods.end(), method) == kMethods.end())
    return bad("method", "GET, HEAD, POST, PUT or DELETE", 501);
  if (target.size() > limits.target_bytes_max)
    return bad("target_size", "a target of at most " + std::to_string(limits.target_bytes_max) + " bytes", 414);
  if (version == "HTTP/1.1" || version == "HTTP/1.0") return std::nullopt;
  const bool form = version.size() == 8 && version.starts_with("HTTP/") && version[6] == '.';
  return bad("version", "HTTP/1.1", form ? 505 : 400);
}

/// What decides where a message ends and whom it is for.
struct Framing {
  std::size_t hosts = 0;
  std::size_t lengths = 0;
  std::size_t codings = 0;
};

std::optional<Refusal> refuse_header(std::string_view line, Framing& framing) {
  if (line.front() == ' ' || line.front() == '\t') return bad("folding", "no folded header lines");
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return bad("header", "NAME: VALUE, no space before the colon");
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (std::any_of(value.begin(), value.end(), [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F; }))
    return bad("header", "no control characters in header values");
  const std::string name = lower(line.substr(0, colon));
  if (name == "host") {
    ++framing.hosts;
    if (value.empty() || value.find_first_of(" /@?#\\,") != std::string::npos) return bad("host", "a valid Host");
  } else if (name == "content-length") {
    ++framing.lengths;
    if (value.empty() || value.size() > 15 || !std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; }))
      return bad("content_length", "one plain number as Content-Length");
  } else if (name == "transfer-encoding") {
    ++framing.codings;
    if (lower(value) != "chunked") return bad("transfer_encoding", "the transfer coding 'chunked' or none", 501);
  } else if (name == "expect") {
    if (lower(value) != "100-continue") return bad("expect", "100-continue");
  } else if (name == "upgrade") {
    return bad("upgrade", "no protocol upgrade");
  }
  return std::nullopt;
}

}  // namespace

std::optional<Refusal> refuse_head(std::string_view head, const HttpLimits& limits) {
  head.remove_suffix(2);  // the empty line
  Framing framing;
  std::size_t lines = 0;
  bool http_1_1 = true;
  while (!head.empty()) {
    const std::size_t end = head.find("\r\n");
    if (end == std::string_view::npos) return bad("line_end", "lines that end with CR LF");
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end + 2);
    if (line.find_first_of(std::string_view{"\r\n\0", 3}) != std::string_view::npos) return bad("control", "no bare CR, LF or NUL");
    if (line.empty()) return bad("request_line", "a request line");
    if (lines++ == 0) {
      if (auto refusal = refuse_request_line(line, limits)) return refusal;
      http_1_1 = line.ends_with("1.1");
    } else if (auto refusal = refuse_header(line, framing)) {
      return refusal;
    }
    if (lines > limits.headers_max + 1)
      return bad("header_count", "at most " + std::to_string(limits.headers_max) + " headers", 431);
  }
  if (lines == 0) return bad("request_line", "a request line");
  if (framing.hosts > 1 || (framing.hosts == 0 && http_1_1)) return bad("host", "exactly one Host");
  if (framing.lengths + framing.codings > 1) return bad("framing", "Content-Length or Transfer-Encoding, once");
  if (framing.codings > 0 && !http_1_1) return bad("framing", "no transfer coding in HTTP/1.0");
  return std::nullopt;
}

std::variant<Request, Refusal> read_request(const boost::beast::http::request_header<>& head) {
  Request out;
  out.method = head.method_string();
  const std::string_view target = head.target();
  const std::size_t mark = target.find('?');
  out.path = canonical_path(target.substr(0, mark));
  if (out.path.empty() || target.find('#') != std::string_view::npos) return bad("path", "a canonical path");
  out.query_text = mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
  if (!parse_query(out.query_text, out.query)) return bad("query", "a query of NAME=VALUE pairs in UTF-8, each name once");
  for (const auto& field : head) {
    std::string& value = out.headers[lower(field.name_string())];
    value += value.empty() ? std::string{field.value()} : ", " + std::string{field.value()};
  }
  return out;
}

}  // namespace chuyi

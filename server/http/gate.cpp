#include "server/http/gate.h"

#include <algorithm>
#include <array>

#include "engine/base/json.h"

namespace chuyi {
namespace {

constexpr std::size_t kChunkExtensionMax = 64;

bool is_token_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
}
bool is_token(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char); }

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

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

/// Decoded and canonical, or empty.
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

std::optional<Refusal> read_request_line(std::string_view line, const HttpLimits& limits, Request& out) {
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
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    const bool form = version.size() == 8 && version.starts_with("HTTP/") && version[6] == '.';
    return form ? bad("version", "HTTP/1.1", 505) : bad("version", "HTTP/1.1");
  }
  out.method = method;
  out.keep_alive = version == "HTTP/1.1";
  const std::size_t mark = target.find('?');
  out.path = canonical_path(target.substr(0, mark));
  if (out.path.empty() || target.find('#') != std::string_view::npos) return bad("path", "a canonical path");
  out.query_text = mark == std::string_view::npos ? std::string{} : std::string{target.substr(mark + 1)};
  if (!parse_query(out.query_text, out.query)) return bad("query", "a query of NAME=VALUE pairs in UTF-8, each name once");
  return std::nullopt;
}

std::optional<Refusal> read_header(std::string_view line, Request& out) {
  if (line.front() == ' ' || line.front() == '\t') return bad("folding", "no folded header lines");
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return bad("header", "NAME: VALUE, no space before the colon");
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (std::any_of(value.begin(), value.end(), [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F; }))
    return bad("header", "no control characters in header values");
  out.headers.emplace_back(lower(line.substr(0, colon)), value);
  return std::nullopt;
}

std::optional<Refusal> check_framing(bool http_1_1, Request& out) {
  std::size_t hosts = 0;
  std::size_t lengths = 0;
  std::size_t codings = 0;
  for (const auto& [name, value] : out.headers) {
    if (name == "host") {
      ++hosts;
      if (value.empty() || value.find_first_of(" /@?#\\,") != std::string::npos) return bad("host", "a valid Host");
    } else if (name == "content-length") {
      ++lengths;
      if (value.empty() || value.size() > 15 || !std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; }))
        return bad("content_length", "one plain number as Content-Length");
      out.content_length = std::stoull(value);
    } else if (name == "transfer-encoding") {
      ++codings;
      if (lower(value) != "chunked") return bad("transfer_encoding", "the transfer coding 'chunked' or none", 501);
      out.chunked = true;
    } else if (name == "connection") {
      if (lower(value).find("close") != std::string::npos) out.keep_alive = false;
    } else if (name == "expect") {
      if (lower(value) != "100-continue") return bad("expect", "100-continue");
      out.expects_continue = true;
    } else if (name == "upgrade") {
      return bad("upgrade", "no protocol upgrade");
    }
  }
  if (hosts > 1 || (hosts == 0 && http_1_1)) return bad("host", "exactly one Host");
  if (lengths > 1 || codings > 1 || (lengths > 0 && codings > 0)) return bad("framing", "Content-Length or Transfer-Encoding, once");
  if (codings > 0 && !http_1_1) return bad("framing", "no transfer coding in HTTP/1.0");
  return std::nullopt;
}

}  // namespace

const std::string& Request::header(std::string_view name) const {
  static const std::string kNone;
  const auto found = std::find_if(headers.begin(), headers.end(), [&](const auto& each) { return each.first == name; });
  return found == headers.end() ? kNone : found->second;
}

std::string Request::query_or(const std::string& name, std::string_view fallback) const {
  const auto found = query.find(name);
  return found == query.end() ? std::string{fallback} : found->second;
}

bool percent_decode(std::string_view text, bool plus, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size()) return false;
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high < 0 || low < 0 || (high == 0 && low == 0)) return false;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += plus && text[i] == '+' ? ' ' : text[i];
    }
  }
  return true;
}

bool parse_query(std::string_view text, std::map<std::string, std::string>& out) {
  while (!text.empty()) {
    const std::string_view pair = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(pair.size() + 1, text.size()));
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    std::string name;
    std::string value;
    if (!percent_decode(pair.substr(0, equals), true, name)) return false;
    if (equals != std::string_view::npos && !percent_decode(pair.substr(equals + 1), true, value)) return false;
    if (!is_utf8(name) || !is_utf8(value) || out.size() > 64 || !out.emplace(std::move(name), std::move(value)).second) return false;
  }
  return true;
}

std::optional<std::uint64_t> parse_chunk_size(std::string_view line) {
  const std::size_t semicolon = line.find(';');
  const std::string_view digits = line.substr(0, semicolon);
  if (digits.empty() || digits.size() > 8 || line.size() - digits.size() > kChunkExtensionMax) return std::nullopt;
  std::uint64_t size = 0;
  for (const char c : digits) {
    if (hex_value(c) < 0) return std::nullopt;
    size = size * 16 + static_cast<std::uint64_t>(hex_value(c));
  }
  return size;
}

std::variant<Request, Refusal> parse_head(std::string_view head, const HttpLimits& limits) {
  Request out;
  head.remove_suffix(2);  // the empty line
  bool first = true;
  bool http_1_1 = true;
  while (!head.empty()) {
    const std::size_t end = head.find("\r\n");
    if (end == std::string_view::npos) return bad("line_end", "lines that end with CR LF");
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end + 2);
    if (line.find_first_of(std::string_view{"\r\n\0", 3}) != std::string_view::npos) return bad("control", "no bare CR, LF or NUL");
    if (line.empty()) return bad("request_line", "a request line");
    if (first) {
      if (auto refusal = read_request_line(line, limits, out)) return *refusal;
      http_1_1 = out.keep_alive;
      first = false;
    } else if (auto refusal = read_header(line, out)) {
      return *refusal;
    }
    if (out.headers.size() > limits.headers_max)
      return bad("header_count", "at most " + std::to_string(limits.headers_max) + " headers", 431);
  }
  if (first) return bad("request_line", "a request line");
  if (auto refusal = check_framing(http_1_1, out)) return *refusal;
  return out;
}

}  // namespace chuyi

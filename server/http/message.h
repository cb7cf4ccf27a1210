#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/form.h"
#include "engine/ports/documents.h"

namespace chuyi {

/// Bounds of what clients send.
struct HttpLimits {
  std::size_t head_bytes_max = 16U * 1024;
  std::size_t headers_max = 64;
  std::size_t target_bytes_max = 4U * 1024;
  std::uint64_t body_bytes_max = 1024U * 1024;               ///< of anything but a document
  std::uint64_t document_bytes_max = 64U * 1024 * 1024;
  std::size_t json_depth_max = 32;
  std::size_t connections_max = 1'000;
  int idle_seconds_max = 60;  ///< between two requests
  int head_seconds_max = 10;  ///< for the whole head
  int body_seconds_max = 30;  ///< for each 64 KiB of a body, in or out
};

/// A request whose head has passed the gate.
struct Request {
  std::string method;
  std::string path;  ///< decoded once, canonical, UTF-8
  std::string query_text;
  std::map<std::string, std::string> query;
  std::map<std::string, std::string, std::less<>> headers;  ///< names in lower case; a repeated one is joined by ", "
  std::string peer;  ///< address
  std::string id;
  std::string body;  ///< whole, unless the route streams it

  /// The header's value; empty when there is none.
  const std::string& header(std::string_view name) const;
  std::string query_or(const std::string& name, std::string_view fallback = {}) const;
};

struct Response {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::unique_ptr<DocumentReader> stream;  ///< when set, sent instead of `body`

  Response& with(std::string name, std::string value) {
    headers.emplace_back(std::move(name), std::move(value));
    return *this;
  }
};

/// "a=1&b=2" into names and values, each name once. False when malformed.
bool parse_query(std::string_view text, std::map<std::string, std::string>& out);

}  // namespace chuyi

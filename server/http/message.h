#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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
  int head_seconds_max = 10;
  int body_seconds_max = 30;  ///< without a byte
};

/// A request whose head has passed the gate.
struct Request {
  std::string method;
  std::string path;  ///< decoded once, canonical, UTF-8
  std::string query_text;
  std::map<std::string, std::string> query;
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
  bool keep_alive = true;
  bool expects_continue = false;
  std::string peer;  ///< address
  std::string id;
  std::string body;  ///< whole, unless the route streams it

  /// The header's value; empty when there is none.
  const std::string& header(std::string_view name) const;
  std::string query_or(const std::string& name, std::string_view fallback = {}) const;
  bool has_body() const { return chunked || content_length.value_or(0) > 0; }
};

struct Response {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::unique_ptr<DocumentReader> stream;  ///< when set, sent instead of `body`
  bool close = false;

  Response& with(std::string name, std::string value) {
    headers.emplace_back(std::move(name), std::move(value));
    return *this;
  }
};

}  // namespace chuyi

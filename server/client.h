#pragma once

#include <map>
#include <memory>
#include <string>

#include "engine/base/json.h"
#include "engine/base/result.h"

namespace chuyi {

struct ClientAnswer {
  int status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case
  json::value body;                            ///< when it is JSON
  std::string bytes;
};

/// A small HTTP client for Chuyi's own interface: one connection, kept alive, one request at a time.
class HttpClient {
 public:
  HttpClient(std::string host, std::uint16_t port);
  ~HttpClient();
  HttpClient(HttpClient&& other) noexcept;
  /// @param headers  beside Host and Content-Length. Errors: `unavailable` "client.connection".
  Result<ClientAnswer> request(const std::string& method, const std::string& target, const std::string& body,
                               const std::map<std::string, std::string>& headers);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chuyi

#pragma once

#include <string>

#include "server/client.h"

namespace chuyi {

/// A running server that a subcommand works through, signed in.
class RemoteServer {
 public:
  /// @param server  ADDRESS:PORT. The password comes from the terminal, or is one line of standard input.
  /// Errors: `invalid` "cli.listen", "cli.password"; those of send().
  static Result<RemoteServer> sign_in(const std::string& server, const std::string& user, bool password_stdin);

  /// @param path  below /api/v1.   @param type  of the body; empty: none.
  /// Errors: `unavailable` "client.connection"; what the server refused, with its code and every detail.
  Result<json::object> send(const std::string& method, const std::string& path, const std::string& body, const std::string& type);

 private:
  RemoteServer(const std::string& address, std::uint16_t port) : client_(address, port) {}
  HttpClient client_;
  std::string token_;
};

}  // namespace chuyi

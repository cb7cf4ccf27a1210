#include "server/cli/remote.h"

#include <boost/json/serialize.hpp>

#include "server/cli/commands.h"

namespace chuyi {
namespace {

Error error_of(const ClientAnswer& answer) {
  const json::object body = answer.body.is_object() ? answer.body.get_object() : json::object{};
  Error out{.kind = ErrorKind::rejected,
            .code = string_or(body, "code", "client.answer"),
            .message = string_or(body, "detail", "Expected the server to do it, but it answered " + std::to_string(answer.status)),
            .place = string_or(body, "place")};
  for (const json::value& each : array_or_empty(body, "errors"))
    if (each.is_object())
      out.details.push_back({.place = string_or(each.get_object(), "pointer"), .code = string_or(each.get_object(), "code"), .message = string_or(each.get_object(), "detail"), .message_zh = string_or(each.get_object(), "detail_zh")});
  return out;
}

}  // namespace

Result<RemoteServer> RemoteServer::sign_in(const std::string& server, const std::string& user, bool password_stdin) {
  ListenOptions address;
  if (Result<> read = read_listen(address, server, "--server"); !read) return read.error();
  const Result<std::string> password = read_password(password_stdin, PasswordFor::signing_in);
  if (!password) return password.error();
  RemoteServer out(address.address, address.port);
  const Result<json::object> in = out.send("POST", "/login", boost::json::serialize(json::object{{"user", user}, {"password", *password}}), "application/json");
  if (!in) return in.error();
  out.token_ = string_or(*in, "token");
  return out;
}

Result<json::object> RemoteServer::send(const std::string& method, const std::string& path, const std::string& body, const std::string& type) {
  std::map<std::string, std::string> headers{{"Accept-Language", "en"}};
  if (!type.empty()) headers["Content-Type"] = type;
  if (!token_.empty()) headers["Authorization"] = "Bearer " + token_;
  const Result<ClientAnswer> answer = client_.request(method, "/api/v1" + path, body, headers);
  if (!answer) return answer.error();
  if (answer->status >= 300) return error_of(*answer);
  return answer->body.is_object() ? answer->body.get_object() : json::object{};
}

}  // namespace chuyi

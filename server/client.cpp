#include "server/client.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

namespace chuyi {

namespace beast = boost::beast;
namespace http = beast::http;
using tcp = boost::asio::ip::tcp;

struct HttpClient::State {
  std::string host;
  std::uint16_t port;
  boost::asio::io_context io;
  beast::tcp_stream stream{io};
  bool connected = false;
};

HttpClient::HttpClient(std::string host, std::uint16_t port) : state_(std::make_unique<State>()) {
  state_->host = std::move(host);
  state_->port = port;
}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&& other) noexcept = default;

Result<ClientAnswer> HttpClient::request(const std::string& method, const std::string& target, const std::string& body,
                                         const std::map<std::string, std::string>& headers) {
  constexpr std::uint64_t kAnswerMax = 256U * 1024 * 1024;
  beast::error_code ec;
  if (!state_->connected) {
    state_->stream.socket().close(ec);
    state_->stream.connect(tcp::endpoint(boost::asio::ip::make_address(state_->host), state_->port), ec);
    state_->connected = !ec;
  }
  http::request<http::string_body> request{http::string_to_verb(method), target, 11};
  request.set(http::field::host, state_->host);
  for (const auto& [name, value] : headers) request.set(name, value);
  request.body() = body;
  request.prepare_payload();
  if (!ec) http::write(state_->stream, request, ec);
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(kAnswerMax);
  if (!ec) http::read(state_->stream, buffer, parser, ec);
  if (ec) {
    state_->connected = false;
    return Error{.kind = ErrorKind::unavailable, .code = "client.connection", .message = "Expected an answer to " + method + " " + target + ", but found: " + ec.message()};
  }
  auto response = parser.release();
  state_->connected = response.keep_alive();
  ClientAnswer out{.status = static_cast<int>(response.result_int()), .headers = {}, .body = {}, .bytes = std::move(response.body())};
  for (const auto& field : response) {
    std::string name{field.name_string()};
    for (char& c : name)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    out.headers[name] = std::string{field.value()};
  }
  if (out.headers["content-type"].find("json") != std::string::npos) {
    const JsonLimits limits{.bytes_max = kAnswerMax, .depth_max = 64, .string_bytes_max = 16U * 1024 * 1024, .nodes_max = 2'000'000};
    Result<json::value> parsed = parse_json(out.bytes, limits, "answer");
    if (parsed) out.body = std::move(*parsed);
  }
  return out;
}

}  // namespace chuyi

#include "server/http/connection.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <spdlog/spdlog.h>

#include "server/http/gate.h"
#include "server/identity.h"

namespace chuyi {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;

constexpr std::size_t kPartBytes = 64U * 1024;
constexpr std::size_t kChunkExtensionMax = 64;

/// Counts a request from its head to the end of its answer.
class Busy {
 public:
  explicit Busy(Traffic& traffic) : traffic_(traffic) { ++traffic_.busy; }
  ~Busy() { --traffic_.busy; }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

 private:
  Traffic& traffic_;
};

/// One client. The gate sees every byte of a head before Beast makes anything of it.
class Connection final : public BodySource {
 public:
  Connection(tcp::socket socket, Services& services, const std::vector<Route>& routes, Traffic& traffic)
      : stream_(std::move(socket)), services_(services), routes_(routes), traffic_(traffic), buffer_(services.limits.head_bytes_max + kPartBytes) {
    beast::error_code ec;
    const auto endpoint = stream_.socket().remote_endpoint(ec);
    if (!ec) peer_ = endpoint.address().to_string();
    stream_.socket().set_option(tcp::no_delay(true), ec);
  }

  net::awaitable<void> serve() {
    while (co_await one_request()) {
    }
    beast::error_code ec;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ec);
    co_await linger();
  }

  net::awaitable<Result<std::string>> read() override {
    if (parser_->is_done()) co_return std::string{};
    if (!continued_ && !request_.header("expect").empty()) {
      continued_ = true;
      const std::string interim = "HTTP/1.1 100 Continue\r\n\r\n";
      limit_seconds(services_.limits.body_seconds_max);
      beast::error_code ec;
      co_await net::async_write(stream_, net::buffer(interim), net::redirect_error(net::use_awaitable, ec));
      if (ec) co_return body_error();
    }
    std::string out(kPartBytes, '\0');
    parser_->get().body() = {.data = out.data(), .size = out.size(), .more = true};
    // A deadline for the part, not for its next byte: whoever sends drop by drop is cut off.
    limit_seconds(services_.limits.body_seconds_max);
    beast::error_code ec;
    co_await http::async_read(stream_, buffer_, *parser_, net::redirect_error(net::use_awaitable, ec));
    if (ec == http::error::body_limit) co_return body_too_large();
    if (ec && ec != http::error::need_buffer) co_return body_error();
    out.resize(out.size() - parser_->get().body().size);
    co_return out;
  }

 private:
  static Error body_error() {
    return Error{.kind = ErrorKind::invalid, .code = "http.body", .message = "Expected the whole body", .message_zh = "请求内容不完整"};
  }
  Error body_too_large() const {
    return Error{.kind = ErrorKind::too_large,
                 .code = "http.body_size",
                 .message = "Expected a body of at most " + std::to_string(body_max_) + " bytes",
                 .message_zh = "请求内容过大"};
  }

  void limit_seconds(int seconds) { stream_.expires_after(std::chrono::seconds(seconds)); }
  std::string_view buffered() const { return {static_cast<const char*>(buffer_.data().data()), buffer_.size()}; }

  /// Reads more bytes into the buffer; false at the end or past the deadline.
  net::awaitable<bool> fill() {
    const auto space = buffer_.prepare(std::min<std::size_t>(buffer_.max_size() - buffer_.size(), 16U * 1024));
    beast::error_code ec;
    const std::size_t got = co_await stream_.async_read_some(space, net::redirect_error(net::use_awaitable, ec));
    buffer_.commit(got);
    co_return !ec && got > 0;
  }

  /// Lets the client read the last answer before the socket goes: closing with unread bytes would reset it.
  net::awaitable<void> linger() {
    constexpr int kReadsMax = 64;
    limit_seconds(2);
    for (int i = 0; i < kReadsMax; ++i) {
      buffer_.clear();
      if (!co_await fill()) co_return;
    }
  }

  /// A request whose head passed the gate, or a refusal; nullopt when the client is gone.
  net::awaitable<std::optional<std::variant<Request, Refusal>>> read_head() {
    const HttpLimits& limits = services_.limits;
    limit_seconds(limits.idle_seconds_max);
    if (buffer_.size() == 0 && !co_await fill()) co_return std::nullopt;
    limit_seconds(limits.head_seconds_max);
    std::size_t end = buffered().find("\r\n\r\n");
    while (end == std::string_view::npos && buffer_.size() <= limits.head_bytes_max) {
      if (!co_await fill()) co_return Refusal{.status = 400, .code = "http.head", .message = "Expected a whole request head"};
      end = buffered().find("\r\n\r\n");
    }
    if (end == std::string_view::npos || end > limits.head_bytes_max) {
      const bool target = buffered().find("\r\n") > limits.target_bytes_max + 32;
      co_return Refusal{.status = target ? 414 : 431,
                        .code = target ? "http.target_size" : "http.head_size",
                        .message = "Expected a head of at most " + std::to_string(limits.head_bytes_max) + " bytes"};
    }
    if (std::optional<Refusal> refusal = refuse_head(buffered().substr(0, end + 4), limits)) co_return *refusal;
    start_parser();
    beast::error_code ec;
    const std::size_t used = parser_->put(buffer_.data(), ec);
    if (ec || !parser_->is_header_done())
      co_return Refusal{.status = 400, .code = "http.head", .message = "Expected a request head as RFC 9112 has it"};
    buffer_.consume(used);
    co_return read_request(parser_->get());
  }

  void start_parser() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(services_.limits.head_bytes_max) + 4);
    parser_->body_limit(boost::none);  // answer() knows the route's
    parser_->on_chunk_header(chunk_header_);
  }

  net::awaitable<bool> one_request() {
    auto head = co_await read_head();
    if (!head) co_return false;
    request_ = {};
    if (Request* request = std::get_if<Request>(&*head)) request_ = std::move(*request);
    request_.peer = services_.proxies.origin(peer_, request_.header("x-forwarded-for"));
    request_.id = "r" + std::to_string(traffic_.requests.fetch_add(1) + 1);
    if (const auto* refusal = std::get_if<Refusal>(&*head)) {
      // Named, not a temporary of the co_await expression: g++ 12 destroys those twice.
      Response response = problem(Error{.code = refusal->code, .message = refusal->message}, services_.texts, request_, refusal->status);
      co_await respond(std::move(response), true);
      co_return false;
    }
    continued_ = false;
    const Busy busy(traffic_);
    Response response = co_await answer();
    // Bytes of a body that nobody read would be taken for the next request.
    const bool close = !parser_->keep_alive() || parser_->get().version() < 11 || !parser_->is_done();
    co_return co_await respond(std::move(response), close) && !close;
  }

  net::awaitable<Response> answer() {
    const bool head = request_.method == "HEAD";
    const RouteMatch match = match_route(routes_, head ? "GET" : request_.method, request_.path);
    Context context{.services = services_, .request = request_, .actor = {.user_id = "public"}, .parameters = match.parameters};
    if (match.route == nullptr) {
      if (match.allowed.empty())
        co_return context.fail(Error{.kind = ErrorKind::not_found, .code = "http.not_found", .message = "Expected a path of this server"});
      std::string methods;
      for (const std::string& each : match.allowed) methods += (methods.empty() ? "" : ", ") + each;
      Response out = context.fail(Error{.code = "http.method", .message = "Expected a method of this path", .allowed = match.allowed}, 405);
      out.with("Allow", methods);
      co_return out;
    }
    const Route& route = *match.route;
    context.takes_key = route.replay == Replay::key_required;
    body_max_ = route.body == Body::streamed ? services_.limits.document_bytes_max : services_.limits.body_bytes_max;
    parser_->body_limit(body_max_);
    if (parser_->content_length().value_or(0) > body_max_) co_return context.fail(body_too_large());
    if (Result<> admitted = co_await admit(context, route); !admitted) co_return context.fail(admitted.error());
    if (route.body == Body::streamed) {
      context.body = this;
    } else {
      while (true) {
        Result<std::string> part = co_await read();
        if (!part) co_return context.fail(part.error());
        if (part->empty()) break;
        request_.body += *part;
      }
    }
    co_return co_await call(context, route);
  }

  /// Who is it, may they, and is the request protected: before a byte of the body is read.
  net::awaitable<Result<>> admit(Context& context, const Route& route) {
    bool by_cookie = false;
    const std::string token = services_.identity.token_of(request_, by_cookie);
    if (!token.empty()) {
      Result<std::optional<Actor>> actor =
          co_await context.reading([&] { return services_.identity.actor_of(token, services_.queries); });
      if (!actor) co_return actor.error();
      if (*actor) context.actor = **actor;
    }
    if (!route.permission.is_public()) {
      if (context.actor.user_id == "public")
        co_return Error{.kind = ErrorKind::unauthenticated, .code = "login.required", .message = "Expected a session token", .message_zh = "请先登录"};
      if (!route.permission.allows(context.actor))
        co_return Error{.kind = ErrorKind::forbidden,
                        .code = "role.missing",
                        .message = "Expected role '" + route.permission.name() + "'",
                        .message_zh = "您的角色无权进行该操作"};
      const bool changes = request_.method != "GET" && request_.method != "HEAD";
      if (by_cookie && changes && request_.header("x-chuyi-request") != "1")
        co_return Error{.kind = ErrorKind::forbidden,
                        .code = "csrf.header",
                        .message = "Expected the header X-Chuyi-Request: 1 with a cookie session",
                        .message_zh = "请求来源未经确认"};
    }
    if (route.replay == Replay::key_required) {
      const std::string& key = request_.header("idempotency-key");
      const bool good = !key.empty() && key.size() <= 128 &&
                        std::all_of(key.begin(), key.end(), [](char c) { return c > 0x20 && c < 0x7F; });
      if (!good)
        co_return Error{.kind = ErrorKind::invalid,
                        .code = "idempotency.missing",
                        .message = "Expected an Idempotency-Key of 1 to 128 visible ASCII characters",
                        .message_zh = "缺少Idempotency-Key"};
    }
    co_return Result<>{};
  }

  net::awaitable<Response> call(Context& context, const Route& route) {
    std::string failure;
    try {
      co_return co_await route.handler(context);
    } catch (const std::exception& error) {
      failure = error.what();
    }
    spdlog::error("request={} {} {} failed: {}", request_.id, request_.method, route.pattern, failure);
    co_return context.fail(Error{.kind = ErrorKind::unavailable, .code = "server.failed", .message = "Expected the request to succeed"});
  }

  net::awaitable<bool> respond(Response response, bool close) {
    const std::uint64_t size = response.stream ? response.stream->size() : response.body.size();
    http::response<http::buffer_body> message;
    message.result(static_cast<unsigned>(response.status));
    for (const auto& [name, value] : kDefaultHeaders) message.set(name, value);
    for (const char* own : {"Cache-Control", "Content-Security-Policy"})
      if (std::any_of(response.headers.begin(), response.headers.end(), [&](const auto& each) { return each.first == own; })) message.erase(own);
    for (const auto& [name, value] : response.headers) message.insert(name, value);
    message.set("X-Request-Id", request_.id);
    message.keep_alive(!close);
    const bool bodiless = response.status == 204 || response.status == 304;
    if (!bodiless) message.content_length(size);
    spdlog::info("request={} {} {} status={} bytes={} peer={}", request_.id, request_.method, for_log(request_.path), response.status, size, request_.peer);

    http::response_serializer<http::buffer_body> serializer{message};
    beast::error_code ec;
    limit_seconds(services_.limits.body_seconds_max);
    if (request_.method == "HEAD" || bodiless) {
      co_await http::async_write_header(stream_, serializer, net::redirect_error(net::use_awaitable, ec));
      co_return !ec;
    }
    std::string part = std::move(response.body);
    do {
      if (response.stream) {
        Result<std::string> next = response.stream->read(kPartBytes);
        if (!next) co_return false;  // a truncated answer is the only honest one left
        part = std::move(*next);
      }
      message.body() = {.data = part.data(), .size = part.size(), .more = response.stream && !part.empty()};
      limit_seconds(services_.limits.body_seconds_max);
      co_await http::async_write(stream_, serializer, net::redirect_error(net::use_awaitable, ec));
      if (ec == http::error::need_buffer) ec = {};
    } while (!ec && !serializer.is_done());
    co_return !ec;
  }

  static constexpr std::array<std::pair<const char*, const char*>, 6> kDefaultHeaders{{
      {"Cache-Control", "no-store"},
      {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
      {"X-Content-Type-Options", "nosniff"},
      {"Referrer-Policy", "no-referrer"},
      {"X-Frame-Options", "DENY"},
      {"Cross-Origin-Resource-Policy", "same-origin"},
  }};

  beast::tcp_stream stream_;
  Services& services_;
  const std::vector<Route>& routes_;
  Traffic& traffic_;
  std::string peer_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::buffer_body>> parser_;
  std::function<void(std::uint64_t, beast::string_view, beast::error_code&)> chunk_header_ = [](std::uint64_t, beast::string_view extension, beast::error_code& ec) {
    if (extension.size() > kChunkExtensionMax) ec = http::error::bad_chunk_extension;
  };
  Request request_;
  std::uint64_t body_max_ = 0;
  bool continued_ = false;
};

}  // namespace

net::awaitable<void> serve_connection(tcp::socket socket, Services& services, const std::vector<Route>& routes, Traffic& traffic) {
  Connection connection(std::move(socket), services, routes, traffic);
  co_await connection.serve();
}

}  // namespace chuyi

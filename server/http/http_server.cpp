#include "server/http/http_server.h"

#include <atomic>
#include <algorithm>
#include <chrono>
#include <thread>

#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <spdlog/spdlog.h>

#include "server/http/gate.h"
#include "server/identity.h"

namespace chuyi {
namespace {

namespace beast = boost::beast;
using tcp = net::ip::tcp;

const char* reason_of(int status) {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 204: return "No Content";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 409: return "Conflict";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 422: return "Unprocessable Content";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "Error";
  }
}

/// One client. Reads its own buffer so that the gate sees every byte before anything is made of it.
class Connection final : public BodySource {
 public:
  Connection(tcp::socket socket, Services& services, const std::vector<Route>& routes, std::atomic<std::uint64_t>& ids)
      : stream_(std::move(socket)), services_(services), routes_(routes), ids_(ids) {
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

  net::any_io_executor executor() { return stream_.get_executor(); }

  net::awaitable<Result<std::string>> read() override {
    if (!sent_continue_ && request_.expects_continue) {
      sent_continue_ = true;
      const std::string interim = "HTTP/1.1 100 Continue\r\n\r\n";
      if (!co_await send(interim)) co_return body_error();
    }
    if (request_.chunked) co_return co_await read_chunked();
    if (body_left_ == 0) co_return std::string{};
    if (buffer_.empty() && !co_await fill(services_.limits.body_seconds_max)) co_return body_error();
    const std::size_t take = static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, buffer_.size()));
    std::string out = buffer_.substr(0, take);
    buffer_.erase(0, take);
    body_left_ -= take;
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

  /// Reads more bytes into the buffer; false at the end or after `seconds` without one.
  net::awaitable<bool> fill(int seconds) {
    char bytes[16 * 1024];
    stream_.expires_after(std::chrono::seconds(seconds));
    beast::error_code ec;
    const std::size_t got = co_await stream_.async_read_some(net::buffer(bytes), net::redirect_error(net::use_awaitable, ec));
    if (ec || got == 0) co_return false;
    buffer_.append(bytes, got);
    co_return true;
  }

  net::awaitable<bool> send(const std::string& bytes) {
    stream_.expires_after(std::chrono::seconds(services_.limits.body_seconds_max));
    beast::error_code ec;
    co_await net::async_write(stream_, net::buffer(bytes), net::redirect_error(net::use_awaitable, ec));
    co_return !ec;
  }

  /// Lets the client read the last answer before the socket goes: closing with unread bytes would reset it.
  net::awaitable<void> linger() {
    constexpr int kReadsMax = 64;
    for (int i = 0; i < kReadsMax; ++i) {
      buffer_.clear();
      if (!co_await fill(2)) co_return;
    }
  }

  net::awaitable<Result<std::string>> read_line() {
    constexpr std::size_t kLineMax = 256;
    std::size_t end = buffer_.find("\r\n");
    while (end == std::string::npos) {
      if (buffer_.size() > kLineMax || !co_await fill(services_.limits.body_seconds_max)) co_return body_error();
      end = buffer_.find("\r\n");
    }
    std::string line = buffer_.substr(0, end);
    buffer_.erase(0, end + 2);
    co_return line;
  }

  net::awaitable<Result<std::string>> read_chunked() {
    if (chunks_done_) co_return std::string{};
    if (chunk_left_ == 0) {
      Result<std::string> line = co_await read_line();
      if (!line) co_return line.error();
      const std::optional<std::uint64_t> size = parse_chunk_size(*line);
      if (!size) co_return body_error();
      if (*size == 0) {
        Result<std::string> last = co_await read_line();  // trailers are not taken
        chunks_done_ = true;
        if (!last || !last->empty()) co_return body_error();
        co_return std::string{};
      }
      chunk_left_ = *size;
      body_read_ += *size;
      if (body_read_ > body_max_) co_return body_too_large();
    }
    if (buffer_.empty() && !co_await fill(services_.limits.body_seconds_max)) co_return body_error();
    const std::size_t take = static_cast<std::size_t>(std::min<std::uint64_t>(chunk_left_, buffer_.size()));
    std::string out = buffer_.substr(0, take);
    buffer_.erase(0, take);
    chunk_left_ -= take;
    if (chunk_left_ == 0) {
      Result<std::string> end = co_await read_line();
      if (!end || !end->empty()) co_return body_error();
    }
    co_return out;
  }

  /// The head's bytes, or a refusal; nullopt when the client is gone.
  net::awaitable<std::optional<std::variant<Request, Refusal>>> read_head() {
    const HttpLimits& limits = services_.limits;
    std::size_t end = buffer_.find("\r\n\r\n");
    while (end == std::string::npos) {
      if (buffer_.size() > limits.head_bytes_max) {
        const bool target = buffer_.find("\r\n") == std::string::npos || buffer_.find("\r\n") > limits.target_bytes_max + 32;
        co_return Refusal{.status = target ? 414 : 431,
                          .code = target ? "http.target_size" : "http.head_size",
                          .message = "Expected a head of at most " + std::to_string(limits.head_bytes_max) + " bytes"};
      }
      if (!co_await fill(limits.head_seconds_max)) {
        if (buffer_.empty()) co_return std::nullopt;
        co_return Refusal{.status = 400, .code = "http.head", .message = "Expected a whole request head"};
      }
      end = buffer_.find("\r\n\r\n");
    }
    const std::string head = buffer_.substr(0, end + 4);
    buffer_.erase(0, end + 4);
    co_return parse_head(head, limits);
  }

  net::awaitable<bool> one_request() {
    auto head = co_await read_head();
    if (!head) co_return false;
    request_ = {};
    if (const auto* refusal = std::get_if<Refusal>(&*head)) {
      request_.id = next_id();
      Response response = refusal_response(*refusal);
      co_await respond(std::move(response), true);
      co_return false;
    }
    request_ = std::move(std::get<Request>(*head));
    request_.peer = peer_;
    request_.id = next_id();
    body_left_ = request_.content_length.value_or(0);
    body_read_ = chunk_left_ = 0;
    chunks_done_ = sent_continue_ = false;
    Response response = co_await answer();
    // Bytes of a body that nobody read would be taken for the next request.
    const bool unread = body_left_ > 0 || (request_.chunked && !chunks_done_);
    const bool close = response.close || !request_.keep_alive || unread;
    const bool sent = co_await respond(std::move(response), close);
    co_return sent && !close;
  }

  std::string next_id() { return "r" + std::to_string(ids_.fetch_add(1) + 1); }

  Response refusal_response(const Refusal& refusal) {
    Response out = problem(Error{.kind = ErrorKind::invalid, .code = refusal.code, .message = refusal.message}, services_.texts, request_);
    const std::string from = "\"status\":400";
    if (const std::size_t at = out.body.find(from); at != std::string::npos)
      out.body.replace(at, from.size(), "\"status\":" + std::to_string(refusal.status));
    out.status = refusal.status;
    out.close = true;
    return out;
  }

  net::awaitable<Response> answer() {
    const bool head = request_.method == "HEAD";
    const RouteMatch match = match_route(routes_, head ? "GET" : request_.method, request_.path);
    Context context{.services = services_, .request = request_, .actor = {.user_id = "public"}, .parameters = match.parameters};
    if (match.route == nullptr) {
      Response out = context.fail(Error{.kind = ErrorKind::not_found, .code = "http.not_found", .message = "Expected a path of this server"});
      if (!match.allowed.empty()) {
        out.status = 405;
        std::string methods;
        for (const std::string& each : match.allowed) methods += (methods.empty() ? "" : ", ") + each;
        out.with("Allow", methods);
      }
      co_return out;
    }
    const Route& route = *match.route;
    body_max_ = route.body == Body::streamed ? services_.limits.document_bytes_max : services_.limits.body_bytes_max;
    if (request_.content_length.value_or(0) > body_max_) {
      Response out = context.fail(body_too_large());
      out.close = true;
      co_return out;
    }
    if (Result<> admitted = co_await admit(context, route); !admitted) co_return context.fail(admitted.error());
    if (route.body == Body::streamed) {
      context.body = this;
    } else if (request_.has_body()) {
      while (true) {
        Result<std::string> part = co_await read();
        if (!part) {
          Response out = context.fail(part.error());
          out.close = true;
          co_return out;
        }
        if (part->empty()) break;
        request_.body += *part;
      }
    }
    co_return co_await call(context, route);
  }

  /// Who is it, may they, and is the request protected: before a byte of the body is read.
  net::awaitable<Result<>> admit(Context& context, const Route& route) {
    bool by_cookie = false;
    const std::string token = token_of(request_, by_cookie);
    if (!token.empty()) {
      Result<std::optional<Actor>> actor =
          co_await context.blocking([&] { return services_.identity.actor_of(token, services_.queries); });
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
    std::string out = "HTTP/1.1 " + std::to_string(response.status) + " " + reason_of(response.status) + "\r\n";
    bool cache = false;
    bool policy = false;
    for (const auto& [name, value] : response.headers) {
      out += name + ": " + value + "\r\n";
      cache = cache || name == "Cache-Control";
      policy = policy || name == "Content-Security-Policy";
    }
    if (response.status != 204 && response.status != 304) out += "Content-Length: " + std::to_string(size) + "\r\n";
    if (!cache) out += "Cache-Control: no-store\r\n";
    if (!policy) out += "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n";
    out +=
        "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nX-Frame-Options: DENY\r\n"
        "Cross-Origin-Resource-Policy: same-origin\r\nX-Request-Id: " +
        request_.id + "\r\n";
    if (close) out += "Connection: close\r\n";
    out += "\r\n";
    spdlog::info("request={} {} {} status={} bytes={} peer={}", request_.id, request_.method, request_.path, response.status, size, peer_);
    const bool body = request_.method != "HEAD" && response.status != 204 && response.status != 304;
    if (body && !response.stream) out += response.body;
    if (!co_await send(out)) co_return false;
    while (body && response.stream) {
      Result<std::string> part = response.stream->read(64U * 1024);
      if (!part) co_return false;  // a truncated answer is the only honest one left
      if (part->empty()) break;
      if (!co_await send(*part)) co_return false;
    }
    co_return true;
  }

  beast::tcp_stream stream_;
  Services& services_;
  const std::vector<Route>& routes_;
  std::atomic<std::uint64_t>& ids_;
  std::string peer_;
  std::string buffer_;
  Request request_;
  std::uint64_t body_left_ = 0;
  std::uint64_t body_read_ = 0;
  std::uint64_t body_max_ = 0;
  std::uint64_t chunk_left_ = 0;
  bool chunks_done_ = false;
  bool sent_continue_ = false;
};

}  // namespace

struct HttpServer::State {
  State(ListenOptions listen_options, Services& server_services, const std::vector<Route>& server_routes)
      : options(std::move(listen_options)), services(server_services), routes(server_routes), io(static_cast<int>(options.threads)), acceptor(io) {}

  net::awaitable<void> accept_loop() {
    while (!stopping) {
      beast::error_code ec;
      // A named strand: g++ 12 destroys such temporaries of a co_await expression twice.
      const auto strand = net::make_strand(io);
      tcp::socket socket = co_await acceptor.async_accept(strand, net::redirect_error(net::use_awaitable, ec));
      if (ec) {
        if (stopping || ec == net::error::operation_aborted) co_return;
        continue;
      }
      if (open.load() >= services.limits.connections_max) continue;  // dropped: the socket closes here
      ++open;
      auto connection = std::make_shared<Connection>(std::move(socket), services, routes, ids);
      // The socket's own strand: one connection never runs on two threads at once.
      net::co_spawn(
          connection->executor(), [connection]() -> net::awaitable<void> { co_await connection->serve(); },
          [this, connection](const std::exception_ptr&) { --open; });
    }
  }

  ListenOptions options;
  Services& services;
  const std::vector<Route>& routes;
  net::io_context io;
  tcp::acceptor acceptor;
  std::atomic<bool> stopping{false};
  std::atomic<std::size_t> open{0};
  std::atomic<std::uint64_t> ids{0};
};

HttpServer::HttpServer(ListenOptions options, Services& services, const std::vector<Route>& routes)
    : state_(std::make_unique<State>(std::move(options), services, routes)) {}
HttpServer::~HttpServer() = default;

Result<std::uint16_t> HttpServer::listen() {
  beast::error_code ec;
  const auto address = net::ip::make_address(state_->options.address, ec);
  const tcp::endpoint endpoint(address, state_->options.port);
  if (!ec) state_->acceptor.open(endpoint.protocol(), ec);
  if (!ec) state_->acceptor.set_option(net::socket_base::reuse_address(true), ec);
  if (!ec) state_->acceptor.bind(endpoint, ec);
  if (!ec) state_->acceptor.listen(net::socket_base::max_listen_connections, ec);
  if (ec)
    return Error{.kind = ErrorKind::unavailable,
                 .code = "http.listen",
                 .message = "Expected to listen on " + state_->options.address + ":" + std::to_string(state_->options.port) + ", but found: " + ec.message()};
  return state_->acceptor.local_endpoint().port();
}

void HttpServer::run() {
  net::co_spawn(state_->io, state_->accept_loop(), net::detached);
  net::signal_set signals(state_->io, SIGINT, SIGTERM);
  signals.async_wait([this](const beast::error_code& ec, int) {
    if (!ec) stop();
  });
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < state_->options.threads; ++i) threads.emplace_back([this] { state_->io.run(); });
  state_->io.run();
  for (std::thread& each : threads) each.join();
}

void HttpServer::stop() {
  state_->stopping = true;
  state_->io.stop();
}

}  // namespace chuyi

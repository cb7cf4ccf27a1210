#include "server/messages.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include <curl/curl.h>

#include "engine/base/form.h"

namespace chuyi {
namespace {

constexpr long kConnectSeconds = 5;
constexpr long kSeconds = 10;
constexpr std::size_t kWaitingMax = 1'000;

struct Url {
  std::string scheme, host, port, path;
};

std::optional<Url> parse_url(const std::string& text) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> url(curl_url(), curl_url_cleanup);
  if (!url || curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_DISALLOW_USER) != CURLUE_OK) return std::nullopt;
  Url out;
  for (const auto& [part, field] : {std::pair{CURLUPART_SCHEME, &out.scheme}, std::pair{CURLUPART_HOST, &out.host},
                                    std::pair{CURLUPART_PORT, &out.port}, std::pair{CURLUPART_PATH, &out.path}}) {
    char* value = nullptr;
    if (curl_url_get(url.get(), part, &value, CURLU_DEFAULT_PORT) != CURLUE_OK) return std::nullopt;
    *field = value;
    curl_free(value);
  }
  if (out.scheme != "http" && out.scheme != "https") return std::nullopt;
  return out;
}

/// A server that decodes a path before it resolves it would see another one.
bool is_plain(const std::string& path) {
  std::string decoded;
  if (!percent_decode(path, false, decoded)) return false;
  const auto slashes = [](const std::string& text) { return std::count(text.begin(), text.end(), '/'); };
  if (slashes(decoded) != slashes(path) || decoded.find('\\') != std::string::npos) return false;
  return (decoded + "/").find("/../") == std::string::npos && (decoded + "/").find("/./") == std::string::npos;
}

bool allows(const Url& allowed, const Url& target) {
  if (!is_plain(target.path)) return false;
  if (allowed.scheme != target.scheme || allowed.host != target.host || allowed.port != target.port) return false;
  if (allowed.path.ends_with('/')) return target.path.starts_with(allowed.path);
  return target.path == allowed.path || target.path.starts_with(allowed.path + "/");
}

Error unreachable(std::string found) {
  return Error{.kind = ErrorKind::unavailable,
               .code = "http_event.unreachable",
               .message = "Expected the receiver to take the message, but: " + std::move(found),
               .message_zh = "对方系统暂不可用"};
}

class CurlSender final : public MessageSender {
 public:
  explicit CurlSender(std::vector<Url> allowed) : allowed_(std::move(allowed)), thread_([this] { run(); }) {}
  ~CurlSender() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  void post(OutgoingMessage message, std::function<void(Result<>)> done) override {
    {
      const std::lock_guard lock(mutex_);
      if (!stopping_ && waiting_.size() < kWaitingMax) {
        waiting_.push_back({std::move(message), std::move(done)});
        changed_.notify_all();
        return;
      }
    }
    done(unreachable("too many messages wait"));
  }

 private:
  struct Job {
    OutgoingMessage message;
    std::function<void(Result<>)> done;
  };

  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      const Job job = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      job.done(stopping_ ? Result<>{unreachable("the server stops")} : send(job.message));
      lock.lock();
    }
  }

  Result<> send(const OutgoingMessage& message) const {
    const std::optional<Url> target = parse_url(message.target);
    const bool allowed = target && std::any_of(allowed_.begin(), allowed_.end(), [&](const Url& each) { return allows(each, *target); });
    if (!allowed)
      return Error{.kind = ErrorKind::forbidden, .code = "http_event.denied", .message = "Expected a target that the administrator allows (--allow-message)", .message_zh = "管理员未允许向该地址发送消息"};
    const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), curl_easy_cleanup);
    if (!curl) return unreachable("no memory");
    std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(nullptr, curl_slist_free_all);
    for (const std::string& header : {"Content-Type: " + message.media_type, "Idempotency-Key: " + message.id, std::string{"Expect:"}}) {
      curl_slist* longer = curl_slist_append(headers.get(), header.c_str());
      if (longer == nullptr) return unreachable("no memory");
      (void)headers.release();
      headers.reset(longer);
    }
    const auto set = [&](CURLoption option, auto value) { return curl_easy_setopt(curl.get(), option, value) == CURLE_OK; };
    const bool ready = set(CURLOPT_URL, message.target.c_str()) && set(CURLOPT_PROTOCOLS_STR, "http,https") && set(CURLOPT_FOLLOWLOCATION, 0L) &&
                       set(CURLOPT_PROXY, "") && set(CURLOPT_NOSIGNAL, 1L) && set(CURLOPT_CONNECTTIMEOUT, kConnectSeconds) &&
                       set(CURLOPT_TIMEOUT, kSeconds) && set(CURLOPT_HTTPHEADER, headers.get()) && set(CURLOPT_USERAGENT, "chuyi") &&
                       set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(message.body.size())) && set(CURLOPT_POSTFIELDS, message.body.c_str()) &&
                       set(CURLOPT_WRITEFUNCTION, &discard) && set(CURLOPT_NOPROGRESS, 0L) && set(CURLOPT_XFERINFOFUNCTION, &progress) &&
                       set(CURLOPT_XFERINFODATA, const_cast<std::atomic<bool>*>(&stopping_));
    if (!ready) return unreachable("the request cannot be made");
    if (const CURLcode code = curl_easy_perform(curl.get()); code != CURLE_OK) return unreachable(curl_easy_strerror(code));
    long status = 0;
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && status < 300) return {};
    if (status >= 500 || status == 408 || status == 429) return unreachable("HTTP status " + std::to_string(status));
    return Error{.kind = ErrorKind::rejected, .code = "http_event.refused", .message = "Expected the receiver to take the message, but found HTTP status " + std::to_string(status), .message_zh = "对方系统拒绝了消息"};
  }

  static std::size_t discard(char* /*bytes*/, std::size_t size, std::size_t count, void* /*data*/) { return size * count; }
  static int progress(void* stopping, curl_off_t, curl_off_t, curl_off_t, curl_off_t) { return *static_cast<std::atomic<bool>*>(stopping) ? 1 : 0; }

  std::vector<Url> allowed_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> waiting_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace

Result<std::string> read_public_url(const std::string& url) {
  const std::optional<Url> parsed = parse_url(url);
  if (parsed && url.find_first_of("?#") == std::string::npos && parsed->path == "/") return url.ends_with('/') ? url.substr(0, url.size() - 1) : url;
  return Error{.kind = ErrorKind::invalid, .code = "cli.public_url", .message = "Expected http://host[:port] or https://host[:port], but found '" + url + "'", .place = "--public-url"};
}

Result<std::unique_ptr<MessageSender>> make_message_sender(const std::vector<std::string>& allowed) {
  static const bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  if (!ready) return Error{.kind = ErrorKind::unavailable, .code = "http_event.unreachable", .message = "Expected libcurl to start"};
  std::vector<Url> urls;
  for (const std::string& each : allowed) {
    std::optional<Url> url = parse_url(each);
    if (!url || each.find_first_of("?#") != std::string::npos)
      return Error{.kind = ErrorKind::invalid, .code = "cli.allow_message", .message = "Expected a URL with http or https and no query, but found '" + each + "'", .place = "--allow-message"};
    urls.push_back(std::move(*url));
  }
  return std::unique_ptr<MessageSender>{std::make_unique<CurlSender>(std::move(urls))};
}

}  // namespace chuyi

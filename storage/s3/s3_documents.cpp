#include "storage/s3/s3_documents.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>
#include <vector>

#include <curl/curl.h>
#include <fcntl.h>
#include <unistd.h>

#include "storage/documents/content.h"
#include "storage/documents/io_error.h"

namespace chuyi {
namespace {

constexpr std::uint64_t kRangeBytes = std::uint64_t{4} * 1024 * 1024;
constexpr std::size_t kErrorBytesMax = 4'096;  // of an answer that says what is wrong
constexpr long kConnectSeconds = 5;
constexpr long kStallSeconds = 20;  // with less than kStallBytes a second
constexpr long kStallBytes = 1'000;
/// Every request may be made again; the other side asks for it with 429 and 5xx.
constexpr int kTriesMax = 4;
constexpr std::chrono::milliseconds kPause{100};

Error unavailable(std::string found) {
  return Error{.kind = ErrorKind::unavailable,
               .code = "document.io",
               .message = "Expected the S3 store to answer, but found: " + std::move(found),
               .message_zh = "材料存储暂时不可用"};
}

Error bad_option(std::string message, const char* place) {
  return Error{.kind = ErrorKind::invalid, .code = "cli.documents", .message = std::move(message), .place = place};
}

struct Credentials {
  std::string id;
  std::string secret;
  std::string token;
};

std::string variable(const char* name) {
  const char* found = std::getenv(name);
  return found == nullptr ? std::string{} : std::string{found};
}

std::string trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  return begin == std::string_view::npos ? std::string{} : std::string{text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1)};
}

Result<Credentials> find_credentials() {
  Credentials out{variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"), variable("AWS_SESSION_TOKEN")};
  if (const std::string path = variable("AWS_SHARED_CREDENTIALS_FILE"); out.id.empty() && !path.empty()) {
    std::ifstream in(path);
    bool ours = false;
    for (std::string line; std::getline(in, line);) {
      const std::size_t equals = line.find('=');
      if (trimmed(line).starts_with("[")) ours = trimmed(line) == "[default]";
      if (!ours || equals == std::string::npos) continue;
      const std::string name = trimmed(line.substr(0, equals));
      const std::string value = trimmed(std::string_view{line}.substr(equals + 1));
      if (name == "aws_access_key_id") out.id = value;
      if (name == "aws_secret_access_key") out.secret = value;
      if (name == "aws_session_token") out.token = value;
    }
  }
  if (!out.id.empty() && !out.secret.empty()) return out;
  return Error{.kind = ErrorKind::invalid,
               .code = "documents.credentials",
               .message = "Expected AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SHARED_CREDENTIALS_FILE with a section [default]"};
}

/// Letters, digits and what needs no escape in a URL.
bool is_plain(std::string_view text, std::string_view more) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || more.find(c) != std::string_view::npos;
  });
}

/// Where the objects are: the URL of a key without the key.
Result<std::string> base_of(const S3Options& options) {
  if (!is_plain(options.region, "-")) return bad_option("Expected a region like us-east-1", "--s3-region");
  const std::string_view rest = std::string_view{options.url}.substr(std::min<std::size_t>(options.url.size(), 5));
  const std::string bucket{rest.substr(0, rest.find('/'))};
  std::string prefix{rest.substr(bucket.size())};
  while (prefix.ends_with('/')) prefix.pop_back();
  if (!options.url.starts_with("s3://") || !is_plain(bucket, ".-") || (!prefix.empty() && !is_plain(prefix, "/._-")) ||
      prefix.find("//") != std::string::npos || prefix.find("/.") != std::string::npos)
    return bad_option("Expected s3://bucket or s3://bucket/prefix of letters, digits and ._-", "--documents");
  std::string endpoint = options.endpoint.empty() ? "https://s3." + options.region + ".amazonaws.com" : options.endpoint;
  while (endpoint.ends_with('/')) endpoint.pop_back();
  const bool https = endpoint.starts_with("https://");
  const std::string authority = endpoint.substr(std::min<std::size_t>(endpoint.size(), https ? 8 : 7));
  if ((!https && !endpoint.starts_with("http://")) || !is_plain(authority, ".-:[]"))
    return bad_option("Expected https://host[:port]", "--s3-endpoint");
  const std::string host = authority.starts_with("[") ? authority.substr(0, authority.find(']') + 1) : authority.substr(0, authority.find(':'));
  if (!https && host != "127.0.0.1" && host != "[::1]" && host != "localhost")
    return bad_option("Expected https:// for a store that is not on this machine", "--s3-endpoint");
  return endpoint + "/" + bucket + prefix + "/";
}

struct FreeHandle {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
using Handle = std::unique_ptr<CURL, FreeHandle>;

/// A file without a name.
class ScratchFile {
 public:
  static Result<std::unique_ptr<ScratchFile>> make(const std::string& folder) {
    std::error_code ec;
    std::filesystem::create_directories(folder, ec);
    std::string path = folder + "/upload-XXXXXX";
    const int fd = ::mkostemp(path.data(), O_CLOEXEC);
    if (fd < 0) return io_error("create a file in " + folder, errno);
    ::unlink(path.c_str());
    return std::unique_ptr<ScratchFile>(new ScratchFile(fd));
  }
  ~ScratchFile() { ::close(fd_); }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  Result<> write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return io_error("write a document", errno);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }
  bool rewind() const { return ::lseek(fd_, 0, SEEK_SET) == 0; }
  /// For libcurl.
  static std::size_t read(char* to, std::size_t size, std::size_t count, void* file) {
    while (true) {
      const ssize_t got = ::read(static_cast<ScratchFile*>(file)->fd_, to, size * count);
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR) return CURL_READFUNC_ABORT;
    }
  }

 private:
  explicit ScratchFile(int fd) : fd_(fd) {}
  int fd_;
};

struct Question {
  std::string key;
  ScratchFile* upload = nullptr;  ///< PUT
  std::uint64_t upload_bytes = 0;
  std::string range = {};  ///< GET "first-last"; else, without an upload, HEAD
};

struct Answer {
  long status = 0;
  std::string body;
  std::uint64_t length = 0;  ///< as the head says
};

class Client {
 public:
  Client(std::string base, std::string region, Credentials credentials)
      : base_(std::move(base)), signature_("aws:amz:" + region + ":s3"), credentials_(std::move(credentials)) {}

  /// Errors: `unavailable` "document.io" for every status but success and 404.
  Result<Answer> ask(const Question& question) {
    for (int tries = 1;; ++tries) {
      Result<Answer> answer = ask_once(question);
      const bool again = !answer || answer->status >= 500 || answer->status == 429;
      if (!again && (answer->status / 100 == 2 || answer->status == 404)) return answer;
      if (again && tries < kTriesMax) {
        std::this_thread::sleep_for(kPause * (1 << (2 * (tries - 1))));
        continue;
      }
      if (!answer) return answer;
      return unavailable("HTTP status " + std::to_string(answer->status) + code_of(answer->body));
    }
  }

 private:
  struct Sink {
    std::string bytes;
    std::size_t bytes_max;
  };
  static std::size_t take(char* bytes, std::size_t size, std::size_t count, void* to) {
    Sink& sink = *static_cast<Sink*>(to);
    if (sink.bytes.size() + size * count > sink.bytes_max) return 0;
    sink.bytes.append(bytes, size * count);
    return size * count;
  }
  /// " SlowDown" of "<Error><Code>SlowDown</Code>…".
  static std::string code_of(const std::string& body) {
    const std::size_t begin = body.find("<Code>");
    const std::size_t end = body.find("</Code>");
    if (begin == std::string::npos || end == std::string::npos || end < begin) return {};
    const std::string code = body.substr(begin + 6, end - begin - 6);
    return is_plain(code, "") ? " " + code : std::string{};
  }

  Result<Answer> ask_once(const Question& question) {
    Handle handle = take_handle();
    if (!handle) return unavailable("no memory");
    CURL* curl = handle.get();
    std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(nullptr, curl_slist_free_all);
    std::vector<std::string> lines;  // all of them are signed, so none may be one that libcurl leaves out ("Expect:")
    if (!credentials_.token.empty()) lines.push_back("x-amz-security-token: " + credentials_.token);
    // The digest is the key, and part of what is signed.
    if (question.upload != nullptr) lines.push_back("x-amz-content-sha256: " + question.key);
    for (const std::string& line : lines) {
      curl_slist* longer = curl_slist_append(headers.get(), line.c_str());
      if (longer == nullptr) return unavailable("no memory");
      (void)headers.release();
      headers.reset(longer);
    }
    Sink sink{.bytes = {}, .bytes_max = question.range.empty() ? kErrorBytesMax : static_cast<std::size_t>(kRangeBytes)};
    const std::string url = base_ + question.key;
    const auto set = [&](CURLoption option, auto value) { return curl_easy_setopt(curl, option, value) == CURLE_OK; };
    bool ready = set(CURLOPT_URL, url.c_str()) && set(CURLOPT_PROTOCOLS_STR, "http,https") && set(CURLOPT_FOLLOWLOCATION, 0L) && set(CURLOPT_NOSIGNAL, 1L) &&
                 set(CURLOPT_CONNECTTIMEOUT, kConnectSeconds) && set(CURLOPT_LOW_SPEED_LIMIT, kStallBytes) && set(CURLOPT_LOW_SPEED_TIME, kStallSeconds) &&
                 set(CURLOPT_AWS_SIGV4, signature_.c_str()) && set(CURLOPT_USERNAME, credentials_.id.c_str()) && set(CURLOPT_PASSWORD, credentials_.secret.c_str()) &&
                 set(CURLOPT_HTTPHEADER, headers.get()) && set(CURLOPT_USERAGENT, "chuyi") && set(CURLOPT_WRITEFUNCTION, &take) && set(CURLOPT_WRITEDATA, &sink);
    if (question.upload != nullptr)
      ready = ready && question.upload->rewind() && set(CURLOPT_UPLOAD, 1L) && set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(question.upload_bytes)) &&
              set(CURLOPT_READFUNCTION, &ScratchFile::read) && set(CURLOPT_READDATA, question.upload);
    else if (question.range.empty())
      ready = ready && set(CURLOPT_NOBODY, 1L);
    else
      ready = ready && set(CURLOPT_RANGE, question.range.c_str());
    if (!ready) return unavailable("the request cannot be made");
    if (const CURLcode code = curl_easy_perform(curl); code != CURLE_OK) return unavailable(curl_easy_strerror(code));
    Answer out{.status = 0, .body = std::move(sink.bytes), .length = 0};
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &out.status);
    curl_off_t length = 0;
    curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    out.length = static_cast<std::uint64_t>(std::max<curl_off_t>(length, 0));
    give(std::move(handle));
    return out;
  }

  /// Handles keep their connections.
  Handle take_handle() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return Handle(curl_easy_init());
    Handle out = std::move(idle_.back());
    idle_.pop_back();
    return out;
  }
  void give(Handle handle) {
    curl_easy_reset(handle.get());
    const std::lock_guard lock(mutex_);
    if (idle_.size() < kIdleMax) idle_.push_back(std::move(handle));
  }

  static constexpr std::size_t kIdleMax = 16;  // as many as a server has workers
  std::string base_;
  std::string signature_;
  Credentials credentials_;
  std::mutex mutex_;
  std::vector<Handle> idle_;
};

class Writer final : public DocumentWriter {
 public:
  Writer(std::shared_ptr<Client> client, std::unique_ptr<ScratchFile> file, std::uint64_t bytes_max)
      : client_(std::move(client)), file_(std::move(file)), sum_(bytes_max) {}
  Result<> write(std::string_view bytes) override {
    if (Result<> added = sum_.add(bytes); !added) return added;
    return file_->write(bytes);
  }
  Result<StoredDocument> finish() override {
    const StoredDocument out = sum_.finish();
    const Result<Answer> put = client_->ask({.key = out.digest, .upload = file_.get(), .upload_bytes = out.size});
    if (!put) return put.error();
    if (put->status == 404) return unavailable("there is no such bucket");
    return out;
  }

 private:
  std::shared_ptr<Client> client_;
  std::unique_ptr<ScratchFile> file_;
  ContentSum sum_;
};

class Reader final : public CheckedReader {
 public:
  Reader(std::shared_ptr<Client> client, std::string digest, std::uint64_t size) : CheckedReader(std::move(digest), size), client_(std::move(client)) {}

 private:
  Result<std::string> next(std::size_t bytes) override {
    while (part_.size() < bytes && asked_ < size()) {
      const std::uint64_t end = std::min(size(), asked_ + kRangeBytes);
      Result<Answer> answer = client_->ask({.key = digest(), .range = std::to_string(asked_) + "-" + std::to_string(end - 1)});
      if (!answer) return answer.error();
      if (answer->status == 404 || answer->body.size() != end - asked_) break;
      part_ += answer->body;
      asked_ = end;
    }
    std::string out = part_.substr(0, bytes);
    part_.erase(0, out.size());
    return out;
  }

  std::shared_ptr<Client> client_;
  std::uint64_t asked_ = 0;
  std::string part_;
};

class S3Documents final : public DocumentStore {
 public:
  S3Documents(std::shared_ptr<Client> client, std::string scratch) : client_(std::move(client)), scratch_(std::move(scratch)) {}

  Result<std::unique_ptr<DocumentWriter>> create(std::uint64_t bytes_max) override {
    Result<std::unique_ptr<ScratchFile>> file = ScratchFile::make(scratch_);
    if (!file) return file.error();
    return std::unique_ptr<DocumentWriter>(std::make_unique<Writer>(client_, std::move(*file), bytes_max));
  }
  Result<std::unique_ptr<DocumentReader>> open(std::string_view digest) override {
    if (!is_digest(digest)) return unknown_document(digest);
    const Result<Answer> head = client_->ask({.key = std::string{digest}});
    if (!head) return head.error();
    if (head->status == 404) return unknown_document(digest);
    return std::unique_ptr<DocumentReader>(std::make_unique<Reader>(client_, std::string{digest}, head->length));
  }
  Result<StoredDocument> seal(const BagSpec& spec) override { return seal_by_copy(*this, spec, scratch_); }
  void release(std::string_view, bool) override {}

 private:
  std::shared_ptr<Client> client_;
  std::string scratch_;
};

}  // namespace

Result<std::unique_ptr<DocumentStore>> open_s3_documents(S3Options options) {
  static const bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  if (!ready) return unavailable("libcurl does not start");
  Result<std::string> base = base_of(options);
  if (!base) return base.error();
  Result<Credentials> credentials = find_credentials();
  if (!credentials) return credentials.error();
  auto client = std::make_shared<Client>(std::move(*base), std::move(options.region), std::move(*credentials));
  return std::unique_ptr<DocumentStore>(std::make_unique<S3Documents>(std::move(client), std::move(options.scratch)));
}

}  // namespace chuyi

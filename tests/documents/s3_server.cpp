#include "tests/documents/s3_server.h"

#include <array>
#include <cstdlib>
#include <memory>
#include <stdexcept>

#include <curl/curl.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace chuyi::test {
namespace {

std::string request(const std::string& url, const char* body) {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), curl_easy_cleanup);
  std::string out;
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  if (body != nullptr) curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, body);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &out);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, +[](char* bytes, std::size_t size, std::size_t count, void* to) {
    static_cast<std::string*>(to)->append(bytes, size * count);
    return size * count;
  });
  if (curl_easy_perform(curl.get()) != CURLE_OK) throw std::runtime_error("the S3 server of the tests does not answer");
  return out;
}

}  // namespace

S3Server::S3Server() {
  ::setenv("AWS_ACCESS_KEY_ID", "AKIATEST", 1);
  ::setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t/of+the+tests", 1);
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  if (::pipe2(in.data(), O_CLOEXEC) != 0 || ::pipe2(out.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  child_ = ::fork();
  if (child_ == 0) {
    ::dup2(in[0], 0);
    ::dup2(out[1], 1);
    ::execlp("python3", "python3", CHUYI_SOURCE_DIR "/tests/support/s3_server.py", static_cast<char*>(nullptr));
    ::_exit(127);
  }
  ::close(in[0]);
  ::close(out[1]);
  input_ = in[1];
  char byte = 0;
  while (::read(out[0], &byte, 1) == 1 && byte != '\n') endpoint_ += byte;
  ::close(out[0]);
  if (endpoint_.empty()) throw std::runtime_error("the S3 server of the tests does not start");
}

S3Server::~S3Server() {
  ::close(input_);
  ::waitpid(child_, nullptr, 0);
}

std::string S3Server::control(const std::string& json) const { return request(endpoint_ + "/control", json.c_str()); }
std::string S3Server::state() const { return request(endpoint_ + "/control", nullptr); }

}  // namespace chuyi::test

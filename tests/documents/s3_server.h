#pragma once

#include <string>

#include <sys/types.h>

namespace chuyi::test {

/// tests/support/s3_server.py in a process of its own, which goes with the object. Its credentials are in the
/// environment of this process from then on.
class S3Server {
 public:
  S3Server();
  ~S3Server();
  S3Server(const S3Server&) = delete;
  S3Server& operator=(const S3Server&) = delete;
  const std::string& endpoint() const { return endpoint_; }
  /// See the program. @return its answer.
  std::string control(const std::string& json) const;
  std::string state() const;

 private:
  pid_t child_ = -1;
  int input_ = -1;
  std::string endpoint_;
};

}  // namespace chuyi::test

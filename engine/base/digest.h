#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace chuyi {

/// Two lower-case hex digits a byte.
std::string hex(std::span<const unsigned char> bytes);

/// SHA-256 (FIPS 180-4) of `bytes`, lower-case hex, 64 characters.
std::string sha256_hex(std::string_view bytes);

/// SHA-256 over a stream.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(std::string_view bytes);
  /// Lower-case hex of all bytes so far; ends the stream.
  std::string finish_hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chuyi

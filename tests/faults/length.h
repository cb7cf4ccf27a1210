#pragma once

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>

namespace chuyi::test {

/// Whether CHUYI_TEST_LENGTH=full asks for the whole of a fault test (tools/test.sh --faults).
inline bool full_length() {
  const char* length = std::getenv("CHUYI_TEST_LENGTH");
  return length != nullptr && std::string{length} == "full";
}

/// CHUYI_TEST_SEED, to play a failure again; else a new one each time. Printed with what `about` counts.
inline std::uint32_t seed_of(const char* about) {
  const char* given = std::getenv("CHUYI_TEST_SEED");
  const std::uint32_t seed = given != nullptr ? static_cast<std::uint32_t>(std::stoul(given)) : std::random_device{}();
  std::cout << about << ": CHUYI_TEST_SEED=" << seed << std::endl;
  return seed;
}

}  // namespace chuyi::test

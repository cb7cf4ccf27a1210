#pragma once

/// Faults planted for the tests that must find them: tools/test.sh --mutants builds them in (CHUYI_MUTANTS) and chooses
/// one at a time by the environment variable CHUYI_MUTANT. In any other build there is nothing but `false`.
#ifdef CHUYI_MUTANTS
#include <cstdlib>
#include <string_view>

namespace chuyi {

inline bool is_mutant(std::string_view name) {
  static const char* const chosen = std::getenv("CHUYI_MUTANT");
  return chosen != nullptr && name == chosen;
}

}  // namespace chuyi
#define CHUYI_MUTANT(name) ::chuyi::is_mutant(name)
#else
#define CHUYI_MUTANT(name) false
#endif

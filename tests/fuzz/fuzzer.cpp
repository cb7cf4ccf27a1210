#include <cstddef>
#include <cstdint>

#include "tests/fuzz/entries.h"

/// libFuzzer calls this with each input; CHUYI_FUZZ_ENTRY is one of tests/fuzz/entries.h.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  chuyi::fuzz::CHUYI_FUZZ_ENTRY({reinterpret_cast<const char*>(data), size});
  return 0;
}

#pragma once

#include <string_view>

/// What the fuzzers call with hostile bytes, and the corpus test with those kept. Each aborts where a promise of the
/// engine is broken; memory errors are the sanitizers' to find.
namespace chuyi::fuzz {

/// A workflow document. One that is accepted is run for a few events.
void chart(std::string_view bytes);
/// A Lua expression in the sandbox of a session with some data.
void expression(std::string_view bytes);
/// A stored session. One that is accepted is encoded, decoded and goes on.
void snapshot(std::string_view bytes);

}  // namespace chuyi::fuzz

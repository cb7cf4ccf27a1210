#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "engine/base/json.h"
#include "engine/base/result.h"

/// Results that anybody can compute again: {"kind", "input", "input_digest", "result"} as canonical JSON and a line feed.
/// `input_digest` is the SHA-256 of the canonical bytes of `input`; the digest of the whole file goes into the audit log.
namespace chuyi::review {

using Compute = std::function<Result<json::object>(const json::object& input)>;

/// Computes, and writes the export. Errors: those of `compute`.
Result<std::string> make_export(std::string_view kind, const json::object& input, const Compute& compute);

/// Computes the export again from the input in it, and holds it against every byte.
/// @return  SHA-256 of the bytes. Errors: `invalid` "json.*"; "review.kind" for another kind of file; `rejected`
///          "review.differs" with the first place that differs and what is expected there; those of `compute`.
Result<std::string> verify_export(std::string_view kind, std::string_view bytes, const Compute& compute);

}  // namespace chuyi::review

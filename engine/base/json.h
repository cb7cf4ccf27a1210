#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <boost/json/value.hpp>

#include "engine/base/result.h"

namespace chuyi {

namespace json = boost::json;

/// The largest integer that a JSON reader with doubles keeps exactly: 2^53.
inline constexpr std::int64_t kSafeInteger = std::int64_t{1} << 53;

/// Bounds of a JSON text from outside.
struct JsonLimits {
  std::size_t bytes_max = 1024U * 1024;
  std::size_t depth_max = 32;
  std::size_t string_bytes_max = 256U * 1024;  ///< one string or key
  std::size_t nodes_max = 50'000;               ///< values of any kind, whole text
};

/// Bounds of what the system wrote itself: wide enough for all that it accepts, and a stop for tampered bytes.
inline constexpr JsonLimits kStoredJson{
    .bytes_max = 64U * 1024 * 1024, .depth_max = 100, .string_bytes_max = 16U * 1024 * 1024, .nodes_max = 5'000'000};

/// The one gate for JSON from outside (RFC 8259, I-JSON of RFC 7493): strict UTF-8, no byte order
/// mark, no duplicate keys, no lone surrogates, no U+0000, no NaN, integers within ±2^53 when written
/// without fraction, no number that overflows a double, nothing after the value.
///
/// @param text   UTF-8 bytes.
/// @param what   names the input in errors, e.g. "request body".
/// @return       the value. Errors: `invalid` "json.*" with place = byte offset or JSON pointer;
///               `too_large` "json.size", "json.depth", "json.string", "json.nodes".
Result<json::value> parse_json(std::string_view text, const JsonLimits& limits, std::string_view what);

/// Canonical bytes: keys sorted by UTF-8 bytes, no white space, shortest round-trip numbers, "/" and
/// non-ASCII unescaped. Two equal values give equal bytes on every machine (after RFC 8785; keys are
/// ordered by UTF-8, not UTF-16).
std::string canonical_json(const json::value& value);
std::string canonical_json(const json::object& object);

/// `object[key]` when it is a string, else `fallback`.
std::string string_or(const json::object& object, std::string_view key, std::string_view fallback = {});
/// `object[key]` when it is an integer, else `fallback`.
std::int64_t int_or(const json::object& object, std::string_view key, std::int64_t fallback);
/// `object[key]` when it is a bool, else `fallback`.
bool bool_or(const json::object& object, std::string_view key, bool fallback);
/// `object[key]` when it is an object, else a shared empty object.
const json::object& object_or_empty(const json::object& object, std::string_view key);
/// `object[key]` when it is an array, else a shared empty array.
const json::array& array_or_empty(const json::object& object, std::string_view key);
/// RFC 6901: a key as a segment of a JSON pointer ("~" → "~0", "/" → "~1").
std::string pointer_segment(std::string_view key);

/// True when `text` is well-formed UTF-8 (no overlong forms, no surrogates, ≤ U+10FFFF).
bool is_utf8(std::string_view text);

/// `text` as it may be shown to people and put into JSON: bytes that are not UTF-8, and characters that steer a
/// terminal or turn the writing direction (C0 but "\n", DEL, C1, U+202A–202E, U+2066–2069), become "\xNN".
std::string printable(std::string_view text);

}  // namespace chuyi

#include "engine/base/json.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <boost/container/small_vector.hpp>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_stack.hpp>

namespace chuyi {
namespace {

/// SAX handler behind parse_json: builds the value and keeps the bounds on the way, so that a hostile
/// text never becomes a large tree.
class GateHandler {
 public:
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  explicit GateHandler(const JsonLimits& limits) : limits_(limits) { path_.reserve(8); }

  bool on_document_begin(json::error_code&) {
    stack_.reset();
    return true;
  }
  bool on_document_end(json::error_code&) { return true; }
  bool on_array_begin(json::error_code& ec) { return open(ec, false); }
  bool on_array_end(std::size_t n, json::error_code&) {
    stack_.push_array(n);
    close();
    return true;
  }
  bool on_object_begin(json::error_code& ec) { return open(ec, true); }
  bool on_object_end(std::size_t n, json::error_code&) {
    stack_.push_object(n);
    close();
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, json::error_code& ec) { return text_part(part, ec); }
  bool on_string(json::string_view part, std::size_t, json::error_code& ec) {
    if (!text_part(part, ec)) return false;
    if (!scalar(ec)) return false;
    stack_.push_string(text_);
    text_.clear();
    return true;
  }
  bool on_key_part(json::string_view part, std::size_t, json::error_code& ec) { return text_part(part, ec); }
  bool on_key(json::string_view part, std::size_t, json::error_code& ec) {
    if (!text_part(part, ec)) return false;
    path_.back().key = text_;
    if (!path_.back().is_new(text_))
      return fail(ec, ErrorKind::invalid, "json.duplicate_key", "Expected each key once in an object");
    stack_.push_key(text_);
    text_.clear();
    return true;
  }
  bool on_number_part(json::string_view part, json::error_code& ec) {
    number_.append(part);
    return number_.size() <= kNumberMax || fail(ec, ErrorKind::invalid, "json.number", "Expected a shorter number");
  }
  bool on_int64(std::int64_t value, json::string_view, json::error_code& ec) {
    number_.clear();
    if (value > kSafeInteger || value < -kSafeInteger)
      return fail(ec, ErrorKind::invalid, "json.integer_range", "Expected an integer within ±2^53");
    stack_.push_int64(value);
    return scalar(ec);
  }
  bool on_uint64(std::uint64_t, json::string_view, json::error_code& ec) {
    return fail(ec, ErrorKind::invalid, "json.integer_range", "Expected an integer within ±2^53");
  }
  /// Boost's own value may be one bit off, and which depends on what follows the number; only its size is used.
  bool on_double(double rough, json::string_view part, json::error_code& ec) {
    number_.append(part);
    const std::string text = std::exchange(number_, {});
    if (text.find_first_of(".eE") == std::string::npos)
      return fail(ec, ErrorKind::invalid, "json.integer_range", "Expected an integer within ±2^53");
    double value = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (status == std::errc::result_out_of_range && std::abs(rough) < 1) value = text.front() == '-' ? -0.0 : 0.0;
    else if (status != std::errc{} || !std::isfinite(value))
      return fail(ec, ErrorKind::invalid, "json.number_range", "Expected a number that a double can hold");
    stack_.push_double(value);
    return scalar(ec);
  }
  bool on_bool(bool value, json::error_code& ec) {
    stack_.push_bool(value);
    return scalar(ec);
  }
  bool on_null(json::error_code& ec) {
    stack_.push_null();
    return scalar(ec);
  }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

  json::value release() { return stack_.release(); }
  const std::optional<Error>& error() const { return error_; }
  std::string pointer() const {
    std::string out;
    for (const Level& level : path_)
      out += "/" + (level.object ? pointer_segment(level.key) : std::to_string(level.index));
    return out;
  }

 private:
  static constexpr std::size_t kNumberMax = 64;
  struct Level {
    bool object = false;
    std::size_t index = 0;
    std::string key;
    std::vector<std::string> ascending;  ///< keys that came in order, which canonical JSON's all do
    std::set<std::string> others;

    /// Remembers the key. @return false: it was there.
    bool is_new(const std::string& next) {
      if (ascending.empty()) ascending.reserve(8);
      if (ascending.empty() || ascending.back() < next) {
        ascending.push_back(next);
        return !others.contains(next);
      }
      return !std::binary_search(ascending.begin(), ascending.end(), next) && others.insert(next).second;
    }
  };

  bool fail(json::error_code& ec, ErrorKind kind, const char* code, std::string message) {
    const std::string place = pointer();
    error_ = Error{.kind = kind, .code = code, .message = std::move(message), .place = place};
    ec = json::error::extra_data;  // any code: error_ tells the real reason
    return false;
  }
  bool node(json::error_code& ec) {
    if (++nodes_ <= limits_.nodes_max) return true;
    return fail(ec, ErrorKind::too_large, "json.nodes",
                "Expected at most " + std::to_string(limits_.nodes_max) + " values");
  }
  bool scalar(json::error_code& ec) {
    next_element();
    return node(ec);
  }
  void next_element() {
    if (!path_.empty() && !path_.back().object) ++path_.back().index;
  }
  bool open(json::error_code& ec, bool object) {
    if (path_.size() >= limits_.depth_max)
      return fail(ec, ErrorKind::too_large, "json.depth",
                  "Expected at most " + std::to_string(limits_.depth_max) + " levels");
    if (!node(ec)) return false;
    path_.push_back(Level{.object = object, .index = 0, .key = {}, .ascending = {}, .others = {}});
    return true;
  }
  void close() {
    path_.pop_back();
    next_element();
  }
  bool text_part(json::string_view part, json::error_code& ec) {
    if (text_.size() + part.size() > limits_.string_bytes_max)
      return fail(ec, ErrorKind::too_large, "json.string",
                  "Expected strings of at most " + std::to_string(limits_.string_bytes_max) + " bytes");
    if (std::memchr(part.data(), 0, part.size()) != nullptr)
      return fail(ec, ErrorKind::invalid, "json.nul", "Expected text without U+0000");
    text_.append(part);
    return true;
  }

  JsonLimits limits_;
  json::value_stack stack_;
  std::vector<Level> path_;
  std::string text_;
  std::string number_;
  std::size_t nodes_ = 0;
  std::optional<Error> error_;
};

void append_canonical(std::string& out, const json::value& value);

void append_escaped(std::string& out, char c) {
  static constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '"': out += "\\\""; break;
    case '\\': out += "\\\\"; break;
    case '\b': out += "\\b"; break;
    case '\f': out += "\\f"; break;
    case '\n': out += "\\n"; break;
    case '\r': out += "\\r"; break;
    case '\t': out += "\\t"; break;
    default:
      out += "\\u00";
      out += kHex[(static_cast<unsigned char>(c) >> 4) & 0xF];
      out += kHex[static_cast<unsigned char>(c) & 0xF];
  }
}

/// Whether none of the eight bytes at `at` is a control character, a quote or a backslash: no subtraction of 0x20, or of
/// one after the xor that makes the character zero, borrows into a high bit that was not set.
bool eight_plain(const char* at) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  const std::uint64_t quotes = word ^ (kOnes * '"');
  const std::uint64_t slashes = word ^ (kOnes * '\\');
  const std::uint64_t hits = ((word - kOnes * 0x20) & ~word) | ((quotes - kOnes) & ~quotes) | ((slashes - kOnes) & ~slashes);
  return (hits & (kOnes * 0x80)) == 0;
}

void append_string(std::string& out, json::string_view text) {
  out += '"';
  const char* plain = text.data();
  const char* const end = text.data() + text.size();
  for (const char* at = plain; at != end; ++at) {
    while (end - at >= 8 && eight_plain(at)) at += 8;
    if (at == end) break;
    if (static_cast<unsigned char>(*at) >= 0x20 && *at != '"' && *at != '\\') continue;
    out.append(plain, at);
    append_escaped(out, *at);
    plain = at + 1;
  }
  out.append(plain, end);
  out += '"';
}

template <class Number>
void append_number(std::string& out, Number number) {
  char buffer[40];
  const auto [end, ec] = std::to_chars(buffer, buffer + sizeof buffer, number);
  out.append(buffer, end);
}

void append_object(std::string& out, const json::object& object) {
  boost::container::small_vector<const json::key_value_pair*, 16> members;
  members.reserve(object.size());
  for (const json::key_value_pair& member : object) members.push_back(&member);
  const auto before = [](const auto* a, const auto* b) { return a->key() < b->key(); };
  if (!std::is_sorted(members.begin(), members.end(), before)) std::sort(members.begin(), members.end(), before);  // what was stored is
  out += '{';
  const char* separator = "";
  for (const json::key_value_pair* member : members) {
    out += separator;
    separator = ",";
    append_string(out, member->key());
    out += ':';
    append_canonical(out, member->value());
  }
  out += '}';
}

void append_canonical(std::string& out, const json::value& value) {
  switch (value.kind()) {
    case json::kind::null: out += "null"; break;
    case json::kind::bool_: out += value.get_bool() ? "true" : "false"; break;
    case json::kind::int64: append_number(out, value.get_int64()); break;
    case json::kind::uint64: append_number(out, value.get_uint64()); break;
    case json::kind::double_: {
      const std::size_t start = out.size();
      append_number(out, value.get_double());
      // A whole double keeps its kind when it is read back.
      if (out.find_first_of(".eEn", start) == std::string::npos) out += ".0";
      break;
    }
    case json::kind::string: append_string(out, value.get_string()); break;
    case json::kind::array: {
      out += '[';
      const char* separator = "";
      for (const json::value& element : value.get_array()) {
        out += separator;
        separator = ",";
        append_canonical(out, element);
      }
      out += ']';
      break;
    }
    case json::kind::object: append_object(out, value.get_object()); break;
  }
}

const json::object kEmptyObject;
const json::array kEmptyArray;

/// Bytes of the well-formed UTF-8 character that `text` starts with; 0 when it starts with none.
std::size_t utf8_size(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = at(0);
  if (lead < 0x80) return 1;
  const std::size_t size = lead > 0xF4 ? 0 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 0;
  if (size == 0 || text.size() < size) return 0;
  if ((lead == 0xE0 && at(1) < 0xA0) || (lead == 0xED && at(1) > 0x9F) || (lead == 0xF0 && at(1) < 0x90) || (lead == 0xF4 && at(1) > 0x8F)) return 0;
  for (std::size_t i = 1; i < size; ++i)
    if ((at(i) & 0xC0) != 0x80) return 0;
  return size;
}

/// True for a character that acts on a terminal or on the writing direction instead of being shown.
bool steers(std::string_view character) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1) return (at(0) < 0x20 && at(0) != '\n') || at(0) == 0x7F;
  if (character.size() == 2) return at(0) == 0xC2 && at(1) < 0xA0;
  if (character.size() != 3 || at(0) != 0xE2) return false;
  return (at(1) == 0x80 && at(2) >= 0xAA && at(2) <= 0xAE) || (at(1) == 0x81 && at(2) >= 0xA6 && at(2) <= 0xA9);
}

}  // namespace

Result<json::value> parse_json(std::string_view text, const JsonLimits& limits, std::string_view what) {
  const std::string name{what};
  if (text.size() > limits.bytes_max)
    return Error{.kind = ErrorKind::too_large,
                 .code = "json.size",
                 .message = "Expected " + name + " of at most " + std::to_string(limits.bytes_max) + " bytes"};
  if (!is_utf8(text))
    return Error{.kind = ErrorKind::invalid, .code = "json.utf8", .message = "Expected " + name + " in UTF-8"};
  json::parse_options options;
  options.max_depth = limits.depth_max + 1;  // the handler refuses first, with a place
  options.allow_invalid_utf8 = true;         // is_utf8 has looked at all of it
  json::basic_parser<GateHandler> parser(options, limits);
  json::error_code ec;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), ec);
  if (const auto& error = parser.handler().error()) {
    Error out = *error;
    out.message += " in " + name + (out.place.empty() ? "" : " at " + out.place);
    return out;
  }
  if (!ec && text.find_first_not_of(" \t\r\n", used) != std::string_view::npos) ec = json::error::extra_data;
  if (ec)
    return Error{.kind = ErrorKind::invalid,
                 .code = "json.syntax",
                 .message = "Expected " + name + " to be JSON, but found at byte " + std::to_string(used) + ": " + ec.message(),
                 .place = "byte " + std::to_string(used)};
  return parser.handler().release();
}

std::string canonical_json(const json::value& value) {
  std::string out;
  append_canonical(out, value);
  return out;
}

std::string canonical_json(const json::object& object) {
  std::string out;
  append_object(out, object);
  return out;
}

std::string string_or(const json::object& object, std::string_view key, std::string_view fallback) {
  const json::value* found = object.if_contains(key);
  if (found == nullptr || !found->is_string()) return std::string{fallback};
  return std::string{found->get_string()};
}

std::int64_t int_or(const json::object& object, std::string_view key, std::int64_t fallback) {
  const json::value* found = object.if_contains(key);
  return found != nullptr && found->is_int64() ? found->get_int64() : fallback;
}

bool bool_or(const json::object& object, std::string_view key, bool fallback) {
  const json::value* found = object.if_contains(key);
  return found != nullptr && found->is_bool() ? found->get_bool() : fallback;
}

const json::object& object_or_empty(const json::object& object, std::string_view key) {
  const json::value* found = object.if_contains(key);
  return found != nullptr && found->is_object() ? found->get_object() : kEmptyObject;
}

const json::array& array_or_empty(const json::object& object, std::string_view key) {
  const json::value* found = object.if_contains(key);
  return found != nullptr && found->is_array() ? found->get_array() : kEmptyArray;
}

std::string pointer_segment(std::string_view key) {
  std::string out;
  for (const char c : key) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    std::uint64_t eight = 0;
    if (text.size() >= sizeof eight) {
      std::memcpy(&eight, text.data(), sizeof eight);
      if ((eight & 0x8080'8080'8080'8080U) == 0) {  // ASCII
        text.remove_prefix(sizeof eight);
        continue;
      }
    }
    const std::size_t size = utf8_size(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size = utf8_size(text);
    const std::string_view each = text.substr(0, size == 0 ? 1 : size);
    if (size == 0 || steers(each)) {
      static constexpr char kHex[] = "0123456789abcdef";
      for (const char c : each) out.append("\\x").append(1, kHex[static_cast<unsigned char>(c) >> 4]).append(1, kHex[c & 15]);
    } else {
      out += each;
    }
    text.remove_prefix(each.size());
  }
  return out;
}

}  // namespace chuyi

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/json.h"
#include "engine/base/result.h"

namespace chuyi::review {

/// Reads the members of one object and notes every defect, so that a file with three errors is told of three.
/// Members that nobody asked for are defects too: a misspelt limit must not be a limit that is not there.
class Reader {
 public:
  static constexpr std::size_t kTextMax = 1000;  ///< bytes of one text

  /// @param place  JSON pointer of `from`. `found` outlives the reader.
  Reader(const json::object& from, std::string place, std::vector<Detail>& found);

  bool has(std::string_view key);
  /// A text that must be there and not empty.
  std::string id(std::string_view key);
  std::string text(std::string_view key, std::string_view fallback = {});
  std::int64_t whole(std::string_view key, std::int64_t fallback, std::int64_t min, std::int64_t max);
  std::int64_t needed_whole(std::string_view key, std::int64_t min, std::int64_t max);
  bool flag(std::string_view key, bool fallback = false);
  std::vector<std::string> texts(std::string_view key, std::size_t count_max = 1000);
  /// One of `words`; the first when it is missing.
  std::string one_of(std::string_view key, const std::vector<std::string_view>& words);
  /// Calls `read` for each object of an array.
  void each(std::string_view key, std::size_t count_max, const std::function<void(Reader&)>& read);
  /// Calls `read` when the object is there.
  void part(std::string_view key, const std::function<void(Reader&)>& read);
  /// The member itself, unread; null when it is missing.
  const json::value* raw(std::string_view key);

  void wrong(std::string_view key, std::string code, std::string message, std::string message_zh);
  /// Notes members that nobody asked for. Called by each() and part(); by the caller for the outermost.
  void finish();

 private:
  const json::value* find(std::string_view key);
  bool number(const json::value& value, std::int64_t min, std::int64_t max, std::int64_t& out);

  const json::object& from_;
  std::string place_;
  std::vector<Detail>& found_;
  std::vector<std::string_view> known_;
};

/// `invalid` `code` with all that was found; the first one's text on top.
Error error_of(std::string code, std::vector<Detail> found);

}  // namespace chuyi::review

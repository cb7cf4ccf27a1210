#include "engine/review/reader.h"

#include <algorithm>

namespace chuyi::review {
namespace {

constexpr std::size_t kDefectsMax = 1000;  // a file of the wrong kind has one at every place

}  // namespace

Reader::Reader(const json::object& from, std::string place, std::vector<Detail>& found)
    : from_(from), place_(std::move(place)), found_(found) {}

const json::value* Reader::find(std::string_view key) {
  known_.push_back(key);
  return from_.if_contains(key);
}

bool Reader::has(std::string_view key) { return find(key) != nullptr; }
const json::value* Reader::raw(std::string_view key) { return find(key); }

void Reader::wrong(std::string_view key, std::string code, std::string message, std::string message_zh) {
  if (found_.size() >= kDefectsMax) return;
  found_.push_back({.place = key.empty() ? place_ : place_ + "/" + pointer_segment(key),
                    .code = std::move(code),
                    .message = std::move(message),
                    .message_zh = std::move(message_zh)});
}

std::string Reader::id(std::string_view key) {
  std::string out = text(key);
  if (out.empty()) wrong(key, "review.missing", "Expected a text that is not empty", "此项必填");
  return out;
}

std::string Reader::text(std::string_view key, std::string_view fallback) {
  const json::value* value = find(key);
  if (value == nullptr) return std::string{fallback};
  if (!value->is_string()) {
    wrong(key, "review.type", "Expected a text", "应为文本");
    return std::string{fallback};
  }
  if (value->get_string().size() > kTextMax)
    wrong(key, "review.length", "Expected at most " + std::to_string(kTextMax) + " bytes",
          "文本过长，至多" + std::to_string(kTextMax) + "字节");
  return std::string{value->get_string()};
}

bool Reader::number(const json::value& value, std::int64_t min, std::int64_t max, std::int64_t& out) {
  if (!value.is_int64() || value.get_int64() < min || value.get_int64() > max) return false;
  out = value.get_int64();
  return true;
}

std::int64_t Reader::whole(std::string_view key, std::int64_t fallback, std::int64_t min, std::int64_t max) {
  return from_.contains(key) ? needed_whole(key, min, max) : (find(key), fallback);
}

std::int64_t Reader::needed_whole(std::string_view key, std::int64_t min, std::int64_t max) {
  const json::value* value = find(key);
  std::int64_t out = min;
  if (value == nullptr || !number(*value, min, max, out)) {
    const std::string range = std::to_string(min) + "…" + std::to_string(max);
    wrong(key, "review.number", "Expected a whole number of " + range, "应为" + range + "之间的整数");
  }
  return out;
}

bool Reader::flag(std::string_view key, bool fallback) {
  const json::value* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_bool()) wrong(key, "review.type", "Expected true or false", "应为true或false");
  return value->is_bool() && value->get_bool();
}

std::vector<std::string> Reader::texts(std::string_view key, std::size_t count_max) {
  std::vector<std::string> out;
  const json::value* value = find(key);
  if (value == nullptr) return out;
  if (!value->is_array() || value->get_array().size() > count_max) {
    wrong(key, "review.type", "Expected a list of at most " + std::to_string(count_max) + " texts",
          "应为至多" + std::to_string(count_max) + "项文本的列表");
    return out;
  }
  for (const json::value& each : value->get_array()) {
    if (!each.is_string() || each.get_string().empty() || each.get_string().size() > kTextMax) {
      wrong(key, "review.type", "Expected texts that are not empty, of at most " + std::to_string(kTextMax) + " bytes",
            "列表中应为非空文本，每项至多" + std::to_string(kTextMax) + "字节");
      return out;
    }
    out.emplace_back(each.get_string());
  }
  return out;
}

std::string Reader::one_of(std::string_view key, const std::vector<std::string_view>& words) {
  const std::string out = text(key, words.front());
  if (std::find(words.begin(), words.end(), out) != words.end()) return out;
  std::string list;
  for (const std::string_view word : words) list += (list.empty() ? "" : ", ") + std::string{word};
  wrong(key, "review.choice", "Expected one of: " + list, "应为下列之一：" + list);
  return std::string{words.front()};
}

void Reader::each(std::string_view key, std::size_t count_max, const std::function<void(Reader&)>& read) {
  const json::value* value = find(key);
  if (value == nullptr) return;
  if (!value->is_array() || value->get_array().size() > count_max)
    return wrong(key, "review.type", "Expected a list of at most " + std::to_string(count_max) + " objects",
                 "应为至多" + std::to_string(count_max) + "项的列表");
  const std::string place = place_ + "/" + pointer_segment(key) + "/";
  std::size_t row = 0;
  for (const json::value& item : value->get_array()) {
    static const json::object kNone;
    Reader reader(item.is_object() ? item.get_object() : kNone, place + std::to_string(row++), found_);
    if (!item.is_object()) {
      reader.wrong("", "review.type", "Expected an object", "应为对象");
      continue;
    }
    read(reader);
    reader.finish();
  }
}

void Reader::part(std::string_view key, const std::function<void(Reader&)>& read) {
  const json::value* value = find(key);
  if (value == nullptr) return;
  if (!value->is_object()) return wrong(key, "review.type", "Expected an object", "应为对象");
  Reader reader(value->get_object(), place_ + "/" + pointer_segment(key), found_);
  read(reader);
  reader.finish();
}

void Reader::finish() {
  for (const auto& member : from_)
    if (std::find(known_.begin(), known_.end(), std::string_view{member.key()}) == known_.end())
      wrong(member.key(), "review.unknown", "Expected no such member", "未知的项");
}

Error error_of(std::string code, std::vector<Detail> found) {
  Error out{.kind = ErrorKind::invalid,
            .code = std::move(code),
            .message = found.front().message,
            .place = found.front().place,
            .message_zh = found.front().message_zh};
  out.details = std::move(found);
  return out;
}

}  // namespace chuyi::review

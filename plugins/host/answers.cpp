#include "plugins/host/answers.h"

#include <algorithm>
#include <array>

#include "engine/base/decimal.h"
#include "engine/ports/plugin_host.h"

namespace chuyi {
namespace {

constexpr std::size_t kListMax = 200;
constexpr std::size_t kEventsMax = 100;
constexpr std::size_t kNumberMax = 200;  // bytes
constexpr std::size_t kFieldMax = 1'000;  // bytes

/// `value` is a string of at least one character.
bool has_text(const json::object& object, std::string_view key) { return !string_or(object, key).empty(); }
bool has_string(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string();
}
bool has_object(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_object();
}

/// `object[key]` is a list of objects that each pass `good`.
template <class Good>
bool has_list(const json::object& object, std::string_view key, std::size_t length_max, Good good) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_array() || value->get_array().size() > length_max) return false;
  return std::all_of(value->get_array().begin(), value->get_array().end(), [&](const json::value& each) { return each.is_object() && good(each.get_object()); });
}

std::string findings(const json::object& answer) {
  const auto good = [](const json::object& each) {
    return has_string(each, "place") && has_text(each, "code") && has_text(each, "message") && has_text(each, "message_zh");
  };
  return has_list(answer, "findings", kListMax, good) ? "" : "a list \"findings\" with place, code, message and message_zh in each";
}

std::string score(const json::object& answer) {
  return has_string(answer, "score") && Decimal::parse(string_or(answer, "score")) ? "" : "a decimal string \"score\"";
}

std::string number(const json::object& answer) {
  return has_text(answer, "number") && string_or(answer, "number").size() <= kNumberMax ? "" : "a string \"number\" of 1 to 200 bytes";
}

std::string indicators(const json::object& answer) {
  constexpr std::array kResults{"excellent", "qualified", "rectify", "unqualified"};
  if (answer.contains("suggested") && std::find(kResults.begin(), kResults.end(), string_or(answer, "suggested")) == kResults.end())
    return "\"suggested\" to be excellent, qualified, rectify or unqualified";
  const auto good = [](const json::object& each) { return has_text(each, "zh") && has_text(each, "en"); };
  if (answer.contains("notes") && !has_list(answer, "notes", kListMax, good)) return "a list \"notes\" with zh and en in each";
  return findings(answer);
}

/// One line of text that may stand on a page: well-formed (the JSON gate saw to it), without control characters.
bool is_line(const json::value& value) {
  if (!value.is_string() || value.get_string().size() > kFieldMax) return false;
  const std::string_view text = value.get_string();
  return printable(text) == text && text.find('\n') == std::string_view::npos;
}

std::string fields(const json::object& answer) {
  const json::object& all = object_or_empty(answer, "fields");
  const bool lines = std::all_of(all.begin(), all.end(), [](const auto& each) { return is_line(each.value()); });
  return has_object(answer, "fields") && all.size() <= kListMax && lines ? "" : "an object \"fields\" of strings, each one line of at most 1000 bytes";
}

std::string events(const json::object& answer) {
  if (!has_object(answer, "state")) return "an object \"state\"";
  const auto good = [](const json::object& each) { return has_text(each, "name"); };
  return has_list(answer, "events", kEventsMax, good) ? "" : "a list \"events\" with a name in each";
}

std::string data(const json::object& answer) { return has_object(answer, "data") ? "" : "an object \"data\""; }

/// What was expected of the answer of a hook; empty when it is so.
struct Shape {
  std::string_view hook;
  std::string (*expected)(const json::object&);
};
constexpr Shape kShapes[] = {
    {hook::kValidate, findings}, {hook::kEligible, findings}, {hook::kScore, score},   {hook::kNumber, number},
    {hook::kCheckIndicators, indicators}, {hook::kRender, fields}, {hook::kHandle, events}, {hook::kMigrate, data},
};

}  // namespace

std::string defect_of(std::string_view asked, const json::value& answer) {
  if (!answer.is_object()) return "expected an answer that is an object";
  for (const Shape& shape : kShapes)
    if (shape.hook == asked)
      if (const std::string expected = shape.expected(answer.get_object()); !expected.empty()) return "expected an answer with " + expected;
  return {};
}

std::string lack_of(std::string_view asked, const json::object& answer, const Definition& definition) {
  if (asked != hook::kRender || !definition.certificate) return {};
  const json::object& fields = object_or_empty(answer, "fields");
  for (const std::string& name : definition.certificate->fields)
    if (!fields.contains(name)) return "expected an answer with the field '" + name + "', which the certificate names";
  return {};
}

}  // namespace chuyi

#include "engine/review/blind.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <set>

#include "engine/base/digest.h"

namespace chuyi::review {
namespace {

constexpr std::size_t kFoundMax = 100;
constexpr std::size_t kNameBytesMin = 4;  ///< of what is looked for: two Chinese characters have six

bool identifies(const json::object& schema) { return bool_or(schema, "x-identifies", false); }

/// Every text below `value`, with its place and whether a field above it identifies.
void each_text(const json::object& schema, const json::value& value, const std::string& place, bool above,
               const std::function<void(const std::string& text, const std::string& place, bool identifying)>& take) {
  const bool identifying = above || identifies(schema);
  if (value.is_string()) return take(std::string{value.get_string()}, place, identifying);
  if (value.is_array())
    for (std::size_t i = 0; i < value.get_array().size(); ++i)
      each_text(object_or_empty(schema, "items"), value.get_array()[i], place + "/" + std::to_string(i), identifying, take);
  if (value.is_object())
    for (const auto& member : value.get_object())
      each_text(object_or_empty(object_or_empty(schema, "properties"), member.key()), member.value(), place + "/" + pointer_segment(member.key()), identifying, take);
}

json::value cleared(const json::object& schema, const json::value& value) {
  if (value.is_array()) {
    json::array out;
    for (const json::value& each : value.get_array()) out.push_back(cleared(object_or_empty(schema, "items"), each));
    return out;
  }
  if (!value.is_object()) return value;
  json::object out;
  for (const auto& member : value.get_object()) {
    const json::object& property = object_or_empty(object_or_empty(schema, "properties"), member.key());
    if (!identifies(property)) out[member.key()] = cleared(property, member.value());
  }
  return out;
}

std::string without(std::string text, const std::vector<std::string>& words) {
  for (const std::string& word : words)
    for (std::size_t at = word.empty() ? std::string::npos : text.find(word); at != std::string::npos; at = text.find(word)) text.erase(at, word.size());
  return text;
}

}  // namespace

std::string pseudonym_of(std::string_view application) {
  const std::string digest = sha256_hex("pseudonym/" + std::string{application});
  unsigned number = 0;
  std::from_chars(digest.data(), digest.data() + 7, number, 16);
  std::string digits = std::to_string(number / 26 % 10'000);
  digits.insert(0, 4 - digits.size(), '0');
  return std::string{"申报"} + static_cast<char>('A' + number % 26) + "-" + digits;
}

json::object without_identity(const json::object& schema, const json::object& form) { return cleared(schema, json::value(form)).as_object(); }

std::vector<Detail> names_left(const json::object& schema, const json::object& form, const std::string& org_name,
                               const std::vector<std::string>& common_words, const std::vector<DocumentName>& documents) {
  std::set<std::string> names{org_name, without(org_name, common_words)};
  const json::value whole(form);
  each_text(schema, whole, "", false, [&](const std::string& text, const std::string&, bool identifying) {
    if (identifying) names.insert(text);
  });
  std::erase_if(names, [](const std::string& name) { return name.size() < kNameBytesMin; });
  std::vector<Detail> out;
  const auto look = [&](const std::string& text, const std::string& place, const char* zh, const char* en) {
    for (const std::string& name : names)
      if (out.size() < kFoundMax && text.find(name) != std::string::npos) {
        out.push_back({.place = place, .code = "blind.named", .message = std::string{en} + " still names the applicant: '" + name + "'", .message_zh = std::string{zh} + "仍含申报人信息：“" + name + "”"});
        return;
      }
  };
  each_text(schema, whole, "", false, [&](const std::string& text, const std::string& place, bool identifying) {
    if (!identifying) look(text, place, "填报内容", "The form");
  });
  for (const DocumentName& document : documents) look(document.name, "/documents/" + document.id, "材料名称", "The name of a document");
  return out;
}

}  // namespace chuyi::review

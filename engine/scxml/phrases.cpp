#include "engine/scxml/phrases.h"

#include <cctype>
#include <utility>

namespace chuyi::scxml {

Phrases::Phrases(std::string_view language, Lookup lookup, json::object programme)
    : zh_(language != "en"), lookup_(std::move(lookup)), programme_(std::move(programme)) {}

std::string Phrases::say(const std::string& key, const Fields& fields) const {
  const std::string text = lookup_(key);
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t close = text[at] == '{' ? text.find('}', at) : std::string::npos;
    if (close == std::string::npos) {
      out += text[at++];
      continue;
    }
    const std::string name = text.substr(at + 1, close - at - 1);
    const auto found = fields.find(name);
    const std::string value = found != fields.end() ? found->second : fact(name);
    if (value.empty()) return {};
    out += value;
    at = close + 1;
  }
  return out;
}

std::vector<std::string> Phrases::fields_of(const std::string& key) const {
  const std::string text = lookup_(key);
  std::vector<std::string> out;
  for (std::size_t open = text.find('{'); open != std::string::npos; open = text.find('{', open + 1))
    out.push_back(text.substr(open + 1, text.find('}', open) - open - 1));
  return out;
}

std::string Phrases::quoted(std::string_view text) const { return (zh_ ? "“" : "\"") + printable(text) + (zh_ ? "”" : "\""); }

std::string Phrases::joined(const std::vector<std::string>& words, const std::string& key) const {
  const bool list = key == "join.and" || key == "join.or";  // only these say their word once
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += lookup_(list && i + 1 < words.size() ? "join.list" : key);
    out += words[i];
  }
  return out;
}

std::string Phrases::fact(std::string_view path) const {
  if (!path.starts_with("programme.")) return {};
  path.remove_prefix(10);
  const json::object* at = &programme_;
  for (std::size_t dot = path.find('.'); dot != std::string_view::npos; dot = path.find('.')) {
    at = &object_or_empty(*at, path.substr(0, dot));
    path.remove_prefix(dot + 1);
  }
  const json::value* found = at->if_contains(path);
  if (found == nullptr) return {};
  if (found->is_int64()) return std::to_string(found->get_int64());
  const std::string value = found->is_string() ? std::string{found->get_string()} : found->is_bool() ? (found->get_bool() ? "true" : "false") : "";
  const std::string words = value.empty() ? "" : lookup_(std::string{path} + "." + value);
  return words.empty() ? value : words;
}

std::string capitalised(std::string text) {
  if (!text.empty()) text.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(text.front())));
  return text;
}

}  // namespace chuyi::scxml

#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/json.h"

namespace chuyi::scxml {

/// Words for what a chart holds, in one language. They come from a catalogue (server/texts/workflow.json), so that
/// a new handler, role or outcome is a new text and no new code. Keys that may be missing fall back to the id in quotes.
class Phrases {
 public:
  /// The text of a key such as "role.applicant"; empty when there is none.
  using Lookup = std::function<std::string(const std::string& key)>;
  using Fields = std::map<std::string, std::string, std::less<>>;

  /// @param programme  the manifest of the programme that the chart runs for, when it is known: its numbers then
  ///                   stand in the sentences ("{programme.publicity.days}").
  Phrases(std::string_view language, Lookup lookup, json::object programme = {});

  bool zh() const { return zh_; }
  bool has(const std::string& key) const { return !lookup_(key).empty(); }
  /// The text with each "{field}" filled in; empty when there is no such key, or when a field has no value.
  std::string say(const std::string& key, const Fields& fields = {}) const;
  /// The same for a workflow of this name, where it has words of its own: KEY.NAME.
  std::string say_of(const std::string& key, const std::string& workflow, const Fields& fields = {}) const {
    std::string own = say(key + "." + workflow, fields);
    return own.empty() ? say(key, fields) : own;
  }
  /// The names in braces of a text.
  std::vector<std::string> fields_of(const std::string& key) const;
  /// The id in quotes of the language.
  std::string quoted(std::string_view text) const;
  /// "a, b and c": `key` is "join.and", "join.or" or "join.list".
  std::string joined(const std::vector<std::string>& words, const std::string& key) const;
  /// What the manifest says at a dotted path, in words; empty when it is not known.
  std::string fact(std::string_view path) const;

 private:
  bool zh_;
  Lookup lookup_;
  json::object programme_;
};

/// A sentence with its first letter large (where letters have a size).
std::string capitalised(std::string text);

}  // namespace chuyi::scxml

#include "server/phrases.h"

namespace chuyi {

scxml::Phrases workflow_phrases(const Texts& texts, std::string_view language, const Definition* definition) {
  const auto lookup = [&texts, definition, language = std::string{language}](const std::string& key) -> std::string {
    if (definition != nullptr && key.starts_with("form.")) {
      const json::object& form = object_or_empty(definition->forms, key.substr(5));
      const std::string title = string_or(form, language == "en" ? "x-title-en" : "title");
      if (!title.empty()) return language == "en" ? "the form \"" + title + "\"" : "《" + title + "》";
    }
    if (definition != nullptr && (key.starts_with("outcome.") || key.starts_with("short."))) {
      // What a package's own workflow has outcomes and events of, its own texts name.
      const std::string own = key.starts_with("short.") ? "event." + key.substr(6) : key;
      std::string words = string_or(object_or_empty(object_or_empty(definition->manifest, "texts"), own), language == "en" ? "en" : "zh");
      if (!words.empty()) return words;
    }
    const std::string code = "workflow." + key;
    std::string out = texts.get(code, language);
    return out == code ? std::string{} : out;
  };
  return {language, lookup, definition == nullptr ? json::object{} : definition->manifest};
}

}  // namespace chuyi

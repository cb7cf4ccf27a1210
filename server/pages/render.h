#pragma once

#include <string>

#include <ctemplate/template.h>

#include "server/context.h"

namespace chuyi::pages {

/// One page on its way: a dictionary with the texts of the page's language and the frame filled in.
class Page {
 public:
  Page(const Context& context, const char* file, const char* title_key);
  ctemplate::TemplateDictionary& dict() { return dict_; }
  const std::string& language() const { return language_; }
  std::string text(const std::string& key) const;
  /// "zh" or "en" of {"zh","en"}.
  std::string pick(const json::object& both) const { return string_or(both, language_); }
  void set_title(const std::string& title);
  /// Where the page can be read again, for the link to the other language: the path asked for, unless told here.
  void set_self(const std::string& path);
  /// A link of this site; it keeps a language that was chosen by `lang`.
  std::string link(const std::string& path) const;
  Response finish(int status = 200);

 private:
  const Context& context_;
  std::string file_;
  std::string language_;
  ctemplate::TemplateDictionary dict_;
};

}  // namespace chuyi::pages

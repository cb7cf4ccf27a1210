#include "engine/base/notice_text.h"

#include <algorithm>
#include <utility>

namespace chuyi {
namespace {

constexpr std::string_view kHan[] = {"一", "二", "三", "四", "五", "六", "七", "八", "九", "十"};
constexpr std::string_view kCounted[] = {"个", "所", "名"};
constexpr std::size_t kDigitsMax = 9;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
}

/// Digits, brackets, points and spaces of full width as the narrow ones.
std::string narrow(std::string_view text) {
  static constexpr std::pair<std::string_view, std::string_view> kWide[] = {
      {"（", "("}, {"）", ")"}, {"．", "."}, {"　", " "}, {"０", "0"}, {"１", "1"}, {"２", "2"}, {"３", "3"},
      {"４", "4"}, {"５", "5"}, {"６", "6"}, {"７", "7"}, {"８", "8"}, {"９", "9"}, {"\r", ""},  {"\t", " "}};
  std::string out{text};
  for (const auto& [wide, thin] : kWide) replace_all(out, wide, thin);
  return out;
}

/// Takes Han numerals off the front.
std::string take_han(std::string_view& line) {
  std::string out;
  for (bool taken = true; taken;) {
    taken = false;
    for (const std::string_view each : kHan)
      if (line.starts_with(each)) {
        out += each;
        line.remove_prefix(each.size());
        taken = true;
      }
  }
  return out;
}

void skip_spaces(std::string_view& line) { line.remove_prefix(std::min(line.find_first_not_of(' '), line.size())); }

/// Where the reader stands: chapter, part, item.
class Outline {
 public:
  /// Takes a heading's number off the line, when it begins with one.
  bool take(std::string_view& line) {
    std::string_view rest = line;
    if (const bool bracket = rest.starts_with("("); bracket) {
      rest.remove_prefix(1);
      skip_spaces(rest);
      const std::string part = take_han(rest);
      skip_spaces(rest);
      if (part.empty() || !rest.starts_with(")")) return false;
      rest.remove_prefix(1);
      part_ = "(" + part + ")";
      item_.clear();
    } else if (const std::string chapter = take_han(rest); !chapter.empty()) {
      if (!rest.starts_with("、")) return false;
      rest.remove_prefix(std::string_view{"、"}.size());
      chapter_ = chapter;
      part_.clear();
      item_.clear();
    } else {
      const auto digits = static_cast<std::size_t>(std::find_if_not(rest.begin(), rest.end(), is_digit) - rest.begin());
      const std::string_view after = rest.substr(digits);
      const std::size_t point = after.starts_with(".") ? 1 : after.starts_with("、") ? std::string_view{"、"}.size() : 0;
      if (digits == 0 || digits > 2 || point == 0 || (after.size() > point && is_digit(after[point]))) return false;
      item_ = rest.substr(0, digits);
      rest = after.substr(point);
    }
    line = rest;
    return true;
  }
  std::string section() const { return chapter_ + part_ + item_; }

 private:
  std::string chapter_, part_, item_;
};

/// The numbers of one passage, sentence by sentence.
void find_numbers(const std::string& section, const std::string& passage, std::vector<NoticeNumber>& out) {
  constexpr std::string_view kStop = "。";
  for (std::size_t begin = 0; begin < passage.size();) {
    const std::size_t stop = std::min(passage.find(kStop, begin), passage.size());
    const std::string sentence = passage.substr(begin, stop - begin);
    begin = stop + kStop.size();
    for (std::size_t at = 0; at < sentence.size();) {
      std::size_t end = at;
      while (end < sentence.size() && is_digit(sentence[end])) ++end;
      std::string_view after = std::string_view{sentence}.substr(end);
      skip_spaces(after);
      const bool counted = std::any_of(std::begin(kCounted), std::end(kCounted), [&](std::string_view each) { return after.starts_with(each); });
      if (end > at && end - at <= kDigitsMax && counted) out.push_back({.section = section, .value = std::stoll(sentence.substr(at, end - at)), .text = sentence});
      at = std::max(end, at + 1);
    }
  }
}

}  // namespace

std::vector<NoticeNumber> numbers_of_notice(std::string_view text) {
  const std::string narrowed = narrow(text);
  std::vector<NoticeNumber> out;
  Outline outline;
  std::string passage;
  for (std::size_t begin = 0; begin <= narrowed.size();) {
    const std::size_t end = std::min(narrowed.find('\n', begin), narrowed.size());
    std::string_view line = std::string_view{narrowed}.substr(begin, end - begin);
    begin = end + 1;
    skip_spaces(line);
    const std::string section = outline.section();
    if (outline.take(line)) {
      find_numbers(section, passage, out);
      passage.clear();
    }
    passage += line;
  }
  find_numbers(outline.section(), passage, out);
  return out;
}

}  // namespace chuyi

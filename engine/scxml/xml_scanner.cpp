#include "engine/scxml/xml_scanner.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace chuyi {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// XML 1.0 (5th edition), productions [4] NameStartChar and [4a] NameChar, without ':' (namespaces).
constexpr std::array<Range, 15> kNameStart = {{{'A', 'Z'},
                                               {'_', '_'},
                                               {'a', 'z'},
                                               {0xC0, 0xD6},
                                               {0xD8, 0xF6},
                                               {0xF8, 0x2FF},
                                               {0x370, 0x37D},
                                               {0x37F, 0x1FFF},
                                               {0x200C, 0x200D},
                                               {0x2070, 0x218F},
                                               {0x2C00, 0x2FEF},
                                               {0x3001, 0xD7FF},
                                               {0xF900, 0xFDCF},
                                               {0xFDF0, 0xFFFD},
                                               {0x10000, 0xEFFFF}}};
constexpr std::array<Range, 6> kNameMore = {
    {{'-', '.'}, {'0', '9'}, {0xB7, 0xB7}, {0x300, 0x36F}, {0x203F, 0x2040}, {0x10FFFF + 1, 0}}};

template <std::size_t N>
bool in(const std::array<Range, N>& ranges, char32_t c) {
  return std::any_of(ranges.begin(), ranges.end(), [c](const Range& r) { return c >= r.first && c <= r.last; });
}

bool is_char(char32_t c) {
  return c == 0x9 || c == 0xA || c == 0xD || (c >= 0x20 && c <= 0xD7FF) || (c >= 0xE000 && c <= 0xFFFD) ||
         (c >= 0x10000 && c <= 0x10FFFF);
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::string_view prefix_of(std::string_view name) {
  const std::size_t colon = name.find(':');
  return colon == std::string_view::npos ? std::string_view{} : name.substr(0, colon);
}

class Scanner {
 public:
  Scanner(std::string_view text, bool was_utf16, const scxml::ChartLimits& limits)
      : text_(text), was_utf16_(was_utf16), limits_(limits) {}

  std::optional<XmlFault> run() {
    check_characters();
    if (!fault_ && text_.substr(0, 5) == "<?xml" && text_.size() > 5 && is_space(text_[5])) declaration();
    while (!fault_ && at_ < text_.size()) markup_or_text();
    if (!fault_ && !open_.empty()) not_well_formed("Expected '</" + std::string{open_.back().name} + ">' before the end");
    if (!fault_ && !seen_root_) not_well_formed("Expected a root element");
    return fault_;
  }

 private:
  struct Element {
    std::string_view name;
    std::size_t prefixes;  ///< how many were declared before it
  };

  void fail(ErrorKind kind, const char* code, std::string message) {
    if (!fault_) fault_ = XmlFault{kind, code, std::move(message), at_};
  }
  void not_well_formed(std::string message) {
    fail(ErrorKind::invalid, "xml.not_well_formed", std::move(message));
  }
  bool starts(std::string_view what) const { return text_.substr(at_, what.size()) == what; }
  bool skip(std::string_view what) {
    if (!starts(what)) return false;
    at_ += what.size();
    return true;
  }
  std::size_t spaces() {
    const std::size_t from = at_;
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    return at_ - from;
  }

  /// The character at `at` and its length; the text is valid UTF-8 already.
  char32_t decode(std::size_t at, std::size_t& length) const {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text_[at + i]); };
    const unsigned char lead = byte(0);
    if (lead < 0x80) {
      length = 1;
      return lead;
    }
    length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    char32_t c = lead & (0xFFU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) c = (c << 6) | (byte(i) & 0x3FU);
    return c;
  }

  void check_characters() {
    for (at_ = 0; at_ < text_.size();) {
      std::size_t length = 0;
      if (!is_char(decode(at_, length))) {
        not_well_formed("Expected only characters that XML allows");
        return;
      }
      at_ += length;
    }
    at_ = 0;
  }

  std::string_view name() {
    const std::size_t from = at_;
    bool colon = false;
    bool fresh = true;
    while (at_ < text_.size()) {
      std::size_t length = 0;
      const char32_t c = decode(at_, length);
      if (c == ':' && !colon && !fresh) {
        colon = true;
        fresh = true;
      } else if (in(kNameStart, c) || (!fresh && in(kNameMore, c))) {
        fresh = false;
      } else {
        break;
      }
      at_ += length;
    }
    if (fresh) not_well_formed("Expected a name");
    return text_.substr(from, at_ - from);
  }

  void declaration() {
    at_ = 5;
    spaces();
    std::string_view version = pseudo_attribute("version");
    if (!fault_ && version != "1.0") not_well_formed("Expected version=\"1.0\" in the XML declaration");
    std::size_t gap = spaces();
    if (!fault_ && starts("encoding")) {
      if (gap == 0) not_well_formed("Expected white space before 'encoding'");
      std::string encoding{pseudo_attribute("encoding")};
      std::transform(encoding.begin(), encoding.end(), encoding.begin(),
                     [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
      const bool known = was_utf16_ ? encoding == "utf-16" || encoding == "utf-16le" || encoding == "utf-16be"
                                    : encoding == "utf-8" || encoding == "us-ascii";
      if (!fault_ && !known)
        fail(ErrorKind::invalid, "xml.encoding",
             "Expected encoding UTF-8, but the document declares '" + encoding + "'; save it as UTF-8");
      gap = spaces();
    }
    if (!fault_ && starts("standalone")) {
      if (gap == 0) not_well_formed("Expected white space before 'standalone'");
      const std::string_view standalone = pseudo_attribute("standalone");
      if (!fault_ && standalone != "yes" && standalone != "no") not_well_formed("Expected standalone=\"yes\" or \"no\"");
      spaces();
    }
    if (!fault_ && !skip("?>")) not_well_formed("Expected '?>' at the end of the XML declaration");
  }

  std::string_view pseudo_attribute(std::string_view expected) {
    if (!skip(expected)) {
      not_well_formed("Expected '" + std::string{expected} + "' in the XML declaration");
      return {};
    }
    spaces();
    if (!skip("=")) not_well_formed("Expected '='");
    spaces();
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    const std::size_t end = text_.find(quote, at_ + 1);
    if (fault_ || (quote != '"' && quote != '\'') || end == std::string_view::npos) {
      not_well_formed("Expected a quoted value");
      return {};
    }
    const std::string_view value = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return value;
  }

  void markup_or_text() {
    if (text_[at_] != '<') return characters();
    if (starts("<!--")) return comment();
    if (starts("<![CDATA[")) return cdata();
    if (starts("<!DOCTYPE"))
      return fail(ErrorKind::invalid, "xml.doctype", "Expected no DOCTYPE; remove it, definitions take no DTD");
    if (starts("<!")) return not_well_formed("Expected an element, comment or CDATA section");
    if (starts("<?")) return instruction();
    if (starts("</")) return end_tag();
    start_tag();
  }

  void characters() {
    const std::size_t from = at_;
    while (at_ < text_.size() && text_[at_] != '<' && !fault_) {
      if (open_.empty() && !is_space(text_[at_])) return not_well_formed("Expected no text outside the root element");
      if (starts("]]>")) return not_well_formed("Expected no ']]>' in text");
      if (text_[at_] == '&')
        reference();
      else
        ++at_;
    }
    if (at_ - from > limits_.text_bytes_max) too_much_text();
  }

  void too_much_text() {
    fail(ErrorKind::too_large, "xml.text",
         "Expected texts and attribute values of at most " + std::to_string(limits_.text_bytes_max) + " bytes");
  }

  void reference() {
    const std::size_t from = at_;
    const std::size_t end = text_.find(';', at_);
    const std::string_view body =
        end == std::string_view::npos || end - at_ > 32 ? std::string_view{} : text_.substr(at_ + 1, end - at_ - 1);
    static constexpr std::array<std::string_view, 5> kPredefined = {"amp", "lt", "gt", "apos", "quot"};
    if (std::find(kPredefined.begin(), kPredefined.end(), body) != kPredefined.end()) {
      at_ = end + 1;
      return;
    }
    if (body.size() > 1 && body[0] == '#') {
      const bool hex = body[1] == 'x';
      char32_t value = 0;
      const std::string_view digits = body.substr(hex ? 2 : 1);
      bool good = !digits.empty();
      for (const char c : digits) {
        const int digit = c >= '0' && c <= '9'          ? c - '0'
                          : hex && c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : hex && c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                        : -1;
        good = good && digit >= 0 && value <= 0x10FFFF;
        value = value * (hex ? 16 : 10) + static_cast<char32_t>(std::max(digit, 0));
      }
      if (good && is_char(value)) {
        at_ = end + 1;
        return;
      }
      at_ = from;
      return not_well_formed("Expected a character reference to a character that XML allows");
    }
    if (body.empty()) return not_well_formed("Expected '&amp;' for an ampersand");
    fail(ErrorKind::invalid, "xml.entity",
         "Expected one of &amp; &lt; &gt; &apos; &quot;, but found '&" + std::string{body} + ";'");
  }

  void comment() {
    const std::size_t end = text_.find("--", at_ + 4);
    if (end == std::string_view::npos || text_.substr(end, 3) != "-->")
      return not_well_formed("Expected a comment without '--' that ends with '-->'");
    at_ = end + 3;
  }

  void cdata() {
    if (open_.empty()) return not_well_formed("Expected no CDATA section outside the root element");
    const std::size_t end = text_.find("]]>", at_);
    if (end == std::string_view::npos) return not_well_formed("Expected ']]>' at the end of the CDATA section");
    if (end - at_ > limits_.text_bytes_max) return too_much_text();
    at_ = end + 3;
  }

  void instruction() {
    at_ += 2;
    std::string target{name()};
    if (fault_) return;
    std::transform(target.begin(), target.end(), target.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    if (target == "xml") return not_well_formed("Expected the XML declaration at the very beginning only");
    const std::size_t end = text_.find("?>", at_);
    if (end == std::string_view::npos || (end != at_ && !is_space(text_[at_])))
      return not_well_formed("Expected '?>' at the end of the processing instruction");
    at_ = end + 2;
  }

  void end_tag() {
    at_ += 2;
    const std::size_t from = at_;
    const std::string_view found = name();
    spaces();
    if (fault_) return;
    if (open_.empty() || open_.back().name != found) {
      at_ = from;
      return not_well_formed("Expected '</" + (open_.empty() ? std::string{} : std::string{open_.back().name}) +
                             ">', but found '</" + std::string{found} + ">'");
    }
    if (!skip(">")) return not_well_formed("Expected '>'");
    prefixes_.resize(open_.back().prefixes);
    open_.pop_back();
  }

  void start_tag() {
    const std::size_t from = at_;
    if (open_.empty() && seen_root_) return not_well_formed("Expected one root element");
    seen_root_ = true;
    ++at_;
    const std::string_view element = name();
    if (fault_) return;
    if (++elements_ > limits_.elements_max)
      return fail(ErrorKind::too_large, "xml.elements",
                  "Expected at most " + std::to_string(limits_.elements_max) + " elements");
    const std::size_t prefixes_before = prefixes_.size();
    attributes_.clear();
    bool empty = false;
    while (!fault_) {
      const std::size_t gap = spaces();
      if (skip(">")) break;
      if (skip("/>")) {
        empty = true;
        break;
      }
      if (gap == 0) return not_well_formed("Expected white space between attributes");
      attribute();
    }
    if (fault_) return;
    check_prefixes(element, from);
    if (empty) {
      prefixes_.resize(prefixes_before);
      return;
    }
    open_.push_back({element, prefixes_before});
    if (open_.size() > limits_.depth_max)
      fail(ErrorKind::too_large, "xml.depth", "Expected at most " + std::to_string(limits_.depth_max) + " levels");
  }

  void attribute() {
    const std::size_t from = at_;
    const std::string_view found = name();
    if (fault_) return;
    if (std::find(attributes_.begin(), attributes_.end(), found) != attributes_.end()) {
      at_ = from;
      return not_well_formed("Expected each attribute once, but found '" + std::string{found} + "' twice");
    }
    attributes_.push_back(found);
    if (attributes_.size() > limits_.attributes_max)
      return fail(ErrorKind::too_large, "xml.attributes",
                  "Expected at most " + std::to_string(limits_.attributes_max) + " attributes");
    spaces();
    if (!skip("=")) return not_well_formed("Expected '=' after the attribute's name");
    spaces();
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    if (quote != '"' && quote != '\'') return not_well_formed("Expected a quoted attribute value");
    const std::size_t value_from = ++at_;
    while (!fault_ && at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '<') return not_well_formed("Expected '&lt;' for '<' in an attribute value");
      if (text_[at_] == '&')
        reference();
      else
        ++at_;
    }
    if (fault_) return;
    if (at_ >= text_.size()) return not_well_formed("Expected the end of the attribute value");
    if (at_ - value_from > limits_.text_bytes_max) return too_much_text();
    if (found.starts_with("xmlns:")) {
      if (at_ == value_from)
        return fail(ErrorKind::invalid, "xml.namespace", "Expected a namespace for prefix '" + std::string{found.substr(6)} + "'");
      prefixes_.push_back(found.substr(6));
    }
    ++at_;
  }

  void check_prefixes(std::string_view element, std::size_t from) {
    const auto declared = [&](std::string_view prefix) {
      return prefix.empty() || prefix == "xml" || std::find(prefixes_.begin(), prefixes_.end(), prefix) != prefixes_.end();
    };
    std::string_view bad = declared(prefix_of(element)) ? std::string_view{} : prefix_of(element);
    for (const std::string_view found : attributes_)
      if (prefix_of(found) != "xmlns" && !declared(prefix_of(found))) bad = prefix_of(found);
    if (bad.empty()) return;
    at_ = from;
    fail(ErrorKind::invalid, "xml.namespace", "Expected prefix '" + std::string{bad} + "' to be declared by xmlns:" + std::string{bad});
  }

  std::string_view text_;
  bool was_utf16_;
  scxml::ChartLimits limits_;
  std::size_t at_ = 0;
  bool seen_root_ = false;
  std::size_t elements_ = 0;
  std::vector<Element> open_;
  std::vector<std::string_view> prefixes_;
  std::vector<std::string_view> attributes_;
  std::optional<XmlFault> fault_;
};

}  // namespace

std::optional<XmlFault> scan_xml(std::string_view text, bool was_utf16, const scxml::ChartLimits& limits) {
  return Scanner(text, was_utf16, limits).run();
}

}  // namespace chuyi

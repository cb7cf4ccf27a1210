#include "engine/check/guard.h"

#include <algorithm>
#include <cctype>

namespace chuyi::check {
namespace {

constexpr int kDepthMax = 40;

using Tokens = std::vector<std::string>;

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// Lua tokens of an expression. Empty: something that is better left whole (long strings, comments, functions).
Tokens tokens_of(std::string_view text) {
  Tokens out;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    std::size_t end = at + 1;
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      at = end;
      continue;
    }
    if (c == '\'' || c == '"') {
      while (end < text.size() && text[end] != c) end += text[end] == '\\' ? 2 : 1;
      end = std::min(end + 1, text.size());
    } else if (is_word(c) || (c == '.' && end < text.size() && std::isdigit(static_cast<unsigned char>(text[end])) != 0)) {
      const bool number = !std::isalpha(static_cast<unsigned char>(c)) && c != '_';
      while (end < text.size() && (is_word(text[end]) || (number && text[end] == '.'))) ++end;
    } else {
      const std::string_view two = text.substr(at, 2);
      if (two == "--" || two == "[[" || two == "[=") return {};
      for (const char* each : {"<=", ">=", "==", "~=", "<<", ">>", "//", "..", "::"})
        if (two == each) end = at + 2;
    }
    out.emplace_back(text.substr(at, end - at));
    if (out.back() == "function") return {};
    at = end;
  }
  return out;
}

class Reader {
 public:
  Reader(const scxml::Script& whole, scxml::Index& leaves) : whole_(whole), leaves_(leaves) {}

  Guard read(const Tokens& tokens, int depth) {
    if (depth > kDepthMax) return leaf(tokens);
    for (const auto& [word, kind] : {std::pair{"or", Guard::Kind::either}, std::pair{"and", Guard::Kind::both}}) {
      const std::vector<Tokens> parts = split(tokens, word);
      if (parts.size() < 2) continue;
      Guard out{.kind = kind};
      for (const Tokens& part : parts) out.parts.push_back(read(part, depth + 1));
      return out;
    }
    const std::vector<std::size_t> compared = at_top(tokens, [](const std::string& each) {
      return each == "<" || each == "<=" || each == ">" || each == ">=" || each == "==" || each == "~=";
    });
    if (compared.size() == 1 && compared[0] > 0 && compared[0] + 1 < tokens.size()) {
      const auto middle = tokens.begin() + static_cast<std::ptrdiff_t>(compared[0]);
      Guard out = leaf(tokens);
      out.left = text_of({tokens.begin(), middle});
      out.right = text_of({middle + 1, tokens.end()});
      out.relation = *middle;
      return out;
    }
    if (compared.empty() && tokens.size() > 1 && tokens[0] == "not" && is_single({tokens.begin() + 1, tokens.end()})) {
      Guard out{.kind = Guard::Kind::negation};
      out.parts.push_back(read({tokens.begin() + 1, tokens.end()}, depth + 1));
      return out;
    }
    if (wrapped(tokens)) return read({tokens.begin() + 1, tokens.end() - 1}, depth + 1);
    return leaf(tokens);
  }

 private:
  static std::string text_of(const Tokens& tokens) {
    std::string out;
    for (const std::string& each : tokens) out += (out.empty() ? "" : " ") + each;
    return out;
  }
  Guard leaf(const Tokens& tokens) {
    Guard out;
    out.left = text_of(tokens);
    out.script = {.source = "return " + out.left + "\n", .place = whole_.place, .id = leaves_++};
    return out;
  }
  template <class Test>
  static std::vector<std::size_t> at_top(const Tokens& tokens, Test test) {
    std::vector<std::size_t> out;
    int depth = 0;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const std::string& each = tokens[i];
      if (each == "(" || each == "{" || each == "[") ++depth;
      if (each == ")" || each == "}" || each == "]") --depth;
      if (depth == 0 && test(each)) out.push_back(i);
    }
    return out;
  }
  static std::vector<Tokens> split(const Tokens& tokens, const std::string& word) {
    std::vector<Tokens> out(1);
    std::size_t from = 0;
    for (const std::size_t at : at_top(tokens, [&](const std::string& each) { return each == word; })) {
      out.back().assign(tokens.begin() + static_cast<std::ptrdiff_t>(from), tokens.begin() + static_cast<std::ptrdiff_t>(at));
      out.emplace_back();
      from = at + 1;
    }
    out.back().assign(tokens.begin() + static_cast<std::ptrdiff_t>(from), tokens.end());
    return out;
  }
  static bool wrapped(const Tokens& tokens) {
    if (tokens.size() < 3 || tokens.front() != "(") return false;
    const auto closes = at_top(tokens, [](const std::string& each) { return each == ")"; });
    return !closes.empty() && closes.front() == tokens.size() - 1;
  }
  /// An operand that `not` takes whole: no operator at its top.
  static bool is_single(const Tokens& tokens) {
    return at_top(tokens, [](const std::string& each) {
             return each == "+" || each == "-" || each == "*" || each == "/" || each == "//" || each == "%" || each == ".." || each == "^" ||
                    each == "&" || each == "|" || each == "~" || each == "<<" || each == ">>";
           }).empty();
  }

  const scxml::Script& whole_;
  scxml::Index& leaves_;
};

}  // namespace

Guard read_guard(const scxml::Script& condition, scxml::Index& leaves) {
  std::string_view text = condition.source;
  if (text.starts_with("return ")) text.remove_prefix(7);
  const Tokens tokens = tokens_of(text);
  Guard out;
  if (!tokens.empty()) {
    out = Reader(condition, leaves).read(tokens, 0);
    if (out.kind != Guard::Kind::leaf) return out;
  } else {
    out.left = text;
    out.script.id = leaves++;
  }
  out.script.source = condition.source;
  out.script.place = condition.place;
  return out;
}

bool Assumptions::ask(Pair& pair, Order order, const std::function<bool()>& choose) {
  std::optional<bool>& mine = pair.known[order];
  if (mine) return *mine;
  const std::optional<bool>& a = pair.known[(order + 1) % 3];
  const std::optional<bool>& b = pair.known[(order + 2) % 3];
  if (a.value_or(false) || b.value_or(false))
    mine = false;
  else if (a && b)
    mine = true;
  else
    mine = choose();
  return *mine;
}

bool Assumptions::decide(const Guard& leaf, const std::function<bool()>& choose) {
  if (leaf.relation.empty()) {
    const auto known = others_.find(leaf.left);
    if (known != others_.end()) return known->second;
    return others_[leaf.left] = choose();
  }
  const bool swapped = leaf.right < leaf.left;
  Pair& pair = swapped ? pairs_[{leaf.right, leaf.left}] : pairs_[{leaf.left, leaf.right}];
  if (leaf.relation == "==") return ask(pair, equal, choose);
  if (leaf.relation == "~=") return !ask(pair, equal, choose);
  const Order below = swapped ? greater : less;
  const Order above = swapped ? less : greater;
  if (leaf.relation == "<") return ask(pair, below, choose);
  if (leaf.relation == ">=") return !ask(pair, below, choose);
  if (leaf.relation == ">") return ask(pair, above, choose);
  return !ask(pair, above, choose);
}

}  // namespace chuyi::check

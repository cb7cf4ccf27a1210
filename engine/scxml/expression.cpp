#include "engine/scxml/expression.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

namespace chuyi::scxml {
namespace {

using Kind = Expression::Kind;

constexpr int kDepthMax = 64;

struct Token {
  enum class Kind : std::uint8_t { end, name, number, string, symbol, bad } kind = Kind::end;
  std::string text;
};

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

std::vector<Token> tokens_of(std::string_view source) {
  std::vector<Token> out;
  for (std::size_t at = 0; at < source.size();) {
    const char c = source[at];
    if (std::isspace(static_cast<unsigned char>(c)) != 0) {
      ++at;
      continue;
    }
    if (source.substr(at, 2) == "--") {  // a comment
      if (source.substr(at, 4) == "--[[") return {{Token::Kind::bad, {}}};
      at = std::min(source.find('\n', at), source.size());
      continue;
    }
    std::size_t end = at + 1;
    if (std::isdigit(static_cast<unsigned char>(c)) != 0) {
      while (end < source.size() && (is_word(source[end]) || source[end] == '.')) ++end;
      out.push_back({Token::Kind::number, std::string{source.substr(at, end - at)}});
    } else if (is_word(c)) {
      while (end < source.size() && is_word(source[end])) ++end;
      out.push_back({Token::Kind::name, std::string{source.substr(at, end - at)}});
    } else if (c == '\'' || c == '"') {
      std::string text;
      while (end < source.size() && source[end] != c) {
        if (source[end] == '\\') return {{Token::Kind::bad, {}}};
        text += source[end++];
      }
      if (end == source.size()) return {{Token::Kind::bad, {}}};
      ++end;
      out.push_back({Token::Kind::string, std::move(text)});
    } else {
      for (const std::string_view two : {"==", "~=", "<=", ">=", "..", "//"})
        if (source.substr(at, 2) == two) end = at + 2;
      out.push_back({Token::Kind::symbol, std::string{source.substr(at, end - at)}});
    }
    at = end;
  }
  return out;
}

/// Operator precedence of Lua 5.4, section 3.4.8, lowest first; right-associativity of ".." changes no wording.
struct Operator {
  std::string_view name;
  std::size_t level;
};
constexpr Operator kOperators[] = {{"or", 0}, {"and", 1}, {"<", 2},  {">", 2}, {"<=", 2}, {">=", 2}, {"~=", 2}, {"==", 2},
                                   {"..", 3}, {"+", 4},   {"-", 4},  {"*", 5}, {"/", 5},  {"//", 5}, {"%", 5}};
constexpr std::size_t kLevels = 6;

std::size_t level_of(std::string_view name) {
  for (const Operator& each : kOperators)
    if (each.name == name) return each.level;
  return kLevels;
}

class Reader {
 public:
  using Bound = std::map<std::string, Expression, std::less<>>;  ///< what the parameters of a function stand for

  explicit Reader(std::vector<Token> tokens, const Functions& functions = {}, const Bound& bound = {})
      : tokens_(std::move(tokens)), functions_(functions), bound_(bound) {}

  std::optional<Expression> run() {
    std::optional<Expression> out = binary(0);
    return at_ == tokens_.size() ? out : std::nullopt;
  }

 private:
  const Token& peek() const {
    static const Token end;
    return at_ < tokens_.size() ? tokens_[at_] : end;
  }
  bool take(std::string_view symbol) {
    if (peek().text != symbol || peek().kind == Token::Kind::string) return false;
    ++at_;
    return true;
  }

  std::optional<Expression> binary(std::size_t level) {
    if (level == kLevels) return unary();
    std::optional<Expression> left = binary(level + 1);
    while (left && peek().kind != Token::Kind::string && level_of(peek().text) == level) {
      const std::string found = tokens_[at_++].text;
      std::optional<Expression> right = binary(level + 1);
      if (!right) return std::nullopt;
      Expression both{.kind = Kind::binary, .value = found, .text = {}, .parts = {std::move(*left), std::move(*right)}};
      both.text = inner(both, 0, level) + " " + both.value + " " + inner(both, 1, level);
      left = std::move(both);
    }
    return left;
  }
  /// Parentheses where the spelling needs them again.
  static std::string inner(const Expression& of, std::size_t part, std::size_t level) {
    const Expression& each = of.parts[part];
    if (each.kind != Kind::binary) return each.text;
    const std::size_t own = level_of(each.value);
    return own < level || (own == level && part == 1) ? "(" + each.text + ")" : each.text;
  }

  std::optional<Expression> unary() {
    if (++depth_ > kDepthMax) return std::nullopt;
    for (const std::string_view each : {"not", "-", "#"}) {
      if (!take(each)) continue;
      std::optional<Expression> operand = unary();
      --depth_;
      if (!operand) return std::nullopt;
      const bool group = operand->kind == Kind::binary;
      Expression out{.kind = Kind::unary, .value = std::string{each}, .text = {}, .parts = {}};
      out.text = out.value + (each == "not" ? " " : "") + (group ? "(" + operand->text + ")" : operand->text);
      out.parts.push_back(std::move(*operand));
      return out;
    }
    std::optional<Expression> out = primary();
    --depth_;
    return out;
  }

  std::optional<Expression> primary() {
    const Token token = peek();
    ++at_;
    switch (token.kind) {
      case Token::Kind::number: return Expression{.kind = Kind::number, .value = token.text, .text = token.text, .parts = {}};
      case Token::Kind::string: return Expression{.kind = Kind::string, .value = token.text, .text = "'" + token.text + "'", .parts = {}};
      case Token::Kind::name: return name(token.text);
      case Token::Kind::symbol: break;
      default: return std::nullopt;
    }
    if (token.text == "{") return list();
    if (token.text != "(") return std::nullopt;
    std::optional<Expression> out = binary(0);
    return take(")") ? out : std::nullopt;
  }

  std::optional<Expression> name(const std::string& first) {
    if (first == "true" || first == "false" || first == "nil") return Expression{.kind = Kind::constant, .value = first, .text = first, .parts = {}};
    for (const std::string_view keyword : {"and", "or", "not", "function", "end", "if", "then", "return", "local"})
      if (first == keyword) return std::nullopt;
    if (const auto found = bound_.find(first); found != bound_.end() && peek().text != "." && peek().text != "(") return found->second;
    Expression out{.kind = Kind::path, .value = first, .text = first, .parts = {}};
    while (take(".")) {
      if (peek().kind != Token::Kind::name) return std::nullopt;
      out.value += "." + tokens_[at_++].text;
    }
    out.text = out.value;
    if (!take("(")) return peek().text == "[" || peek().text == ":" ? std::nullopt : std::optional{out};
    out.kind = Kind::call;
    out.text += "(";
    while (!take(")")) {
      if (!out.parts.empty() && !take(",")) return std::nullopt;
      std::optional<Expression> argument = binary(0);
      if (!argument) return std::nullopt;
      out.text += (out.parts.empty() ? "" : ", ") + argument->text;
      out.parts.push_back(std::move(*argument));
    }
    out.text += ")";
    const auto called = functions_.find(out.value);
    if (called == functions_.end() || called->second.parameters.size() != out.parts.size()) return out;
    Bound bound;
    for (std::size_t i = 0; i < out.parts.size(); ++i) bound.emplace(called->second.parameters[i], out.parts[i]);
    std::optional<Expression> body = Reader(tokens_of(called->second.body), {}, bound).run();
    return body ? body : out;
  }

  std::optional<Expression> list() {
    Expression out{.kind = Kind::list, .value = {}, .text = "{", .parts = {}};
    while (!take("}")) {
      if (!out.parts.empty() && !take(",")) return std::nullopt;
      if (take("}")) break;
      std::optional<Expression> each = binary(0);
      if (!each) return std::nullopt;
      out.text += (out.parts.empty() ? "" : ", ") + each->text;
      out.parts.push_back(std::move(*each));
    }
    out.text += "}";
    return out;
  }

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  const Functions& functions_;
  const Bound& bound_;
  int depth_ = 0;
};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) text.remove_suffix(1);
  return text;
}

}  // namespace

Functions read_functions(std::string_view script) {
  const std::vector<Token> tokens = tokens_of(script);
  const auto is = [&](std::size_t at, std::string_view text) { return at < tokens.size() && tokens[at].kind != Token::Kind::string && tokens[at].text == text; };
  Functions out;
  for (std::size_t at = 0; at + 2 < tokens.size(); ++at) {
    if (!is(at, "function") || !is(at + 2, "(")) continue;
    Function found;
    std::size_t next = at + 3;
    for (; next < tokens.size() && !is(next, ")"); ++next)
      if (tokens[next].kind == Token::Kind::name) found.parameters.push_back(tokens[next].text);
    if (!is(next + 1, "return")) continue;
    for (next += 2; next < tokens.size() && !is(next, "end"); ++next) {
      const std::string& text = tokens[next].text;
      const char* mark = tokens[next].kind != Token::Kind::string ? "" : text.find('\'') == std::string::npos ? "'" : "\"";
      found.body += mark + text + mark + " ";
    }
    out.emplace(tokens[at + 1].text, std::move(found));
  }
  return out;
}

Expression read_expression(std::string_view source, const Functions& functions) {
  if (source.starts_with("return ")) source.remove_prefix(7);
  source = trimmed(source);
  if (std::optional<Expression> out = Reader(tokens_of(source), functions).run()) return *out;
  return {.kind = Kind::other, .value = {}, .text = std::string{source}, .parts = {}};
}

}  // namespace chuyi::scxml

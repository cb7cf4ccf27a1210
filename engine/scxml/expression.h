#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace chuyi::scxml {

/// The shape of a Lua expression, for putting it into words. Nothing is evaluated.
struct Expression {
  enum class Kind : std::uint8_t {
    string,    ///< `value` is its content
    number,    ///< `value` as written
    constant,  ///< true, false, nil
    path,      ///< a.b.c; `value` the same
    call,      ///< `value` the function, `parts` the arguments
    list,      ///< {a, b}; fields with keys make it `other`
    unary,     ///< `value` the operator ("not", "-", "#")
    binary,    ///< `value` the operator
    other,     ///< anything else
  };
  Kind kind = Kind::other;
  std::string value;
  std::string text;  ///< canonical spelling: one space round operators, single quotes; `other`: as written
  std::vector<Expression> parts;

  bool is(Kind wanted, std::string_view with) const { return kind == wanted && value == with; }
};

/// A function that is one expression: `function qualified(verdict) return verdict == 'good' end`.
struct Function {
  std::vector<std::string> parameters;
  std::string body;
};
using Functions = std::map<std::string, Function, std::less<>>;
/// Those that a script defines; what else it holds is passed over.
Functions read_functions(std::string_view script);

/// Reads `source` (with or without a leading "return"). What is not understood is of kind `other` as a whole.
/// @param functions  a call of one of them reads as its body; calls within the body stay calls.
Expression read_expression(std::string_view source, const Functions& functions = {});

}  // namespace chuyi::scxml

#pragma once

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

/// Reads `source` (with or without a leading "return"). What is not understood is of kind `other` as a whole.
Expression read_expression(std::string_view source);

}  // namespace chuyi::scxml

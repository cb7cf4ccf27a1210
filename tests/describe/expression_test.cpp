#include "engine/scxml/expression.h"

#include <gtest/gtest.h>

namespace chuyi::scxml {
namespace {

struct Case {
  const char* name;
  const char* source;
  Expression::Kind kind;
  const char* text;
};
void PrintTo(const Case& row, std::ostream* out) { *out << row.name; }

class Reads : public testing::TestWithParam<Case> {};

// Goal: the forms that charts use are understood, and spelt in one way; all else is kept as it stands.
TEST_P(Reads, ShapeAndSpelling) {
  const Expression read = read_expression(GetParam().source);
  EXPECT_EQ(read.kind, GetParam().kind);
  EXPECT_EQ(read.text, GetParam().text);
}

using Kind = Expression::Kind;
INSTANTIATE_TEST_SUITE_P(Expressions, Reads,
                         testing::Values(Case{"Compiled", "return year<3\n", Kind::binary, "year < 3"},
                                         Case{"String", "\"a b\"", Kind::string, "'a b'"},
                                         Case{"Path", "application.orgs.college", Kind::path, "application.orgs.college"},
                                         Case{"Call", "until_date( application.award_date,year )", Kind::call, "until_date(application.award_date, year)"},
                                         Case{"List", "{'a','b',}", Kind::list, "{'a', 'b'}"},
                                         Case{"AndOr", "a==1 and(b or c)", Kind::binary, "a == 1 and (b or c)"},
                                         Case{"NoParenthesesNeeded", "(a == 1) and (b + 1) < 2", Kind::binary, "a == 1 and b + 1 < 2"},
                                         Case{"LeftToRight", "a - (b - c)", Kind::binary, "a - (b - c)"},
                                         Case{"Not", "not (a and b)", Kind::unary, "not (a and b)"},
                                         Case{"Table", "{score = score}", Kind::other, "{score = score}"},
                                         Case{"Index", "a[1]", Kind::other, "a[1]"},
                                         Case{"Escape", "'a\\'b'", Kind::other, "'a\\'b'"},
                                         Case{"Nothing", "", Kind::other, ""},
                                         Case{"Broken", "a ==", Kind::other, "a =="}),
                         [](const auto& row) { return std::string(row.param.name); });

// Goal: a guard that asks a function of the chart reads as what the function asks.
TEST(Expression, ReadsThroughFunctions) {
  const Functions functions = read_functions(
      "-- what's good\nfunction good(x, y) return x == 'a' or x == \"b's\" and y end\nfunction long(x) local y = x return y end function wide(z) return good(z) end");
  EXPECT_EQ(read_expression("good(v.w, 3) and k < 1", functions).text, "(v.w == 'a' or v.w == 'b's' and 3) and k < 1");
  EXPECT_EQ(read_expression("good(1)", functions).text, "good(1)") << "another number of arguments";
  EXPECT_EQ(read_expression("long(1)", functions).text, "long(1)") << "not one expression";
  EXPECT_EQ(read_expression("wide(1)", functions).text, "good(1)") << "calls within stay calls";
}

TEST(Expression, BoundsItsDepth) {
  const std::string deep(100'000, '(');
  EXPECT_EQ(read_expression(deep).kind, Kind::other);
}

}  // namespace
}  // namespace chuyi::scxml

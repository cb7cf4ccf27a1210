// Goal: a form tells a person every failure with its place, a stable code and a text in both languages, and neither a
// schema nor an input can hang it or end the process. Method: small schemas, one row per keyword; hostile lengths and depths.
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "engine/forms/forms.h"

namespace chuyi {
namespace {

json::value value_of(const std::string& text) {
  const Result<json::value> value = parse_json(text, JsonLimits{}, "test");
  EXPECT_TRUE(value) << text << ": " << value.error().message;
  return value ? *value : json::value();
}

Result<std::string> read_common(const std::string& path) {
  std::ifstream in(CHUYI_SOURCE_DIR "/forms/" + path);
  std::stringstream out;
  out << in.rdbuf();
  if (!in) return Error{.kind = ErrorKind::not_found, .code = "file.missing", .message = path};
  return out.str();
}

FormPtr form_of(const std::string& schema) {
  const Result<json::value> inlined = inline_common(value_of(schema), "test.json", read_common);
  EXPECT_TRUE(inlined);
  const Result<FormPtr> form = compile_form(*inlined, "test.json");
  EXPECT_TRUE(form) << form.error().message;
  return form ? *form : nullptr;
}

/// "/place code" of each failure, which must speak both languages.
std::string failures_of(const std::string& schema, const json::value& data) {
  std::string out;
  for (const Detail& each : validate_form(*form_of(schema), data)) {
    EXPECT_FALSE(each.message.empty());
    EXPECT_FALSE(each.message_zh.empty());
    EXPECT_TRUE(is_utf8(each.message_zh) && is_utf8(each.message));
    out += (out.empty() ? "" : ", ") + each.place + " " + each.code;
  }
  return out;
}

struct FormCase {
  const char* name;
  const char* schema;
  const char* data;
  const char* failures;
};

class Forms : public testing::TestWithParam<FormCase> {};

TEST_P(Forms, Says) { EXPECT_EQ(failures_of(GetParam().schema, value_of(GetParam().data)), GetParam().failures); }

INSTANTIATE_TEST_SUITE_P(
    Keywords, Forms,
    testing::Values(
        FormCase{"Anything", "{}", R"({"a":1})", ""},
        FormCase{"Type", R"({"properties":{"a":{"type":"string"}}})", R"({"a":1})", "/a form.type"},
        FormCase{"TypeOfTwo", R"({"properties":{"a":{"type":["string","null"]}}})", R"({"a":null})", ""},
        FormCase{"WholeNumberIsANumber", R"({"type":"number"})", "3", ""},
        FormCase{"Required", R"({"required":["a","b"],"properties":{"a":{"title":"甲"}}})", "{}", "/a form.required, /b form.required"},
        FormCase{"EmptyTextOfARequiredField", R"({"properties":{"a":{"minLength":1}}})", R"({"a":""})", "/a form.required"},
        FormCase{"PointerIsEscaped", R"({"required":["a/b~c"]})", "{}", "/a~1b~0c form.required"},
        FormCase{"Additional", R"({"additionalProperties":false,"properties":{"a":{}}})", R"({"a":1,"b/":2})", "/b~1 form.additional"},
        FormCase{"AdditionalOfASchema", R"({"additionalProperties":{"type":"string"}})", R"({"x":1})", "/x form.type"},
        FormCase{"Enum", R"({"properties":{"a":{"enum":["甲","乙"]}}})", R"({"a":"丙"})", "/a form.enum"},
        FormCase{"Const", R"({"properties":{"a":{"const":true}}})", R"({"a":false})", "/a form.const"},
        FormCase{"LengthCountsCharacters", R"({"maxLength":2})", R"("湘绣")", ""},
        FormCase{"MaxLength", R"({"maxLength":2})", R"("湘绣a")", " form.max_length"},
        FormCase{"MinLength", R"({"minLength":3})", R"("湘绣")", " form.min_length"},
        FormCase{"Minimum", R"({"minimum":1,"maximum":5})", "0.5", " form.minimum"},
        FormCase{"ExclusiveMaximum", R"({"exclusiveMaximum":5})", "5", " form.maximum"},
        FormCase{"MultipleOfIsLeftToTheJudge", R"({"properties":{"a":{"multipleOf":2}}})", R"({"a":3})", "/a form.invalid,  form.invalid"},
        FormCase{"Pattern", R"({"pattern":"^[A-Z]{2}$"})", R"("Ab")", " form.pattern"},
        FormCase{"Items", R"({"items":{"type":"integer"},"minItems":3,"maxItems":3})", R"([1,"x"])", " form.min_items, /1 form.type"},
        FormCase{"UniqueItems", R"({"uniqueItems":true})", R"([{"a":1,"b":2},{"b":2,"a":1}])", " form.unique_items"},
        FormCase{"AllOf", R"({"allOf":[{"required":["a"]},{"properties":{"b":{"format":"date"}}}]})", R"({"b":"2026-13-01"})", "/a form.required, /b form.format"},
        FormCase{"AnyOf", R"({"anyOf":[{"required":["a"]},{"required":["b"]}]})", R"({"b":1})", ""},
        FormCase{"IfThen", R"({"if":{"properties":{"a":{"const":1}}},"then":{"required":["b"]}})", R"({"a":2})", ""},
        FormCase{"Date", R"({"format":"date"})", R"("2026-02-29")", " form.format"},
        FormCase{"Yearmonth", R"({"format":"yearmonth"})", R"("2026-13")", " form.format"},
        FormCase{"Decimal", R"({"format":"decimal","x-min":"0","x-max":"100"})", R"("100.01")", " form.format"},
        FormCase{"DecimalIsNoFloat", R"({"format":"decimal"})", R"("1e3")", " form.format"},
        FormCase{"Uscc", R"({"format":"uscc"})", R"("91350100M000100Y43")", ""},
        FormCase{"UsccCheck", R"({"format":"uscc"})", R"("91350100M000100Y44")", " form.format"},
        FormCase{"CnId", R"({"format":"cn-id"})", R"("11010519491231002X")", ""},
        FormCase{"CnIdCheck", R"({"format":"cn-id"})", R"("110105194912310021")", " form.format"},
        FormCase{"Mobile", R"({"format":"mobile"})", R"("1380000000")", " form.format"},
        FormCase{"Uri", R"({"format":"uri"})", R"_("javascript:alert(1)")_", " form.format"},
        FormCase{"Email", R"({"format":"email"})", R"("a@b")", " form.format"}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Common, Forms,
    testing::Values(
        FormCase{"Person", R"({"properties":{"leader":{"$ref":"common/person.json","title":"负责人"}}})",
                 R"({"leader":{"name":"","title":"特级","phone":"1","other":1}})",
                 "/leader/name form.required, /leader/title form.enum, /leader/phone form.format, /leader/other form.additional"},
        FormCase{"Organisation", R"({"properties":{"o":{"$ref":"common/organisation.json"}}})", R"({"o":{"name":"甲"}})", "/o/uscc form.required"},
        FormCase{"Money", R"({"properties":{"m":{"$ref":"common/money.json"}}})", R"({"m":"-1"})", "/m form.format"},
        FormCase{"Period", R"({"properties":{"p":{"$ref":"common/period.json"}}})", R"({"p":{"start":"2026-09","end":"2029"}})", "/p/end form.format"},
        FormCase{"ListOfMembers", R"({"properties":{"m":{"type":"array","items":{"$ref":"common/member.json"}}}})",
                 R"({"m":[{"name":"甲","unit":"乙","side":"学校"},{"name":"甲","unit":"乙","side":"政府"}]})", "/m/1/side form.enum"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(FormTexts, NameTheFieldInBothLanguages) {
  const FormPtr form = form_of(R"({"required":["phone"],"properties":{"phone":{"title":"联系电话","x-title-en":"Mobile number","format":"mobile"}}})");
  const std::vector<Detail> missing = validate_form(*form, value_of("{}"));
  ASSERT_EQ(missing.size(), 1U);
  EXPECT_EQ(missing[0].message, "Expected a value for 'Mobile number'");
  EXPECT_EQ(missing[0].message_zh, "“联系电话”为必填项");
  const std::vector<Detail> wrong = validate_form(*form, value_of(R"({"phone":"1"})"));
  ASSERT_EQ(wrong.size(), 1U);
  EXPECT_EQ(wrong[0].message, "Expected a mobile number of 11 digits for 'Mobile number'");
  EXPECT_EQ(wrong[0].message_zh, "“联系电话”应为11位手机号码");
  const std::vector<Detail> extra = validate_form(*form_of(R"({"title":"申报书","additionalProperties":false})"), value_of(R"({"xyz":1})"));
  ASSERT_EQ(extra.size(), 1U);
  EXPECT_EQ(extra[0].message, "Expected no such field for 'xyz'");
  EXPECT_EQ(extra[0].message_zh, "“xyz”不是本表的栏目");
}

TEST(FormRules, AreLookedAtWhenTheSchemaHolds) {
  const std::string schema =
      R"_({"required":["a"],"properties":{"a":{"type":"integer"}},"x-rules":[{"id":"even","strength":"hard","rule":"form.a % 2 == 0",
          "message_zh":"应为偶数","message_en":"Expected an even number","place":"/a"},
          {"id":"endless","strength":"soft","rule":"(function() while true do end end)()","message_zh":"无","message_en":"none","place":"/a"}]})_";
  EXPECT_EQ(failures_of(schema, value_of(R"({"a":"x"})")), "/a form.type");
  EXPECT_EQ(failures_of(schema, value_of(R"({"a":3})")), "/a rule.even");
  EXPECT_EQ(failures_of(schema, value_of(R"({"a":4})")), "");
}

TEST(FormRules, ThatDoNotEndAreBroken) {
  const std::string schema = R"_({"x-rules":[{"id":"endless","strength":"hard","rule":"(function() while true do end end)()",
                                 "message_zh":"无","message_en":"Expected an end","place":""}]})_";
  EXPECT_EQ(failures_of(schema, value_of("{}")), " rule.endless");
}

TEST(FormInput, OfAnyLengthIsAnswered) {
  const json::value longest(std::string(60'000, 'a'));
  for (const char* schema : {R"({"pattern":"^(a|aa)+$"})", R"({"pattern":"(a*)*b"})", R"({"pattern":"^(\\w+\\s?)*$"})", R"({"pattern":"(x+x+)+y"})"}) {
    const std::vector<Detail> failures = validate_form(*form_of(schema), longest);
    EXPECT_LE(failures.size(), 1U);
  }
  for (const char* format : {"date", "yearmonth", "email", "uri", "mobile", "uscc", "cn-id", "decimal"})
    EXPECT_EQ(validate_form(*form_of(R"({"format":")" + std::string(format) + "\"}"), longest).size(), 1U) << format;
  const json::value too_long(std::string(100'000, 'a'));
  for (const char* schema : {R"({"pattern":"^(a|aa)+$"})", R"({"format":"date"})", "{}"}) EXPECT_EQ(failures_of(schema, too_long), " form.max_length");
  json::array items(20'000, json::value("x"));
  EXPECT_EQ(failures_of(R"({"items":{"type":"integer"},"maxItems":5})", json::value(items)).substr(0, 37), " form.max_items, /0 form.type, /1 for");
  json::array different;
  for (int i = 0; i < 10'000; ++i) different.emplace_back(std::to_string(i));
  EXPECT_EQ(failures_of(R"({"uniqueItems":true})", json::value(std::move(different))), "");
  EXPECT_EQ(failures_of(R"({"uniqueItems":true})", json::value(std::move(items))), " form.max_items,  form.unique_items");
}

TEST(FormInput, NestedDeeplyIsAnswered) {
  std::string deep;
  for (int i = 0; i < 31; ++i) deep += "[";
  for (int i = 0; i < 31; ++i) deep += "]";
  EXPECT_EQ(failures_of("{}", value_of(deep)), "");
  const Result<json::value> deeper = parse_json("[[" + deep + "]]", JsonLimits{}, "test");
  ASSERT_FALSE(deeper);
  EXPECT_EQ(deeper.error().code, "json.depth");
}

struct SchemaCase {
  const char* name;
  const char* schema;
  const char* place;
};

class Schemas : public testing::TestWithParam<SchemaCase> {};

TEST_P(Schemas, AreRefusedWithThePlace) {
  const Result<FormPtr> form = compile_form(value_of(GetParam().schema), "f.json");
  ASSERT_FALSE(form);
  EXPECT_EQ(form.error().code, "form.schema");
  ASSERT_FALSE(form.error().details.empty());
  EXPECT_EQ(form.error().details.front().place, GetParam().place);
}

INSTANTIATE_TEST_SUITE_P(
    Wrong, Schemas,
    testing::Values(
        SchemaCase{"Reference", R"({"properties":{"a":{"$ref":"#/definitions/x"}}})", "f.json#/properties/a/$ref"},
        SchemaCase{"BadPattern", R"({"properties":{"a":{"pattern":"("}}})", "f.json#/properties/a/pattern"},
        SchemaCase{"LookAhead", R"_({"pattern":"(?=a)"})_", "f.json#/pattern"},
        SchemaCase{"BackReference", R"({"pattern":"(a)\\1"})", "f.json#/pattern"},
        SchemaCase{"HugeRepeat", R"({"pattern":"((a{100}){100}){100}"})", "f.json#/pattern"},
        SchemaCase{"PatternIsNoText", R"({"pattern":1})", "f.json#/pattern"},
        SchemaCase{"PatternProperties", R"({"patternProperties":{"^x":{}}})", "f.json#/patternProperties"},
        SchemaCase{"UnknownFormat", R"({"items":{"format":"ipv4"}})", "f.json#/items/format"},
        SchemaCase{"PatternWhereNobodyLooks", R"({"not":{"pattern":"a"}})", "f.json#/not/pattern"},
        SchemaCase{"FormatWhereNobodyLooks", R"({"anyOf":[{"properties":{"a":{"format":"date"}}}]})", "f.json#/anyOf/0/properties/a/format"},
        SchemaCase{"UniqueItemsWhereNobodyLooks", R"({"items":[{"uniqueItems":true}]})", "f.json#/items/0/uniqueItems"},
        SchemaCase{"UniqueItemsIsNoChoice", R"({"uniqueItems":1})", "f.json#/uniqueItems"},
        SchemaCase{"UnknownType", R"({"type":"text"})", "f.json"},
        SchemaCase{"TypeIsNoText", R"({"type":1})", "f.json"},
        SchemaCase{"TypesAreNoTexts", R"({"type":["string",1]})", "f.json"},
        SchemaCase{"MinimumIsNoNumber", R"({"minimum":"1"})", "f.json#/minimum"},
        SchemaCase{"MinLengthIsNegative", R"({"minLength":-1})", "f.json#/minLength"},
        SchemaCase{"RequiredIsNoList", R"({"required":"a"})", "f.json"},
        SchemaCase{"EnumIsNoList", R"({"enum":"a"})", "f.json"},
        SchemaCase{"PropertiesAreNoObject", R"({"properties":[]})", "f.json"},
        SchemaCase{"ItemIsNoSchema", R"({"items":3})", "f.json#/items"},
        SchemaCase{"NotASchema", "3", "f.json#"},
        SchemaCase{"RuleWithoutTexts", R"({"x-rules":[{"id":"a","strength":"hard","rule":"true"}]})", "f.json#/x-rules/0"},
        SchemaCase{"RuleThatIsNoLua", R"({"x-rules":[{"id":"a","strength":"hard","rule":"1 +","message_zh":"a","message_en":"a"}]})", "f.json#/x-rules/0/rule"},
        SchemaCase{"RuleOfNoStrength", R"({"x-rules":[{"id":"a","strength":"iron","rule":"true","message_zh":"a","message_en":"a"}]})", "f.json#/x-rules/0/strength"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(FormSchema, NestedTooDeeplyIsRefused) {
  json::value schema = json::object{};
  for (int i = 0; i < 200; ++i) schema = json::object{{"items", schema}};
  const Result<FormPtr> form = compile_form(schema, "f.json");
  ASSERT_FALSE(form);
  EXPECT_EQ(form.error().code, "form.schema");
}

TEST(FormReferences, StayInsideTheCommonFolder) {
  for (const char* ref : {"common/../../etc/passwd", "other.json", "http://example.cn/a.json", "#/a", ""}) {
    const Result<json::value> inlined = inline_common(json::object{{"properties", json::object{{"a", json::object{{"$ref", ref}}}}}}, "t.json", read_common);
    ASSERT_FALSE(inlined) << ref;
    EXPECT_EQ(inlined.error().code, "form.ref");
  }
  const auto endless = [](const std::string&) -> Result<std::string> { return std::string(R"({"properties":{"a":{"$ref":"common/a.json"}}})"); };
  EXPECT_FALSE(inline_common(json::object{{"$ref", "common/a.json"}}, "t.json", endless));
}

struct AgeCase {
  const char* birth;
  const char* on;
  int years;
};

// Goal: an age is counted in full years on the day of the deadline, the birthday itself among them.
TEST(Rules, CountAgesOnTheDeadline) {
  for (const AgeCase& row : {AgeCase{"1970-05-31", "2026-05-31", 56}, AgeCase{"1970-06-01", "2026-05-31", 55}, AgeCase{"1971-05-31", "2026-05-31", 55},
                             AgeCase{"1970-06", "2026-05-31", 55}, AgeCase{"1970-05", "2026-05-31", 56}, AgeCase{"2000-02-29", "2026-02-28", 25}}) {
    const FormPtr form = form_of(R"_({"type":"object","x-rules":[{"id":"age","strength":"hard","rule":"age(form.birth, deadline) == form.years",
      "message_zh":"年龄","message_en":"age","place":"/birth"}]})_");
    EXPECT_TRUE(validate_form(*form, json::object{{"birth", row.birth}, {"years", row.years}}, {{"deadline", row.on}}).empty()) << row.birth;
    EXPECT_FALSE(validate_form(*form, json::object{{"birth", row.birth}, {"years", row.years + 1}}, {{"deadline", row.on}}).empty()) << row.birth;
  }
}

TEST(Rules, AreWeighedByTheirStrength) {
  const FormPtr form = form_of(R"_({"type":"object","x-rules":[
    {"id":"usual","strength":"soft","rule":"form.n >= 10","message_zh":"一般不少于10","message_en":"ten are usual","place":"/n"},
    {"id":"better","strength":"preference","rule":"form.n >= 5","message_zh":"5以上优先","message_en":"five are preferred","place":"/n"}]})_");
  for (const auto& [n, broken, marks] : {std::tuple{4, 1U, 0U}, std::tuple{5, 1U, 1U}, std::tuple{10, 0U, 1U}}) {
    const json::value data = json::object{{"n", n}};
    EXPECT_TRUE(validate_form(*form, data).empty()) << "nobody is refused for them";
    const WeighedRules weighed = weigh_form(*form, data, {});
    EXPECT_EQ(weighed.broken.size(), broken) << n;
    EXPECT_EQ(weighed.marks.size(), marks) << n;
  }
}

}  // namespace
}  // namespace chuyi

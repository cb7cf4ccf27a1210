#include "engine/forms/forms.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <re2/re2.h>
#include <valijson/adapters/boost_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "engine/forms/formats.h"
#include "engine/scxml/evaluate.h"

namespace chuyi {
namespace {

constexpr int kDepthMax = 32;
constexpr std::size_t kFailuresMax = 200;
/// Longer text is refused before any keyword looks at it.
constexpr std::size_t kTextMax = 64U * 1024;

struct Rule {
  std::string id, strength, expression, message_zh, message_en, place;
  std::size_t condition = 0;  ///< among the form's
};

Error schema_error(std::vector<Detail> details) {
  return Error{.kind = ErrorKind::invalid,
               .code = "form.schema",
               .message = details.front().message,
               .place = details.front().place,
               .message_zh = {},
               .details = std::move(details)};
}

std::string number_text(const json::value& value) { return json::serialize(value); }

double as_double(const json::value& value) {
  return value.is_int64() ? static_cast<double>(value.get_int64()) : value.is_double() ? value.get_double() : 0;
}

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

const char* type_of(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null: return "null";
    case json::kind::bool_: return "boolean";
    case json::kind::int64:
    case json::kind::uint64: return "integer";
    case json::kind::double_: return "number";
    case json::kind::string: return "string";
    case json::kind::array: return "array";
    case json::kind::object: return "object";
  }
  return "null";
}

bool has_type(const json::value& value, const std::string& type) {
  if (type_of(value) == type) return true;
  return type == "number" && value.is_number();
}

}  // namespace

class Form {
 public:
  json::value schema;  ///< as given
  valijson::Schema judge;  ///< the same without what valijson would do by std::regex
  std::map<std::string, std::unique_ptr<RE2>> patterns;
  std::vector<Rule> rules;
  scxml::Conditions conditions;
};

namespace {

/// Checks a schema and takes out of it what valijson must not see: `pattern` and `format` run std::regex there, which
/// overflows the stack on long text, and `uniqueItems` compares each item with each. Those are the Walker's alone, so
/// they are taken only where it looks.
class Compiler {
 public:
  Compiler(Form& form, const std::string& file) : form_(form), file_(file) {}

  std::vector<Detail> run(json::value& stripped) {
    walk(stripped, "", 0, true);
    if (stripped.is_object()) read_rules(stripped.get_object());
    return std::move(problems_);
  }

 private:
  void problem(const std::string& pointer, std::string message) {
    problems_.push_back({.place = file_ + "#" + pointer, .code = "form.schema", .message = std::move(message), .message_zh = {}});
  }

  /// `walked`: the Walker looks at what this schema says.
  void walk(json::value& schema, const std::string& pointer, int depth, bool walked) {
    if (depth > kDepthMax) return problem(pointer, "Expected a schema nested less deeply");
    if (schema.is_bool()) return;
    if (!schema.is_object()) return problem(pointer, "Expected a schema, an object");
    json::object& object = schema.get_object();
    check_keywords(object, pointer, walked);
    for (const char* key : {"properties", "definitions", "dependencies"})
      if (json::value* members = object.if_contains(key); members != nullptr && members->is_object())
        for (auto& member : members->get_object())
          if (!member.value().is_array())
            walk(member.value(), pointer + "/" + key + "/" + pointer_segment(member.key()), depth + 1, walked && key == std::string_view{"properties"});
    if (json::value* sub = object.if_contains("additionalProperties")) walk(*sub, pointer + "/additionalProperties", depth + 1, walked);
    for (const char* key : {"contains", "not", "if", "then", "else", "propertyNames", "additionalItems"})
      if (json::value* sub = object.if_contains(key)) walk(*sub, pointer + "/" + key, depth + 1, false);
    json::value* items = object.if_contains("items");
    walk_list(items, pointer + "/items", depth, walked && items != nullptr && !items->is_array());
    walk_list(object.if_contains("allOf"), pointer + "/allOf", depth, walked);
    for (const char* key : {"anyOf", "oneOf"}) walk_list(object.if_contains(key), pointer + "/" + key, depth, false);
  }

  void walk_list(json::value* sub, const std::string& pointer, int depth, bool walked) {
    if (sub == nullptr) return;
    if (!sub->is_array()) return walk(*sub, pointer, depth + 1, walked);
    std::size_t index = 0;
    for (json::value& each : sub->get_array()) walk(each, pointer + "/" + std::to_string(index++), depth + 1, walked);
  }

  void check_keywords(json::object& object, const std::string& pointer, bool walked) {
    for (const char* key : {"pattern", "format", "uniqueItems"})
      if (!walked && object.contains(key))
        problem(pointer + "/" + key, std::string{"Expected '"} + key + "' only below properties, items, additionalProperties and allOf");
    for (const char* key : {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
      if (const json::value* bound = object.if_contains(key); bound != nullptr && !bound->is_number())
        problem(pointer + "/" + key, "Expected a number");
    for (const char* key : {"minLength", "maxLength", "minItems", "maxItems"})
      if (const json::value* bound = object.if_contains(key); bound != nullptr && (!bound->is_int64() || bound->get_int64() < 0))
        problem(pointer + "/" + key, "Expected a whole number");
    if (const json::value* unique = object.if_contains("uniqueItems"); unique != nullptr && !unique->is_bool())
      problem(pointer + "/uniqueItems", "Expected true or false");
    object.erase("uniqueItems");
    if (object.contains("$ref")) problem(pointer + "/$ref", "Expected only references to common/NAME.json");
    if (object.contains("patternProperties"))
      problem(pointer + "/patternProperties", "Expected 'properties' with names; patterns of names are not taken");
    if (json::value* pattern = object.if_contains("pattern")) {
      const std::string text = pattern->is_string() ? std::string{pattern->get_string()} : std::string{};
      auto compiled = std::make_unique<RE2>(text, RE2::Quiet);
      if (text.empty() || !compiled->ok())
        problem(pointer + "/pattern", "Expected a regular expression (RE2), but found: " + compiled->error());
      else
        form_.patterns[text] = std::move(compiled);
      object.erase("pattern");
    }
    if (json::value* format = object.if_contains("format")) {
      if (!format->is_string() || !is_known_format(format->get_string()))
        problem(pointer + "/format", "Expected a known format");
      object.erase("format");
    }
  }

  void read_rules(json::object& object) {
    std::size_t index = 0;
    for (const json::value& value : array_or_empty(object, "x-rules")) {
      const std::string pointer = "/x-rules/" + std::to_string(index++);
      if (!value.is_object()) {
        problem(pointer, "Expected a rule, an object");
        continue;
      }
      const json::object& each = value.get_object();
      Rule rule{.id = string_or(each, "id"),
                .strength = string_or(each, "strength"),
                .expression = string_or(each, "rule"),
                .message_zh = string_or(each, "message_zh"),
                .message_en = string_or(each, "message_en"),
                .place = string_or(each, "place"),
                .condition = 0};
      if (rule.id.empty() || rule.expression.empty() || rule.message_zh.empty() || rule.message_en.empty())
        problem(pointer, "Expected id, rule, message_zh and message_en");
      if (rule.strength != "hard" && rule.strength != "soft" && rule.strength != "preference")
        problem(pointer + "/strength", "Expected 'hard', 'soft' or 'preference'");
      const Result<bool> tried = scxml::holds("false and (" + rule.expression + ")", {{"form", json::object{}}}, pointer);
      if (!tried) problem(pointer + "/rule", tried.error().message);
      rule.condition = form_.conditions.add(rule.expression, rule.id);
      form_.rules.push_back(std::move(rule));
    }
    object.erase("x-rules");
  }

  Form& form_;
  const std::string& file_;
  std::vector<Detail> problems_;
};

/// Finds every failure with its place. valijson has the last word: what it refuses and this did not
/// find is reported as "form.invalid".
class Walker {
 public:
  explicit Walker(const Form& form) : form_(form) {}
  std::vector<Detail> failures;

  void walk(const json::value& schema, const json::value& data, const std::string& pointer) {
    if (!schema.is_object() || failures.size() >= kFailuresMax) return;
    const json::object& object = schema.get_object();
    title_zh_ = string_or(object, "title", title_zh_);
    title_en_ = string_or(object, "x-title-en", title_en_);
    if (!check_type(object, data, pointer)) return;
    check_values(object, data, pointer);
    if (data.is_string()) check_text(object, std::string{data.get_string()}, pointer);
    if (data.is_number()) check_number(object, data, pointer);
    if (data.is_array()) check_array(object, data.get_array(), pointer);
    if (data.is_object()) check_object(object, data.get_object(), pointer);
    for (const json::value& each : array_or_empty(object, "allOf")) walk(each, data, pointer);
  }

 private:
  void fail(const std::string& pointer, const char* code, const std::string& zh, const std::string& en) {
    if (failures.size() >= kFailuresMax) return;
    const std::string name_zh = title_zh_.empty() ? "" : "“" + title_zh_ + "”";
    const std::string name_en = title_en_.empty() ? "" : " for '" + title_en_ + "'";
    failures.push_back({.place = pointer, .code = code, .message = "Expected " + en + name_en, .message_zh = name_zh + zh});
  }

  /// fail() about the field of this name, whatever field is being looked at.
  void fail_named(std::string zh_name, std::string en_name, const std::string& pointer, const char* code, const std::string& zh, const std::string& en) {
    title_zh_.swap(zh_name);
    title_en_.swap(en_name);
    fail(pointer, code, zh, en);
    title_zh_.swap(zh_name);
    title_en_.swap(en_name);
  }

  bool check_type(const json::object& schema, const json::value& data, const std::string& pointer) {
    const json::value* type = schema.if_contains("type");
    if (type == nullptr) return true;
    std::vector<std::string> types;
    if (type->is_string()) types.emplace_back(type->get_string());
    if (type->is_array())
      for (const json::value& each : type->get_array()) types.emplace_back(each.as_string());
    if (std::any_of(types.begin(), types.end(), [&](const std::string& each) { return has_type(data, each); })) return true;
    static const std::map<std::string, std::string> kNames = {{"string", "文字"},  {"integer", "整数"}, {"number", "数字"},
                                                              {"boolean", "是或否"}, {"array", "列表"},   {"object", "一组内容"}};
    const auto name = kNames.find(types.empty() ? "" : types.front());
    fail(pointer, "form.type", "应为" + (name == kNames.end() ? std::string{"规定类型"} : name->second),
         "a value of type " + (types.empty() ? "" : types.front()));
    return false;
  }

  void check_values(const json::object& schema, const json::value& data, const std::string& pointer) {
    if (const json::value* allowed = schema.if_contains("enum"); allowed != nullptr && allowed->is_array()) {
      const json::array& list = allowed->get_array();
      if (std::find(list.begin(), list.end(), data) == list.end()) {
        std::string text;
        for (const json::value& each : list)
          text += (text.empty() ? "" : "、") + (each.is_string() ? std::string{each.get_string()} : number_text(each));
        fail(pointer, "form.enum", "应为下列之一：" + text, "one of: " + text);
      }
    }
    if (const json::value* expected = schema.if_contains("const"); expected != nullptr && *expected != data)
      fail(pointer, "form.const", "应为" + number_text(*expected), number_text(*expected));
  }

  void check_text(const json::object& schema, const std::string& text, const std::string& pointer) {
    const auto length = static_cast<std::int64_t>(code_points(text));
    if (const std::int64_t min = int_or(schema, "minLength", 0); length < min)
      min == 1 ? fail(pointer, "form.required", "为必填项", "a value")
               : fail(pointer, "form.min_length", "至少" + std::to_string(min) + "个字", "at least " + std::to_string(min) + " characters");
    if (const std::int64_t max = int_or(schema, "maxLength", static_cast<std::int64_t>(kTextMax)); length > max)
      return fail(pointer, "form.max_length", "不超过" + std::to_string(max) + "个字", "at most " + std::to_string(max) + " characters");
    const std::string format = string_or(schema, "format");
    if (!format.empty() && !has_format(format, text, schema)) {
      const auto [zh, en] = format_hint(format, schema);
      fail(pointer, "form.format", "应为" + zh, en);
    }
    const auto pattern = form_.patterns.find(string_or(schema, "pattern"));
    if (pattern != form_.patterns.end() && !RE2::PartialMatch(text, *pattern->second))
      fail(pointer, "form.pattern", "格式不符合要求", "text that matches " + pattern->first);
  }

  void check_number(const json::object& schema, const json::value& data, const std::string& pointer) {
    const double value = as_double(data);
    struct Bound {
      const char* key;
      const char* code;
      const char* zh;
      const char* en;
      bool (*broken)(double, double);
    };
    static constexpr std::array<Bound, 4> kBounds = {
        {{"minimum", "form.minimum", "不小于", "at least ", [](double v, double b) { return v < b; }},
         {"maximum", "form.maximum", "不大于", "at most ", [](double v, double b) { return v > b; }},
         {"exclusiveMinimum", "form.minimum", "大于", "more than ", [](double v, double b) { return v <= b; }},
         {"exclusiveMaximum", "form.maximum", "小于", "less than ", [](double v, double b) { return v >= b; }}}};
    for (const Bound& bound : kBounds)
      if (const json::value* limit = schema.if_contains(bound.key); limit != nullptr && bound.broken(value, as_double(*limit)))
        fail(pointer, bound.code, std::string{"应"} + bound.zh + number_text(*limit), bound.en + number_text(*limit));
  }

  void check_array(const json::object& schema, const json::array& data, const std::string& pointer) {
    const auto size = static_cast<std::int64_t>(data.size());
    if (const std::int64_t min = int_or(schema, "minItems", 0); size < min)
      fail(pointer, "form.min_items", "至少" + std::to_string(min) + "项", "at least " + std::to_string(min) + " items");
    if (const std::int64_t max = int_or(schema, "maxItems", 10'000); size > max)
      fail(pointer, "form.max_items", "不超过" + std::to_string(max) + "项", "at most " + std::to_string(max) + " items");
    if (bool_or(schema, "uniqueItems", false)) {
      std::set<std::string> seen;
      for (const json::value& each : data)
        if (!seen.insert(canonical_json(each)).second) {
          fail(pointer, "form.unique_items", "各项不得重复", "items that differ");
          break;
        }
    }
    const json::value* items = schema.if_contains("items");
    for (std::size_t i = 0; i < data.size() && items != nullptr && items->is_object(); ++i)
      nested(*items, data[i], pointer + "/" + std::to_string(i));
  }

  void check_object(const json::object& schema, const json::object& data, const std::string& pointer) {
    const json::object& properties = object_or_empty(schema, "properties");
    for (const json::value& name : array_or_empty(schema, "required"))
      if (name.is_string() && !data.contains(name.get_string())) {
        const json::object& property = object_or_empty(properties, name.get_string());
        const std::string key{name.get_string()};
        fail_named(string_or(property, "title", key), string_or(property, "x-title-en", key), pointer + "/" + pointer_segment(key),
                   "form.required", "为必填项", "a value");
      }
    const json::value* additional = schema.if_contains("additionalProperties");
    for (const auto& member : data) {
      const std::string place = pointer + "/" + pointer_segment(member.key());
      if (const json::value* property = properties.if_contains(member.key()))
        nested(*property, member.value(), place);
      else if (additional != nullptr && additional->is_bool() && !additional->get_bool())
        fail_named(member.key(), member.key(), place, "form.additional", "不是本表的栏目", "no such field");
      else if (additional != nullptr && additional->is_object())
        nested(*additional, member.value(), place);
    }
  }

  void nested(const json::value& schema, const json::value& data, const std::string& pointer) {
    const std::string zh = title_zh_;
    const std::string en = title_en_;
    walk(schema, data, pointer);
    title_zh_ = zh;
    title_en_ = en;
  }

  const Form& form_;
  std::string title_zh_;
  std::string title_en_;
};

/// valijson's context, {"<root>", "[\"members\"]", "[0]"}, as a JSON pointer.
std::string pointer_of(const std::vector<std::string>& context) {
  std::string out;
  for (const std::string& part : context) {
    if (part.size() < 3 || part.front() != '[') continue;
    const bool text = part[1] == '"';
    const std::string name = text ? part.substr(2, part.size() - 4) : part.substr(1, part.size() - 2);
    out += "/" + pointer_segment(name);
  }
  return out;
}

bool too_long(const json::value& data) {
  if (data.is_string()) return data.get_string().size() > kTextMax;
  if (data.is_array()) return std::any_of(data.get_array().begin(), data.get_array().end(), too_long);
  if (data.is_object())
    return std::any_of(data.get_object().begin(), data.get_object().end(),
                       [](const auto& member) { return too_long(member.value()); });
  return false;
}

void add_verdict(const Form& form, const json::value& data, std::vector<Detail>& failures) {
  if (!failures.empty()) return;
  valijson::Validator validator;
  valijson::ValidationResults results;
  const valijson::adapters::BoostJsonAdapter target(data);
  if (validator.validate(form.judge, target, &results)) return;
  valijson::ValidationResults::Error error;
  while (results.popError(error) && failures.size() < kFailuresMax)
    failures.push_back({.place = pointer_of(error.context),
                        .code = "form.invalid",
                        .message = error.description,
                        .message_zh = "内容不符合表单要求"});
}

}  // namespace

namespace {

json::object globals_of(const json::value& data, const json::object& known) {
  json::object out = known;
  out["form"] = data;
  return out;
}

}  // namespace

Result<json::value> inline_common(const json::value& schema, const std::string& file,
                                  const std::function<Result<std::string>(const std::string& path)>& read) {
  if (schema.is_array()) {
    json::array out;
    for (const json::value& each : schema.get_array()) {
      Result<json::value> inlined = inline_common(each, file, read);
      if (!inlined) return inlined;
      out.push_back(std::move(*inlined));
    }
    return json::value(std::move(out));
  }
  if (!schema.is_object()) return schema;
  json::object out;
  const json::object& object = schema.get_object();
  if (const json::value* ref = object.if_contains("$ref")) {
    const std::string path = ref->is_string() ? std::string{ref->get_string()} : std::string{};
    // One level only: a common file that refers to itself would never end.
    if (!path.starts_with("common/") || path.find("..") != std::string::npos || file.starts_with("common/"))
      return Error{.kind = ErrorKind::invalid, .code = "form.ref", .message = "Expected a reference to common/NAME.json, but found '" + path + "'", .place = file};
    const Result<std::string> text = read(path);
    if (!text) return text.error();
    const Result<json::value> common = parse_json(*text, JsonLimits{}, path);
    if (!common) return common.error();
    Result<json::value> inlined = inline_common(*common, path, read);
    if (!inlined) return inlined;
    if (!inlined->is_object())
      return Error{.kind = ErrorKind::invalid, .code = "form.ref", .message = "Expected a schema in " + path, .place = path};
    out = std::move(inlined->get_object());
    out.erase("$schema");
  }
  for (const auto& member : object) {
    if (member.key() == "$ref") continue;
    Result<json::value> inlined = inline_common(member.value(), file, read);
    if (!inlined) return inlined;
    out[member.key()] = std::move(*inlined);
  }
  return json::value(std::move(out));
}

Result<FormPtr> compile_form(const json::value& schema, const std::string& file) {
  auto form = std::make_shared<Form>();
  form->schema = schema;
  json::value stripped = schema;
  std::vector<Detail> problems = Compiler(*form, file).run(stripped);
  if (!problems.empty()) return schema_error(std::move(problems));
  try {
    valijson::SchemaParser parser;
    parser.populateSchema(valijson::adapters::BoostJsonAdapter(stripped), form->judge);
  } catch (const std::exception& error) {
    return schema_error({{.place = file, .code = "form.schema", .message = error.what(), .message_zh = {}}});
  }
  return FormPtr{std::move(form)};
}

std::vector<Detail> validate_form(const Form& form, const json::value& data, const json::object& known) {
  if (too_long(data))
    return {{.place = "", .code = "form.max_length", .message = "Expected texts of at most 65,536 bytes", .message_zh = "文字过长"}};
  Walker walker(form);
  walker.walk(form.schema, data, "");
  std::vector<Detail> failures = std::move(walker.failures);
  try {
    add_verdict(form, data, failures);
  } catch (const std::exception& error) {
    failures.push_back({.place = "", .code = "form.invalid", .message = error.what(), .message_zh = "内容不符合表单要求"});
  }
  if (!failures.empty()) return failures;
  json::object globals = globals_of(data, known);
  for (const Rule& rule : form.rules) {
    if (rule.strength != "hard") continue;
    const Result<bool> kept = form.conditions.holds(rule.condition, globals);
    if (kept && *kept) continue;
    failures.push_back({.place = rule.place,
                        .code = "rule." + rule.id,
                        .message = kept ? rule.message_en : rule.message_en + " (" + kept.error().message + ")",
                        .message_zh = rule.message_zh});
  }
  return failures;
}

WeighedRules weigh_form(const Form& form, const json::value& data, const json::object& known) {
  WeighedRules out;
  json::object globals = globals_of(data, known);
  for (const Rule& rule : form.rules) {
    if (rule.strength == "hard") continue;
    const Result<bool> kept = form.conditions.holds(rule.condition, globals);
    const bool holds = kept && *kept;
    if (rule.strength == "soft" ? holds : !holds) continue;
    (rule.strength == "soft" ? out.broken : out.marks).push_back({.id = rule.id, .place = rule.place, .message = rule.message_en, .message_zh = rule.message_zh});
  }
  return out;
}

}  // namespace chuyi

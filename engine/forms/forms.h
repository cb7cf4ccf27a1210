#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/json.h"
#include "engine/base/result.h"

namespace chuyi {

/// A compiled form: a JSON Schema (draft-07) and its rules. Immutable, thread-safe.
class Form;
using FormPtr = std::shared_ptr<const Form>;

/// Replaces every {"$ref":"common/NAME.json"} by the content of that file, so that a schema stands alone.
/// @param read  gives the text of a common file. Errors: `invalid` "form.ref", place = file and JSON pointer.
Result<json::value> inline_common(const json::value& schema, const std::string& file,
                                  const std::function<Result<std::string>(const std::string& path)>& read);

/// Compiles a schema without references. "pattern" (RE2), "format" and "uniqueItems" stand only where "properties",
/// "items" of one schema, "additionalProperties" and "allOf" lead; "patternProperties" is not taken. Beside draft-07's keywords it takes "x-title-en" (English title of a
/// property), the formats "date", "yearmonth", "email", "uri", "mobile", "uscc" (GB 32100-2015), "cn-id"
/// (GB 11643-1999), "decimal" (engine/base/decimal.h, with "x-min" and "x-max"), and "x-rules":
/// [{"id","strength":"hard|soft|preference","rule":Lua expression over `form` and what is `known`,"message_zh","message_en","place"}].
/// Errors: `invalid` "form.schema", place = file and JSON pointer, one Detail for each defect.
Result<FormPtr> compile_form(const json::value& schema, const std::string& file);

/// Every failure of `data`, place = JSON pointer into it, with a message in both languages: "form.required",
/// "form.type", "form.enum", "form.const", "form.min_length", "form.max_length", "form.minimum",
/// "form.maximum", "form.pattern", "form.format", "form.additional", "form.min_items", "form.max_items",
/// "form.unique_items", "form.invalid" (any other keyword), and "rule.ID" for each hard rule that is broken.
/// Empty: valid. Rules are looked at only when the schema holds.
/// @param known  what rules may read beside `form`, e.g. "deadline": "2026-05-31".
std::vector<Detail> validate_form(const Form& form, const json::value& data, const json::object& known = {});

/// A rule that refuses nobody.
struct WeighedRule {
  std::string id;
  std::string place;
  std::string message;
  std::string message_zh;
};
struct WeighedRules {
  std::vector<WeighedRule> broken;  ///< soft ones that are not kept, or cannot be evaluated: each wants a written reason
  std::vector<WeighedRule> marks;   ///< preferences that hold
};
/// Of data that validate_form() found nothing in.
WeighedRules weigh_form(const Form& form, const json::value& data, const json::object& known);

}  // namespace chuyi

#include "engine/review/sealed_export.h"

#include <algorithm>

#include "engine/base/digest.h"

namespace chuyi::review {
namespace {

std::string shown(const json::value* value) {
  constexpr std::size_t kShownMax = 80;
  std::string out = value == nullptr ? "nothing" : canonical_json(*value);
  if (out.size() > kShownMax) out = "SHA-256 " + sha256_hex(out);
  return out;
}

/// Leads `place` to the first value that is not the same in both, as deep as both have one there.
void first_difference(const json::value*& a, const json::value*& b, std::string& place) {
  if (a == nullptr || b == nullptr || a->kind() != b->kind()) return;
  const auto descend = [&](const json::value* in_a, const json::value* in_b, const std::string& step) {
    if (in_a != nullptr && in_b != nullptr && *in_a == *in_b) return false;
    a = in_a;
    b = in_b;
    place += "/" + step;
    first_difference(a, b, place);
    return true;
  };
  if (a->is_object()) {
    const json::object &left = a->get_object(), &right = b->get_object();
    for (const auto& each : left)
      if (descend(&each.value(), right.if_contains(each.key()), pointer_segment(each.key()))) return;
    for (const auto& each : right)
      if (!left.contains(each.key()) && descend(nullptr, &each.value(), pointer_segment(each.key()))) return;
  } else if (a->is_array()) {
    const json::array &left = a->get_array(), &right = b->get_array();
    for (std::size_t i = 0; i < std::max(left.size(), right.size()); ++i)
      if (descend(left.if_contains(i), right.if_contains(i), std::to_string(i))) return;
  }
}

}  // namespace

Result<std::string> make_export(std::string_view kind, const json::object& input, const Compute& compute) {
  Result<json::object> result = compute(input);
  if (!result) return result.error();
  return canonical_json(json::object{
             {"kind", kind}, {"input", input}, {"input_digest", sha256_hex(canonical_json(input))}, {"result", std::move(*result)}}) +
         "\n";
}

Result<std::string> verify_export(std::string_view kind, std::string_view bytes, const Compute& compute) {
  const Result<json::value> parsed = parse_json(bytes, kStoredJson, "export");
  if (!parsed) return parsed.error();
  const json::value* input = parsed->is_object() ? parsed->get_object().if_contains("input") : nullptr;
  if (input == nullptr || !input->is_object() || string_or(parsed->get_object(), "kind") != kind)
    return Error{.kind = ErrorKind::invalid,
                 .code = "review.kind",
                 .message = "Expected an export of kind '" + std::string{kind} + "' with its input",
                 .place = "/kind",
                 .message_zh = "应为“" + std::string{kind} + "”类导出文件，并含输入数据"};
  const Result<std::string> again = make_export(kind, input->get_object(), compute);
  if (!again) return again.error();
  if (*again == bytes) return sha256_hex(bytes);
  const Result<json::value> expected = parse_json(*again, kStoredJson, "computed export");
  if (!expected) return expected.error();
  const json::value *left = &*expected, *right = &*parsed;
  std::string place;
  first_difference(left, right, place);
  if (place.empty())
    return Error{.kind = ErrorKind::rejected,
                 .code = "review.differs",
                 .message = "Expected canonical JSON and one line feed, but the bytes differ outside of the values",
                 .place = "/",
                 .message_zh = "数据相同，但文件字节与规范写法不同"};
  return Error{.kind = ErrorKind::rejected,
               .code = "review.differs",
               .message = "Expected what the input gives, " + shown(left) + ", but found " + shown(right),
               .place = place,
               .message_zh = "与由输入重新计算的结果不一致：应为" + shown(left) + "，实为" + shown(right)};
}

}  // namespace chuyi::review

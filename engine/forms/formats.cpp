#include "engine/forms/formats.h"

#include <algorithm>
#include <array>

#include "engine/base/decimal.h"
#include "engine/base/time.h"

namespace chuyi {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool all_digits(std::string_view text) { return std::all_of(text.begin(), text.end(), is_digit); }

/// GB 32100-2015: 17 characters and a check character, weights 3^i mod 31.
bool is_uscc(std::string_view text) {
  static constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";
  if (text.size() != 18) return false;
  int sum = 0;
  int weight = 1;
  for (std::size_t i = 0; i < 17; ++i) {
    const std::size_t value = kAlphabet.find(text[i]);
    if (value == std::string_view::npos) return false;
    sum += static_cast<int>(value) * weight;
    weight = weight * 3 % 31;
  }
  return kAlphabet[static_cast<std::size_t>((31 - sum % 31) % 31)] == text[17];
}

/// GB 11643-1999: birth date and ISO 7064 mod 11-2 check character.
bool is_cn_id(std::string_view text) {
  if (text.size() != 18 || !all_digits(text.substr(0, 17))) return false;
  const std::string birth = std::string{text.substr(6, 4)} + "-" + std::string{text.substr(10, 2)} + "-" + std::string{text.substr(12, 2)};
  if (!parse_day(birth)) return false;
  static constexpr std::array<int, 17> kWeights = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
  int sum = 0;
  for (std::size_t i = 0; i < 17; ++i) sum += (text[i] - '0') * kWeights[i];
  return "10X98765432"[sum % 11] == text[17];
}

bool is_email(std::string_view text) {
  const std::size_t at = text.find('@');
  return at != std::string_view::npos && at > 0 && text.find('@', at + 1) == std::string_view::npos &&
         text.find('.', at) != std::string_view::npos && text.back() != '.' && text.find(' ') == std::string_view::npos;
}

bool is_uri(std::string_view text) {
  const std::size_t start = text.starts_with("https://") ? 8 : text.starts_with("http://") ? 7 : 0;
  return start != 0 && text.size() > start && text.find_first_of(" <>\"") == std::string_view::npos;
}

bool is_decimal_in_range(const std::string& text, const json::object& schema) {
  const Result<Decimal> value = Decimal::parse(text);
  if (!value) return false;
  const Result<Decimal> min = Decimal::parse(string_or(schema, "x-min"));
  const Result<Decimal> max = Decimal::parse(string_or(schema, "x-max"));
  // Money in 万元 has two places: what stands behind them nobody can pay.
  const std::size_t point = text.find('.');
  const std::int64_t places = int_or(schema, "x-places", -1);
  if (places >= 0 && point != std::string::npos && text.size() - point - 1 > static_cast<std::size_t>(places)) return false;
  return (!min || *value >= *min) && (!max || *value <= *max);
}

}  // namespace

bool is_known_format(std::string_view format) {
  static constexpr std::array kFormats = {"date", "yearmonth", "email", "uri", "mobile", "uscc", "cn-id", "decimal"};
  return std::find(kFormats.begin(), kFormats.end(), format) != kFormats.end();
}

bool has_format(std::string_view format, const std::string& text, const json::object& schema) {
  if (format == "date") return parse_day(text).has_value();
  if (format == "yearmonth") return text.size() == 7 && parse_day(text + "-01").has_value();
  if (format == "email") return is_email(text);
  if (format == "uri") return is_uri(text);
  if (format == "mobile") return text.size() == 11 && all_digits(text) && text[0] == '1';
  if (format == "uscc") return is_uscc(text);
  if (format == "cn-id") return is_cn_id(text);
  if (format == "decimal") return is_decimal_in_range(text, schema);
  return true;
}

std::pair<std::string, std::string> format_hint(std::string_view format, const json::object& schema) {
  if (format == "date") return {"日期，如2026-03-01", "a date like 2026-03-01"};
  if (format == "yearmonth") return {"年月，如2026-03", "a month like 2026-03"};
  if (format == "email") return {"电子邮箱", "an e-mail address"};
  if (format == "uri") return {"以http://或https://开头的网址", "a web address"};
  if (format == "mobile") return {"11位手机号码", "a mobile number of 11 digits"};
  if (format == "uscc") return {"18位统一社会信用代码（校验位须正确）", "a unified social credit code of 18 characters with a right check character"};
  if (format == "cn-id") return {"18位身份证号码（校验位须正确）", "an identity number of 18 characters with a right check character"};
  std::string range = string_or(schema, "x-min");
  const std::string max = string_or(schema, "x-max");
  if (!range.empty() || !max.empty()) range = " " + range + "–" + max;
  const std::string places = schema.contains("x-places") ? std::to_string(int_or(schema, "x-places", 0)) : std::string{};
  return {"数字，如12.50" + range + (places.empty() ? "" : "，小数不超过" + places + "位"),
          "a decimal number like 12.50" + range + (places.empty() ? "" : " with at most " + places + " places")};
}

}  // namespace chuyi

#include "engine/base/form.h"

#include <algorithm>

#include "engine/base/decimal.h"

namespace chuyi {
namespace {

constexpr std::size_t kPairsMax = 64;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string percent_encode(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kHex[(static_cast<unsigned char>(c) >> 4) & 0xF];
      out += kHex[static_cast<unsigned char>(c) & 0xF];
    }
  }
  return out;
}

bool percent_decode(std::string_view text, bool plus, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\0') return false;
    if (text[i] == '%') {
      if (i + 2 >= text.size()) return false;
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high < 0 || low < 0 || (high == 0 && low == 0)) return false;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += plus && text[i] == '+' ? ' ' : text[i];
    }
  }
  return true;
}

std::string plain_json(const json::value& value) {
  // Within a text every quote is escaped: what looks so is one.
  static constexpr std::string_view kBegin = "{\"$decimal\":\"";
  std::string out = canonical_json(value);
  for (std::size_t at = out.find(kBegin); at != std::string::npos; at = out.find(kBegin, at + 1)) {
    const std::size_t begin = at + kBegin.size();
    const std::size_t end = out.find('"', begin);
    const std::string numeral = out.substr(begin, end - begin);
    const Result<Decimal> exact = Decimal::parse(numeral);
    if (out.compare(end, 2, "\"}") == 0 && exact && exact->to_string() == numeral) out.replace(at, end + 2 - at, numeral);
  }
  return out;
}

void add_form_pair(std::string& form, std::string_view name, const json::value& value) {
  if (!form.empty()) form += '&';
  form += percent_encode(name) + "=";
  if (!value.is_null()) form += percent_encode(value.is_string() ? std::string{value.get_string()} : plain_json(value));
}

std::optional<FormPairs> parse_form(std::string_view form) {
  FormPairs out;
  while (!form.empty()) {
    const std::string_view pair = form.substr(0, form.find('&'));
    form.remove_prefix(std::min(pair.size() + 1, form.size()));
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    std::string name;
    std::string value;
    if (!percent_decode(pair.substr(0, equals), true, name)) return std::nullopt;
    if (equals != std::string_view::npos && !percent_decode(pair.substr(equals + 1), true, value)) return std::nullopt;
    if (!is_utf8(name) || !is_utf8(value) || out.size() >= kPairsMax) return std::nullopt;
    out.emplace_back(std::move(name), std::move(value));
  }
  return out;
}

}  // namespace chuyi

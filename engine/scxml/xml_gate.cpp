#include "engine/scxml/xml_gate.h"

#include <algorithm>

#include "engine/base/json.h"
#include "engine/scxml/xml_scanner.h"

namespace chuyi {
namespace {

void append_utf8(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | (c >> 6));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | (c >> 12));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (c >> 18));
    out += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

/// UTF-16 after its byte order mark, as UTF-8; false for odd lengths and lone surrogates.
bool utf8_of_utf16(std::string_view bytes, bool big_endian, std::string& out) {
  if (bytes.size() % 2 != 0) return false;
  const auto unit = [&](std::size_t i) {
    const auto a = static_cast<unsigned char>(bytes[i]);
    const auto b = static_cast<unsigned char>(bytes[i + 1]);
    return static_cast<char32_t>(big_endian ? (a << 8) | b : (b << 8) | a);
  };
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    char32_t c = unit(i);
    if (c >= 0xDC00 && c <= 0xDFFF) return false;
    if (c >= 0xD800 && c <= 0xDBFF) {
      i += 2;
      if (i >= bytes.size() || unit(i) < 0xDC00 || unit(i) > 0xDFFF) return false;
      c = 0x10000 + ((c - 0xD800) << 10) + (unit(i) - 0xDC00);
    }
    append_utf8(out, c);
  }
  return true;
}

Error encoding_error(const std::string& file) {
  return Error{.kind = ErrorKind::invalid,
               .code = "xml.encoding",
               .message = "Expected UTF-8 text (or UTF-16 with a byte order mark); save the file as UTF-8",
               .place = file + ":1:1"};
}

}  // namespace

void XmlDocument::keep_original() {
  original_ = text;
  for (std::size_t at = 0; at < original_.size(); at += kStride)
    characters_.push_back(at == 0 ? 0 : characters_.back() + characters_in(at - kStride, at));
}

std::size_t XmlDocument::characters_in(std::size_t from, std::size_t to) const {
  const auto begin = original_.begin();
  return static_cast<std::size_t>(
      std::count_if(begin + static_cast<std::ptrdiff_t>(from), begin + static_cast<std::ptrdiff_t>(to),
                    [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::size_t XmlDocument::characters_before(std::size_t offset) const {
  if (characters_.empty()) return 0;
  const std::size_t known = std::min(offset / kStride, characters_.size() - 1);
  return characters_[known] + characters_in(known * kStride, offset);
}

std::string XmlDocument::place(std::size_t offset) const {
  const auto after = std::upper_bound(line_starts.begin(), line_starts.end(), offset);
  const std::size_t start = *(after - 1);
  const std::size_t end = std::min(offset, original_.size());
  const std::size_t column = 1 + characters_before(end) - characters_before(start);
  return file + ":" + std::to_string(after - line_starts.begin()) + ":" + std::to_string(column);
}

std::string XmlDocument::place(const pugi::xml_node& node) const {
  const std::ptrdiff_t offset = node.offset_debug();
  return place(offset < 0 ? 0 : static_cast<std::size_t>(offset));
}

std::string XmlDocument::place(const pugi::xml_attribute& attribute) const {
  return place(static_cast<std::size_t>(attribute.name() - text.data()));
}

Result<std::unique_ptr<XmlDocument>> parse_xml(std::string_view bytes, const std::string& file,
                                               const scxml::ChartLimits& limits) {
  if (bytes.size() > limits.bytes_max)
    return Error{.kind = ErrorKind::too_large,
                 .code = "xml.size",
                 .message = "Expected a document of at most " + std::to_string(limits.bytes_max) + " bytes",
                 .place = file};
  auto out = std::make_unique<XmlDocument>();
  out->file = file;
  const bool big = bytes.starts_with("\xFE\xFF");
  const bool utf16 = big || bytes.starts_with("\xFF\xFE");
  if (utf16) {
    if (!utf8_of_utf16(bytes.substr(2), big, out->text)) return encoding_error(file);
  } else {
    if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
    if (!is_utf8(bytes)) return encoding_error(file);
    out->text = bytes;
  }
  out->keep_original();
  out->line_starts.push_back(0);
  for (std::size_t i = 0; i < out->text.size(); ++i)
    if (out->text[i] == '\n') out->line_starts.push_back(i + 1);
  if (const auto fault = scan_xml(out->text, utf16, limits))
    return Error{.kind = fault->kind, .code = fault->code, .message = fault->message, .place = out->place(fault->offset)};
  const pugi::xml_parse_result parsed =
      out->dom.load_buffer_inplace(out->text.data(), out->text.size(),
                                   pugi::parse_default | pugi::parse_ws_pcdata_single, pugi::encoding_utf8);
  if (!parsed)
    return Error{.kind = ErrorKind::invalid,
                 .code = "xml.not_well_formed",
                 .message = parsed.description(),
                 .place = out->place(static_cast<std::size_t>(parsed.offset))};
  return out;
}

}  // namespace chuyi

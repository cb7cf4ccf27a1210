#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace chuyi {

/// The placeholders that every certificate knows; beside them {form.NAME} of what the programme's notices publish, and {field.NAME}
/// of what hook `render` gives.
inline constexpr std::string_view kCertificateNames[] = {"org", "title", "programme", "round", "number", "granted", "ends", "term", "issuer"};
/// Those of the text "notice.lead".
inline constexpr std::string_view kNoticeNames[] = {"programme", "round", "opens", "last_day"};

/// Where something stands on a page, from its upper left corner: millimetres. Nothing is decided by these numbers.
struct PageBox {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;
};

/// A text of a certificate, with placeholders: docs/plugins-admin.md has their names.
struct CertificateText {
  enum class Align : std::uint8_t { start, centre, end, justify };
  std::string key;  ///< under which a package gives its own wording
  std::string zh;
  std::string en;
  PageBox box;
  double size = 0;      ///< points
  double size_min = 0;  ///< to which it may shrink where it does not fit
  Align align = Align::start;
  bool bold = false;
  double indent = 0;   ///< of a paragraph's first line: characters
  double spacing = 1;  ///< of lines: times their height
  std::string font;    ///< empty: the certificate's
  std::string colour;  ///< "#rrggbb"
};

struct CertificateFrame {
  double margin = 0;  ///< millimetres from the edges of the page
  double width = 0;   ///< of the line, points
  std::string colour;
};

/// The template of a programme's certificate, its wording that of the programme. plugins/sdk/certificate.xsd is the format.
struct Certificate {
  double width = 0;  ///< of the page, millimetres
  double height = 0;
  std::string font;
  std::vector<CertificateFrame> frames;
  std::vector<CertificateText> texts;
  std::vector<PageBox> codes;       ///< where a QR code leads to the entry in the register
  std::vector<std::string> fields;  ///< NAME of each {field.NAME} in the texts: what hook `render` must give
};
using CertificatePtr = std::shared_ptr<const Certificate>;

}  // namespace chuyi

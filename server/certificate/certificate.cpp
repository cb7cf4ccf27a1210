#include "server/certificate/certificate.h"

#include <memory>
#include <mutex>

#include <cairo-pdf.h>
#include <pango/pangocairo.h>
#include <qrencode.h>

namespace chuyi {
namespace {

constexpr double kPointsPerMm = 72.0 / 25.4;
constexpr double kShrink = 0.5;  // points, from one try to the next
constexpr int kQuietZone = 4;    // modules, ISO/IEC 18004

struct Free {
  void operator()(cairo_surface_t* p) const { cairo_surface_destroy(p); }
  void operator()(cairo_t* p) const { cairo_destroy(p); }
  void operator()(PangoLayout* p) const { g_object_unref(p); }
  void operator()(PangoContext* p) const { g_object_unref(p); }
  void operator()(PangoFontDescription* p) const { pango_font_description_free(p); }
  void operator()(QRcode* p) const { QRcode_free(p); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

void set_colour(cairo_t* cairo, const std::string& colour) {
  const auto part = [&](std::size_t at) { return std::stoi(colour.substr(at, 2), nullptr, 16) / 255.0; };
  cairo_set_source_rgb(cairo, part(1), part(3), part(5));
}

int unknown_in(PangoLayout* layout, const std::string& text) {
  pango_layout_set_text(layout, text.data(), static_cast<int>(text.size()));
  return pango_layout_get_unknown_glyphs_count(layout);
}

/// The first character that no font has, as "U+XXXX".
std::string first_unknown(PangoLayout* layout, const std::string& text) {
  for (const char* at = text.c_str(); *at != '\0'; at = g_utf8_next_char(at)) {
    const std::string one(at, static_cast<std::size_t>(g_utf8_next_char(at) - at));
    char code[16];
    std::snprintf(code, sizeof code, "U+%04X", g_utf8_get_char(at));
    if (unknown_in(layout, one) > 0) return code;
  }
  return "a character";
}

class Drawing {
 public:
  Drawing(const Certificate& certificate, const CertificateContent& content, PangoFontMap* fonts) : certificate_(certificate), content_(content) {
    surface_.reset(cairo_pdf_surface_create_for_stream(&Drawing::take, &out_, certificate.width * kPointsPerMm, certificate.height * kPointsPerMm));
    cairo_pdf_surface_set_metadata(surface_.get(), CAIRO_PDF_METADATA_TITLE, content.title.c_str());
    cairo_pdf_surface_set_metadata(surface_.get(), CAIRO_PDF_METADATA_CREATE_DATE, (format_day(content.date) + "T00:00:00+08:00").c_str());
    cairo_.reset(cairo_create(surface_.get()));
    context_.reset(pango_font_map_create_context(fonts));
    pango_context_set_language(context_.get(), pango_language_from_string(content.language == "en" ? "en" : "zh-cn"));
    pango_cairo_update_context(cairo_.get(), context_.get());
  }

  Result<std::string> run() {
    for (const CertificateFrame& frame : certificate_.frames) draw(frame);
    for (std::size_t i = 0; i < certificate_.texts.size(); ++i)
      if (!content_.texts[i].empty())
        if (Result<> drawn = draw(certificate_.texts[i], content_.texts[i]); !drawn) return drawn.error();
    if (!content_.link.empty())
      for (const PageBox& box : certificate_.codes)
        if (Result<> drawn = draw_code(box); !drawn) return drawn.error();
    cairo_.reset();
    cairo_surface_finish(surface_.get());
    if (cairo_surface_status(surface_.get()) != CAIRO_STATUS_SUCCESS) return failed(cairo_status_to_string(cairo_surface_status(surface_.get())));
    return std::move(out_);
  }

 private:
  static cairo_status_t take(void* out, const unsigned char* data, unsigned int size) {
    static_cast<std::string*>(out)->append(reinterpret_cast<const char*>(data), size);
    return CAIRO_STATUS_SUCCESS;
  }

  static Error failed(const std::string& why) {
    return Error{.kind = ErrorKind::unavailable, .code = "certificate.draw", .message = "Expected to draw the certificate, but: " + why, .message_zh = "证书暂时无法生成"};
  }

  void draw(const CertificateFrame& frame) {
    const double margin = frame.margin * kPointsPerMm;
    set_colour(cairo_.get(), frame.colour);
    cairo_set_line_width(cairo_.get(), frame.width);
    cairo_rectangle(cairo_.get(), margin, margin, certificate_.width * kPointsPerMm - 2 * margin, certificate_.height * kPointsPerMm - 2 * margin);
    cairo_stroke(cairo_.get());
  }

  void set_size(PangoLayout* layout, const CertificateText& text, double size) {
    const Owned<PangoFontDescription> font(pango_font_description_from_string((text.font.empty() ? certificate_.font : text.font).c_str()));
    pango_font_description_set_weight(font.get(), text.bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
    pango_font_description_set_absolute_size(font.get(), size * PANGO_SCALE);
    pango_layout_set_font_description(layout, font.get());
    pango_layout_set_indent(layout, static_cast<int>(text.indent * size * PANGO_SCALE));
  }

  Result<> draw(const CertificateText& text, const std::string& words) {
    using Align = CertificateText::Align;
    const double width = text.box.width * kPointsPerMm;
    const Owned<PangoLayout> layout(pango_layout_new(context_.get()));
    pango_layout_set_width(layout.get(), static_cast<int>(width * PANGO_SCALE));
    pango_layout_set_wrap(layout.get(), PANGO_WRAP_WORD_CHAR);
    pango_layout_set_alignment(layout.get(), text.align == Align::centre ? PANGO_ALIGN_CENTER : text.align == Align::end ? PANGO_ALIGN_RIGHT : PANGO_ALIGN_LEFT);
    pango_layout_set_justify(layout.get(), text.align == Align::justify);
    pango_layout_set_auto_dir(layout.get(), FALSE);
    pango_layout_set_line_spacing(layout.get(), static_cast<float>(text.spacing));
    set_size(layout.get(), text, text.size);
    if (unknown_in(layout.get(), words) > 0) {
      const std::string character = first_unknown(layout.get(), words);
      return Error{.kind = ErrorKind::unavailable,
                   .code = "certificate.font",
                   .message = "Expected a font with " + character + " of the text '" + text.key + "'; install one on the server, such as the package fonts-hanazono",
                   .message_zh = "服务器的字体中没有字符" + character + "，请安装含有该字的字体（如fonts-hanazono）"};
    }
    for (double size = text.size;; size = std::max(size - kShrink, text.size_min)) {
      set_size(layout.get(), text, size);
      int wide = 0;
      int high = 0;
      pango_layout_get_size(layout.get(), &wide, &high);
      if (wide <= width * PANGO_SCALE && high <= text.box.height * kPointsPerMm * PANGO_SCALE) break;
      if (size <= text.size_min)
        return Error{.kind = ErrorKind::rejected,
                     .code = "certificate.too_long",
                     .message = "Expected the text '" + text.key + "' to fit its place; give it more room or a smaller 'size-min' in the template",
                     .message_zh = "证书上的“" + text.key + "”过长，请在模板中加大位置或减小size-min"};
    }
    set_colour(cairo_.get(), text.colour);
    cairo_move_to(cairo_.get(), text.box.x * kPointsPerMm, text.box.y * kPointsPerMm);
    pango_cairo_show_layout(cairo_.get(), layout.get());
    return {};
  }

  Result<> draw_code(const PageBox& box) {
    const Owned<QRcode> code(QRcode_encodeString8bit(content_.link.c_str(), 0, QR_ECLEVEL_M));
    if (!code) return failed("its address is too long for a QR code");
    const double module = box.width * kPointsPerMm / (code->width + 2 * kQuietZone);
    set_colour(cairo_.get(), "#000000");
    for (int row = 0; row < code->width; ++row)
      for (int column = 0; column < code->width; ++column)
        if ((code->data[row * code->width + column] & 1U) != 0)
          cairo_rectangle(cairo_.get(), box.x * kPointsPerMm + (column + kQuietZone) * module, box.y * kPointsPerMm + (row + kQuietZone) * module, module, module);
    cairo_fill(cairo_.get());
    return {};
  }

  const Certificate& certificate_;
  const CertificateContent& content_;
  std::string out_;
  Owned<cairo_surface_t> surface_;
  Owned<cairo_t> cairo_;
  Owned<PangoContext> context_;
};

}  // namespace

Result<std::string> draw_certificate(const Certificate& certificate, const CertificateContent& content) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  static PangoFontMap* const fonts = pango_cairo_font_map_new();
  return Drawing(certificate, content, fonts).run();
}

}  // namespace chuyi

#include "plugins/loader/certificate.h"

#include <algorithm>
#include <set>
#include <span>

#include "engine/base/placeholders.h"
#include "engine/ports/plugin_host.h"
#include "plugins/loader/schema.h"

namespace chuyi {
namespace {

constexpr std::string_view kPrefix = "certificate.";
constexpr const char* kNoticeLead = "notice.lead";

Detail defect(std::string place, const char* code, std::string message, std::string message_zh) {
  return {.place = std::move(place), .code = code, .message = std::move(message), .message_zh = std::move(message_zh)};
}

std::string list(std::span<const std::string_view> names) {
  std::string out;
  for (const std::string_view name : names) out.append(out.empty() ? "{" : ", {").append(name).append("}");
  return out;
}

/// What a programme's certificate may name beside kCertificateNames.
bool is_of_programme(const std::string& name, const json::object& manifest) {
  if (name.starts_with("field.") && name.size() > 6) return bool_or(object_or_empty(manifest, "asks"), std::string{hook::kRender}, false);
  const json::array& published = array_or_empty(object_or_empty(manifest, "publicity"), "fields");
  return name.starts_with("form.") && std::find(published.begin(), published.end(), json::value(name.substr(5))) != published.end();
}

/// The defects of a text in both languages. @param known  the placeholders that it may have; `more` than these.
template <class More>
std::vector<Detail> check_words(const std::string& zh, const std::string& en, const std::string& place, std::span<const std::string_view> known, More more, const char* hint) {
  std::vector<Detail> out;
  for (const std::string& words : {zh, en}) {
    const Result<std::vector<std::string>> names = placeholders_of(words);
    if (!names) out.push_back(defect(place, "text.braces", names.error().message, names.error().message_zh));
    if (!names) continue;
    for (const std::string& name : *names)
      if (std::find(known.begin(), known.end(), name) == known.end() && !more(name))
        out.push_back(defect(place, "certificate.placeholder", "Expected one of " + list(known) + hint + ", but found {" + name + "}",
                             "没有占位符{" + name + "}，可用的有：" + list(known)));
  }
  return out;
}

std::vector<Detail> check_certificate_words(const std::string& zh, const std::string& en, const std::string& place, const json::object& manifest) {
  return check_words(zh, en, place, kCertificateNames, [&](const std::string& name) { return is_of_programme(name, manifest); },
                     ", {form.NAME} of a field of <publicity>, or {field.NAME} where the library has the hook 'render'");
}

class Reader {
 public:
  Reader(const XmlDocument& document, const Manifest& manifest) : document_(document), root_(document.dom.document_element()), manifest_(manifest) {}

  Result<Certificate> run() {
    const std::string page = root_.attribute("page").value();
    out_.width = page == "A3" ? 297 : page == "A4" ? 210 : 148;
    out_.height = page == "A3" ? 420 : page == "A4" ? 297 : 210;
    if (root_.attribute("orientation").value() == std::string_view{"landscape"}) std::swap(out_.width, out_.height);
    out_.font = root_.attribute("font").as_string("Noto Serif CJK SC");
    for (const pugi::xml_node& node : root_.children("frame")) read_frame(node);
    for (const pugi::xml_node& node : root_.children("text")) read_text(node);
    for (const pugi::xml_node& node : root_.children("code")) {
      const double width = node.attribute("width").as_double();
      out_.codes.push_back(box_of(node, width));
    }
    if (problems_.empty()) return std::move(out_);
    return Error{.kind = ErrorKind::invalid,
                 .code = problems_.front().code,
                 .message = problems_.front().message,
                 .place = problems_.front().place,
                 .message_zh = problems_.front().message_zh,
                 .details = std::move(problems_)};
  }

 private:
  void problem(const pugi::xml_node& node, const char* code, std::string message, std::string message_zh) {
    problems_.push_back(defect(document_.place(node), code, std::move(message), std::move(message_zh)));
  }

  PageBox box_of(const pugi::xml_node& node, double height) {
    const PageBox box{.x = node.attribute("x").as_double(), .y = node.attribute("y").as_double(), .width = node.attribute("width").as_double(), .height = height};
    if (box.width <= 0 || box.height <= 0 || box.x + box.width > out_.width || box.y + box.height > out_.height)
      problem(node, "certificate.place",
              "Expected a place on the page of " + std::to_string(static_cast<int>(out_.width)) + " by " + std::to_string(static_cast<int>(out_.height)) + " mm, wider and higher than nothing",
              "位置须在页面之内，宽、高须大于零");
    return box;
  }

  void read_frame(const pugi::xml_node& node) {
    out_.frames.push_back({.margin = node.attribute("margin").as_double(), .width = node.attribute("width").as_double(), .colour = node.attribute("colour").value()});
    if (2 * out_.frames.back().margin >= std::min(out_.width, out_.height))
      problem(node, "certificate.place", "Expected a margin of less than half the page", "边框边距须小于页面的一半");
  }

  void read_text(const pugi::xml_node& node) {
    CertificateText text{.key = node.attribute("key").value(), .zh = node.attribute("zh").value(), .en = node.attribute("en").value()};
    text.box = box_of(node, node.attribute("height").as_double());
    text.size = node.attribute("size").as_double();
    text.size_min = node.attribute("size-min").as_double(text.size);
    const std::string align = node.attribute("align").as_string("start");
    using Align = CertificateText::Align;
    text.align = align == "centre" ? Align::centre : align == "end" ? Align::end : align == "justify" ? Align::justify : Align::start;
    text.bold = node.attribute("bold").as_bool();
    text.indent = node.attribute("indent").as_double();
    text.spacing = node.attribute("spacing").as_double(1);
    text.font = node.attribute("font").value();
    text.colour = node.attribute("colour").as_string("#000000");
    if (!keys_.insert(text.key).second) problem(node, "certificate.duplicate", "Expected each key once, but '" + text.key + "' comes twice", "键“" + text.key + "”重复");
    if (text.size_min > text.size) problem(node, "certificate.size", "Expected a 'size-min' of at most 'size'", "size-min不得大于size");
    for (Detail& each : check_certificate_words(text.zh, text.en, document_.place(node), manifest_.data)) problems_.push_back(std::move(each));
    take_wording(text);
    out_.texts.push_back(std::move(text));
  }

  /// The package's own words, when it has some; and what they need of hook `render`.
  void take_wording(CertificateText& text) {
    if (const json::object& own = object_or_empty(object_or_empty(manifest_.data, "texts"), std::string{kPrefix} + text.key); !own.empty()) {
      text.zh = string_or(own, "zh");
      text.en = string_or(own, "en");
    }
    for (const std::string& words : {text.zh, text.en}) {
      const Result<std::vector<std::string>> names = placeholders_of(words);
      for (const std::string& name : names ? *names : std::vector<std::string>{})
        if (name.starts_with("field.") && std::find(out_.fields.begin(), out_.fields.end(), name.substr(6)) == out_.fields.end()) out_.fields.push_back(name.substr(6));
    }
  }

  const XmlDocument& document_;
  pugi::xml_node root_;
  const Manifest& manifest_;
  Certificate out_;
  std::set<std::string> keys_;
  std::vector<Detail> problems_;
};

}  // namespace

Result<Certificate> read_certificate(const std::string& text, const std::string& file, const std::string& schema_path, const Manifest& manifest) {
  const Result<std::unique_ptr<XmlDocument>> document = read_by_schema(text, file, schema_path, "certificate.schema");
  if (!document) return document.error();
  return Reader(**document, manifest).run();
}

std::vector<Detail> check_texts(const Manifest& manifest, const Certificate* certificate) {
  std::vector<Detail> out;
  for (const auto& member : object_or_empty(manifest.data, "texts")) {
    const std::string key = member.key();
    const std::string place = manifest.text_places.at(key);
    const std::string zh = string_or(member.value().get_object(), "zh");
    const std::string en = string_or(member.value().get_object(), "en");
    std::vector<Detail> found;
    const auto is_text = [&](const CertificateText& each) { return std::string{kPrefix} + each.key == key; };
    if (key == kNoticeLead)
      found = check_words(zh, en, place, kNoticeNames, [](const std::string&) { return false; }, "");
    else if (certificate != nullptr && std::any_of(certificate->texts.begin(), certificate->texts.end(), is_text))
      found = check_certificate_words(zh, en, place, manifest.data);
    else if (key.starts_with("outcome.") || key.starts_with("event."))
      found = check_words(zh, en, place, {}, [](const std::string&) { return false; }, "");
    else
      found = {defect(place, "plugin.text_key",
                      "Expected 'notice.lead', 'outcome.' or 'event.' and what the workflow names so, or 'certificate.' and the key of a text of "
                      "the package's certificate, but found '" + key + "'",
                      "没有文字“" + key + "”：可改写notice.lead，outcome.或event.加流程中的结论或事件名，或certificate.加证书模板中文字的键")};
    std::move(found.begin(), found.end(), std::back_inserter(out));
  }
  return out;
}

}  // namespace chuyi

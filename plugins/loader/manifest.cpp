#include "plugins/loader/manifest.h"

#include <memory>
#include <set>

#include <libxml/parser.h>
#include <libxml/xmlschemas.h>

#include "engine/base/decimal.h"
#include "engine/base/split.h"
#include "engine/scxml/xml_gate.h"

namespace chuyi {
namespace {

struct FreeXml {
  void operator()(xmlDoc* p) const { xmlFreeDoc(p); }
  void operator()(xmlSchema* p) const { xmlSchemaFree(p); }
  void operator()(xmlSchemaParserCtxt* p) const { xmlSchemaFreeParserCtxt(p); }
  void operator()(xmlSchemaValidCtxt* p) const { xmlSchemaFreeValidCtxt(p); }
};

struct SchemaErrors {
  const XmlDocument& document;
  std::vector<Detail> details;
};

/// Where a node of libxml2's tree stands in ours: libxml2 knows lines (up to 65,535) but no columns.
std::string place_of(const XmlDocument& document, const xmlNode* node) {
  const xmlNode* attribute = node != nullptr && node->type == XML_ATTRIBUTE_NODE ? node : nullptr;
  std::vector<int> path;  // which of its parent's elements, from the node up
  for (const xmlNode* at = attribute == nullptr ? node : node->parent; at != nullptr && at->type == XML_ELEMENT_NODE; at = at->parent) {
    path.push_back(0);
    for (const xmlNode* before = at->prev; before != nullptr; before = before->prev) path.back() += before->type == XML_ELEMENT_NODE ? 1 : 0;
  }
  pugi::xml_node out = document.dom;
  for (; !path.empty(); path.pop_back()) {
    const auto is_element = [](const pugi::xml_node& each) { return each.type() == pugi::node_element; };
    out = out.find_child(is_element);
    for (int i = 0; i < path.back(); ++i)
      do out = out.next_sibling();
      while (out && !is_element(out));
  }
  const pugi::xml_attribute named = attribute == nullptr ? pugi::xml_attribute{} : out.attribute(reinterpret_cast<const char*>(attribute->name));
  return named ? document.place(named) : document.place(out);
}

#if LIBXML_VERSION >= 21200
using XmlErrorPtr = const xmlError*;
#else
using XmlErrorPtr = xmlError*;
#endif

void take_error(void* user, XmlErrorPtr error) {
  auto& out = *static_cast<SchemaErrors*>(user);
  std::string message = error->message == nullptr ? "" : error->message;
  while (message.ends_with('\n')) message.pop_back();
  std::string readable;
  constexpr std::string_view kNamespace = "{urn:chuyi:plugin:1}";
  for (std::size_t at = 0; at < message.size();) {
    if (message.compare(at, kNamespace.size(), kNamespace) == 0)
      at += kNamespace.size();
    else
      readable += message[at++];
  }
  if (out.details.size() < 50)
    out.details.push_back({.place = place_of(out.document, static_cast<const xmlNode*>(error->node)),
                           .code = "plugin.schema",
                           .message = readable,
                           .message_zh = {}});
}

std::vector<Detail> validate_schema(const XmlDocument& parsed, const std::string& text, const std::string& schema_path) {
  const std::string& file = parsed.file;
  SchemaErrors errors{.document = parsed, .details = {}};
  const std::unique_ptr<xmlSchemaParserCtxt, FreeXml> parser(xmlSchemaNewParserCtxt(schema_path.c_str()));
  const std::unique_ptr<xmlSchema, FreeXml> schema(parser ? xmlSchemaParse(parser.get()) : nullptr);
  if (!schema) return {{.place = schema_path, .code = "plugin.schema", .message = "Expected the schema plugin.xsd", .message_zh = {}}};
  // The gate has passed: no DOCTYPE, no entities, UTF-8, bounded.
  const std::unique_ptr<xmlDoc, FreeXml> document(
      xmlReadMemory(text.data(), static_cast<int>(text.size()), file.c_str(), "UTF-8", XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING));
  const std::unique_ptr<xmlSchemaValidCtxt, FreeXml> context(xmlSchemaNewValidCtxt(schema.get()));
  if (!document || !context) return {{.place = file, .code = "plugin.schema", .message = "Expected XML", .message_zh = {}}};
  xmlSchemaSetValidStructuredErrors(context.get(), take_error, &errors);
  if (xmlSchemaValidateDoc(context.get(), document.get()) != 0 && errors.details.empty())
    errors.details.push_back({.place = file, .code = "plugin.schema", .message = "Expected a manifest by plugin.xsd", .message_zh = {}});
  return std::move(errors.details);
}

json::object texts(const pugi::xml_node& node) {
  return {{"zh", node.attribute("zh").value()}, {"en", node.attribute("en").value()}};
}

class Reader {
 public:
  Reader(const XmlDocument& document) : document_(document), root_(document.dom.document_element()) {}

  Result<Manifest> run() {
    out_.id = root_.attribute("id").value();
    out_.version = root_.attribute("version").value();
    json::object& data = out_.data;
    data["titles"] = texts(root_.child("title"));
    data["description"] = texts(root_.child("description"));
    json::array rounds;
    for (const pugi::xml_node& round : root_.children("round")) rounds.emplace_back(round.attribute("id").value());
    data["rounds"] = std::move(rounds);
    data["quota"] = json::object{{"province", root_.child("quota").attribute("province").as_int()}};
    data["term_years"] = root_.child("term").attribute("years").as_int();
    data["numbering"] = json::object{{"scheme", root_.child("numbering").attribute("scheme").value()}};
    data["panel"] = json::object{{"reviewers_min", root_.child("panel").attribute("reviewers-min").as_int()}};
    read_publicity();
    const pugi::xml_node check = root_.child("annual-check");
    data["annual_check"] = json::object{
        {"due", json::object{{"days", check.attribute("due-days").as_int()}, {"unit", check.attribute("unit").value()}, {"include_start", false}}}};
    read_rubric();
    read_documents();
    read_parts();
    if (problems_.empty()) return std::move(out_);
    return Error{.kind = ErrorKind::invalid,
                 .code = problems_.front().code,
                 .message = problems_.front().message,
                 .place = problems_.front().place,
                 .message_zh = {},
                 .details = std::move(problems_)};
  }

 private:
  void problem(const pugi::xml_node& node, const char* code, std::string message) {
    problems_.push_back({.place = document_.place(node), .code = code, .message = std::move(message), .message_zh = {}});
  }

  void read_publicity() {
    const pugi::xml_node node = root_.child("publicity");
    json::array fields;
    json::object labels;
    for (const pugi::xml_node& field : node.children("field")) {
      fields.emplace_back(field.attribute("name").value());
      labels[field.attribute("name").value()] = texts(field);
    }
    out_.data["publicity"] = json::object{{"days", node.attribute("days").as_int()},
                                          {"unit", node.attribute("unit").value()},
                                          {"include_start", node.attribute("include-start").as_bool()},
                                          {"fields", std::move(fields)},
                                          {"labels", std::move(labels)}};
    if (const pugi::xml_attribute max = node.attribute("objections-max"))
      out_.data["publicity"].as_object()["objections_max"] = max.as_int();
  }

  void read_rubric() {
    json::array criteria;
    Decimal sum;
    std::set<std::string> ids;
    const pugi::xml_node rubric = root_.child("rubric");
    for (const pugi::xml_node& node : rubric.children("criterion")) {
      const std::string weight = node.attribute("weight").value();
      if (const Result<Decimal> value = Decimal::parse(weight)) sum = sum + *value;
      if (!ids.insert(node.attribute("id").value()).second) problem(node, "plugin.duplicate", "Expected each criterion once");
      criteria.push_back(json::object{{"id", node.attribute("id").value()}, {"titles", texts(node)}, {"weight", weight}});
    }
    if (sum != Decimal{100}) problem(rubric, "plugin.rubric", "Expected weights that sum to 100, but they sum to " + sum.to_string());
    out_.data["rubric"] = json::object{{"criteria", std::move(criteria)}};
  }

  void read_documents() {
    const pugi::xml_node list = root_.child("documents");
    json::array documents;
    std::set<std::string> kinds;
    for (const pugi::xml_node& node : list.children("document")) {
      if (!kinds.insert(node.attribute("kind").value()).second) problem(node, "plugin.duplicate", "Expected each kind of document once");
      json::array types;
      for (std::string& type : split(node.attribute("media-types").value(), " ,")) types.emplace_back(std::move(type));
      documents.push_back(json::object{{"kind", node.attribute("kind").value()},
                                       {"titles", texts(node)},
                                       {"required", node.attribute("required").as_bool()},
                                       {"public", node.attribute("public").as_bool()},
                                       {"media_types", std::move(types)},
                                       {"bytes_max", static_cast<std::int64_t>(node.attribute("bytes-max").as_llong())}});
    }
    out_.data["documents"] = std::move(documents);
    out_.data["documents_max"] = list.attribute("max").as_int();
  }

  void read_parts() {
    const std::string scheme = root_.child("numbering").attribute("scheme").value();
    if (scheme.find("{seq") == std::string::npos)
      problem(root_.child("numbering"), "plugin.numbering", "Expected {seq} or {seq:03} in the numbering scheme");
    const pugi::xml_node workflow = root_.child("workflow");
    out_.workflow_src = workflow.attribute("src").value();
    out_.workflow_shared = workflow.attribute("shared").value();
    out_.workflow_place = document_.place(workflow);
    if (out_.workflow_src.empty() == out_.workflow_shared.empty())
      problem(workflow, "plugin.workflow", "Expected either 'src' or 'shared' of <workflow>");
    std::set<std::string> ids;
    json::object forms;
    for (const pugi::xml_node& node : root_.children("form")) {
      ManifestForm form{.id = node.attribute("id").value(), .src = node.attribute("src").value(), .place = document_.place(node)};
      if (!ids.insert(form.id).second) problem(node, "plugin.duplicate", "Expected each form once");
      forms[form.id] = form.src;
      out_.forms.push_back(std::move(form));
    }
    out_.data["forms"] = std::move(forms);
    out_.library = root_.child("library").attribute("src").value();
    out_.library_place = document_.place(root_.child("library"));
    out_.data["hooks"] = out_.library.empty() ? json::array{} : json::array{"validate"};
  }

  const XmlDocument& document_;
  pugi::xml_node root_;
  Manifest out_;
  std::vector<Detail> problems_;
};

}  // namespace

Result<Manifest> read_manifest(const std::string& text, const std::string& file, const std::string& schema_path) {
  const Result<std::unique_ptr<XmlDocument>> document = parse_xml(text, file);
  if (!document) return document.error();
  std::vector<Detail> defects = validate_schema(**document, text, schema_path);
  if (!defects.empty())
    return Error{.kind = ErrorKind::invalid,
                 .code = "plugin.schema",
                 .message = defects.front().message,
                 .place = defects.front().place,
                 .message_zh = {},
                 .details = std::move(defects)};
  return Reader(**document).run();
}

}  // namespace chuyi

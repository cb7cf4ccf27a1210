#include "plugins/loader/schema.h"

#include <algorithm>

#include <libxml/parser.h>
#include <libxml/xmlschemas.h>

namespace chuyi {
namespace {

struct FreeXml {
  void operator()(xmlDoc* p) const { xmlFreeDoc(p); }
  void operator()(xmlSchema* p) const { xmlSchemaFree(p); }
  void operator()(xmlSchemaParserCtxt* p) const { xmlSchemaFreeParserCtxt(p); }
  void operator()(xmlSchemaValidCtxt* p) const { xmlSchemaFreeValidCtxt(p); }
};

/// What libxml2 puts before each name.
constexpr std::string_view kNamespaces = "{urn:chuyi:";

struct SchemaErrors {
  const XmlDocument& document;
  const char* code;
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
  for (std::size_t at = 0; at < message.size();) {
    const bool is_namespace = message.compare(at, kNamespaces.size(), kNamespaces) == 0;
    if (is_namespace) at = std::min(message.find('}', at), message.size() - 1) + 1;
    else readable += message[at++];
  }
  if (out.details.size() < 50)
    out.details.push_back({.place = place_of(out.document, static_cast<const xmlNode*>(error->node)),
                           .code = out.code,
                           .message = readable,
                           .message_zh = {}});
}

std::vector<Detail> validate_schema(const XmlDocument& parsed, const std::string& text, const std::string& schema_path, const char* code) {
  const std::string& file = parsed.file;
  SchemaErrors errors{.document = parsed, .code = code, .details = {}};
  const std::unique_ptr<xmlSchemaParserCtxt, FreeXml> parser(xmlSchemaNewParserCtxt(schema_path.c_str()));
  const std::unique_ptr<xmlSchema, FreeXml> schema(parser ? xmlSchemaParse(parser.get()) : nullptr);
  if (!schema) return {{.place = schema_path, .code = code, .message = "Expected a schema that can be read", .message_zh = {}}};
  // The gate has passed: no DOCTYPE, no entities, UTF-8, bounded.
  const std::unique_ptr<xmlDoc, FreeXml> document(
      xmlReadMemory(text.data(), static_cast<int>(text.size()), file.c_str(), "UTF-8", XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING));
  const std::unique_ptr<xmlSchemaValidCtxt, FreeXml> context(xmlSchemaNewValidCtxt(schema.get()));
  if (!document || !context) return {{.place = file, .code = code, .message = "Expected XML", .message_zh = {}}};
  xmlSchemaSetValidStructuredErrors(context.get(), take_error, &errors);
  if (xmlSchemaValidateDoc(context.get(), document.get()) != 0 && errors.details.empty())
    errors.details.push_back({.place = file, .code = code, .message = "Expected a document by the schema " + schema_path, .message_zh = {}});
  return std::move(errors.details);
}

}  // namespace

Result<std::unique_ptr<XmlDocument>> read_by_schema(const std::string& text, const std::string& file, const std::string& schema_path, const char* code) {
  Result<std::unique_ptr<XmlDocument>> document = parse_xml(text, file);
  if (!document) return document.error();
  std::vector<Detail> defects = validate_schema(**document, text, schema_path, code);
  if (defects.empty()) return document;
  return Error{.kind = ErrorKind::invalid, .code = code, .message = defects.front().message, .place = defects.front().place, .message_zh = {}, .details = std::move(defects)};
}

}  // namespace chuyi

#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <pugixml.hpp>

#include "engine/base/result.h"
#include "engine/scxml/chart.h"

namespace chuyi {

/// A parsed XML document that knows where its nodes stand.
struct XmlDocument {
  std::string file;
  std::string text;                      ///< UTF-8 as pugixml parsed it in place; do not change
  std::vector<std::size_t> line_starts;  ///< byte offsets
  pugi::xml_document dom;

  /// "file:line:column"; column counts characters from 1.
  std::string place(std::size_t offset) const;
  std::string place(const pugi::xml_node& node) const;
  std::string place(const pugi::xml_attribute& attribute) const;

 private:
  friend Result<std::unique_ptr<XmlDocument>> parse_xml(std::string_view, const std::string&, const scxml::ChartLimits&);
  static constexpr std::size_t kStride = 256;
  void keep_original();
  std::size_t characters_in(std::size_t from, std::size_t to) const;
  std::size_t characters_before(std::size_t offset) const;
  std::string original_;  ///< pugixml overwrites `text`; columns are counted here
  std::vector<std::size_t> characters_;  ///< before each kStride-th byte: a document may be one long line
};

/// The one gate for XML from outside, in front of pugixml: UTF-8 (or UTF-16 with byte order mark), well-formed
/// by XML 1.0 (5th edition) and its namespaces, no DOCTYPE, no entity but the five predefined ones, within limits.
///
/// @return Errors: `invalid` "xml.encoding", "xml.doctype", "xml.entity", "xml.namespace", "xml.not_well_formed";
///         `too_large` "xml.size", "xml.depth", "xml.elements", "xml.attributes", "xml.text"; place = file:line:column.
Result<std::unique_ptr<XmlDocument>> parse_xml(std::string_view bytes, const std::string& file,
                                               const scxml::ChartLimits& limits = {});

}  // namespace chuyi

#pragma once

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "engine/scxml/chart.h"
#include "engine/scxml/phrases.h"

namespace chuyi::scxml {

inline std::string text_of(const std::string& path) {
  std::ifstream in(std::string{CHUYI_SOURCE_DIR} + "/" + path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

/// The shipped catalogue of words.
inline const json::object& catalogue() {
  static const json::value texts = *parse_json(text_of("server/texts/workflow.json"), JsonLimits{}, "workflow.json");
  return texts.as_object();
}

inline Phrases phrases(const std::string& language, json::object programme = {}) {
  const auto lookup = [language](const std::string& key) { return string_or(object_or_empty(catalogue(), "workflow." + key), language); };
  return {language, lookup, std::move(programme)};
}

inline ChartPtr chart_of(const std::string& xml) {
  const Result<ChartPtr> chart = parse_chart(xml, "test.scxml");
  if (!chart) throw std::runtime_error(chart.error().place + ": " + chart.error().message);
  return *chart;
}
inline ChartPtr shipped() { return chart_of(text_of("workflows/selection.scxml")); }

/// A chart around a body.
inline std::string doc(const std::string& body) {
  return "<scxml xmlns=\"http://www.w3.org/2005/07/scxml\" xmlns:chuyi=\"urn:chuyi:workflow:1\" version=\"1.0\" datamodel=\"lua\">" + body + "</scxml>";
}

}  // namespace chuyi::scxml

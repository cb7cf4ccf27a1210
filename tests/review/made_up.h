#pragma once

#include <random>
#include <string>

#include <boost/json/parse.hpp>

#include "engine/base/json.h"

namespace chuyi::review {

/// A round of made-up scores: one programme, panels of `experts` experts for 50 applications each, six criteria.
struct MadeUp {
  std::size_t applications = 60;
  std::size_t experts = 7;
  int places = 20;
  unsigned seed = 1;
  int spread = 30;  ///< hundredths of its weight over which a criterion's scores vary: small ones make ties
  std::string rubric = R"({"combine":"trimmed-mean","criteria":[{"id":"a","weight":"15"},{"id":"b","weight":"15"},{"id":"c","weight":"20"},
    {"id":"d","weight":"20"},{"id":"e","weight":"20"},{"id":"f","weight":"10"}]})";
  json::object calibration = {};
};

inline json::object input_of(const MadeUp& from) {
  std::mt19937 random(from.seed);
  const json::object rubric = json::parse(from.rubric).get_object();
  json::array applications, panels, sheets;
  json::object panel;
  for (std::size_t i = 0; i < from.applications; ++i) {
    const std::string id = "a" + std::to_string(100'000 + i);
    const std::string panel_id = "p" + std::to_string(1'000 + i / 50);
    applications.push_back(json::object{{"id", id}, {"programme", "workshop"}, {"level", i % 2 == 0 ? "college" : "secondary"}, {"region", std::to_string(430'100 + i % 14 * 100)}});
    if (i % 50 == 0) {
      if (!panel.empty()) panels.push_back(std::move(panel));
      panel = {{"id", panel_id}, {"applications", json::array{}}, {"experts", json::array{}}};
      for (std::size_t e = 0; e < from.experts; ++e) panel["experts"].get_array().push_back(json::value(panel_id + "-e" + std::to_string(e)));
    }
    panel["applications"].get_array().push_back(json::value(id));
    for (std::size_t e = 0; e < from.experts; ++e) {
      json::object scores;
      for (const json::value& each : rubric.at("criteria").get_array()) {
        const int weight = std::stoi(string_or(each.get_object(), "weight"));
        const int points = weight * 100 - static_cast<int>(random() % static_cast<unsigned>(weight * from.spread + 1));
        scores[string_or(each.get_object(), "id")] = std::to_string(points / 100) + (points % 100 < 10 ? ".0" : ".") + std::to_string(points % 100);
      }
      sheets.push_back(json::object{{"application", id}, {"panel", panel_id}, {"expert", panel_id + "-e" + std::to_string(e)}, {"scores", std::move(scores)}});
    }
  }
  panels.push_back(std::move(panel));
  json::object programme{{"id", "workshop"}, {"rubric", rubric}, {"lists", json::array{json::object{{"id", "all"}, {"places", from.places}}}}};
  if (!from.calibration.empty()) programme["calibration"] = from.calibration;
  return {{"round", "2026"}, {"programmes", json::array{std::move(programme)}}, {"applications", std::move(applications)}, {"panels", std::move(panels)}, {"sheets", std::move(sheets)}};
}

/// Every list of the input in another order.
inline json::object shuffled(json::object input, unsigned seed) {
  std::mt19937 random(seed);
  const auto shuffle = [&](json::array& list) {
    for (std::size_t i = list.size(); i > 1; --i) list[i - 1].swap(list[random() % i]);
  };
  for (auto& member : input)
    if (member.value().is_array()) {
      shuffle(member.value().get_array());
      for (json::value& each : member.value().get_array())
        for (const char* inner : {"applications", "experts"})
          if (json::value* list = each.is_object() ? each.get_object().if_contains(inner) : nullptr) shuffle(list->get_array());
    }
  return input;
}

}  // namespace chuyi::review

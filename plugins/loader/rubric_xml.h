#pragma once

#include <map>
#include <string>

#include <pugixml.hpp>

#include "engine/base/json.h"

namespace chuyi {

/// Which element a part of the rubric's JSON was read from, by its JSON pointer.
using RubricNodes = std::map<std::string, pugi::xml_node>;

/// <rubric> of plugin.xml, in the shape of engine/review/rubric.h. What is left out in XML is left out in JSON but
/// "scale" and "combine".
json::object rubric_json(const pugi::xml_node& rubric, RubricNodes& nodes);

/// The element that `pointer` or the nearest part around it was read from.
pugi::xml_node node_at(const RubricNodes& nodes, std::string pointer);

}  // namespace chuyi

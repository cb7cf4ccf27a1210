#include "plugins/loader/rubric_xml.h"

namespace chuyi {
namespace {

json::object texts_of(const pugi::xml_node& node) { return {{"zh", node.attribute("zh").value()}, {"en", node.attribute("en").value()}}; }

/// {"id","titles"} where the element has them.
json::object named(const pugi::xml_node& node) {
  json::object out{{"id", node.attribute("id").value()}};
  if (node.attribute("zh")) out["titles"] = texts_of(node);
  return out;
}

/// Attributes that are copied as they stand; `whole`: as an integer.
struct Copy {
  const char* attribute;
  const char* member;
  bool whole = false;
};
void copy(json::object& out, const pugi::xml_node& node, std::initializer_list<Copy> list) {
  for (const Copy& each : list) {
    const pugi::xml_attribute given = node.attribute(each.attribute);
    if (!given) continue;
    if (each.whole)
      out[each.member] = given.as_int();
    else
      out[each.member] = given.value();
  }
}

class RubricReader {
 public:
  explicit RubricReader(RubricNodes& nodes) : nodes_(nodes) {}

  json::object run(const pugi::xml_node& rubric) {
    nodes_[""] = rubric;
    json::object out{{"criteria", criteria(rubric, "/criteria")},
                     {"scale", rubric.attribute("scale").as_string("weight")},
                     {"combine", rubric.attribute("combine").as_string("mean")}};
    json::object trim;
    copy(trim, rubric, {{"trim-min", "min", true}, {"too-few", "too_few"}});
    if (!trim.empty()) out["trim"] = std::move(trim);
    json::object rounding;
    copy(rounding, rubric, {{"rounding", "mode"}, {"places", "places", true}, {"sheet-places", "sheet_places", true}});
    if (!rounding.empty()) out["rounding"] = std::move(rounding);
    add_list(out, "units", list(rubric, "unit", "/units", [&](const pugi::xml_node& node, const std::string&) {
      json::object unit = named(node);
      json::object weights;
      for (const pugi::xml_node& part : node.children("part")) weights[part.attribute("criterion").value()] = part.attribute("weight").value();
      unit["weights"] = std::move(weights);
      return unit;
    }));
    if (const pugi::xml_node veto = rubric.child("veto")) out["veto"] = veto_of(veto);
    if (const pugi::xml_node node = rubric.child("divergence")) {
      nodes_["/divergence"] = node;
      json::object divergence;
      copy(divergence, node, {{"range", "range"}, {"deviation", "deviation"}, {"then", "then"}});
      out["divergence"] = std::move(divergence);
    }
    add_list(out, "tie_breakers", list(rubric, "tie-breaker", "/tie_breakers", [](const pugi::xml_node& node, const std::string&) {
      json::object breaker;
      copy(breaker, node, {{"by", "by"}, {"criterion", "criterion"}});
      return breaker;
    }));
    add_list(out, "stages", list(rubric, "stage", "/stages", [](const pugi::xml_node& node, const std::string&) {
      json::object stage = named(node);
      stage["weight"] = node.attribute("weight").value();
      return stage;
    }));
    return out;
  }

 private:
  template <class Read>
  json::array list(const pugi::xml_node& node, const char* name, const std::string& place, const Read& read) {
    json::array out;
    for (const pugi::xml_node& child : node.children(name)) {
      const std::string at = place + "/" + std::to_string(out.size());
      nodes_[at] = child;
      out.push_back(read(child, at));
    }
    return out;
  }

  static void add_list(json::object& out, const char* member, json::array values) {
    if (!values.empty()) out[member] = std::move(values);
  }

  json::array criteria(const pugi::xml_node& node, const std::string& place) {
    nodes_[place] = node;
    return list(node, "criterion", place, [&](const pugi::xml_node& each, const std::string& at) {
      json::object out = named(each);
      copy(out, each, {{"weight", "weight"}});
      add_list(out, "levels", list(each, "level", at + "/levels", [](const pugi::xml_node& node_of_level, const std::string&) {
        json::object level = named(node_of_level);
        copy(level, node_of_level, {{"points", "points"}});
        return level;
      }));
      if (each.child("criterion")) out["criteria"] = criteria(each, at + "/criteria");
      return out;
    });
  }

  json::object veto_of(const pugi::xml_node& node) {
    nodes_["/veto"] = node;
    json::object out;
    copy(out, node, {{"effect", "effect"}, {"sheets-min", "sheets_min", true}});
    out["items"] = list(node, "item", "/veto/items", [](const pugi::xml_node& item, const std::string&) { return named(item); });
    return out;
  }

  RubricNodes& nodes_;
};

}  // namespace

json::object rubric_json(const pugi::xml_node& rubric, RubricNodes& nodes) { return RubricReader(nodes).run(rubric); }

pugi::xml_node node_at(const RubricNodes& nodes, std::string pointer) {
  for (; !pointer.empty(); pointer.erase(pointer.rfind('/')))
    if (const auto found = nodes.find(pointer); found != nodes.end()) return found->second;
  return nodes.at("");
}

}  // namespace chuyi

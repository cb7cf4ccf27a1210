#include "engine/check/profile.h"

namespace chuyi::check {

World world_of(const World& world, const json::object& manifest) {
  World out = world;
  for (const json::value& each : array_or_empty(manifest, "invokes")) {
    const json::object& invoke = each.get_object();
    InvokeProfile profile{.type = string_or(invoke, "type"), .answers = {{.event = "done.invoke.{id}", .zh = "办结", .en = "done"}, package_failure()}, .fails = false};
    for (const json::value& answer : array_or_empty(invoke, "answers")) {
      const json::object& titles = object_or_empty(answer.get_object(), "titles");
      profile.answers.push_back({.event = string_or(answer.get_object(), "event"), .zh = string_or(titles, "zh"), .en = string_or(titles, "en"), .ends = false});
    }
    out.invokes.push_back(std::move(profile));
  }
  return out;
}

}  // namespace chuyi::check

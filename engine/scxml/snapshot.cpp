#include <algorithm>
#include <set>

#include "engine/scxml/chart_model.h"
#include "engine/scxml/interpreter.h"

namespace chuyi::scxml {
namespace {

Error corrupt(std::string message) {
  return Error{.kind = ErrorKind::invalid, .code = "snapshot.content", .message = std::move(message)};
}

json::array strings(const std::vector<std::string>& list) { return json::array(list.begin(), list.end()); }

Result<std::vector<std::string>> read_states(const Chart& chart, const json::object& object, const char* key) {
  std::vector<std::string> out;
  for (const json::value& value : array_or_empty(object, key)) {
    if (!value.is_string() || chart.find(value.get_string()) == kNone)
      return corrupt(std::string{"Expected states of the chart in '"} + key + "'");
    out.emplace_back(value.get_string());
  }
  return out;
}

/// A legal configuration (SCXML 3.11): parents of active states are active, a compound state has one active
/// child, a parallel all of them.
bool is_legal(const Chart& chart, const std::vector<std::string>& configuration) {
  std::set<Index> active{0};
  for (const std::string& id : configuration) active.insert(chart.find(id));
  if (active.size() != configuration.size() + 1) return false;
  return std::all_of(active.begin(), active.end(), [&](Index index) {
    const State& state = chart.at(index);
    if (index != 0 && !active.contains(state.parent)) return false;
    const auto children = std::count_if(state.children.begin(), state.children.end(),
                                        [&](Index child) { return active.contains(child); });
    switch (state.kind) {
      case StateKind::root:
      case StateKind::compound: return children == 1;
      case StateKind::parallel: return static_cast<std::size_t>(children) == state.children.size();
      case StateKind::atomic:
      case StateKind::final: return true;
      case StateKind::history_shallow:
      case StateKind::history_deep: return false;
    }
    return false;
  });
}

Result<std::vector<Invocation>> read_invocations(const Chart& chart, const json::object& object) {
  std::vector<Invocation> out;
  for (const json::value& value : array_or_empty(object, "invocations")) {
    if (!value.is_object()) return corrupt("Expected invocations to be objects");
    const json::object& each = value.get_object();
    Invocation invocation{.invoke_id = string_or(each, "id"),
                          .state = string_or(each, "state"),
                          .index = static_cast<std::size_t>(int_or(each, "index", 0)),
                          .type = string_or(each, "type"),
                          .autoforward = bool_or(each, "autoforward", false)};
    const Index state = chart.find(invocation.state);
    if (state == kNone || int_or(each, "index", -1) < 0 || invocation.index >= chart.at(state).invokes.size())
      return corrupt("Expected invocations of the chart");
    out.push_back(std::move(invocation));
  }
  return out;
}

}  // namespace

std::string encode(const Snapshot& snapshot) {
  json::array invocations;
  for (const Invocation& each : snapshot.invocations)
    invocations.push_back(json::object{{"id", each.invoke_id},
                                       {"state", each.state},
                                       {"index", static_cast<std::int64_t>(each.index)},
                                       {"type", each.type},
                                       {"autoforward", each.autoforward}});
  // Keys in order, as canonical JSON wants them; the data model is written without a copy.
  return "{\"configuration\":" + canonical_json(strings(snapshot.configuration)) +
         ",\"datamodel\":" + canonical_json(snapshot.datamodel) +
         ",\"history\":" + canonical_json(snapshot.history) +
         ",\"initialised\":" + canonical_json(strings(snapshot.initialised)) +
         ",\"invocations\":" + canonical_json(std::move(invocations)) +
         ",\"next_id\":" + std::to_string(static_cast<std::int64_t>(snapshot.next_id)) +
         ",\"revision\":" + std::to_string(static_cast<std::int64_t>(snapshot.revision)) +
         ",\"running\":" + (snapshot.running ? "true}" : "false}");
}

Result<Snapshot> decode(const Chart& chart, std::string_view text) {
  Result<json::value> parsed = parse_json(text, kStoredJson, "snapshot");
  if (!parsed) return parsed.error();
  if (!parsed->is_object()) return corrupt("Expected an object");
  json::object& object = parsed->get_object();
  Snapshot out;
  Result<std::vector<std::string>> configuration = read_states(chart, object, "configuration");
  if (!configuration) return configuration.error();
  out.configuration = std::move(*configuration);
  if (!is_legal(chart, out.configuration)) return corrupt("Expected a legal configuration of the chart");
  Result<std::vector<std::string>> initialised = read_states(chart, object, "initialised");
  if (!initialised) return initialised.error();
  out.initialised = std::move(*initialised);
  Result<std::vector<Invocation>> invocations = read_invocations(chart, object);
  if (!invocations) return invocations.error();
  out.invocations = std::move(*invocations);
  for (const auto& [key, member] : {std::pair{"datamodel", &out.datamodel}, std::pair{"history", &out.history}})
    if (json::value* found = object.if_contains(key); found != nullptr && found->is_object()) *member = std::move(found->get_object());
  for (const auto& member : out.history) {
    const Index history = chart.find(member.key());
    if (history == kNone || !is_history(chart.at(history).kind) || !member.value().is_array())
      return corrupt("Expected history of the chart's states");
    for (const json::value& id : member.value().get_array()) {
      const Index kept = id.is_string() ? chart.find(id.get_string()) : kNone;
      if (kept == kNone || is_history(chart.at(kept).kind) || !chart.is_descendant(kept, chart.at(history).parent))
        return corrupt("Expected history of the chart's states");
    }
  }
  out.running = bool_or(object, "running", false);
  out.revision = static_cast<std::uint64_t>(int_or(object, "revision", 0));
  out.next_id = static_cast<std::uint64_t>(int_or(object, "next_id", 1));
  return out;
}

}  // namespace chuyi::scxml

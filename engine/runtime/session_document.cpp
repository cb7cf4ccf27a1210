#include "engine/runtime/session_document.h"

#include "engine/invoke/rows_json.h"
#include "engine/runtime/child_charts.h"
#include "engine/runtime/events_json.h"

namespace chuyi {
namespace {

Error corrupt(std::string message) {
  return Error{.kind = ErrorKind::invalid, .code = "snapshot.document", .message = std::move(message)};
}

json::object child_json(const ChildSession& child) {
  json::object out{{"parent", child.parent}, {"invoke", child.invoke_id}};
  if (child.finished) return out;
  out["chart"] = child.chart;
  out["snapshot"] = scxml::encode(child.snapshot);
  return out;
}

Result<ChildSession> child_of(const Definition& definition, const json::object& object) {
  ChildSession out{.parent = string_or(object, "parent"),
                   .invoke_id = string_or(object, "invoke"),
                   .chart = string_or(object, "chart"),
                   .compiled = {},
                   .snapshot = {},
                   .finished = !object.contains("snapshot")};
  if (out.finished) return out;
  const Result<scxml::ChartPtr> chart = child_chart(definition, out.chart);
  if (!chart) return chart.error();
  Result<scxml::Snapshot> snapshot = scxml::decode(**chart, string_or(object, "snapshot"));
  if (!snapshot) return snapshot.error();
  out.compiled = *chart;
  out.snapshot = std::move(*snapshot);
  return out;
}

json::array queue_json(const std::vector<QueuedEvent>& queue) {
  json::array out;
  for (const QueuedEvent& each : queue)
    out.push_back(json::object{{"session", each.session}, {"event", to_json(each.event)}, {"source", each.source}});
  return out;
}

Result<> read_stages(const json::object& object, SessionDocument& out) {
  for (const auto& member : object_or_empty(object, "stages")) {
    if (!member.value().is_object()) return corrupt("Expected each stage to be an object");
    const json::object& stage = member.value().get_object();
    out.stages[member.key()] = RunningStage{.type = string_or(stage, "type"),
                                            .chart_state = string_or(stage, "chart_state"),
                                            .state = object_or_empty(stage, "state"),
                                            .finished = bool_or(stage, "finished", false)};
  }
  return {};
}

Result<> read_children(const Definition& definition, const json::object& object, SessionDocument& out) {
  for (const auto& member : object_or_empty(object, "children")) {
    if (!member.value().is_object()) return corrupt("Expected each child to be an object");
    Result<ChildSession> child = child_of(definition, member.value().get_object());
    if (!child) return child.error();
    out.children[member.key()] = std::move(*child);
  }
  for (const json::value& value : array_or_empty(object, "queue")) {
    if (!value.is_object()) return corrupt("Expected each queued event to be an object");
    const json::object& each = value.get_object();
    out.queue.push_back({.session = string_or(each, "session"), .event = event_of(object_or_empty(each, "event")), .source = string_or(each, "source")});
  }
  return {};
}

}  // namespace

std::string encode(const SessionDocument& document) {
  json::object stages;
  for (const auto& [id, stage] : document.stages)
    stages[id] = json::object{{"type", stage.type},
                              {"chart_state", stage.chart_state},
                              {"state", stage.state},
                              {"finished", stage.finished}};
  json::object signed_by;
  for (const auto& [invoke, users] : document.signed_by) signed_by[invoke] = json::array(users.begin(), users.end());
  json::object rest{{"stages", std::move(stages)},
                    {"signed_by", std::move(signed_by)},
                    {"timers", to_json(document.timers)},
                    {"next_id", document.next_id}};
  if (!document.children.empty()) {
    json::object& children = rest["children"].emplace_object();
    for (const auto& [id, child] : document.children) children[id] = child_json(child);
  }
  if (!document.queue.empty()) rest["queue"] = queue_json(document.queue);
  if (!document.parent.empty()) rest["parent"] = document.parent;
  if (!document.http_base.empty()) rest["http"] = document.http_base;
  return scxml::encode(document.chart) + "\n" + canonical_json(rest);
}

Result<SessionDocument> decode_document(const Definition& definition, std::string_view text) {
  const std::size_t line = text.find('\n');
  if (line == std::string_view::npos) return corrupt("Expected two lines of JSON");
  Result<scxml::Snapshot> snapshot = scxml::decode(*definition.chart, text.substr(0, line));
  if (!snapshot) return snapshot.error();
  const Result<json::value> rest = parse_json(text.substr(line + 1), kStoredJson, "session document");
  if (!rest) return rest.error();
  if (!rest->is_object()) return corrupt("Expected an object in the second line");
  const json::object& object = rest->get_object();
  SessionDocument out;
  out.chart = std::move(*snapshot);
  if (Result<> read = read_stages(object, out); !read) return read.error();
  if (Result<> read = read_children(definition, object, out); !read) return read.error();
  const json::object& signed_by = object_or_empty(object, "signed_by");
  for (const auto& member : signed_by)
    for (std::string& user : strings_from_json(array_or_empty(signed_by, member.key())))
      out.signed_by[member.key()].insert(std::move(user));
  out.timers = strings_from_json(array_or_empty(object, "timers"));
  out.parent = string_or(object, "parent");
  out.http_base = string_or(object, "http");
  out.next_id = int_or(object, "next_id", 1);
  return out;
}

}  // namespace chuyi

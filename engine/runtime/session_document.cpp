#include "engine/runtime/session_document.h"

#include "engine/invoke/rows_json.h"

namespace chuyi {
namespace {

Error corrupt(std::string message) {
  return Error{.kind = ErrorKind::invalid, .code = "snapshot.document", .message = std::move(message)};
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
  const json::object rest{{"stages", std::move(stages)},
                          {"signed_by", std::move(signed_by)},
                          {"timers", to_json(document.timers)},
                          {"next_id", document.next_id}};
  return scxml::encode(document.chart) + "\n" + canonical_json(rest);
}

Result<SessionDocument> decode_document(const scxml::Chart& chart, std::string_view text) {
  const std::size_t line = text.find('\n');
  if (line == std::string_view::npos) return corrupt("Expected two lines of JSON");
  Result<scxml::Snapshot> snapshot = scxml::decode(chart, text.substr(0, line));
  if (!snapshot) return snapshot.error();
  const Result<json::value> rest = parse_json(text.substr(line + 1), kStoredJson, "session document");
  if (!rest) return rest.error();
  if (!rest->is_object()) return corrupt("Expected an object in the second line");
  const json::object& object = rest->get_object();
  SessionDocument out;
  out.chart = std::move(*snapshot);
  for (const auto& member : object_or_empty(object, "stages")) {
    if (!member.value().is_object()) return corrupt("Expected each stage to be an object");
    const json::object& stage = member.value().get_object();
    out.stages[member.key()] = RunningStage{.type = string_or(stage, "type"),
                                            .chart_state = string_or(stage, "chart_state"),
                                            .state = object_or_empty(stage, "state"),
                                            .finished = bool_or(stage, "finished", false)};
  }
  const json::object& signed_by = object_or_empty(object, "signed_by");
  for (const auto& member : signed_by)
    for (std::string& user : strings_from_json(array_or_empty(signed_by, member.key())))
      out.signed_by[member.key()].insert(std::move(user));
  out.timers = strings_from_json(array_or_empty(object, "timers"));
  out.next_id = int_or(object, "next_id", 1);
  return out;
}

}  // namespace chuyi

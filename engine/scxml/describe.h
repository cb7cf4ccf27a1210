#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/scxml/chart.h"

namespace chuyi::scxml {

/// One state as people see it.
struct StateInfo {
  std::string id;
  std::string parent;    ///< empty: a child of <scxml>
  std::string kind;      ///< "state", "parallel", "final", "history", "initial"
  std::string stage;     ///< chuyi:stage, own or of the nearest ancestor; may be empty
  std::string title_zh;  ///< chuyi:title, else the id
  std::string title_en;  ///< chuyi:title-en, else the id
};

/// All states in document order.
std::vector<StateInfo> states_of(const Chart& chart);
const std::string& name_of(const Chart& chart);
/// StateInfo::stage of one state; empty for an unknown one.
const std::string& stage_of(const Chart& chart, std::string_view state);

/// Id of the state with the `<invoke>` of this id; empty when there is none.
const std::string& state_of_invoke(const Chart& chart, std::string_view invoke_id);

/// Event descriptors of the transitions that could be taken from `configuration` (own and inherited),
/// sorted, without duplicates, e.g. {"applicant.withdraw", "done.invoke.panel"}.
std::vector<std::string> events_of(const Chart& chart, std::span<const std::string> configuration);
/// SCXML 3.12.1: does `descriptor` ("error.*", "a b", "*") match the event name?
bool matches(std::string_view descriptor, std::string_view event);

/// Event descriptors that messages to the Basic HTTP event I/O processor may have (chuyi:http-events); none: no messages.
const std::vector<std::string>& http_events_of(const Chart& chart);

/// Names of the events that the system raises: done.… and error.….
bool is_reserved(std::string_view event);

/// Invoke elements of the chart: every `type` used that runs no chart, sorted, without duplicates.
std::vector<std::string> invoke_types_of(const Chart& chart);

/// A chart that an <invoke> names or holds.
struct ChildDocument {
  std::string src;    ///< as written; empty: inline
  std::string text;   ///< inline
  std::string place;  ///< of the <invoke>, file:line:column
};
/// Those that are known before the chart runs.
std::vector<ChildDocument> child_documents_of(const Chart& chart);

}  // namespace chuyi::scxml

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"
#include "engine/check/explore.h"

namespace chuyi::check {

enum class PatternKind : std::uint8_t { state, event, timer, start, answer, failure, end };

/// A test of one parameter of a handler, or of one field of its answer.
struct ValueRule {
  std::string name;
  std::vector<std::string> equals;               ///< any of these texts
  std::vector<std::string> has;                  ///< a list that holds all of these
  std::optional<std::int64_t> at_least;
  std::optional<std::int64_t> working_days_min;  ///< a period of at least so many working days
};

/// Does the value keep the rule? nullopt: the value is not known.
scxml::Truth holds(const ValueRule& rule, const std::optional<json::value>& value);

/// What may happen in a step. Empty fields match anything.
struct Pattern {
  PatternKind kind = PatternKind::state;
  std::vector<std::string> ids;     ///< state or invoke ids
  std::vector<std::string> stages;  ///< chuyi:stage, own or inherited
  std::vector<std::string> types;   ///< of the invoke
  std::string name;                 ///< event descriptor
  std::vector<ValueRule> parameters;
  std::vector<ValueRule> data;
  bool open_to_after = false;  ///< start: the signer of the invoke that `after` saw is not kept away
  std::string place;
};

enum class Rule : std::uint8_t { never, always_before, eventually, within };

struct Policy {
  std::string id;
  std::string zh, en;
  Rule rule = Rule::never;
  std::vector<Pattern> what, before, after, since, reach, unless, clock;
  int times = 1;
  std::string place;
};

/// Reads <policies> (docs/checking.md). Errors: `invalid` "xml.*" and "policy.*" with every defect, place = file:line:column.
Result<std::vector<Policy>> parse_policies(std::string_view xml, const std::string& file);

/// How a chart breaks a policy.
struct Breach {
  std::vector<Graph::Step> way;
  std::string zh, en;  ///< what is wrong at the end of the way
};

struct PolicyVerdict {
  std::optional<Breach> breach;
  std::vector<std::string> undecided;  ///< parameters that only the package's manifest tells
};

/// Something that has really happened, as a pattern sees it.
struct Fact {
  PatternKind kind = PatternKind::state;
  std::string name;   ///< id of the state or invoke; name of the event
  json::object data;  ///< of an answer
};
/// What happened on a chart before the graph begins. The chart may be another one: an earlier version.
struct Past {
  const Machine& machine;
  const json::object& manifest;
  std::vector<Fact> facts;  ///< in order
};

/// Holds the graph against one policy. `manifest` as in Subject.
/// @param past  earliest first. What was broken then is not told again: the graph answers for what it adds.
PolicyVerdict judge(const Machine& machine, const Graph& graph, const Policy& policy, const json::object& manifest,
                    const std::vector<Past>& past = {});

}  // namespace chuyi::check

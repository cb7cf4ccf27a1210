#pragma once

#include <string>
#include <vector>

#include "engine/base/json.h"

/// What the checker knows of the world around a chart. Data only: a new kind of invoke brings its row.
namespace chuyi::check {

/// One way in which a running invoke may answer. "{id}" stands for the invoke's id.
struct Answer {
  std::string event;
  /// What a guard may see of `_event.data`; other fields are unknown. Several: a guard is decided when it says the
  /// same for each. Empty: nothing is known.
  std::vector<json::object> data;
  std::string zh, en;    ///< what happened, in a word or two
  std::string parameter;  ///< only when this parameter is given; empty: always
  bool ends = true;       ///< the invoke is over
};

/// A package's code crashed, hung or answered wrongly.
inline Answer package_failure() { return {.event = "error.plugin", .zh = "程序包出错", .en = "the package failed"}; }

struct ParameterRule {
  std::string name;
  std::vector<std::string> allowed;  ///< constant values; empty: any
  bool is_role = false;
  bool is_form = false;
  std::string manifest;  ///< member of the package's manifest that stands in when it is absent
  json::value fallback;  ///< its value when absent and not in the manifest
};

struct InvokeProfile {
  std::string type;
  std::vector<ParameterRule> parameters;           ///< empty: takes any
  std::vector<std::vector<std::string>> required;  ///< any one of these groups must be given
  std::vector<Answer> answers;
  /// This parameter lists the outcomes: done.invoke.{id} with data.outcome. Empty: it has none.
  std::string outcomes;
  /// This parameter lists the states that it may be sent back to: done.invoke.{id} with data.outcome "return_to" and
  /// data.to. Empty: none.
  std::string returns = {};
  /// Ids of the invokes whose signers are kept away stand in this parameter …
  std::string not_by;
  /// … or the handler keeps away whoever signed anything before.
  bool separates = false;
  bool fails = true;  ///< error.communication may come
};

struct World {
  std::vector<InvokeProfile> invokes;
  std::vector<std::string> roles;
  std::vector<std::string> stages;   ///< what chuyi:stage may say; empty: anything
  std::vector<std::string> outside;  ///< descriptors of events that people, a round or its applications send from outside, "applicant"

  const InvokeProfile* find(std::string_view type) const {
    for (const InvokeProfile& each : invokes)
      if (each.type == type) return &each;
    return nullptr;
  }
};

/// With the types of <invoke> that the package declares itself (Definition::manifest: invokes).
World world_of(const World& world, const json::object& manifest);

}  // namespace chuyi::check

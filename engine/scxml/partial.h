#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/json.h"
#include "engine/scxml/chart_model.h"

namespace chuyi::scxml {

enum class Truth : std::uint8_t { no, yes, unknown, fails };

/// What is known of `_event`: its name, and some fields of its data.
struct KnownEvent {
  std::string name;      ///< empty: unknown, as invokeid
  std::string invokeid;
  json::object data;  ///< the other fields are unknown, not absent
};

/// The data model when next to nothing is known of the data: whatever touches an unknown value has an unknown
/// value. Known are the globals given, the functions of the chart's top-level script, _name, In(), and what the
/// event says.
class PartialModel {
 public:
  /// @param globals  what is known; null: a table of which nothing is known, where the library has something of that name.
  explicit PartialModel(const Chart& chart, const json::object& globals = {});
  ~PartialModel();
  PartialModel(const PartialModel&) = delete;
  PartialModel& operator=(const PartialModel&) = delete;

  using InState = std::function<bool(std::string_view)>;
  /// nil and false are `no`. `fails`: whatever the data, which makes a whole condition false (SCXML 5.9.1).
  /// @param event  nullptr: `_event` is unknown.
  Truth condition(const Script& script, const KnownEvent* event, const InState& in_state);
  /// The last condition() asked In().
  bool asked_in() const;
  /// nullopt: unknown, or it fails. In() is unknown here.
  std::optional<json::value> value(const Script& script);

 private:
  struct Machine;
  const Chart& chart_;
  std::unique_ptr<Machine> machine_;
};

}  // namespace chuyi::scxml

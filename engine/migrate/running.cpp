#include "engine/migrate/running.h"

#include <algorithm>
#include <set>

namespace chuyi {
namespace {

using check::Pattern;

class Comparison {
 public:
  Comparison(const VersionedElement& before, const VersionedElement& now) : before_(before), now_(now) {}

  std::vector<Detail> run(const std::vector<check::Policy>& policies) {
    for (const check::Policy& policy : policies)
      for (const auto* patterns : {&policy.what, &policy.before, &policy.after, &policy.since, &policy.reach, &policy.unless, &policy.clock})
        for (const Pattern& each : *patterns) compare(each, policy);
    compare_answers();
    return std::move(out_);
  }

 private:
  void hinder(const char* code, const std::string& about, std::string en, std::string zh) {
    if (!told_.insert(about).second) return;
    out_.push_back({.place = "invoke " + before_.element.id, .code = code, .message = std::move(en), .message_zh = std::move(zh)});
  }

  static bool allows(const std::vector<std::string>& list, const std::string& text) {
    return list.empty() || std::find(list.begin(), list.end(), text) != list.end();
  }

  using Value = std::optional<json::value>;
  Value old_value(const std::string& name) const { return before_.element.parameter(name, before_.manifest); }
  Value new_value(const std::string& name) const { return now_.element.parameter(name, now_.manifest); }
  static std::string source_of(const VersionedElement& of, const std::string& name) {
    for (const scxml::Param& each : of.element.invoke->payload.params)
      if (each.name == name) return each.value.source;
    return {};
  }
  /// Neither is known, and both are computed in the same way.
  bool computed_alike(const std::string& name) const {
    return !old_value(name) && !new_value(name) && source_of(before_, name) == source_of(now_, name);
  }
  /// Every entry of the list `some` stands in the list `all`.
  static bool holds_all(const Value& all, const Value& some) {
    if (!all || !some || !all->is_array() || !some->is_array()) return false;
    const json::array& list = all->get_array();
    return std::all_of(some->get_array().begin(), some->get_array().end(),
                       [&](const json::value& each) { return std::find(list.begin(), list.end(), each) != list.end(); });
  }

  void compare(const Pattern& pattern, const check::Policy& policy) {
    if (before_.element.type && !allows(pattern.types, before_.element.type_text())) return;
    if (!allows(pattern.stages, before_.stage) && !allows(pattern.stages, now_.stage)) return;
    const auto differs = [&](const std::string& name) {
      hinder("migrate.running_parameter", "parameter " + name,
             "Expected '" + name + "' of '" + before_.element.id + "' as it runs, because policy '" + policy.id +
                 "' asks about it; wait until the step is over",
             "环节“" + before_.element.id + "”正按原“" + name + "”进行，而规则“" + policy.id +
                 "”涉及此参数；请待该环节结束后再迁移");
    };
    for (const check::ValueRule& rule : pattern.parameters) {
      const Value old = old_value(rule.name);
      const Value fresh = new_value(rule.name);
      const bool known = old && fresh;
      if (known ? check::holds(rule, old) != check::holds(rule, fresh) : !computed_alike(rule.name)) differs(rule.name);
    }
    const check::InvokeProfile* profile = before_.element.profile;
    if (!pattern.open_to_after || profile == nullptr || profile->not_by.empty()) return;
    if (!holds_all(old_value(profile->not_by), new_value(profile->not_by)) && !computed_alike(profile->not_by)) differs(profile->not_by);
  }

  void compare_answers() {
    const check::InvokeProfile* profile = before_.element.profile;
    if (profile == nullptr) return;
    const auto missing = [&](const std::string& name) {
      hinder("migrate.running_outcomes", "answers " + name,
             "Expected '" + before_.element.id + "' to end as it may while it runs, but its former '" + name + "' is not all there in the new workflow",
             "环节“" + before_.element.id + "”正按原“" + name + "”进行，其可能的结果在新流程中不全");
    };
    const std::string& outcomes = profile->outcomes;
    if (!outcomes.empty() && !holds_all(new_value(outcomes), old_value(outcomes)) && !computed_alike(outcomes)) missing(outcomes);
    for (const check::Answer& each : profile->answers)
      if (!each.parameter.empty() && before_.element.parameters.contains(each.parameter) && !now_.element.parameters.contains(each.parameter))
        missing(each.parameter);
  }

  const VersionedElement& before_;
  const VersionedElement& now_;
  std::set<std::string> told_;
  std::vector<Detail> out_;
};

}  // namespace

std::vector<Detail> running_obstacles(const VersionedElement& before, const VersionedElement& now, const std::vector<check::Policy>& policies) {
  return Comparison(before, now).run(policies);
}

}  // namespace chuyi

#pragma once

#include <string>
#include <vector>

#include "engine/scxml/chart_model.h"
#include "engine/scxml/expression.h"
#include "engine/scxml/phrases.h"

/// The parts of one chart in words; what the diagram, the explanation and the comparison share.
/// Internal to engine/scxml.
namespace chuyi::scxml {

/// One way out of a state, as far as its guard can be read.
struct Way {
  const Transition* transition = nullptr;
  std::string field;                ///< what the guard asks of the answer: "outcome", "verdict"; may be empty
  std::vector<std::string> values;  ///< answers that come here whatever happened before
  std::vector<std::string> rest;    ///< answers that come here when the guards above did not hold
  std::vector<Expression> guards;   ///< what must hold besides
  std::vector<Expression> unmet;    ///< the guards above that did not hold, for `rest` and `otherwise`
  bool otherwise = false;           ///< comes after guards that did not hold (when no answers are known)
};

/// The ways out of a state for one event.
struct Ways {
  std::string event;                       ///< as written; empty: eventless
  const InvokeElement* invoke = nullptr;   ///< whose done.invoke it is
  std::vector<std::string> answers;        ///< outcomes that the step can give, when they are known
  std::vector<std::string> unhandled;      ///< those that lead nowhere
  std::vector<Way> ways;
};

class Words {
 public:
  Words(const Chart& chart, const Phrases& phrases);

  const std::string& title(Index state) const;
  /// Calls a state by another title from now on.
  void retitle(Index state, std::string title) { titles_[state] = std::move(title); }

  /// A value; `kind` is the family of its texts ("role", "outcome"), e.g. the parameter's name.
  std::string value(const Expression& of, const std::string& kind = {}) const;
  std::string value(const std::string& kind, const std::string& literal) const;
  std::string guard(const Expression& of) const;
  std::string guards(const std::vector<Expression>& all) const;
  /// That the guards did not hold.
  std::string unless(const std::vector<Expression>& unmet) const;
  /// What executable content does, each as "the year is increased by 1"; what only serves the machine is left out.
  std::vector<std::string> actions(const Block& block) const;

  /// Who acts in the step: role and organisation; empty: nobody.
  std::string who(const InvokeElement& invoke) const;
  /// The role alone.
  std::string role(const InvokeElement& invoke) const;
  /// The deadline; empty: none.
  std::string deadline(const InvokeElement& invoke) const;
  /// The step in sentences.
  std::vector<std::string> step(const InvokeElement& invoke) const;

  std::vector<Ways> ways_of(const State& state) const;
  /// What brings the event about, as a clause.
  std::string cause(const State& state, const std::string& event) const;
  /// Delay of the `<send>` that raises the event later, in words; empty: no timer raises it.
  std::string timer(const std::string& event) const;
  static bool is_overdue(const std::string& event) { return event.starts_with("task.overdue"); }
  static bool is_error(const std::string& event) { return event == "error" || event.starts_with("error."); }

  const Phrases& say() const { return phrases_; }

 private:
  void find_timers(const Block& block);
  std::string timer_of(const SendAction& send) const;
  std::string outcome_of(const InvokeElement& invoke, const Param& param) const;
  std::vector<std::string> answers_of(const InvokeElement& invoke, std::string& field) const;

  Expression guard_of(const Script& cond) const { return read_expression(cond.source, functions_); }

  const Chart& chart_;
  const Phrases& phrases_;
  Functions functions_;
  std::map<std::string, std::string, std::less<>> timers_;  ///< event → delay in words
  std::map<std::string, Index, std::less<>> state_of_invoke_;
  std::map<Index, std::string> titles_;
};

const Param* param_of(const InvokeElement& invoke, std::string_view name);

}  // namespace chuyi::scxml

#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/review/people.h"

namespace chuyi::review {

/// One rule of the policy that is switched on. What a rule compares is code, named by `rule`; whether it holds, its numbers
/// and its texts are data.
struct ConflictRule {
  std::string rule;                ///< see rule_names()
  int levels = 0;                  ///< own-unit, competent-department: how far up the chain of the applicant's unit they reach too
  int years = 3;                   ///< co-project: within so many years of the policy's year, that one included
  std::vector<std::string> kinds;  ///< relation: which; empty: every one
  bool round = false;              ///< entrant: keeps away from the whole round, not only from the programme entered
  bool confirm = false;            ///< what it finds is only possible: it is shown, and a person says whether it is so
  std::string zh, en;              ///< why, with {names} of the evidence
};

struct ConflictPolicy {
  int year = 0;  ///< of the round
  std::vector<ConflictRule> rules;
};

/// own-unit, own-application, same-person, partner-enterprise, co-project, college-judge, competent-department, relation,
/// self-declared, entrant, same-name (by its nature to be confirmed).
const std::vector<std::string_view>& rule_names();

/// Reads the members "year" and "policy": {"rules": [{"rule", "on", "levels", "years", "kinds", "scope", "confirm", "zh", "en"}]} of an
/// input. A rule that is not listed does not hold; unknown ones, one named twice and a text missing in a language are defects.
ConflictPolicy read_conflict_policy(Reader& from);
/// The same from a policy's own file, for a round of `year`. Errors: `invalid` "review.policy" with every defect.
Result<ConflictPolicy> conflict_policy_from_json(const json::object& policy, int year);

/// What was found: names and values, e.g. {"project", "…"}, {"year", "2024"}.
using Evidence = std::vector<std::pair<std::string_view, std::string>>;

struct Conflict {
  std::size_t expert = 0;     ///< index into what was asked about
  std::size_t candidate = 0;  ///< index into the candidates
  std::size_t rule = 0;       ///< index into the policy's rules
  Evidence evidence;
  friend auto operator<=>(const Conflict&, const Conflict&) = default;
};

/// The conflict rules (回避) for the applications of one round. A rule gives each expert and each application a set of
/// keys, and there is a conflict where they share one; so all pairs take time for the keys and for what is found, not
/// for the number of pairs.
class Conflicts {
 public:
  /// Keeps references to both.
  Conflicts(const ConflictPolicy& policy, const std::vector<Candidate>& candidates);

  /// Every conflict of one expert, by candidate, rule and evidence; none of the rules that only find possible ones.
  std::vector<Conflict> of(const Expert& expert, std::size_t expert_index = 0) const;
  /// Those of one expert with one application: what of() says of this pair, at the time of scoring.
  std::vector<Conflict> of(const Expert& expert, const Candidate& candidate) const;
  /// What the rules find that only find possible ones: nobody is kept away by them.
  std::vector<Conflict> possible(const Expert& expert, std::size_t expert_index = 0) const;
  std::vector<Conflict> possible(const Expert& expert, const Candidate& candidate) const;
  /// All pairs, by expert, candidate, rule, evidence.
  std::vector<Conflict> all(const std::vector<Expert>& experts) const;

  std::string reason(const Conflict& conflict, std::string_view language) const;
  /// {"expert", "application", "rule", "zh", "en", "evidence": {…}}.
  json::object to_json(const Conflict& conflict, const Expert& expert, const Candidate& candidate) const;

 private:
  std::vector<Conflict> found(const Expert& expert, std::size_t expert_index, bool confirm) const;
  std::vector<Conflict> found(const Expert& expert, const Candidate& candidate, bool confirm) const;

  const ConflictPolicy& policy_;
  const std::vector<Candidate>& candidates_;
  std::unordered_map<std::string, std::vector<const Candidate*>> entered_;  ///< person → what they lead or belong to
  /// For each rule: key → candidates, and what they add to the evidence.
  std::vector<std::unordered_map<std::string, std::vector<std::pair<std::size_t, Evidence>>>> by_key_;
};

/// The input of `chuyi conflicts`: {"year", "policy", "experts", "applications"} → {"conflicts": […], "pairs": N, "possible"?: […]},
/// where `pairs` counts the pairs kept apart and `possible` are those that a person is to confirm. Errors: `invalid` "review.input" with
/// every defect.
Result<json::object> run_conflicts(const json::object& input);

}  // namespace chuyi::review

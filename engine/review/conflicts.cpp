#include "engine/review/conflicts.h"

#include <algorithm>
#include <set>

namespace chuyi::review {
namespace {

/// Two may have one name: this rule alone never decides.
constexpr std::string_view kSameName = "same-name";

using Keys = std::vector<std::pair<std::string, Evidence>>;
using Entered = std::unordered_map<std::string, std::vector<const Candidate*>>;

/// Not to be confused with any other pair of texts.
std::string pair_key(std::string_view a, std::string_view b) { return std::to_string(a.size()) + ":" + std::string{a} + std::string{b}; }

void add_persons(Keys& keys, const Candidate& candidate) {
  keys.push_back({candidate.leader, {}});
  for (const std::string& each : candidate.members) keys.push_back({each, {}});
}

void add_all(Keys& keys, const std::vector<std::string>& texts, std::size_t count_max = SIZE_MAX) {
  for (std::size_t i = 0; i < std::min(texts.size(), count_max); ++i) keys.push_back({texts[i], {}});
}

bool counts(const ConflictRule& rule, const Relation& relation) {
  return rule.kinds.empty() || std::find(rule.kinds.begin(), rule.kinds.end(), relation.kind) != rule.kinds.end();
}

Evidence evidence_of(const Relation& relation) { return {{"kind", relation.kind}, {"person", relation.person}}; }

void relation_of_candidate(const ConflictRule& rule, const Candidate& a, Keys& keys) {
  Keys persons;
  add_persons(persons, a);
  for (const auto& [person, none] : persons)
    if (!person.empty()) keys.push_back({pair_key("expert-says", person), {}});
  for (const Relation& each : a.relations)
    if (counts(rule, each)) keys.push_back({pair_key("applicant-says", each.person), evidence_of(each)});
}

void relation_of_expert(const ConflictRule& rule, const Expert& e, Keys& keys) {
  if (!e.person.empty()) keys.push_back({pair_key("applicant-says", e.person), {}});
  for (const Relation& each : e.relations)
    if (counts(rule, each)) keys.push_back({pair_key("expert-says", each.person), evidence_of(each)});
}

void judged_by_expert(const Expert& e, Keys& keys) {
  for (const Judged& each : e.judged) {
    if (!each.application.empty()) keys.push_back({pair_key("id", each.application), {{"project", each.application}}});
    if (!each.title.empty() && !each.org.empty())
      keys.push_back({pair_key("title", pair_key(each.title, each.org)), {{"project", each.title}}});
  }
}

void declared_by_expert(const Expert& e, Keys& keys) {
  for (const Declaration& each : e.declared) {
    if (!each.application.empty()) keys.push_back({pair_key("id", each.application), {{"reason", each.reason}}});
    if (!each.org.empty()) keys.push_back({pair_key("org", each.org), {{"reason", each.reason}}});
  }
}

void entered_by_expert(const ConflictRule& rule, const Expert& e, const Entered& entered, Keys& keys) {
  const auto found = e.person.empty() ? entered.end() : entered.find(e.person);
  if (found == entered.end()) return;
  for (const Candidate* each : found->second)
    keys.push_back({rule.round ? "round" : pair_key("programme", each->programme), {{"application", each->id}}});
}

/// A name or a unit as people write it, without the spaces.
std::string plain(std::string text) {
  for (const std::string_view space : {" ", "\u3000", "\t"})
    for (std::size_t at = text.find(space); at != std::string::npos; at = text.find(space)) text.erase(at, space.size());
  return text;
}

/// Of whom both sides know a number, the rule about persons has compared it.
void named_in(const Candidate& a, Keys& keys) {
  for (const Named& each : a.named)
    if (!each.name.empty() && !each.unit.empty())
      keys.push_back({pair_key(each.identified ? "known" : "unknown", pair_key(plain(each.name), plain(each.unit))), {}});
}

void named_as(const Expert& e, Keys& keys) {
  for (const std::string& employer : e.employer_names) {
    const std::string key = pair_key(plain(e.name), plain(employer));
    const Evidence evidence{{"name", e.name}, {"unit", employer}};
    if (!e.name.empty()) keys.push_back({pair_key("unknown", key), evidence});
    if (!e.name.empty() && e.person.empty()) keys.push_back({pair_key("known", key), evidence});
  }
}

/// A rule in code: the keys of an application, and those of an expert. An empty key stands for what is not known, and
/// matches nothing.
struct Row {
  std::string_view name;
  void (*of_candidate)(const ConflictRule& rule, const Candidate& a, Keys& keys);
  void (*of_expert)(const ConflictRule& rule, int year, const Expert& e, const Entered& entered, Keys& keys);
};

const Row kRows[] = {
    {"own-unit",
     [](const ConflictRule& rule, const Candidate& a, Keys& keys) {
       keys.push_back({a.org, {}});
       add_all(keys, a.org_chain, static_cast<std::size_t>(rule.levels));
     },
     [](const ConflictRule&, int, const Expert& e, const Entered&, Keys& keys) {
       keys.push_back({e.employer, {{"org", e.employer}}});
     }},
    {"own-application", [](const ConflictRule&, const Candidate& a, Keys& keys) { add_all(keys, a.handlers); },
     [](const ConflictRule&, int, const Expert& e, const Entered&, Keys& keys) {
       keys.push_back({e.id, {{"user", e.id}}});
     }},
    {"same-person", [](const ConflictRule&, const Candidate& a, Keys& keys) { add_persons(keys, a); },
     [](const ConflictRule&, int, const Expert& e, const Entered&, Keys& keys) {
       keys.push_back({e.person, {{"person", e.person}}});
     }},
    {"partner-enterprise", [](const ConflictRule&, const Candidate& a, Keys& keys) { add_all(keys, a.partners); },
     [](const ConflictRule&, int, const Expert& e, const Entered&, Keys& keys) {
       keys.push_back({e.employer, {{"enterprise", e.employer}}});
       for (const std::string& each : e.enterprises) keys.push_back({each, {{"enterprise", each}}});
     }},
    {"co-project", [](const ConflictRule&, const Candidate& a, Keys& keys) { add_persons(keys, a); },
     [](const ConflictRule& rule, int year, const Expert& e, const Entered&, Keys& keys) {
       for (const CoProject& each : e.co_projects)
         if (year - each.year <= rule.years)
           keys.push_back({each.person, {{"person", each.person}, {"project", each.project}, {"year", std::to_string(each.year)}}});
     }},
    {"college-judge",
     [](const ConflictRule&, const Candidate& a, Keys& keys) {
       keys.push_back({pair_key("id", a.id), {}});
       keys.push_back({pair_key("title", pair_key(a.title, a.org)), {}});
     },
     [](const ConflictRule&, int, const Expert& e, const Entered&, Keys& keys) { judged_by_expert(e, keys); }},
    {"competent-department",
     [](const ConflictRule& rule, const Candidate& a, Keys& keys) {
       keys.push_back({a.competent_department, {}});
       add_all(keys, a.org_chain, static_cast<std::size_t>(rule.levels));
     },
     [](const ConflictRule&, int, const Expert& e, const Entered&, Keys& keys) {
       keys.push_back({e.employer, {{"org", e.employer}}});
     }},
    {"relation", relation_of_candidate,
     [](const ConflictRule& rule, int, const Expert& e, const Entered&, Keys& keys) { relation_of_expert(rule, e, keys); }},
    {"self-declared",
     [](const ConflictRule&, const Candidate& a, Keys& keys) {
       keys.push_back({pair_key("id", a.id), {}});
       keys.push_back({pair_key("org", a.org), {}});
     },
     [](const ConflictRule&, int, const Expert& e, const Entered&, Keys& keys) { declared_by_expert(e, keys); }},
    {"entrant",
     [](const ConflictRule& rule, const Candidate& a, Keys& keys) {
       keys.push_back({rule.round ? "round" : pair_key("programme", a.programme), {}});
     },
     [](const ConflictRule& rule, int, const Expert& e, const Entered& entered, Keys& keys) { entered_by_expert(rule, e, entered, keys); }},
    {kSameName, [](const ConflictRule&, const Candidate& a, Keys& keys) { named_in(a, keys); },
     [](const ConflictRule&, int, const Expert& e, const Entered&, Keys& keys) { named_as(e, keys); }},
};

const Row& row_of(const ConflictRule& rule) {
  return *std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& row) { return row.name == rule.rule; });
}

Keys keys_of(const ConflictRule& rule, const Candidate& candidate) {
  Keys out;
  row_of(rule).of_candidate(rule, candidate, out);
  std::erase_if(out, [](const auto& key) { return key.first.empty(); });
  return out;
}

Keys keys_of(const ConflictRule& rule, int year, const Expert& expert, const Entered& entered) {
  Keys out;
  row_of(rule).of_expert(rule, year, expert, entered, out);
  std::erase_if(out, [](const auto& key) { return key.first.empty(); });
  return out;
}

Evidence joined(Evidence a, const Evidence& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

void sort_once(std::vector<Conflict>& conflicts) {
  std::sort(conflicts.begin(), conflicts.end());
  conflicts.erase(std::unique(conflicts.begin(), conflicts.end()), conflicts.end());
}

}  // namespace

const std::vector<std::string_view>& rule_names() {
  static const std::vector<std::string_view> kNames = [] {
    std::vector<std::string_view> out;
    for (const Row& row : kRows) out.push_back(row.name);
    return out;
  }();
  return kNames;
}

namespace {

std::vector<ConflictRule> read_rules(Reader& policy) {
  std::vector<ConflictRule> out;
  std::set<std::string> seen;
  policy.each("rules", std::size(kRows) * 2, [&](Reader& each) {
    if (!each.has("rule")) return each.wrong("rule", "review.missing", "Expected the name of a rule", "请给出规则名称");
    ConflictRule rule{.rule = each.one_of("rule", rule_names()),
                      .levels = static_cast<int>(each.whole("levels", 0, 0, 9)),
                      .years = static_cast<int>(each.whole("years", 3, 0, 99)),
                      .kinds = each.texts("kinds"),
                      .round = each.one_of("scope", {"programme", "round"}) == "round",
                      .confirm = each.flag("confirm"),
                      .zh = each.id("zh"),
                      .en = each.id("en")};
    rule.confirm = rule.confirm || rule.rule == kSameName;
    if (!seen.insert(rule.rule).second) each.wrong("rule", "review.repeated", "Expected each rule once", "规则重复");
    if (each.flag("on", true)) out.push_back(std::move(rule));
  });
  return out;
}

}  // namespace

ConflictPolicy read_conflict_policy(Reader& from) {
  ConflictPolicy out{.year = static_cast<int>(from.needed_whole("year", 1900, 9999)), .rules = {}};
  if (!from.has("policy")) from.wrong("policy", "review.missing", "Expected the rules of conflict", "请给出回避规则");
  from.part("policy", [&](Reader& policy) { out.rules = read_rules(policy); });
  return out;
}

Result<ConflictPolicy> conflict_policy_from_json(const json::object& policy, int year) {
  std::vector<Detail> found;
  Reader reader(policy, "", found);
  ConflictPolicy out{.year = year, .rules = read_rules(reader)};
  reader.finish();
  if (!found.empty()) return error_of("review.policy", std::move(found));
  return out;
}

Conflicts::Conflicts(const ConflictPolicy& policy, const std::vector<Candidate>& candidates)
    : policy_(policy), candidates_(candidates), by_key_(policy.rules.size()) {
  Keys persons;
  for (const Candidate& each : candidates_) {
    persons.clear();
    add_persons(persons, each);
    for (const auto& [person, none] : persons)
      if (!person.empty()) entered_[person].push_back(&each);
  }
  for (std::size_t rule = 0; rule < policy_.rules.size(); ++rule)
    for (std::size_t at = 0; at < candidates_.size(); ++at)
      for (auto& [key, evidence] : keys_of(policy_.rules[rule], candidates_[at])) by_key_[rule][key].push_back({at, std::move(evidence)});
}

std::vector<Conflict> Conflicts::of(const Expert& expert, std::size_t expert_index) const { return found(expert, expert_index, false); }
std::vector<Conflict> Conflicts::of(const Expert& expert, const Candidate& candidate) const { return found(expert, candidate, false); }
std::vector<Conflict> Conflicts::possible(const Expert& expert, std::size_t expert_index) const {
  return found(expert, expert_index, true);
}
std::vector<Conflict> Conflicts::possible(const Expert& expert, const Candidate& candidate) const { return found(expert, candidate, true); }

std::vector<Conflict> Conflicts::found(const Expert& expert, std::size_t expert_index, bool confirm) const {
  std::vector<Conflict> out;
  for (std::size_t rule = 0; rule < policy_.rules.size(); ++rule) {
    if (policy_.rules[rule].confirm != confirm) continue;
    for (const auto& [key, evidence] : keys_of(policy_.rules[rule], policy_.year, expert, entered_))
      if (const auto same = by_key_[rule].find(key); same != by_key_[rule].end())
        for (const auto& [candidate, theirs] : same->second) out.push_back({expert_index, candidate, rule, joined(evidence, theirs)});
  }
  sort_once(out);
  return out;
}

std::vector<Conflict> Conflicts::found(const Expert& expert, const Candidate& candidate, bool confirm) const {
  std::vector<Conflict> out;
  for (std::size_t rule = 0; rule < policy_.rules.size(); ++rule) {
    if (policy_.rules[rule].confirm != confirm) continue;
    const Keys theirs = keys_of(policy_.rules[rule], candidate);
    for (const auto& [key, evidence] : keys_of(policy_.rules[rule], policy_.year, expert, entered_))
      for (const auto& [same, more] : theirs)
        if (same == key) out.push_back({0, 0, rule, joined(evidence, more)});
  }
  sort_once(out);
  return out;
}

std::vector<Conflict> Conflicts::all(const std::vector<Expert>& experts) const {
  std::vector<Conflict> out;
  for (std::size_t at = 0; at < experts.size(); ++at) {
    std::vector<Conflict> found = of(experts[at], at);
    std::move(found.begin(), found.end(), std::back_inserter(out));
  }
  return out;
}

std::string Conflicts::reason(const Conflict& conflict, std::string_view language) const {
  const ConflictRule& rule = policy_.rules[conflict.rule];
  std::string out;
  const std::string& text = language == "zh" ? rule.zh : rule.en;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text[at] == '{' ? text.find('}', at) : std::string::npos;
    if (end == std::string::npos) {
      out += text[at++];
      continue;
    }
    const std::string_view name = std::string_view{text}.substr(at + 1, end - at - 1);
    const auto found =
        std::find_if(conflict.evidence.begin(), conflict.evidence.end(), [&](const auto& each) { return each.first == name; });
    if (found != conflict.evidence.end()) out += found->second;
    at = end + 1;
  }
  return out;
}

json::object Conflicts::to_json(const Conflict& conflict, const Expert& expert, const Candidate& candidate) const {
  json::object evidence;
  for (const auto& [name, value] : conflict.evidence) evidence[name] = value;
  return {{"expert", expert.id},          {"application", candidate.id},  {"rule", policy_.rules[conflict.rule].rule},
          {"zh", reason(conflict, "zh")}, {"en", reason(conflict, "en")}, {"evidence", std::move(evidence)}};
}

Result<json::object> run_conflicts(const json::object& input) {
  std::vector<Detail> found;
  Reader reader(input, "", found);
  const ConflictPolicy policy = read_conflict_policy(reader);
  const std::vector<Expert> experts = read_experts(reader);
  const std::vector<Candidate> candidates = read_candidates(reader);
  reader.finish();
  if (!found.empty()) return error_of("review.input", std::move(found));
  const Conflicts rules(policy, candidates);
  json::array list;
  std::int64_t pairs = 0;
  const Conflict* last = nullptr;
  const std::vector<Conflict> all = rules.all(experts);
  for (const Conflict& each : all) {
    if (last == nullptr || last->expert != each.expert || last->candidate != each.candidate) ++pairs;
    last = &each;
    list.push_back(rules.to_json(each, experts[each.expert], candidates[each.candidate]));
  }
  json::object out{{"conflicts", std::move(list)}, {"pairs", pairs}};
  json::array possible;
  for (const Expert& expert : experts)
    for (const Conflict& each : rules.possible(expert)) possible.push_back(rules.to_json(each, expert, candidates[each.candidate]));
  if (!possible.empty()) out["possible"] = std::move(possible);
  return out;
}

}  // namespace chuyi::review

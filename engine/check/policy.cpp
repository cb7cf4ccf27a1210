#include "engine/check/policy.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "engine/check/story.h"
#include "engine/scxml/describe.h"

namespace chuyi::check {
namespace {

using scxml::Truth;

/// One thing of a happening that a pattern may match.
struct Observation {
  PatternKind kind;
  Index state = scxml::kNone;
  int event = kNothing;
  int element = kNothing;
  const Fact* fact = nullptr;  ///< set: it happened, and is no event of the graph
};

bool listed(const std::vector<std::string>& list, const std::string& text) {
  return list.empty() || std::find(list.begin(), list.end(), text) != list.end();
}

Truth truth_of(bool value) { return value ? Truth::yes : Truth::no; }
Truth all_of(Truth a, Truth b) {
  if (a == Truth::no || b == Truth::no) return Truth::no;
  return a == Truth::unknown || b == Truth::unknown ? Truth::unknown : Truth::yes;
}

std::string text_of_value(const json::value& value) {
  if (value.is_string()) return std::string{value.get_string()};
  return value.is_null() ? std::string{} : canonical_json(value);
}

/// How the rule stands on the way so far.
using Phase = int;
constexpr Phase kIdle = 0;   ///< nothing to watch for
constexpr Phase kArmed = 1;  ///< within: kArmed + clocks that have passed

class Judge {
 public:
  Judge(const Machine& machine, const Graph& graph, const Policy& policy, const json::object& manifest, const std::vector<Past>& past)
      : machine_(&machine), graph_(graph), policy_(policy), manifest_(&manifest), past_(past), story_(machine, graph) {}

  PolicyVerdict run() {
    const bool paired = std::any_of(policy_.what.begin(), policy_.what.end(), [](const Pattern& each) { return each.open_to_after; });
    if (!paired) {
      search();
    } else {
      // One signer at a time: nothing else needs to be remembered.
      std::set<std::string> signers;
      for (const Element& each : machine_->elements()) signers.insert(each.id);
      for (const Past& before : past_)
        for (const Element& each : before.machine.elements()) signers.insert(each.id);
      for (const std::string& each : signers) {
        if (out_.breach) break;
        after_ = each;
        search();
      }
    }
    out_.undecided.assign(undecided_.begin(), undecided_.end());
    return std::move(out_);
  }

 private:
  const Element& element(int index) const { return machine_->elements()[static_cast<std::size_t>(index)]; }

  // ── patterns ───────────────────────────────────────────────────────────────────────────────────────

  Truth matches_place(const Pattern& pattern, Index state, const std::string& id) const {
    return truth_of(listed(pattern.ids, id) && listed(pattern.stages, machine_->chart().at(state).stage));
  }

  Truth matches_element(const Pattern& pattern, int index) {
    const Element& of = element(index);
    // Of an unknown type not even a manifest would tell more.
    const Truth type = of.type ? truth_of(listed(pattern.types, of.type_text())) : pattern.types.empty() ? Truth::yes : Truth::unknown;
    Truth out = all_of(matches_place(pattern, of.state, of.id), type);
    for (const ValueRule& rule : pattern.parameters) {
      if (out == Truth::no) break;
      const Truth truth = holds(rule, of.parameter(rule.name, *manifest_));
      if (truth == Truth::unknown && of.type) open_ = of.type_text() + " " + rule.name;
      out = all_of(out, truth);
    }
    if (pattern.open_to_after && out != Truth::no) out = all_of(out, truth_of(!after_.empty() && !keeps_away(of, after_)));
    return out;
  }

  /// Whoever signed `signer` cannot sign `of`.
  bool keeps_away(const Element& of, const std::string& signer) const {
    if (of.profile == nullptr) return false;
    if (of.profile->separates || of.id == signer) return true;
    if (of.profile->not_by.empty()) return false;
    const std::optional<json::value> list = of.parameter(of.profile->not_by, *manifest_);
    return list && list->is_array() && std::any_of(list->get_array().begin(), list->get_array().end(),
                                                   [&](const json::value& each) { return text_of_value(each) == signer; });
  }

  Truth matches(const Pattern& pattern, const Observation& seen) {
    if (pattern.kind != seen.kind) return Truth::no;
    switch (pattern.kind) {
      case PatternKind::state:
      case PatternKind::end: return matches_place(pattern, seen.state, machine_->chart().at(seen.state).id);
      case PatternKind::event:
      case PatternKind::timer:
        return truth_of(pattern.name.empty() || scxml::matches(pattern.name, seen.fact != nullptr ? seen.fact->name : event(seen).name));
      case PatternKind::start:
      case PatternKind::failure: return matches_element(pattern, seen.element);
      case PatternKind::answer: {
        const Truth out = matches_element(pattern, seen.element);
        return out == Truth::no ? out : all_of(out, matches_data(pattern, seen));
      }
    }
    return Truth::no;
  }

  /// An answer may stand for several values; the rule holds when it holds for each.
  static Truth matches_data(const Pattern& pattern, const std::vector<json::object>& samples) {
    Truth out = Truth::yes;
    for (const ValueRule& rule : pattern.data) {
      if (samples.empty()) out = all_of(out, Truth::unknown);
      for (const json::object& sample : samples) {
        const json::value* found = sample.if_contains(rule.name);
        out = all_of(out, holds(rule, found == nullptr ? std::nullopt : std::optional<json::value>{*found}));
      }
    }
    return out;
  }
  Truth matches_data(const Pattern& pattern, const Observation& seen) const {
    return matches_data(pattern, seen.fact != nullptr ? std::vector<json::object>{seen.fact->data} : event(seen).data);
  }
  const AbstractEvent& event(const Observation& seen) const { return machine_->events()[static_cast<std::size_t>(seen.event)]; }

  /// @param wanted  the rule wants it to happen; what is not known then counts only while the manifest may tell.
  bool any(const std::vector<Pattern>& patterns, const Observation& seen, bool wanted) {
    return std::any_of(patterns.begin(), patterns.end(), [&](const Pattern& each) {
      open_.clear();
      const Truth truth = matches(each, seen);
      if (truth != Truth::unknown) return truth == Truth::yes;
      if (!wanted) return true;
      if (!manifest_->empty() || open_.empty()) return false;
      undecided_.insert(open_);
      return true;
    });
  }
  bool is_after(const Observation& seen) {
    if (!after_.empty() && (seen.element == kNothing || element(seen.element).id != after_)) return false;
    return any(policy_.after, seen, false);
  }

  std::vector<Observation> observations(const Happening& of) const {
    std::vector<Observation> out;
    if (of.event != kNothing) {
      const AbstractEvent& happened = machine_->events()[static_cast<std::size_t>(of.event)];
      out.push_back({.kind = PatternKind::event, .event = of.event});
      if (happened.kind == EventKind::timer) out.push_back({.kind = PatternKind::timer, .event = of.event});
      if (happened.kind == EventKind::answer && happened.ends)
        out.push_back({.kind = PatternKind::answer, .event = of.event, .element = happened.element});
      if (happened.kind == EventKind::failure) out.push_back({.kind = PatternKind::failure, .event = of.event, .element = happened.element});
    }
    for (const Index state : of.entered) out.push_back({.kind = PatternKind::state, .state = state});
    for (const int each : of.started) out.push_back({.kind = PatternKind::start, .element = each});
    if (of.ended && !of.entered.empty()) out.push_back({.kind = PatternKind::end, .state = of.entered.back()});
    return out;
  }

  // ── rules ──────────────────────────────────────────────────────────────────────────────────────────

  struct Move {
    Phase phase;
    const char* en = nullptr;  ///< set: the rule is broken here
    const char* zh = nullptr;
    Observation at = {};
  };

  Move broken(const Observation& at, const char* en, const char* zh) const { return {.phase = kIdle, .en = en, .zh = zh, .at = at}; }

  Move move(Phase phase, const Observation& seen) {
    switch (policy_.rule) {
      case Rule::never:
        if (policy_.after.empty()) {
          if (any(policy_.what, seen, false)) return broken(seen, "this must never happen", "这种情况不得发生");
          return {.phase = kIdle};
        }
        if (phase == kArmed && any(policy_.unless, seen, true)) phase = kIdle;
        if (phase == kArmed && any(policy_.what, seen, false)) return broken(seen, "this must not follow", "其后不得发生这种情况");
        return {.phase = is_after(seen) ? kArmed : phase};
      case Rule::always_before:
        // Armed: what must come before has come.
        if (any(policy_.since, seen, false)) phase = kIdle;
        if (any(policy_.before, seen, true)) phase = kArmed;
        if (phase == kIdle && any(policy_.what, seen, false))
          return broken(seen, "this happens without what must come before it", "在规定的前置环节之前发生");
        return {.phase = phase};
      case Rule::eventually:
      case Rule::within: return follow(phase, seen);
    }
    return {.phase = phase};
  }

  Move follow(Phase phase, const Observation& seen) {
    if (phase >= kArmed && (any(policy_.reach, seen, true) || any(policy_.unless, seen, true))) phase = kIdle;
    if (policy_.rule == Rule::within && phase >= kArmed && any(policy_.clock, seen, false) && ++phase > kArmed + policy_.times)
      return broken(seen, "the time is over and it has not happened", "期限已过仍未发生");
    if (phase >= kArmed && seen.kind == PatternKind::end) return broken(seen, "it ends and what must happen has not", "流程结束而应发生的没有发生");
    if (is_after(seen)) phase = kArmed;
    return {.phase = phase};
  }

  Phase beginning() const {
    return policy_.after.empty() && (policy_.rule == Rule::eventually || policy_.rule == Rule::within) ? kArmed : kIdle;
  }

  /// How the rule stands after what has happened already.
  Phase after_past() {
    Phase phase = beginning();
    const Machine* const machine = machine_;
    const json::object* const manifest = manifest_;
    for (const Past& before : past_) {
      machine_ = &before.machine;
      manifest_ = &before.manifest;
      for (const Fact& fact : before.facts)
        if (const std::optional<Observation> seen = observation(fact)) phase = move(phase, *seen).phase;
    }
    machine_ = machine;
    manifest_ = manifest;
    return phase;
  }

  std::optional<Observation> observation(const Fact& fact) const {
    Observation out{.kind = fact.kind, .fact = &fact};
    switch (fact.kind) {
      case PatternKind::event:
      case PatternKind::timer: return out;
      case PatternKind::state:
      case PatternKind::end: out.state = machine_->chart().find(fact.name); break;
      default: {
        const auto& elements = machine_->elements();
        const auto found = std::find_if(elements.begin(), elements.end(), [&](const Element& each) { return each.id == fact.name; });
        if (found != elements.end()) out.element = static_cast<int>(found - elements.begin());
      }
    }
    if (out.state == scxml::kNone && out.element == kNothing) return std::nullopt;
    return out;
  }

  /// within: a situation that may last, where the clock does not run.
  bool clock_stands(NodeId node) {
    if (!graph_.resting[node]) return false;
    const Node at = graph_.node(node);
    return std::none_of(at.timers.begin(), at.timers.end(), [&](int timer) {
      const int event = machine_->timers()[static_cast<std::size_t>(timer)].event;
      return any(policy_.clock, {.kind = PatternKind::timer, .event = event}, true) ||
             any(policy_.clock, {.kind = PatternKind::event, .event = event}, true);
    });
  }

  // ── the search: breadth first over pairs of node and phase ─────────────────────────────────────────

  struct Pair {
    NodeId node;
    Phase phase;
    std::uint32_t from;  ///< index of the pair before
    Edge edge;
  };

  Phase phases() const { return policy_.rule == Rule::within ? kArmed + policy_.times + 1 : kArmed + 1; }

  /// The same happening always has the same consequence.
  Move over(std::uint32_t happening, Phase from) {
    std::optional<Move>& known = known_[happening * static_cast<std::size_t>(phases()) + static_cast<std::size_t>(from)];
    if (known) return *known;
    Move out{.phase = from};
    for (const Observation& seen : observations(graph_.happenings[happening])) {
      out = move(out.phase, seen);
      if (out.en != nullptr) break;
    }
    known = out;
    return out;
  }

  void search() {
    pairs_.clear();
    seen_.clear();
    find(0, after_past(), 0, {});
    known_.assign(graph_.happenings.size() * static_cast<std::size_t>(phases()), std::nullopt);
    const bool looks_back = policy_.rule == Rule::eventually && graph_.complete;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> moves;
    for (std::uint32_t i = 0; i < pairs_.size(); ++i) {
      const Pair pair = pairs_[i];
      if (pair.node >= graph_.expanded) continue;
      for (std::uint32_t e = graph_.first_edge[pair.node]; e < graph_.first_edge[pair.node + 1]; ++e) {
        const Edge edge = graph_.edges[e];
        const Move moved = over(edge.happening, pair.phase);
        if (moved.en != nullptr) return breach(i, edge, moved);
        const Phase phase = moved.phase;
        const std::uint32_t to = find(edge.to, phase, i, edge);
        if (looks_back) moves.emplace_back(to, i);
        if (policy_.rule == Rule::within && phase >= kArmed && clock_stands(edge.to))
          return breach(i, edge, broken({}, "here nothing limits the time that it may take", "此处没有任何期限约束"));
      }
    }
    if (looks_back) find_hopeless(moves);
  }

  /// Armed pairs from which the rule can no longer come to be kept.
  void find_hopeless(std::vector<std::pair<std::uint32_t, std::uint32_t>>& moves) {
    std::sort(moves.begin(), moves.end());
    std::vector<bool> hope(pairs_.size());
    std::vector<std::uint32_t> open;
    for (std::uint32_t i = 0; i < pairs_.size(); ++i)
      if (pairs_[i].phase == kIdle) {
        hope[i] = true;
        open.push_back(i);
      }
    while (!open.empty()) {
      const std::uint32_t to = open.back();
      open.pop_back();
      for (auto each = std::lower_bound(moves.begin(), moves.end(), std::pair{to, 0U}); each != moves.end() && each->first == to; ++each)
        if (!hope[each->second]) {
          hope[each->second] = true;
          open.push_back(each->second);
        }
    }
    for (std::uint32_t i = 0; i < pairs_.size(); ++i)
      if (!hope[i]) {
        if (i == 0 && pairs_.size() > 1) i = 1;
        return breach(pairs_[i].from, pairs_[i].edge, broken({}, "from here it can never happen", "此后再也不可能发生"));
      }
  }

  std::uint32_t find(NodeId node, Phase phase, std::uint32_t from, const Edge& edge) {
    const std::uint64_t key = static_cast<std::uint64_t>(node) * static_cast<std::uint64_t>(phases()) + static_cast<std::uint64_t>(phase);
    const auto [place, added] = seen_.try_emplace(key, static_cast<std::uint32_t>(pairs_.size()));
    if (added) pairs_.push_back({node, phase, from, edge});
    return place->second;
  }

  void breach(std::uint32_t pair, const Edge& edge, const Move& move) {
    Breach out{.way = {{.node = pairs_[pair].node, .edge = edge}}, .zh = move.zh, .en = move.en};
    for (std::uint32_t i = pair; i != 0; i = pairs_[i].from) out.way.push_back({.node = pairs_[pairs_[i].from].node, .edge = pairs_[i].edge});
    std::reverse(out.way.begin(), out.way.end());
    const std::string en = subject(move.at, false);
    if (!en.empty()) {
      out.en = en + ": " + out.en;
      out.zh = subject(move.at, true) + "：" + out.zh;
    }
    if (!after_.empty()) {
      const InvokeProfile* profile = element(move.at.element).profile;
      const std::string list = profile == nullptr || profile->not_by.empty() ? "any list of those who are kept away" : profile->not_by;
      out.en += "; '" + after_ + "' is not in " + list;
      out.zh += profile == nullptr || profile->not_by.empty() ? "；没有列明需回避“" + after_ + "”" : "；" + list + "中没有“" + after_ + "”";
    }
    out_.breach = std::move(out);
  }

  std::string subject(const Observation& at, bool zh) const {
    if (at.kind == PatternKind::start && at.element != kNothing)
      return (zh ? "环节启动 " : "start of ") + element(at.element).type_text() + " " + element(at.element).id;
    if (at.event != kNothing) return story_.event_text(at.event, zh);
    if (at.state != scxml::kNone) return story_.state_text(at.state, zh);
    return {};
  }

  const Machine* machine_;  ///< the graph's, or that of the part of the past that is looked at
  const Graph& graph_;
  const Policy& policy_;
  const json::object* manifest_;
  const std::vector<Past>& past_;
  Story story_;
  PolicyVerdict out_;
  std::set<std::string> undecided_;
  std::string open_;  ///< the parameter that made the last match unknown
  std::string after_;  ///< id of the invoke whose signer is followed; empty: not needed
  std::vector<std::optional<Move>> known_;  ///< (happening, phase)
  std::vector<Pair> pairs_;
  std::unordered_map<std::uint64_t, std::uint32_t> seen_;
};

}  // namespace

Truth holds(const ValueRule& rule, const std::optional<json::value>& value) {
  if (!value) return Truth::unknown;
  if (!rule.equals.empty() && !listed(rule.equals, text_of_value(*value))) return Truth::no;
  if (rule.at_least && !(value->is_int64() && value->get_int64() >= *rule.at_least)) return Truth::no;
  for (const std::string& each : rule.has)
    if (!value->is_array() || std::none_of(value->get_array().begin(), value->get_array().end(),
                                           [&](const json::value& one) { return text_of_value(one) == each; }))
      return Truth::no;
  if (rule.working_days_min) {
    if (!value->is_object()) return Truth::no;
    const json::object& period = value->get_object();
    return truth_of(string_or(period, "unit") == "working" && int_or(period, "days", 0) >= *rule.working_days_min);
  }
  return Truth::yes;
}

PolicyVerdict judge(const Machine& machine, const Graph& graph, const Policy& policy, const json::object& manifest,
                    const std::vector<Past>& past) {
  return Judge(machine, graph, policy, manifest, past).run();
}

}  // namespace chuyi::check

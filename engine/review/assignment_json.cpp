#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <unordered_map>

#include "engine/review/assignment.h"
#include "engine/review/assignment_problem.h"
#include "engine/review/conflicts.h"

namespace chuyi::review {
namespace {

constexpr std::int64_t kCostMax = 10'000;
constexpr std::int64_t kBalanceMax = 100;
constexpr std::int64_t kLoadMax = 1000;
constexpr std::int64_t kCoverageMax = 99;
constexpr std::size_t kPairsMax = 200'000;
constexpr std::size_t kProductMax = 20'000'000;  ///< applications times experts
constexpr std::size_t kListedMax = 20;

using Pair = std::pair<std::size_t, std::size_t>;  // application, expert

struct Limit {
  std::string by;
  int at_most = 0;
};

struct Input {
  ConflictPolicy policy;
  std::vector<Expert> experts;
  std::vector<Candidate> applications;
  std::vector<int> coverage, load_min, load_max;
  std::vector<Limit> limits;
  std::optional<std::int64_t> mismatch = 0;
  std::map<std::pair<std::string, std::string>, std::int64_t> related;
  std::int64_t same_region = 0, balance = 0;
  std::optional<std::int64_t> change;
  std::vector<Pair> fixed, forbidden, previous;
};

class InputReader {
 public:
  InputReader(Reader& from, Input& out) : from_(from), out_(out) {}

  void read() {
    out_.policy = read_conflict_policy(from_);
    out_.experts = read_experts(from_);
    out_.applications = read_candidates(from_);
    for (std::size_t i = 0; i < out_.experts.size(); ++i) expert_index_.emplace(out_.experts[i].id, i);
    for (std::size_t i = 0; i < out_.applications.size(); ++i) application_index_.emplace(out_.applications[i].id, i);
    read_numbers();
    read_limits();
    from_.part("cost", [&](Reader& each) { read_cost(each); });
    out_.fixed = read_pairs("fixed");
    out_.forbidden = read_pairs("forbidden");
    out_.previous = read_pairs("previous");
  }

 private:
  static std::size_t find(Reader& from, const char* key, const std::unordered_map<std::string, std::size_t>& index) {
    const std::string id = from.id(key);
    const auto found = index.find(id);
    if (found != index.end()) return found->second;
    from.wrong(key, "assign.unknown", "Expected one that is listed, but found '" + id + "'", "“" + id + "”不在名单中");
    return SIZE_MAX;
  }

  void read_numbers() {
    out_.coverage.assign(out_.applications.size(), static_cast<int>(from_.needed_whole("coverage", 1, kCoverageMax)));
    from_.each("coverage_of", kPairsMax, [&](Reader& each) {
      const std::size_t at = find(each, "application", application_index_);
      const int reviews = static_cast<int>(each.needed_whole("reviews", 0, kCoverageMax));
      if (at != SIZE_MAX) out_.coverage[at] = reviews;
    });
    std::int64_t min = 0, max = kLoadMax;
    const auto read_range = [&](Reader& each) {
      const std::int64_t least = each.whole("min", min, 0, kLoadMax), most = each.whole("max", max, 0, kLoadMax);
      if (least > most) each.wrong("max", "assign.range", "Expected max to be no less than min", "max不得小于min");
      return std::pair{least, most};
    };
    from_.part("load", [&](Reader& each) { std::tie(min, max) = read_range(each); });
    out_.load_min.assign(out_.experts.size(), static_cast<int>(min));
    out_.load_max.assign(out_.experts.size(), static_cast<int>(max));
    from_.each("load_of", kPairsMax, [&](Reader& each) {
      const std::size_t at = find(each, "expert", expert_index_);
      const auto [least, most] = read_range(each);
      if (at == SIZE_MAX) return;
      out_.load_min[at] = static_cast<int>(least);
      out_.load_max[at] = static_cast<int>(most);
    });
  }

  void read_limits() {
    from_.each("limits", 2, [&](Reader& each) {
      out_.limits.push_back(
          {.by = each.one_of("by", {"region", "employer"}), .at_most = static_cast<int>(each.needed_whole("at_most", 1, kCoverageMax))});
      if (out_.limits.size() == 2 && out_.limits[0].by == out_.limits[1].by)
        each.wrong("by", "review.repeated", "Expected each kind of limit once", "同类限制重复");
    });
    std::sort(out_.limits.begin(), out_.limits.end(),
              [](const Limit& a, const Limit& b) { return a.by > b.by; });  // region is the wider one
  }

  void read_cost(Reader& from) {
    const json::value* mismatch = from.raw("mismatch");
    if (mismatch != nullptr && mismatch->is_null())
      out_.mismatch.reset();
    else
      out_.mismatch = from.whole("mismatch", 0, 0, kCostMax);
    from.each("related", kPairsMax, [&](Reader& each) {
      const std::string field = each.id("field"), to = each.id("to");
      out_.related[{field, to}] = out_.related[{to, field}] = each.needed_whole("cost", 0, kCostMax);
    });
    out_.same_region = from.whole("same_region", 0, 0, kCostMax);
    out_.balance = from.whole("balance", 0, 0, kBalanceMax);
    if (from.has("change")) out_.change = from.needed_whole("change", 0, kCostMax);
  }

  std::vector<Pair> read_pairs(const char* key) {
    std::vector<Pair> out;
    from_.each(key, kPairsMax, [&](Reader& each) {
      out.push_back({find(each, "application", application_index_), find(each, "expert", expert_index_)});
    });
    std::sort(out.begin(), out.end());
    if (const auto twice = std::adjacent_find(out.begin(), out.end());
        twice != out.end() && twice->first != SIZE_MAX && twice->second != SIZE_MAX)
      from_.wrong(key, "review.repeated",
                  "Expected each pair once, but found '" + out_.applications[twice->first].id + "' with '" +
                      out_.experts[twice->second].id + "' again",
                  "配对重复");
    return out;
  }

  Reader& from_;
  Input& out_;
  std::unordered_map<std::string, std::size_t> expert_index_, application_index_;
};

Error refused(std::string code, std::string message, std::string message_zh, std::string place = {}) {
  return {.kind = ErrorKind::rejected,
          .code = std::move(code),
          .message = std::move(message),
          .place = std::move(place),
          .message_zh = std::move(message_zh)};
}

/// The problem in numbers, from what people said.
class Assignment {
 public:
  explicit Assignment(const Input& input) : in_(input), conflicts_(input.policy, input.applications) {
    p_.applications = in_.applications.size();
    p_.experts = in_.experts.size();
    p_.need = in_.coverage;
    p_.min = in_.load_min;
    p_.max = in_.load_max;
    p_.fixed_load.resize(p_.experts);
    p_.fixed.resize(p_.applications);
    p_.balance = in_.balance;
  }

  Result<json::object> run() {
    if (Result<> grouped = set_groups(); !grouped) return grouped.error();
    set_costs();
    base_ = p_.cost;
    if (Result<> fixed = set_fixed(); !fixed) return fixed.error();
    if (!in_.previous.empty()) set_changes();
    if (const std::vector<Shortage> plain = plain_shortages(p_); !plain.empty()) return infeasible(plain);
    const Solution solution = solve(p_);
    if (const std::vector<Shortage> cut = cuts(p_, solution); !cut.empty()) return infeasible(cut);
    return result(solution);
  }

 private:
  static const std::string& group_name(const Limit& limit, const Expert& expert) {
    return limit.by == "region" ? expert.region : expert.employer;
  }

  Result<> set_groups() {
    std::map<std::string, const Expert*> region_of_employer;
    if (in_.limits.size() == 2)
      for (const Expert& each : in_.experts) {
        if (each.employer.empty()) continue;
        const Expert& first = *region_of_employer.emplace(each.employer, &each).first->second;
        if (first.region != each.region)
          return refused("assign.not_nested",
                         "Expected all experts of employer '" + each.employer +
                             "' to be of one region where employers and regions are both limited, but '" + first.id + "' is of '" +
                             first.region + "' and '" + each.id + "' of '" + each.region +
                             "'; give both the employer's region, or leave one limit out",
                         "同时限制单位和地区时，同一单位（" + each.employer + "）的专家须属同一地区：" + first.id + "为" + first.region +
                             "，" + each.id + "为" + each.region,
                         "/limits");
      }
    for (const Limit& limit : in_.limits) {
      std::map<std::string, std::size_t> numbers;
      GroupLimit out{.group_of = {}, .at_most = limit.at_most};
      for (const Expert& each : in_.experts) {
        const std::string& name = group_name(limit, each);
        if (name.empty())
          out.group_of.push_back(Problem::kNoGroup);
        else
          out.group_of.push_back(numbers.emplace(name, p_.groups + numbers.size()).first->second);
      }
      p_.groups += numbers.size();
      p_.limits.push_back(std::move(out));
    }
    return {};
  }

  void set_costs() {
    std::map<std::string, std::vector<std::int64_t>> by_field;  // of each expert
    p_.cost.resize(p_.applications * p_.experts);
    for (std::size_t a = 0; a < p_.applications; ++a) {
      std::vector<std::int64_t>& costs = by_field[in_.applications[a].field];
      if (costs.empty())
        for (const Expert& each : in_.experts) costs.push_back(field_cost(in_.applications[a].field, each));
      for (std::size_t e = 0; e < p_.experts; ++e) {
        const bool neighbour = !in_.experts[e].region.empty() && in_.experts[e].region == in_.applications[a].region;
        p_.cost_of(a, e) = costs[e] == Problem::kForbidden ? costs[e] : costs[e] + (neighbour ? in_.same_region : 0);
      }
    }
    for (const Conflict& each : conflicts_.all(in_.experts)) {
      std::int64_t& cost = p_.cost_of(each.candidate, each.expert);
      conflict_of_.try_emplace({each.candidate, each.expert}, each);
      cost = Problem::kForbidden;
    }
    for (const auto& [a, e] : in_.forbidden) p_.cost_of(a, e) = Problem::kForbidden;
  }

  std::int64_t field_cost(const std::string& field, const Expert& expert) const {
    std::int64_t out = in_.mismatch.value_or(Problem::kForbidden);
    for (const std::string& each : expert.fields) {
      if (each == field) return 0;
      const auto related = in_.related.find({field, each});
      if (related != in_.related.end() && (out == Problem::kForbidden || related->second < out)) out = related->second;
    }
    return out;
  }

  /// Takes the fixed pairs out of the problem. Errors: `rejected` "assign.fixed" with every pair that breaks a rule.
  Result<> set_fixed() {
    std::vector<Detail> wrong;
    const auto refuse = [&](const Pair& pair, const std::string& why, const std::string& why_zh) {
      const std::string &a = in_.applications[pair.first].id, &e = in_.experts[pair.second].id;
      wrong.push_back({.place = "/fixed",
                       .code = "assign.fixed",
                       .message = "Expected '" + e + "' to be able to judge '" + a + "', but " + why,
                       .message_zh = e + "不能评审" + a + "：" + why_zh});
    };
    for (const Pair& pair : in_.fixed) {
      const auto [a, e] = pair;
      if (const auto conflict = conflict_of_.find(pair); conflict != conflict_of_.end())
        refuse(pair, conflicts_.reason(conflict->second, "en"), conflicts_.reason(conflict->second, "zh"));
      else if (p_.cost_of(a, e) == Problem::kForbidden)
        refuse(pair, "the pair is forbidden or has no field in common", "该配对被禁止或领域不符");
      else if (p_.need[a] == 0)
        refuse(pair, "more are fixed than it has reviews", "固定人数超过评审份数");
      else if (p_.max[e] == 0)
        refuse(pair, "more are fixed than the load limit", "固定份数超过工作量上限");
      else if (!has_room(a, e))
        refuse(pair, "more are fixed than may come from one region or employer", "固定人数超过同一地区或单位的上限");
      else {
        p_.fixed[a].push_back(e);
        --p_.need[a];
        --p_.max[e];
        p_.min[e] = std::max(0, p_.min[e] - 1);
        ++p_.fixed_load[e];
      }
    }
    if (!wrong.empty()) {
      Error out = refused("assign.fixed", wrong.front().message, wrong.front().message_zh, "/fixed");
      out.details = std::move(wrong);
      return out;
    }
    for (const auto& [a, e] : in_.fixed) p_.cost_of(a, e) = Problem::kForbidden;
    return {};
  }

  bool has_room(std::size_t a, std::size_t e) const {
    return std::all_of(p_.limits.begin(), p_.limits.end(), [&](const GroupLimit& limit) {
      return limit.group_of[e] == Problem::kNoGroup || p_.room(a, limit, limit.group_of[e]) > 0;
    });
  }

  /// What a pair that was not there before costs more: as much as is asked for, or more than everything else together.
  void set_changes() {
    const std::int64_t reviews = std::accumulate(in_.coverage.begin(), in_.coverage.end(), std::int64_t{0});
    const std::int64_t more = in_.change.value_or(1 + reviews * (2 * kCostMax + in_.balance * kLoadMax));
    std::vector<bool> old(p_.cost.size());
    for (const auto& [a, e] : in_.previous) old[a * p_.experts + e] = true;
    for (std::size_t i = 0; i < p_.cost.size(); ++i)
      if (!old[i] && p_.cost[i] != Problem::kForbidden) p_.cost[i] += more;
  }

  Result<json::object> infeasible(const std::vector<Shortage>& shortages) const {
    Error out =
        refused("assign.infeasible", "Expected limits that can all be kept, but these cannot", "下列条件无法同时满足，没有可行的分配方案");
    for (const Shortage& each : shortages) out.details.push_back(detail_of(each));
    return out;
  }

  template <class T>
  static std::string listed(const std::vector<std::size_t>& which, const std::vector<T>& from) {
    std::string out;
    for (std::size_t i = 0; i < std::min(which.size(), kListedMax); ++i) out += (i == 0 ? "" : ", ") + from[which[i]].id;
    return which.size() > kListedMax ? out + " … (" + std::to_string(which.size()) + ")" : out;
  }

  Detail detail_of(const Shortage& shortage) const {
    const std::string need = std::to_string(shortage.need), can = std::to_string(shortage.capacity);
    const std::string applications = listed(shortage.applications, in_.applications), experts = listed(shortage.experts, in_.experts);
    using Kind = Shortage::Kind;
    switch (shortage.kind) {
      case Kind::application:
        return {.place = applications,
                .code = "assign.application",
                .message = "Expected " + need + " more experts for '" + applications + "', but " + can + " may judge it",
                .message_zh = "申报" + applications + "还需" + need + "名专家，可评审的仅" + can + "名"};
      case Kind::limits:
        return {.place = applications,
                .code = "assign.limit",
                .message = "Expected " + need + " more experts for '" + applications +
                           "', but under the limits of employer and region it can have " + can,
                .message_zh = "申报" + applications + "还需" + need + "名专家，按单位和地区的上限至多" + can + "名"};
      case Kind::expert:
        return {.place = experts,
                .code = "assign.expert",
                .message = "Expected at least " + need + " more applications for '" + experts + "', who may judge " + can,
                .message_zh = "专家" + experts + "至少还应评" + need + "份，可评的仅" + can + "份"};
      case Kind::capacity:
        return {.place = "/load",
                .code = "assign.capacity",
                .message = "Expected " + need + " reviews in all, but the experts together take " + can,
                .message_zh = "共需" + need + "份评审，专家工作量上限合计" + can + "份"};
      case Kind::demand:
        return {.place = "/load",
                .code = "assign.demand",
                .message = "Expected " + need + " reviews for the minimum loads, but there are " + can,
                .message_zh = "专家工作量下限合计" + need + "份，评审共" + can + "份"};
      case Kind::reviews:
        return {.place = applications,
                .code = "assign.cut",
                .message = "Expected " + need + " more reviews for these applications, but they can have " + can +
                           ": those who may judge them are full (" + experts + "), and everybody else may not or is beyond a limit",
                .message_zh = "申报" + applications + "共还需" + need + "份评审，至多可得" + can + "份：可评的专家（" + experts +
                              "）工作量已满，其余须回避或超出上限"};
      case Kind::load:
        break;
    }
    return {
        .place = experts,
        .code = "assign.load",
        .message = "Expected at least " + need + " more reviews for these experts together, but what they may judge can give them " + can,
        .message_zh = "专家" + experts + "至少共应评" + need + "份，可分到的至多" + can + "份"};
  }

  static std::int64_t count_of(const std::vector<Pair>& pairs) { return static_cast<std::int64_t>(pairs.size()); }

  json::object result(const Solution& solution) const {
    json::array assignments, loads;
    std::vector<int> load(p_.experts), matched(p_.experts);
    std::int64_t cost = 0, reviews = 0;
    std::vector<Pair> pairs;
    for (std::size_t a = 0; a < p_.applications; ++a) {
      std::vector<std::size_t> chosen = solution.experts[a];
      chosen.insert(chosen.end(), p_.fixed[a].begin(), p_.fixed[a].end());
      std::sort(chosen.begin(), chosen.end());
      json::array ids;
      for (const std::size_t e : chosen) {
        ids.push_back(json::value(in_.experts[e].id));
        pairs.push_back({a, e});
        cost += base_[a * p_.experts + e] + p_.balance * ++load[e];
        matched[e] +=
            std::find(in_.experts[e].fields.begin(), in_.experts[e].fields.end(), in_.applications[a].field) != in_.experts[e].fields.end();
        ++reviews;
      }
      assignments.push_back(json::object{{"application", in_.applications[a].id}, {"experts", std::move(ids)}});
    }
    for (std::size_t e = 0; e < p_.experts; ++e)
      loads.push_back(json::object{
          {"expert", in_.experts[e].id}, {"load", load[e]}, {"min", in_.load_min[e]}, {"max", in_.load_max[e]}, {"matched", matched[e]}});
    std::vector<Pair> kept;
    std::set_intersection(pairs.begin(), pairs.end(), in_.previous.begin(), in_.previous.end(), std::back_inserter(kept));
    const bool again = !in_.previous.empty();
    json::object out{{"assignments", std::move(assignments)},
            {"load", std::move(loads)},
            {"reviews", reviews},
            {"matched", std::accumulate(matched.begin(), matched.end(), 0)},
            {"cost", cost},
            {"changes",
             json::object{{"added", again ? count_of(pairs) - count_of(kept) : 0}, {"dropped", count_of(in_.previous) - count_of(kept)}}},
            {"pairs_in_conflict", static_cast<std::int64_t>(conflict_of_.size())},
            {"networks", solution.rounds},
            {"columns", static_cast<std::int64_t>(solution.columns)}};
    if (json::array possible = possible_in(pairs); !possible.empty()) out["possible"] = std::move(possible);
    return out;
  }

  /// What a person is to confirm of the pairs that were chosen.
  json::array possible_in(const std::vector<Pair>& pairs) const {
    std::map<std::size_t, std::vector<Conflict>> of_expert;
    json::array out;
    for (const auto& [a, e] : pairs) {
      const auto [found, fresh] = of_expert.try_emplace(e);
      if (fresh) found->second = conflicts_.possible(in_.experts[e], e);
      for (const Conflict& each : found->second)
        if (each.candidate == a) out.push_back(conflicts_.to_json(each, in_.experts[e], in_.applications[a]));
    }
    return out;
  }

  const Input& in_;
  Conflicts conflicts_;
  Problem p_;
  std::vector<std::int64_t> base_;        ///< costs without those of a change
  std::map<Pair, Conflict> conflict_of_;  ///< the first of each pair
};

}  // namespace

Result<json::object> run_assignment(const json::object& input) {
  std::vector<Detail> found;
  Reader reader(input, "", found);
  Input read;
  InputReader(reader, read).read();
  reader.finish();
  if (!found.empty()) return error_of("review.input", std::move(found));
  if (read.experts.size() * read.applications.size() > kProductMax)
    return Error{.kind = ErrorKind::too_large,
                 .code = "assign.size",
                 .message = "Expected at most " + std::to_string(kProductMax) + " pairs of an application and an expert",
                 .place = "/applications",
                 .message_zh = "申报与专家的组合数超限"};
  return Assignment(read).run();
}

}  // namespace chuyi::review

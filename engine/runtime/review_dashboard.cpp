#include "engine/runtime/review_dashboard.h"

#include <algorithm>
#include <map>
#include <set>

#include "engine/base/statistics.h"
#include "engine/runtime/access.h"

namespace chuyi {
namespace {

constexpr int kPlaces = 2;
constexpr std::size_t kLateMax = 200;

struct Scores {
  std::vector<Decimal> totals;
  std::vector<Decimal> above;  ///< the others' mean, of the same application
};
struct ExpertState {
  std::int64_t open = 0, signed_off = 0, recused = 0, late = 0;
  Scores scores;
};
struct PanelState {
  std::int64_t applications = 0, sealed = 0;
  std::set<std::string> programmes, experts;
  std::vector<Decimal> totals;
};
using Tally = std::map<std::string, std::map<std::string, std::int64_t>>;

json::array shown(const Tally& tally) {
  json::array out;
  for (const auto& [org, states] : tally) {
    std::int64_t total = 0;
    json::object counts;
    for (const auto& [state, count] : states) {
      counts[state] = count;
      total += count;
    }
    out.push_back(json::object{{"org", org}, {"total", total}, {"states", std::move(counts)}});
  }
  return out;
}

json::object shown(const Scores& scores) {
  json::object out{{"count", static_cast<std::int64_t>(scores.totals.size())}, {"mean", mean(scores.totals, kPlaces).to_string(kPlaces)}};
  if (scores.above.empty()) return out;
  std::vector<Decimal> distance;
  for (const Decimal each : scores.above) distance.push_back(each < Decimal{} ? Decimal{} - each : each);
  out["severity"] = mean(scores.above, kPlaces).to_string(kPlaces);
  out["agreement"] = mean(distance, kPlaces).to_string(kPlaces);
  return out;
}

json::object distribution(const std::vector<Decimal>& totals) {
  Moments moments;
  std::vector<std::int64_t> tens(10, 0);
  for (const Decimal each : totals) {
    moments.add(each);
    ++tens[static_cast<std::size_t>(std::clamp<std::int64_t>(each.units() / (10 * Decimal::kScale), 0, 9))];
  }
  json::array counts(tens.begin(), tens.end());
  const auto [lowest, highest] = std::minmax_element(totals.begin(), totals.end());
  return {{"count", moments.count()},
          {"mean", moments.mean(kPlaces).to_string(kPlaces)},
          {"deviation", moments.deviation(kPlaces).to_string(kPlaces)},
          {"lowest", lowest->to_string(kPlaces)},
          {"highest", highest->to_string(kPlaces)},
          {"tens", std::move(counts)}};
}

/// Totals of one application whose panel has closed.
void add_scores(const Reviewed& application, std::map<std::string, ExpertState>& experts, PanelState& panel) {
  std::vector<std::pair<std::string, Decimal>> sheets;
  for (const TaskRow& task : application.panel)
    if (task.kind == "sheet" && task.outcome == "sign")
      if (const Result<Decimal> total = Decimal::parse(string_or(task.data, "total")); total) sheets.emplace_back(task.user, *total);
  for (std::size_t i = 0; i < sheets.size(); ++i) {
    Scores& scores = experts[sheets[i].first].scores;
    scores.totals.push_back(sheets[i].second);
    panel.totals.push_back(sheets[i].second);
    std::vector<Decimal> others;
    for (std::size_t j = 0; j < sheets.size(); ++j)
      if (j != i) others.push_back(sheets[j].second);
    if (!others.empty()) scores.above.push_back(sheets[i].second - mean(others, 6));
  }
}

}  // namespace

Result<json::object> review_dashboard(Queries& queries, const Definitions& definitions, const std::string& round, Instant now) {
  const Result<std::vector<Reviewed>> applications = reviewed_applications(queries, definitions, round);
  if (!applications) return applications.error();
  const Result<std::map<std::string, std::string>> drawn = drawn_panels(queries, round);
  if (!drawn) return drawn.error();
  Tally prefectures, colleges;
  std::map<std::string, ExpertState> experts;
  std::map<std::string, PanelState> by_panel;
  std::int64_t panels = 0, closed = 0, to_appoint = 0, open = 0, done = 0, recused = 0;
  json::array late;
  for (const Reviewed& each : *applications) {
    ++prefectures[string_or(object_or_empty(each.facts, "orgs"), "prefecture")][each.row.state];
    ++colleges[each.row.org][each.row.state];
    if (each.panel.empty()) continue;
    const auto draw = drawn->find(each.row.id);
    PanelState& panel = by_panel[draw == drawn->end() ? each.row.programme : draw->second];
    panel.programmes.insert(each.row.programme);
    ++panel.applications;
    ++panels;
    to_appoint += each.has_open_setup() ? 1 : 0;
    const bool sealed = std::any_of(each.panel.begin(), each.panel.end(), seals_scores);
    (sealed ? panel.sealed : closed) += 1;
    for (const TaskRow& task : each.panel) {
      if (task.kind != "sheet" || task.status == "cancelled") continue;
      panel.experts.insert(task.user);
      ExpertState& expert = experts[task.user];
      const bool is_open = seals_scores(task);
      ++(is_open ? expert.open : task.outcome == "recuse" ? expert.recused : expert.signed_off);
      ++(is_open ? open : task.outcome == "recuse" ? recused : done);
      if (!is_open || !task.due || now < *task.due) continue;
      ++expert.late;
      if (late.size() < kLateMax)
        late.push_back(json::object{
            {"expert", task.user}, {"application", each.row.id}, {"task", task.id}, {"due", format_instant(*task.due)}});
    }
    if (!sealed) add_scores(each, experts, panel);
  }
  json::array shown_experts;
  for (const auto& [id, state] : experts) {
    json::object one{{"expert", id}, {"open", state.open}, {"signed", state.signed_off}, {"recused", state.recused}, {"late", state.late}};
    if (!state.scores.totals.empty()) one["scores"] = shown(state.scores);
    shown_experts.push_back(std::move(one));
  }
  json::array shown_panels;
  for (const auto& [id, state] : by_panel) {
    json::object one{{"panel", id},
                     {"programmes", json::array(state.programmes.begin(), state.programmes.end())},
                     {"applications", state.applications},
                     {"experts", static_cast<std::int64_t>(state.experts.size())},
                     {"sealed", state.sealed}};
    if (!state.totals.empty()) one["scores"] = distribution(state.totals);
    shown_panels.push_back(std::move(one));
  }
  json::object sheets{{"open", open}, {"signed", done}, {"recused", recused}};
  json::object review{{"panels", panels},
                      {"closed", closed},
                      {"to_appoint", to_appoint},
                      {"sheets", std::move(sheets)},
                      {"late", std::move(late)}};
  json::object progress{{"prefectures", shown(prefectures)}, {"colleges", shown(colleges)}};
  return json::object{{"progress", std::move(progress)},
                      {"review", std::move(review)},
                      {"experts", std::move(shown_experts)},
                      {"panels", std::move(shown_panels)}};
}

}  // namespace chuyi

#include "server/simulate/report.h"

#include <algorithm>

#include "engine/base/digest.h"
#include "engine/ports/audit.h"
#include "engine/runtime/replay.h"
#include "engine/scxml/describe.h"

namespace chuyi::simulate {
namespace {

std::int64_t whole(std::size_t number) { return static_cast<std::int64_t>(number); }

/// The value below which so many of a hundred lie, by nearest rank.
std::int64_t percentile(std::vector<std::size_t> values, std::size_t percent) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t rank = (values.size() * percent + 99) / 100;
  return whole(values[std::max<std::size_t>(rank, 1) - 1]);
}

bool is_in_term(const std::string& state) { return state == "year_running" || state == "annual_check" || state == "rectification" || state == "put_off" || state == "plaque_return" || state == "claw_back"; }

/// Counts of some applications.
struct Tally {
  std::size_t applications = 0, late = 0, returned = 0, withdrawn = 0, recommended = 0, selected = 0;
  void add(const Case& each) {
    ++applications;
    late += each.late ? 1 : 0;
    returned += each.returned > 0 ? 1 : 0;
    withdrawn += each.state == "withdrawn" ? 1 : 0;
    recommended += each.recommended ? 1 : 0;
    selected += each.side == "in" ? 1 : 0;
  }
  void put(json::object& out) const {
    out["applications"] = whole(applications);
    out["late"] = whole(late);
    out["returned"] = whole(returned);
    out["withdrawn"] = whole(withdrawn);
    out["recommended"] = whole(recommended);
    out["selected"] = whole(selected);
  }
};

json::object check(const char* name, const char* zh, const char* en, std::size_t checked, const std::vector<std::string>& failures) {
  constexpr std::size_t kShown = 20;
  json::array shown;
  for (std::size_t i = 0; i < std::min(kShown, failures.size()); ++i) shown.emplace_back(failures[i]);
  return {{"name", name}, {"zh", zh}, {"en", en}, {"checked", whole(checked)}, {"failed", whole(failures.size())}, {"failures", std::move(shown)}};
}

json::array checks_of(const Season& season, const Cast& cast, const Aftermath& aftermath) {
  std::vector<std::string> over, open;
  std::map<std::size_t, std::int64_t> selected;
  for (const Case& each : season.cases()) {
    if (each.side == "in") ++selected[each.plan->programme];
    if (!each.id.empty() && each.status == "running" && !is_in_term(each.state)) open.push_back(each.plan->label + " " + each.state);
  }
  for (std::size_t i = 0; i < cast.programmes.size(); ++i) {
    const Programme& programme = cast.programmes[i];
    if (selected[i] > programme.planned || whole(season.awards().at(programme.id)) > programme.planned) over.push_back(programme.id);
  }
  std::vector<std::string> beyond;
  for (const auto& [key, places] : season.ledger().places)
    if (places.max > 0 && places.most > places.max) beyond.push_back(cast.programmes[key.first].id + " " + key.second + ": " + std::to_string(places.most) + " > " + std::to_string(places.max));
  json::array out;
  out.push_back(check("plan", "入选与认定不超过计划数", "no more selected or awarded than planned", cast.programmes.size(), over));
  out.push_back(check("places", "推荐不超过各单位限额", "no more recommended than each organisation has places", season.ledger().places.size(), beyond));
  out.push_back(check("ended", "每件申报已办结或在建设期内", "every application has ended or is in its term", season.cases().size(), open));
  out.push_back(check("scores", "评审组得分与排名得分一致", "the panels' scores are those of the lists", season.scores_compared(), season.scored_otherwise()));
  out.push_back(check("replay", "抽样重放与存储逐字节一致", "a sample replays to the same bytes", aftermath.replayed, aftermath.replay_problems));
  out.push_back(check("audit", "审计日志链完整", "the audit log is one unbroken chain", 1, aftermath.audit_problem.empty() ? std::vector<std::string>{} : std::vector<std::string>{aftermath.audit_problem}));
  return out;
}

json::array bottlenecks_of(const Ledger& ledger, const Aftermath& aftermath) {
  std::vector<std::pair<std::string, const std::vector<std::size_t>*>> states;
  for (const auto& [state, days] : ledger.stays)
    if (state != "year_running") states.emplace_back(state, &days);  // lasts a year, whatever people do
  const auto slow = [](const auto& each) { return std::pair{percentile(*each.second, 50), percentile(*each.second, 90)}; };
  std::stable_sort(states.begin(), states.end(), [&](const auto& a, const auto& b) { return slow(a) > slow(b); });
  json::array out;
  for (const auto& each : states) {
    const auto [median, p90] = slow(each);
    const auto title = aftermath.titles.find(each.first);
    out.push_back(json::object{{"state", each.first},
                               {"zh", title == aftermath.titles.end() ? each.first : title->second.first},
                               {"en", title == aftermath.titles.end() ? each.first : title->second.second},
                               {"times", whole(each.second->size())},
                               {"median", median},
                               {"p90", p90}});
  }
  return out;
}

json::object reviewers_of(const Ledger& ledger) {
  std::vector<std::size_t> loads;
  for (const auto& [expert, count] : ledger.sheets) loads.push_back(count);
  return {{"experts", whole(loads.size())}, {"sheets", whole(ledger.sheets_signed)}, {"recusals", whole(ledger.recusals)}, {"conflicts", whole(ledger.conflicts)},
          {"min", percentile(loads, 0)}, {"median", percentile(loads, 50)}, {"max", percentile(loads, 100)}};
}

json::array refusals_of(const Ledger& ledger, bool quotas) {
  json::array out;
  for (const auto& [key, each] : ledger.refusals)
    if (key.second.starts_with("quota.") == quotas)
      out.push_back(json::object{{"tried", key.first}, {"code", key.second}, {"count", whole(each.count)}, {"example", each.example}, {"zh", each.zh}, {"en", each.en}});
  return out;
}

json::array lists_of(const Season& season, const Cast& cast) {
  json::array out;
  for (std::size_t i = 0; i < cast.programmes.size(); ++i) {
    std::vector<const Case*> ranked;
    for (const Case& each : season.cases())
      if (each.plan->programme == i && !each.rank.empty()) ranked.push_back(&each);
    std::sort(ranked.begin(), ranked.end(), [](const Case* a, const Case* b) { return std::pair{std::stoul(a->rank), a->plan->label} < std::pair{std::stoul(b->rank), b->plan->label}; });
    json::array rows;
    for (const Case* each : ranked)
      rows.push_back(json::object{{"application", each->plan->label}, {"id", each->id}, {"org", each->plan->org}, {"rank", whole(std::stoul(each->rank))}, {"score", each->score}, {"selected", each->side == "in"}, {"state", each->state}});
    out.push_back(json::object{{"programme", cast.programmes[i].id}, {"planned", cast.programmes[i].planned}, {"ranking", std::move(rows)}});
  }
  return out;
}

}  // namespace

Result<Aftermath> look_back(const Season& season, Queries& queries, const Definitions& definitions, const InvokeRegistry& registry) {
  constexpr std::size_t kSample = 25;
  Aftermath out;
  for (const DefinitionPtr& definition : definitions.current())
    for (const scxml::StateInfo& info : scxml::states_of(*definition->chart)) out.titles.try_emplace(info.id, info.title_zh, info.title_en);
  const std::size_t step = std::max<std::size_t>(1, season.cases().size() / kSample);
  for (std::size_t i = 0; i < season.cases().size(); i += step) {
    const Case& each = season.cases()[i];
    if (each.id.empty()) continue;
    ++out.replayed;
    const Result<ReplayReport> replayed = replay(queries, definitions, registry, each.id, 0, [](const ReplayedCommand&) {});
    if (!replayed) out.replay_problems.push_back(each.plan->label + ": " + replayed.error().code);
    else if (!replayed->identical) out.replay_problems.push_back(each.plan->label);
  }
  if (const Result<AuditHead> head = verify_audit(queries); !head) out.audit_problem = head.error().code;
  return out;
}

json::object report_of(const Season& season, const Cast& cast, const Options& options, const Call& call, const Aftermath& aftermath) {
  Tally all;
  std::vector<Tally> programmes(cast.programmes.size());
  std::map<std::string, Tally> prefectures;
  for (const Case& each : season.cases()) {
    all.add(each);
    programmes[each.plan->programme].add(each);
    prefectures[each.plan->region].add(each);
  }
  const Ledger& ledger = season.ledger();
  json::object out{{"format", "chuyi-simulation-1"}};
  out["options"] = json::object{{"seed", static_cast<std::int64_t>(options.seed)}, {"applications", whole(options.applications)}, {"experts", whole(options.experts)}, {"years", options.years}};
  out["call"] = json::object{{"id", call.id}, {"title", call.title}, {"opens", format_day(call.opens)}, {"deadline", format_day(call.last)}, {"working_days", whole(call.days)}};
  out["last_day"] = format_day(season.last_day());
  out["working_days"] = whole(season.days());
  json::object totals{{"soft_reasons", whole(ledger.reasons)}, {"objections", whole(ledger.objections)}, {"upheld", whole(ledger.upheld)}};
  all.put(totals);
  json::array by_programme;
  std::size_t awards = 0;
  for (std::size_t i = 0; i < programmes.size(); ++i) {
    const Programme& programme = cast.programmes[i];
    json::object row{{"id", programme.id}, {"zh", programme.zh}, {"en", programme.en}, {"planned", programme.planned}, {"awards", whole(season.awards().at(programme.id))}};
    programmes[i].put(row);
    awards += season.awards().at(programme.id);
    by_programme.push_back(std::move(row));
  }
  totals["awards"] = whole(awards);
  json::array by_prefecture;
  for (const auto& [id, tally] : prefectures) {
    const json::object& org = cast.by_id.at(id);
    json::object row{{"id", id}, {"zh", string_or(org, "name")}, {"en", string_or(org, "name_en")}};
    tally.put(row);
    by_prefecture.push_back(std::move(row));
  }
  out["totals"] = std::move(totals);
  out["programmes"] = std::move(by_programme);
  out["prefectures"] = std::move(by_prefecture);
  out["bottlenecks"] = bottlenecks_of(ledger, aftermath);
  json::object missed;
  for (const auto& [what, count] : ledger.missed) missed[what] = whole(count);
  out["missed_deadlines"] = std::move(missed);
  out["reviewers"] = reviewers_of(ledger);
  out["quota_clashes"] = refusals_of(ledger, true);
  out["refusals"] = refusals_of(ledger, false);
  json::array stuck;
  for (const std::size_t at : season.stuck()) stuck.push_back(json::object{{"application", season.cases()[at].plan->label}, {"state", season.cases()[at].state}});
  out["stuck"] = std::move(stuck);
  out["notes"] = json::array(ledger.notes.begin(), ledger.notes.end());
  out["checks"] = checks_of(season, cast, aftermath);
  out["lists"] = lists_of(season, cast);
  json::object exports;
  for (const auto& [name, bytes] : ledger.exports) exports[name] = sha256_hex(bytes);
  out["exports"] = std::move(exports);
  return out;
}

bool holds(const json::object& report) {
  const json::array& checks = array_or_empty(report, "checks");
  return std::all_of(checks.begin(), checks.end(), [](const json::value& each) { return int_or(each.as_object(), "failed", 0) == 0; });
}

}  // namespace chuyi::simulate

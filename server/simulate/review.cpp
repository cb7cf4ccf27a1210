#include <algorithm>

#include "engine/base/decimal.h"
#include "engine/base/digest.h"
#include "engine/review/assignment.h"
#include "engine/review/conflicts.h"
#include "engine/review/draw.h"
#include "engine/review/results.h"
#include "engine/review/sealed_export.h"
#include "server/simulate/season.h"

// Conflicts, draw, assignment, sheets, results: by the same libraries as `chuyi conflicts`, `draw`, `assign` and `results`.
namespace chuyi::simulate {
namespace {

constexpr const char* kSession = "r-2026-1";
constexpr int kYear = 2026;
constexpr std::size_t kReviewDays = 15;      ///< working days in which a sheet is to be signed
constexpr std::size_t kReviewDaysMax = 120;  ///< then the review is given up
constexpr std::size_t kSheetsOfExpert = 20;  ///< as a panel is sized
constexpr std::size_t kSeatsMax = 60;

json::array to_array(const std::vector<std::string>& texts) { return json::array(texts.begin(), texts.end()); }

json::array experts_json(const std::vector<const Judge*>& judges) {
  json::array out;
  for (const Judge* each : judges) out.push_back(review::to_json(each->expert));
  return out;
}

/// The criteria that are scored: leaves of the tree.
void leaves(const json::array& criteria, std::vector<const json::object*>& out) {
  for (const json::value& value : criteria) {
    const json::object& criterion = value.as_object();
    if (const json::array& below = array_or_empty(criterion, "criteria"); !below.empty()) leaves(below, out);
    else out.push_back(&criterion);
  }
}

/// A mark of so many hundredths, as the rubric wants it: a level, a number of a hundred, or of the criterion's weight.
json::value mark_of(const json::object& criterion, bool hundred, std::int64_t hundredths) {
  if (const json::array& levels = array_or_empty(criterion, "levels"); !levels.empty()) {
    const auto at = static_cast<std::size_t>((100 - hundredths) * static_cast<std::int64_t>(levels.size()) / 101);
    return json::value(string_or(levels[at].as_object(), "id"));
  }
  const Decimal whole = hundred ? Decimal{100} : *Decimal::parse(string_or(criterion, "weight"));
  return json::value((whole * Decimal::from_units(hundredths * (Decimal::kScale / 100))).to_string(2));
}

/// As the readers of these libraries take numbers.
std::int64_t whole(std::size_t number) { return static_cast<std::int64_t>(number); }

std::string seed_of(const Options& options, const std::string& context) { return sha256_hex("seed " + std::to_string(options.seed) + " " + context); }

}  // namespace

void Season::note(const char* what, const std::string& programme, const Error& error) {
  const std::vector<Detail> details = details_of(error);
  ledger_.notes.push_back({{"what", what}, {"programme", programme}, {"code", error.code}, {"en", details.front().message}, {"zh", details.front().message_zh}});
}

json::object Season::candidate_of(const Case& each) const {
  review::Candidate out{.id = each.plan->label, .programme = programme_of(each).id, .title = each.plan->title, .org = each.plan->org};
  const json::object& org = cast_.by_id.at(each.plan->org);
  for (std::string parent = string_or(org, "parent"); !parent.empty(); parent = string_or(cast_.by_id.at(parent), "parent")) out.org_chain.push_back(parent);
  out.competent_department = string_or(org, "competent");
  out.leader = each.plan->leader;
  out.members = each.plan->members;
  out.handlers = {applicant_of(each).user_id};
  out.partners = each.plan->partners;
  out.field = each.plan->field;
  out.region = each.plan->region;
  return review::to_json(out);
}

void Season::review() {
  look();
  review_began_ = day_;
  find_conflicts();
  compose_panels();
  Dice dice(options_.seed, "sheets");
  for (std::size_t waited = 0; waited < kReviewDaysMax; ++waited) {
    next_day();
    if (in_states({"panel_review", "combining"}) == 0) break;
    withdrawals();
    score_sheets(dice);
    replace_recused();
  }
  rank();
}

void Season::find_conflicts() {
  json::array experts, applications;
  for (const Judge& each : cast_.judges) experts.push_back(review::to_json(each.expert));
  for (const Case& each : cases_)
    if (each.state == "panel_review") applications.push_back(candidate_of(each));
  if (applications.empty()) return;
  const json::object input{{"year", kYear}, {"policy", policy_}, {"experts", std::move(experts)}, {"applications", std::move(applications)}};
  const json::object found = must(review::run_conflicts(input));
  ledger_.conflicts = array_or_empty(found, "conflicts").size();
  ledger_.exports["conflicts.json"] = must(review::make_export("chuyi-conflicts-1", input, [&](const json::object&) -> Result<json::object> { return found; }));
}

void Season::compose_panels() {
  std::set<std::string> drawn;
  for (std::size_t programme = 0; programme < cast_.programmes.size(); ++programme) {
    std::vector<Case*> cases;
    for (Case& each : cases_)
      if (each.plan->programme == programme && each.state == "panel_review") cases.push_back(&each);
    if (cases.empty()) continue;
    assign(programme, cases, draw_panel(programme, cases, drawn));
  }
  look();
}

/// Draws the panel of a programme, then again without those of it who cannot come. Where the draw cannot be, everybody.
std::vector<const Judge*> Season::draw_panel(std::size_t programme, const std::vector<Case*>& cases, std::set<std::string>& drawn) {
  const Programme& of = cast_.programmes[programme];
  const std::size_t wanted = (cases.size() * of.reviews + kSheetsOfExpert - 1) / kSheetsOfExpert;
  const std::size_t seats = std::min(std::clamp(wanted, of.reviews + 3, kSeatsMax), cast_.judges.size());
  const std::size_t spares = std::min(seats / 4 + 1, cast_.judges.size() - seats);
  std::vector<const Judge*> pool;
  for (const Judge& each : cast_.judges)
    if (!drawn.contains(each.expert.id)) pool.push_back(&each);
  if (pool.size() < 2 * (seats + spares)) {
    pool.clear();
    for (const Judge& each : cast_.judges) pool.push_back(&each);
  }
  json::array applications;
  for (const Case* each : cases) applications.push_back(candidate_of(*each));
  const std::string context = std::string{kSession} + " " + of.id;
  const std::string seed = seed_of(options_, context);
  json::object input{{"year", kYear}, {"policy", policy_}, {"experts", experts_json(pool)}, {"applications", std::move(applications)},
                     {"context", context}, {"seed", seed}, {"commitment", review::commitment_of(seed, context)},
                     {"seats", whole(seats)}, {"spares", whole(spares)}, {"nominated_since", kYear - 2},
                     {"conflicts_max", whole(cases.size() / 5)}, {"absent", json::array{}},
                     {"strata", json::array{json::object{{"name", "enterprise"}, {"where", json::object{{"kind", json::array{"enterprise"}}}}, {"at_least", whole(seats / 6)}, {"spares_at_least", whole(spares / 6)}}}}};
  Result<json::object> result = review::run_draw(input);
  if (result) {
    Dice dice(options_.seed, "absent " + of.id);
    json::array absent;
    for (const json::value& each : array_or_empty(*result, "panel"))
      if (absent.size() < spares / 2 && dice.chance(6)) absent.push_back(each);
    json::object without = input;
    without["absent"] = std::move(absent);
    if (Result<json::object> seated = review::run_draw(without)) {
      input = std::move(without);
      result = std::move(seated);
    } else {
      note("spares", of.id, seated.error());  // then those who were drawn sit, and are late
    }
  }
  if (!result) {
    note("draw", of.id, result.error());
    for (const Judge* each : pool) drawn.insert(each->expert.id);
    return pool;
  }
  ledger_.exports["draw-" + of.id + ".json"] = must(review::make_export("chuyi-draw-1", input, [&](const json::object&) { return result; }));
  std::vector<const Judge*> out;
  for (const json::value& each : array_or_empty(*result, "seated")) {
    const std::string id{each.as_string()};
    out.push_back(judges_.at(id));
    drawn.insert(id);
  }
  return out;
}

void Season::assign(std::size_t programme, const std::vector<Case*>& cases, const std::vector<const Judge*>& panel) {
  const Programme& of = cast_.programmes[programme];
  json::array applications;
  for (const Case* each : cases) applications.push_back(candidate_of(*each));
  const std::size_t most = cases.size() * of.reviews * 3 / 2 / std::max<std::size_t>(1, panel.size()) + 2;
  json::object input{{"year", kYear}, {"policy", policy_}, {"experts", experts_json(panel)}, {"applications", std::move(applications)}, {"coverage", whole(of.reviews)},
                     {"load", json::object{{"min", 0}, {"max", whole(most)}}}, {"limits", json::array{json::object{{"by", "employer"}, {"at_most", 1}}}},
                     {"cost", json::object{{"mismatch", 100}, {"same_region", 10}, {"balance", 1}}}};
  Result<json::object> result = review::run_assignment(input);
  if (!result) {  // wider: everybody, and as much as it takes
    note("assignment", of.id, result.error());
    std::vector<const Judge*> all;
    for (const Judge& each : cast_.judges) all.push_back(&each);
    input["experts"] = experts_json(all);
    input["load"] = json::object{{"min", 0}, {"max", 200}};
    input.erase("limits");
    result = must(review::run_assignment(input));
  }
  ledger_.exports["assignment-" + of.id + ".json"] = must(review::make_export("chuyi-assignment-1", input, [&](const json::object&) { return result; }));
  std::map<std::string, std::string> tasks;
  for (const auto& [each, work] : inbox(cast_.clerks.front(), "panel-setup")) tasks[each->plan->label] = work.task;
  std::map<std::string, Case*> by_label;
  for (Case* each : cases) by_label[each->plan->label] = each;
  for (const json::value& value : array_or_empty(*result, "assignments")) {
    const json::object& row = value.as_object();
    std::vector<std::string> experts;
    for (const json::value& each : array_or_empty(row, "experts")) experts.emplace_back(each.as_string());
    appoint(*by_label.at(string_or(row, "application")), tasks.at(string_or(row, "application")), experts);
  }
}

void Season::appoint(Case& each, const std::string& task, const std::vector<std::string>& experts) {
  if (!tried(desk_.complete(cast_.clerks.front(), task, "appoint", {{"reviewers", to_array(experts)}}), "appoint", each)) return;
  each.reviewers.insert(each.reviewers.end(), experts.begin(), experts.end());
}

/// As few changes as there can be: who is there stays, and only the empty chairs are assigned.
void Season::replace_recused() {
  std::map<std::size_t, std::vector<std::pair<Case*, Work>>> open;
  for (auto& [each, work] : inbox(cast_.clerks.front(), "panel-setup")) open[each->plan->programme].emplace_back(each, std::move(work));
  for (const auto& [programme, chairs] : open) {
    json::array applications, coverage, forbidden;
    for (const auto& [each, work] : chairs) {
      applications.push_back(candidate_of(*each));
      const std::size_t needed = cast_.programmes[programme].reviews - std::min(cast_.programmes[programme].reviews, each->reviewers.size());
      coverage.push_back(json::object{{"application", each->plan->label}, {"reviews", whole(needed)}});
      for (const std::string& expert : each->reviewers) forbidden.push_back(json::object{{"application", each->plan->label}, {"expert", expert}});
      for (const std::string& expert : each->recused) forbidden.push_back(json::object{{"application", each->plan->label}, {"expert", expert}});
    }
    std::vector<const Judge*> all;
    for (const Judge& each : cast_.judges) all.push_back(&each);
    const json::object input{{"year", kYear}, {"policy", policy_}, {"experts", experts_json(all)}, {"applications", std::move(applications)}, {"coverage", 1},
                             {"coverage_of", std::move(coverage)}, {"forbidden", std::move(forbidden)}, {"load", json::object{{"min", 0}, {"max", 10}}},
                             {"cost", json::object{{"mismatch", 100}, {"same_region", 10}, {"balance", 1}}}};
    const Result<json::object> result = review::run_assignment(input);
    if (!result) {
      note("re-assignment", cast_.programmes[programme].id, result.error());
      continue;
    }
    for (const json::value& value : array_or_empty(*result, "assignments")) {
      const json::object& row = value.as_object();
      std::vector<std::string> experts;
      for (const json::value& each : array_or_empty(row, "experts")) experts.emplace_back(each.as_string());
      for (const auto& [each, work] : chairs)
        if (each->plan->label == string_or(row, "application")) appoint(*each, work.task, experts);
    }
  }
}

void Season::score_sheets(Dice& dice) {
  const std::size_t day = day_ - review_began_;
  for (const auto& [id, judge] : judges_) {
    if (day >= judge->away_from && day < judge->away_to) continue;
    std::size_t done = 0;
    for (const auto& [each, work] : inbox(judge_actors_.at(id), "sheet")) {
      if (done++ == judge->per_day) break;
      sign_sheet(dice, *judge, *each, work);
    }
  }
}

void Season::sign_sheet(Dice& dice, const Judge& judge, Case& each, const Work& work) {
  const std::string& id = judge.expert.id;
  const Actor& who = judge_actors_.at(id);
  if (dice.below(1000) < 12) {
    if (!tried(desk_.complete(who, work.task, "recuse", {{"comment", "与申报人相识"}}), "recuse", each)) return;
    ++ledger_.recusals;
    each.recused.insert(id);
    std::erase(each.reviewers, id);
    return;
  }
  const json::object& rubric = object_or_empty(programme_of(each).manifest, "rubric");
  const bool hundred = string_or(rubric, "scale") == "hundred";
  std::vector<const json::object*> criteria;
  leaves(array_or_empty(rubric, "criteria"), criteria);
  json::object sheet{{"comment", "经评审"}};
  json::object scores;
  for (const json::object* criterion : criteria)
    scores[string_or(*criterion, "id")] = mark_of(*criterion, hundred, std::clamp<std::int64_t>(each.plan->quality + judge.severity + dice.between(-judge.noise, judge.noise), 30, 100));
  sheet["scores"] = std::move(scores);
  json::object vetoes;
  for (const json::value& item : array_or_empty(object_or_empty(rubric, "veto"), "items")) vetoes[string_or(item.as_object(), "id")] = json::object{{"veto", false}};
  if (!vetoes.empty()) sheet["vetoes"] = std::move(vetoes);
  if (!tried(desk_.complete(who, work.task, "sign", sheet), "sign", each)) return;
  if (day_ - review_began_ > kReviewDays) ++ledger_.missed["sheet"];
  ++ledger_.sheets_signed;
  ++ledger_.sheets[id];
  sheet.erase("comment");
  sheet["application"] = each.plan->label;
  sheet["expert"] = id;
  sheet["panel"] = "panel-" + programme_of(each).id;
  sheets_[each.plan->label].push_back(std::move(sheet));
}

json::object Season::results_input() const {
  json::array programmes, applications, panels, sheets;
  for (std::size_t i = 0; i < cast_.programmes.size(); ++i) {
    const Programme& programme = cast_.programmes[i];
    json::array members;
    std::set<std::string> experts;
    for (const Case& each : cases_) {
      if (each.plan->programme != i || each.state != "awaiting_round") continue;
      members.emplace_back(each.plan->label);
      applications.push_back(json::object{{"id", each.plan->label}, {"programme", programme.id}, {"region", each.plan->region}, {"org", each.plan->org}});
      for (const json::object& sheet : sheets_.at(each.plan->label)) {
        experts.insert(string_or(sheet, "expert"));
        sheets.push_back(sheet);
      }
    }
    if (members.empty()) continue;
    programmes.push_back(json::object{{"id", programme.id},
                                      {"rubric", object_or_empty(programme.manifest, "rubric")},
                                      {"lists", json::array{json::object{{"id", "all"}, {"places", programme.planned}}}}});
    panels.push_back(json::object{{"id", "panel-" + programme.id}, {"applications", std::move(members)}, {"experts", json::array(experts.begin(), experts.end())}});
  }
  return {{"round", kSession}, {"programmes", std::move(programmes)}, {"applications", std::move(applications)}, {"panels", std::move(panels)}, {"sheets", std::move(sheets)}};
}

/// The ranked lists. A tie on the line is decided on, in an order that the committee is made to find.
void Season::rank() {
  json::object input = results_input();
  if (array_or_empty(input, "applications").empty()) return;
  input = review::normalised(std::move(input));
  review::Input read = must(review::read_input(input));
  review::Results results = must(review::compute(read));
  json::array decisions;
  for (std::size_t i = 0; i < results.programmes.size(); ++i) {
    json::array order;
    for (const review::Ranked& each : results.programmes[i].lists.front().ranked)
      if (each.side == review::Side::tied) order.emplace_back(read.applications[each.application].id);
    if (!order.empty()) decisions.push_back(json::object{{"programme", read.programmes[i].id}, {"list", "all"}, {"order", std::move(order)}, {"reason", "评审委员会议定"}, {"by", "委员会"}});
  }
  if (!decisions.empty()) {
    input["tie_decisions"] = std::move(decisions);
    read = must(review::read_input(input));
    results = must(review::compute(read));
  }
  ledger_.exports["results.json"] = review::export_bytes(must(review::results_of(input)));
  std::map<std::string, Case*> by_label;
  for (Case& each : cases_) by_label[each.plan->label] = &each;
  for (std::size_t i = 0; i < results.programmes.size(); ++i)
    for (const review::Ranked& each : results.programmes[i].lists.front().ranked) {
      Case& ranked = *by_label.at(read.applications[each.application].id);
      ranked.rank = std::to_string(each.rank);
      ranked.score = results.applications[each.application].raw->to_string(read.programmes[i].rubric.places);
      ranked.side = each.side == review::Side::in ? "in" : "out";
    }
}

void Season::decide() {
  json::array selected, not_selected;
  for (const Case& each : cases_)
    if (each.state == "awaiting_round") (each.side == "in" ? selected : not_selected).emplace_back(each.id);
  must(desk_.decide_round(cast_.lead, kSession, {{"selected", std::move(selected)}, {"not_selected", std::move(not_selected)}, {"deviations", json::array{}}}));
  look();
}

}  // namespace chuyi::simulate

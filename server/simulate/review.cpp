#include <algorithm>

#include "engine/base/decimal.h"
#include "engine/base/digest.h"
#include "engine/invoke/rows_json.h"
#include "engine/review/draw.h"
#include "server/simulate/season.h"

// Pool, conflicts, draw, assignment, sheets, results: each by the command that an officer, a supervisor or an expert gives.
namespace chuyi::simulate {
namespace {

constexpr std::size_t kReviewDays = 15;      ///< working days in which a sheet is to be signed
constexpr std::size_t kReviewDaysMax = 120;  ///< then the review is given up
constexpr std::size_t kSheetsOfExpert = 20;  ///< as a panel is sized
constexpr std::size_t kSeatsMax = 60;
constexpr std::size_t kReplaceEvery = 5;     ///< working days between two looks for empty chairs
constexpr std::int64_t kMembers = 15;        ///< of the committee
constexpr std::int64_t kPresent = 13;

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

/// As the readers of these commands take numbers.
std::int64_t whole(std::size_t number) { return static_cast<std::int64_t>(number); }

}  // namespace

void Season::note(const char* what, const std::string& programme, const Error& error) {
  const std::vector<Detail> details = details_of(error);
  ledger_.notes.push_back({{"what", what}, {"programme", programme}, {"code", error.code}, {"en", details.front().message}, {"zh", details.front().message_zh}});
}

json::object Season::of_round(json::object data) const {
  data["round"] = session_;
  return data;
}

/// Experts are entered by an officer, and say themselves what they stand back from.
void Season::fill_pool() {
  for (const Judge& judge : cast_.judges) {
    must(desk_.review(cast_.lead, "expert.put", pool_entry(judge)));
    for (const review::Declaration& each : judge.expert.declared) must(desk_.review(judge_actors_.at(judge.expert.id), "expert.declare", {{"org", each.org}, {"reason", each.reason}}));
  }
}

void Season::set_up_review() {
  json::object programmes;
  for (const Programme& each : cast_.programmes)
    programmes[each.id] = json::object{{"committee", json::object{{"members", kMembers}, {"quorum", "two-thirds"}, {"majority", "half"}, {"ballot", "secret"}}}};
  must(desk_.review(cast_.clerks.front(), "review.setup", of_round({{"year", call_.year}, {"programmes", std::move(programmes)}})));
}

void Season::review() {
  look();
  review_began_ = day_;
  if (in_states({"panel_review"}) > 0) find_conflicts();
  compose_panels();
  Dice dice(options_.seed, "sheets");
  for (std::size_t waited = 0; waited < kReviewDaysMax; ++waited) {
    next_day();
    if (in_states({"panel_review", "combining"}) == 0) break;
    withdrawals();
    score_sheets(dice);
    if (waited % kReplaceEvery == kReplaceEvery - 1) replace_recused();
    glance();
  }
  rank();
}

void Season::find_conflicts() {
  std::string bytes = must(desk_.exported(cast_.lead, session_, "conflicts", ""));
  const json::value found = must(parse_json(bytes, kStoredJson, "conflicts"));
  ledger_.conflicts = array_or_empty(object_or_empty(found.as_object(), "result"), "conflicts").size();
  ledger_.exports["conflicts.json"] = std::move(bytes);
}

void Season::compose_panels() {
  for (std::size_t programme = 0; programme < cast_.programmes.size(); ++programme) {
    const auto cases = static_cast<std::size_t>(std::count_if(cases_.begin(), cases_.end(), [&](const Case& each) { return each.plan->programme == programme && each.state == "panel_review"; }));
    if (cases == 0) continue;
    if (draw_panel(programme, cases)) draws_[programme] = cast_.programmes[programme].id;
    assign(programme, cases);
  }
  look();
}

/// Commits to a seed, opens it, replaces those who cannot come by spares, and has the supervisor witness it. @return whether there is a panel.
bool Season::draw_panel(std::size_t programme, std::size_t cases) {
  const Programme& of = cast_.programmes[programme];
  const Actor& officer = cast_.clerks.front();
  const std::size_t wanted = (cases * of.reviews + kSheetsOfExpert - 1) / kSheetsOfExpert;
  const std::size_t seats = std::min(std::clamp(wanted, of.reviews + 3, kSeatsMax), cast_.judges.size());
  const std::size_t spares = std::min(seats / 4 + 1, cast_.judges.size() - seats);
  const std::string context = session_ + "/" + of.id;
  const std::string seed = sha256_hex("seed " + std::to_string(options_.seed) + " " + context);
  const json::array strata{json::object{{"name", "enterprise"}, {"where", json::object{{"kind", json::array{"enterprise"}}}}, {"at_least", whole(seats / 6)}, {"spares_at_least", whole(spares / 6)}}};
  const Result<json::object> committed =
      desk_.review(officer, "review.draw", of_round({{"id", of.id}, {"programmes", json::array{of.id}}, {"commitment", review::commitment_of(seed, context)}, {"seats", whole(seats)}, {"spares", whole(spares)},
                                                     {"nominated_since", call_.year - 2}, {"conflicts_max", whole(cases / 5)}, {"strata", strata}}));
  if (!committed) {
    note("draw", of.id, committed.error());
    return false;
  }
  const json::object drawn = must(desk_.review(officer, "review.reveal", of_round({{"id", of.id}, {"seed", seed}})));
  Dice dice(options_.seed, "absent " + of.id);
  std::size_t absent = 0;
  for (const std::string& expert : strings_from_json(array_or_empty(drawn, "panel"))) {
    if (absent >= spares / 2 || !dice.chance(6)) continue;
    ++absent;
    if (const Result<json::object> seated = desk_.review(officer, "review.absent", of_round({{"id", of.id}, {"expert", expert}, {"reason", "因公出差"}})); !seated) {
      note("spares", of.id, seated.error());  // then those who were drawn sit, and are late
      break;
    }
  }
  must(desk_.review(cast_.supervisor, "review.witness", of_round({{"id", of.id}})));
  ledger_.exports["draw-" + of.id + ".json"] = must(desk_.exported(officer, session_, "draws", of.id));
  return true;
}

/// Assigns what the programme's panels lack, from its draw. Where that cannot be, from everybody, and as much as it takes.
void Season::assign(std::size_t programme, std::size_t cases) {
  const Programme& of = cast_.programmes[programme];
  const Actor& officer = cast_.clerks.front();
  const std::size_t seats = std::min(std::max((cases * of.reviews + kSheetsOfExpert - 1) / kSheetsOfExpert, of.reviews + 3), kSeatsMax);
  json::object asked = of_round({{"programmes", json::array{of.id}}, {"coverage", whole(of.reviews)}});
  Result<json::object> proposed = Error{};
  if (const auto draw = draws_.find(programme); draw != draws_.end()) {
    json::object narrow = asked;
    narrow["draw"] = draw->second;
    narrow["load"] = json::object{{"min", 0}, {"max", whole(cases * of.reviews * 3 / 2 / seats + 3)}};
    narrow["limits"] = json::array{json::object{{"by", "employer"}, {"at_most", 1}}};
    proposed = desk_.review(officer, "review.assign", narrow);
    if (!proposed) note("assignment", of.id, proposed.error());
  }
  if (!proposed) {
    asked["load"] = json::object{{"min", 0}, {"max", 200}};
    proposed = desk_.review(officer, "review.assign", asked);
    if (!proposed) return note("assignment", of.id, proposed.error());
  }
  appoint(programme, string_or(*proposed, "id"));
}

void Season::appoint(std::size_t programme, const std::string& assignment) {
  const std::string& of = cast_.programmes[programme].id;
  must(desk_.review(cast_.clerks.front(), "review.appoint", of_round({{"id", assignment}})));
  json::object stands;
  do {
    must(desk_.advance(now()));  // panels are appointed some at a time
    stands = must(desk_.assignment(cast_.clerks.front(), session_, assignment));
  } while (string_or(stands, "state") == "appointing");
  for (const json::value& refused : array_or_empty(object_or_empty(stands, "report"), "refused")) {
    const json::object& each = refused.as_object();
    note("appointment", of, Error{.code = string_or(each, "code"), .message = string_or(each, "detail"), .message_zh = string_or(each, "detail_zh")});
  }
  const std::size_t number = ++assignments_[programme];
  ledger_.exports["assignment-" + of + (number == 1 ? "" : "-" + std::to_string(number)) + ".json"] = must(desk_.exported(cast_.clerks.front(), session_, "assignments", assignment));
}

/// As few changes as there can be: who is there stays, and only the empty chairs are assigned.
void Season::replace_recused() {
  std::set<std::size_t> open;
  for (const auto& [each, work] : inbox(cast_.clerks.front(), "panel-setup")) open.insert(each->plan->programme);
  for (const std::size_t programme : open)
    assign(programme, static_cast<std::size_t>(std::count_if(cases_.begin(), cases_.end(), [&](const Case& each) { return each.plan->programme == programme && each.submitted; })));
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
    if (took(desk_.complete(who, work.task, "recuse", {{"comment", "与申报人相识"}}), "recuse", each)) ++ledger_.recusals;
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
  if (!took(desk_.complete(who, work.task, "sign", sheet), "sign", each)) return;
  if (day_ - review_began_ > kReviewDays) ++ledger_.missed["sheet"];
  ++ledger_.sheets_signed;
  ++ledger_.sheets[id];
}

/// The ranked lists, and what the committee does: it orders a tie on the line, and votes on whoever is above it.
void Season::rank() {
  std::set<std::string> ranked;
  for (const Case& each : cases_)
    if (each.state == "awaiting_round") ranked.insert(programme_of(each).id);
  if (ranked.empty()) return;
  const Actor& officer = cast_.clerks.front();
  const json::object computed = must(desk_.review(officer, "review.rank", of_round({{"programmes", json::array(ranked.begin(), ranked.end())}})));
  const std::string id = string_or(computed, "id");
  const json::value before = must(parse_json(must(desk_.exported(officer, session_, "results", id)), kStoredJson, "results"));
  json::array ties, votes;
  for (const json::value& each : array_or_empty(object_or_empty(before.as_object(), "results"), "programmes")) {
    const json::object& programme = each.as_object();
    const json::object& list = array_or_empty(programme, "lists").front().as_object();
    std::int64_t left = int_or(object_or_empty(list, "line"), "places", 0);
    json::array order;
    for (const json::value& place : array_or_empty(list, "ranking")) {
      const json::object& entry = place.as_object();
      const std::string side = string_or(entry, "side");
      if (side == "tied") order.emplace_back(string_or(entry, "application"));
      if ((side != "in" && side != "tied") || left-- <= 0) continue;
      votes.push_back(json::object{{"application", string_or(entry, "application")}, {"for", kPresent - 1}, {"against", 1}, {"abstain", 0}});
    }
    if (!order.empty()) ties.push_back(json::object{{"programme", string_or(programme, "id")}, {"list", string_or(list, "id")}, {"order", std::move(order)}, {"reason", "评审委员会议定"}});
  }
  json::array present;
  for (std::int64_t i = 1; i <= kPresent; ++i) present.emplace_back("委员" + std::to_string(i));
  must(desk_.review(officer, "review.deliberate", of_round({{"id", id}, {"present", std::move(present)}, {"votes", std::move(votes)}, {"tie_decisions", std::move(ties)}})));
  must(desk_.review(cast_.supervisor, "review.settle", of_round({{"id", id}})));
  std::string bytes = must(desk_.exported(officer, session_, "results", id));
  read_lists(object_or_empty(must(parse_json(bytes, kStoredJson, "results")).as_object(), "results"));
  ledger_.exports["results.json"] = std::move(bytes);
}

void Season::read_lists(const json::object& results) {
  for (const json::value& programme : array_or_empty(results, "programmes"))
    for (const json::value& place : array_or_empty(array_or_empty(programme.as_object(), "lists").front().as_object(), "ranking")) {
      const json::object& entry = place.as_object();
      const auto found = by_id_.find(string_or(entry, "application"));
      if (found == by_id_.end() || !entry.at("rank").is_int64()) continue;
      Case& each = cases_[found->second];
      each.rank = std::to_string(entry.at("rank").get_int64());
      each.score = string_or(entry, "value");
      each.side = string_or(entry, "outcome") == "award" ? "in" : "out";
    }
}

void Season::decide() {
  must(desk_.decide_round(cast_.lead, session_, must(desk_.settled(cast_.lead, session_))));
  look();
}

}  // namespace chuyi::simulate

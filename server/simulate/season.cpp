#include "server/simulate/season.h"

#include <algorithm>

namespace chuyi::simulate {
namespace {

constexpr std::size_t kOfficePerDay = 8;   ///< recommendations of one office
constexpr std::size_t kClerkPerDay = 30;   ///< formal checks of one clerk
constexpr std::size_t kPhaseDaysMax = 150;  ///< then a phase is given up: what has not moved by then is stuck
constexpr auto kMorning = std::chrono::hours{9};

/// One page with one line: small, but a PDF that readers open.
std::string small_pdf(const std::string& line) {
  const std::string content = "BT /F1 18 Tf 72 720 Td (" + line + ") Tj ET";
  return "%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n2 0 obj\n<< /Type /Pages /Kids [3 0 R] /Count 1 >>\nendobj\n"
         "3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R >>\nendobj\n4 0 obj\n<< /Length " +
         std::to_string(content.size()) + " >>\nstream\n" + content + "\nendstream\nendobj\ntrailer << /Root 1 0 R >>\n%%EOF\n";
}

/// A number a little higher; a text of one's own, where it is long enough to be one.
void vary(Dice& dice, json::value& value, const std::string& label) {
  constexpr std::size_t kLong = 60;
  if (value.is_int64()) value = value.get_int64() + dice.between(0, 3);
  if (value.is_string() && value.get_string().size() > kLong) value = std::string{value.get_string()} + "（" + label + "）";
}

/// Who leads it, who belongs to it and with which enterprises, where the form asks for that: what the conflict rules go by.
void sign_form(const Plan& plan, const std::set<std::string>& fixed, json::object& form) {
  const auto member = [&](const char* key) { return fixed.contains(key) ? nullptr : form.if_contains(key); };
  const auto put = [](json::value& value, const char* key, const std::string& text) {
    if (json::object* object = value.if_object(); object != nullptr && object->contains(key)) (*object)[key] = text;
  };
  if (json::value* leader = member("leader")) put(*leader, "phone", plan.leader);
  if (json::value* members = member("members"); members != nullptr && members->is_array())
    for (std::size_t i = 0; i < std::min(plan.members.size(), members->get_array().size()); ++i) put(members->get_array()[i], "phone", plan.members[i]);
  if (json::value* firms = member("enterprises"); firms != nullptr && firms->is_array())
    for (std::size_t i = 0; i < std::min(plan.partners.size(), firms->get_array().size()); ++i) put(firms->get_array()[i], "uscc", plan.partners[i]);
}

}  // namespace

Season::Season(Desk& desk, const Cast& cast, const Calendar& calendar, const Options& options, const Call& call, Progress progress)
    : desk_(desk),
      cast_(cast),
      calendar_(calendar),
      options_(options),
      call_(call),
      session_(call.session()),
      progress_(std::move(progress)),
      applying_(options.seed, "applying"),
      recommending_(options.seed, "recommending"),
      checking_(options.seed, "checking"),
      today_(call.opens - std::chrono::days{1}) {
  for (const Plan& plan : cast.plans) cases_.push_back({.plan = &plan, .careless = plan.careless});
  for (const Judge& judge : cast.judges) {
    judges_[judge.expert.id] = &judge;
    judge_actors_[judge.expert.id] = actor_of(cast, judge);
  }
}

void Season::play() {
  progress_("设立并签发批次", "The round is set up and issued");
  fill_pool();
  open_round();
  progress_("申报、推荐与资格审查", "Nomination, recommendation, formal check");
  nominate();
  round_step("", cast_.clerks.front());
  progress_("专家抽取、分配与评审", "Experts are drawn and assigned, and review");
  review();
  round_step("", cast_.clerks.front());
  progress_("审定与公示", "Decision and publicity");
  decide();
  round_step("", cast_.clerks.front());
  publish();
  if (must(desk_.round(cast_.lead, session_)).state == "published") round_step("archive", cast_.clerks.front());
  if (options_.years > 0) {
    progress_("年度考核", "Annual checks");
    annual_checks();
  }
  close_books();
}

// ── days ─────────────────────────────────────────────────────────────────────────────────────────────────

void Season::next_day() {
  do {
    today_ += std::chrono::days{1};
  } while (!calendar_.is_working_day(today_));
  ++day_;
  must(desk_.advance(now()));
  look();
}

void Season::jump(Day to) {
  while (today_ < to) {
    today_ += std::chrono::days{1};
    if (calendar_.is_working_day(today_)) ++day_;
  }
  must(desk_.advance(now()));
  look();
}

Instant Season::now() const { return start_of_day(today_) + kMorning; }

/// Where everything stands now.
void Season::look() {
  must(desk_.advance(now()));  // what one says to another has arrived
  stale_ = false;
  for (const Standing& each : must(desk_.applications(cast_.lead, session_)))
    if (const auto found = by_id_.find(each.application); found != by_id_.end()) moved(cases_[found->second], each.status, each.state);
}

/// The same in the course of a day, where the replies have not told all of it.
void Season::glance() {
  if (stale_) return look();
  must(desk_.advance(now()));
}

void Season::moved(Case& each, const std::string& status, const std::string& state) {
  each.status = status;
  if (status == "ended" && each.holds_place) hold_place(each, false);
  if (each.state == state) return;
  if (!each.state.empty()) ledger_.stays[each.state].push_back(day_ - each.since);
  if (each.state == "correction" && state == "declined") ++ledger_.missed["correction"];
  if ((each.state == "rectification" || each.state == "put_off") && state == "plaque_return") ++ledger_.missed["rectification"];
  if (state == "lapsed") {
    each.late = true;
    ++ledger_.missed["submission"];
  }
  each.state = state;
  each.since = day_;
}

/// Counts the places of the programme's quota beside the store: what ends without an award gives its place back.
void Season::hold_place(Case& each, bool takes) {
  if (takes == each.holds_place) return;
  each.holds_place = takes;
  for (const json::value& per : array_or_empty(object_or_empty(programme_of(each).manifest, "quota"), "per")) {
    const std::string& org = string_or(per.as_object(), "level") == "prefecture" ? each.plan->region : each.plan->org;
    Places& places = ledger_.places[{each.plan->programme, org}];
    places.max = int_or(object_or_empty(per.as_object(), "except"), org, int_or(per.as_object(), "max", 0));
    places.held += takes ? 1 : -1;
    places.most = std::max(places.most, places.held);
  }
}

std::size_t Season::in_states(std::initializer_list<const char*> states) const {
  return static_cast<std::size_t>(std::count_if(cases_.begin(), cases_.end(), [&](const Case& each) {
    return each.status == "running" && std::any_of(states.begin(), states.end(), [&](const char* state) { return each.state == state; });
  }));
}

/// Notes a refusal. @return whether it was taken.
bool Season::tried(const Result<>& result, const char* what, const Case& each) {
  if (result) return true;
  if (result.error().kind == ErrorKind::unavailable) throw Unexpected{result.error()};
  const std::vector<Detail> details = details_of(result.error());
  Refusal& refusal = ledger_.refusals[{what, result.error().code}];
  if (refusal.count++ == 0) {
    refusal.example = each.plan->label;
    refusal.en = details.front().message;
    refusal.zh = details.front().message_zh;
  }
  return false;
}

/// The same for what moves the application on.
bool Season::took(const Result<Standing>& result, const char* what, Case& each) {
  if (result && !result->state.empty()) moved(each, result->status, result->state);
  stale_ = stale_ || (result && result->state.empty());
  return tried(result ? Result<>{} : Result<>{result.error()}, what, each);
}

/// In the order in which the seed made them.
std::vector<std::pair<Case*, Work>> Season::inbox(const Actor& who, const std::string& kind) {
  std::vector<std::pair<Case*, Work>> out;
  for (Work& work : must(desk_.inbox(who, kind)))
    if (const auto found = by_id_.find(work.application); found != by_id_.end()) out.emplace_back(&cases_[found->second], std::move(work));
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return std::pair{a.first->since, a.first} < std::pair{b.first->since, b.first}; });
  return out;
}

// ── the round itself ─────────────────────────────────────────────────────────────────────────────────────

void Season::open_round() {
  json::array programmes;
  json::object planned;
  for (const Programme& each : cast_.programmes) {
    programmes.emplace_back(each.id);
    planned[each.id] = each.planned;
  }
  json::object parameters = call_.parameters;
  parameters["planned"] = std::move(planned);
  const json::object round{{"id", call_.id},
                           {"title", call_.title},
                           {"programmes", std::move(programmes)},
                           {"parameters", std::move(parameters)}};
  must(desk_.create_round(cast_.clerks.front(), round));
  set_up_review();
  round_step("submit", cast_.clerks.front());
  round_step("issue", cast_.lead);
}

/// The one open task of the round. An empty outcome: the only one there is.
void Season::round_step(const std::string& outcome, const Actor& who) {
  for (const Work& work : must(desk_.inbox(who, "task")))
    if (work.application == session_) {
      must(desk_.complete(who, work.task, outcome.empty() ? "done" : outcome, {}));
      return look();
    }
  throw Unexpected{Error{.kind = ErrorKind::rejected, .code = "simulate.round", .message = "Expected an open task of the round for '" + who.user_id + "'", .message_zh = "批次没有待办事项"}};
}

// ── nomination ───────────────────────────────────────────────────────────────────────────────────────────

void Season::nominate() {
  constexpr std::size_t kAfter = 5;  // who comes late has come by then
  for (std::size_t waited = 0; waited < kPhaseDaysMax; ++waited) {
    next_day();
    if (day_ > call_.days + kAfter && in_states({"drafting", "college_review", "college_publicity", "college_sealing", "county_review", "recommendation", "formal_check", "correction"}) == 0) return;
    applicants();
    withdrawals();
    college_steps();
    glance();
    recommend();
    glance();
    formal_checks();
    glance();
  }
}

void Season::applicants() {
  for (Case& each : cases_) {
    if (each.id.empty() && each.plan->starts == day_) draft(each);
    if (each.id.empty() || each.status != "running") {
      if (!each.id.empty() && each.state == "lapsed" && each.plan->submits == day_) (void)submit(each, "submit");
      continue;
    }
    if (!each.submitted && each.plan->submits <= day_) hand_in(each);
    else if (each.submitted && (each.state == "drafting" || each.state == "correction") && day_ >= each.since + each.plan->answers) correct(each);
  }
}

void Season::draft(Case& each) {
  const Actor& who = applicant_of(each);
  const Programme& programme = programme_of(each);
  const Result<std::string> made = desk_.create(who, programme.id, session_, each.plan->title, each.plan->org);
  if (!made) {
    each.late = made.error().code == "round.late" || made.error().code == "round.not_open";
    if (each.late) ++ledger_.missed["submission"];
    (void)tried(made.error(), "create", each);
    return;
  }
  each.id = *made;
  by_id_[each.id] = static_cast<std::size_t>(&each - cases_.data());
  moved(each, "running", "drafting");
  for (const std::string& kind : programme.documents) must(desk_.attach(who, each.id, kind, small_pdf(kind + " " + each.plan->label)));
}

/// Fills the form and submits it. What is refused is put right and handed in again, as people do.
void Season::hand_in(Case& each) {
  const Actor& who = applicant_of(each);
  const Programme& programme = programme_of(each);
  std::set<std::string>& fixed = fixed_fields_[each.plan->programme];
  constexpr int kTries = 6;
  for (int i = 0; i < kTries; ++i) {
    json::object form = programme.example;
    for (auto& member : form)
      if (!fixed.contains(member.key()) && i + 1 < kTries) vary(applying_, member.value(), each.plan->label);
    sign_form(*each.plan, fixed, form);
    if (each.careless && !form.empty()) form.erase(form.begin());
    each.careless = false;
    must(desk_.save(who, each.id, form));
    Error error;
    if (submit(each, "submit", &error)) {
      each.submitted = day_;
      if (string_or(object_or_empty(programme.manifest, "recommendation"), "level", "none") == "none") hold_place(each, true);
      return;
    }
    if (error.code.starts_with("quota.")) {  // no place is left: it is given up
      withdraw(each);
      return;
    }
    if (error.code == "round.late") return;
    // What the rules want of this programme's numbers is learnt from what they say.
    for (const Detail& detail : details_of(error)) {
      const std::string member = detail.place.substr(0, detail.place.find('/', 1));
      if (member.size() > 1) fixed.insert(member.substr(1));
    }
  }
}

void Season::correct(Case& each) {
  if (submit(each, "correct")) return;
  must(desk_.save(applicant_of(each), each.id, programme_of(each).example));
  (void)submit(each, "correct");
}

/// Submits, with a reason for each soft rule that asks for one.
bool Season::submit(Case& each, const char* what, Error* refused) {
  const Actor& who = applicant_of(each);
  Result<Standing> submitted = desk_.submit(who, each.id, {});
  if (!submitted && submitted.error().code == "rule.reason") {
    json::object reasons;
    for (const Detail& detail : submitted.error().details) reasons[detail.place.substr(detail.place.rfind('/') + 1)] = "已按实际情况说明";
    ++ledger_.reasons;
    submitted = desk_.submit(who, each.id, reasons);
  }
  if (!submitted && refused != nullptr) *refused = submitted.error();
  return took(submitted, what, each);
}

/// What a call may ask of the school itself: its review, its publicity, its seal; each takes its days.
void Season::college_steps() {
  struct Step {
    const char *state, *outcome;
    bool approver;
    std::size_t days;
  };
  constexpr Step kSteps[] = {{"college_review", "pass", false, 2}, {"college_publicity", "publicised", false, 5}, {"college_sealing", "seal", true, 1}};
  for (Case& each : cases_)
    for (const Step& step : kSteps) {
      if (each.status != "running" || each.state != step.state || day_ < each.since + step.days) continue;
      const Actor& who = (step.approver ? cast_.approvers : cast_.admins).at(each.plan->org);
      const json::object data{{"opinion", "同意"}, {"from", format_day(today_ - std::chrono::days{7})}, {"to", format_day(today_)}, {"objections", "无异议"}};
      for (const auto& [other, work] : inbox(who, "task"))
        if (other == &each && work.state == step.state) (void)took(desk_.complete(who, work.task, step.outcome, data), step.outcome, each);
    }
}

void Season::withdrawals() {
  for (Case& each : cases_)
    if (each.plan->withdraws > 0 && each.submitted && each.status == "running" && *each.submitted + each.plan->withdraws == day_)
      withdraw(each);
}

/// Once it is recommended, the applicant can only ask for it.
void Season::withdraw(Case& each) {
  const bool asks = each.recommended || each.state == "formal_check" || each.state == "correction" || each.state == "panel_review";
  if (!took(desk_.send(applicant_of(each), each.id, asks ? "applicant.ask_withdrawal" : "applicant.withdraw"), "withdraw", each) || !asks) return;
  (void)took(desk_.send(cast_.clerks.front(), each.id, "recommender.grant_withdrawal"), "grant withdrawal", each);
}

void Season::recommend() {
  for (const Actor& office : cast_.recommenders) {
    std::size_t done = 0;
    for (const auto& [each, work] : inbox(office, "task")) {
      if (work.state != "recommendation" && work.state != "county_review") continue;
      if (done++ == kOfficePerDay) break;
      if (work.state == "county_review") {  // it judges no more than whether the papers are in order
        (void)took(desk_.complete(office, work.task, "pass", {{"opinion", "材料属实，同意上报"}}), "pass on", *each);
        continue;
      }
      const std::size_t roll = recommending_.below(100);
      if (roll < 6 && each->returned == 0) {
        ++each->returned;
        (void)took(desk_.complete(office, work.task, "return", {{"opinion", "请补充说明"}}), "return", *each);
      } else if (roll < 10) {
        (void)took(desk_.complete(office, work.task, "decline", {{"opinion", "不予推荐"}}), "decline", *each);
      } else if (took(desk_.complete(office, work.task, "recommend", {{"opinion", "同意推荐"}}), "recommend", *each)) {
        each->recommended = true;
        hold_place(*each, true);
      } else {  // beyond what the office may recommend
        (void)took(desk_.complete(office, work.task, "decline", {{"opinion", "超出推荐限额"}}), "decline", *each);
      }
    }
  }
}

void Season::formal_checks() {
  const Actor& first = cast_.clerks.front();
  std::size_t done = 0;
  for (const auto& [each, work] : inbox(first, "task")) {
    if (work.state != "formal_check") continue;
    if (done == kClerkPerDay * cast_.clerks.size()) return;
    const Actor& clerk = cast_.clerks[done++ % cast_.clerks.size()];
    const std::size_t roll = checking_.below(100);
    const char* outcome = roll < 8 && each->state == "formal_check" && each->returned < 2 ? "correct" : roll < 11 ? "refuse" : "pass";
    if (std::string_view{outcome} == "correct") each->returned = 2;  // a second time it would be refused
    (void)took(desk_.complete(clerk, work.task, outcome, {{"opinion", "经审查"}, {"points", json::array{"佐证材料扫描不清"}}}), outcome, *each);
  }
}

// ── publicity, objections, award ─────────────────────────────────────────────────────────────────────────

void Season::publish() {
  Dice dice(options_.seed, "objections");
  look();
  for (Case& each : cases_)
    if (each.state == "notice_open" && dice.chance(3))
      if (tried(desk_.object(each.plan->title, "材料与事实不符，附情况说明。"), "object", each)) ++ledger_.objections;
  for (std::size_t waited = 0; waited < kPhaseDaysMax; ++waited) {
    next_day();
    if (waited == 2) settle_objections();
    for (const auto& [each, work] : inbox(cast_.lead, "task"))
      if (work.state == "re_examination") (void)took(desk_.complete(cast_.lead, work.task, dice.chance(40) ? "keep" : "decline", {{"opinion", "经复核"}}), "re-examine", *each);
    look();
    if (in_states({"selected", "notice_open", "re_examination", "publicity"}) == 0 && must(desk_.round(cast_.lead, session_)).state != "publicity") return;
    if (waited > 2) settle_objections();
    glance();
  }
}

void Season::settle_objections() {
  Dice dice(options_.seed, "settling " + std::to_string(day_));
  for (const auto& [each, work] : inbox(cast_.clerks.front(), "objection")) {
    const bool upheld = dice.chance(35);
    if (took(desk_.complete(cast_.clerks.front(), work.task, upheld ? "uphold" : "dismiss", {{"opinion", "经核查"}}), "settle", *each)) ledger_.upheld += upheld ? 1 : 0;
  }
}

// ── years ────────────────────────────────────────────────────────────────────────────────────────────────

void Season::annual_checks() {
  Dice dice(options_.seed, "years");
  const Day awarded = today_;
  for (int year = 1; year <= options_.years; ++year) {
    jump(add_years(awarded, year));
    for (std::size_t waited = 0; waited < kPhaseDaysMax; ++waited) {
      next_day();
      report_year(dice);
      look();
      if (in_states({"annual_check", "rectification", "put_off", "plaque_return", "claw_back"}) == 0) break;
    }
  }
}

void Season::report_year(Dice& dice) {
  for (Case& each : cases_) {
    if (each.status != "running" || day_ < each.since + each.plan->answers * 3) continue;
    const Actor& who = applicant_of(each);
    if (each.state == "rectification" || each.state == "put_off" || each.state == "plaque_return") {
      const bool rectifies = each.state != "plaque_return";
      for (const auto& [other, work] : inbox(who, "task"))
        if (other == &each) (void)took(desk_.complete(who, work.task, rectifies ? "report" : "handed_in", {{"opinion", rectifies ? "整改完成" : "标牌已交回"}}), "rectify", each);
    } else if (each.state == "claw_back") {
      for (const auto& [other, work] : inbox(cast_.clerks.front(), "task"))
        if (other == &each)
          (void)took(desk_.complete(cast_.clerks.front(), work.task, "settled", {{"plaque", "已交回"}, {"paid", "20"}, {"recovered", "12.5"}, {"basis", "年度考核不合格"}}), "recover", each);
    } else if (each.state == "annual_check") {
      for (const auto& [other, work] : inbox(who, "annual-report")) {
        if (other != &each) continue;
        if (work.due && *work.due < now()) ++ledger_.missed["annual-report"];
        (void)took(desk_.complete(who, work.task, "report", programme_of(each).report), "report", each);
      }
    }
  }
  std::size_t done = 0;
  for (const auto& [each, work] : inbox(cast_.clerks.front(), "annual-verdict")) {
    if (done++ == kClerkPerDay * cast_.clerks.size()) return;
    const std::size_t roll = dice.below(100);
    const char* verdict = roll < 15 ? "excellent" : roll < 92 ? "qualified" : roll < 98 ? "rectify" : "unqualified";
    (void)took(desk_.complete(cast_.clerks.front(), work.task, verdict, {{"opinion", "年度考核意见"}}), "verdict", *each);
  }
}

void Season::close_books() {
  for (const Programme& each : cast_.programmes) awards_[each.id] = must(desk_.awards(each.id, session_));
  constexpr std::size_t kEvery = 5;
  for (std::size_t i = 0; i < cases_.size(); ++i) {
    const Case& each = cases_[i];
    // Where the package combines the sheets itself, the panel's mean is not its score.
    if (!each.score.empty() && i % kEvery == 0 && !bool_or(object_or_empty(programme_of(each).manifest, "asks"), "score", false)) {
      ++scores_compared_;
      if (must(desk_.score(cast_.lead, each.id)) != each.score) scored_otherwise_.push_back(each.plan->label);
    }
    if (each.status != "running" || each.id.empty()) continue;
    if (must(desk_.pending(cast_.lead, each.id)) == 0) stuck_.push_back(i);
  }
}

}  // namespace chuyi::simulate

#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "server/simulate/desk.h"
#include "server/simulate/people.h"

/// One round as people play it, day by day.
namespace chuyi::simulate {

/// What went wrong that a rehearsal cannot go on from; caught at the edge of it.
struct Unexpected {
  Error error;
};
template <class T>
T must(Result<T> result) {
  if (!result) throw Unexpected{result.error()};
  return std::move(*result);
}
inline void must(const Result<>& result) {
  if (!result) throw Unexpected{result.error()};
}

/// An application on its way.
struct Case {
  const Plan* plan = nullptr;
  std::string id;  ///< the store's; empty: not taken
  std::string status, state;
  std::size_t since = 0;  ///< working day on which it came there
  std::optional<std::size_t> submitted;
  std::size_t returned = 0;   ///< by its recommender, or for correction
  bool recommended = false;
  bool holds_place = false;   ///< of the programme's quota
  bool late = false;          ///< the deadline stood in its way
  bool careless = false;      ///< the next form lacks something
  std::string score, rank, side;  ///< of its programme's list
};

struct Refusal {
  std::size_t count = 0;
  std::string example, zh, en;  ///< of the first: which application, and what was said
};

/// Of one programme and organisation.
struct Places {
  std::int64_t max = 0, held = 0, most = 0;
};

/// What is noted down on the way.
struct Ledger {
  std::map<std::string, std::vector<std::size_t>> stays;  ///< state → working days, one for each time that an application left it
  std::map<std::pair<std::string, std::string>, Refusal> refusals;  ///< what was tried, code
  std::map<std::pair<std::size_t, std::string>, Places> places;
  std::map<std::string, std::size_t> missed;  ///< deadlines, by what was due
  std::map<std::string, std::size_t> sheets;  ///< signed, by expert
  std::map<std::string, std::string> exports;  ///< file name → bytes
  std::vector<json::object> notes;             ///< what could not be done as planned: {"what", "programme", "code", "en", "zh"}
  std::size_t reasons = 0, sheets_signed = 0, recusals = 0, conflicts = 0, objections = 0, upheld = 0;
};

using Progress = std::function<void(const char* zh, const char* en)>;

class Season {
 public:
  Season(Desk& desk, const Cast& cast, const Calendar& calendar, const Options& options, const Call& call, Progress progress);
  /// Throws Unexpected.
  void play();

  const std::vector<Case>& cases() const { return cases_; }
  const Ledger& ledger() const { return ledger_; }
  const std::map<std::string, std::size_t>& awards() const { return awards_; }
  /// Applications that run, are in no term, and in which nothing can happen any more but what people send.
  const std::vector<std::size_t>& stuck() const { return stuck_; }
  /// Labels of applications whose panel came to another score than the list.
  const std::vector<std::string>& scored_otherwise() const { return scored_otherwise_; }
  std::size_t scores_compared() const { return scores_compared_; }
  std::size_t days() const { return day_; }
  Day last_day() const { return today_; }

 private:
  // season.cpp: the days, and what is not review
  void open_round();
  void nominate();
  void applicants();
  void draft(Case& each);
  void hand_in(Case& each);
  void correct(Case& each);
  bool submit(Case& each, const char* what, Error* refused = nullptr);
  void college_steps();
  void withdrawals();
  void withdraw(Case& each);
  void recommend();
  void formal_checks();
  void round_step(const std::string& outcome, const Actor& who);
  void publish();
  void settle_objections();
  void annual_checks();
  void report_year(Dice& dice);
  void close_books();
  void next_day();
  void jump(Day to);
  void look();
  void glance();
  Instant now() const;
  void hold_place(Case& each, bool takes);
  void moved(Case& each, const std::string& status, const std::string& state);
  std::size_t in_states(std::initializer_list<const char*> states) const;
  bool tried(const Result<>& result, const char* what, const Case& each);
  bool took(const Result<Standing>& result, const char* what, Case& each);
  std::vector<std::pair<Case*, Work>> inbox(const Actor& who, const std::string& kind);
  const Programme& programme_of(const Case& each) const { return cast_.programmes[each.plan->programme]; }
  const Actor& applicant_of(const Case& each) const { return cast_.applicants.at(each.plan->org); }

  // review.cpp: conflicts, draw, assignment, sheets, results
  void fill_pool();
  void set_up_review();
  void review();
  void find_conflicts();
  void compose_panels();
  bool draw_panel(std::size_t programme, std::size_t cases);
  void assign(std::size_t programme, std::size_t cases);
  void appoint(std::size_t programme, const std::string& assignment);
  void replace_recused();
  void score_sheets(Dice& dice);
  void sign_sheet(Dice& dice, const Judge& judge, Case& each, const Work& work);
  void rank();
  void decide();
  void read_lists(const json::object& results);
  json::object of_round(json::object data) const;
  void note(const char* what, const std::string& programme, const Error& error);

  Desk& desk_;
  const Cast& cast_;
  const Calendar& calendar_;
  const Options& options_;
  const Call& call_;
  const std::string session_;  ///< of the round
  Progress progress_;
  std::vector<Case> cases_;
  std::map<std::string, std::size_t> by_id_;  ///< of the store
  std::map<std::string, const Judge*> judges_;
  std::map<std::string, Actor> judge_actors_;
  std::map<std::size_t, std::set<std::string>> fixed_fields_;  ///< of a programme: members that the example alone has right
  std::map<std::size_t, std::string> draws_;                   ///< of a programme whose panel was drawn
  std::map<std::size_t, std::size_t> assignments_;             ///< of a programme: how many
  Ledger ledger_;
  std::map<std::string, std::size_t> awards_;
  std::vector<std::size_t> stuck_;
  std::vector<std::string> scored_otherwise_;
  std::size_t scores_compared_ = 0;
  Dice applying_, recommending_, checking_;
  Day today_;
  bool stale_ = false;  ///< replies did not say where something went
  std::size_t day_ = 0;           ///< working days since the opening
  std::size_t review_began_ = 0;
};

}  // namespace chuyi::simulate

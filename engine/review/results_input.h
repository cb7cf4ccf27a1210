#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/review/rubric.h"

namespace chuyi::review {

enum class Calibration : std::uint8_t {
  none,
  panel_shift,  ///< each panel's mean is moved to the programme's
  z_score,      ///< and its deviation stretched to the programme's
};

/// A ranked list of a programme: all of it, or of one level, one region, or both.
struct ListRule {
  std::string id;
  std::string level;   ///< empty: of every level
  std::string region;  ///< empty: of every region
  std::optional<std::int64_t> places;  ///< the plan; none: ranked without a line
};

struct Committee {
  std::int64_t members = 0;
  std::int64_t quorum = 0;        ///< members that must be present
  bool two_thirds = false;        ///< of those present; else more than half of them
  bool open = false;              ///< ballots with names; else counts only
};

struct InputProgramme {
  std::string id;
  Rubric rubric;
  std::vector<Stage> stages;  ///< of the rubric, or one without a name
  Calibration calibration = Calibration::none;
  bool rank_by_calibrated = false;
  std::vector<ListRule> lists;
  std::optional<Committee> committee;
  std::vector<std::size_t> applications;  ///< by id
};

struct InputSheet {
  std::size_t application = 0;
  std::size_t panel = 0;
  std::size_t stage = 0;  ///< of its programme
  std::string expert;
  std::string withdrawn;  ///< why it does not count; empty: it does
  SheetTotal total;
};

struct InputPanel {
  std::string id;
  std::string stage;
};

struct Vote {
  std::int64_t present = 0, in_favour = 0, against = 0, abstained = 0;
};
struct Decision {
  bool award = false;
  std::string reason, by;
};

struct InputApplication {
  std::string id;
  std::size_t programme = 0;
  std::string level, region, org, unit;
  std::int64_t submitted_ms = 0;
  std::vector<std::size_t> sheets;  ///< by stage, then expert
  std::optional<Vote> vote;
  std::optional<Decision> decision;
};

struct TieDecision {
  std::size_t programme = 0;
  std::string list;
  std::vector<std::size_t> order;  ///< applications, the best first
  std::string reason, by;
  std::string place;  ///< in the input
};

/// What a ranking is computed from, checked, in the order of the JSON; of a normalised one, by id.
struct Input {
  std::vector<InputProgramme> programmes;
  std::vector<InputApplication> applications;
  std::vector<InputPanel> panels;
  std::vector<InputSheet> sheets;
  std::vector<TieDecision> tie_decisions;
};

/// The same input with its lists in the order of their ids: two that say the same are equal.
json::object normalised(json::object input);

/// Reads
/// {"round","programmes":[{"id","rubric","calibration":{"method":"none|panel-shift|z-score","rank_by":"raw|calibrated"},
///    "lists":[{"id","level","region","places"}],
///    "committee":{"members","quorum":"half|two-thirds" or a number,"majority":"half|two-thirds","ballot":"secret|open"}}],
///  "applications":[{"id","programme","level","region","org","unit","submitted"}],
///  "panels":[{"id","stage","applications":[id],"experts":[id]}],
///  "sheets":[{"application","expert","panel","scores","vetoes","total","withdrawn": reason}],
///  "votes":[{"application","present","for","against","abstain"} or {"application","ballots":{member: "for|against|abstain"}}],
///  "decisions":[{"application","outcome":"award|decline","reason","by"}],
///  "tie_decisions":[{"programme","list","order":[id],"reason","by"}]}
/// A sheet without scores has a total only, where no tie-breaker, veto or unit needs more.
/// Errors: `invalid` "results.input" with every problem (up to 100), place = JSON pointer.
Result<Input> read_input(const json::object& input);

}  // namespace chuyi::review

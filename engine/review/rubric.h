#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "engine/base/decimal.h"
#include "engine/base/json.h"
#include "engine/base/result.h"

/// Expert review as calculation: what a sheet is worth, what sheets come to, how applications are ranked. docs/review.md
/// has the formulas.
namespace chuyi::review {

struct Level {
  std::string id;  ///< "A"
  Decimal points;
};

/// A criterion is scored, or made of criteria. Every tier is a mark out of 100: the weights of its criteria sum to 100.
struct Criterion {
  std::string id;
  Decimal weight;  ///< of a hundred of what it is part of
  std::vector<Level> levels;  ///< scored by naming one of these; none: by a number
  std::vector<Criterion> criteria;
};

/// Weights of the top criteria for one kind of applicant (school 30 + group 70). What has no weight here is not scored.
struct Unit {
  std::string id;
  std::vector<std::pair<std::string, Decimal>> weights;
};

enum class Combine : std::uint8_t { mean, trimmed_mean, median };
/// What becomes of a trimmed mean of fewer sheets than it needs.
enum class TooFew : std::uint8_t {
  mean,          ///< the mean of all of them
  refuse,        ///< no result
  add_reviewer,  ///< no result until another reviewer has signed
};
enum class VetoEffect : std::uint8_t {
  none,
  zero,    ///< that sheet's total is 0
  vetoed,  ///< the application is out, once so many sheets say so
};
enum class TieBreak : std::uint8_t {
  criterion,  ///< the higher mean mark of a criterion
  median,     ///< the higher median of all totals
  submitted,  ///< the earlier submission
};

struct TieBreaker {
  TieBreak by = TieBreak::criterion;
  std::string criterion = {};
};
struct Stage {
  std::string id;  ///< "written", "meeting"
  Decimal weight;  ///< of a hundred of the result
};
/// Sheets that are too far apart to be combined without another look.
struct Divergence {
  std::optional<Decimal> range;      ///< more than so much between the highest and the lowest total
  std::optional<Decimal> deviation;  ///< more than this standard deviation
  std::string then;                  ///< "third-reviewer", "discussion"
};

inline constexpr int kScorePlaces = 2;  ///< of a score that a reviewer gives

struct Rubric {
  bool hundred = false;  ///< scored 0 to 100 and then weighted; else 0 to the weight
  Combine combine = Combine::mean;
  std::int64_t trimmed_min = 5;  ///< sheets that a trimmed mean needs
  TooFew too_few = TooFew::mean;
  int places = 2;        ///< of every combined value, half up
  int sheet_places = 6;  ///< of a sheet's total
  std::vector<Criterion> criteria;
  std::vector<Unit> units;
  std::vector<std::string> vetoes;
  VetoEffect veto_effect = VetoEffect::none;
  std::int64_t veto_sheets_min = 1;
  std::optional<Divergence> divergence;
  std::vector<TieBreaker> tie_breakers;
  std::vector<Stage> stages;  ///< none: all sheets are of one stage

  /// Sheets below which there is no result, however the panel is composed.
  std::int64_t sheets_min() const { return combine == Combine::trimmed_mean && too_few != TooFew::mean ? trimmed_min : 1; }
  bool breaks_ties_by(TieBreak by) const;
};

/// Reads a programme's rubric, as the manifest has it:
/// {"scale":"weight|hundred","combine":"mean|trimmed-mean|median","trim":{"min","too_few":"mean|refuse|add-reviewer"},
///  "rounding":{"mode":"half-up","places","sheet_places"},
///  "criteria":[{"id","titles","weight","levels":[{"id","points"}],"criteria":[…]}],
///  "units":[{"id","titles","weights":{top criterion: weight}}],
///  "veto":{"effect":"zero|vetoed","sheets_min","items":[{"id","titles"}]},
///  "divergence":{"range","deviation","then":"third-reviewer|discussion"},
///  "tie_breakers":[{"by":"criterion|median|submitted","criterion"}],"stages":[{"id","titles","weight"}]}
/// Errors: `invalid` "rubric.invalid" with every problem, place = JSON pointer in the rubric.
Result<Rubric> read_rubric(const json::object& rubric);

struct Mark {
  std::string criterion;
  Decimal mark;  ///< as scored, or the sum of what it is made of
};
struct VetoGiven {
  std::string id;
  std::string reason;
};
struct SheetTotal {
  Decimal total;
  std::vector<Mark> marks;  ///< of every criterion, in the rubric's order
  std::vector<VetoGiven> vetoes;
};

/// @param unit  the applicant's kind; ignored by a rubric without units.
/// @param sheet {"scores":{criterion: decimal or level},"vetoes":{item: {"veto": bool,"reason"}}}; other members are left alone.
/// Errors: `invalid` "form.sheet" naming everything that is wrong, places below "/data"; "rubric.unit".
Result<SheetTotal> total_of(const Rubric& rubric, std::string_view unit, const json::object& sheet);

struct Combined {
  std::optional<Decimal> value;  ///< none: too few sheets
  bool trimmed = false;          ///< one highest and one lowest left out
  bool too_few = false;          ///< fewer sheets than the rule needs, whatever it says of that
};
/// What the totals come to, rounded once to the rubric's places. No totals: no value.
Combined combined(const Rubric& rubric, std::vector<Decimal> totals);

}  // namespace chuyi::review

#pragma once

#include <string_view>

#include "engine/base/statistics.h"
#include "engine/review/ranking.h"
#include "engine/review/results_input.h"

namespace chuyi::review {

/// One application in one stage.
struct StageResult {
  std::vector<std::size_t> sheets;  ///< that count
  Combined combined;
  Decimal range, deviation;  ///< of the totals
  bool diverges = false;
  std::optional<Decimal> calibrated;
};

struct ApplicationResult {
  std::vector<StageResult> stages;
  std::int64_t vetoes = 0;  ///< sheets with one
  bool vetoed = false;
  std::optional<Decimal> raw, calibrated;
  Key key;  ///< empty: not ranked
  bool ranked() const { return !key.empty(); }
};

/// Of the raw values of one panel, or of the whole programme, in one stage.
struct PanelResult {
  std::size_t stage = 0;
  std::size_t panel = 0;
  Moments moments;
};
struct StageMoments {
  Moments all;
  std::vector<PanelResult> panels;
};

enum class VoteOutcome : std::uint8_t { none, carried, lost, no_quorum };
enum class Outcome : std::uint8_t { award, decline, open };

struct ListResult {
  std::vector<Ranked> ranked;
  std::vector<std::size_t> unranked;
};

/// An application that would stand on another side of the line.
struct Moved {
  std::size_t application = 0;
  Side before = Side::out;
  Side after = Side::out;
};
/// A sheet without which a place changes.
struct Fragile {
  std::size_t sheet = 0;
  std::optional<Decimal> without;  ///< the value its application would have
  std::vector<Moved> moved;        ///< by application
};

struct ProgrammeResult {
  std::vector<StageMoments> stages;
  std::vector<ListResult> lists;             ///< as the input has them
  std::vector<std::vector<Fragile>> fragile;  ///< of each list, by sheet
};

struct Results {
  std::vector<ApplicationResult> applications;
  std::vector<ProgrammeResult> programmes;
};

/// Totals, aggregates, calibration, rankings and lines; not yet what depends on leaving sheets out.
/// Errors: `invalid` "results.input" for a decision on a tie that is none.
Result<Results> compute(const Input& input);

/// Fills `fragile`: every sheet is left out in turn, and the sides of all applications of its list are compared, before
/// decisions on ties.
void find_fragile(const Input& input, Results& results);

/// Where ranks are by calibrated values, each sheet left out changes everybody's: lists of more than so many sheets times
/// applications are left alone.
inline constexpr std::size_t kCalibratedWorkMax = 10'000'000;
bool is_small(const Input& input, std::size_t programme, const ListResult& list);

VoteOutcome outcome_of(const Committee& committee, const std::optional<Vote>& vote);

/// For the two above: one application without the sheet `left_out` (none: npos), without calibration.
inline constexpr std::size_t kNoSheet = static_cast<std::size_t>(-1);
ApplicationResult evaluate(const Input& input, std::size_t application, std::size_t left_out);
/// What calibration moves a raw value by: mean and deviation of its panel and of the programme, in one stage.
struct Frame {
  Decimal mean, deviation;
};
Frame frame_of(const Moments& moments);
Decimal calibrated(const InputProgramme& programme, Decimal raw, const Frame& panel, const Frame& all);
/// Sets value and key of an application from its stages.
void finish(const Input& input, std::size_t application, ApplicationResult& result);

/// The whole calculation, with every value needed to do it again by hand, and the input it was done from:
/// {"format","input","input_sha256","results":{"programmes":[…],"applications":[…]}}. docs/review.md says what is in it.
/// Errors: `invalid` "results.input"; "results.decision" for one that cannot stand (a vetoed application awarded, more
/// awards than places), place = JSON pointer.
Result<json::object> results_of(const json::object& input);

/// An export as bytes: canonical JSON and a newline.
std::string export_bytes(const json::object& results);

/// Computes an export again from the sheets in it. Errors: those of parse_json; `invalid` "results.format";
/// "results.differs" with the places (at most 20) where what it says is not what comes out; those of results_of().
Result<> verify_export(std::string_view bytes);

}  // namespace chuyi::review

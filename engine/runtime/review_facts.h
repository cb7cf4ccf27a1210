#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/runtime/dispatcher.h"
#include "engine/runtime/session_document.h"

/// What the review of a whole round is computed from, read from the store outside any transaction: what is made of it names
/// the digest of its input, and a command that acts on it later computes that digest again.
namespace chuyi {

/// Records of a round's review. Ids: the round; of the others the round, "/" and their own; `about`: the round.
inline constexpr const char* kReviewSetup = "review-setup";
inline constexpr const char* kReviewDraw = "review-draw";
inline constexpr const char* kReviewAssignment = "review-assignment";
inline constexpr const char* kReviewResults = "review-results";
/// The list that stands: what round.decide takes. Id: the round.
inline constexpr const char* kReviewList = "review-list";
/// {"export": …}: the whole calculation, under the id of its draw, assignment or results; about nothing, as it is large.
inline constexpr const char* kReviewExport = "review-export";

inline std::string review_id(std::string_view round, std::string_view name) { return std::string{round} + "/" + std::string{name}; }

inline constexpr const char* kDrawExport = "chuyi-draw-1";
inline constexpr const char* kConflictsExport = "chuyi-conflicts-1";
inline constexpr const char* kAssignmentExport = "chuyi-assignment-1";

/// An application of a round, as its review sees it.
struct Reviewed {
  SessionRow row;
  DefinitionPtr definition;
  json::object facts;  ///< `application` of its chart
  SignedBy signed_by;
  std::vector<TaskRow> panel;  ///< its sheets and tasks of appointing, whatever their status
  std::optional<Instant> submitted;  ///< first sealed

  bool is_running() const { return row.status == "running"; }
  /// Scores are still sealed, or its panel is still to come.
  bool is_open() const;
  bool has_open_setup() const;
  /// Sheets that are signed or still to be signed.
  std::vector<const TaskRow*> live_sheets() const;
};

/// Applications of the round, by id: those of these programmes and these ids. Both empty: every one.
/// Errors: of the store; `unavailable` "definition.unknown".
struct OnlyOf {
  std::vector<std::string> programmes = {}, applications = {};
  bool running = false;  ///< and no other
  bool keeps(const SessionRow& row) const;
};
Result<std::vector<Reviewed>> reviewed_applications(Queries& queries, const Definitions& definitions, const std::string& round, const OnlyOf& only = {});

/// The first text that one of the pointers leads to in `facts` ("/form/leader/phone"; "*": every element of a list).
std::string first_at(const json::object& facts, const json::object& fields, std::string_view name);
/// What the setup says about the forms of a programme: {"leader": [pointer], …}.
const json::object& fields_of(const json::object& setup, const std::string& programme);

/// What conflicts, draws and assignments of a round begin from.
struct ReviewFacts {
  json::object setup;
  std::vector<Reviewed> applications;  ///< that run
  json::array experts;     ///< the pool, without those who were put out of it (engine/review/people.h)
  json::array candidates;  ///< one for each
};
/// Errors: `rejected` "review.setup" for a round whose review was not set up; those of the store.
Result<ReviewFacts> review_facts(Queries& queries, const Definitions& definitions, const std::string& round, const OnlyOf& only = {});

/// Which panel judges an application: of each that a confirmed draw is for the draw's id. Of others all experts of the programme are one
/// panel.
Result<std::map<std::string, std::string>> drawn_panels(Queries& queries, const std::string& round);

Result<json::object> review_setup_of(Queries& queries, const std::string& round);

/// {"year", "policy", "experts", "applications"}: the input of `chuyi conflicts`, for these applications (empty: all).
json::object conflict_input(const ReviewFacts& facts, const std::vector<std::string>& only = {});

}  // namespace chuyi

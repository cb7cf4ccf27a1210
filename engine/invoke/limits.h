#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/json.h"
#include "engine/base/result.h"
#include "engine/invoke/rows.h"

/// Recommendation limits (限额): how many applications of which programmes one organisation, one host unit or one person may
/// have in a round. docs/nomination.md says what each member means.
namespace chuyi {

/// One rule as data: {"id","scope","field"?,"programmes"?,"at"?,"span"?,"max"?,"min"?,"except"?,"designated"?,"ranked"?,
/// "strength"?,"zh","en"}.
struct Limit {
  std::string id;     ///< unique in a round
  std::string scope;  ///< "college", "county", "prefecture", "province": that organisation above the applicant; "recommender": the
                      ///< organisation that signs; "form": what stands in `field`
  std::string field;  ///< JSON pointer into the nomination form, "*" for each item of a list
  std::vector<std::string> programmes;  ///< counted together; empty: all
  std::string at = "recommend";         ///< sign-off that takes the place: "county", "recommend" or "select"
  bool ever = false;                    ///< counts over all rounds
  std::optional<std::int64_t> max;
  std::int64_t min = 0;                 ///< fewer are shown as missing
  json::object except;                  ///< organisation id → its own maximum
  std::vector<std::string> designated;  ///< names of organisations, each with one of the places kept for it
  bool ranked = false;                  ///< beyond the maximum: reserve, in the order of the list
  bool soft = false;                    ///< beyond the maximum: with a written reason
  std::string zh;
  std::string en;
  std::string group;  ///< what counters of this rule and round have in common

  bool covers(std::string_view programme) const;
  std::int64_t max_of(const std::string& org) const;  ///< max, or what is excepted for the organisation
};

inline constexpr std::size_t kLimitsMax = 200;
/// Values of one field that are counted: a form that names more is refused.
inline constexpr std::size_t kLimitKeysMax = 100;

/// Every defect of a list of rules: unknown members, impossible numbers, a ranked rule over several programmes.
/// @param place  where the list stands.
std::vector<Detail> check_limits(const json::array& rules, const std::string& place);
/// Of a rule that check_limits() found nothing in.
Limit limit_of(const json::object& rule, const std::string& round);

/// The rules that hold for a programme in a round: those of its <quota>, then those that came with the installation
/// (manifest "limits"), then those of the round, which replace others of the same id.
/// @param round_rules  records of kind "limit" about the round.
std::vector<Limit> limits_for(const json::object& manifest, const std::string& programme, const std::string& round,
                              const std::vector<RecordRow>& round_rules);

/// The name of the counter of `key` under a rule.
std::string counter_of(const Limit& limit, const std::string& key);
/// How many of these rules' places a counter may count; none: it is not limited, or no hard rule of them has it.
std::optional<std::int64_t> places_of(const std::vector<Limit>& limits, const std::string& counter);
/// The values that a pointer with "*" leads to, as texts; each once.
std::vector<std::string> values_at(const json::value& data, std::string_view pointer);

/// The series that who takes a place under the rules of a round shares, and who changes them holds.
inline std::string limits_series(const std::string& round) { return "limits/" + round; }

/// Record kinds of this subject.
inline constexpr const char* kLimitRecord = "limit";                    ///< a rule of a round; about: the round
inline constexpr const char* kLimitsRecord = "limits";                  ///< the round's rules as a whole: their revision; id: the round
inline constexpr const char* kPlacesRecord = "places";                  ///< a counter for the lists; about: Limit::group
inline constexpr const char* kHeldRecord = "places-held";              ///< counters that the round's decision raised; id: the application
inline constexpr const char* kExceptionRecord = "quota-exception";      ///< id: the application
inline constexpr const char* kRankRecord = "rank";                      ///< id: programme/round/organisation
inline constexpr const char* kRankedRecord = "ranked";                  ///< id: the application; data.lists: those that it stands in

/// The ranked list of an organisation: {"order":[application,…],"held":[…],"waiting":[…],
/// "excepted":[…] (beside the limit), "gone":[…],"max","sealed","letter"?}.
std::string rank_id(const std::string& programme, const std::string& round, const std::string& org);
/// Applications in one list.
inline constexpr std::size_t kRankedMax = 500;
/// How many places the list of an organisation has: one for each that it can hold when no ranked rule, or none with a maximum, holds.
std::int64_t rank_places(const Limit* ranked, const std::string& org);

/// Takes an application out of its list. The place that it held, or stood before, goes to the first of those who wait.
/// @return ids of the applications that have a place now.
std::vector<std::string> leave_rank(json::object& list, const std::string& application);
/// The same when the list has other places. Who has one keeps it.
std::vector<std::string> resize_rank(json::object& list, std::int64_t places);

}  // namespace chuyi

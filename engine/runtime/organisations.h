#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"
#include "engine/ports/store.h"

namespace chuyi {

using FindOrganisation = std::function<std::optional<OrganisationRow>(std::string_view id)>;

/// The organisation and its ancestors, nearest first. Empty when `id` is unknown.
std::vector<OrganisationRow> chain_of(const FindOrganisation& find, const std::string& id);

/// {"college": id, "county": …, "prefecture": …, "province": …}; a level that is missing falls to the next one above it.
json::object orgs_by_level(const std::vector<OrganisationRow>& chain);

/// Who recommends the organisations that it is about. Data: workflows/data/hunan/recommenders.json.
struct RecommenderRule {
  enum class To : std::uint8_t {
    territory,  ///< the offices above it from county to the programme's level, one after the other
    competent,  ///< its competent department
    office      ///< that office of its region (OrganisationRow::data "offices")
  };
  std::string id;
  std::vector<std::string> kinds;      ///< of the applicant; empty: any
  std::vector<std::string> competent;  ///< kinds of its competent department; empty: any, or none
  To to = To::territory;
  std::string office;
  std::string zh, en;
};

/// Errors: `invalid` "json.*", "recommenders.rule" with place = file and rule.
Result<std::vector<RecommenderRule>> parse_recommenders(std::string_view text, const std::string& file);

/// Which offices an application passes on its way up, lowest first; the last one recommends. Empty: it goes to the
/// province directly.
struct Recommendation {
  std::vector<std::string> offices;
  std::string rule, zh, en;  ///< why these
};

/// The first rule that is about the applicant, and whose offices there are, counts.
/// @param chain  the applicant and its ancestors (chain_of)
/// @param level  the programme's: who recommends at the latest; "none" or empty: nobody
Recommendation recommendation_of(const std::vector<OrganisationRow>& chain, const std::string& level, const std::vector<RecommenderRule>& rules,
                                 const FindOrganisation& find);

/// What an organisation may be.
extern const std::vector<std::string> kOrganisationLevels, kOrganisationKinds;
/// Its place from the top: 0 for the province. Parents are above their children.
std::size_t rank_of_level(std::string_view level);

/// One as people give it: id, parent, level, name, name_en, and the members of OrganisationRow::data beside them.
json::object to_json(const OrganisationRow& row);

/// Reads and checks one. A new name or code of a known one keeps the old in "former", with the day.
/// @param old   the one of this id, if there is one
/// @param find  those that are there, and those that come with it
/// @return Errors: `invalid` "organisation.*", place = JSON pointer.
Result<OrganisationRow> organisation_of(const json::object& given, const std::optional<OrganisationRow>& old, const FindOrganisation& find, Instant now);

/// The one that people mean by its id, its code, its name, or a code or name of before; nothing when it is none, or more
/// than one.
std::optional<std::string> resolve_organisation(const std::vector<OrganisationRow>& all, std::string_view text);

}  // namespace chuyi

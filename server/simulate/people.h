#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/base/calendar.h"
#include "engine/invoke/handler.h"
#include "engine/ports/definition.h"
#include "engine/review/people.h"
#include "engine/runtime/organisations.h"
#include "server/installation.h"
#include "server/simulate/call.h"

/// Whom a rehearsal is played with: made up from a seed, the same seed the same people.
namespace chuyi::simulate {

/// Small, seeded, the same everywhere. Each purpose has its own, so that a new one changes no other.
class Dice {
 public:
  Dice(std::uint64_t seed, std::string_view purpose);
  std::size_t below(std::size_t count);
  std::int64_t between(std::int64_t low, std::int64_t high) { return low + static_cast<std::int64_t>(below(static_cast<std::size_t>(high - low + 1))); }
  bool chance(std::size_t percent) { return below(100) < percent; }
  template <class T>
  const T& one_of(const std::vector<T>& all) {
    return all[below(all.size())];
  }

 private:
  std::uint64_t state_;
};

struct Options {
  std::uint64_t seed = 1;
  std::size_t applications = 3'000;
  std::size_t experts = 400;
  int years = 0;  ///< annual checks after the award
};

/// What a programme is to its round.
struct Programme {
  std::string id, zh, en;
  json::object manifest;
  json::object example;  ///< a nomination without failures: tests/nomination.json of the package
  json::object report;   ///< an annual report: tests/annual.json
  std::vector<std::string> documents;  ///< kinds that must be there
  std::size_t reviews = 3;  ///< sheets of each application
  std::int64_t planned = 0;
};

/// An expert, and how this one judges.
struct Judge {
  review::Expert expert;  ///< persons by their number (person_of): the pool makes digests of them
  std::int64_t severity = 0;  ///< points of a hundred added to every mark
  std::int64_t noise = 0;     ///< most points beside it, either way
  std::size_t per_day = 0;    ///< sheets
  std::size_t away_from = 0, away_to = 0;  ///< working days of the review
};

enum class Habit : std::uint8_t { punctual, last_day, late };

/// An application before it is one.
struct Plan {
  std::string label;  ///< "a-0001": its name in every result, whatever the store calls it
  std::size_t programme = 0;
  std::string org, region, title;
  Habit habit = Habit::punctual;
  std::size_t starts = 0;      ///< working day on which it is drafted, from the opening
  std::size_t submits = 0;
  std::size_t withdraws = 0;   ///< working days after its submission; 0: never
  std::size_t answers = 0;     ///< working days that it takes to correct something
  bool careless = false;       ///< the first form lacks something
  std::int64_t quality = 0;    ///< of a hundred
  std::string leader;          ///< number of a person
  std::vector<std::string> members, partners;
};

struct Cast {
  std::vector<Programme> programmes;
  std::vector<json::object> organisations;  ///< as organisation.put takes them, parents first
  std::map<std::string, Actor> applicants, admins, approvers;  ///< of those who apply, by organisation
  std::vector<Actor> recommenders;
  std::vector<Actor> clerks;
  Actor lead, supervisor, administrator;
  std::vector<Judge> judges;
  std::vector<Plan> plans;
  std::map<std::string, std::string> prefectures;  ///< id → name
  std::map<std::string, json::object> by_id;       ///< organisations
};

/// Errors: those of the files; `not_found` "simulate.programmes" when no package can take part; `invalid` "simulate.call" when one that the call
/// names cannot.
Result<Cast> make_cast(const SharedFiles& files, const Options& options, const Call& call);
/// Every account of the cast.
std::vector<const Actor*> everybody(const Cast& cast);
/// The expert as a user. Where an expert works, the panel looks for itself.
Actor actor_of(const Cast& cast, const Judge& judge);
/// A made-up person, by a number of theirs that is the same wherever they appear: a telephone's.
std::string person_of(std::size_t number);
/// What an officer enters into the pool of experts.
json::object pool_entry(const Judge& judge);

}  // namespace chuyi::simulate

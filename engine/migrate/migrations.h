#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/check/policy.h"
#include "engine/check/profile.h"
#include "engine/ports/definition.h"
#include "engine/ports/queries.h"
#include "engine/runtime/command.h"
#include "engine/scxml/migrate.h"

namespace chuyi {

struct MigrationRequest {
  DefinitionPtr from;
  DefinitionPtr to;
  scxml::StateMap map;
};

/// A state of the former workflow, or one that only the new one has.
struct PlannedState {
  std::string id;                ///< empty: added
  std::string to;                ///< empty: removed and not mapped
  std::size_t applications = 0;  ///< that stand in it
};

enum class Fate : std::uint8_t {
  as_is,          ///< every state is there under its id
  mapped,         ///< with the help of the map
  needs_mapping,  ///< a state is gone and the map says nothing of it
  cannot,
  breaks_policy,  ///< what it has gone through, followed by what the new workflow allows
  moved,          ///< by this call
};

struct PlannedMove {
  std::string application, title, org_name;
  std::uint64_t revision = 0;
  std::vector<std::string> before, after;  ///< configurations; `after` is empty when it stays
  Fate fate = Fate::as_is;
  std::vector<Detail> reasons;   ///< why it stays
  std::vector<Detail> warnings;  ///< what changes for it
};

struct MigrationPlan {
  MigrationRequest request;
  std::string migration;               ///< its id once it has begun
  std::vector<Detail> problems;        ///< of the new workflow itself: then nothing is moved
  std::vector<PlannedState> states;    ///< in the order of the former document, then what is added
  std::vector<PlannedMove> applications;  ///< every one that runs on `from`, in the order of the list
};

/// A migration that was begun.
struct MigrationEntry {
  std::string id, programme, from, to;
  scxml::StateMap map;
  Instant at;
  std::string by;
  bool undone = false;
  std::size_t moved = 0;  ///< applications that were moved and not put back
};

struct UndoReport {
  std::vector<std::string> restored;  ///< application ids
  std::vector<Detail> left;           ///< that somebody acted on meanwhile; place = application id
};

/// Moves the running applications of one version of a programme to another, and back. Thread-safe; each call blocks.
///
/// Each application is one command, one transaction and one audit record: what a crash interrupts goes on with the
/// same call again. Applications that cannot move, or that change meanwhile in a way that hinders, stay and are named.
class Migrations {
 public:
  using Progress = std::function<void(std::size_t done, std::size_t all)>;
  /// All outlive it.
  struct Parts {
    CommandService* commands;  ///< nullptr: plan and list only
    Queries& queries;
    const Definitions& definitions;
    const InvokeRegistry& registry;
    const check::World& world;
    std::vector<check::Policy> policies;
  };
  explicit Migrations(Parts parts) : parts_(std::move(parts)) {}

  /// A definition by its digest (8 hex digits or more of its beginning) or as PROGRAMME@VERSION, of those in the store
  /// and those loaded. Errors: `not_found` "definition.unknown", `rejected` "definition.ambiguous" naming the digests.
  Result<DefinitionPtr> find(std::string_view name) const;

  /// What apply() would do. Errors: `invalid` "migrate.programme", "migrate.same", "migrate.map"; `unavailable` "store.io".
  Result<MigrationPlan> plan(const MigrationRequest& request, const Progress& progress = {}) const;
  /// Moves what can be moved. Errors: as plan(); `rejected` "migrate.policy" when the new workflow itself breaks one.
  Result<MigrationPlan> apply(const MigrationRequest& request, const Actor& actor, const Progress& progress = {}) const;
  /// Puts every application of a migration back as it was: all of them, or none when anybody acted on one since.
  /// Errors: `not_found` "migration.unknown"; `rejected` "migrate.acted" with each such application.
  Result<UndoReport> undo(const std::string& migration, const Actor& actor, const Progress& progress = {}) const;
  /// Oldest first.
  Result<std::vector<MigrationEntry>> list() const;

 private:
  Parts parts_;
};

/// "as-is", "mapped", "needs-mapping", "cannot", "breaks-policy", "moved".
std::string_view name_of(Fate fate);

json::object to_json(const MigrationPlan& plan);
json::object to_json(const MigrationEntry& entry);
json::object to_json(const UndoReport& report);

}  // namespace chuyi

#pragma once

#include <vector>

#include "engine/runtime/dispatcher.h"
#include "engine/runtime/session_document.h"
#include "engine/scxml/migrate.h"

/// A running application on another version of its workflow. How many are moved, and who may be: engine/migrate.
namespace chuyi {

struct MigratedSession {
  SessionRow row;                 ///< with the new definition and document; to be used when there is no obstacle
  std::vector<Detail> obstacles;  ///< as scxml::Moved, and "migrate.form"
  std::vector<Detail> warnings;
};

/// Ids of a session's own invokes that have ended: stages and charts, but not what runs inside those charts.
std::vector<std::string> finished_invokes(const SessionDocument& document, std::string_view session);

/// Puts a session onto `to`. Handlers keep their state, tasks and timers their rows. Pure.
MigratedSession migrate_session(const Definition& from, const Definition& to, const scxml::StateMap& map, const SessionRow& row,
                                const SessionDocument& document, Instant now, const json::object& model = {});

/// Those of a session's timers that a `<send>` of its own chart to itself waits in.
std::vector<TimerRow> own_sends(std::vector<TimerRow> timers);

/// Timers of the session that would fire for nobody. @return obstacles "migrate.timer", place = timer id.
std::vector<Detail> timer_obstacles(const Definition& from, const Definition& to, const std::vector<TimerRow>& timers);

scxml::StateMap state_map_from_json(const json::object& map);
json::object to_json(const scxml::StateMap& map);

bool is_migration(const Command& command);

/// session.migrate {from, to, map, migration}: the session goes on on definition `to`; refused unless it stands on `from`.
/// session.unmigrate {migration}: puts back what session.migrate found, byte for byte; refused when anything came after it
/// but migrations that are undone.
/// Errors: `rejected` "migrate.obstacle" with each of them, "migrate.definition", "migrate.ended", "migrate.acted";
/// `precondition` "precondition.failed"; `not_found` "application.unknown", "definition.unknown".
Result<Change> decide_migration(const Runtime& runtime, View& view, const Command& command, Instant now);

/// migration.begin {programme, from, to, map, after} → reply body {migration}: a new entry of the list below, or the one
/// that was begun with the same and not undone. migration.undo {migration} marks it.
/// Errors: `not_found` "migration.unknown".
Result<Change> decide_migration_list(View& view, const Command& command, Instant now);

/// Setting that lists the migrations, oldest first: [{"id","programme","from","to","map","after","at","by","undone"}].
/// `after`: every record of the migration has a greater number in the audit log.
inline constexpr std::string_view kMigrationsSetting = "migrations";
Result<json::array> migrations_from_setting(const std::optional<std::string>& setting);

}  // namespace chuyi

#pragma once

#include "engine/invoke/handler.h"

namespace chuyi::panel {

/// Why this person may not review this application; an empty code when nothing stands in the way. Memberships, and who acted on
/// it, always count. The programme's rules of conflict (manifest "conflicts": {"rules", "fields": {"leader","members",
/// "partners"}: places in the nomination form}) count for whoever is a record of kind "expert" (data: engine/review/people.h).
/// The detail names the rule and its evidence: it is for those who appoint.
Detail conflict_of(const StageContext& context, const json::object& state, const std::string& user, const std::string& place);

/// What may be a conflict (rules with "confirm", as of two who have one name and unit): "panel.conflict.possible", for the person who
/// appoints to confirm that it is none.
Detail possible_conflict_of(const StageContext& context, const std::string& user, const std::string& place);

}  // namespace chuyi::panel

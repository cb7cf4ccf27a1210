#pragma once

#include "engine/ports/store.h"

namespace chuyi {

/// What a change would do, for people who look before they act: {"application":{id, state:{from, to}, stage, status},
/// "tasks":[{id, kind, status, role, org, user, claimed_by, outcome}], "notify":[{event, user, role, org}], "others":[kind of message]}.
json::object preview_of(View& view, const Change& change);

}  // namespace chuyi

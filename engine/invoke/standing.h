#pragma once

#include <string>
#include <vector>

#include "engine/invoke/handler.h"

/// Who leads an application, as form "nomination" names them in `leader`: {"name", "phone", "id_number"}. Found again by
/// records of kind "trace", which hold digests of the two numbers alone.
namespace chuyi {

/// Nobody becomes the leader of an application while they lead another one that runs, an award in its term among them.
/// Errors: `rejected` "leader.exclusive" with the place.
Result<> check_exclusive(const StageContext& context, const json::object& leader, const std::string& place);

/// From now on others find this application by `leader`, and no more by whoever led it before.
void keep_leader(const StageContext& context, const json::object& leader, std::vector<StageEffect>& effects);

/// A change of leader: fact "leader" is the new one, and fact "leaders" gains {"from", "to", "on"}, which names both.
void change_leader(const StageContext& context, const json::object& leader, std::vector<StageEffect>& effects);

}  // namespace chuyi

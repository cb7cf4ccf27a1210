#pragma once

#include <string>
#include <vector>

#include "engine/invoke/handler.h"

/// Whom an application may be of, and who leads it. Its leader is whom form "nomination" names in `leader`: {"name", "phone",
/// "id_number"}, or whoever came after. While it runs they are found by records of kind "leader", which hold digests of the two
/// numbers alone.
namespace chuyi {

/// Nobody becomes the leader of an application while they lead another one that runs, an award in its term among them.
/// Errors: `rejected` "leader.exclusive" with the place.
Result<> check_exclusive(const StageContext& context, const json::object& leader, const std::string& place);

/// From now on others find this application by `leader`, and no more by whoever led it before.
void keep_leader(const StageContext& context, const json::object& leader, std::vector<StageEffect>& effects);

/// The application has ended: what is to be written so that nobody finds it by its leader any more.
std::vector<RecordRow> free_leader(StageView& view, const std::string& session_id, const json::object& application);

/// The name of whoever leads it so far.
std::string leader_name(const json::object& application);

/// A change of leader: fact "leader" is the new one, and fact "leaders" gains {"from", "to", "on"}, which names both.
void change_leader(const StageContext& context, const json::object& leader, std::vector<StageEffect>& effects);

/// Keeps away from the programme whom its manifest says ("ban": {"years", "of": "unit" or "leader"}) when an award is revoked:
/// records of kind "ban".
void keep_ban(const StageContext& context, const std::string& number, std::vector<StageEffect>& effects);

/// The same for `leader` alone, who is to lead an application of somebody else's.
Result<> check_leader_ban(const StageContext& context, const json::object& leader, const std::string& place);
/// Errors: `rejected` "application.banned", when the applying unit or `leader` may not apply to the programme yet.
Result<> check_ban(const StageContext& context, const json::object& leader);

}  // namespace chuyi

#pragma once

#include "engine/base/json.h"
#include "engine/invoke/rows.h"

/// Rows as JSON objects, for the states of stages and for journals; instants as integer ms.
namespace chuyi {

json::object to_json(const TaskRow& row);
TaskRow task_from_json(const json::object& object);
json::object to_json(const NoticeRow& row);
NoticeRow notice_from_json(const json::object& object);
json::object to_json(const ObjectionRow& row);
ObjectionRow objection_from_json(const json::object& object);
json::object to_json(const AwardRow& row);
AwardRow award_from_json(const json::object& object);
json::object to_json(const DocumentRow& row);
DocumentRow document_from_json(const json::object& object);
json::object to_json(const RecordRow& row);
RecordRow record_from_json(const json::object& object);
json::array to_json(const std::vector<Membership>& memberships);
std::vector<Membership> memberships_from_json(const json::array& array);
json::array to_json(const std::vector<std::string>& strings);
std::vector<std::string> strings_from_json(const json::array& array);

}  // namespace chuyi

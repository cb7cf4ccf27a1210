#pragma once

#include "engine/base/json.h"
#include "engine/ports/definition.h"
#include "engine/ports/queries.h"
#include "server/context.h"

/// Rows as docs/api.md shows them.
namespace chuyi {

/// @param plugins  what kPluginsSetting says: whether it takes new applications.
json::object programme_json(const Definition& definition, const json::object& plugins);
json::object application_json(const SessionRow& session, const Definition* definition);
/// `session` and `definition` may be nullptr: then their parts are left out.
json::object task_json(const TaskRow& task, const SessionRow* session, const Definition* definition);
json::object document_json(const DocumentRow& row);
/// The rows as the public may have them, in JSON or on a page: what looks like an identity or mobile number is hidden.
NoticeRow published(NoticeRow row);
std::string mask_personal(const std::string& text);
AwardRow published(AwardRow row);
json::object notice_json(const NoticeRow& row, const Definition* definition, const Calendar& calendar, Instant now);
json::object award_json(const AwardRow& row);
json::object user_json(const UserRow& row);
/// {"zh","en"} of a chart's state.
json::object state_titles(const Definition* definition, const std::string& state);
/// The task of a command's stored answer. What is added of session and definition never changes: the same answer
/// given again is the same bytes.
json::object replied_task(const Reply& reply, const SessionRow& session, const Definition* definition);
/// Days left until `last_day`, today counted, by the notice's own unit; 0 once it is over.
int remaining_days(const NoticeRow& row, const Calendar& calendar, Instant now);

/// A record of the audit log; empty when it is none.
json::object audit_record(const AuditRow& row);
/// The entry of a history in the place of records that are in a bag.
json::object archived_json(const AuditRow& row, const std::string& bag, const Texts& texts);
/// The task that a record of a sign-off is about; empty for other records.
std::string signed_task(const json::object& record);
/// One entry of an application's history as `viewer` may see it. `task`: the signed one, nullptr when there is none.
/// @param panel_open  its scores are sealed
json::object history_json(const AuditRow& row, const json::object& record, const TaskRow* task, const Actor& viewer, const SessionRow& session, bool panel_open,
                          const Definition* definition, const Texts& texts);

}  // namespace chuyi

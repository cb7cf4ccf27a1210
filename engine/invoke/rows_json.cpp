#include "engine/invoke/rows_json.h"

namespace chuyi {
namespace {

json::value instant_json(const std::optional<Instant>& at) { return at ? json::value(to_ms(*at)) : json::value(); }

std::optional<Instant> instant_or_none(const json::object& object, std::string_view key) {
  const json::value* found = object.if_contains(key);
  if (found == nullptr || !found->is_int64()) return std::nullopt;
  return from_ms(found->get_int64());
}

Instant instant_of(const json::object& object, std::string_view key) { return from_ms(int_or(object, key, 0)); }

Day day_of(const json::object& object, std::string_view key) {
  const Result<Day> day = parse_day(string_or(object, key));
  return day ? *day : Day{};
}

}  // namespace

json::array to_json(const std::vector<std::string>& strings) { return json::array(strings.begin(), strings.end()); }

std::vector<std::string> strings_from_json(const json::array& array) {
  std::vector<std::string> out;
  for (const json::value& value : array)
    if (value.is_string()) out.emplace_back(value.get_string());
  return out;
}

json::array to_json(const std::vector<Membership>& memberships) {
  json::array out;
  for (const Membership& membership : memberships)
    out.push_back(json::object{{"role", membership.role}, {"org", membership.org}});
  return out;
}

std::vector<Membership> memberships_from_json(const json::array& array) {
  std::vector<Membership> out;
  for (const json::value& value : array)
    if (value.is_object()) out.push_back({string_or(value.get_object(), "role"), string_or(value.get_object(), "org")});
  return out;
}

json::object to_json(const TaskRow& row) {
  json::object out{{"id", row.id},
          {"session", row.session_id},
          {"invoke", row.invoke_id},
          {"kind", row.kind},
          {"state", row.state},
          {"role", row.role},
          {"org", row.org},
          {"user", row.user},
          {"status", row.status},
          {"claimed_by", row.claimed_by},
          {"done_by", row.done_by},
          {"form", row.form},
          {"outcomes", to_json(row.outcomes)},
          {"outcome", row.outcome},
          {"due", instant_json(row.due)},
          {"due_provisional", row.due_provisional},
          {"seals", row.seals},
          {"created", to_ms(row.created)},
          {"done", instant_json(row.done)},
          {"data", row.data},
          {"revision", static_cast<std::int64_t>(row.revision)}};
  // Left out where there is none: what was written before they were known reads the same.
  if (!row.done_for.empty()) out["done_for"] = row.done_for;
  if (!row.period.empty()) out["period"] = row.period;
  if (!row.return_to.empty()) out["return_to"] = to_json(row.return_to);
  if (!row.programme.empty()) out["programme"] = row.programme;
  if (!row.round.empty()) out["round"] = row.round;
  if (!row.stage.empty()) out["stage"] = row.stage;
  return out;
}

TaskRow task_from_json(const json::object& object) {
  return {.id = string_or(object, "id"),
          .session_id = string_or(object, "session"),
          .invoke_id = string_or(object, "invoke"),
          .kind = string_or(object, "kind"),
          .state = string_or(object, "state"),
          .role = string_or(object, "role"),
          .org = string_or(object, "org"),
          .user = string_or(object, "user"),
          .status = string_or(object, "status"),
          .claimed_by = string_or(object, "claimed_by"),
          .done_by = string_or(object, "done_by"),
          .done_for = string_or(object, "done_for"),
          .form = string_or(object, "form"),
          .outcomes = strings_from_json(array_or_empty(object, "outcomes")),
          .outcome = string_or(object, "outcome"),
          .return_to = strings_from_json(array_or_empty(object, "return_to")),
          .due = instant_or_none(object, "due"),
          .due_provisional = bool_or(object, "due_provisional", false),
          .period = object_or_empty(object, "period"),
          .seals = bool_or(object, "seals", false),
          .created = instant_of(object, "created"),
          .done = instant_or_none(object, "done"),
          .data = object_or_empty(object, "data"),
          .revision = static_cast<std::uint64_t>(int_or(object, "revision", 1)),
          .programme = string_or(object, "programme"),
          .round = string_or(object, "round"),
          .stage = string_or(object, "stage")};
}

json::object to_json(const NoticeRow& row) {
  return {{"id", row.id},
          {"session", row.session_id},
          {"invoke", row.invoke_id},
          {"programme", row.programme},
          {"round", row.round},
          {"fields", row.fields},
          {"opens", to_ms(row.opens)},
          {"last_day", format_day(row.last_day)},
          {"provisional", row.provisional},
          {"rule", row.rule},
          {"status", row.status}};
}

NoticeRow notice_from_json(const json::object& object) {
  return {.id = string_or(object, "id"),
          .session_id = string_or(object, "session"),
          .invoke_id = string_or(object, "invoke"),
          .programme = string_or(object, "programme"),
          .round = string_or(object, "round"),
          .fields = object_or_empty(object, "fields"),
          .opens = instant_of(object, "opens"),
          .last_day = day_of(object, "last_day"),
          .provisional = bool_or(object, "provisional", false),
          .rule = string_or(object, "rule"),
          .status = string_or(object, "status")};
}

json::object to_json(const ObjectionRow& row) {
  return {{"id", row.id},
          {"notice", row.notice_id},
          {"session", row.session_id},
          {"objector", row.objector},
          {"contact", row.contact},
          {"reason", row.reason},
          {"status", row.status},
          {"opinion", row.opinion},
          {"filed", to_ms(row.filed)},
          {"settled", instant_json(row.settled)}};
}

ObjectionRow objection_from_json(const json::object& object) {
  return {.id = string_or(object, "id"),
          .notice_id = string_or(object, "notice"),
          .session_id = string_or(object, "session"),
          .objector = string_or(object, "objector"),
          .contact = string_or(object, "contact"),
          .reason = string_or(object, "reason"),
          .status = string_or(object, "status"),
          .opinion = string_or(object, "opinion"),
          .filed = instant_of(object, "filed"),
          .settled = instant_or_none(object, "settled")};
}

json::object to_json(const RecordRow& row) {
  return {{"kind", row.kind}, {"id", row.id}, {"about", row.about}, {"data", row.data}, {"updated", to_ms(row.updated)}, {"revision", static_cast<std::int64_t>(row.revision)}};
}

RecordRow record_from_json(const json::object& object) {
  return {.kind = string_or(object, "kind"),
          .id = string_or(object, "id"),
          .about = string_or(object, "about"),
          .data = object_or_empty(object, "data"),
          .updated = instant_of(object, "updated"),
          .revision = static_cast<std::uint64_t>(int_or(object, "revision", 1))};
}

json::object to_json(const AwardRow& row) {
  return {{"number", row.number},
          {"session", row.session_id},
          {"programme", row.programme},
          {"round", row.round},
          {"title", row.title},
          {"org", row.org},
          {"org_name", row.org_name},
          {"granted", format_day(row.granted)},
          {"term_years", row.term_years},
          {"ends", format_day(row.ends)},
          {"status", row.status},
          {"checks", row.checks}};
}

AwardRow award_from_json(const json::object& object) {
  return {.number = string_or(object, "number"),
          .session_id = string_or(object, "session"),
          .programme = string_or(object, "programme"),
          .round = string_or(object, "round"),
          .title = string_or(object, "title"),
          .org = string_or(object, "org"),
          .org_name = string_or(object, "org_name"),
          .granted = day_of(object, "granted"),
          .term_years = static_cast<int>(int_or(object, "term_years", 0)),
          .ends = day_of(object, "ends"),
          .status = string_or(object, "status"),
          .checks = array_or_empty(object, "checks")};
}

json::object to_json(const DocumentRow& row) {
  return {{"id", row.id},
          {"session", row.session_id},
          {"kind", row.kind},
          {"name", row.name},
          {"media_type", row.media_type},
          {"digest", row.digest},
          {"size", static_cast<std::int64_t>(row.size)},
          {"added_by", row.added_by},
          {"added", to_ms(row.added)},
          {"removed", row.removed}};
}

DocumentRow document_from_json(const json::object& object) {
  return {.id = string_or(object, "id"),
          .session_id = string_or(object, "session"),
          .kind = string_or(object, "kind"),
          .name = string_or(object, "name"),
          .media_type = string_or(object, "media_type"),
          .digest = string_or(object, "digest"),
          .size = static_cast<std::uint64_t>(int_or(object, "size", 0)),
          .added_by = string_or(object, "added_by"),
          .added = instant_of(object, "added"),
          .removed = bool_or(object, "removed", false)};
}

}  // namespace chuyi

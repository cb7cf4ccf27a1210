#include <algorithm>

#include "engine/invoke/rows_json.h"
#include "engine/review/people.h"
#include "engine/runtime/fields.h"
#include "engine/runtime/people.h"
#include "engine/runtime/review_commands.h"

// The pool of experts: who is in it, nominated when, put out of it why, and what each says of himself.
namespace chuyi {
namespace {

constexpr std::size_t kDeclarationsMax = 200;
constexpr std::size_t kHistoryMax = 200;

Error unknown_expert(const std::string& id) {
  return Error{.kind = ErrorKind::not_found, .code = "expert.unknown", .message = "Expected an expert of the pool, but found '" + id + "'", .message_zh = "专家库中没有该专家"};
}

void note(json::object& expert, json::object what) {
  json::array history = array_or_empty(expert, "history");
  if (history.size() >= kHistoryMax) history.erase(history.begin());
  history.push_back(std::move(what));
  expert["history"] = std::move(history);
}

/// Lists that only the conflict rules read: held against their reader, so that no computation fails on them later.
Result<> check_lists(const RecordRow& row) {
  json::object given{{"id", row.id}};
  for (const char* key : {"person", "co_projects", "relations", "judged"})
    if (const json::value* value = row.data.if_contains(key)) given[key] = *value;
  const Result<review::Expert> read = review::expert_from_json(given);
  return read ? Result<>{} : Result<>{read.error()};
}

Result<Change> put(View& view, const Command& command, Instant now) {
  const std::string id = string_or(command.data, "id");
  const std::optional<RecordRow> old = view.record(kExpert, id);
  const FindOrganisation find = [&](std::string_view org) { return view.organisation(org); };
  Result<RecordRow> row = expert_of(command.data, old, find, now);
  if (!row) return row.error();
  for (const char* key : {"person", "co_projects", "relations", "judged"})
    if (const json::value* value = command.data.if_contains(key)) row->data[key] = *value;
  if (Result<> checked = check_lists(*row); !checked) return checked.error();
  const bool was = old && bool_or(old->data, "disabled", false);
  const bool is = bool_or(command.data, "disabled", was);
  if (is != was) {
    const Result<std::string> reason = reason_of(command);
    if (!reason) return reason.error();
    json::object entry = who(command.actor, now);
    entry["what"] = is ? "disabled" : "enabled";
    entry["reason"] = *reason;
    note(row->data, std::move(entry));
  }
  row->data["disabled"] = is;
  Change change;
  change.reply = {.status = old ? 200 : 201, .body = json::object{{"id", id}, {"revision", static_cast<std::int64_t>(row->revision)}}, .revision = row->revision};
  change.records.push_back(std::move(*row));
  return change;
}

Result<Change> nominate(View& view, const Command& command, Instant now) {
  const std::string id = string_or(command.data, "id");
  std::optional<RecordRow> row = view.record(kExpert, id);
  if (!row) return unknown_expert(id);
  const std::int64_t year = int_or(command.data, "year", 0);
  const std::int64_t last = int_or(row->data, "nominated_year", 0);
  if (year < 2000 || year > 2999) return invalid_field("expert.nominated_year", "/year", "Expected a year", "提名年度应为4位年份");
  if (year <= last) return rejection("expert.nominated", "Expected a year after " + std::to_string(last) + ", of the last nomination", "该专家" + std::to_string(last) + "年度已提名");
  if (bool_or(row->data, "disabled", false)) return rejection("expert.disabled", "Expected an expert who is not put out of the pool", "该专家已停用");
  row->data["nominated_year"] = year;
  json::object entry = who(command.actor, now);
  entry["what"] = "nominated";
  entry["year"] = year;
  note(row->data, std::move(entry));
  Change change;
  change.records.push_back(review_row(kExpert, id, row->about, row->data, now, row));
  change.reply.body = json::object{{"id", id}, {"nominated_year", year}};
  change.reply.revision = change.records.back().revision;
  return change;
}

/// An expert stands back. It is taken as it is said: whether there is such an application is nothing for an expert to find out.
Result<Change> declare(View& view, const Command& command, Instant now) {
  const std::string& id = command.actor.user_id;
  std::optional<RecordRow> row = command.actor.has("reviewer") ? view.record(kExpert, id) : std::nullopt;
  if (!row) return unknown_expert(id);
  const std::string application = string_or(command.data, "application");
  const std::string org = string_or(command.data, "org");
  if (application.empty() == org.empty() || application.size() > 64 || org.size() > 64)
    return invalid_field("expert.declaration", "/application", "Expected either an application or an organisation", "请填写申报编号或单位代码之一");
  const Result<std::string> reason = reason_of(command);
  if (!reason) return reason.error();
  json::array declared = array_or_empty(row->data, "declared");
  if (declared.size() >= kDeclarationsMax) return rejection("expert.declarations", "Expected at most 200 declarations", "回避申明过多，请联系省级经办人");
  declared.push_back(json::object{{"application", application}, {"org", org}, {"reason", *reason}});
  row->data["declared"] = std::move(declared);
  Change change;
  change.records.push_back(review_row(kExpert, id, row->about, row->data, now, row));
  change.reply = {.status = 201, .body = json::object{{"declared", row->data.at("declared")}}};
  return change;
}

}  // namespace

Result<Change> decide_expert(View& view, const Command& command, Instant now) {
  if (command.kind == "expert.declare") return declare(view, command, now);
  if (!command.actor.has("provincial-officer"))
    return Error{.kind = ErrorKind::forbidden, .code = "expert.officer", .message = "Expected a provincial officer", .message_zh = "只有省级经办人可以管理专家库"};
  if (command.kind == "expert.nominate") return nominate(view, command, now);
  return put(view, command, now);
}

}  // namespace chuyi

#include "engine/runtime/delegation.h"

#include <algorithm>
#include <set>

#include "engine/invoke/rows_json.h"
#include "engine/runtime/fields.h"

namespace chuyi {
namespace {

constexpr std::size_t kReasonBytesMax = 2'000;
constexpr int kDaysMax = 366;

bool is_administrator(const Actor& actor) { return actor.has("administrator"); }

std::vector<Membership> memberships_of(View& view, const std::string& user) {
  const std::optional<UserRow> row = view.user(user);
  return !row || row->disabled ? std::vector<Membership>{} : row->memberships;
}

bool overlaps(const json::object& a, const json::object& b) {
  return string_or(a, "since") <= string_or(b, "until") && string_or(b, "since") <= string_or(a, "until");
}

/// Whether work of `deputy` would come back to it by way of `principal`: somebody who stands in for somebody else whom it
/// stands in for, in an overlapping period.
bool closes_circle(View& view, const std::string& principal, const std::string& deputy, const json::object& period) {
  std::set<std::string> seen;
  std::vector<std::string> next{principal};
  while (!next.empty()) {
    const std::string user = next.back();
    next.pop_back();
    if (!seen.insert(user).second) continue;
    if (user == deputy) return true;
    for (const RecordRow& row : view.records(kDelegation, user))
      if (!row.data.contains("ended") && overlaps(row.data, period)) next.push_back(string_or(row.data, "from"));
  }
  return false;
}

Result<> check_period(const json::object& data, Instant now) {
  const Result<Day> since = parse_day(string_or(data, "since"));
  if (!since) return since.error();
  const Result<Day> until = parse_day(string_or(data, "until"));
  if (!until) return until.error();
  if (*until < *since || *until < day_in_shanghai(now) || *until - *since > std::chrono::days{kDaysMax})
    return rejection("delegation.period", "Expected a period that has not ended, of at most " + std::to_string(kDaysMax) + " days",
                   "委托期限应当未结束，且不超过" + std::to_string(kDaysMax) + "天", "/until");
  return {};
}

Result<> check_deputy(View& view, const RecordRow& row) {
  const std::string from = string_or(row.data, "from");
  const std::string to = string_or(row.data, "to");
  const std::vector<Membership> given = handed_over(row, memberships_of(view, from));
  if (given.empty())
    return rejection("delegation.nothing", "Expected a role that '" + from + "' holds and that can be delegated", "没有可委托的职责（专家评审与系统管理不得委托）", "/role");
  const std::vector<Membership> own = memberships_of(view, to);
  const auto same_org = [&](const Membership& each) { return std::any_of(own.begin(), own.end(), [&](const Membership& held) { return held.org == each.org; }); };
  if (to == from || !std::all_of(given.begin(), given.end(), same_org))
    return rejection("delegation.deputy", "Expected another active user of the same organisation as deputy, but found '" + to + "'", "受托人应为同单位的其他在用账号", "/to");
  return {};
}

Change write(RecordRow row, Instant now) {
  row.updated = now;
  Change change;
  json::object body = row.data;
  body["id"] = row.id;
  change.reply = {.status = row.revision == 1 ? 201 : 200, .body = std::move(body), .revision = row.revision};
  change.records.push_back(std::move(row));
  return change;
}

/// Those that are made at the same time take turns, so that two of them close no circle.
Result<> check_whole(View& view, const RecordRow& row) {
  (void)view.series("delegations");
  if (Result<> fit = check_deputy(view, row); !fit) return fit;
  if (closes_circle(view, string_or(row.data, "from"), string_or(row.data, "to"), row.data))
    return rejection("delegation.circle", "Expected no circle: '" + string_or(row.data, "to") + "' has delegated to '" + string_or(row.data, "from") + "' in this period",
                   "该期间内双方已有委托关系，不得循环委托", "/to");
  return {};
}

Result<Change> put(View& view, const Command& command, Instant now) {
  const json::object& data = command.data;
  const std::string from = string_or(data, "from", command.actor.user_id);
  if (from != command.actor.user_id && !is_administrator(command.actor))
    return Error{.kind = ErrorKind::forbidden, .code = "delegation.forbidden", .message = "Expected the principal or an administrator", .message_zh = "只能由本人或管理员办理委托"};
  const std::string reason = string_or(data, "reason");
  if (reason.empty() || reason.size() > kReasonBytesMax)
    return rejection("task.reason", "Expected a reason of at most 2000 bytes", "请填写理由（不超过2000字节）", "/reason");
  if (Result<> period = check_period(data, now); !period) return period.error();
  RecordRow row{.kind = kDelegation, .id = string_or(data, "id"), .about = string_or(data, "to"), .data = {{"from", from}, {"made_by", command.actor.user_id}}};
  for (const char* key : {"to", "role", "org", "since", "until", "reason"}) row.data[key] = string_or(data, key);
  if (Result<> fit = check_whole(view, row); !fit) return fit.error();
  return write(std::move(row), now);
}

Result<Change> end(View& view, const Command& command, Instant now) {
  std::optional<RecordRow> row = view.record(kDelegation, string_or(command.data, "id"));
  const bool mine = row && (string_or(row->data, "from") == command.actor.user_id || is_administrator(command.actor));
  if (!mine)
    return Error{.kind = ErrorKind::not_found, .code = "delegation.unknown", .message = "Expected a delegation of yours", .message_zh = "未找到该委托，或不是您的委托"};
  if (row->data.contains("ended")) return rejection("delegation.ended", "Expected a delegation that has not been ended", "该委托已终止");
  row->data["ended"] = to_ms(now);
  row->data["ended_by"] = command.actor.user_id;
  ++row->revision;
  return write(*std::move(row), now);
}

Result<Change> move(View& view, const Command& command, Instant now) {
  if (!is_administrator(command.actor))
    return Error{.kind = ErrorKind::forbidden, .code = "delegation.forbidden", .message = "Expected an administrator", .message_zh = "只能由管理员办理"};
  std::optional<RecordRow> row = view.record(kDelegation, string_or(command.data, "id"));
  if (!row || row->data.contains("ended")) return rejection("delegation.ended", "Expected a delegation in force", "该委托不存在或已终止");
  const std::string from = string_or(command.data, "from");
  const std::string to = string_or(command.data, "to");
  RecordRow moved = *row;
  if (string_or(moved.data, "from") == from) moved.data["from"] = to;
  if (string_or(moved.data, "to") == from) moved.data["to"] = moved.about = to;
  if (moved.data == row->data) return rejection("handover.not_held", "Expected a delegation of or to '" + from + "'", "该委托与移交人无关");
  if (Result<> fit = check_whole(view, moved); !fit) return fit.error();
  ++moved.revision;
  return write(std::move(moved), now);
}

}  // namespace

bool is_in_force(const RecordRow& delegation, Instant now) {
  if (delegation.kind != kDelegation || delegation.data.contains("ended")) return false;
  const Result<Day> since = parse_day(string_or(delegation.data, "since"));
  const Result<Day> until = parse_day(string_or(delegation.data, "until"));
  return since && until && start_of_day(*since) <= now && now < end_of_day(*until);
}

std::vector<Membership> handed_over(const RecordRow& delegation, const std::vector<Membership>& held) {
  const std::string role = string_or(delegation.data, "role");
  const std::string org = string_or(delegation.data, "org");
  std::vector<Membership> out;
  for (const Membership& each : held)
    if (each.role != "reviewer" && each.role != "administrator" && (role.empty() || each.role == role) && (org.empty() || each.org == org)) out.push_back(each);
  return out;
}

namespace {

void take_over(Actor& out, const RecordRow& delegation, const std::vector<Membership>& held) {
  for (Membership& each : handed_over(delegation, held))
    if (std::find(out.memberships.begin(), out.memberships.end(), each) == out.memberships.end()) out.memberships.push_back(std::move(each));
}

Result<Actor> given(Actor principal) {
  if (!principal.memberships.empty()) return principal;
  return Error{.kind = ErrorKind::forbidden,
               .code = "delegation.none",
               .message = "Expected a delegation of '" + principal.user_id + "' to you that holds now",
               .place = "/on_behalf_of",
               .message_zh = "没有对您有效的委托，或委托期限未到、已过、已终止"};
}

}  // namespace

Result<std::vector<RecordRow>> delegated_to(Queries& queries, const std::string& deputy, Instant now) {
  std::vector<RecordRow> out;
  for (std::string after;;) {
    Result<Page<RecordRow>> page = queries.records({.kind = kDelegation, .about = deputy}, {.limit = 200, .after = after});
    if (!page) return page.error();
    for (RecordRow& row : page->rows)
      if (is_in_force(row, now)) out.push_back(std::move(row));
    if (page->next.empty()) return out;
    after = page->next;
  }
}

Result<Actor> principal_of(Queries& queries, const Actor& deputy, const std::string& principal, Instant now) {
  const Result<std::vector<RecordRow>> rows = delegated_to(queries, deputy.user_id, now);
  if (!rows) return rows.error();
  const Result<std::optional<UserRow>> user = queries.user(principal);
  if (!user) return user.error();
  Actor out{.user_id = principal, .name = *user ? (*user)->name : principal, .memberships = {}};
  for (const RecordRow& row : *rows)
    if (string_or(row.data, "from") == principal && *user && !(*user)->disabled) take_over(out, row, (*user)->memberships);
  return given(std::move(out));
}

Result<Actor> principal_of(StageView& view, const Actor& deputy, const std::string& principal, Instant now) {
  Actor out{.user_id = principal, .name = principal, .memberships = {}};
  const auto counts = [&](const RecordRow& row) { return is_in_force(row, now) && string_or(row.data, "from") == principal && string_or(row.data, "to") == deputy.user_id; };
  for (const RecordRow& listed : view.records(kDelegation, deputy.user_id)) {
    if (!counts(listed)) continue;
    // Held, and read once more: it may have been ended while this command waited.
    const std::optional<RecordRow> row = view.record(kDelegation, listed.id);
    if (!row || !counts(*row)) continue;
    take_over(out, *row, view.memberships(principal));
  }
  return given(std::move(out));
}

Result<Change> decide_delegation(View& view, const Command& command, Instant now) {
  if (command.kind == "delegation.put") return put(view, command, now);
  return command.kind == "delegation.end" ? end(view, command, now) : move(view, command, now);
}

}  // namespace chuyi

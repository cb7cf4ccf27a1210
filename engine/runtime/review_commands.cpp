#include "engine/runtime/review_commands.h"

#include <algorithm>

#include "engine/invoke/rows_json.h"
#include "engine/runtime/fields.h"
#include "engine/runtime/rounds.h"

namespace chuyi {
namespace {

constexpr std::size_t kReasonBytesMax = 2'000;
constexpr std::size_t kNameBytesMax = 40;

Error unknown_round(const std::string& id) {
  return Error{.kind = ErrorKind::not_found, .code = "round.unknown", .message = "Expected a round, but found '" + id + "'", .message_zh = "未找到该批次"};
}
Error unknown_review(const std::string& id) {
  return Error{.kind = ErrorKind::not_found, .code = "review.unknown", .message = "Expected a draw, an assignment or results of the round, but found '" + id + "'", .message_zh = "未找到该记录"};
}
Error wrong_state(const json::object& record, const std::string& expected) {
  return rejection("review.state", "Expected it to be " + expected + ", but it is " + string_or(record, "state"), "当前状态（" + string_or(record, "state") + "）不能进行该操作");
}

/// A name as it stands in addresses: letters, digits and "-".
bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kNameBytesMax && std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

struct Subject {
  View& view;
  const Command& command;
  const std::string round;
  Instant now;

  std::string id() const { return string_or(command.data, "id"); }
  std::string key() const { return review_id(round, id()); }
  const json::object& prepared() const { return object_or_empty(command.data, "prepared"); }
};

void merge(json::object& to, const json::object& from) {
  for (const auto& member : from) to[member.key()] = member.value();
}

/// Keeps the record, with the calculation where there is one.
Change kept(const Subject& subject, const char* kind, json::object data, const std::optional<RecordRow>& old, int status = 200) {
  Change change;
  change.records.push_back(review_row(kind, subject.key(), subject.round, std::move(data), subject.now, old));
  if (const json::object& calculation = object_or_empty(subject.prepared(), "kept"); !calculation.empty())
    change.records.push_back(review_row(kReviewExport, subject.key(), {}, calculation, subject.now, subject.view.record(kReviewExport, subject.key())));
  json::object body = change.records.front().data;
  body["id"] = subject.id();
  change.reply = {.status = status, .body = std::move(body), .revision = change.records.front().revision};
  return change;
}

/// A panel for these applications is drawn once: who does not like what was drawn cannot draw again, unless a supervisor withdraws it.
Result<Change> draw(Subject& subject) {
  const Command& command = subject.command;
  if (!is_name(subject.id()))
    return Error{.kind = ErrorKind::invalid, .code = "review.name", .message = "Expected a name of a-z, 0-9 and '-', at most 40", .place = "/id", .message_zh = "名称应由小写字母、数字和“-”组成，不超过40个"};
  if (subject.view.record(kReviewDraw, subject.key())) return rejection("review.exists", "Expected a new name, but '" + subject.id() + "' is there already", "该名称已使用");
  const json::object& shown = object_or_empty(subject.prepared(), "shown");
  const std::vector<std::string> judged = strings_from_json(array_or_empty(shown, "applications"));
  for (const RecordRow& each : subject.view.records(kReviewDraw, subject.round)) {
    if (string_or(each.data, "state") == "withdrawn") continue;
    for (const std::string& application : strings_from_json(array_or_empty(each.data, "applications")))
      if (std::binary_search(judged.begin(), judged.end(), application))
        return rejection("review.drawn", "Expected applications without a drawn panel, but '" + application + "' is in draw '" + each.id.substr(subject.round.size() + 1) + "'", "申报“" + application + "”已抽取专家组");
  }
  json::object data = shown;
  data["state"] = "committed";
  for (const char* key : {"seats", "spares", "strata", "nominated_since", "conflicts_max"})
    if (const json::value* value = command.data.if_contains(key)) data[key] = *value;
  data["by"] = who(command.actor, subject.now);
  return kept(subject, kReviewDraw, std::move(data), {}, 201);
}

Result<Change> change_draw(Subject& subject) {
  const Command& command = subject.command;
  const std::optional<RecordRow> old = subject.view.record(kReviewDraw, subject.key());
  if (!old) return unknown_review(subject.id());
  json::object data = old->data;
  const std::string state = string_or(data, "state");
  if (command.kind == "review.reveal") {
    if (state != "committed") return wrong_state(data, "committed");
    data["revealed"] = who(command.actor, subject.now);
  } else if (command.kind == "review.absent") {
    if (state != "revealed" && state != "confirmed") return wrong_state(data, "revealed or confirmed");
    const Result<std::string> reason = reason_of(command);
    if (!reason) return reason.error();
    std::vector<std::string> drawn = strings_from_json(array_or_empty(data, "panel"));
    for (std::string& spare : strings_from_json(array_or_empty(data, "spares"))) drawn.push_back(std::move(spare));
    if (const std::string expert = string_or(command.data, "expert"); !is_one_of(drawn, expert))
      return invalid_field("review.expert", "/expert", "Expected an expert who was drawn, but found '" + printable(expert) + "'", "该专家不在抽取结果中", drawn);
    json::array absences = array_or_empty(data, "absences");
    json::object entry = who(command.actor, subject.now);
    entry["expert"] = string_or(command.data, "expert");
    entry["reason"] = *reason;
    absences.push_back(std::move(entry));
    data["absences"] = std::move(absences);
    // Two commands at once: what was computed must have begun from what stands here.
    const std::size_t absent = array_or_empty(object_or_empty(subject.prepared(), "shown"), "absent").size();
    if (absent != array_or_empty(data, "absences").size()) return rejection("review.outdated", "Expected the draw as it was when this was computed; ask again", "抽取结果已有变化，请重试");
    data.erase("witness");
  } else if (command.kind == "review.witness") {
    if (state != "revealed") return wrong_state(data, "revealed");
    data["witness"] = who(command.actor, subject.now);
  } else {
    if (state == "withdrawn") return wrong_state(data, "in force");
    const Result<std::string> reason = reason_of(command);
    if (!reason) return reason.error();
    data["withdrawn"] = who(command.actor, subject.now);
    data["reason"] = *reason;
  }
  for (const char* key : {"by", "revealed"})
    if (command.kind == "review.witness" && string_or(object_or_empty(data, key), "id") == command.actor.user_id)
      return Error{.kind = ErrorKind::forbidden, .code = "task.separation", .message = "Expected somebody else than who set the draw up or ran it", .message_zh = "抽取人不得同时担任监督人"};
  merge(data, object_or_empty(subject.prepared(), "shown"));
  data["state"] = command.kind == "review.witness" ? "confirmed" : command.kind == "review.withdraw" ? "withdrawn" : "revealed";
  return kept(subject, kReviewDraw, std::move(data), old);
}

Result<Change> assign(Subject& subject, Command& named) {
  const std::string series = "review/" + subject.round + "/assignments";
  const std::int64_t number = subject.view.series(series) + 1;
  named.data["id"] = "assignment-" + std::to_string(number);
  json::object data = object_or_empty(subject.prepared(), "shown");
  data["state"] = "proposed";
  data["by"] = who(subject.command.actor, subject.now);
  json::object request;
  for (const char* key : {"programmes", "draw", "coverage", "load", "limits", "cost", "load_of", "fixed", "forbidden", "previous"})
    if (const json::value* value = subject.command.data.if_contains(key)) request[key] = *value;
  data["request"] = std::move(request);
  Change change = kept(subject, kReviewAssignment, std::move(data), {}, 201);
  change.series.emplace_back(series, number);
  return change;
}

Result<Change> appoint(Subject& subject) {
  const std::optional<RecordRow> old = subject.view.record(kReviewAssignment, subject.key());
  if (!old) return unknown_review(subject.id());
  json::object data = old->data;
  if (string_or(data, "state") != "proposed") return wrong_state(data, "proposed");
  if (string_or(subject.prepared(), "input_digest") != string_or(data, "input_digest"))
    return rejection("review.outdated", "Expected the proposal that was checked", "方案已有变化，请重试");
  data["state"] = "appointing";
  if (const json::array& pairs = array_or_empty(subject.command.data, "no_conflict"); !pairs.empty()) data["no_conflict"] = pairs;
  data["confirmed"] = who(subject.command.actor, subject.now);
  data["report"] = json::object{{"appointed", 0}, {"refused", json::array{}}};
  Change change = kept(subject, kReviewAssignment, std::move(data), old);
  change.outbox.push_back({.id = subject.key() + "/appoint", .session_id = subject.round, .kind = kAppointEntry, .payload = {{"assignment", subject.key()}, {"after", ""}}, .created = subject.now, .next_at = subject.now});
  return change;
}

/// What became of some panels; the entry goes on after them, in the same transaction.
Result<Change> appointed(Subject& subject) {
  const Command& command = subject.command;
  std::optional<OutboxRow> entry = subject.view.outbox(string_or(command.data, "outbox"));
  const std::optional<RecordRow> old = subject.view.record(kReviewAssignment, subject.key());
  if (!entry || entry->elsewhere || !old) return Error{.kind = ErrorKind::rejected, .code = "pump.gone", .message = "Expected a timer or an entry that is due, on this node"};
  json::object data = old->data;
  json::object report = object_or_empty(data, "report");
  report["appointed"] = int_or(report, "appointed", 0) + int_or(command.data, "appointed", 0);
  json::array refused = array_or_empty(report, "refused");
  for (const json::value& each : array_or_empty(command.data, "refused")) refused.push_back(each);
  report["refused"] = std::move(refused);
  data["report"] = std::move(report);
  const bool last = bool_or(command.data, "last", false);
  if (last) data["state"] = "appointed";
  Change change = kept(subject, kReviewAssignment, std::move(data), old);
  if (last) {
    change.outbox_removed.push_back(entry->id);
  } else {
    entry->payload["after"] = string_or(command.data, "after");
    change.outbox.push_back(std::move(*entry));
  }
  return change;
}

Result<> check_actor(const Command& command, const SessionRow& round) {
  const bool supervisors = command.kind == "review.witness" || command.kind == "review.withdraw";
  const bool either = command.kind == "review.settle";
  const bool officer = is_round_officer(command.actor, round);
  const bool supervisor = is_round_supervisor(command.actor, round);
  if (command.kind == "review.appointed") return command.actor.user_id == "system" ? Result<>{} : Result<>{unknown_round(round.id)};
  if (either ? officer || supervisor : supervisors ? supervisor : officer) return {};
  if (supervisors) return Error{.kind = ErrorKind::forbidden, .code = "review.witness", .message = "Expected a discipline supervisor of organisation '" + round.org + "'", .message_zh = "应由纪检监督人员办理"};
  return Error{.kind = ErrorKind::forbidden, .code = "review.officer", .message = "Expected a provincial officer of organisation '" + round.org + "'", .message_zh = "您不是该批次的省级经办人"};
}

Result<Change> decide(const Runtime& runtime, View& view, Command& command, Instant now) {
  if (command.kind.starts_with("expert.")) return decide_expert(view, command, now);
  Subject subject{.view = view, .command = command, .round = string_or(command.data, "round"), .now = now};
  const std::optional<SessionRow> round = view.session(subject.round);
  if (!round || round->kind != kRoundKind) return unknown_round(subject.round);
  if (Result<> may = check_actor(command, *round); !may) return may.error();
  const std::optional<RecordRow> setup = view.record(kReviewSetup, subject.round);  // held: one command after the other
  if (command.kind == "review.setup") {
    const std::optional<RecordRow> record = view.record(kRoundKind, subject.round);
    if (!record) return unknown_round(subject.round);
    Result<json::object> data = read_review_setup(runtime, command.data, *record);
    if (!data) return data.error();
    Change change;
    change.records.push_back(review_row(kReviewSetup, subject.round, subject.round, std::move(*data), now, setup));
    change.reply = {.status = 200, .body = change.records.front().data, .revision = change.records.front().revision};
    return change;
  }
  if (!setup) return rejection("review.setup", "Expected a round whose review was set up", "请先设置本批次的评审规则");
  if (command.kind == "review.draw") return draw(subject);
  if (command.kind == "review.reveal" || command.kind == "review.absent" || command.kind == "review.witness" || command.kind == "review.withdraw") return change_draw(subject);
  if (command.kind == "review.assign") return assign(subject, command);
  if (command.kind == "review.appoint") return appoint(subject);
  if (command.kind == "review.appointed") return appointed(subject);
  return decide_results(view, command, *round, now);
}

}  // namespace

bool is_review_command(const Command& command) { return command.kind.starts_with("review.") || command.kind.starts_with("expert."); }

bool is_round_officer(const Actor& actor, const SessionRow& round) { return actor.has("provincial-officer", round.org); }
bool is_round_supervisor(const Actor& actor, const SessionRow& round) { return actor.has("discipline", round.org); }

RecordRow review_row(const char* kind, std::string id, std::string about, json::object data, Instant now, const std::optional<RecordRow>& old) {
  return {.kind = kind, .id = std::move(id), .about = std::move(about), .data = std::move(data), .updated = now, .revision = old ? old->revision + 1 : 1};
}

json::object who(const Actor& actor, Instant now) { return {{"id", actor.user_id}, {"name", actor.name}, {"at", format_instant(now)}}; }

Result<std::string> reason_of(const Command& command) {
  std::string reason = string_or(command.data, "reason");
  if (reason.find_first_not_of(" \t\r\n") != std::string::npos && reason.size() <= kReasonBytesMax) return reason;
  return Error{.kind = ErrorKind::invalid, .code = "review.reason", .message = "Expected a reason of at most 2,000 bytes", .place = "/reason", .message_zh = "请写明理由（不超过600字）"};
}

Result<Change> decide_review(const Runtime& runtime, View& view, const Command& given, Instant now) {
  // Whatever was prepared before this became a command that needs nothing (a retry of the store): the same.
  if (prepares_review(given)) return rejection("review.unprepared", "Expected what this command needs to be computed first", "请重试");
  Command command = given;
  if (command.if_revision && command.kind == "expert.put") {
    const std::optional<RecordRow> row = view.record("expert", string_or(command.data, "id"));
    if (row && row->revision != *command.if_revision)
      return Error{.kind = ErrorKind::precondition, .code = "precondition.failed", .message = "Expected the current revision " + std::to_string(row->revision), .message_zh = "内容已被他人修改，请刷新后重试"};
  }
  Result<Change> change = decide(runtime, view, command, now);
  if (!change) return change;
  // Of what was computed the log keeps the digests, by which the whole can be held against it.
  json::object data = command.data;
  data.erase("prepared");
  if (const json::object& shown = object_or_empty(object_or_empty(command.data, "prepared"), "shown"); !shown.empty())
    for (const char* key : {"commitment", "pool_digest", "input_digest", "digest", "seed", "lifted"})
      if (const json::value* value = shown.if_contains(key)) data[key] = *value;
  change->audit = {{"kind", command.kind},
                   {"actor", json::object{{"id", command.actor.user_id}, {"name", command.actor.name}}},
                   {"at", to_ms(now)},
                   {"data", std::move(data)}};
  return change;
}

}  // namespace chuyi

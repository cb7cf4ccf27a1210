#include "engine/stages/publicity/publicity.h"

#include <algorithm>

#include "engine/invoke/rows_json.h"
#include "engine/invoke/work_items.h"

namespace chuyi {
namespace {

constexpr std::size_t kReasonBytesMax = 6000;
constexpr std::size_t kNameBytesMax = 200;
constexpr std::int64_t kObjectionsMax = 200;

/// `path` ("leader.name") in `object`, as text; empty when there is none.
std::string text_at(const json::object& object, std::string_view path) {
  const std::size_t dot = path.find('.');
  const json::value* found = object.if_contains(path.substr(0, dot));
  if (found == nullptr) return {};
  if (dot != std::string_view::npos)
    return found->is_object() ? text_at(found->get_object(), path.substr(dot + 1)) : std::string{};
  return found->is_string() ? std::string{found->get_string()} : std::string{};
}

json::object public_fields(const StageContext& context, const json::array& names) {
  json::object out;
  for (const std::string& name : strings_from_json(names)) {
    std::string text = text_at(context.application, name);
    if (text.empty()) text = text_at(object_or_empty(context.application, "form"), name);
    if (!text.empty()) out[name] = text;
  }
  return out;
}

struct Count {
  std::int64_t filed = 0;
  std::int64_t upheld = 0;
  std::int64_t dismissed = 0;
};

Count count(const json::object& state) {
  Count out;
  for (const auto& member : object_or_empty(state, "objections")) {
    const std::string status = string_or(member.value().get_object(), "status");
    (status == "filed" ? out.filed : status == "upheld" ? out.upheld : out.dismissed) += 1;
  }
  return out;
}

/// Ends the notice once its period is over and nothing is open; else leaves things as they are.
StageOutcome settle(WorkItems items, std::vector<StageEffect> effects) {
  const Count objections = count(items.state());
  const bool over = bool_or(items.state(), "over", false);
  std::vector<StageEvent> events;
  if (over && objections.filed == 0) {
    NoticeRow notice = notice_from_json(object_or_empty(items.state(), "notice"));
    notice.status = "closed";
    items.state()["notice"] = to_json(notice);
    effects.emplace_back(std::move(notice));
    events.push_back({.name = "done",
                      .data = json::object{{"upheld", objections.upheld}, {"dismissed", objections.dismissed}}});
  }
  StageOutcome out = items.finish();
  out.effects.insert(out.effects.end(), effects.begin(), effects.end());
  out.events = std::move(events);
  return out;
}

Error bad_field(const char* field, std::string message, std::string message_zh) {
  return Error{.kind = ErrorKind::invalid,
               .code = "form.objection",
               .message = message,
               .place = std::string{"/"} + field,
               .message_zh = message_zh,
               .details = {{.place = std::string{"/"} + field,
                            .code = "form.required",
                            .message = std::move(message),
                            .message_zh = std::move(message_zh)}}};
}

bool blank(const std::string& text) { return text.find_first_not_of(" \t\r\n") == std::string::npos; }

Result<ObjectionRow> read_objection(const StageContext& context, const NoticeRow& notice, const StageCommand& command) {
  ObjectionRow row{.id = context.new_id("o"),
                   .notice_id = notice.id,
                   .session_id = context.session_id,
                   .objector = string_or(command.data, "objector"),
                   .contact = string_or(command.data, "contact"),
                   .reason = string_or(command.data, "reason"),
                   .status = "filed",
                   .filed = context.now};
  if (blank(row.objector) || row.objector.size() > kNameBytesMax)
    return bad_field("objector", "Expected the objector's real name (a unit: its full name)",
                     "请填写真实姓名（单位请填写全称），匿名反映不作为异议受理");
  if (blank(row.contact) || row.contact.size() > kNameBytesMax)
    return bad_field("contact", "Expected a telephone number or e-mail address", "请填写联系方式");
  if (blank(row.reason) || row.reason.size() > kReasonBytesMax)
    return bad_field("reason", "Expected the facts and evidence, at most 2,000 characters", "请写明事实与依据，不超过2000字");
  return row;
}

/// What somebody without a name says is a clue (线索), and no objection: it is kept for the officers and the discipline
/// supervisors, and nothing waits for it.
Result<StageOutcome> keep_clue(const StageContext& context, WorkItems items, const NoticeRow& notice, const StageCommand& command) {
  constexpr std::int64_t kCluesMax = 200;
  const std::string reason = string_or(command.data, "reason");
  if (blank(reason) || reason.size() > kReasonBytesMax)
    return bad_field("reason", "Expected the facts and evidence, at most 2,000 characters", "请写明事实与依据，不超过2000字");
  const std::int64_t before = int_or(items.state(), "clues", 0);
  if (before >= kCluesMax)
    return Error{.kind = ErrorKind::rejected,
                 .code = "objection.limit",
                 .message = "Expected fewer than " + std::to_string(kCluesMax) + " clues about one application; hand yours in to the discipline supervisors in writing",
                 .message_zh = "该申报的线索已达" + std::to_string(kCluesMax) + "件，请以书面形式向纪检监督部门反映"};
  items.state()["clues"] = before + 1;
  const std::string id = context.new_id("clue");
  StageOutcome out = items.finish();
  out.reply = {{"id", id}, {"status", "clue"}};
  out.effects.emplace_back(RecordRow{.kind = kClue,
                                     .id = id,
                                     .about = context.session_id,
                                     .data = {{"notice", notice.id}, {"reason", reason}, {"at", format_instant(context.now)}},
                                     .updated = context.now});
  return out;
}

Result<StageOutcome> file_objection(const StageContext& context, WorkItems items, const StageCommand& command) {
  const NoticeRow notice = notice_from_json(object_or_empty(items.state(), "notice"));
  if (bool_or(items.state(), "over", false) || context.now >= end_of_day(notice.last_day))
    return Error{.kind = ErrorKind::rejected,
                 .code = "objection.late",
                 .message = "Expected an objection until the end of " + format_day(notice.last_day),
                 .message_zh = "公示期已于" + format_day(notice.last_day) + "结束，不再受理异议"};
  if (bool_or(command.data, "anonymous", false)) return keep_clue(context, std::move(items), notice, command);
  const std::int64_t max = int_or(object_or_empty(context.programme, "publicity"), "objections_max", kObjectionsMax);
  if (count(items.state()).filed >= max)
    return Error{.kind = ErrorKind::rejected,
                 .code = "objection.limit",
                 .message = "Expected fewer than " + std::to_string(max) + " objections waiting for a decision on this notice; hand yours " +
                            "in to the provincial department in writing until the end of " + format_day(notice.last_day) +
                            ", or file it here again once others are decided",
                 .message_zh = "该公示待处理的异议已达" + std::to_string(max) + "件。请于" + format_day(notice.last_day) +
                               "前以书面形式向省级主管部门提交，或待部分异议办结后再次在线提交"};
  Result<ObjectionRow> row = read_objection(context, notice, command);
  if (!row) return row.error();
  // What strangers write stays in the rows: the session only counts it.
  const TaskRow task =
      items.open(TaskRow{.kind = "objection",
                         .role = "provincial-officer",
                         .org = string_or(items.state(), "org"),
                         .outcomes = {"uphold", "dismiss"},
                         .data = {{"objector", row->objector}, {"contact", row->contact}, {"reason", row->reason}}},
                 false);
  items.state()["objections"].get_object()[row->id] = json::object{{"task", task.id}, {"status", row->status}};
  StageOutcome out = items.finish();
  out.reply = {{"id", row->id}, {"status", "filed"}};
  out.effects.emplace_back(std::move(*row));
  return out;
}

Result<StageOutcome> settle_objection(const StageContext& context, WorkItems items, const StageCommand& command) {
  const Result<TaskRow> task = items.sign(command);
  if (!task) return task.error();
  const std::vector<std::string> reasoned = strings_from_json(array_or_empty(items.state(), "needs_opinion"));
  if (std::find(reasoned.begin(), reasoned.end(), task->outcome) != reasoned.end() && blank(string_or(task->data, "opinion")))
    return Error{.kind = ErrorKind::invalid,
                 .code = "form.required",
                 .message = "Expected an opinion: whoever objected is told why",
                 .place = "/data/opinion",
                 .message_zh = "请填写处理意见，并告知异议人"};
  const std::string notice = string_or(object_or_empty(items.state(), "notice"), "id");
  std::vector<StageEffect> effects;
  for (auto& member : items.state()["objections"].get_object()) {
    json::object& entry = member.value().get_object();
    if (string_or(entry, "task") != task->id) continue;
    entry["status"] = task->outcome == "uphold" ? "upheld" : "dismissed";
    effects.emplace_back(ObjectionRow{.id = std::string{member.key()},
                                      .notice_id = notice,
                                      .session_id = context.session_id,
                                      .objector = string_or(task->data, "objector"),
                                      .contact = string_or(task->data, "contact"),
                                      .reason = string_or(task->data, "reason"),
                                      .status = string_or(entry, "status"),
                                      .opinion = string_or(task->data, "opinion"),
                                      .filed = task->created,
                                      .settled = context.now});
  }
  return settle(std::move(items), std::move(effects));
}

}  // namespace

Result<StageOutcome> PublicityStage::start(const StageContext& context, const json::object& params) const {
  const json::object& defaults = object_or_empty(context.programme, "publicity");
  const json::value* given = params.if_contains("period");
  const Result<Period> period = parse_period(given != nullptr && given->is_object() ? *given : json::value(defaults));
  if (!period) return period.error();
  const CalendarDate end = context.view.end_of(day_in_shanghai(context.now), *period);
  const json::object rule{{"days", period->days},
                          {"unit", period->unit == DayUnit::working ? "working" : "natural"},
                          {"include_start", period->include_start}};
  const json::array& fields = params.contains("fields") ? array_or_empty(params, "fields") : array_or_empty(defaults, "fields");
  NoticeRow notice{.id = context.new_id("n"),
                   .session_id = context.session_id,
                   .invoke_id = context.invoke_id,
                   .programme = string_or(context.application, "programme"),
                   .round = string_or(context.application, "round"),
                   .fields = public_fields(context, fields),
                   .opens = context.now,
                   .last_day = end.day,
                   .provisional = end.provisional,
                   .rule = canonical_json(rule),
                   .status = "open"};
  StageOutcome out;
  out.state = {{"notice", to_json(notice)},
               {"org", string_or(params, "org", string_or(object_or_empty(context.application, "orgs"), "province"))},
               {"over", false},
               {"objections", json::object{}}};
  if (const json::array& reasoned = array_or_empty(params, "needs_opinion"); !reasoned.empty()) out.state["needs_opinion"] = reasoned;
  out.effects.emplace_back(std::move(notice));
  json::object counted = period_json(day_in_shanghai(context.now), *period, end);
  out.effects.emplace_back(SetTimer{.name = "closes", .due = end_of_day(end.day), .period = std::move(counted)});
  return out;
}

Result<StageOutcome> PublicityStage::command(const StageContext& context, const json::object& state,
                                             const StageCommand& command) const {
  WorkItems items(context, state);
  if (command.name == "object") return file_objection(context, std::move(items), command);
  if (command.name != "complete" && command.name != "save") {
    if (Result<> done = items.handle(command); !done) return done.error();
    return items.finish();
  }
  const Result<StageCommand> kept = items.opinion_only(command);
  if (!kept) return kept.error();
  if (command.name == "complete") return settle_objection(context, std::move(items), *kept);
  if (Result<> done = items.handle(*kept); !done) return done.error();
  return items.finish();
}

Result<StageOutcome> PublicityStage::timer(const StageContext& context, const json::object& state,
                                           std::string_view /*name*/) const {
  WorkItems items(context, state);
  NoticeRow notice = notice_from_json(object_or_empty(state, "notice"));
  if (notice.provisional) {
    // The year's days off may have become known since: then the notice runs until the right day.
    const Result<Period> period = parse_period(*parse_json(notice.rule, JsonLimits{}, "rule"));
    const CalendarDate end = context.view.end_of(day_in_shanghai(notice.opens), *period);
    if (context.now < end_of_day(end.day)) {
      notice.last_day = end.day;
      notice.provisional = end.provisional;
      items.state()["notice"] = to_json(notice);
      StageOutcome out = items.finish();
      out.effects.emplace_back(std::move(notice));
      json::object counted = period_json(day_in_shanghai(notice.opens), *period, end);
      out.effects.emplace_back(SetTimer{.name = "closes", .due = end_of_day(end.day), .period = std::move(counted)});
      return out;
    }
  }
  items.state()["over"] = true;
  const bool held = count(items.state()).filed > 0;
  StageOutcome out = settle(std::move(items), {});
  if (held) out.events.push_back({.name = "publicity.held." + context.invoke_id, .data = json::object{}});
  return out;
}

StageOutcome PublicityStage::cancel(const StageContext& context, const json::object& state) const {
  WorkItems items(context, state);
  items.cancel_all();
  NoticeRow notice = notice_from_json(object_or_empty(state, "notice"));
  StageOutcome out = items.finish();
  if (notice.status == "open") {
    notice.status = "cancelled";
    out.effects.emplace_back(std::move(notice));
  }
  return out;
}

}  // namespace chuyi

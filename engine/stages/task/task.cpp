#include "engine/stages/task/task.h"

#include <algorithm>

#include "engine/base/entry_name.h"
#include "engine/invoke/places.h"
#include "engine/invoke/rows_json.h"
#include "engine/invoke/standing.h"
#include "engine/invoke/work_items.h"
#include "engine/stages/task/added_signers.h"
#include "engine/stages/task/sealing.h"

namespace chuyi {
namespace {

constexpr std::size_t kNameBytesMax = 200;

const json::object* document_kind(const json::object& programme, std::string_view kind) {
  for (const json::value& value : array_or_empty(programme, "documents"))
    if (value.is_object() && string_or(value.get_object(), "kind") == kind) return &value.get_object();
  return nullptr;
}

std::vector<std::string> kinds_of(const json::object& programme) {
  std::vector<std::string> out;
  for (const json::value& value : array_or_empty(programme, "documents"))
    if (value.is_object()) out.push_back(string_or(value.get_object(), "kind"));
  return out;
}

/// @param pages  of a PDF; 0: not counted yet.
Result<> check_document(const json::object& programme, const DocumentRow& row, std::int64_t pages) {
  const json::object* kind = document_kind(programme, row.kind);
  if (kind == nullptr)
    return Error{.kind = ErrorKind::rejected,
                 .code = "document.kind",
                 .message = "Expected a document kind of the programme, but found '" + row.kind + "'",
                 .place = "/kind",
                 .message_zh = "该项目不接收这类材料",
                 .allowed = kinds_of(programme)};
  const std::vector<std::string> types = strings_from_json(array_or_empty(*kind, "media_types"));
  if (!types.empty() && std::find(types.begin(), types.end(), row.media_type) == types.end())
    return Error{.kind = ErrorKind::rejected,
                 .code = "document.media_type",
                 .message = "Expected a media type that '" + row.kind + "' takes, but found '" + row.media_type + "'",
                 .place = "/media_type",
                 .message_zh = "材料格式不符合要求",
                 .allowed = types};
  const std::int64_t bytes_max = int_or(*kind, "bytes_max", 0);
  if (bytes_max > 0 && row.size > static_cast<std::uint64_t>(bytes_max))
    return Error{.kind = ErrorKind::too_large,
                 .code = "document.size",
                 .message = "Expected at most " + std::to_string(bytes_max) + " bytes for '" + row.kind + "'",
                 .place = "/size",
                 .message_zh = "材料超过大小限制"};
  const std::int64_t pages_max = int_or(*kind, "pages_max", 0);
  if (pages_max > 0 && pages > pages_max)
    return Error{.kind = ErrorKind::too_large,
                 .code = "document.pages",
                 .message = "Expected at most " + std::to_string(pages_max) + " pages for '" + row.kind + "', but found " + std::to_string(pages),
                 .place = "/pages",
                 .message_zh = "该材料不得超过" + std::to_string(pages_max) + "页，现有" + std::to_string(pages) + "页"};
  // The name will be one in the sealed bag: what cannot be sealed is not taken.
  Error bad_name{.kind = ErrorKind::invalid,
                 .code = "document.name",
                 .message = "Expected a file name of at most 200 bytes without slashes",
                 .place = "/name",
                 .message_zh = "文件名不得超过200字节，也不得含有斜杠"};
  if (row.name.size() > kNameBytesMax || row.name.find('/') != std::string::npos) return bad_name;
  if (const Result<> named = check_entry_name(row.name); !named) {
    bad_name.message = named.error().message;
    bad_name.message_zh = named.error().message_zh;
    return bad_name;
  }
  return {};
}

/// Two names that one file system takes for the same cannot stand in one bag.
Result<> check_collision(const std::vector<DocumentRow>& documents, const DocumentRow& row) {
  for (const DocumentRow& old : documents)
    if (old.kind == row.kind && old.name != row.name && entry_key(old.name) == entry_key(row.name))
      return Error{.kind = ErrorKind::rejected,
                   .code = "document.name_taken",
                   .message = "Expected a name that differs from '" + old.name + "' by more than upper and lower case or accents' form; use that "
                              "very name to replace it",
                   .place = "/name",
                   .message_zh = "文件名与已有材料“" + old.name + "”仅大小写或编码形式不同；如需替换，请使用相同的文件名"};
  return {};
}

std::vector<DocumentRow> documents_of(const StageContext& context) {
  std::vector<DocumentRow> out;
  for (const json::value& value : array_or_empty(context.application, "documents"))
    if (value.is_object()) out.push_back(document_from_json(value.get_object()));
  return out;
}

SetFact documents_fact(const std::vector<DocumentRow>& documents) {
  json::array out;
  for (const DocumentRow& row : documents) out.emplace_back(to_json(row));
  return {.key = "documents", .value = std::move(out)};
}

Error missing_documents(const json::object& programme, const std::vector<DocumentRow>& documents) {
  Error out{.kind = ErrorKind::rejected,
            .code = "document.missing",
            .message = "Expected every required document",
            .message_zh = "缺少必交材料"};
  for (const json::value& value : array_or_empty(programme, "documents")) {
    const json::object& kind = value.get_object();
    const std::string name = string_or(kind, "kind");
    const auto has = [&](const DocumentRow& row) { return row.kind == name; };
    if (!bool_or(kind, "required", false) || std::any_of(documents.begin(), documents.end(), has)) continue;
    const json::object& titles = object_or_empty(kind, "titles");
    out.details.push_back({.place = "/documents/" + pointer_segment(name),
                           .code = "document.missing",
                           .message = "Expected a document of kind '" + name + "' (" + string_or(titles, "en") + ")",
                           .message_zh = "缺少材料：" + string_or(titles, "zh", name)});
  }
  return out;
}

Result<StageOutcome> add_document(const StageContext& context, WorkItems items, const StageCommand& command) {
  std::vector<DocumentRow> documents = documents_of(context);
  DocumentRow row{.id = context.new_id("d"),
                  .session_id = context.session_id,
                  .kind = string_or(command.data, "kind"),
                  .name = string_or(command.data, "name"),
                  .media_type = string_or(command.data, "media_type"),
                  .digest = string_or(command.data, "digest"),
                  .size = static_cast<std::uint64_t>(int_or(command.data, "size", 0)),
                  .added_by = command.actor.user_id,
                  .added = context.now};
  if (Result<> checked = check_document(context.programme, row, int_or(command.data, "pages", 0)); !checked) return checked.error();
  if (Result<> free = check_collision(documents, row); !free) return free.error();
  std::vector<StageEffect> effects;
  // The same kind and name again is a corrected file: it takes the place of the old one.
  std::erase_if(documents, [&](DocumentRow& old) {
    if (old.kind != row.kind || old.name != row.name) return false;
    old.removed = true;
    effects.emplace_back(old);
    return true;
  });
  const std::int64_t count_max = int_or(context.programme, "documents_max", 100);
  if (documents.size() >= static_cast<std::size_t>(count_max))
    return Error{.kind = ErrorKind::too_large,
                 .code = "document.count",
                 .message = "Expected at most " + std::to_string(count_max) + " documents",
                 .message_zh = "材料数量超过限制"};
  documents.push_back(row);
  items.touch(command.task_id);
  StageOutcome out = items.finish();
  out.effects.insert(out.effects.end(), effects.begin(), effects.end());
  out.effects.emplace_back(documents_fact(documents));
  out.reply = to_json(row);
  out.effects.emplace_back(std::move(row));
  return out;
}

Result<StageOutcome> remove_document(const StageContext& context, WorkItems items, const StageCommand& command) {
  std::vector<DocumentRow> documents = documents_of(context);
  const std::string id = string_or(command.data, "document");
  const auto found =
      std::find_if(documents.begin(), documents.end(), [&](const DocumentRow& row) { return row.id == id; });
  if (found == documents.end())
    return Error{.kind = ErrorKind::not_found,
                 .code = "document.unknown",
                 .message = "Expected a document of this application, but found '" + id + "'"};
  DocumentRow row = *found;
  row.removed = true;
  documents.erase(found);
  items.touch(command.task_id);
  StageOutcome out = items.finish();
  out.effects.emplace_back(documents_fact(documents));
  out.effects.emplace_back(std::move(row));
  return out;
}

/// The outcome asks for members of the data: parameter `needs`, outcome → names.
Result<> check_needs(const json::object& params, const TaskRow& task) {
  Error out{.code = "form.required", .message = "Expected what this outcome needs", .place = "/data", .message_zh = "作此结论须填写以下内容"};
  for (const std::string& name : strings_from_json(array_or_empty(object_or_empty(params, "needs"), task.outcome))) {
    const json::value* given = task.data.if_contains(name);
    const bool empty = given == nullptr || given->is_null() || (given->is_string() && given->get_string().empty()) || (given->is_array() && given->get_array().empty());
    if (empty) out.details.push_back({.place = "/data/" + pointer_segment(name), .code = "form.required", .message = "Expected a value", .message_zh = "为必填项"});
  }
  if (out.details.empty()) return {};
  return out;
}

/// The outcome asks for documents that came with this task: parameter `needs_documents`, outcome → kinds.
Result<> check_needed_documents(const StageContext& context, const json::object& params, const TaskRow& task) {
  Error out{.kind = ErrorKind::rejected, .code = "document.missing", .message = "Expected the documents that this outcome needs", .message_zh = "缺少作此结论所需的材料"};
  const std::vector<DocumentRow> documents = documents_of(context);
  for (const std::string& kind : strings_from_json(array_or_empty(object_or_empty(params, "needs_documents"), task.outcome))) {
    const auto brought = [&](const DocumentRow& row) { return row.kind == kind && row.added >= task.created; };
    if (std::any_of(documents.begin(), documents.end(), brought)) continue;
    const json::object* known = document_kind(context.programme, kind);
    out.details.push_back({.place = "/documents/" + pointer_segment(kind),
                           .code = "document.missing",
                           .message = "Expected a document of kind '" + kind + "', added with this task",
                           .message_zh = "缺少材料：" + (known == nullptr ? kind : string_or(object_or_empty(*known, "titles"), "zh", kind))});
  }
  if (out.details.empty()) return {};
  return out;
}

/// Parameters `exclusive`: outcome → where the signed data name a leader; `makes_leader`: outcome → the leader from now on.
Result<> check_leader(const StageContext& context, const json::object& params, const TaskRow& task, std::vector<StageEffect>& effects) {
  if (const std::string place = string_or(object_or_empty(params, "exclusive"), task.outcome); !place.empty())
    for (const auto check : {check_exclusive, check_leader_ban})
      if (Result<> may = check(context, object_or_empty(task.data, place), "/data/" + pointer_segment(place)); !may) return may;
  const json::object& leader = object_or_empty(object_or_empty(params, "makes_leader"), task.outcome);
  if (leader.empty()) return {};
  if (Result<> free = check_exclusive(context, leader, "/outcome"); !free) return free;
  if (Result<> may = check_leader_ban(context, leader, "/outcome"); !may) return may;
  change_leader(context, leader, effects);
  return {};
}

/// The task that makes somebody the leader says in its data who leads from now on, and who did: the history shows both.
StageCommand with_leaders(const StageContext& context, const json::object& params, StageCommand command) {
  const json::object& leader = object_or_empty(object_or_empty(params, "makes_leader"), string_or(command.data, "outcome"));
  if (leader.empty()) return command;
  json::object data = object_or_empty(command.data, "data");
  data["leader"] = json::object{{"from", leader_name(context.application)}, {"to", string_or(leader, "name")}};
  command.data["data"] = std::move(data);
  return command;
}

Result<StageOutcome> sign_off(const StageContext& context, WorkItems items, const StageCommand& given_command) {
  const json::object params = object_or_empty(items.state(), "params");
  const StageCommand command = with_leaders(context, params, given_command);
  if (Result<> clear = check_signers_before(items, command); !clear) return clear.error();
  Result<TaskRow> signed_off = items.sign(command, array_or_empty(params, "not_by"));
  if (!signed_off) return signed_off.error();
  if (Result<> given = check_needs(params, *signed_off); !given) return given.error();
  if (Result<> brought = check_needed_documents(context, params, *signed_off); !brought) return brought.error();
  std::vector<StageEffect> sealed;
  if (Result<> leads = check_leader(context, params, *signed_off, sealed); !leads) return leads.error();
  if (signed_off->seals) {
    if (Result<> may = check_ban(context, object_or_empty(signed_off->data, "leader")); !may) return may.error();
    const std::vector<DocumentRow> documents = documents_of(context);
    Error missing = missing_documents(context.programme, documents);
    if (!missing.details.empty()) return missing;
    const json::object& bundle = object_or_empty(command.data, "bundle");
    sealed.emplace_back(BundleRow{.session_id = context.session_id,
                                  .digest = string_or(bundle, "digest"),
                                  .size = static_cast<std::uint64_t>(int_or(bundle, "size", 0)),
                                  .sealed = context.now});
    sealed.emplace_back(SetFact{.key = "bundle", .value = bundle});
    sealed.emplace_back(SetFact{.key = "form", .value = signed_off->data});
    keep_revision(context, *signed_off, command, documents, sealed);
  }
  Result<Places> places{Places{}};
  if (const std::string on = string_or(params, "quota_on"); !on.empty() && on == signed_off->outcome) {
    places = take_places(context, *signed_off, string_or(params, "quota_at", "recommend"), object_or_empty(command.data, "reasons"), sealed);
    if (!places) return places.error();
  }
  json::object done{{"outcome", signed_off->outcome}, {"data", signed_off->data}, {"by_role", signed_off->role}};
  if (places->rank > 0) done["rank"] = places->rank;
  if (places->reserve) done["reserve"] = true;
  const bool waits = hold_for_signers_after(items, *signed_off, done);
  StageOutcome out = items.finish();
  out.effects.insert(out.effects.end(), sealed.begin(), sealed.end());
  out.effects.emplace_back(CancelTimer{.name = "overdue"});
  if (!waits) out.events.push_back({.name = "done", .data = std::move(done)});
  return out;
}

constexpr std::size_t kReasonBytesMax = 2'000;
constexpr std::int64_t kReturnDaysMax = 30;

/// Back to an earlier step of the chart's choice (退回): the task ends with the outcome "return_to" and where to.
Result<StageOutcome> send_back(WorkItems items, const StageCommand& command) {
  const Result<TaskRow> task = items.find_for(command);
  if (!task) return task.error();
  const std::string to = string_or(command.data, "to");
  if (std::find(task->return_to.begin(), task->return_to.end(), to) == task->return_to.end())
    return Error{.kind = ErrorKind::rejected,
                 .code = "task.return_to",
                 .message = "Expected one of the earlier steps that this task may be sent back to, but found '" + to + "'",
                 .place = "/to",
                 .message_zh = "请从流程允许的步骤中选择退回到哪一步",
                 .allowed = task->return_to};
  const std::string reason = string_or(command.data, "reason");
  if (reason.empty() || reason.size() > kReasonBytesMax)
    return Error{.kind = ErrorKind::rejected,
                 .code = "task.reason",
                 .message = "Expected a reason of at most 2000 bytes",
                 .place = "/reason",
                 .message_zh = "请填写理由（不超过2000字节）"};
  const json::value* days = command.data.if_contains("days");
  if (days != nullptr && (!days->is_int64() || days->get_int64() < 1 || days->get_int64() > kReturnDaysMax))
    return Error{.kind = ErrorKind::rejected,
                 .code = "task.days",
                 .message = "Expected 1 to " + std::to_string(kReturnDaysMax) + " working days",
                 .place = "/days",
                 .message_zh = "退回修改的期限应为1至" + std::to_string(kReturnDaysMax) + "个工作日"};
  StageCommand signing = command;
  signing.data = {{"outcome", kReturned}, {"data", json::object{{"opinion", reason}}}};
  const json::array not_by = array_or_empty(object_or_empty(items.state(), "params"), "not_by");
  const Result<TaskRow> signed_off = items.sign(signing, not_by, kReturned);
  if (!signed_off) return signed_off.error();
  items.cancel_all();
  StageOutcome out = items.finish();
  out.effects.emplace_back(CancelTimer{.name = "overdue"});
  json::object done{{"outcome", kReturned}, {"to", to}, {"reason", reason}, {"by_role", signed_off->role}};
  if (days != nullptr) done["days"] = *days;
  out.events.push_back({.name = "done", .data = std::move(done)});
  return out;
}

/// {"after": period from the due date on; none: at once, "user" or "role" and "org"}: who is told that nobody has signed.
Result<> plan_escalation(const StageContext& context, const json::object& params, Instant due, json::object& kept, std::vector<StageEffect>& timers) {
  const json::object& escalate = object_or_empty(params, "escalate");
  if (escalate.empty()) return {};
  if (string_or(escalate, "user").empty() && (string_or(escalate, "role").empty() || string_or(escalate, "org").empty()))
    return Error{.kind = ErrorKind::invalid, .code = "task.params", .message = "Expected user, or role and org, in parameter escalate of invoke '" + context.invoke_id + "'"};
  Instant at = due;
  json::object period;
  if (const json::value* after = escalate.if_contains("after")) {
    // A day ends where the next one begins: counted is from the one that is due.
    Result<Due> later = resolve_due(context.view, due - std::chrono::milliseconds{1}, *after);
    if (!later) return later.error();
    at = later->at;
    period = std::move(later->period);
  }
  kept["escalate"] = escalate;
  timers.emplace_back(SetTimer{.name = "escalate", .due = at, .period = std::move(period)});
  return {};
}

/// Those above are told of what is still open after its date; the task stays with whom it is.
StageOutcome escalate(const StageContext& context, const json::object& state) {
  StageOutcome out;
  out.state = state;
  const json::object& to = object_or_empty(object_or_empty(state, "params"), "escalate");
  for (const auto& member : object_or_empty(state, "tasks")) {
    const TaskRow task = task_from_json(member.value().get_object());
    if (task.status != "open" && task.status != "claimed") continue;
    json::object payload{{"event", "task.escalated"}, {"task", task.id}, {"application", context.session_id}, {"title", string_or(context.application, "title")}};
    for (const char* key : {"user", "role", "org"}) payload[key] = string_or(to, key);
    out.effects.emplace_back(RecordRow{.kind = "escalation", .id = task.id, .about = context.session_id, .data = payload});
    out.effects.emplace_back(Post{.kind = "notify", .payload = std::move(payload)});
  }
  return out;
}

}  // namespace

Result<StageOutcome> TaskStage::start(const StageContext& context, const json::object& params) const {
  TaskRow task{.kind = "task",
               .role = string_or(params, "role"),
               .org = string_or(params, "org"),
               .user = string_or(params, "user"),
               .form = string_or(params, "form"),
               .outcomes = strings_from_json(array_or_empty(params, "outcomes"))};
  if (task.outcomes.empty()) task.outcomes = {"done"};
  if (task.user.empty() && (task.role.empty() || task.org.empty()))
    return Error{.kind = ErrorKind::invalid,
                 .code = "task.params",
                 .message = "Expected parameters role and org, or user, for invoke '" + context.invoke_id + "'"};
  task.data = object_or_empty(params, "data");
  task.seals = bool_or(params, "seals_bundle", false);
  // A returned nomination goes on from what was submitted.
  if (task.data.empty() && task.seals) task.data = object_or_empty(context.application, "form");
  task.return_to = strings_from_json(array_or_empty(params, "return_to"));
  json::object kept{{"accepts_documents", bool_or(params, "accepts_documents", task.seals)},
                    {"quota_on", string_or(params, "quota_on")},
                    {"quota_at", string_or(params, "quota_at", "recommend")},
                    {"needs", object_or_empty(params, "needs")},
                    {"not_by", array_or_empty(params, "not_by")}};
  // Few tasks have these: what the others keep stays as it was.
  for (const char* rare : {"needs_documents", "exclusive", "makes_leader"})
    if (const json::value* given = params.if_contains(rare)) kept[rare] = *given;
  std::vector<StageEffect> timers;
  if (const json::value* due = params.if_contains("due"); due != nullptr && !due->is_null()) {
    const Result<Due> at = resolve_due(context.view, context.now, *due);
    if (!at) return at.error();
    task.due = at->at;
    task.due_provisional = at->provisional;
    task.period = at->period;
    timers.emplace_back(SetTimer{.name = "overdue", .due = at->at, .period = at->period});
    if (Result<> planned = plan_escalation(context, params, at->at, kept, timers); !planned) return planned.error();
  }
  WorkItems items(context, {{"params", std::move(kept)}});
  items.open(std::move(task));
  StageOutcome out = items.finish();
  out.effects.insert(out.effects.end(), timers.begin(), timers.end());
  return out;
}

Result<StageOutcome> TaskStage::command(const StageContext& context, const json::object& state,
                                        const StageCommand& command) const {
  WorkItems items(context, state);
  if (command.name == "return") return send_back(std::move(items), command);
  if (command.name == "add-signer") return add_signer(context, std::move(items), command);
  if (command.name == "complete") {
    const Result<TaskRow> task = items.find(command.task_id);
    if (!task) return task.error();
    return task->kind == kCosign ? sign_as_added(std::move(items), command) : sign_off(context, std::move(items), command);
  }
  if (!command.name.starts_with("document.")) {
    if (Result<> done = items.handle(command); !done) return done.error();
    std::optional<RecordRow> draft;
    if (const Result<TaskRow> saved = items.find(command.task_id); command.name == "save" && saved && saved->seals) draft = draft_record(*saved, command.actor, context.now);
    StageOutcome out = items.finish();
    if (draft) out.effects.emplace_back(std::move(*draft));
    return out;
  }
  const Result<TaskRow> task = items.find(command.task_id);
  if (!task) return task.error();
  if (!may_act(command.acting(), *task))
    return Error{.kind = ErrorKind::forbidden,
                 .code = "task.not_yours",
                 .message = "Expected the applicant",
                 .message_zh = "您不是该待办的办理人"};
  if (!bool_or(object_or_empty(state, "params"), "accepts_documents", false) || (task->status != "open" && task->status != "claimed"))
    return Error{.kind = ErrorKind::rejected,
                 .code = "document.closed",
                 .message = "Expected an application that takes documents now",
                 .message_zh = "当前环节不能增删材料"};
  return command.name == "document.add" ? add_document(context, std::move(items), command)
                                        : remove_document(context, std::move(items), command);
}

Result<StageOutcome> TaskStage::timer(const StageContext& context, const json::object& state,
                                      std::string_view name) const {
  if (name == "escalate") return escalate(context, state);
  StageOutcome out;
  out.state = state;
  out.events.push_back({.name = "task.overdue." + context.invoke_id, .data = json::object{}});
  return out;
}

StageOutcome TaskStage::cancel(const StageContext& context, const json::object& state) const {
  WorkItems items(context, state);
  items.cancel_all();
  return items.finish();
}

}  // namespace chuyi

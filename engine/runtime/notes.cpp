#include "engine/runtime/notes.h"

#include <algorithm>

#include "engine/invoke/rows_json.h"
#include "engine/runtime/blind.h"
#include "engine/runtime/fields.h"

namespace chuyi {
namespace {

constexpr std::size_t kTextBytesMax = 4'000;
constexpr std::size_t kPeopleMax = 50;

/// A task that the actor may see, with its application.
struct Subject {
  TaskRow task;
  SessionRow session;
  DefinitionPtr definition;
};

Actor actor_of(const UserRow& row) { return {.user_id = row.id, .name = row.name, .memberships = row.memberships}; }

Result<Subject> subject_of(const Runtime& runtime, View& view, const Command& command) {
  const std::string id = string_or(command.data, "task");
  const std::optional<TaskRow> task = view.task(id);
  const std::optional<SessionRow> session = task ? view.session(task->session_id) : std::nullopt;
  // Whoever applied may urge an office whose task he cannot see; not a panel.
  const bool urges = command.kind == "note.urge" && task && task->kind == "task" && session && command.actor.has("applicant", session->org);
  if (!session || (!urges && !may_see(command.actor, *task, *session)))
    return Error{.kind = ErrorKind::not_found,
                 .code = "task.unknown",
                 .message = "Expected a known task, but found '" + id + "'",
                 .message_zh = "未找到该待办，或您无权查看"};
  return Subject{*task, *session, runtime.definitions.by_digest(session->definition)};
}

/// What one command adds.
class Note {
 public:
  Note(View& view, const Command& command, const Subject& subject, Instant now)
      : view_(view), command_(command), subject_(subject), now_(now), id_(string_or(command.data, "id")) {}

  /// What the user may know the application by.
  std::string title_for(const std::string& user) {
    const std::optional<UserRow> row = user.empty() ? std::nullopt : view_.user(user);
    return row ? shown_title(actor_of(*row), subject_.session, subject_.definition.get()) : subject_.session.title;
  }

  void record(const char* kind, std::string id, std::string about, json::object data, std::uint64_t revision = 1) {
    change_.records.push_back({.kind = kind,
                               .id = std::move(id),
                               .about = std::move(about),
                               .data = std::move(data),
                               .updated = now_,
                               .revision = revision});
  }
  /// To a user; or, when that is empty, to a role in an organisation.
  void tell(const char* event, const std::string& user, const std::string& role = {}, const std::string& org = {}) {
    change_.outbox.push_back({.id = "x-" + id_ + "-" + std::to_string(change_.outbox.size() + 1),
                              .session_id = subject_.session.id,
                              .kind = "notify",
                              .payload = {{"event", event},
                                          {"user", user},
                                          {"role", role},
                                          {"org", org},
                                          {"task", subject_.task.id},
                                          {"application", subject_.session.id},
                                          {"title", title_for(user)},
                                          {"by", command_.actor.user_id},
                                          {"text", string_or(command_.data, "text")}},
                              .created = now_,
                              .next_at = now_});
  }
  json::object stamp() const { return {{"by", command_.actor.user_id}, {"by_name", command_.actor.name}, {"at", to_ms(now_)}}; }
  const std::string& id() const { return id_; }
  Change done(json::object body) && {
    change_.reply = {.status = 201, .body = std::move(body)};
    return std::move(change_);
  }

 private:
  View& view_;
  const Command& command_;
  const Subject& subject_;
  Instant now_;
  std::string id_;
  Change change_;
};

/// What is written on the sheet of a double-blind reviewer must not tell him whose application it is. What he writes himself is not
/// looked at: the answer would tell it.
Result<> check_blind(const Command& command, const Subject& subject, const std::string& text) {
  const bool read_blind = subject.task.kind == "sheet" && subject.definition && is_double_blind(*subject.definition);
  if (!read_blind || text.empty() || sees_as_reviewer(command.actor, subject.session)) return {};
  const Result<bool> names = names_applicant(subject.session, *subject.definition, text);
  if (!names) return names.error();
  if (!*names) return {};
  return rejection("note.blind", "Expected a text that does not tell the reviewer of a double-blind panel whose application it is",
                   "盲评期间，写给评审专家的内容不能透露申报单位或人员", "/text");
}

Result<std::string> text_of(const Command& command, const Subject& subject, bool required) {
  std::string text = string_or(command.data, "text");
  if (text.size() > kTextBytesMax || !is_utf8(text) || (required && text.empty()))
    return rejection("note.text", "Expected a text of at most 4000 bytes", "请填写内容（不超过4000字节）", "/text");
  if (Result<> checked = check_blind(command, subject, text); !checked) return checked.error();
  return text;
}

/// Users who may see the task themselves: a comment or a copy opens nothing to anybody.
Result<std::vector<std::string>> people_of(View& view, const Command& command, const Subject& subject, const char* key) {
  const std::vector<std::string> users = strings_from_json(array_or_empty(command.data, key));
  const std::string place = std::string{"/"} + key;
  if (users.size() > kPeopleMax)
    return rejection("note.user", "Expected at most " + std::to_string(kPeopleMax) + " users", "人数过多", place);
  for (std::size_t i = 0; i < users.size(); ++i) {
    const std::optional<UserRow> row = view.user(users[i]);
    if (!row || row->disabled || !may_see(actor_of(*row), subject.task, subject.session))
      return rejection("note.user", "Expected active users who may see the task, but found '" + users[i] + "'",
                       "“" + users[i] + "”无权查看该待办", place + "/" + std::to_string(i));
  }
  return users;
}

Result<Change> comment(View& view, const Command& command, const Subject& subject, Instant now) {
  const Result<std::string> text = text_of(command, subject, true);
  if (!text) return text.error();
  const Result<std::vector<std::string>> mentions = people_of(view, command, subject, "mentions");
  if (!mentions) return mentions.error();
  Note note(view, command, subject, now);
  json::object data = note.stamp();
  data["text"] = *text;
  data["mentions"] = to_json(*mentions);
  json::object body = data;
  body["id"] = note.id();
  note.record("comment", note.id(), subject.task.id, std::move(data));
  for (const std::string& user : *mentions) note.tell("task.mentioned", user);
  return std::move(note).done(std::move(body));
}

std::string receipt_id(const TaskRow& task, const std::string& user) { return task.id + "/" + user; }

Result<Change> copy(View& view, const Command& command, const Subject& subject, Instant now) {
  const Result<std::string> text = text_of(command, subject, false);
  if (!text) return text.error();
  const Result<std::vector<std::string>> users = people_of(view, command, subject, "users");
  if (!users) return users.error();
  if (users->empty()) return rejection("note.user", "Expected whom to copy it to", "请选择抄送对象", "/users");
  Note note(view, command, subject, now);
  for (const std::string& user : *users) {
    json::object data = note.stamp();
    data["task"] = subject.task.id;
    data["application"] = subject.session.id;
    data["title"] = note.title_for(user);
    data["text"] = *text;
    const std::optional<RecordRow> known = view.record("copy", receipt_id(subject.task, user));
    note.record("copy", receipt_id(subject.task, user), user, std::move(data), known ? known->revision + 1 : 1);
    const std::optional<RecordRow> receipt = view.record("receipt", receipt_id(subject.task, user));
    json::object got = receipt ? receipt->data : json::object{{"user", user}};
    got["copied"] = to_ms(now);
    note.record("receipt", receipt_id(subject.task, user), subject.task.id, std::move(got), receipt ? receipt->revision + 1 : 1);
    note.tell("task.copied", user);
  }
  return std::move(note).done({{"users", to_json(*users)}});
}

Result<Change> read(View& view, const Command& command, const Subject& subject, Instant now) {
  Note note(view, command, subject, now);
  const std::string id = receipt_id(subject.task, command.actor.user_id);
  const std::optional<RecordRow> receipt = view.record("receipt", id);
  json::object data = receipt ? receipt->data : json::object{{"user", command.actor.user_id}};
  // The first time counts.
  if (!data.contains("read")) {
    data["read"] = to_ms(now);
    note.record("receipt", id, subject.task.id, data, receipt ? receipt->revision + 1 : 1);
  }
  return std::move(note).done(std::move(data));
}

bool may_urge(const Actor& actor, const Subject& subject) {
  return actor.has("applicant", subject.session.org) ||
         std::any_of(actor.memberships.begin(), actor.memberships.end(), [](const Membership& held) {
           return held.role == "recommending-officer" || held.role == "provincial-officer";
         });
}

Result<Change> urge(View& view, const Command& command, const Subject& subject, Instant now) {
  const Result<std::string> text = text_of(command, subject, false);
  if (!text) return text.error();
  if (!may_urge(command.actor, subject))
    return Error{.kind = ErrorKind::forbidden,
                 .code = "urge.forbidden",
                 .message = "Expected the applicant or an officer",
                 .message_zh = "只有申报人和经办机关可以催办"};
  const TaskRow& task = subject.task;
  if (task.status != "open" && task.status != "claimed")
    return rejection("urge.closed", "Expected an open task, but it is " + task.status, "该待办已办结或取消");
  const Result<TaskRules> rules = task_rules(view.setting(kTaskRules));
  if (!rules) return rules.error();
  // Held, so that two at once count one after the other.
  const std::string day = task.id + "/" + format_day(day_in_shanghai(now));
  const std::int64_t count = view.series("urge/" + day);
  if (count >= rules->urge_per_day)
    return rejection("urge.limit", "Expected at most " + std::to_string(rules->urge_per_day) + " times a day for one task",
                     "每件待办每日至多催办" + std::to_string(rules->urge_per_day) + "次");
  Note note(view, command, subject, now);
  json::object data = note.stamp();
  data["text"] = *text;
  note.record("urge", day + "/" + std::to_string(count + 1), task.id, data);
  const std::string& whom = task.claimed_by.empty() ? task.user : task.claimed_by;
  note.tell("task.urged", whom, task.role, task.org);
  Change change = std::move(note).done({{"task", task.id}, {"today", count + 1}, {"limit", rules->urge_per_day}});
  change.series.emplace_back("urge/" + day, count + 1);
  return change;
}

Result<Change> put_batch(View& view, const Command& command, Instant now) {
  const Result<TaskRules> rules = task_rules(view.setting(kTaskRules));
  if (!rules) return rules.error();
  const std::string id = string_or(command.data, "id");
  json::object data{{"action", string_or(command.data, "action")},
                    {"at", to_ms(now)},
                    {"until", to_ms(now) + rules->undo_minutes * 60'000},
                    {"items", array_or_empty(command.data, "items")}};
  Change change;
  json::object body = data;
  body["id"] = id;
  change.reply = {.status = 200, .body = std::move(body)};
  change.records.push_back({.kind = "batch", .id = id, .about = command.actor.user_id, .data = std::move(data), .updated = now});
  return change;
}

Result<Change> undo_batch(View& view, const Command& command, Instant now) {
  std::optional<RecordRow> row = view.record("batch", string_or(command.data, "id"));
  if (!row || row->about != command.actor.user_id)
    return Error{.kind = ErrorKind::not_found,
                 .code = "batch.unknown",
                 .message = "Expected a bulk action of yours",
                 .message_zh = "未找到您的该批量操作"};
  if (row->data.contains("undone")) return rejection("batch.undone", "Expected a bulk action that has not been undone", "该批量操作已撤销");
  if (to_ms(now) > int_or(row->data, "until", 0))
    return rejection("batch.late", "Expected to undo it until " + format_instant(from_ms(int_or(row->data, "until", 0))), "已超过可撤销的时限");
  row->data["undone"] = to_ms(now);
  row->updated = now;
  ++row->revision;
  Change change;
  change.reply = {.status = 200, .body = row->data};
  change.records.push_back(*std::move(row));
  return change;
}

Result<Change> put_rules(View& view, const Command& command) {
  (void)view.series(kTaskRules);
  Result<json::object> rules = setting_object(view.setting(kTaskRules), kTaskRules);
  if (!rules) return rules.error();
  struct Bound {
    const char* key;
    std::int64_t max;
  };
  for (const Bound& each : {Bound{"urge_per_day", 100}, Bound{"undo_minutes", 7 * 24 * 60}}) {
    const json::value* given = command.data.if_contains(each.key);
    if (given == nullptr) continue;
    if (!given->is_int64() || given->get_int64() < 0 || given->get_int64() > each.max)
      return Error{.kind = ErrorKind::invalid,
                   .code = "rules.value",
                   .message = "Expected a whole number from 0 to " + std::to_string(each.max),
                   .place = std::string{"/"} + each.key,
                   .message_zh = "应为0到" + std::to_string(each.max) + "的整数"};
    (*rules)[each.key] = *given;
  }
  Change change;
  change.settings.emplace_back(kTaskRules, canonical_json(*rules));
  change.reply.body = *rules;
  return change;
}

}  // namespace

Result<TaskRules> task_rules(const std::optional<std::string>& setting) {
  const Result<json::object> rules = setting_object(setting, kTaskRules);
  if (!rules) return rules.error();
  const TaskRules plain;
  return TaskRules{.urge_per_day = int_or(*rules, "urge_per_day", plain.urge_per_day),
                   .undo_minutes = int_or(*rules, "undo_minutes", plain.undo_minutes)};
}

bool is_note(const Command& command) {
  return command.kind.starts_with("note.") || command.kind.starts_with("batch.") ||
         command.kind == "rules.tasks";
}

Result<Change> decide_note(const Runtime& runtime, View& view, const Command& command, Instant now) {
  if (command.kind == "rules.tasks") return put_rules(view, command);
  if (command.kind == "batch.put") return put_batch(view, command, now);
  if (command.kind == "batch.undone") return undo_batch(view, command, now);
  const Result<Subject> subject = subject_of(runtime, view, command);
  if (!subject) return subject.error();
  if (command.kind == "note.comment") return comment(view, command, *subject, now);
  if (command.kind == "note.copy") return copy(view, command, *subject, now);
  return command.kind == "note.read" ? read(view, command, *subject, now) : urge(view, command, *subject, now);
}

}  // namespace chuyi

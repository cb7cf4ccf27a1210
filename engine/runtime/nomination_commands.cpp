#include "engine/runtime/nomination_commands.h"

#include <algorithm>
#include <array>
#include <map>

#include "engine/invoke/limits.h"
#include "engine/invoke/rows_json.h"
#include "engine/runtime/events_json.h"
#include "engine/runtime/fields.h"

namespace chuyi {
namespace {

constexpr std::size_t kReasonBytesMax = 2'000;

Error not_yours(const std::string& who, std::string zh) { return forbidden("task.not_yours", "Expected " + who, std::move(zh)); }

bool is_reason(const std::string& text) { return !text.empty() && text.size() <= kReasonBytesMax && is_utf8(text); }

bool is_provincial(const Actor& actor, View& view) {
  return std::any_of(actor.memberships.begin(), actor.memberships.end(), [&](const Membership& held) {
    if (held.role != "provincial-officer") return false;
    const std::optional<OrganisationRow> org = view.organisation(held.org);
    return org && org->level == "province";
  });
}

bool is_above(const SessionRow& session, const std::string& org) { return std::find(session.orgs.begin(), session.orgs.end(), org) != session.orgs.end(); }

bool is_officer(const Actor& actor, const SessionRow& session, bool provincial) {
  return std::any_of(actor.memberships.begin(), actor.memberships.end(), [&](const Membership& held) {
    return (held.role == "provincial-officer" || (!provincial && held.role == "recommending-officer")) && is_above(session, held.org);
  });
}

Result<SessionRow> application_of(View& view, const std::string& id) {
  const std::optional<SessionRow> row = view.session(id);
  if (!row || row->kind != "application")
    return not_found("application.unknown", "Expected a known application, but found '" + id + "'", "未找到该申报");
  return *row;
}

json::object person(const Actor& actor) { return {{"id", actor.user_id}, {"name", actor.name}}; }

/// The rules of a round as they will be, checked. `place` is where the list stands.
Result<> check_rules(const Runtime& runtime, const json::array& rules, const std::string& place) {
  std::vector<Detail> wrong = check_limits(rules, place);
  for (std::size_t i = 0; wrong.empty() && i < rules.size(); ++i)
    for (const std::string& programme : strings_from_json(array_or_empty(rules[i].get_object(), "programmes")))
      if (!runtime.definitions.current(programme))
        wrong.push_back({.place = place + "/" + std::to_string(i) + "/programmes",
                         .code = "limit.programme",
                         .message = "Expected a known programme, but found '" + programme + "'",
                         .message_zh = "未找到项目类别“" + programme + "”"});
  if (wrong.empty()) return {};
  Error error = invalid_field("limit.rules", place, "Expected rules that can be kept", "名额规则有误");
  error.details = std::move(wrong);
  return error;
}

/// Under other rules a list may have more places: the next in rank get them, as when somebody leaves.
class Reconsider {
 public:
  Reconsider(const Runtime& runtime, View& view, std::string round, std::string change_id, Instant now)
      : runtime_(runtime), view_(view), round_(std::move(round)), change_id_(std::move(change_id)), now_(now) {}

  void run(const std::vector<RecordRow>& rules, Change& change) {
    for (const DefinitionPtr& definition : runtime_.definitions.current()) {
      const std::vector<Limit> limits = limits_for(definition->manifest, definition->programme, round_, rules);
      const auto ranked = std::find_if(limits.rbegin(), limits.rend(), [](const Limit& each) { return each.ranked; });
      for (const RecordRow& seen : view_.records(kRankRecord, definition->programme + "/" + round_)) {
        std::optional<RecordRow> list = view_.record(kRankRecord, seen.id);
        if (list && list->data.contains("max")) resize(std::move(*list), ranked == limits.rend() ? nullptr : &*ranked, change);
      }
    }
  }
  json::array promoted() && { return std::move(promoted_); }

 private:
  void resize(RecordRow list, const Limit* ranked, Change& change) {
    const std::int64_t places = rank_places(ranked, string_or(list.data, "org"));
    if (places == int_or(list.data, "max", 0)) return;
    for (const std::string& next : resize_rank(list.data, places)) {
      json::object payload = to_json(
          scxml::Event{.name = "place.free", .origintype = std::string{scxml::kScxmlProcessor}, .data = json::object{{"limits", round_}}});
      payload["target"] = next;
      change.outbox.push_back({.id = change_id_ + "/" + next,
                               .session_id = next,
                               .kind = "send",
                               .payload = std::move(payload),
                               .created = now_,
                               .next_at = now_});
      promoted_.emplace_back(next);
    }
    list.updated = now_;
    ++list.revision;
    change.records.push_back(std::move(list));
  }

  const Runtime& runtime_;
  View& view_;
  std::string round_;
  std::string change_id_;
  Instant now_;
  json::array promoted_;
};

Error outdated(std::uint64_t current) {
  return Error{.kind = ErrorKind::precondition,
               .code = "precondition.failed",
               .message = "Expected the current revision " + std::to_string(current) + "; read it again",
               .message_zh = "内容已被他人更新，请刷新后重试"};
}

/// Whoever changes what others may change meanwhile says which revision was read.
Result<> check_revision(const Command& command, std::uint64_t current) {
  if (!command.if_revision)
    return Error{.kind = ErrorKind::precondition,
                 .code = "precondition.missing",
                 .message = "Expected If-Match with the ETag of what you change",
                 .message_zh = "缺少If-Match，请先读取最新内容"};
  if (*command.if_revision != current) return outdated(current);
  return {};
}

/// limit.put {round, rules}: all of them; limit.set {round, id, rule} and limit.remove {round, id}: one, of the revision read.
Result<Change> change_limits(const Runtime& runtime, View& view, const Command& command, Instant now) {
  if (!is_provincial(command.actor, view)) return not_yours("a provincial officer", "只有省级经办人可以设定名额规则");
  const std::string round = string_or(command.data, "round");
  if (round.empty() || round.size() > 64) return invalid_field("limit.round", "/round", "Expected a round", "请写明批次");
  (void)view.series(limits_series(round));  // held: whoever changes the rules of a round takes turns, and nobody takes a place meanwhile
  const std::optional<RecordRow> head = view.record(kLimitsRecord, round);
  const std::uint64_t revision = head ? head->revision : 0;
  const std::vector<RecordRow> before = view.records(kLimitRecord, round);
  json::array rules = array_or_empty(command.data, "rules");
  if (command.kind != "limit.put") {
    if (Result<> current = check_revision(command, revision); !current) return current.error();
    const std::string id = string_or(command.data, "id");
    bool known = false;
    rules.clear();
    for (const RecordRow& row : before)
      if (string_or(row.data, "id") != id)
        rules.emplace_back(row.data);
      else
        known = true;
    if (command.kind == "limit.remove" && !known)
      return not_found("limit.unknown", "Expected a rule of the round, but found '" + id + "'", "该批次没有这条名额规则");
    if (command.kind == "limit.set") {
      json::object rule = object_or_empty(command.data, "rule");
      rule["id"] = id;
      // What is wrong with it is told by its own places, before what is wrong with all of them together.
      if (Result<> kept = check_rules(runtime, json::array{rule}, {}); !kept) {
        Error error = kept.error();
        for (Detail& each : error.details) each.place.erase(0, 2);
        return error;
      }
      rules.emplace_back(std::move(rule));
    }
  } else if (revision > 0 || command.if_revision) {
    if (Result<> kept = check_revision(command, revision); !kept) return kept.error();
  }
  if (Result<> kept = check_rules(runtime, rules, "/rules"); !kept) return kept.error();
  Change change;
  std::map<std::string, RecordRow> rows;
  for (const json::value& rule : rules) {
    const std::string id = round + "/" + string_or(rule.get_object(), "id");
    const auto old = std::find_if(before.begin(), before.end(), [&](const RecordRow& row) { return row.id == id; });
    rows.emplace(id, RecordRow{.kind = kLimitRecord,
                               .id = id,
                               .about = round,
                               .data = rule.get_object(),
                               .updated = now,
                               .revision = old == before.end() ? 1 : old->revision + 1});
  }
  for (const RecordRow& old : before)
    if (!rows.contains(old.id)) change.records_removed.emplace_back(kLimitRecord, old.id);
  std::vector<RecordRow> after;
  for (auto& [id, row] : rows) after.push_back(std::move(row));
  Reconsider lists(runtime, view, round, "x-limits-" + round + "-" + std::to_string(revision + 1), now);
  lists.run(after, change);
  std::move(after.begin(), after.end(), std::back_inserter(change.records));
  json::array promoted = std::move(lists).promoted();
  change.records.push_back({.kind = kLimitsRecord,
                            .id = round,
                            .about = round,
                            .data = {{"by", person(command.actor)}, {"at", format_instant(now)}, {"promoted", promoted}},
                            .updated = now,
                            .revision = revision + 1});
  change.reply = {.status = 200,
                  .body = json::object{{"round", round}, {"rules", std::move(rules)}, {"promoted", std::move(promoted)}},
                  .revision = revision + 1};
  return change;
}

/// An exception is from rules that hold for the application.
Result<> check_excepted(const Runtime& runtime, View& view, const SessionRow& session, const std::vector<std::string>& rules) {
  const DefinitionPtr definition = runtime.definitions.by_digest(session.definition);
  std::vector<std::string> known;
  if (definition != nullptr)
    for (const Limit& each : limits_for(definition->manifest, session.programme, session.round, view.records(kLimitRecord, session.round)))
      known.push_back(each.id);
  for (std::size_t i = 0; i < rules.size(); ++i)
    if (!is_one_of(known, rules[i]))
      return invalid_field("exception.rules", "/rules/" + std::to_string(i),
                           "Expected a rule that holds for the application, but found '" + printable(rules[i]) + "'", "该申报没有这条名额规则", known);
  return {};
}

Result<Change> ask_exception(const Runtime& runtime, View& view, const Command& command, Instant now) {
  const Result<SessionRow> session = application_of(view, string_or(command.data, "application"));
  if (!session) return session.error();
  if (!is_officer(command.actor, *session, false) || command.actor.user_id == session->applicant)
    return not_yours("an officer of the application who is not its applicant", "只有推荐或省级经办人可以申请超限额例外");
  const std::vector<std::string> rules = strings_from_json(array_or_empty(command.data, "rules"));
  if (rules.empty() || rules.size() > kLimitsMax)
    return invalid_field("exception.rules", "/rules", "Expected the rules to be excepted from", "请写明突破的名额规则");
  if (Result<> known = check_excepted(runtime, view, *session, rules); !known) return known.error();
  const std::string reason = string_or(command.data, "reason");
  if (!is_reason(reason))
    return invalid_field("exception.reason", "/reason", "Expected a written reason of at most 2,000 bytes", "请书面说明理由");
  (void)view.series(std::string{"exception/"} + session->id);
  const std::optional<RecordRow> old = view.record(kExceptionRecord, session->id);
  if (old && string_or(old->data, "status") == "granted")
    return rejection("exception.decided", "Expected an application without an exception, but it has one", "该申报已有超限额例外");
  Change change;
  json::object data{{"application", session->id}, {"rules", to_json(rules)}, {"reason", reason}, {"asked_by", person(command.actor)}, {"asked", format_instant(now)}, {"status", "asked"}};
  const std::uint64_t revision = old ? old->revision + 1 : 1;
  change.reply = {.status = 201, .body = data, .revision = revision};
  change.records.push_back({.kind = kExceptionRecord,
                            .id = session->id,
                            .about = session->programme + "/" + session->round,
                            .data = std::move(data),
                            .updated = now,
                            .revision = revision});
  return change;
}

Result<Change> decide_exception(View& view, const Command& command, Instant now) {
  const Result<SessionRow> session = application_of(view, string_or(command.data, "application"));
  if (!session) return session.error();
  if (!is_officer(command.actor, *session, true)) return not_yours("a provincial officer", "只有省级经办人可以批准超限额例外");
  std::optional<RecordRow> asked = view.record(kExceptionRecord, session->id);
  if (!asked || string_or(asked->data, "status") != "asked")
    return rejection("exception.decided", "Expected an exception that waits for a decision", "没有待批准的超限额例外");
  if (string_or(object_or_empty(asked->data, "asked_by"), "id") == command.actor.user_id || command.actor.user_id == session->applicant)
    return forbidden("task.separation", "Expected another person than the one who asked or applies: an exception takes two",
                     "超限额例外须由两人分别申请和批准");
  // Granted is what was read: it may have been asked for otherwise meanwhile.
  if (Result<> current = check_revision(command, asked->revision); !current) return current.error();
  const std::string outcome = string_or(command.data, "outcome");
  if (outcome != "grant" && outcome != "refuse") {
    Error error =
        invalid_field("exception.outcome", "/outcome", "Expected grant or refuse, but found '" + outcome + "'", "结论应为批准或不批准");
    error.allowed = {"grant", "refuse"};
    return error;
  }
  if (!is_reason(string_or(command.data, "reason")))
    return invalid_field("exception.reason", "/reason", "Expected a written reason of at most 2,000 bytes", "请书面说明理由");
  asked->data["status"] = outcome == "grant" ? "granted" : "refused";
  asked->data["decided_by"] = person(command.actor);
  asked->data["decided"] = format_instant(now);
  asked->data["decision"] = string_or(command.data, "reason");
  asked->updated = now;
  ++asked->revision;
  Change change;
  change.reply = {.status = 200, .body = asked->data, .revision = asked->revision};
  change.records.push_back(std::move(*asked));
  return change;
}

struct RankKey {
  std::string programme;
  std::string round;
  std::string org;
  std::string id() const { return rank_id(programme, round, org); }
};

Result<RankKey> rank_key(View& view, const Command& command) {
  RankKey out{.programme = string_or(command.data, "programme"), .round = string_or(command.data, "round"), .org = string_or(command.data, "org")};
  if (!view.organisation(out.org))
    return not_found("organisation.unknown", "Expected a known organisation, but found '" + out.org + "'", "未找到该单位");
  const auto ranks = [&](const Membership& held) { return held.org == out.org && (held.role == "recommending-officer" || held.role == "org-admin" || held.role == "provincial-officer"); };
  if (std::none_of(command.actor.memberships.begin(), command.actor.memberships.end(), ranks)) return not_yours("an officer of '" + out.org + "'", "只有本单位的推荐经办人可以排序推荐");
  return out;
}

/// Whether `order` keeps everyone of `old` in the same order ahead of whoever is new.
bool continues(const std::vector<std::string>& old, const std::vector<std::string>& order) {
  return order.size() >= old.size() && std::equal(old.begin(), old.end(), order.begin());
}

/// Keeps with the application in which lists it stands.
void note_list(View& view, Change& change, const std::string& application, const std::string& list, bool stands, Instant now) {
  std::optional<RecordRow> row = view.record(kRankedRecord, application);
  std::vector<std::string> lists = row ? strings_from_json(array_or_empty(row->data, "lists")) : std::vector<std::string>{};
  const bool stood = std::erase(lists, list) > 0;
  if (stood == stands) return;
  if (stands) lists.push_back(list);
  std::sort(lists.begin(), lists.end());
  change.records.push_back({.kind = kRankedRecord, .id = application, .about = application, .data = {{"lists", to_json(lists)}}, .updated = now, .revision = row ? row->revision + 1 : 1});
}

Result<Change> put_rank(View& view, const Command& command, Instant now) {
  const Result<RankKey> key = rank_key(view, command);
  if (!key) return key.error();
  const std::vector<std::string> order = strings_from_json(array_or_empty(command.data, "order"));
  if (order.empty() || order.size() > kRankedMax)
    return invalid_field("rank.order", "/order", "Expected 1 to 500 applications", "名单应有1至500项申报");
  Error wrong = invalid_field("rank.order", "/order", "Expected applications of this programme and round below the organisation, each once",
                              "名单中有不属于本单位、本项目类别和批次的申报，或有重复");
  // Rows of sessions before that of the list, as a recommendation holds them.
  std::vector<std::string> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const std::optional<SessionRow> session = view.session(sorted[i]);
    const bool fits = session && session->kind == "application" && session->programme == key->programme && session->round == key->round && is_above(*session, key->org);
    if (!fits || (i > 0 && sorted[i] == sorted[i - 1]))
      wrong.details.push_back({.place = "/order/" + std::to_string(std::find(order.begin(), order.end(), sorted[i]) - order.begin()), .code = "rank.order", .message = wrong.message, .message_zh = wrong.message_zh});
    else if (session->applicant == command.actor.user_id)
      return forbidden("task.separation", "Expected somebody who does not apply in this list", "申报人不得参与排序", "/order");
  }
  if (!wrong.details.empty()) return wrong;
  (void)view.series("rank/" + key->id());  // held: two first lists take turns
  const std::optional<RecordRow> old = view.record(kRankRecord, key->id());
  const std::uint64_t revision = old ? old->revision : 0;
  if (command.if_revision ? *command.if_revision != revision : revision != 0) return outdated(revision);
  json::object data = old ? old->data : json::object{{"org", key->org}, {"programme", key->programme}, {"round", key->round}};
  const std::vector<std::string> before = strings_from_json(array_or_empty(data, "order"));
  if (data.contains("letter") || (bool_or(data, "sealed", false) && !continues(before, order)))
    return rejection("rank.sealed",
                     "Expected a list that nobody has recommended from; after that the order stands, and applications are added at its end "
                     "until the letter is issued",
                     "已按该名单推荐，顺序不得变更；出具推荐函前只能在末尾增列", "/order");
  Change change;
  for (const std::string& each : before)
    if (std::find(order.begin(), order.end(), each) == order.end()) note_list(view, change, each, key->id(), false, now);
  for (const std::string& each : sorted) note_list(view, change, each, key->id(), true, now);
  data["order"] = to_json(order);
  data["by"] = person(command.actor);
  change.reply = {.status = 200, .body = data, .revision = revision + 1};
  change.records.push_back({.kind = kRankRecord, .id = key->id(), .about = key->programme + "/" + key->round, .data = std::move(data), .updated = now, .revision = revision + 1});
  return change;
}

Result<Change> issue_letter(View& view, const Command& command, Instant now) {
  const Result<RankKey> key = rank_key(view, command);
  if (!key) return key.error();
  std::optional<RecordRow> list = view.record(kRankRecord, key->id());
  if (!list) return not_found("rank.unknown", "Expected a ranked list", "尚无排序推荐名单");
  if (list->data.contains("letter")) return rejection("rank.letter", "Expected a list without a letter", "已出具推荐函");
  const std::string number = string_or(command.data, "number");
  if (number.empty() || number.size() > 200 || !is_utf8(number))
    return invalid_field("rank.number", "/number", "Expected the letter's number, at most 200 bytes", "请填写推荐函文号");
  if (!bool_or(command.data, "truthful", false))
    return invalid_field("rank.truthful", "/truthful", "Expected 'truthful': the statement that everything was checked and is true",
                         "请作出真实性声明");
  // Whoever seals the letter is not the one who drew up the list.
  if (string_or(object_or_empty(list->data, "by"), "id") == command.actor.user_id)
    return forbidden("task.separation", "Expected another person than the one who ranked: the letter takes two",
                     "推荐函须由排序人以外的人签发");
  const std::vector<std::string> order = strings_from_json(array_or_empty(list->data, "order"));
  const std::vector<std::string> gone = strings_from_json(array_or_empty(list->data, "gone"));
  const std::vector<std::string> waiting = strings_from_json(array_or_empty(list->data, "waiting"));
  const auto has = [](const std::vector<std::string>& ids, const std::string& id) { return std::find(ids.begin(), ids.end(), id) != ids.end(); };
  json::array lines;
  for (const std::string& id : order) {
    if (has(gone, id)) continue;
    const std::optional<SessionRow> session = view.session(id);
    if (!session) continue;
    if (session->applicant == command.actor.user_id)
      return forbidden("task.separation", "Expected somebody who applies for nothing on the list", "名单中有本人的申报，应当回避");
    lines.push_back(json::object{{"rank", static_cast<std::int64_t>(lines.size() + 1)}, {"application", id}, {"title", session->title}, {"org", session->org}, {"org_name", session->org_name}, {"reserve", has(waiting, id)}});
  }
  list->data["sealed"] = true;
  list->data["letter"] = json::object{{"number", number},
                                      {"issued", format_instant(now)},
                                      {"by", person(command.actor)},
                                      {"statement", json::object{{"zh", "以上推荐名单按推荐顺序排列，所报材料已经审核，真实、准确、完整。"}, {"en", "The list is in the order of recommendation; the materials have been checked and are true, accurate and complete."}}},
                                      {"list", std::move(lines)}};
  list->updated = now;
  ++list->revision;
  Change change;
  change.reply = {.status = 201, .body = list->data, .revision = list->revision};
  change.records.push_back(std::move(*list));
  return change;
}

Result<Change> decide(const Runtime& runtime, View& view, const Command& command, Instant now) {
  if (command.kind.starts_with("limit.")) return change_limits(runtime, view, command, now);
  if (command.kind == "exception.ask") return ask_exception(runtime, view, command, now);
  if (command.kind == "exception.decide") return decide_exception(view, command, now);
  if (command.kind == "rank.put") return put_rank(view, command, now);
  return issue_letter(view, command, now);
}

}  // namespace

bool is_nomination_command(const Command& command) {
  static constexpr std::array kKinds = {"limit.put",        "limit.set", "limit.remove", "exception.ask",
                                        "exception.decide", "rank.put",  "rank.letter"};
  return std::find(kKinds.begin(), kKinds.end(), command.kind) != kKinds.end();
}

Result<Change> decide_nomination(const Runtime& runtime, View& view, const Command& command, Instant now) {
  Result<Change> change = decide(runtime, view, command, now);
  if (!change) return change;
  change->audit = {{"kind", command.kind}, {"actor", person(command.actor)}, {"at", to_ms(now)}, {"data", command.data}};
  if (const json::value* promoted = change->reply.body.as_object().if_contains("promoted")) change->audit["promoted"] = *promoted;
  return change;
}

}  // namespace chuyi

#include "engine/runtime/rounds.h"

#include <algorithm>
#include <map>
#include <set>

#include "engine/invoke/limits.h"
#include "engine/invoke/places.h"
#include "engine/invoke/rows_json.h"
#include "engine/runtime/fields.h"
#include "engine/runtime/journal_view.h"
#include "engine/runtime/review_commands.h"
#include "engine/scxml/describe.h"

// What a round is asked while it goes: entry, submission, extension, decision. Its setting up: round_setup.cpp.
namespace chuyi {
namespace {

constexpr std::size_t kReasonBytesMax = 2'000;
constexpr std::size_t kShownMax = 20;
/// The event that tells an application that it was selected: a state that takes it waits for the round's decision.
constexpr const char* kSelected = "round.selected";
constexpr const char* kNotSelected = "round.not_selected";

Error late(const json::object& round) {
  const std::string deadline = string_or(round, "deadline");
  return rejection("round.late", "Expected it by " + deadline + " at the latest; what comes later is treated as abandoned",
                   "申报已于" + deadline + "截止，逾期视为放弃", "/round");
}

bool is_blank(const std::string& text) { return text.find_first_not_of(" \t\r\n") == std::string::npos; }

/// A round takes applications while it stands in a state of the stage "nomination".
bool takes_applications(const SessionRow& round) { return round.status == "running" && round.stage == "nomination"; }

/// Why the round takes nothing now; nothing while it does.
std::optional<Error> closed_by(View& view, const std::string& id, Instant now) {
  const std::optional<SessionRow> round = view.shared_session(id);
  const std::optional<RecordRow> record = round ? view.shared_record(kRoundKind, id) : std::nullopt;
  if (!record) return rejection("round.unknown", "Expected a round, but found '" + id + "'", "未找到该批次");
  if (now >= from_ms(int_or(record->data, "closes_at", 0)) || !takes_applications(*round)) return late(record->data);
  return std::nullopt;
}

Result<RoundEvent> extend(View& view, const Command& command, const SessionRow& round, Instant now) {
  std::optional<RecordRow> record = view.record(kRoundKind, round.id);
  if (!record) return rejection("round.unknown", "Expected a round that was set up, but found '" + round.id + "'", "未找到该批次");
  const Instant closes = from_ms(int_or(record->data, "closes_at", 0));
  if (now >= closes) return late(record->data);
  const std::string text = string_or(command.data, "deadline");
  const Result<Instant> last = parse_call_time(text, true);
  if (!last) {
    Error error = last.error();
    error.place = "/deadline";
    return error;
  }
  const Instant extended = *last + std::chrono::seconds{1};
  if (extended <= closes)
    return rejection("round.extension", "Expected a time after " + string_or(record->data, "deadline"),
                     "延期后的截止时间应晚于" + string_or(record->data, "deadline"), "/deadline");
  const std::string reason = string_or(command.data, "reason");
  if (is_blank(reason) || reason.size() > kReasonBytesMax)
    return invalid_field("round.reason", "/reason", "Expected the reason of the extension, at most 2,000 bytes",
                         "请写明延期理由（不超过600字）");
  json::array extensions = array_or_empty(record->data, "extensions");
  extensions.push_back(json::object{{"from", string_or(record->data, "deadline")},
                                    {"to", format_instant(*last)},
                                    {"reason", reason},
                                    {"by", command.actor.user_id},
                                    {"by_name", command.actor.name},
                                    {"at", format_instant(now)}});
  record->data["extensions"] = std::move(extensions);
  record->data["deadline"] = format_instant(*last);
  record->data["closes_at"] = to_ms(extended);
  record->data["deadline_provisional"] = false;
  record->updated = now;
  ++record->revision;
  return RoundEvent{.data = {{"event", "round.extended"}, {"data", json::object{{"closes_at", to_ms(extended)}, {"deadline", format_instant(*last)}, {"reason", reason}}}},
                    .records = {std::move(*record)}};
}

/// The applications of a round as its decision sees them.
struct Standing {
  std::map<std::string, SessionRow> waiting;  ///< for the decision, by id
  std::vector<const SessionRow*> before;      ///< may still come to it
  json::array reserve;                        ///< ids of those in reserve: they end with it
  std::vector<SessionRow> rows;
};

Standing standing_of(const Runtime& runtime, View& view, const std::string& round) {
  Standing out;
  out.rows = view.applications(round);
  std::map<std::pair<std::string, std::string>, bool> waits;  // by definition and state; the state "": anywhere
  const auto takes = [&](const SessionRow& row, const std::string& state) {
    const auto [known, added] = waits.try_emplace({row.definition, state}, false);
    if (!added) return known->second;
    const DefinitionPtr definition = runtime.definitions.by_digest(row.definition);
    if (!definition) return false;
    std::vector<std::string> states{state};
    if (state.empty()) {
      states.clear();
      for (const scxml::StateInfo& info : scxml::states_of(*definition->chart)) states.push_back(info.id);
    }
    const std::vector<std::string> events = scxml::events_of(*definition->chart, states);
    return known->second = std::find(events.begin(), events.end(), kSelected) != events.end();
  };
  for (const SessionRow& row : out.rows) {
    if (takes(row, row.state))
      out.waiting.emplace(row.id, row);
    else if (const DefinitionPtr definition = runtime.definitions.by_digest(row.definition); definition && is_in_reserve(*definition, row.state))
      out.reserve.emplace_back(row.id);
    else if ((row.stage == "nomination" || row.stage == "review") && takes(row, {}))
      out.before.push_back(&row);
  }
  return out;
}

Error unfinished(const Standing& standing) {
  Error out = rejection("round.unfinished",
                        "Expected every application that may still come to the decision to have come to it or to have ended; " +
                            std::to_string(standing.before.size()) + " have not",
                        "尚有" + std::to_string(standing.before.size()) + "项申报未进入审议，也未终结，不能作出决定");
  for (const SessionRow* row : standing.before)
    if (out.details.size() < kShownMax)
      out.details.push_back({.place = row->id, .code = "round.unfinished", .message = "'" + row->title + "' is in state '" + row->state + "'", .message_zh = "“" + row->title + "”尚在办理"});
  return out;
}

/// Whoever filed, recommended or judged an application does not decide on it: facts.not_by names the invokes.
Result<> check_separation(const Runtime& runtime, const Standing& standing, const Actor& actor) {
  for (const auto& [id, row] : standing.waiting) {
    const DefinitionPtr definition = runtime.definitions.by_digest(row.definition);
    const Result<SessionDocument> document = decode_document(*definition, row.document);
    if (!document) return document.error();
    for (const std::string& invoke : strings_from_json(array_or_empty(object_or_empty(document->chart.datamodel, "application"), "not_by")))
      if (const auto signers = document->signed_by.find(invoke); signers != document->signed_by.end() && signers->second.contains(actor.user_id))
        return forbidden("task.separation", "Expected somebody who has not signed '" + invoke + "' of application '" + id + "'",
                         "您已办理过申报“" + row.title + "”的前序环节，应当回避", id);
  }
  return {};
}

/// Each application that waits stands in one of the two lists, once, and nothing else does.
Result<> check_cover(const Standing& standing, const json::object& data) {
  Error wrong = rejection("round.cover",
                          "Expected exactly the " + std::to_string(standing.waiting.size()) +
                              " applications that wait for the decision, each in one list, once",
                          "入选与未入选名单应当恰好包含进入审议的" + std::to_string(standing.waiting.size()) + "项申报，每项一次");
  std::set<std::string> named;
  const auto problem = [&](std::string place, std::string message, std::string message_zh) {
    if (wrong.details.size() < kShownMax) wrong.details.push_back({.place = std::move(place), .code = "round.cover", .message = std::move(message), .message_zh = std::move(message_zh)});
  };
  for (const char* list : {"selected", "not_selected"}) {
    const json::array& ids = array_or_empty(data, list);
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const std::string place = std::string{"/"} + list + "/" + std::to_string(i);
      const std::string id = ids[i].is_string() ? std::string{ids[i].get_string()} : std::string{};
      if (!standing.waiting.contains(id)) problem(place, "'" + id + "' does not wait for the decision", "“" + id + "”不在审议之中");
      else if (!named.insert(id).second) problem(place, "'" + id + "' comes twice", "“" + id + "”重复");
    }
  }
  for (const auto& [id, row] : standing.waiting)
    if (!named.contains(id)) problem("/not_selected", "'" + id + "' is missing", "缺少“" + row.title + "”（" + id + "）");
  if (!wrong.details.empty()) return wrong;
  const json::array& deviations = array_or_empty(data, "deviations");
  for (std::size_t i = 0; i < deviations.size(); ++i) {
    const json::object empty;
    const json::object& each = deviations[i].is_object() ? deviations[i].get_object() : empty;
    const std::string reason = string_or(each, "reason");
    if (!named.contains(string_or(each, "application")) || is_blank(reason) || reason.size() > kReasonBytesMax)
      return rejection("round.deviation", "Expected {application, reason}: one that is decided on, and why the ranking is not followed",
                       "每项调整应写明申报编号和理由", "/deviations/" + std::to_string(i));
  }
  return {};
}

Result<> check_planned(const Standing& standing, const json::object& round, const json::object& data) {
  std::map<std::string, std::int64_t> chosen;
  for (const json::value& id : array_or_empty(data, "selected")) ++chosen[standing.waiting.at(std::string{id.get_string()}).programme];
  for (const auto& [programme, number] : chosen) {
    const std::int64_t planned = int_or(object_or_empty(round, "planned"), programme, 0);
    if (planned > 0 && number > planned)
      return rejection("round.planned",
                       "Expected at most " + std::to_string(planned) + " of programme '" + programme + "', as planned, but found " +
                           std::to_string(number),
                       "“" + programme + "”计划数为" + std::to_string(planned) + "个，入选" + std::to_string(number) + "个，超出计划",
                       "/selected");
  }
  return {};
}

/// Takes the places of the rules that count selections, for all that are selected or for none.
class SelectedPlaces {
 public:
  SelectedPlaces(const Runtime& runtime, View& view, const SessionRow& round, const json::object& data, Instant now)
      : runtime_(runtime), view_(view, runtime.calendar), task_{.org = round.org}, reasons_(object_or_empty(data, "reasons")), now_(now) {}

  Result<> take(const Standing& standing, const json::array& selected) {
    if (Result<> read = read_all(standing, selected); !read) return read;
    std::set<std::string> names;
    for (const Selected& each : selected_) {
      const Result<std::vector<std::string>> counted = places_counted(context(each), task_, kSelect);
      if (!counted) return counted.error();
      names.insert(counted->begin(), counted->end());
    }
    for (const std::string& name : names) (void)view_.series(name);  // all of them held, in the order of those who hold some
    for (const Selected& each : selected_) take(each);
    if (!missing_.empty()) {
      Error out = invalid_field("rule.reason", "/reasons", "Expected a written reason for each rule that is not kept, as reasons.RULE",
                                "以下规则原则上应当遵守，确需突破的请逐条书面说明理由");
      out.details = std::move(missing_);
      return out;
    }
    if (refused_.empty()) return {};
    Error out =
        rejection("quota.places",
                  std::to_string(over_) +
                      " of the selected are beyond the places of a rule; select fewer, or have an exception granted by two people: " +
                      refused_.front().message,
                  "有" + std::to_string(over_) + "项入选超出名额规则，请调整名单，或经双人批准超限额例外：" + refused_.front().message_zh,
                  "/selected");
    out.details = std::move(refused_);
    return out;
  }
  std::vector<RecordRow> records() && { return std::move(records_); }
  std::vector<std::pair<std::string, std::int64_t>> series() const { return {view_.changed_series().begin(), view_.changed_series().end()}; }
  json::object reasons() && { return std::move(given_); }

 private:
  static constexpr const char* kSelect = "select";
  struct Selected {
    std::string place;
    SessionRow row;
    DefinitionPtr definition;
    json::object application;
  };

  Result<> read_all(const Standing& standing, const json::array& selected) {
    for (std::size_t i = 0; i < selected.size(); ++i) {
      const SessionRow& row = standing.waiting.at(std::string{selected[i].get_string()});
      const DefinitionPtr definition = runtime_.definitions.by_digest(row.definition);
      const Result<SessionDocument> document = decode_document(*definition, row.document);
      if (!document) return document.error();
      selected_.push_back({.place = "/selected/" + std::to_string(i), .row = row, .definition = definition, .application = object_or_empty(document->chart.datamodel, "application")});
    }
    return {};
  }

  StageContext context(const Selected& each) {
    return {.session_id = each.row.id, .invoke_id = {}, .type = {}, .state = each.row.state, .now = now_, .view = view_, .application = each.application,
            .programme = each.definition->manifest, .signed_by = nobody_, .new_id = {}};
  }

  void take(const Selected& each) {
    std::vector<StageEffect> effects;
    const Result<Places> taken = take_places(context(each), task_, kSelect, reasons_, effects);
    if (!taken) return refuse(each, taken.error());
    for (StageEffect& effect : effects) {
      if (auto* series = std::get_if<SetSeries>(&effect)) view_.set_series(series->name, series->value);
      if (auto* record = std::get_if<RecordRow>(&effect)) {
        view_.set_record(*record);
        std::erase_if(records_, [&](const RecordRow& old) { return old.kind == record->kind && old.id == record->id; });
        records_.push_back(std::move(*record));
      }
      if (auto* fact = std::get_if<SetFact>(&effect)) keep(each, *fact);
    }
  }

  /// The application is another session: what it holds beside its own facts stands beside it.
  void keep(const Selected& each, SetFact& fact) {
    if (fact.key == "limit_reasons") given_[each.row.id] = std::move(fact.value);
    if (fact.key != "places") return;
    json::array held;
    const json::array& own = array_or_empty(each.application, "places");
    for (json::value& name : fact.value.as_array())
      if (std::find(own.begin(), own.end(), name) == own.end()) held.push_back(std::move(name));
    records_.push_back({.kind = kHeldRecord, .id = each.row.id, .about = each.row.id, .data = {{"places", std::move(held)}}, .updated = now_});
  }

  void refuse(const Selected& each, const Error& error) {
    if (error.code == "rule.reason") {
      for (const Detail& detail : error.details)
        if (missing_.size() < kShownMax) missing_.push_back(detail);
      return;
    }
    ++over_;
    std::vector<Detail> details = error.details;
    if (details.empty()) details.push_back({.place = {}, .code = error.code, .message = error.message, .message_zh = error.message_zh});
    for (const Detail& detail : details)
      if (refused_.size() < kShownMax)
        refused_.push_back({.place = each.place, .code = detail.code, .message = "'" + each.row.title + "' (" + each.row.id + "), " + detail.place + ": " + detail.message,
                            .message_zh = "“" + each.row.title + "”（" + each.row.id + "）：" + detail.message_zh});
  }

  const Runtime& runtime_;
  JournalView view_;
  TaskRow task_;
  const json::object& reasons_;
  Instant now_;
  SignedBy nobody_;
  std::vector<Selected> selected_;
  std::vector<RecordRow> records_;
  json::object given_;  ///< application → rule → why it is not kept
  std::vector<Detail> missing_;
  std::vector<Detail> refused_;
  std::size_t over_ = 0;
};

/// Nobody moves one of them until it is decided on.
void hold_selected(View& view, const json::object& data) {
  std::vector<std::string> ids = strings_from_json(array_or_empty(data, "selected"));
  std::sort(ids.begin(), ids.end());
  for (const std::string& id : ids) (void)view.session(id);
}

Result<RoundEvent> decide(const Runtime& runtime, View& view, const Command& command, const SessionRow& round, Instant now) {
  const std::optional<RecordRow> record = view.record(kRoundKind, round.id);
  if (!record) return rejection("round.unknown", "Expected a round that was set up, but found '" + round.id + "'", "未找到该批次");
  hold_selected(view, command.data);
  const Standing standing = standing_of(runtime, view, round.id);
  if (!standing.before.empty()) return unfinished(standing);
  if (Result<> covers = check_cover(standing, command.data); !covers) return covers.error();
  if (Result<> settled = check_settled_list(view, round.id, command.data); !settled) return settled.error();
  if (Result<> planned = check_planned(standing, record->data, command.data); !planned) return planned.error();
  if (Result<> separate = check_separation(runtime, standing, command.actor); !separate) return separate.error();
  SelectedPlaces places(runtime, view, round, command.data, now);
  if (Result<> taken = places.take(standing, array_or_empty(command.data, "selected")); !taken) return taken.error();
  json::object data;
  for (const char* list : {"selected", "not_selected", "deviations"}) data[list] = array_or_empty(command.data, list);
  json::object kept = data;
  if (!standing.reserve.empty()) kept["reserve"] = standing.reserve;
  json::array& told = data["not_selected"].as_array();
  told.insert(told.end(), standing.reserve.begin(), standing.reserve.end());
  kept["by"] = command.actor.user_id;
  kept["by_name"] = command.actor.name;
  kept["at"] = format_instant(now);
  RoundEvent out{.data = {{"event", "round.decided"}, {"data", std::move(data)}}, .records = {}, .series = places.series()};
  if (json::object reasons = std::move(places).reasons(); !reasons.empty()) kept["limit_reasons"] = std::move(reasons);
  out.records = std::move(places).records();
  out.records.push_back({.kind = kRoundDecisionKind, .id = round.id, .about = round.id, .data = std::move(kept), .updated = now});
  return out;
}

}  // namespace

bool is_in_reserve(const Definition& definition, const std::string& state) {
  const std::vector<std::string> events = scxml::events_of(*definition.chart, std::vector<std::string>{state});
  const auto hears = [&](const char* event) { return std::find(events.begin(), events.end(), event) != events.end(); };
  return hears(kNotSelected) && !hears(kSelected);
}

Result<RoundEvent> round_event(const Runtime& runtime, View& view, const Command& command, const SessionRow& round, Instant now) {
  if (round.kind != kRoundKind) return not_found("round.unknown", "Expected a round, but found '" + round.id + "'", "未找到该批次");
  if (!command.actor.has("provincial-officer", round.org))
    return forbidden("round.officer", "Expected a provincial officer of organisation '" + round.org + "'", "您不是该批次的省级经办人");
  return command.kind == "round.extend" ? extend(view, command, round, now) : decide(runtime, view, command, round, now);
}

Result<RoundEntry> enter_round(View& view, const std::string& round, const std::string& programme, const std::vector<std::string>& orgs, Instant now) {
  const std::optional<SessionRow> session = view.shared_session(round);
  const std::optional<RecordRow> record = session && session->kind == kRoundKind ? view.shared_record(kRoundKind, round) : std::nullopt;
  if (!record) return rejection("round.unknown", "Expected a round, but found '" + round + "'", "未找到该批次", "/round");
  const json::object& data = record->data;
  const std::vector<std::string> programmes = strings_from_json(array_or_empty(data, "programmes"));
  if (std::find(programmes.begin(), programmes.end(), programme) == programmes.end()) {
    Error error = rejection("round.programme", "Expected a programme of the round, but found '" + programme + "'",
                            "该批次不包括这一项目类别", "/programme");
    error.allowed = programmes;
    return error;
  }
  if (std::find(orgs.begin(), orgs.end(), session->org) == orgs.end())
    return rejection("round.province", "Expected an organisation below '" + session->org + "'", "该单位不属于组织本批次的省份", "/org");
  // The clock of this node, and what the round itself says: it is enough that one of them is past the deadline.
  if (now >= from_ms(int_or(data, "closes_at", 0))) return late(data);
  if (!takes_applications(*session))
    return rejection("round.not_open",
                     "Expected a round that is open, from " + string_or(data, "opens") + " to " + string_or(data, "deadline") +
                         ", but it is in state '" + session->state + "'",
                     "该批次不在受理期内（" + string_or(data, "opens") + "至" + string_or(data, "deadline") + "）", "/round");
  const bool decides = bool_or(object_or_empty(data, "stages"), "deliberation", true);
  const bool publicity = bool_or(object_or_empty(data, "stages"), "publicity", true);
  return RoundEntry{.round = {{"session", true}, {"decides", decides}, {"publicity", publicity}, {"waits", decides && publicity}},
                    .planned = int_or(object_or_empty(data, "planned"), programme, 0)};
}

Result<> check_submission(View& view, const TaskRow& task, const SessionRow& session, const SessionDocument& document, Instant now) {
  if (!task.seals || !is_round_session(session.round)) return {};
  const std::optional<Error> closed = closed_by(view, session.round, now);
  // Returned with a deadline of its own: that counts beside the round's.
  const bool returned = object_or_empty(document.chart.datamodel, "application").contains("bundle") && task.due;
  if (!closed || (returned && now < *task.due)) return {};
  if (returned)
    return rejection("round.late", "Expected it by " + format_instant(*task.due) + " at the latest",
                     "补正期限已于" + format_instant(*task.due) + "届满");
  return *closed;
}

Result<> check_return(View& view, const Command& command, const Change& change, Instant now) {
  if (!is_round_session(change.session->round)) return {};
  const auto opened = [](const TaskRow& task) { return task.seals && !task.due && (task.status == "open" || task.status == "claimed"); };
  if (std::none_of(change.tasks.begin(), change.tasks.end(), opened) || !closed_by(view, change.session->round, now)) return {};
  Error refused = rejection("round.late",
                            "Expected an outcome that asks for no new submission: the round's deadline has passed, and what is returned "
                            "without a deadline of its own could not be handed in again",
                            "申报已截止，此时退回（未另定期限）将无法再次提交，请选择其他结论", "/outcome");
  for (const TaskRow& task : change.tasks)
    if (task.id == command.task_id)
      std::copy_if(task.outcomes.begin(), task.outcomes.end(), std::back_inserter(refused.allowed), [&](const std::string& each) { return each != task.outcome; });
  return refused;
}

}  // namespace chuyi

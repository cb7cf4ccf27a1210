#include <algorithm>
#include <set>

#include "engine/invoke/rows_json.h"
#include "engine/runtime/fields.h"
#include "engine/runtime/rounds.h"

// A round as it is set up: everything impossible is refused here, not when it is used.
namespace chuyi {
namespace {

constexpr std::size_t kProgrammesMax = 100;
constexpr std::int64_t kPlannedMax = 100'000;
constexpr std::size_t kReasonBytesMax = 2'000;

/// The stages that a round may leave out, and whether it has them when it does not say.
struct Stage {
  const char* name;
  bool fallback;
};
constexpr Stage kStages[] = {{"countersign", false}, {"issue", true}, {"review", true}, {"deliberation", true}, {"publicity", true}};

Error bad_time(std::string_view text) {
  return invalid_field(
      "round.time", {},
      "Expected a time of Asia/Shanghai like 2026-05-15, 2026-05-15T17:30 or 2026-05-15T17:30:00, but found '" + std::string{text} + "'",
      "时间应为北京时间，如2026-05-15、2026-05-15T17:30或2026-05-15T17:30:00");
}

bool is_blank(const std::string& text) { return text.find_first_not_of(" \t\r\n") == std::string::npos; }

/// "2026", "2026-1", "2026-teachers": no id of an application looks like it.
bool is_round_id(std::string_view id) {
  constexpr std::size_t kPartMax = 12;
  const auto all = [](std::string_view part, bool letters) {
    return !part.empty() && std::all_of(part.begin(), part.end(), [&](char c) { return (c >= '0' && c <= '9') || (letters && c >= 'a' && c <= 'z'); });
  };
  if (id.size() < 4 || id.size() > 40 || !all(id.substr(0, 4), false)) return false;
  for (std::size_t at = 4; at < id.size();) {
    const std::size_t end = std::min(id.find('-', at + 1), id.size());
    if (id[at] != '-' || !all(id.substr(at + 1, end - at - 1), true) || end - at - 1 > kPartMax) return false;
    at = end;
  }
  return true;
}

/// Reads what the officer gave, and collects everything that is wrong with it.
class Setup {
 public:
  Setup(const Runtime& runtime, View& view, const json::object& data, Instant now)
      : runtime_(runtime), data_(data), now_(now), plugins_(setting_object(view.setting(kPluginsSetting), kPluginsSetting)) {}

  Result<json::object> read() {
    out_["title"] = string_or(data_, "title");
    if (const std::string title = string_or(data_, "title"); is_blank(title) || title.size() > 240)
      problem("/title", "form.required", "Expected a title of at most 240 bytes", "请填写批次名称（不超过80字）");
    read_programmes();
    const json::object& parameters = object_or_empty(data_, "parameters");
    static const std::set<std::string_view> kKnown{"opens", "deadline", "planned", "reasons", "stages", "notice"};
    for (const char* name : {"planned", "reasons", "stages"})
      if (const json::value* given = parameters.if_contains(name); given != nullptr && !given->is_object())
        problem(std::string{"/parameters/"} + name, "round.parameter", "Expected an object", "应为对象");
    for (const auto& member : parameters)
      if (!kKnown.contains(member.key())) problem("/parameters/" + pointer_segment(member.key()), "round.parameter", "Expected opens, deadline, planned, reasons, stages or notice",
              "没有这个参数");
    read_times(parameters);
    read_planned(object_or_empty(parameters, "planned"), object_or_empty(parameters, "reasons"));
    read_stages(object_or_empty(parameters, "stages"));
    const std::string notice = string_or(parameters, "notice");
    if (notice.size() > 240) problem("/parameters/notice", "form.max_length", "Expected at most 240 bytes", "文号过长");
    if (!notice.empty()) out_["notice"] = notice;
    if (problems_.empty()) return std::move(out_);
    const Detail& first = problems_.front();
    const std::string count = std::to_string(problems_.size());
    Error out = invalid_field("round.setup", first.place,
                              "Expected a round that can be held, but " + count + " of its settings cannot: " + first.message,
                              "批次设置有" + count + "处不可行：" + first.message_zh);
    out.details = std::move(problems_);
    return out;
  }

 private:
  void problem(std::string place, std::string code, std::string message, std::string message_zh) {
    problems_.push_back({.place = std::move(place), .code = std::move(code), .message = std::move(message), .message_zh = std::move(message_zh)});
  }

  void read_programmes() {
    const json::array& given = array_or_empty(data_, "programmes");
    if (given.empty() || given.size() > kProgrammesMax) problem("/programmes", "round.programmes", "Expected 1 to 100 programmes",
            "请列出1至100个项目类别");
    json::array kept;
    for (std::size_t i = 0; i < given.size() && i < kProgrammesMax; ++i) {
      const std::string place = "/programmes/" + std::to_string(i);
      const std::string id = given[i].is_string() ? std::string{given[i].get_string()} : std::string{};
      const DefinitionPtr definition = runtime_.definitions.current(id);
      if (!definition || string_or(definition->manifest, "kind") == kRoundKind) {
        problem(place, "programme.unknown", "Expected a programme, but found '" + id + "'", "未找到项目类别“" + id + "”");
      } else if (plugins_ && bool_or(object_or_empty(*plugins_, id), "disabled", false)) {
        problem(place, "programme.disabled", "Expected a programme that takes new applications; '" + id + "' was disabled",
                "项目类别“" + id + "”已停止接受新申报");
      } else if (!targets_.emplace(id, int_or(object_or_empty(definition->manifest, "quota"), "province", 0)).second) {
        problem(place, "round.programmes", "Expected each programme once, but '" + id + "' comes twice", "项目类别“" + id + "”重复");
      } else {
        kept.emplace_back(id);
      }
    }
    out_["programmes"] = std::move(kept);
  }

  void read_times(const json::object& parameters) {
    const auto time = [&](const char* name, bool ends) -> std::optional<Instant> {
      const Result<Instant> at = parse_call_time(string_or(parameters, name), ends);
      if (at) return *at;
      problem(std::string{"/parameters/"} + name, at.error().code, at.error().message, at.error().message_zh);
      return std::nullopt;
    };
    const std::optional<Instant> opens = time("opens", false);
    out_["deadline_provisional"] = false;
    std::optional<Instant> last;
    if (const json::value* period = parameters.if_contains("deadline"); period != nullptr && period->is_object()) {
      // So many days from the opening on: the calendar of a coming year may still change it.
      const Result<Period> length = parse_period(*period);
      if (!length) problem("/parameters/deadline", length.error().code, length.error().message, length.error().message_zh);
      if (length && opens) {
        const CalendarDate end = runtime_.calendar.end_of(day_in_shanghai(*opens), *length);
        last = end_of_day(end.day) - std::chrono::seconds{1};
        out_["deadline_provisional"] = end.provisional;
      }
    } else {
      last = time("deadline", true);
    }
    if (!opens || !last) return;
    // The second that the call names is still in time.
    const Instant closes = *last + std::chrono::seconds{1};
    if (closes <= *opens) problem("/parameters/deadline", "round.deadline", "Expected a deadline after the opening at " + format_instant(*opens),
            "截止时间应晚于开放时间" + format_instant(*opens));
    if (closes <= now_) problem("/parameters/deadline", "round.deadline", "Expected a deadline to come, but it is " + format_instant(now_), "截止时间已过");
    out_["opens"] = format_instant(*opens);
    out_["opens_at"] = to_ms(*opens);
    out_["deadline"] = format_instant(*last);
    out_["closes_at"] = to_ms(closes);
  }

  void read_planned(const json::object& given, const json::object& reasons) {
    for (const auto& [name, object] : {std::pair{"planned", &given}, std::pair{"reasons", &reasons}})
      for (const auto& member : *object)
        if (!targets_.contains(std::string{member.key()}))
          problem(std::string{"/parameters/"} + name + "/" + pointer_segment(member.key()), "programme.unknown", "Expected a programme of the round",
                  "不是本批次的项目类别");
    json::object planned;
    json::object said;
    for (const auto& [programme, target] : targets_) {
      const std::string place = "/parameters/planned/" + pointer_segment(programme);
      const json::value* value = given.if_contains(programme);
      if (value == nullptr) {
        if (target > 0) planned[programme] = target;
        continue;
      }
      const std::int64_t number = value->is_int64() ? value->get_int64() : 0;
      const std::string reason = string_or(reasons, programme);
      if (number < 1 || number > kPlannedMax) problem(place, "round.plan", "Expected a whole number from 1 to 100,000", "计划数应为1至100000的整数");
      if (target > 0 && number > target && is_blank(reason))
        problem(place, "round.plan", "Expected at most the target of " + std::to_string(target) + ", or a reason in /parameters/reasons/" + programme,
                "计划数超过目标数" + std::to_string(target) + "的，应当说明理由");
      if (reason.size() > kReasonBytesMax) problem("/parameters/reasons/" + pointer_segment(programme), "round.reason", "Expected at most 2,000 bytes",
              "理由过长");
      planned[programme] = number;
      if (!is_blank(reason)) said[programme] = reason;
    }
    out_["planned"] = std::move(planned);
    out_["reasons"] = std::move(said);
  }

  void read_stages(const json::object& given) {
    json::object stages;
    for (const Stage& stage : kStages) stages[stage.name] = bool_or(given, stage.name, stage.fallback);
    for (const auto& member : given)
      if (!stages.contains(member.key()) || !member.value().is_bool())
        problem("/parameters/stages/" + pointer_segment(member.key()), "round.stage", "Expected countersign, issue, review, deliberation or publicity, true or false",
                "阶段只能是会签、签发、评审、审议、公示，取值为是或否");
    out_["stages"] = std::move(stages);
  }

  const Runtime& runtime_;
  const json::object& data_;
  Instant now_;
  Result<json::object> plugins_;
  std::map<std::string, std::int64_t> targets_;  ///< by programme; 0: the notice names none
  json::object out_;
  std::vector<Detail> problems_;
};

}  // namespace

Result<Instant> parse_call_time(std::string_view text, bool ends) {
  std::string at{text};
  if (at.size() == 10) at += ends ? "T23:59:59" : "T00:00:00";
  if (at.ends_with("+08:00")) at.resize(at.size() - 6);
  if (at.size() == 16) at += ":00";
  const Result<Instant> parsed = at.size() == 19 && at[10] == 'T' ? parse_instant(at + "+08:00") : Result<Instant>{bad_time(text)};
  return parsed ? parsed : bad_time(text);
}

Result<NewRound> new_round(const Runtime& runtime, View& view, const Command& command, const Definition& definition, Instant now) {
  std::string org;
  for (const Membership& held : command.actor.memberships)
    if (held.role == "provincial-officer" && org.empty()) org = held.org;
  const std::optional<OrganisationRow> province = org.empty() ? std::nullopt : view.organisation(org);
  if (!province) return forbidden("round.officer", "Expected a provincial officer", "只有省级经办人可以设立批次");
  const std::string given = string_or(command.data, "id");
  if (!is_round_id(given))
    return invalid_field("round.id", "/id", "Expected an id like 2026, 2026-1 or 2026-teachers, but found '" + given + "'",
                         "批次编号应如2026、2026-1");
  const std::string id = std::string{kRoundPrefix} + given;
  if (view.session(id))
    return rejection("round.exists", "Expected a new round, but '" + given + "' is there already", "批次“" + given + "”已存在", "/id");
  Result<json::object> parameters = Setup(runtime, view, command.data, now).read();
  if (!parameters) return parameters.error();
  NewRound out;
  const std::string title = string_or(*parameters, "title");
  out.row = {.id = id,
             .kind = kRoundKind,
             .programme = definition.programme,
             .round = id,
             .title = title,
             .org = org,
             .org_name = province->name,
             .orgs = {org},
             .applicant = command.actor.user_id,
             .definition = definition.digest,
             .status = "running",
             .created = now,
             .updated = now};
  out.facts = {{"id", id}, {"title", title}, {"programme", definition.programme}, {"round", id}, {"org", org}, {"org_name", province->name},
               {"applicant", command.actor.user_id}, {"orgs", json::object{{"province", org}}}, {"documents", json::array{}}};
  for (const char* key : {"programmes", "opens_at", "closes_at", "planned", "stages"})
    if (const json::value* found = parameters->if_contains(key)) out.round[key] = *found;
  (*parameters)["created_by"] = command.actor.user_id;
  out.record = {.kind = kRoundKind, .id = id, .about = org, .data = std::move(*parameters), .updated = now};
  return out;
}

}  // namespace chuyi

#include "engine/review/results_input.h"

#include <algorithm>
#include <map>

#include "engine/base/time.h"

namespace chuyi::review {
namespace {

constexpr std::size_t kProblemsMax = 100;
const Decimal kHundred{100};
constexpr std::size_t kUnknown = static_cast<std::size_t>(-1);

using Index = std::map<std::string, std::size_t, std::less<>>;

std::string at(const char* list, std::size_t i) { return std::string{"/"} + list + "/" + std::to_string(i); }

class Reader {
 public:
  explicit Reader(const json::object& input) : json_(input) {}

  Result<Input> run() {
    each("programmes", [&](const json::object& object, const std::string& place) { read_programme(object, place); });
    each("applications", [&](const json::object& object, const std::string& place) { read_application(object, place); });
    each("panels", [&](const json::object& object, const std::string& place) { read_panel(object, place); });
    if (problems_.empty()) read_rest();
    if (!problems_.empty())
      return Error{.kind = ErrorKind::invalid,
                   .code = "results.input",
                   .message = "Expected an input that can be ranked: " + problems_.front().message,
                   .place = problems_.front().place,
                   .message_zh = "数据有误：" + problems_.front().message_zh,
                   .details = std::move(problems_)};
    return std::move(out_);
  }

 private:
  void problem(std::string place, const char* code, std::string message, std::string message_zh) {
    if (problems_.size() < kProblemsMax) problems_.push_back({.place = std::move(place), .code = code, .message = std::move(message), .message_zh = std::move(message_zh)});
  }

  template <class Read>
  void each(const char* list, const Read& read) {
    const json::array& values = array_or_empty(json_, list);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (const json::object* object = values[i].if_object())
        read(*object, at(list, i));
      else
        problem(at(list, i), "results.shape", "Expected an object", "应为对象");
    }
  }

  /// The id of a new member of a list; empty when it has none, or one that was there before.
  std::string new_id(const json::object& object, const std::string& place, Index& index, std::size_t position) {
    std::string id = string_or(object, "id");
    if (id.empty()) problem(place + "/id", "results.id", "Expected an id", "缺少编号");
    else if (!index.emplace(id, position).second) problem(place + "/id", "results.duplicate", "Expected each id once, but '" + id + "' comes twice", "“" + id + "”重复");
    return id;
  }

  std::optional<std::size_t> find(const json::object& object, const std::string& place, const char* key, const Index& index) {
    const std::string id = string_or(object, key);
    const auto found = index.find(id);
    if (found != index.end()) return found->second;
    problem(place + "/" + key, "results.unknown", std::string{"Expected a "} + key + " of this input, but found '" + id + "'", "“" + id + "”不存在");
    return std::nullopt;
  }

  std::string word(const json::object& object, const std::string& place, const char* key, std::initializer_list<const char*> words) {
    const std::string given = string_or(object, key, object.contains(key) ? "" : *words.begin());
    std::string all;
    for (const char* each : words) {
      if (given == each) return given;
      all += (all.empty() ? "" : ", ") + std::string{each};
    }
    problem(place + "/" + key, "results.word", "Expected one of " + all + ", but found '" + given + "'", "应为以下之一：" + all);
    return *words.begin();
  }

  std::string reason_of(const json::object& object, const std::string& place) {
    std::string reason = string_or(object, "reason");
    if (reason.find_first_not_of(" \t\r\n") == std::string::npos) problem(place + "/reason", "results.reason", "Expected the reason of this decision", "应写明理由");
    return reason;
  }

  void read_programme(const json::object& object, const std::string& place) {
    InputProgramme out;
    out.id = new_id(object, place, programmes_, out_.programmes.size());
    Result<Rubric> rubric = read_rubric(object_or_empty(object, "rubric"));
    if (rubric)
      out.rubric = std::move(*rubric);
    else
      for (const Detail& detail : rubric.error().details) problem(place + "/rubric" + detail.place, "results.rubric", detail.message, detail.message_zh);
    out.stages = out.rubric.stages.empty() ? std::vector<Stage>{{.id = {}, .weight = kHundred}} : out.rubric.stages;
    const json::object& calibration = object_or_empty(object, "calibration");
    const std::string method = word(calibration, place + "/calibration", "method", {"none", "panel-shift", "z-score"});
    out.calibration = method == "none" ? Calibration::none : method == "z-score" ? Calibration::z_score : Calibration::panel_shift;
    out.rank_by_calibrated = word(calibration, place + "/calibration", "rank_by", {"raw", "calibrated"}) == "calibrated";
    if (out.rank_by_calibrated && out.calibration == Calibration::none)
      problem(place + "/calibration", "results.calibration", "Expected a method of calibration to rank by", "按校准分排序时应规定校准方法");
    read_lists(array_or_empty(object, "lists"), place + "/lists", out);
    if (object.contains("committee")) out.committee = read_committee(object_or_empty(object, "committee"), place + "/committee");
    out_.programmes.push_back(std::move(out));
  }

  void read_lists(const json::array& lists, const std::string& place, InputProgramme& out) {
    Index seen;
    for (std::size_t i = 0; i < lists.size(); ++i) {
      const std::string here = place + "/" + std::to_string(i);
      const json::object* object = lists[i].if_object();
      if (object == nullptr) {
        problem(here, "results.shape", "Expected an object", "应为对象");
        continue;
      }
      ListRule rule{.id = new_id(*object, here, seen, i), .level = string_or(*object, "level"), .region = string_or(*object, "region"), .places = {}};
      if (object->contains("places")) rule.places = int_or(*object, "places", -1);
      if (rule.places && *rule.places < 0) problem(here + "/places", "results.number", "Expected a whole number from 0", "应为不小于0的整数");
      out.lists.push_back(std::move(rule));
    }
    if (out.lists.empty()) out.lists.push_back({.id = "all", .level = {}, .region = {}, .places = {}});
    std::sort(out.lists.begin(), out.lists.end(), [](const ListRule& a, const ListRule& b) { return a.id < b.id; });
  }

  Committee read_committee(const json::object& object, const std::string& place) {
    Committee out;
    out.members = int_or(object, "members", 0);
    if (out.members < 1 || out.members > 1'000) problem(place + "/members", "results.number", "Expected 1 to 1000 members", "人数应为1至1000");
    out.quorum = int_or(object, "quorum", 0);
    if (out.quorum == 0) {
      const bool two_thirds = word(object, place, "quorum", {"two-thirds", "half"}) == "two-thirds";
      out.quorum = two_thirds ? (out.members * 2 + 2) / 3 : out.members / 2 + 1;
    }
    if (out.quorum < 1 || out.quorum > out.members) problem(place + "/quorum", "results.number", "Expected a quorum of 1 to the number of members", "法定人数应不超过委员人数");
    out.two_thirds = word(object, place, "majority", {"two-thirds", "half"}) == "two-thirds";
    out.open = word(object, place, "ballot", {"secret", "open"}) == "open";
    return out;
  }

  void read_application(const json::object& object, const std::string& place) {
    InputApplication out{.programme = kUnknown};
    out.id = new_id(object, place, applications_, out_.applications.size());
    out.level = string_or(object, "level");
    out.region = string_or(object, "region");
    out.org = string_or(object, "org");
    out.unit = string_or(object, "unit");
    if (const std::optional<std::size_t> programme = find(object, place, "programme", programmes_)) {
      out.programme = *programme;
      const Rubric& rubric = out_.programmes[*programme].rubric;
      const bool known = std::any_of(rubric.units.begin(), rubric.units.end(), [&](const Unit& unit) { return unit.id == out.unit; });
      if (!rubric.units.empty() && !known) problem(place + "/unit", "rubric.unit", "Expected a unit that the rubric has weights for, but found '" + out.unit + "'", "评审指标未规定该类单位的权重");
      if (rubric.breaks_ties_by(TieBreak::submitted)) read_submitted(object, place, out);
      check_lists(out_.programmes[*programme], out, place);
    }
    out_.applications.push_back(std::move(out));
  }

  void read_submitted(const json::object& object, const std::string& place, InputApplication& out) {
    const Result<Instant> when = parse_instant(string_or(object, "submitted"));
    if (when)
      out.submitted_ms = to_ms(*when);
    else
      problem(place + "/submitted", "results.submitted", "Expected the time of submission, which breaks ties here", "同分按提交时间处理时，应有提交时间");
  }

  /// In a list, and in one with places at most.
  void check_lists(const InputProgramme& programme, const InputApplication& application, const std::string& place) {
    std::size_t lists = 0;
    std::size_t cut = 0;
    for (const ListRule& rule : programme.lists) {
      if ((!rule.level.empty() && rule.level != application.level) || (!rule.region.empty() && rule.region != application.region)) continue;
      ++lists;
      cut += rule.places ? 1 : 0;
    }
    if (lists == 0) problem(place, "results.unlisted", "Expected a list for level '" + application.level + "' and region '" + application.region + "'", "没有与该申报的层次、地区相符的名单");
    if (cut > 1) problem(place, "results.overlap", "Expected one list with places for each application, but this one is in " + std::to_string(cut), "同一申报不得同时列入多个有名额的名单");
  }

  void read_panel(const json::object& object, const std::string& place) {
    InputPanel out{.id = new_id(object, place, panels_, out_.panels.size()), .stage = string_or(object, "stage")};
    Members members;
    const json::array& ids = array_or_empty(object, "applications");
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const json::string* id = ids[i].if_string();
      const auto found = id == nullptr ? applications_.end() : applications_.find(std::string_view{*id});
      const std::string here = place + "/applications/" + std::to_string(i);
      if (found == applications_.end()) {
        problem(here, "results.unknown", "Expected an application of this input", "申报不存在");
        continue;
      }
      members.applications.insert(found->second);
      if (!in_panel_.emplace(std::pair{found->second, out.stage}).second)
        problem(here, "results.panels", "Expected one panel for each application in each stage", "同一申报在同一阶段只能由一个评审组评审");
      const std::size_t programme = out_.applications[found->second].programme;
      if (programme == kUnknown) continue;
      const std::vector<Stage>& stages = out_.programmes[programme].stages;
      if (std::none_of(stages.begin(), stages.end(), [&](const Stage& stage) { return stage.id == out.stage; }))
        problem(here, "results.stage", "Expected a panel of a stage of the rubric, but this one is of '" + out.stage + "'", "该评审组的阶段不在评审指标规定之内");
    }
    for (const json::value& expert : array_or_empty(object, "experts"))
      if (expert.is_string()) members.experts.emplace(expert.get_string());
    members_.push_back(std::move(members));
    out_.panels.push_back(std::move(out));
  }

  void read_rest() {
    each("sheets", [&](const json::object& object, const std::string& place) { read_sheet(object, place); });
    each("votes", [&](const json::object& object, const std::string& place) { read_vote(object, place); });
    each("decisions", [&](const json::object& object, const std::string& place) { read_decision(object, place); });
    each("tie_decisions", [&](const json::object& object, const std::string& place) { read_tie_decision(object, place); });
    for (std::size_t i = 0; i < out_.applications.size(); ++i) out_.programmes[out_.applications[i].programme].applications.push_back(i);
  }

  void read_sheet(const json::object& object, const std::string& place) {
    const std::optional<std::size_t> application = find(object, place, "application", applications_);
    const std::optional<std::size_t> panel = find(object, place, "panel", panels_);
    if (!application || !panel) return;
    InputSheet out{.application = *application, .panel = *panel, .stage = 0, .expert = string_or(object, "expert"), .withdrawn = string_or(object, "withdrawn"), .total = {}};
    const Members& members = members_[*panel];
    if (!members.applications.contains(*application) || !members.experts.contains(out.expert))
      problem(place, "results.not_in_panel", "Expected a sheet of the panel's application and expert, but found '" + out.expert + "'", "该评分表的申报或专家不在此评审组");
    if (!seen_.emplace(*application, *panel, out.expert).second) problem(place, "results.duplicate", "Expected one sheet of each expert for an application", "同一专家对同一申报的评分表重复");
    const std::vector<Stage>& stages = out_.programmes[out_.applications[*application].programme].stages;
    const auto stage = std::find_if(stages.begin(), stages.end(), [&](const Stage& s) { return s.id == out_.panels[*panel].stage; });
    out.stage = static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, stage - stages.begin()));
    if (object.contains("withdrawn") && out.withdrawn.empty()) problem(place + "/withdrawn", "results.reason", "Expected the reason for which the sheet was withdrawn", "应写明退出理由");
    if (out.withdrawn.empty()) read_scores(object, place, out);
    out_.applications[*application].sheets.push_back(out_.sheets.size());
    out_.sheets.push_back(std::move(out));
  }

  void read_scores(const json::object& object, const std::string& place, InputSheet& out) {
    const InputApplication& application = out_.applications[out.application];
    const Rubric& rubric = out_.programmes[application.programme].rubric;
    const Result<Decimal> given = Decimal::parse(string_or(object, "total"));
    const bool stated = object.contains("total");
    if (stated && (!given || *given < Decimal{} || *given > kHundred)) problem(place + "/total", "results.total", "Expected a total from 0 to 100", "总分应为0至100");
    if (!object.contains("scores")) {
      if (!stated || !rubric.vetoes.empty() || rubric.breaks_ties_by(TieBreak::criterion))
        problem(place, "results.scores", "Expected the scores of the sheet", "缺少各项得分");
      else if (given)
        out.total.total = given->rounded(rubric.sheet_places);
      return;
    }
    Result<SheetTotal> total = total_of(rubric, application.unit, object);
    if (!total) {
      constexpr std::size_t kData = 5;  // "/data"
      for (const Detail& detail : details_of(total.error())) problem(place + (detail.place.size() > kData ? detail.place.substr(kData) : ""), "results.sheet", detail.message, detail.message_zh);
    } else if (stated && given && given->rounded(kScorePlaces) != total->total.rounded(kScorePlaces)) {
      problem(place + "/total", "results.total", "Expected the total of the scores, " + total->total.to_string(), "总分与各项得分不符，应为" + total->total.to_string());
    } else {
      out.total = std::move(*total);
    }
  }

  void read_vote(const json::object& object, const std::string& place) {
    const std::optional<std::size_t> index = find(object, place, "application", applications_);
    if (!index) return;
    InputApplication& application = out_.applications[*index];
    const std::optional<Committee>& committee = out_.programmes[application.programme].committee;
    if (!committee) return problem(place, "results.vote", "Expected a vote only where the programme has a committee", "该项目类别未设评审委员会");
    if (application.vote) return problem(place, "results.duplicate", "Expected one vote on each application", "同一申报表决重复");
    Vote vote{.present = int_or(object, "present", -1), .in_favour = int_or(object, "for", -1), .against = int_or(object, "against", -1), .abstained = int_or(object, "abstain", 0)};
    if (committee->open) {
      vote = {};
      const json::object& ballots = object_or_empty(object, "ballots");
      vote.present = static_cast<std::int64_t>(ballots.size());
      for (const auto& ballot : ballots) {
        const std::string choice = word(ballots, place + "/ballots", std::string{ballot.key()}.c_str(), {"for", "against", "abstain"});
        ++(choice == "for" ? vote.in_favour : choice == "against" ? vote.against : vote.abstained);
      }
    } else if (object.contains("ballots")) {
      problem(place + "/ballots", "results.vote", "Expected no names in a secret ballot", "无记名投票不得记名");
    }
    const bool counted = vote.in_favour >= 0 && vote.against >= 0 && vote.abstained >= 0 && vote.present <= committee->members &&
                         vote.in_favour <= vote.present && vote.against <= vote.present && vote.abstained <= vote.present &&
                         vote.in_favour + vote.against + vote.abstained <= vote.present;
    if (!counted) problem(place, "results.vote", "Expected at most as many ballots as members present, and no more present than members", "票数不得超过到会人数，到会人数不得超过委员人数");
    application.vote = vote;
  }

  void read_decision(const json::object& object, const std::string& place) {
    const std::optional<std::size_t> index = find(object, place, "application", applications_);
    Decision out{.award = word(object, place, "outcome", {"award", "decline"}) == "award", .reason = reason_of(object, place), .by = string_or(object, "by")};
    if (!object.contains("outcome")) problem(place + "/outcome", "results.word", "Expected one of award, decline", "应为award或decline");
    if (!index) return;
    if (out_.applications[*index].decision) return problem(place, "results.duplicate", "Expected one decision on each application", "同一申报的决定重复");
    out_.applications[*index].decision = std::move(out);
  }

  void read_tie_decision(const json::object& object, const std::string& place) {
    const std::optional<std::size_t> programme = find(object, place, "programme", programmes_);
    TieDecision out{.programme = programme.value_or(0), .list = string_or(object, "list"), .order = {}, .reason = reason_of(object, place), .by = string_or(object, "by"), .place = place};
    for (const json::value& id : array_or_empty(object, "order")) {
      const auto found = id.is_string() ? applications_.find(std::string_view{id.get_string()}) : applications_.end();
      if (found == applications_.end()) return problem(place + "/order", "results.unknown", "Expected applications of this input", "申报不存在");
      out.order.push_back(found->second);
    }
    if (programme) out_.tie_decisions.push_back(std::move(out));
  }

  struct Members {
    std::set<std::size_t> applications;
    std::set<std::string, std::less<>> experts;
  };

  const json::object& json_;
  Input out_;
  Index programmes_, applications_, panels_;
  std::vector<Members> members_;
  std::set<std::pair<std::size_t, std::string>> in_panel_;
  std::set<std::tuple<std::size_t, std::size_t, std::string>> seen_;
  std::vector<Detail> problems_;
};

std::string key_of(const json::value& value, std::initializer_list<const char*> keys) {
  std::string out;
  if (const json::object* object = value.if_object())
    for (const char* key : keys) out += string_or(*object, key) + '\0';
  return out;
}

void sort_list(json::object& object, const char* list, std::initializer_list<const char*> keys) {
  json::value* value = object.if_contains(list);
  if (value == nullptr || !value->is_array()) return;
  std::vector<std::pair<std::string, json::value>> sorted;
  for (json::value& each : value->get_array()) sorted.emplace_back(keys.size() == 0 ? canonical_json(each) : key_of(each, keys), std::move(each));
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  json::array out;
  out.reserve(sorted.size());
  for (auto& each : sorted) out.push_back(std::move(each.second));
  *value = std::move(out);
}

}  // namespace

json::object normalised(json::object input) {
  sort_list(input, "programmes", {"id"});
  sort_list(input, "applications", {"id"});
  sort_list(input, "panels", {"id"});
  sort_list(input, "sheets", {"application", "panel", "expert"});
  sort_list(input, "votes", {"application"});
  sort_list(input, "decisions", {"application"});
  sort_list(input, "tie_decisions", {});
  for (const char* list : {"programmes", "panels"}) {
    json::value* values = input.if_contains(list);
    if (values == nullptr || !values->is_array()) continue;
    for (json::value& each : values->get_array())
      if (json::object* object = each.if_object()) {
        sort_list(*object, "lists", {"id"});
        sort_list(*object, "applications", {});
        sort_list(*object, "experts", {});
      }
  }
  return input;
}

Result<Input> read_input(const json::object& input) { return Reader(input).run(); }

}  // namespace chuyi::review

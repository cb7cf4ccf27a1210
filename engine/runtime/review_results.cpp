#include <algorithm>
#include <map>
#include <set>

#include "engine/base/digest.h"
#include "engine/invoke/rows_json.h"
#include "engine/review/results.h"
#include "engine/runtime/fields.h"
#include "engine/runtime/review_commands.h"
#include "engine/runtime/rounds.h"

// Results of a round: from the signed sheets of panels that have closed to the list that round.decide takes.
namespace chuyi {
namespace {

constexpr std::size_t kShownMax = 20;
constexpr std::size_t kPresentMax = 1'000;

Result<json::object> computed(const json::object& input) {
  Result<json::object> results = review::results_of(input);
  if (!results) return results.error();
  const std::string digest = sha256_hex(review::export_bytes(*results));
  json::object shown{{"digest", digest}, {"input_digest", string_or(*results, "input_sha256")}};
  return json::object{{"shown", std::move(shown)}, {"kept", json::object{{"export", std::move(*results)}}}};
}

/// What a ranking is computed from: engine/review/results_input.h.
class Gathering {
 public:
  Gathering(const json::object& setup, std::vector<std::string> programmes) : setup_(setup), programmes_(std::move(programmes)) {}

  Result<json::object> read(const std::string& round, const std::vector<Reviewed>& applications, const std::map<std::string, std::string>& drawn) {
    for (const Reviewed& each : applications) {
      if (!each.is_running() || !asked(each.row.programme) || is_in_reserve(*each.definition, each.row.state)) continue;
      if (each.is_open()) seal(each);
      else if (Result<> added = add(each, drawn); !added) return added.error();
    }
    if (!sealed_.details.empty()) return sealed_;
    if (applications_.empty()) return rejection("review.no_panels", "Expected applications whose panels have closed", "没有已完成评审的申报");
    json::array panels;
    for (auto& [id, panel] : panels_) {
      json::object one{{"id", id}, {"stage", panel.stage}};
      json::array members, experts;
      for (const std::string& application : panel.applications) members.emplace_back(application);
      for (const std::string& expert : panel.experts) experts.emplace_back(expert);
      one["applications"] = std::move(members);
      one["experts"] = std::move(experts);
      panels.push_back(std::move(one));
    }
    json::array programmes;
    for (const auto& [id, definition] : definitions_) {
      json::object one = object_or_empty(object_or_empty(setup_, "programmes"), id);
      one["id"] = id;
      one["rubric"] = object_or_empty(definition->manifest, "rubric");
      programmes.push_back(std::move(one));
    }
    return json::object{{"round", round}, {"programmes", std::move(programmes)}, {"applications", std::move(applications_)}, {"panels", std::move(panels)}, {"sheets", std::move(sheets_)}};
  }

 private:
  struct Panel {
    std::string stage;
    std::set<std::string> applications, experts;
  };

  bool asked(const std::string& programme) const { return programmes_.empty() || std::find(programmes_.begin(), programmes_.end(), programme) != programmes_.end(); }

  void seal(const Reviewed& each) {
    ++open_;
    sealed_ = rejection("review.sealed", "Expected every panel to have closed; " + std::to_string(open_) + " have not", "尚有" + std::to_string(open_) + "个评审组未完成评审，评分不得启封");
    if (shown_.size() < kShownMax) shown_.push_back({.place = each.row.id, .code = "review.sealed", .message = "'" + each.row.title + "' is in state '" + each.row.state + "'", .message_zh = "“" + each.row.title + "”尚未完成评审"});
    sealed_.details = shown_;
  }

  Result<> add(const Reviewed& each, const std::map<std::string, std::string>& drawn) {
    const auto [known, fresh] = definitions_.try_emplace(each.row.programme, each.definition);
    if (!fresh && object_or_empty(known->second->manifest, "rubric") != object_or_empty(each.definition->manifest, "rubric"))
      return rejection("review.rubrics", "Expected one rubric for all applications of programme '" + each.row.programme + "', but they run on versions that differ", "同一项目类别的申报适用的评审指标版本不一致");
    const json::object& fields = fields_of(setup_, each.row.programme);
    json::object one{{"id", each.row.id}, {"programme", each.row.programme}, {"org", each.row.org}, {"level", first_at(each.facts, fields, "level")},
                     {"region", string_or(object_or_empty(each.facts, "orgs"), "prefecture")}, {"unit", first_at(each.facts, fields, "unit")}};
    if (each.submitted) one["submitted"] = format_instant(*each.submitted);
    applications_.push_back(std::move(one));
    const auto draw = drawn.find(each.row.id);
    const std::string panel_id = draw == drawn.end() ? each.row.programme : draw->second;
    for (const TaskRow& task : each.panel)
      if (task.kind == "sheet" && task.status == "done") add_sheet(each, task, panel_id);
    return {};
  }

  void add_sheet(const Reviewed& each, const TaskRow& task, std::string panel_id) {
    // Where the rubric has stages, the step of the chart with a stage's id is that stage.
    std::string stage;
    for (const json::value& one : array_or_empty(object_or_empty(each.definition->manifest, "rubric"), "stages"))
      if (string_or(one.as_object(), "id") == task.invoke_id) stage = task.invoke_id;
    if (!stage.empty()) panel_id += "/" + stage;
    Panel& panel = panels_[panel_id];
    panel.stage = stage;
    panel.applications.insert(each.row.id);
    panel.experts.insert(task.user);
    json::object sheet{{"application", each.row.id}, {"expert", task.user}, {"panel", panel_id}};
    if (task.outcome == "recuse") {
      const std::string reason = string_or(task.data, "comment", "recused");
      sheet["withdrawn"] = reason.empty() ? "recused" : reason;
    } else {
      for (const char* key : {"scores", "vetoes"})
        if (const json::value* value = task.data.if_contains(key)) sheet[key] = *value;
    }
    sheets_.push_back(std::move(sheet));
  }

  const json::object& setup_;
  std::vector<std::string> programmes_;
  json::array applications_, sheets_;
  std::map<std::string, Panel> panels_;
  std::map<std::string, DefinitionPtr> definitions_;
  Error sealed_;
  std::vector<Detail> shown_;
  int open_ = 0;
};

Result<json::object> prepare_ranking(const Runtime& runtime, const Command& command) {
  const std::string round = string_or(command.data, "round");
  const Result<json::object> setup = review_setup_of(runtime.queries, round);
  if (!setup) return setup.error();
  const Result<std::vector<Reviewed>> applications = reviewed_applications(runtime.queries, runtime.definitions, round);
  if (!applications) return applications.error();
  const Result<std::map<std::string, std::string>> drawn = drawn_panels(runtime.queries, round);
  if (!drawn) return drawn.error();
  const Result<json::object> input = Gathering(*setup, strings_from_json(array_or_empty(command.data, "programmes"))).read(round, *applications, *drawn);
  if (!input) return input.error();
  Result<json::object> out = computed(*input);
  if (!out) return out;
  json::array programmes;
  for (const json::value& each : array_or_empty(*input, "programmes")) programmes.push_back(each.at("id"));
  out->at("shown").as_object()["programmes"] = std::move(programmes);
  return out;
}

Error refused(const char* code, std::string place, std::string message, std::string message_zh, std::vector<std::string> allowed) {
  return {.kind = ErrorKind::invalid, .code = code, .message = std::move(message), .place = std::move(place), .message_zh = std::move(message_zh), .allowed = std::move(allowed)};
}

/// Nothing that is said of a vote or a decision is passed over. Errors: `invalid` "review.member".
Result<> check_members(const json::object& data) {
  const std::map<std::string, std::vector<std::string>> known{{"votes", {"application", "ballots", "for", "against", "abstain"}},
                                                              {"decisions", {"application", "outcome", "reason"}},
                                                              {"tie_decisions", {"programme", "list", "order", "reason"}}};
  for (const auto& [list, members] : known) {
    const json::array& all = array_or_empty(data, list);
    for (std::size_t i = 0; i < all.size(); ++i) {
      const json::object* one = all[i].if_object();
      if (one == nullptr) continue;  // the reader says so
      for (const auto& member : *one)
        if (std::find(members.begin(), members.end(), std::string{member.key()}) == members.end())
          return refused("review.member", "/" + list + "/" + std::to_string(i) + "/" + pointer_segment(member.key()),
                         "Expected a member that is known, but found '" + std::string{member.key()} + "'", "没有“" + std::string{member.key()} + "”这一项", members);
    }
  }
  return {};
}

/// Ballots are of those present, for, against or abstaining; where they are open there are no counts beside them.
/// Errors: `invalid` "review.ballot", "review.attendance".
Result<> check_votes(const json::array& votes, const json::object& input, const std::vector<std::string>& present) {
  std::set<std::string> open_programmes, open;
  for (const json::value& each : array_or_empty(input, "programmes"))
    if (string_or(object_or_empty(each.as_object(), "committee"), "ballot") == "open") open_programmes.insert(string_or(each.as_object(), "id"));
  for (const json::value& each : array_or_empty(input, "applications"))
    if (open_programmes.contains(string_or(each.as_object(), "programme"))) open.insert(string_or(each.as_object(), "id"));
  const std::vector<std::string> words{"for", "against", "abstain"};
  for (std::size_t i = 0; i < votes.size(); ++i) {
    const json::object* vote = votes[i].if_object();
    if (vote == nullptr) continue;
    const std::string place = "/votes/" + std::to_string(i);
    const json::value* ballots = vote->if_contains("ballots");
    if (ballots == nullptr && !open.contains(string_or(*vote, "application"))) continue;
    for (const std::string& count : words)
      if (vote->contains(count)) return refused("review.ballot", place + "/" + count, "Expected no counts where there are ballots with names", "记名投票应逐人列明，不得填写票数", {"application", "ballots"});
    if (ballots == nullptr || !ballots->is_object())
      return refused("review.ballot", place + "/ballots", "Expected an open ballot as {member: for, against or abstain}", "记名投票应为“姓名：表决意见”", {"application", "ballots"});
    for (const auto& ballot : ballots->get_object()) {
      const std::string name{ballot.key()};
      const std::string here = place + "/ballots/" + pointer_segment(name);
      if (std::find(present.begin(), present.end(), name) == present.end())
        return refused("review.attendance", here, "Expected ballots of those present, but '" + name + "' is not", "“" + name + "”未到会", present);
      if (!ballot.value().is_string() || std::find(words.begin(), words.end(), std::string{ballot.value().get_string()}) == words.end())
        return refused("review.ballot", here, "Expected for, against or abstain", "表决意见应为for、against或abstain", words);
    }
  }
  return {};
}

/// The ranking again, with what the committee did. Who is present is counted here; who decides is who asks.
Result<json::object> prepare_deliberation(const Runtime& runtime, const Command& command) {
  const Result<std::optional<RecordRow>> kept = runtime.queries.record(kReviewExport, review_id(string_or(command.data, "round"), string_or(command.data, "id")));
  if (!kept) return kept.error();
  if (!*kept) return Error{.kind = ErrorKind::not_found, .code = "review.unknown", .message = "Expected results of the round", .message_zh = "未找到该评审结果"};
  const std::vector<std::string> present = strings_from_json(array_or_empty(command.data, "present"));
  const std::set<std::string> there(present.begin(), present.end());
  if (present.empty() || present.size() != array_or_empty(command.data, "present").size() || there.size() != present.size() || present.size() > kPresentMax)
    return Error{.kind = ErrorKind::invalid, .code = "review.attendance", .message = "Expected everybody who is present, each once", .place = "/present", .message_zh = "请列出到会人员，每人一次"};
  json::object input = object_or_empty(object_or_empty((*kept)->data, "export"), "input");
  json::array votes = array_or_empty(command.data, "votes");
  if (Result<> shaped = check_members(command.data); !shaped) return shaped.error();
  if (Result<> voted = check_votes(votes, input, present); !voted) return voted.error();
  for (json::value& each : votes)
    if (json::object* vote = each.if_object(); vote != nullptr && !vote->contains("ballots")) (*vote)["present"] = static_cast<std::int64_t>(present.size());
  input["votes"] = std::move(votes);
  for (const char* list : {"decisions", "tie_decisions"}) {
    json::array given = array_or_empty(command.data, list);
    for (json::value& each : given)
      if (json::object* one = each.if_object()) (*one)["by"] = command.actor.user_id;
    input[list] = std::move(given);
  }
  Result<json::object> out = computed(input);
  if (!out) return out;
  out->at("shown").as_object()["from_digest"] = sha256_hex(review::export_bytes(object_or_empty((*kept)->data, "export")));
  return out;
}

/// What the lists with a line say of a programme. Errors: `rejected` "review.undecided" with what is open.
Result<json::object> list_of(const json::object& programme) {
  json::array selected, declined, deviations;
  Error open = rejection("review.undecided", "Expected every application to be decided", "尚有申报未作出决定");
  for (const json::value& each : array_or_empty(programme, "lists")) {
    const json::object& list = each.as_object();
    for (const json::value& place : array_or_empty(list, "ranking")) {
      const json::object& entry = place.as_object();
      const std::string id = string_or(entry, "application");
      const std::string outcome = string_or(entry, "outcome", list.contains("line") ? "open" : "");
      if (outcome.empty()) continue;  // a list without a line shows, and decides nothing
      if (outcome == "open") open.details.push_back({.place = id, .code = "review.undecided", .message = "Expected a decision or a vote on '" + id + "'", .message_zh = "申报“" + id + "”尚未决定"});
      (outcome == "award" ? selected : declined).emplace_back(id);
      if (const json::object& deviation = object_or_empty(entry, "deviation"); !deviation.empty()) deviations.push_back(json::object{{"application", id}, {"reason", string_or(deviation, "reason")}});
    }
  }
  if (!open.details.empty()) return open;
  if (selected.empty() && declined.empty())
    return rejection("review.no_line", "Expected a list with places for programme '" + string_or(programme, "id") + "'; set them up and rank again", "“" + string_or(programme, "id") + "”没有规定名额，不能形成拟入选名单");
  return json::object{{"selected", std::move(selected)}, {"not_selected", std::move(declined)}, {"deviations", std::move(deviations)}};
}

Result<Change> settle(View& view, const Command& command, const std::string& round, const RecordRow& old, Instant now) {
  if (string_or(old.data, "state") != "deliberated") return rejection("review.state", "Expected results that were deliberated on, but they are " + string_or(old.data, "state"), "评审结果尚未审议");
  if (string_or(object_or_empty(old.data, "deliberated"), "id") == command.actor.user_id)
    return Error{.kind = ErrorKind::forbidden, .code = "task.separation", .message = "Expected somebody else than who recorded the deliberation", .message_zh = "应由另一人确认审议结果"};
  const std::optional<RecordRow> calculation = view.record(kReviewExport, old.id);
  if (!calculation) return rejection("review.state", "Expected the calculation to be there", "缺少计算结果");
  const std::optional<RecordRow> before = view.record(kReviewList, round);
  json::object lists = before ? object_or_empty(before->data, "programmes") : json::object{};
  for (const json::value& each : array_or_empty(object_or_empty(object_or_empty(calculation->data, "export"), "results"), "programmes")) {
    Result<json::object> list = list_of(each.as_object());
    if (!list) return list.error();
    (*list)["results"] = old.id.substr(round.size() + 1);
    (*list)["digest"] = string_or(old.data, "digest");
    lists[string_or(each.as_object(), "id")] = std::move(*list);
  }
  json::object data = old.data;
  data["state"] = "settled";
  data["settled"] = who(command.actor, now);
  Change change;
  change.reply.body = data;
  change.records.push_back(review_row(kReviewResults, old.id, round, std::move(data), now, old));
  change.records.push_back(review_row(kReviewList, round, round, {{"programmes", std::move(lists)}}, now, before));
  return change;
}

}  // namespace

json::object whole_list(const json::object& list) {
  json::object out;
  for (const char* part : {"selected", "not_selected", "deviations"}) {
    json::array all;
    for (const auto& programme : object_or_empty(list, "programmes"))
      for (const json::value& each : array_or_empty(programme.value().as_object(), part)) all.push_back(each);
    out[part] = std::move(all);
  }
  return out;
}

Result<> check_settled_list(View& view, const std::string& round, const json::object& decision) {
  const std::optional<RecordRow> settled = view.record(kReviewList, round);
  if (!settled) return {};
  const json::object list = whole_list(settled->data);
  Error wrong = rejection("review.list", "Expected the list that was settled; what is to differ goes through its deliberation", "应与已确认的名单一致；需要调整的，应重新审议");
  for (const auto& [said, other] : {std::pair{"selected", "not_selected"}, std::pair{"not_selected", "selected"}}) {
    const std::vector<std::string> elsewhere = strings_from_json(array_or_empty(list, other));
    const std::set<std::string> differs(elsewhere.begin(), elsewhere.end());
    const json::array& ids = array_or_empty(decision, said);
    for (std::size_t i = 0; i < ids.size() && wrong.details.size() < kShownMax; ++i)
      if (ids[i].is_string() && differs.contains(std::string{ids[i].get_string()}))
        wrong.details.push_back({.place = std::string{"/"} + said + "/" + std::to_string(i), .code = "review.list", .message = "The settled list has it under " + std::string{other}, .message_zh = "与已确认的名单不一致"});
  }
  if (wrong.details.empty()) return {};
  return wrong;
}

Result<json::object> prepare_results(const Runtime& runtime, const Command& command) { return command.kind == "review.rank" ? prepare_ranking(runtime, command) : prepare_deliberation(runtime, command); }

Result<Change> decide_results(View& view, const Command& command, const SessionRow& round, Instant now) {
  if (view.record(kRoundDecisionKind, round.id)) return rejection("review.decided", "Expected a round that was not decided on", "本批次已作出决定");
  const json::object& prepared = object_or_empty(command.data, "prepared");
  json::object data = object_or_empty(prepared, "shown");
  if (command.kind == "review.rank") {
    const std::string series = "review/" + round.id + "/results";
    const std::int64_t number = view.series(series) + 1;
    const std::string name = "results-" + std::to_string(number);
    data["state"] = "computed";
    data["by"] = who(command.actor, now);
    Change change;
    change.series.emplace_back(series, number);
    json::object body = data;
    body["id"] = name;
    change.reply = {.status = 201, .body = std::move(body)};
    change.records.push_back(review_row(kReviewResults, review_id(round.id, name), round.id, std::move(data), now));
    change.records.push_back(review_row(kReviewExport, review_id(round.id, name), {}, object_or_empty(prepared, "kept"), now));
    return change;
  }
  const std::string id = review_id(round.id, string_or(command.data, "id"));
  const std::optional<RecordRow> old = view.record(kReviewResults, id);
  if (!old) return Error{.kind = ErrorKind::not_found, .code = "review.unknown", .message = "Expected results of the round", .message_zh = "未找到该评审结果"};
  if (command.kind == "review.settle") return settle(view, command, round.id, *old, now);
  if (string_or(old->data, "state") == "settled") return rejection("review.state", "Expected results that were not settled", "评审结果已确认");
  if (string_or(data, "from_digest") != string_or(old->data, "digest")) return rejection("review.outdated", "Expected the results as they were when this was computed; ask again", "评审结果已有变化，请重试");
  json::object kept = old->data;
  for (const auto& member : data) kept[member.key()] = member.value();
  kept["state"] = "deliberated";
  kept["deliberated"] = who(command.actor, now);
  kept["present"] = array_or_empty(command.data, "present");
  Change change;
  change.records.push_back(review_row(kReviewResults, id, round.id, std::move(kept), now, old));
  change.records.push_back(review_row(kReviewExport, id, {}, object_or_empty(prepared, "kept"), now, view.record(kReviewExport, id)));
  json::object body = change.records.front().data;
  body["id"] = string_or(command.data, "id");
  change.reply.body = std::move(body);
  return change;
}

}  // namespace chuyi

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "engine/base/digest.h"
#include "engine/invoke/rows_json.h"
#include "engine/review/assignment.h"
#include "engine/review/conflicts.h"
#include "engine/review/draw.h"
#include "engine/review/sealed_export.h"
#include "engine/runtime/fields.h"
#include "engine/runtime/journal_view.h"
#include "engine/runtime/review_commands.h"

// What is computed for the commands of a review before their transaction: from the store as it is then.
namespace chuyi {
namespace {

Error unknown(const std::string& id) {
  return Error{.kind = ErrorKind::not_found,
               .code = "review.unknown",
               .message = "Expected a draw, an assignment or results of the round, but found '" + id + "'",
               .message_zh = "未找到该记录"};
}

Result<json::object> record_of(Queries& queries, const char* kind, const Command& command) {
  const std::string id = review_id(string_or(command.data, "round"), string_or(command.data, "id"));
  const Result<std::optional<RecordRow>> row = queries.record(kind, id);
  if (!row) return row.error();
  if (!*row) return unknown(string_or(command.data, "id"));
  return (*row)->data;
}

/// The export as the object that a record keeps; its canonical bytes and a line feed are the file again.
Result<json::object> exported(std::string_view kind, const json::object& input, const review::Compute& compute) {
  const Result<std::string> bytes = review::make_export(kind, input, compute);
  if (!bytes) return bytes.error();
  Result<json::value> parsed = parse_json(*bytes, kStoredJson, "export");
  if (!parsed) return parsed.error();
  return json::object{{"export", std::move(*parsed)}, {"digest", sha256_hex(*bytes)}};
}

/// A number that two people are known by is for the digest only: it is neither kept nor journalled.
Result<Command> prepare_expert(const Runtime& runtime, Command command) {
  const Result<std::optional<std::string>> secret = runtime.queries.setting(kHttpSecretSetting);
  if (!secret) return secret.error();
  command.data["person"] = person_digest(secret->value_or(""), string_or(command.data, "identity"));
  command.data.erase("identity");
  for (const char* key : {"co_projects", "relations"})
    if (json::value* list = command.data.if_contains(key); list != nullptr && list->is_array())
      for (json::value& each : list->get_array())
        if (json::object* one = each.if_object(); one != nullptr && one->contains("identity")) {
          (*one)[std::string_view{key} == "relations" ? "person" : "with"] =
              person_digest(secret->value_or(""), string_or(*one, "identity"));
          one->erase("identity");
        }
  return command;
}

/// Everything of a draw but its seed. It is run with another seed once: strata that cannot hold are refused now.
Result<json::object> prepare_draw(const Runtime& runtime, const Command& command) {
  const std::vector<std::string> programmes = strings_from_json(array_or_empty(command.data, "programmes"));
  std::vector<std::string> only = strings_from_json(array_or_empty(command.data, "applications"));
  const Result<ReviewFacts> facts = review_facts(runtime.queries, runtime.definitions, string_or(command.data, "round"), {.programmes = programmes, .applications = only});
  if (!facts) return facts.error();
  for (const json::value& each : facts->candidates)
    if (std::find(programmes.begin(), programmes.end(), string_or(each.as_object(), "programme")) !=
        programmes.end())
      only.emplace_back(string_or(each.as_object(), "id"));
  std::sort(only.begin(), only.end());
  only.erase(std::unique(only.begin(), only.end()), only.end());
  json::object input = conflict_input(*facts, only);
  json::array ids;
  for (const json::value& each : array_or_empty(input, "applications")) ids.push_back(each.at("id"));
  if (ids.empty() || (!only.empty() && ids.size() != only.size()))
    return Error{.kind = ErrorKind::invalid,
                 .code = "review.applications",
                 .message = "Expected applications of the round that run, at least one",
                 .place = "/applications",
                 .message_zh = "应列出本批次在办的申报"};
  const std::string context = review_id(string_or(command.data, "round"), string_or(command.data, "id"));
  input["context"] = context;
  for (const char* key : {"seats", "spares", "strata", "nominated_since", "conflicts_max"})
    if (const json::value* value = command.data.if_contains(key)) input[key] = *value;
  json::object trial = input;
  const std::string seed(64, '0');
  trial["seed"] = seed;
  trial["commitment"] = review::commitment_of(seed, context);
  if (const Result<json::object> drawn = review::run_draw(trial); !drawn) return drawn.error();
  input["commitment"] = string_or(command.data, "commitment");
  json::object shown{{"context", context},
                     {"commitment", string_or(command.data, "commitment")},
                     {"applications", std::move(ids)},
                     {"pool", static_cast<std::int64_t>(facts->experts.size())},
                     {"pool_digest", sha256_hex(canonical_json(json::value(facts->experts)))}};
  shown["input_digest"] = sha256_hex(canonical_json(input));
  return json::object{{"shown", std::move(shown)}, {"kept", json::object{{"export", json::object{{"input", std::move(input)}}}}}};
}

/// The draw with its seed, or again with somebody more absent.
Result<json::object> prepare_drawn(const Runtime& runtime, const Command& command) {
  const Result<json::object> kept = record_of(runtime.queries, kReviewExport, command);
  if (!kept) return kept.error();
  json::object input = object_or_empty(object_or_empty(*kept, "export"), "input");
  if (command.kind == "review.reveal") {
    input["seed"] = string_or(command.data, "seed");
  } else {
    json::array absent = array_or_empty(input, "absent");
    absent.emplace_back(string_or(command.data, "expert"));
    input["absent"] = std::move(absent);
  }
  Result<json::object> made = exported(kDrawExport, input, review::run_draw);
  if (!made) return made.error();
  const json::object& result = object_or_empty(object_or_empty(*made, "export"), "result");
  json::object shown{{"seed", string_or(input, "seed")}, {"digest", string_or(*made, "digest")}};
  for (const char* key : {"panel", "spares", "seated", "strata"})
    if (const json::value* value = result.if_contains(key)) shown[key] = *value;
  if (input.contains("absent")) shown["absent"] = input.at("absent");
  return json::object{{"shown", std::move(shown)}, {"kept", json::object{{"export", std::move(made->at("export"))}}}};
}

/// Those whom the confirmed draw seated.
Result<std::set<std::string>> seated_by(Queries& queries, const std::string& round, const std::string& draw) {
  const Result<std::optional<RecordRow>> row = queries.record(kReviewDraw, review_id(round, draw));
  if (!row) return row.error();
  if (!*row) return unknown(draw);
  if (string_or((*row)->data, "state") != "confirmed")
    return rejection(
        "review.state",
        "Expected a draw that was witnessed, but '" + draw + "' is " + string_or((*row)->data, "state"),
        "该抽取尚未经监督人员确认");
  const std::vector<std::string> ids = strings_from_json(array_or_empty((*row)->data, "seated"));
  return std::set<std::string>(ids.begin(), ids.end());
}

json::object pair_of(const std::string& application, const std::string& expert) {
  return {{"application", application}, {"expert", expert}};
}

/// Conflicts of pairs that were none when they were appointed.
class LateConflicts {
 public:
  /// Errors: `invalid` "review.input", "review.policy".
  static Result<std::unique_ptr<LateConflicts>> of(const ReviewFacts& facts) {
    auto out = std::make_unique<LateConflicts>();
    Result<review::ConflictPolicy> policy =
        review::conflict_policy_from_json(object_or_empty(facts.setup, "policy"), static_cast<int>(int_or(facts.setup, "year", 0)));
    if (!policy) return policy.error();
    out->policy_ = std::move(*policy);
    for (const json::value& each : facts.candidates) {
      Result<review::Candidate> candidate = review::candidate_from_json(each.as_object());
      if (!candidate) return candidate.error();
      out->at_.emplace(candidate->id, out->candidates_.size());
      out->candidates_.push_back(std::move(*candidate));
    }
    for (const json::value& each : facts.experts) {
      Result<review::Expert> expert = review::expert_from_json(each.as_object());
      if (!expert) return expert.error();
      std::string id = expert->id;
      out->experts_.emplace(std::move(id), std::move(*expert));
    }
    out->rules_.emplace(out->policy_, out->candidates_);
    return out;
  }

  /// The first one of the pair, as Conflicts::to_json; empty: none.
  json::object of(const std::string& application, const std::string& expert) const {
    const auto candidate = at_.find(application);
    const auto known = experts_.find(expert);
    if (candidate == at_.end() || known == experts_.end()) return {};
    const review::Candidate& judged = candidates_[candidate->second];
    const std::vector<review::Conflict> found = rules_->of(known->second, judged);
    return found.empty() ? json::object{} : rules_->to_json(found.front(), known->second, judged);
  }

 private:
  review::ConflictPolicy policy_;
  std::vector<review::Candidate> candidates_;
  std::map<std::string, std::size_t> at_;
  std::map<std::string, review::Expert> experts_;
  std::optional<review::Conflicts> rules_;
};

/// What stands of the panels: sheets that are there stay, who recused does not come back, whoever has all sheets gets no more.
struct Standing {
  json::array applications, fixed, forbidden, coverage_of;
  json::array lifted;  ///< sheets of whom a conflict has come up since: their place is free for another
  std::map<std::string, std::int64_t> loads;  ///< sheets that each has already
};

Standing standing_of(const ReviewFacts& facts, const std::vector<std::string>& programmes, const LateConflicts& late) {
  Standing out;
  std::map<std::string, const json::value*> candidates;
  for (const json::value& each : facts.candidates) candidates.emplace(string_or(each.as_object(), "id"), &each);
  for (const Reviewed& each : facts.applications) {
    const auto candidate = candidates.find(each.row.id);
    if (candidate == candidates.end() || each.panel.empty()) continue;
    if (!programmes.empty() && std::find(programmes.begin(), programmes.end(), each.row.programme) == programmes.end()) continue;
    out.applications.push_back(*candidate->second);
    const std::vector<const TaskRow*> live = each.live_sheets();
    std::set<std::string> has, gone;
    for (const TaskRow* sheet : live) {
      if (has.contains(sheet->user) || gone.contains(sheet->user)) continue;
      if (json::object conflict = late.of(each.row.id, sheet->user); !conflict.empty()) {
        conflict["task"] = sheet->id;
        conflict["status"] = sheet->status;
        out.lifted.push_back(std::move(conflict));
        gone.insert(sheet->user);
        out.forbidden.push_back(pair_of(each.row.id, sheet->user));
        continue;
      }
      has.insert(sheet->user);
      out.fixed.push_back(pair_of(each.row.id, sheet->user));
      ++out.loads[sheet->user];
    }
    for (const TaskRow& task : each.panel)
      if (task.kind == "sheet" && !has.contains(task.user) && gone.insert(task.user).second)
        out.forbidden.push_back(pair_of(each.row.id, task.user));
    if (!each.has_open_setup())
      out.coverage_of.push_back(
          json::object{{"application", each.row.id}, {"reviews", static_cast<std::int64_t>(has.size())}});
  }
  return out;
}

void append(json::array& to, const json::array& from) {
  for (const json::value& each : from)
    if (std::find(to.begin(), to.end(), each) == to.end()) to.push_back(each);
}

/// The programmes of an assignment: those that the request names, else those that its draw was drawn for; without either all.
Result<std::vector<std::string>> assigned_programmes(Queries& queries, const std::string& round, const json::object& request) {
  std::vector<std::string> asked = strings_from_json(array_or_empty(request, "programmes"));
  const std::string draw = string_or(request, "draw");
  if (draw.empty()) return asked;
  const Result<std::optional<RecordRow>> kept = queries.record(kReviewExport, review_id(round, draw));
  if (!kept) return kept.error();
  if (!*kept) return unknown(draw);
  std::set<std::string> drawn;
  for (const json::value& each : array_or_empty(object_or_empty(object_or_empty((*kept)->data, "export"), "input"), "applications"))
    drawn.insert(string_or(each.as_object(), "programme"));
  const std::vector<std::string> covered(drawn.begin(), drawn.end());
  if (asked.empty()) return covered;
  const auto other = std::find_if(asked.begin(), asked.end(), [&](const std::string& each) { return !drawn.contains(each); });
  if (other == asked.end()) return asked;
  Error error = rejection("review.programmes", "Expected programmes that '" + draw + "' was drawn for, but found '" + *other + "'",
                          "“" + *other + "”不在该抽取所涉项目类别之内", "/programmes");
  error.allowed = covered;
  return error;
}

struct AssignmentInput {
  json::object input;
  json::array lifted;
};

/// The input of an assignment: the round's own settings, what the request says instead of them, and what stands already.
Result<AssignmentInput> assignment_input(const Runtime& runtime, const std::string& round, const json::object& request) {
  const Result<std::vector<std::string>> programmes = assigned_programmes(runtime.queries, round, request);
  if (!programmes) return programmes.error();
  const Result<ReviewFacts> facts = review_facts(runtime.queries, runtime.definitions, round, {.programmes = *programmes});
  if (!facts) return facts.error();
  const Result<std::unique_ptr<LateConflicts>> late = LateConflicts::of(*facts);
  if (!late) return late.error();
  Standing standing = standing_of(*facts, *programmes, **late);
  if (standing.applications.empty())
    return rejection("review.no_panels", "Expected applications that wait for their panels",
                     "没有待组建评审组的申报");
  json::object input = object_or_empty(facts->setup, "assignment");
  for (const char* key : {"coverage", "load", "limits", "cost", "load_of"})
    if (const json::value* value = request.if_contains(key)) input[key] = *value;
  input["year"] = int_or(facts->setup, "year", 0);
  input["policy"] = object_or_empty(facts->setup, "policy");
  std::optional<std::set<std::string>> seated;
  if (const std::string draw = string_or(request, "draw"); !draw.empty()) {
    Result<std::set<std::string>> found = seated_by(runtime.queries, round, draw);
    if (!found) return found.error();
    seated = std::move(*found);
  }
  json::array experts;
  json::array load_of = array_or_empty(input, "load_of");
  std::set<std::string> there;
  for (const json::value& each : facts->experts) {
    const std::string id = string_or(each.as_object(), "id");
    if (seated && !seated->contains(id) && !standing.loads.contains(id)) continue;
    there.insert(id);
    experts.push_back(each);
    if (seated && !seated->contains(id)) load_of.push_back(json::object{{"expert", id}, {"max", standing.loads[id]}});
  }
  // Who has a sheet and is not in the pool any more keeps it, and gets no other.
  for (const auto& [id, load] : standing.loads)
    if (there.insert(id).second) {
      experts.push_back(json::object{{"id", id}});
      load_of.push_back(json::object{{"expert", id}, {"max", load}});
    }
  append(standing.fixed, array_or_empty(request, "fixed"));
  append(standing.forbidden, array_or_empty(request, "forbidden"));
  json::array previous = standing.fixed;
  if (const std::string before = string_or(request, "previous"); !before.empty()) {
    Command asked{.kind = {},
                  .session_id = {},
                  .task_id = {},
                  .actor = {},
                  .data = {{"round", round}, {"id", before}},
                  .if_revision = {},
                  .key = {}};
    const Result<json::object> kept = record_of(runtime.queries, kReviewExport, asked);
    if (!kept) return kept.error();
    for (const json::value& each : array_or_empty(object_or_empty(object_or_empty(*kept, "export"), "result"), "assignments"))
      for (const std::string& expert : strings_from_json(array_or_empty(each.as_object(), "experts")))
        if (there.contains(expert)) append(previous, {pair_of(string_or(each.as_object(), "application"), expert)});
  }
  input["experts"] = std::move(experts);
  input["applications"] = std::move(standing.applications);
  input["fixed"] = std::move(standing.fixed);
  input["forbidden"] = std::move(standing.forbidden);
  if (!previous.empty()) input["previous"] = std::move(previous);
  input["coverage_of"] = std::move(standing.coverage_of);
  if (!load_of.empty()) input["load_of"] = std::move(load_of);
  return AssignmentInput{.input = std::move(input), .lifted = std::move(standing.lifted)};
}

Result<json::object> prepare_assignment(const Runtime& runtime, const Command& command) {
  Result<AssignmentInput> input = assignment_input(runtime, string_or(command.data, "round"), command.data);
  if (!input) return input.error();
  Result<json::object> made = exported(kAssignmentExport, input->input, review::run_assignment);
  if (!made) return made.error();
  const json::object& result = object_or_empty(object_or_empty(*made, "export"), "result");
  json::object shown{{"digest", string_or(*made, "digest")}, {"input_digest", sha256_hex(canonical_json(input->input))}};
  for (const char* key : {"load", "reviews", "matched", "cost", "changes", "pairs_in_conflict", "possible"})
    if (const json::value* value = result.if_contains(key)) shown[key] = *value;
  if (!input->lifted.empty()) shown["lifted"] = std::move(input->lifted);
  return json::object{{"shown", std::move(shown)}, {"kept", json::object{{"export", std::move(made->at("export"))}}}};
}

/// Confirmed is what was proposed: what it was computed from must still be so.
Result<json::object> prepare_appointment(const Runtime& runtime, const Command& command) {
  const Result<json::object> kept = record_of(runtime.queries, kReviewAssignment, command);
  if (!kept) return kept.error();
  const Result<AssignmentInput> input = assignment_input(runtime, string_or(command.data, "round"), object_or_empty(*kept, "request"));
  if (!input) return input.error();
  const std::string digest = string_or(*kept, "input_digest");
  if (sha256_hex(canonical_json(input->input)) == digest) return json::object{{"input_digest", digest}};
  return rejection("review.outdated",
                   "Expected the pool, the applications and the panels as they were when this was proposed; "
                   "propose it anew, with this one as "
                   "\"previous\"",
                   "专家库、申报或评审组在提出方案之后已有变化，请以该方案为基础重新提出");
}

}  // namespace

bool prepares_review(const Command& command) {
  static constexpr std::string_view kKinds[] = {"review.draw",      "review.reveal",  "review.absent",
                                                "review.assign",    "review.appoint", "review.rank",
                                                "review.deliberate"};
  if (command.kind == "expert.put") return command.data.contains("identity");
  return std::find(std::begin(kKinds), std::end(kKinds), command.kind) != std::end(kKinds) && !command.data.contains("prepared");
}

Result<Command> prepare_review(const Runtime& runtime, Command command) {
  if (command.kind == "expert.put") return prepare_expert(runtime, std::move(command));
  Result<json::object> prepared = command.kind == "review.draw" ? prepare_draw(runtime, command)
                                  : command.kind == "review.reveal" || command.kind == "review.absent"
                                      ? prepare_drawn(runtime, command)
                                  : command.kind == "review.assign"  ? prepare_assignment(runtime, command)
                                  : command.kind == "review.appoint" ? prepare_appointment(runtime, command)
                                                                     : prepare_results(runtime, command);
  if (!prepared) return prepared.error();
  command.data["prepared"] = std::move(*prepared);
  return command;
}

}  // namespace chuyi

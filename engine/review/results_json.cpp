#include <algorithm>

#include "engine/base/digest.h"
#include "engine/base/time.h"
#include "engine/review/results.h"

namespace chuyi::review {
namespace {

constexpr const char* kFormat = "chuyi-results-1";
constexpr std::size_t kDifferencesMax = 20;

json::value text(const std::optional<Decimal>& value, int places) {
  if (!value) return nullptr;
  return json::value(value->to_string(places));
}

const char* word(Side side) {
  switch (side) {
    case Side::listed: return "listed";
    case Side::in: return "in";
    case Side::tied: return "tied";
    case Side::out: return "out";
    case Side::unranked: break;
  }
  return "unranked";
}
const char* word(VoteOutcome outcome) {
  switch (outcome) {
    case VoteOutcome::carried: return "carried";
    case VoteOutcome::lost: return "lost";
    case VoteOutcome::no_quorum: return "no-quorum";
    case VoteOutcome::none: break;
  }
  return "none";
}
const char* word(Outcome outcome) { return outcome == Outcome::award ? "award" : outcome == Outcome::decline ? "decline" : "open"; }
const char* word(Calibration calibration) {
  return calibration == Calibration::z_score ? "z-score" : calibration == Calibration::panel_shift ? "panel-shift" : "none";
}

class Writer {
 public:
  Writer(const Input& input, const Results& results) : input_(input), results_(results) {}

  Result<json::object> run() {
    json::array applications;
    applications.reserve(input_.applications.size());
    for (std::size_t i = 0; i < input_.applications.size(); ++i) applications.push_back(application(i));
    json::array programmes;
    for (std::size_t i = 0; i < input_.programmes.size(); ++i) programmes.push_back(programme(i));
    if (!problems_.empty())
      return Error{.kind = ErrorKind::invalid,
                   .code = "results.decision",
                   .message = problems_.front().message,
                   .place = problems_.front().place,
                   .message_zh = problems_.front().message_zh,
                   .details = std::move(problems_)};
    return json::object{{"applications", std::move(applications)}, {"programmes", std::move(programmes)}};
  }

 private:
  const InputProgramme& programme_of(std::size_t application) const { return input_.programmes[input_.applications[application].programme]; }

  json::object sheet(std::size_t index) const {
    const InputSheet& from = input_.sheets[index];
    json::object out{{"expert", from.expert}, {"total", from.total.total.to_string()}};
    if (!from.total.marks.empty()) {
      json::object marks;
      marks.reserve(from.total.marks.size());
      for (const Mark& mark : from.total.marks) marks[mark.criterion] = mark.mark.to_string();
      out["marks"] = std::move(marks);
    }
    if (!from.total.vetoes.empty()) {
      json::array vetoes;
      for (const VetoGiven& veto : from.total.vetoes) vetoes.emplace_back(veto.id);
      out["vetoes"] = std::move(vetoes);
    }
    return out;
  }

  json::object stage(std::size_t application, std::size_t index) const {
    const InputProgramme& programme = programme_of(application);
    const StageResult& result = results_.applications[application].stages[index];
    json::object out;
    if (!programme.stages[index].id.empty()) out["stage"] = programme.stages[index].id;
    json::array sheets;
    for (const std::size_t each : result.sheets) sheets.push_back(sheet(each));
    if (!result.sheets.empty()) out["panel"] = input_.panels[input_.sheets[result.sheets.front()].panel].id;
    out["sheets"] = std::move(sheets);
    out["range"] = result.range.to_string();
    out["deviation"] = result.deviation.to_string();
    if (result.combined.trimmed) out["trimmed"] = true;
    if (result.combined.too_few) {
      const TooFew rule = programme.rubric.too_few;
      out["too_few"] = rule == TooFew::mean ? "mean" : rule == TooFew::refuse ? "refuse" : "add-reviewer";
    }
    if (result.diverges) out["diverges"] = programme.rubric.divergence->then;
    out["raw"] = text(result.combined.value, programme.rubric.places);
    if (programme.calibration != Calibration::none) out["calibrated"] = text(result.calibrated, programme.rubric.places);
    return out;
  }

  json::object application(std::size_t index) const {
    const ApplicationResult& result = results_.applications[index];
    const InputProgramme& programme = programme_of(index);
    const int places = programme.rubric.places;
    json::object out{{"id", input_.applications[index].id}, {"programme", programme.id}, {"status", status_of(result)}};
    json::array stages;
    for (std::size_t i = 0; i < result.stages.size(); ++i) stages.push_back(stage(index, i));
    out["stages"] = std::move(stages);
    out["raw"] = text(result.raw, places);
    if (programme.calibration != Calibration::none) out["calibrated"] = text(result.calibrated, places);
    if (result.vetoes > 0) out["vetoes"] = result.vetoes;
    json::array breakers;
    for (std::size_t i = 1; i < result.key.size(); ++i)
      if (programme.rubric.tie_breakers[i - 1].by != TieBreak::submitted) breakers.push_back(json::value(result.key[i].to_string(places)));
      else breakers.push_back(json::value(format_instant(from_ms(-result.key[i].units()))));
    if (!breakers.empty()) out["tie_breakers"] = std::move(breakers);
    return out;
  }

  static const char* status_of(const ApplicationResult& result) {
    if (result.vetoed) return "vetoed";
    if (result.ranked()) return "ranked";
    const bool none = std::any_of(result.stages.begin(), result.stages.end(), [](const StageResult& stage) { return stage.sheets.empty(); });
    return none ? "no-sheets" : "too-few-sheets";
  }

  json::object programme(std::size_t index) {
    const InputProgramme& from = input_.programmes[index];
    const ProgrammeResult& result = results_.programmes[index];
    json::object out{{"id", from.id}, {"calibration", word(from.calibration)}, {"rank_by", from.rank_by_calibrated ? "calibrated" : "raw"}};
    const auto moments = [](const Moments& each) {
      json::object shown{{"count", each.count()}};
      if (each.count() > 0) {
        shown["mean"] = each.mean(6).to_string();
        shown["deviation"] = each.deviation(6).to_string();
      }
      return shown;
    };
    json::array stages;
    for (std::size_t i = 0; i < result.stages.size(); ++i) {
      json::object stage = moments(result.stages[i].all);
      if (!from.stages[i].id.empty()) stage["stage"] = from.stages[i].id;
      json::array panels;
      for (const PanelResult& each : result.stages[i].panels) {
        json::object panel = moments(each.moments);
        panel["id"] = input_.panels[each.panel].id;
        panels.push_back(std::move(panel));
      }
      stage["panels"] = std::move(panels);
      stages.push_back(std::move(stage));
    }
    out["stages"] = std::move(stages);
    json::array lists;
    for (std::size_t i = 0; i < from.lists.size(); ++i) lists.push_back(list(index, i));
    out["lists"] = std::move(lists);
    return out;
  }

  json::object list(std::size_t programme, std::size_t index) {
    const ListRule& rule = input_.programmes[programme].lists[index];
    const ListResult& result = results_.programmes[programme].lists[index];
    json::object out{{"id", rule.id}};
    json::array places;
    std::int64_t awards = 0;
    for (const Ranked& each : result.ranked) {
      json::object entry{{"rank", each.rank}, {"application", input_.applications[each.application].id}, {"value", value(each.application)}, {"side", word(each.side)}};
      if (each.tied > 1) entry["tied"] = each.tied;
      if (each.decided) entry["decided"] = true;
      awards += add_outcome(entry, each.application, rule, each.side) ? 1 : 0;
      places.push_back(std::move(entry));
    }
    for (const std::size_t each : result.unranked) {
      json::object entry{{"rank", nullptr}, {"application", input_.applications[each].id}, {"value", nullptr}, {"side", word(Side::unranked)}};
      awards += add_outcome(entry, each, rule, Side::unranked) ? 1 : 0;
      places.push_back(std::move(entry));
    }
    out["ranking"] = std::move(places);
    if (!rule.places) return out;
    if (awards > *rule.places)
      problems_.push_back({.place = "/decisions",
                           .code = "results.over_plan",
                           .message = "Expected at most " + std::to_string(*rule.places) + " awards in list '" + rule.id + "', but there are " + std::to_string(awards),
                           .message_zh = "名单“" + rule.id + "”最多" + std::to_string(*rule.places) + "项，现为" + std::to_string(awards) + "项"});
    out["line"] = line(*rule.places, result, awards);
    if (is_small(input_, programme, result)) out["fragile"] = fragile(results_.programmes[programme].fragile[index], input_.programmes[programme].rubric.places);
    return out;
  }

  std::string value(std::size_t application) const { return results_.applications[application].key.front().to_string(programme_of(application).rubric.places); }

  json::object line(std::int64_t places, const ListResult& result, std::int64_t awards) const {
    json::object out{{"places", places}, {"awards", awards}, {"last_in", nullptr}, {"first_out", nullptr}};
    json::array band;
    for (const Ranked& each : result.ranked) {
      if (each.side == Side::in) out["last_in"] = value(each.application);
      if (each.side == Side::tied) band.push_back(json::value(input_.applications[each.application].id));
      if (each.side == Side::out && out["first_out"].is_null()) out["first_out"] = value(each.application);
    }
    out["tie"] = std::move(band);
    return out;
  }

  /// What becomes of an application: by the line, by the vote, and by a decision that departs from both. True: an award.
  bool add_outcome(json::object& entry, std::size_t index, const ListRule& rule, Side side) {
    if (!rule.places) return false;
    const InputApplication& application = input_.applications[index];
    const std::optional<Committee>& committee = programme_of(index).committee;
    Outcome computed = side == Side::in ? Outcome::award : side == Side::tied ? Outcome::open : Outcome::decline;
    if (committee) {
      const VoteOutcome vote = outcome_of(*committee, application.vote);
      if (application.vote) entry["vote"] = json::object{{"present", application.vote->present}, {"for", application.vote->in_favour}, {"against", application.vote->against}, {"abstain", application.vote->abstained}};
      entry["vote_outcome"] = word(vote);
      if (computed == Outcome::award && vote != VoteOutcome::carried) computed = vote == VoteOutcome::lost ? Outcome::decline : Outcome::open;
    }
    Outcome outcome = computed;
    if (application.decision) {
      outcome = application.decision->award ? Outcome::award : Outcome::decline;
      if (outcome != computed) entry["deviation"] = json::object{{"computed", word(computed)}, {"reason", application.decision->reason}, {"by", application.decision->by}};
      if (outcome == Outcome::award && side == Side::unranked)
        problems_.push_back({.place = "/decisions",
                             .code = "results.unranked",
                             .message = "Expected no award for '" + application.id + "', which is vetoed or has no result",
                             .message_zh = "“" + application.id + "”被一票否决或没有评审结果，不得入选"});
    }
    entry["outcome"] = word(outcome);
    return outcome == Outcome::award;
  }

  json::array fragile(const std::vector<Fragile>& list, int places) const {
    json::array out;
    for (const Fragile& each : list) {
      const InputSheet& sheet = input_.sheets[each.sheet];
      json::array moved;
      for (const Moved& one : each.moved) moved.push_back(json::object{{"application", input_.applications[one.application].id}, {"before", word(one.before)}, {"after", word(one.after)}});
      out.push_back(json::object{{"application", input_.applications[sheet.application].id},
                                 {"expert", sheet.expert},
                                 {"panel", input_.panels[sheet.panel].id},
                                 {"without", text(each.without, places)},
                                 {"moved", std::move(moved)}});
    }
    return out;
  }

  const Input& input_;
  const Results& results_;
  std::vector<Detail> problems_;
};

void compare(const json::value& said, const json::value& found, const std::string& place, std::vector<Detail>& out) {
  if (out.size() >= kDifferencesMax || said == found) return;
  if (said.is_object() && found.is_object()) {
    for (const auto& member : said.get_object())
      if (const json::value* other = found.get_object().if_contains(member.key())) compare(member.value(), *other, place + "/" + pointer_segment(member.key()), out);
      else compare(member.value(), nullptr, place + "/" + pointer_segment(member.key()), out);
    for (const auto& member : found.get_object())
      if (!said.get_object().contains(member.key())) compare(nullptr, member.value(), place + "/" + pointer_segment(member.key()), out);
    return;
  }
  if (said.is_array() && found.is_array() && said.get_array().size() == found.get_array().size()) {
    for (std::size_t i = 0; i < said.get_array().size(); ++i) compare(said.get_array()[i], found.get_array()[i], place + "/" + std::to_string(i), out);
    return;
  }
  const auto shown = [](const json::value& value) {
    std::string full = canonical_json(value);
    return full.size() > 80 ? std::string{"something else"} : full;
  };
  out.push_back({.place = place,
                 .code = "results.differs",
                 .message = "Expected " + shown(found) + ", but the export says " + shown(said),
                 .message_zh = "应为" + shown(found) + "，导出文件为" + shown(said)});
}

}  // namespace

Result<json::object> results_of(const json::object& input) {
  json::object ordered = normalised(input);
  const Result<Input> read = read_input(ordered);
  if (!read) return read_input(input).error();  // the places are those of the input as it came
  Result<Results> results = compute(*read);
  if (!results) return compute(*read_input(input)).error();
  find_fragile(*read, *results);
  Result<json::object> written = Writer(*read, *results).run();
  if (!written) return written.error();
  std::string digest = sha256_hex(canonical_json(ordered));
  return json::object{{"format", kFormat}, {"input", std::move(ordered)}, {"input_sha256", std::move(digest)}, {"results", std::move(*written)}};
}

std::string export_bytes(const json::object& results) { return canonical_json(results) + "\n"; }

Result<> verify_export(std::string_view bytes) {
  const Result<json::value> parsed = parse_json(bytes, kStoredJson, "export");
  if (!parsed) return parsed.error();
  const json::object* said = parsed->if_object();
  if (said == nullptr || string_or(*said, "format") != kFormat)
    return Error{.kind = ErrorKind::invalid, .code = "results.format", .message = std::string{"Expected an export of the format "} + kFormat, .place = "/format", .message_zh = "不是评审结果导出文件"};
  const Result<json::object> found = results_of(object_or_empty(*said, "input"));
  if (!found) return found.error();
  const std::string right = export_bytes(*found);
  if (right == bytes) return {};
  Error out{.kind = ErrorKind::invalid, .code = "results.differs", .message = "Expected what the sheets of this export come to", .message_zh = "导出文件与按其评分表重新计算的结果不一致"};
  compare(*parsed, json::value(*found), "", out.details);
  if (out.details.empty()) {
    const auto differs = std::mismatch(right.begin(), right.end(), bytes.begin(), bytes.end());
    out.details.push_back({.place = "byte " + std::to_string(differs.first - right.begin()),
                           .code = "results.bytes",
                           .message = "Expected canonical JSON and a newline: the values are right, their form is not",
                           .message_zh = "数值正确，但不是规范形式的JSON"});
  }
  return out;
}

}  // namespace chuyi::review

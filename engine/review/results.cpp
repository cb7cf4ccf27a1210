#include "engine/review/results.h"

#include <algorithm>

namespace chuyi::review {
namespace {

/// The panel that an application has in a stage; every sheet of the stage names it.
std::optional<std::size_t> panel_of(const Input& input, const StageResult& stage) {
  if (stage.sheets.empty()) return std::nullopt;
  return input.sheets[stage.sheets.front()].panel;
}

bool diverges(const Rubric& rubric, const StageResult& stage) {
  if (!rubric.divergence || stage.sheets.size() < 2) return false;
  return (rubric.divergence->range && stage.range > *rubric.divergence->range) || (rubric.divergence->deviation && stage.deviation > *rubric.divergence->deviation);
}

void combine(const Input& input, const Rubric& rubric, StageResult& stage) {
  std::vector<Decimal> totals;
  Moments moments;
  for (const std::size_t sheet : stage.sheets) {
    totals.push_back(input.sheets[sheet].total.total);
    moments.add(totals.back());
  }
  if (!totals.empty()) {
    const auto [low, high] = std::minmax_element(totals.begin(), totals.end());
    stage.range = *high - *low;
    stage.deviation = moments.deviation(6);
  }
  stage.combined = combined(rubric, std::move(totals));
  stage.diverges = diverges(rubric, stage);
}

/// The mean mark of a criterion over all sheets that have one.
Decimal mark_of(const Input& input, const ApplicationResult& result, const std::string& criterion, int places) {
  Moments marks;
  for (const StageResult& stage : result.stages)
    for (const std::size_t sheet : stage.sheets)
      for (const Mark& mark : input.sheets[sheet].total.marks)
        if (mark.criterion == criterion) marks.add(mark.mark);
  return marks.count() == 0 ? Decimal{} : marks.mean(places);
}

Decimal median_of(const Input& input, const ApplicationResult& result, int places) {
  std::vector<Decimal> totals;
  for (const StageResult& stage : result.stages)
    for (const std::size_t sheet : stage.sheets) totals.push_back(input.sheets[sheet].total.total);
  return median(std::move(totals), places);
}

std::optional<Decimal> weighted_stages(const InputProgramme& programme, const ApplicationResult& result, bool of_calibrated) {
  std::vector<Weighted> parts;
  for (std::size_t i = 0; i < result.stages.size(); ++i) {
    const std::optional<Decimal>& value = of_calibrated ? result.stages[i].calibrated : result.stages[i].combined.value;
    if (!value) return std::nullopt;
    parts.push_back({*value, programme.stages[i].weight});
  }
  return weighted(parts, programme.rubric.places);
}

void calibrate(const Input& input, const InputProgramme& programme, Results& results, ProgrammeResult& out) {
  out.stages.resize(programme.stages.size());
  for (std::size_t i = 0; i < programme.stages.size(); ++i) {
    StageMoments& stage = out.stages[i];
    std::vector<std::size_t> position(input.panels.size(), kNoSheet);
    const auto of_panel = [&](const StageResult& result) -> PanelResult& {
      std::size_t& at = position[*panel_of(input, result)];
      if (at == kNoSheet) {
        at = stage.panels.size();
        stage.panels.push_back({.stage = i, .panel = *panel_of(input, result), .moments = {}});
      }
      return stage.panels[at];
    };
    const auto each = [&](const auto& use) {
      for (const std::size_t application : programme.applications)
        if (StageResult& result = results.applications[application].stages[i]; !results.applications[application].vetoed && result.combined.value) use(result);
    };
    each([&](StageResult& result) {
      stage.all.add(*result.combined.value);
      of_panel(result).moments.add(*result.combined.value);
    });
    if (programme.calibration != Calibration::none && stage.all.count() > 0) {
      const Frame all = frame_of(stage.all);
      each([&](StageResult& result) { result.calibrated = calibrated(programme, *result.combined.value, frame_of(of_panel(result).moments), all); });
    }
    std::sort(stage.panels.begin(), stage.panels.end(), [&](const PanelResult& a, const PanelResult& b) { return input.panels[a.panel].id < input.panels[b.panel].id; });
  }
}

bool belongs(const ListRule& rule, const InputApplication& application) {
  return (rule.level.empty() || rule.level == application.level) && (rule.region.empty() || rule.region == application.region);
}

/// Gives the applications of a tie the ranks that were decided. Nothing but a whole tie is decided on.
bool settle(ListResult& list, const TieDecision& decision) {
  const auto find = [&](std::size_t application) {
    return std::find_if(list.ranked.begin(), list.ranked.end(), [&](const Ranked& each) { return each.application == application; });
  };
  if (decision.order.size() < 2) return false;
  const auto first = find(decision.order.front());
  if (first == list.ranked.end() || static_cast<std::size_t>(first->tied) != decision.order.size() || first->decided) return false;
  const std::int64_t rank = first->rank;
  for (std::size_t i = 0; i < decision.order.size(); ++i) {
    const auto entry = find(decision.order[i]);
    if (entry == list.ranked.end() || entry->decided || entry->rank != rank) return false;
    entry->decided = true;
  }
  for (std::size_t i = 0; i < decision.order.size(); ++i) {
    const auto entry = find(decision.order[i]);
    entry->rank = rank + static_cast<std::int64_t>(i);
    entry->tied = 1;
  }
  std::sort(list.ranked.begin(), list.ranked.end(), [](const Ranked& a, const Ranked& b) { return a.rank != b.rank ? a.rank < b.rank : a.application < b.application; });
  return true;
}

Result<ListResult> list_of(const Input& input, std::size_t programme, const ListRule& rule, const Results& results) {
  ListResult out;
  std::vector<Entry> entries;
  for (const std::size_t application : input.programmes[programme].applications) {
    if (!belongs(rule, input.applications[application])) continue;
    if (results.applications[application].ranked())
      entries.push_back({application, &results.applications[application].key});
    else
      out.unranked.push_back(application);
  }
  out.ranked = ranked(std::move(entries));
  for (const TieDecision& decision : input.tie_decisions)
    if (decision.programme == programme && decision.list == rule.id && !settle(out, decision))
      return Error{.kind = ErrorKind::invalid,
                   .code = "results.input",
                   .message = "Expected a decision on all applications of one tie of this list, each once",
                   .place = decision.place,
                   .message_zh = "决定应包括该名单中一组同分申报的全部，且各出现一次"};
  if (rule.places) draw_line(out.ranked, *rule.places);
  return out;
}

}  // namespace

ApplicationResult evaluate(const Input& input, std::size_t application, std::size_t left_out) {
  const InputApplication& from = input.applications[application];
  const InputProgramme& programme = input.programmes[from.programme];
  ApplicationResult out;
  out.stages.resize(programme.stages.size());
  for (const std::size_t i : from.sheets) {
    const InputSheet& sheet = input.sheets[i];
    if (i == left_out || !sheet.withdrawn.empty()) continue;
    out.stages[sheet.stage].sheets.push_back(i);
    out.vetoes += sheet.total.vetoes.empty() ? 0 : 1;
  }
  out.vetoed = programme.rubric.veto_effect == VetoEffect::vetoed && out.vetoes >= programme.rubric.veto_sheets_min;
  for (StageResult& stage : out.stages) combine(input, programme.rubric, stage);
  return out;
}

Frame frame_of(const Moments& moments) { return {moments.mean(6), moments.deviation(6)}; }

Decimal calibrated(const InputProgramme& programme, Decimal raw, const Frame& panel, const Frame& all) {
  const int places = programme.rubric.places;
  const Decimal offset = raw - panel.mean;
  if (programme.calibration == Calibration::panel_shift) return (all.mean + offset).rounded(places);
  if (panel.deviation == Decimal{}) return all.mean.rounded(places);
  return scaled(all.mean, offset, all.deviation, panel.deviation, places);
}

void finish(const Input& input, std::size_t application, ApplicationResult& result) {
  const InputProgramme& programme = input.programmes[input.applications[application].programme];
  result.raw = weighted_stages(programme, result, false);
  result.calibrated = programme.calibration == Calibration::none ? std::nullopt : weighted_stages(programme, result, true);
  result.key.clear();
  const std::optional<Decimal>& value = programme.rank_by_calibrated ? result.calibrated : result.raw;
  if (!value || result.vetoed) return;
  result.key.push_back(*value);
  for (const TieBreaker& breaker : programme.rubric.tie_breakers) {
    switch (breaker.by) {
      case TieBreak::criterion: result.key.push_back(mark_of(input, result, breaker.criterion, programme.rubric.places)); break;
      case TieBreak::median: result.key.push_back(median_of(input, result, programme.rubric.places)); break;
      case TieBreak::submitted: result.key.push_back(Decimal::from_units(-input.applications[application].submitted_ms)); break;
    }
  }
}

Result<Results> compute(const Input& input) {
  Results out;
  for (std::size_t i = 0; i < input.applications.size(); ++i) out.applications.push_back(evaluate(input, i, kNoSheet));
  out.programmes.resize(input.programmes.size());
  for (std::size_t i = 0; i < input.programmes.size(); ++i) {
    const InputProgramme& programme = input.programmes[i];
    calibrate(input, programme, out, out.programmes[i]);
    for (const std::size_t application : programme.applications) finish(input, application, out.applications[application]);
    for (const ListRule& rule : programme.lists) {
      Result<ListResult> list = list_of(input, i, rule, out);
      if (!list) return list.error();
      out.programmes[i].lists.push_back(std::move(*list));
    }
  }
  for (const TieDecision& decision : input.tie_decisions) {
    const std::vector<ListRule>& lists = input.programmes[decision.programme].lists;
    if (std::none_of(lists.begin(), lists.end(), [&](const ListRule& rule) { return rule.id == decision.list; }))
      return Error{.kind = ErrorKind::invalid, .code = "results.input", .message = "Expected a list of the programme, but found '" + decision.list + "'", .place = decision.place + "/list", .message_zh = "名单不存在"};
  }
  return out;
}

VoteOutcome outcome_of(const Committee& committee, const std::optional<Vote>& vote) {
  if (!vote) return VoteOutcome::none;
  if (vote->present < committee.quorum) return VoteOutcome::no_quorum;
  const bool carried = committee.two_thirds ? vote->in_favour * 3 >= vote->present * 2 : vote->in_favour * 2 > vote->present;
  return carried ? VoteOutcome::carried : VoteOutcome::lost;
}

}  // namespace chuyi::review

#include <algorithm>

#include "engine/review/results.h"

namespace chuyi::review {
namespace {

/// The keys of a list, best first, and where each application is among them.
class Line {
 public:
  Line(const Input& input, std::size_t programme, std::size_t list, const Results& results)
      : input_(input), results_(results), programme_(input.programmes[programme]), result_(results.programmes[programme]), places_(*programme_.lists[list].places), stages_(result_.stages) {
    side_.assign(input.applications.size(), Side::unranked);
    for (const Ranked& each : result_.lists[list].ranked) members_.push_back(each.application);
    for (const std::size_t each : result_.lists[list].unranked) members_.push_back(each);
    std::sort(members_.begin(), members_.end());
    set_sides(keys(), side_);
    for (const std::size_t each : members_)
      if (results.applications[each].ranked()) order_.push_back(each);
    std::stable_sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) { return results.applications[a].key > results.applications[b].key; });
    index_.assign(input.applications.size(), 0);
    for (const std::size_t each : order_) {
      index_[each] = sorted_.size();
      sorted_.push_back(&results.applications[each].key);
    }
  }

  std::vector<Fragile> run() {
    std::vector<Fragile> out;
    for (const std::size_t application : members_)
      for (const std::size_t sheet : input_.applications[application].sheets) {
        if (!input_.sheets[sheet].withdrawn.empty()) continue;
        Fragile fragile = without(application, sheet);
        if (!fragile.moved.empty()) out.push_back(std::move(fragile));
      }
    return out;
  }

 private:
  std::vector<const Key*> keys() const {
    std::vector<const Key*> out;
    for (const std::size_t each : members_) out.push_back(&results_.applications[each].key);
    return out;
  }

  /// `keys` of the members, empty ones of those that are not ranked.
  void set_sides(const std::vector<const Key*>& keys, std::vector<Side>& sides) const {
    std::vector<Entry> entries;
    for (std::size_t i = 0; i < members_.size(); ++i) {
      sides[members_[i]] = Side::unranked;
      if (!keys[i]->empty()) entries.push_back({members_[i], keys[i]});
    }
    std::vector<Ranked> list = ranked(std::move(entries));
    draw_line(list, places_);
    for (const Ranked& each : list) sides[each.application] = each.side;
  }

  Fragile without(std::size_t application, std::size_t sheet) {
    ApplicationResult changed = evaluate(input_, application, sheet);
    Fragile out{.sheet = sheet, .without = {}, .moved = {}};
    if (programme_.rank_by_calibrated) {
      without_calibrated(application, changed, out);
      return out;
    }
    finish(input_, application, changed);
    if (changed.ranked()) out.without = changed.raw;
    if (side_with(application, changed.key) == side_[application]) return out;  // then nobody else moves either
    out.moved.push_back({application, side_[application], side_with(application, changed.key)});
    move_others(application, out);
    return out;
  }

  /// The sides of the others once one of them has moved: only those whose keys are at the line can change theirs.
  void move_others(std::size_t moved, Fragile& out) const {
    const Side side = out.moved.front().after;
    const std::size_t own = results_.applications[moved].ranked() ? index_[moved] : sorted_.size();
    const std::size_t count = sorted_.size() - (own < sorted_.size() ? 1 : 0);
    const auto other = [&](std::size_t i) { return order_[i < own ? i : i + 1]; };  // the i-th of the others
    const auto key = [&](std::size_t i) -> const Key& { return results_.applications[other(i)].key; };
    const std::size_t places = static_cast<std::size_t>(places_);
    const std::size_t left = side == Side::in ? places - 1 : places;  // for the others
    if (count == 0 || places == 0) return;
    std::size_t first = std::min(count, left) == 0 ? 0 : std::min(count, left) - 1;
    first = first == 0 ? 0 : first - 1;
    while (first > 0 && key(first - 1) == key(first)) --first;
    const Key* bar = left >= 1 && left <= count ? &key(left - 1) : nullptr;
    const bool splits = bar != nullptr && (side == Side::tied || (left < count && key(left) == *bar));
    for (std::size_t i = first; i < count; ++i) {
      if (i > places + 1 && key(i) != key(i - 1)) break;
      const Side now = bar == nullptr ? (left == 0 ? Side::out : Side::in) : key(i) > *bar ? Side::in : key(i) < *bar ? Side::out : splits ? Side::tied : Side::in;
      if (now != side_[other(i)]) out.moved.push_back({other(i), side_[other(i)], now});
    }
    std::sort(out.moved.begin(), out.moved.end(), [](const Moved& a, const Moved& b) { return a.application < b.application; });
  }

  /// Where `application` would be with another key: only the best of the others that it has to pass decides.
  Side side_with(std::size_t application, const Key& key) const {
    if (key.empty()) return Side::unranked;
    const Key& own = results_.applications[application].key;
    std::size_t last = static_cast<std::size_t>(places_);  // of the others; counted from 1
    if (last == 0) return Side::out;
    if (!own.empty() && last <= sorted_.size() && own >= *sorted_[last - 1]) ++last;
    if (last > sorted_.size()) return Side::in;
    const Key& bar = *sorted_[last - 1];
    return key > bar ? Side::in : key == bar ? Side::tied : Side::out;
  }

  void compare(const std::vector<const Key*>& all, Fragile& out) {
    after_.assign(input_.applications.size(), Side::unranked);
    set_sides(all, after_);
    for (const std::size_t each : members_)
      if (side_[each] != after_[each]) out.moved.push_back({each, side_[each], after_[each]});
  }

  /// One that is ranked: in each stage its raw value and where its panel is among the stage's.
  struct Standing {
    std::vector<Decimal> raw;
    std::vector<std::size_t> panel;
  };
  Standing standing_of(const ApplicationResult& result) const {
    Standing out;
    for (std::size_t i = 0; i < result.stages.size(); ++i) {
      const std::size_t panel = input_.sheets[result.stages[i].sheets.front()].panel;
      const std::vector<PanelResult>& panels = stages_[i].panels;
      out.raw.push_back(*result.stages[i].combined.value);
      out.panel.push_back(static_cast<std::size_t>(std::find_if(panels.begin(), panels.end(), [&](const PanelResult& each) { return each.panel == panel; }) - panels.begin()));
    }
    return out;
  }

  /// Takes the raw values of `result` out of the sums of its panels and of the programme, or adds them.
  void count(const ApplicationResult& result, void (Moments::*change)(Decimal)) {
    for (std::size_t i = 0; i < result.stages.size(); ++i) {
      const StageResult& stage = result.stages[i];
      if (result.vetoed || !stage.combined.value) continue;
      const std::size_t panel = input_.sheets[stage.sheets.front()].panel;
      auto own = std::find_if(stages_[i].panels.begin(), stages_[i].panels.end(), [&](const PanelResult& each) { return each.panel == panel; });
      if (own == stages_[i].panels.end()) own = stages_[i].panels.insert(own, {.stage = i, .panel = panel, .moments = {}});
      (stages_[i].all.*change)(*stage.combined.value);
      (own->moments.*change)(*stage.combined.value);
    }
  }

  Decimal calibrated_value(const Standing& standing, const std::vector<std::vector<Frame>>& frames) {
    parts_.clear();
    for (std::size_t i = 0; i < standing.raw.size(); ++i)
      parts_.push_back({calibrated(programme_, standing.raw[i], frames[i][standing.panel[i]], frames[i].back()), programme_.stages[i].weight});
    return weighted(parts_, programme_.rubric.places);
  }

  /// Of each stage: of each panel, and last of all.
  std::vector<std::vector<Frame>> frames() const {
    std::vector<std::vector<Frame>> out;
    for (const StageMoments& stage : stages_) {
      std::vector<Frame>& of = out.emplace_back();
      for (const PanelResult& panel : stage.panels) of.push_back(panel.moments.count() > 0 ? frame_of(panel.moments) : Frame{});
      of.push_back(stage.all.count() > 0 ? frame_of(stage.all) : Frame{});
    }
    return out;
  }

  /// The means and deviations of panel and programme change, and with them the value of everybody.
  void without_calibrated(std::size_t application, ApplicationResult& changed, Fragile& out) {
    if (standings_.empty()) {
      standings_.resize(members_.size());
      for (std::size_t i = 0; i < members_.size(); ++i) {
        const ApplicationResult& result = results_.applications[members_[i]];
        keys_.push_back(result.key);
        if (result.ranked()) standings_[i] = standing_of(result);
      }
    }
    count(results_.applications[application], &Moments::remove);
    count(changed, &Moments::add);
    const std::vector<std::vector<Frame>> now = frames();
    for (std::size_t i = 0; i < changed.stages.size(); ++i)
      if (!changed.vetoed && changed.stages[i].combined.value) {
        const std::size_t panel = input_.sheets[changed.stages[i].sheets.front()].panel;
        for (std::size_t at = 0; at < stages_[i].panels.size(); ++at)
          if (stages_[i].panels[at].panel == panel) changed.stages[i].calibrated = calibrated(programme_, *changed.stages[i].combined.value, now[i][at], now[i].back());
      }
    finish(input_, application, changed);
    if (changed.ranked()) out.without = changed.calibrated;
    std::vector<const Key*> all;
    for (std::size_t i = 0; i < members_.size(); ++i) {
      if (!keys_[i].empty()) keys_[i].front() = calibrated_value(standings_[i], now);
      all.push_back(members_[i] == application ? &changed.key : &keys_[i]);
    }
    compare(all, out);
    count(changed, &Moments::remove);
    count(results_.applications[application], &Moments::add);
  }

  const Input& input_;
  const Results& results_;
  const InputProgramme& programme_;
  const ProgrammeResult& result_;
  std::int64_t places_;
  std::vector<std::size_t> members_;
  std::vector<std::size_t> order_;  ///< those that are ranked, best first
  std::vector<std::size_t> index_;  ///< of each in `order_`
  std::vector<const Key*> sorted_;  ///< their keys
  std::vector<Side> side_;          ///< of all applications, before decisions on ties
  std::vector<Side> after_;
  // Where ranks are by calibrated values:
  std::vector<StageMoments> stages_;
  std::vector<Standing> standings_;
  std::vector<Key> keys_;
  std::vector<Weighted> parts_;
};

}  // namespace

bool is_small(const Input& input, std::size_t programme, const ListResult& list) {
  if (!input.programmes[programme].rank_by_calibrated) return true;
  std::size_t sheets = 0;
  for (const Ranked& each : list.ranked) sheets += input.applications[each.application].sheets.size();
  return sheets * list.ranked.size() <= kCalibratedWorkMax;
}

void find_fragile(const Input& input, Results& results) {
  for (std::size_t i = 0; i < input.programmes.size(); ++i) {
    std::vector<std::vector<Fragile>> fragile(input.programmes[i].lists.size());
    for (std::size_t list = 0; list < fragile.size(); ++list)
      if (input.programmes[i].lists[list].places && is_small(input, i, results.programmes[i].lists[list])) fragile[list] = Line(input, i, list, results).run();
    results.programmes[i].fragile = std::move(fragile);
  }
}

}  // namespace chuyi::review

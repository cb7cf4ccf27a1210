#include <algorithm>

#include "engine/review/results.h"

namespace chuyi::review {
namespace {

/// The keys of a list, best first, and where each application is among them.
class Line {
 public:
  Line(const Input& input, std::size_t programme, std::size_t list, const Results& results)
      : input_(input), results_(results), programme_(input.programmes[programme]), result_(results.programmes[programme]), list_(list), places_(*programme_.lists[list].places) {
    side_.assign(input.applications.size(), Side::unranked);
    for (const Ranked& each : result_.lists[list].ranked) members_.push_back(each.application);
    for (const std::size_t each : result_.lists[list].unranked) members_.push_back(each);
    std::sort(members_.begin(), members_.end());
    set_sides(keys(), side_);
    for (const std::size_t each : members_)
      if (results.applications[each].ranked()) sorted_.push_back(&results.applications[each].key);
    std::sort(sorted_.begin(), sorted_.end(), [](const Key* a, const Key* b) { return *a > *b; });
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
      without_calibrated(application, sheet, changed, out);
      return out;
    }
    finish(input_, application, changed);
    if (changed.ranked()) out.without = changed.raw;
    if (side_with(application, changed.key) == side_[application]) return out;  // then nobody else moves either
    std::vector<const Key*> all = keys();
    all[position(application)] = &changed.key;
    compare(all, out);
    return out;
  }

  std::size_t position(std::size_t application) const {
    return static_cast<std::size_t>(std::lower_bound(members_.begin(), members_.end(), application) - members_.begin());
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

  /// The means and deviations of panel and programme change, and with them the value of everybody.
  void without_calibrated(std::size_t application, std::size_t sheet, ApplicationResult& changed, Fragile& out) {
    const std::size_t stage = input_.sheets[sheet].stage;
    const std::size_t panel = input_.sheets[sheet].panel;
    std::vector<StageMoments> stages = result_.stages;
    const ApplicationResult& before = results_.applications[application];
    for (std::size_t i = 0; i < stages.size(); ++i) {
      PanelResult* own = nullptr;  // another stage's panel where a veto falls away
      for (PanelResult& each : stages[i].panels)
        if (i == stage ? each.panel == panel : !changed.stages[i].sheets.empty() && each.panel == input_.sheets[changed.stages[i].sheets.front()].panel) own = &each;
      if (own == nullptr) own = &stages[i].panels.emplace_back(PanelResult{.stage = i, .panel = panel, .moments = {}});
      for (Moments* moments : {&stages[i].all, &own->moments}) {
        if (!before.vetoed && before.stages[i].combined.value) moments->remove(*before.stages[i].combined.value);
        if (!changed.vetoed && changed.stages[i].combined.value) moments->add(*changed.stages[i].combined.value);
      }
    }
    std::vector<Key> keys_now;
    keys_now.reserve(members_.size());
    for (const std::size_t each : members_) {
      ApplicationResult result = each == application ? changed : results_.applications[each];
      for (std::size_t i = 0; i < stages.size(); ++i) {
        StageResult& at = result.stages[i];
        if (!at.combined.value || result.vetoed) continue;
        const std::size_t its_panel = input_.sheets[at.sheets.front()].panel;
        for (const PanelResult& candidate : stages[i].panels)
          if (candidate.panel == its_panel) at.calibrated = calibrated(programme_, *at.combined.value, candidate.moments, stages[i].all);
      }
      finish(input_, each, result);
      if (each == application && result.ranked()) out.without = result.calibrated;
      keys_now.push_back(std::move(result.key));
    }
    std::vector<const Key*> all;
    for (const Key& key : keys_now) all.push_back(&key);
    compare(all, out);
  }

  const Input& input_;
  const Results& results_;
  const InputProgramme& programme_;
  const ProgrammeResult& result_;
  std::size_t list_;
  std::int64_t places_;
  std::vector<std::size_t> members_;
  std::vector<const Key*> sorted_;  ///< of those that are ranked, best first
  std::vector<Side> side_;          ///< of all applications, before decisions on ties
  std::vector<Side> after_;
};

}  // namespace

void find_fragile(const Input& input, Results& results) {
  for (std::size_t i = 0; i < input.programmes.size(); ++i) {
    std::vector<std::vector<Fragile>> fragile(input.programmes[i].lists.size());
    for (std::size_t list = 0; list < fragile.size(); ++list)
      if (input.programmes[i].lists[list].places) fragile[list] = Line(input, i, list, results).run();
    results.programmes[i].fragile = std::move(fragile);
  }
}

}  // namespace chuyi::review

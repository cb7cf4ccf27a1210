#include "engine/scxml/migrate.h"

#include <algorithm>
#include <optional>
#include <set>

#include "engine/scxml/chart_model.h"
#include "engine/scxml/describe.h"
#include "engine/scxml/lua_model.h"

namespace chuyi::scxml {
namespace {

/// States without an id are numbered by the parser: in another chart the number means another state.
bool is_numbered(std::string_view id) {
  return id.starts_with("_s") && id.size() > 2 && id.find_first_not_of("0123456789", 2) == std::string_view::npos;
}

bool contains(const std::vector<std::string>& list, std::string_view text) { return std::find(list.begin(), list.end(), text) != list.end(); }

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& each : names) out += (out.empty() ? "'" : ", '") + each + "'";
  return out;
}

class Mover {
 public:
  Mover(const Chart& from, const Chart& to, const StateMap& map, Snapshot snapshot, const std::vector<std::string>& finished)
      : from_(from), to_(to), map_(map), old_(std::move(snapshot)), finished_(finished) {}

  Moved run(const Env& env, const StepLimits& limits) {
    out_.next = old_;
    move_configuration();
    move_history();
    move_invocations();
    // What is missing may be what an initial value looks at.
    if (out_.obstacles.empty()) move_data(env, limits);
    if (out_.obstacles.empty()) check_rest(env, limits);
    if (out_.obstacles.empty() && encode(out_.next).size() > limits.datamodel_bytes_max)
      hinder("data", "migrate.size", "Expected a session of at most " + std::to_string(limits.datamodel_bytes_max) + " bytes with its new data",
             "加入新数据项后数据超出大小限制");
    return std::move(out_);
  }

 private:
  void hinder(std::string place, const char* code, std::string en, std::string zh) {
    for (const Detail& each : out_.obstacles)
      if (each.place == place && each.code == code) return;
    out_.obstacles.push_back({.place = std::move(place), .code = code, .message = std::move(en), .message_zh = std::move(zh)});
  }

  /// The state's place in the new chart; kNone after telling why there is none.
  Index place_of(const std::string& id) {
    const auto mapped = map_.find(id);
    const std::string& name = mapped == map_.end() ? id : mapped->second;
    const Index out = mapped == map_.end() && is_numbered(id) ? kNone : to_.find(name);
    if (out == kNone)
      hinder(id, "migrate.unmapped", "Expected state '" + id + "' in the new workflow, or a mapping (--map " + id + "=STATE)",
             "新流程没有状态“" + id + "”，需要指定映射（--map " + id + "=新状态）");
    return out;
  }

  void move_configuration() {
    for (const std::string& id : old_.configuration) {
      const Index place = place_of(id);
      if (place == kNone) continue;
      const State& before = from_.at(from_.find(id));
      const State& state = to_.at(place);
      if (is_history(state.kind))
        hinder(id, "migrate.kind", "Expected a state in which '" + id + "' can stand, but '" + state.id + "' is a history",
               "“" + state.id + "”是历史状态，不能作为“" + id + "”的去处");
      if (state.kind == StateKind::final && before.kind != StateKind::final)
        hinder(id, "migrate.final", "Expected a state that has not ended for '" + id + "', but '" + state.id + "' is final",
               "“" + state.id + "”是终态，不能作为“" + id + "”的去处");
      came_[place].push_back(from_.find(id));
      for (Index each = place; each != kNone; each = to_.at(each).parent) active_.insert(each);
    }
    if (!out_.obstacles.empty()) return;
    for (const Index index : active_) check_legal(to_.at(index));
    out_.next.configuration.clear();
    for (const Index index : active_)
      if (index != 0) out_.next.configuration.push_back(to_.at(index).id);
  }

  /// SCXML 3.11: a compound state has one active child, a parallel all of them.
  void check_legal(const State& state) {
    std::vector<std::string> inside;
    std::vector<std::string> missing;
    for (const Index child : state.children) (active_.contains(child) ? inside : missing).push_back(to_.at(child).id);
    const std::string name = state.id.empty() ? "the workflow" : "'" + state.id + "'";
    const std::string name_zh = state.id.empty() ? "流程" : "“" + state.id + "”";
    const std::string place = state.id.empty() ? "scxml" : state.id;
    if (state.kind == StateKind::parallel && !missing.empty())
      hinder(place, "migrate.region", "Expected every region of " + name + " to be active, but nothing is mapped into " + listed(missing),
             name_zh + "的并行区域" + listed(missing) + "没有对应的现有状态");
    if (state.kind != StateKind::compound && state.kind != StateKind::root) return;
    if (inside.empty())
      hinder(place, "migrate.no_child", "Expected a state inside " + name + ", but nothing is mapped into it", name_zh + "内没有任何对应的现有状态");
    if (inside.size() > 1)
      hinder(place, "migrate.place", "Expected one active state inside " + name + ", but the mapping gives " + listed(inside),
             name_zh + "内只能有一个活动状态，而映射得到" + listed(inside));
  }

  void move_history() {
    out_.next.history.clear();
    for (const auto& [key, value] : old_.history) {
      const std::string id{key};
      const auto mapped = map_.find(id);
      const Index place = to_.find(mapped == map_.end() ? id : mapped->second);
      if (place == kNone || !is_history(to_.at(place).kind)) {
        out_.warnings.push_back({.place = id,
                                 .code = "migrate.history",
                                 .message = "History '" + id + "' is no more; what it remembers is dropped",
                                 .message_zh = "历史状态“" + id + "”已不存在，其记录将被丢弃"});
        continue;
      }
      const State& history = to_.at(place);
      std::set<Index> kept;
      std::set<Index> below;
      bool good = true;
      for (const json::value& each : value.as_array()) {
        const Index state = place_of(std::string{each.as_string()});
        if (state == kNone) {
          good = false;
          continue;
        }
        kept.insert(state);
        for (Index up = state; up != kNone && up != history.parent; up = to_.at(up).parent) below.insert(up);
        good = good && to_.is_descendant(state, history.parent) && !is_history(to_.at(state).kind) &&
               (history.kind == StateKind::history_deep ? to_.at(state).children.empty() : to_.at(state).parent == history.parent);
      }
      if (history.kind == StateKind::history_deep) below.insert(history.parent);
      for (const Index index : below) good = good && (history.kind != StateKind::history_deep || can_stand(to_.at(index), below));
      if (history.kind == StateKind::history_shallow) good = good && can_stand(to_.at(history.parent), kept);
      if (!good) {
        hinder(id, "migrate.history", "Expected what history '" + history.id + "' remembers to have its place below '" + to_.at(history.parent).id + "'",
               "历史状态“" + history.id + "”所记录的状态在新流程中不在“" + to_.at(history.parent).id + "”之下");
        continue;
      }
      json::array& list = out_.next.history[history.id].emplace_array();
      for (const Index index : kept) list.emplace_back(to_.at(index).id);
    }
  }

  static bool can_stand(const State& state, const std::set<Index>& active) {
    const auto inside = std::count_if(state.children.begin(), state.children.end(), [&](Index each) { return active.contains(each); });
    if (state.kind == StateKind::parallel) return static_cast<std::size_t>(inside) == state.children.size();
    return state.children.empty() || inside == 1;
  }

  // ── invokes ────────────────────────────────────────────────────────────────────────────────────────

  static bool same_type(const InvokeElement& a, const InvokeElement& b) { return a.type == b.type && a.type_expr.source == b.type_expr.source; }

  /// The element of `state` that is the same as the one of `before`: by id, or by its number among those of its type.
  static std::optional<std::size_t> counterpart(const State& before, std::size_t index, const State& state) {
    const InvokeElement& element = before.invokes[index];
    const auto is_like = [&](const InvokeElement& each) { return each.id.empty() && same_type(each, element); };
    const auto end = before.invokes.begin() + static_cast<std::ptrdiff_t>(index);
    auto number = std::count_if(before.invokes.begin(), end, is_like);
    for (std::size_t i = 0; i < state.invokes.size(); ++i) {
      const InvokeElement& each = state.invokes[i];
      if (element.id.empty() ? is_like(each) && number-- == 0 : each.id == element.id) return i;
    }
    return std::nullopt;
  }

  void move_invocations() {
    std::vector<Invocation> moved;
    for (Invocation invocation : old_.invocations) {
      const Index before = from_.find(invocation.state);
      const Index place = place_of(invocation.state);
      if (before == kNone || place == kNone) continue;
      const State& state = to_.at(place);
      const InvokeElement& element = from_.at(before).invokes[invocation.index];
      const std::optional<std::size_t> found = counterpart(from_.at(before), invocation.index, state);
      if (!found) {
        if (contains(finished_, invocation.invoke_id)) continue;
        hinder("invoke " + invocation.invoke_id, "migrate.invoke_missing",
               "Expected state '" + state.id + "' to have the " + invocation.type + " '" + invocation.invoke_id + "', which runs",
               "状态“" + state.id + "”中没有正在进行的环节“" + invocation.invoke_id + "”（" + invocation.type + "）");
        continue;
      }
      const InvokeElement& now = state.invokes[*found];
      if (!same_type(now, element)) {
        hinder("invoke " + invocation.invoke_id, "migrate.invoke_type",
               "Expected '" + invocation.invoke_id + "' to be a " + invocation.type + " as it runs, but it is a " + now.type + " in the new workflow",
               "环节“" + invocation.invoke_id + "”正以" + invocation.type + "进行，而在新流程中是" + now.type);
        continue;
      }
      if (!contains(finished_, invocation.invoke_id)) compare_parameters(invocation.invoke_id, element, now);
      invocation.state = state.id;
      invocation.index = *found;
      invocation.autoforward = now.autoforward;
      moved.push_back(std::move(invocation));
    }
    out_.next.invocations = std::move(moved);
    for (const Index index : active_) check_new_invokes(index);
  }

  void compare_parameters(const std::string& invoke_id, const InvokeElement& before, const InvokeElement& now) {
    const auto sources = [](const InvokeElement& of) {
      std::map<std::string, std::string> out;
      for (const Param& each : of.payload.params) out[each.name] = each.value.source;
      return out;
    };
    const std::map<std::string, std::string> old = sources(before);
    const std::map<std::string, std::string> fresh = sources(now);
    std::set<std::string> changed;
    for (const auto& [name, source] : old)
      if (const auto found = fresh.find(name); found == fresh.end() || found->second != source) changed.insert(name);
    for (const auto& [name, source] : fresh)
      if (!old.contains(name)) changed.insert(name);
    if (changed.empty()) return;
    const std::string names = listed({changed.begin(), changed.end()});
    out_.warnings.push_back({.place = "invoke " + invoke_id,
                             .code = "migrate.parameters",
                             .message = "'" + invoke_id + "' runs on with its former parameters; changed are " + names,
                             .message_zh = "环节“" + invoke_id + "”仍按原参数进行；已变更的参数：" + names});
  }

  /// Nothing is entered, so nothing would start an invoke that the former state did not have.
  void check_new_invokes(Index index) {
    const State& state = to_.at(index);
    for (std::size_t i = 0; i < state.invokes.size(); ++i) {
      const auto& sources = came_[index];
      const bool known = std::any_of(sources.begin(), sources.end(), [&](Index before) { return counterpart(state, i, from_.at(before)).has_value(); });
      if (known) continue;
      const std::string name = state.invokes[i].id.empty() ? state.invokes[i].type : state.invokes[i].id;
      hinder("invoke " + name, "migrate.invoke_new", "Expected nothing that '" + state.id + "' would have to start, but '" + name + "' does not run",
             "状态“" + state.id + "”的环节“" + name + "”尚未启动，迁移不会启动它");
    }
  }

  // ── data ───────────────────────────────────────────────────────────────────────────────────────────

  void move_data(const Env& env, const StepLimits& limits) {
    std::set<std::string> known;
    for (const State& state : from_.states)
      if (!from_.late_binding || state.parent == kNone || contains(old_.initialised, state.id))
        for (const DataItem& item : state.data) known.insert(item.id);
    std::set<Index> initialised;
    for (const std::string& id : old_.initialised)
      if (const auto mapped = map_.find(id); to_.find(mapped == map_.end() ? id : mapped->second) != kNone)
        initialised.insert(to_.find(mapped == map_.end() ? id : mapped->second));
    std::vector<const DataItem*> fresh;
    std::set<Index> done;
    for (Index i = 0; i < static_cast<Index>(to_.states.size()); ++i) {
      const bool now = !to_.late_binding || !from_.late_binding || i == 0 || active_.contains(i) || initialised.contains(i);
      if (!now || to_.at(i).data.empty()) continue;
      if (to_.late_binding && i != 0) done.insert(i);
      for (const DataItem& item : to_.at(i).data)
        if (!known.contains(item.id) && !old_.datamodel.contains(item.id)) fresh.push_back(&item);
    }
    out_.next.initialised.clear();
    for (const Index index : done) out_.next.initialised.push_back(to_.at(index).id);
    if (!fresh.empty() && to_.datamodel != DataModelKind::null) initialise(fresh, env, limits);
  }

  void initialise(const std::vector<const DataItem*>& items, const Env& env, const StepLimits& limits) {
    LuaModel lua(to_, env, limits, [this](std::string_view id) { return active_.contains(to_.find(id)); });
    lua.restore(old_.datamodel);
    for (const DataItem* item : items) {
      Result<json::value> value = json::value();
      if (item->expr)
        value = lua.eval(item->expr);
      else if (item->has_text)
        value = lua.literal(item->text);
      if (value && !value->is_null())
        if (Result<> set = lua.set_global(item->id, *value); !set) value = set.error();
      if (!value) fail("data " + item->id, value.error());
    }
    Result<json::object> saved = lua.save();
    if (saved)
      out_.next.datamodel = std::move(*saved);
    else
      fail("data", saved.error());
  }

  /// Between two macrosteps no transition without event is enabled; one that is would wait for the next event.
  void check_rest(const Env& env, const StepLimits& limits) {
    LuaModel lua(to_, env, limits, [this](std::string_view id) { return active_.contains(to_.find(id)); });
    lua.restore(out_.next.datamodel);
    for (const Index index : active_)
      for (const Index each : to_.at(index).transitions) {
        const Transition& transition = to_.transitions[static_cast<std::size_t>(each)];
        if (!transition.events.empty()) continue;
        const Result<bool> enabled = transition.cond ? lua.eval_condition(transition.cond) : Result<bool>{true};
        if (!enabled || !*enabled) continue;
        hinder(to_.at(index).id, "migrate.restless",
               "Expected a state to stay in, but " + transition.place + " leads on from '" + to_.at(index).id + "' without any event",
               "状态“" + to_.at(index).id + "”有无需事件即可执行的迁移（" + transition.place + "），不能停留");
      }
  }

  void fail(const std::string& place, const Error& error) {
    hinder(place, "migrate.data", "Expected the initial value of new data, but: " + error.message, "新数据项的初始值无法计算：" + error.message);
  }

  const Chart& from_;
  const Chart& to_;
  const StateMap& map_;
  const Snapshot old_;
  const std::vector<std::string>& finished_;
  Moved out_;
  std::set<Index> active_;                     ///< of the new chart, with <scxml>
  std::map<Index, std::vector<Index>> came_;  ///< new state → former ones that stand there
};

}  // namespace

Moved migrate(const Chart& from, const Chart& to, const StateMap& map, Snapshot snapshot, const std::vector<std::string>& finished,
           const Env& env, const StepLimits& limits) {
  return Mover(from, to, map, std::move(snapshot), finished).run(env, limits);
}

bool hears(const Chart& chart, std::string_view event) {
  return std::any_of(chart.transitions.begin(), chart.transitions.end(), [&](const Transition& each) {
    return std::any_of(each.events.begin(), each.events.end(), [&](const std::string& descriptor) { return matches(descriptor, event); });
  });
}

}  // namespace chuyi::scxml

#include "engine/stages/countersign/countersign.h"

#include <algorithm>

#include "engine/base/decimal.h"
#include "engine/invoke/rows_json.h"
#include "engine/invoke/work_items.h"

namespace chuyi {
namespace {

// State: {params: {order, needs, quorum, weight, due, silence, not_by, data}, turn, parties: [{name, role, org, user, weight,
// status: "waiting" | "asked" | "agree" | "return" | "silent" | "stands", task}], signatures, tasks}

Error wrong_params(const StageContext& context, const std::string& what) {
  return Error{.kind = ErrorKind::invalid,
               .code = "countersign.params",
               .message = "Expected " + what + " for invoke '" + context.invoke_id + "'",
               .message_zh = "会签环节的参数有误"};
}

bool is_one_of(const std::string& value, std::initializer_list<const char*> allowed) { return std::find(allowed.begin(), allowed.end(), value) != allowed.end(); }

bool agrees(const json::object& party) { return is_one_of(string_or(party, "status"), {"agree", "silent", "stands"}); }

/// "role@org", or "user": what a party is known by from turn to turn.
std::string key_of(const json::object& party) {
  const std::string user = string_or(party, "user");
  return user.empty() ? string_or(party, "role") + "@" + string_or(party, "org") : user;
}

Decimal weight_of(const json::object& party) {
  const Result<Decimal> weight = Decimal::parse(string_or(party, "weight", "1"));
  return weight ? *weight : Decimal{};
}

struct Tally {
  bool met = false;
  bool lost = false;  ///< cannot be met any more
};

Tally tally(const json::object& state) {
  const json::object& params = object_or_empty(state, "params");
  const std::string needs = string_or(params, "needs");
  Decimal all, agreed, open;
  for (const json::value& value : array_or_empty(state, "parties")) {
    const json::object& party = value.get_object();
    const Decimal weight = needs == "weight" ? weight_of(party) : Decimal{1};
    all = all + weight;
    if (agrees(party)) agreed = agreed + weight;
    if (is_one_of(string_or(party, "status"), {"waiting", "asked"})) open = open + weight;
  }
  Decimal needed = all;
  if (needs == "any") needed = Decimal{1};
  if (needs == "quorum") needed = Decimal{int_or(params, "quorum", 1)};
  if (needs == "weight") needed = weight_of(params);
  return {.met = agreed >= needed, .lost = agreed + open < needed};
}

/// Asks whoever's turn it is. Timers are of the party's place in the list.
Result<std::vector<StageEffect>> ask(const StageContext& context, WorkItems& items) {
  const json::object params = object_or_empty(items.state(), "params");
  const bool sequence = string_or(params, "order") == "sequence";
  std::vector<StageEffect> timers;
  json::array& parties = items.state()["parties"].get_array();
  for (std::size_t i = 0; i < parties.size(); ++i) {
    json::object& party = parties[i].get_object();
    const std::string status = string_or(party, "status");
    if (status == "asked" && sequence) break;
    if (status != "waiting") continue;
    TaskRow task{.kind = "countersign", .role = string_or(party, "role"), .org = string_or(party, "org"), .user = string_or(party, "user"), .outcomes = {"agree", "return"}};
    task.data = object_or_empty(params, "data");
    if (const json::value* due = params.if_contains("due"); due != nullptr && !due->is_null()) {
      const Result<Due> at = resolve_due(context.view, context.now, *due);
      if (!at) return at.error();
      task.due = at->at;
      task.due_provisional = at->provisional;
      task.period = at->period;
      timers.emplace_back(SetTimer{.name = "party/" + std::to_string(i), .due = at->at, .period = at->period});
    }
    party["task"] = items.open(std::move(task)).id;
    party["status"] = "asked";
    if (sequence) break;
  }
  return timers;
}

/// Notes what a party said. `task` is null for one that was silent.
void note(const StageContext& context, json::object& state, json::object& party, const std::string& outcome, const TaskRow* task) {
  party["status"] = outcome;
  const json::value* bundle = object_or_empty(context.application, "bundle").if_contains("digest");
  state["signatures"].get_array().push_back(json::object{{"party", key_of(party)},
                                                         {"name", string_or(party, "name")},
                                                         {"role", string_or(party, "role")},
                                                         {"org", string_or(party, "org")},
                                                         {"outcome", outcome},
                                                         {"opinion", task == nullptr ? std::string{} : string_or(task->data, "opinion")},
                                                         {"by", task == nullptr ? std::string{} : task->done_by},
                                                         {"at", to_ms(context.now)},
                                                         {"bundle", bundle == nullptr ? json::value() : *bundle},
                                                         {"status", "stands"},
                                                         {"turn", int_or(state, "turn", 1)}});
}

/// Goes on after a party has spoken: ends, or asks the next.
Result<StageOutcome> go_on(const StageContext& context, WorkItems items, std::vector<StageEffect> effects = {}) {
  const Tally now = tally(items.state());
  std::vector<StageEvent> events;
  if (now.met || now.lost) {
    items.cancel_all();
    for (std::size_t i = 0; i < items.state()["parties"].get_array().size(); ++i) effects.emplace_back(CancelTimer{.name = "party/" + std::to_string(i)});
    events.push_back({.name = "done", .data = json::object{{"outcome", now.met ? "agreed" : "returned"}, {"signatures", items.state()["signatures"]}}});
  } else {
    const Result<std::vector<StageEffect>> timers = ask(context, items);
    if (!timers) return timers.error();
    effects.insert(effects.end(), timers->begin(), timers->end());
  }
  StageOutcome out = items.finish();
  out.effects.insert(out.effects.end(), effects.begin(), effects.end());
  out.events = std::move(events);
  return out;
}

/// The parties as the parameters name them, or what is wrong with them.
Result<json::array> parties_of(const StageContext& context, const json::object& params) {
  const json::array& given = array_or_empty(params, "parties");
  if (given.empty() || given.size() > kCountersignPartiesMax) return wrong_params(context, "1 to " + std::to_string(kCountersignPartiesMax) + " parties");
  json::array out;
  std::set<std::string> keys;
  for (const json::value& value : given) {
    if (!value.is_object()) return wrong_params(context, "each party as a table");
    json::object party{{"status", "waiting"}};
    for (const char* key : {"role", "org", "user", "name"}) party[key] = string_or(value.get_object(), key);
    party["weight"] = string_or(value.get_object(), "weight", std::to_string(int_or(value.get_object(), "weight", 1)));
    if (string_or(party, "user").empty() && (string_or(party, "role").empty() || string_or(party, "org").empty())) return wrong_params(context, "role and org, or user, of each party");
    if (const Result<Decimal> weight = Decimal::parse(string_or(party, "weight")); !weight || *weight <= Decimal{}) return wrong_params(context, "a weight above 0 of each party");
    if (!keys.insert(key_of(party)).second) return wrong_params(context, "each party once, but '" + key_of(party) + "' stands twice");
    out.push_back(std::move(party));
  }
  return out;
}

Result<json::object> rules_of(const StageContext& context, const json::object& params) {
  json::object out{{"order", string_or(params, "order", "parallel")},
                   {"needs", string_or(params, "needs", "all")},
                   {"silence", string_or(params, "silence", "waits")},
                   {"quorum", int_or(params, "quorum", 0)},
                   {"weight", string_or(params, "weight", std::to_string(int_or(params, "weight", 0)))},
                   {"not_by", array_or_empty(params, "not_by")},
                   {"data", object_or_empty(params, "data")}};
  if (const json::value* due = params.if_contains("due")) out["due"] = *due;
  if (!is_one_of(string_or(out, "order"), {"parallel", "sequence"})) return wrong_params(context, "order 'parallel' or 'sequence'");
  if (!is_one_of(string_or(out, "needs"), {"all", "any", "quorum", "weight"})) return wrong_params(context, "needs 'all', 'any', 'quorum' or 'weight'");
  if (!is_one_of(string_or(out, "silence"), {"waits", "agrees"})) return wrong_params(context, "silence 'waits' or 'agrees'");
  if (!is_one_of(string_or(params, "on_return", "stand"), {"stand", "fall"})) return wrong_params(context, "on_return 'stand' or 'fall'");
  const Result<Decimal> weight = Decimal::parse(string_or(out, "weight"));
  if (string_or(out, "needs") == "quorum" && int_or(out, "quorum", 0) < 1) return wrong_params(context, "a quorum of at least 1");
  if (string_or(out, "needs") == "weight" && (!weight || *weight <= Decimal{})) return wrong_params(context, "a weight above 0");
  return out;
}

/// Takes over the signatures of earlier turns, as `on_return` says.
void take_over(json::object& state, const json::object& params) {
  const bool fall = string_or(params, "on_return", "stand") == "fall";
  std::int64_t turn = 0;
  json::array signatures;
  for (const json::value& value : array_or_empty(params, "signatures")) {
    if (!value.is_object()) continue;
    json::object& signature = signatures.emplace_back(value).get_object();
    turn = std::max(turn, int_or(signature, "turn", 1));
    if (fall || string_or(signature, "outcome") == "return") signature["status"] = "fallen";
    if (string_or(signature, "status") != "stands") continue;
    for (json::value& each : state["parties"].get_array())
      if (key_of(each.get_object()) == string_or(signature, "party")) each.get_object()["status"] = "stands";
  }
  state["turn"] = turn + 1;
  state["signatures"] = std::move(signatures);
}

}  // namespace

Result<StageOutcome> CountersignStage::start(const StageContext& context, const json::object& params) const {
  Result<json::object> rules = rules_of(context, params);
  if (!rules) return rules.error();
  Result<json::array> parties = parties_of(context, params);
  if (!parties) return parties.error();
  json::object state{{"params", std::move(*rules)}, {"parties", std::move(*parties)}};
  if (tally(state).lost) return wrong_params(context, "parties that can give what is needed");
  take_over(state, params);
  return go_on(context, WorkItems(context, std::move(state)));
}

Result<StageOutcome> CountersignStage::command(const StageContext& context, const json::object& state, const StageCommand& given) const {
  WorkItems items(context, state);
  if (given.name != "complete" && given.name != "save") {
    if (Result<> done = items.handle(given); !done) return done.error();
    return items.finish();
  }
  const Result<StageCommand> command = items.opinion_only(given);
  if (!command) return command.error();
  if (given.name == "save") {
    if (Result<> saved = items.handle(*command); !saved) return saved.error();
    return items.finish();
  }
  const std::vector<std::string> people = command->people();
  for (const json::value& each : array_or_empty(state, "signatures"))
    if (int_or(each.get_object(), "turn", 1) == int_or(state, "turn", 1) && std::find(people.begin(), people.end(), string_or(each.get_object(), "by")) != people.end())
      return Error{.kind = ErrorKind::forbidden,
                   .code = "countersign.twice",
                   .message = "Expected somebody who has not signed for another party",
                   .message_zh = "同一人不得代表两个单位会签"};
  const Result<TaskRow> task = items.sign(*command, array_or_empty(object_or_empty(state, "params"), "not_by"));
  if (!task) return task.error();
  if (task->outcome == "return" && string_or(task->data, "opinion").empty())
    return Error{.kind = ErrorKind::invalid,
                 .code = "countersign.opinion",
                 .message = "Expected an opinion that says why it is returned",
                 .place = "/data/opinion",
                 .message_zh = "退回时请填写意见"};
  json::array& parties = items.state()["parties"].get_array();
  std::vector<StageEffect> effects;
  for (std::size_t i = 0; i < parties.size(); ++i) {
    if (string_or(parties[i].get_object(), "task") != task->id) continue;
    note(context, items.state(), parties[i].get_object(), task->outcome, &*task);
    effects.emplace_back(CancelTimer{.name = "party/" + std::to_string(i)});
  }
  return go_on(context, std::move(items), std::move(effects));
}

Result<StageOutcome> CountersignStage::timer(const StageContext& context, const json::object& state, std::string_view name) const {
  WorkItems items(context, state);
  const std::size_t place = static_cast<std::size_t>(std::atoll(std::string{name.substr(name.find('/') + 1)}.c_str()));
  json::object& party = items.state()["parties"].at(place).as_object();
  const StageEvent late{.name = "task.overdue." + context.invoke_id, .data = json::object{{"party", key_of(party)}}};
  if (string_or(object_or_empty(state, "params"), "silence") != "agrees") {
    StageOutcome out = items.finish();
    out.events.push_back(late);
    return out;
  }
  items.cancel(string_or(party, "task"));
  note(context, items.state(), party, "silent", nullptr);
  Result<StageOutcome> out = go_on(context, std::move(items));
  if (out) out->events.insert(out->events.begin(), late);
  return out;
}

StageOutcome CountersignStage::cancel(const StageContext& context, const json::object& state) const {
  WorkItems items(context, state);
  items.cancel_all();
  return items.finish();
}

}  // namespace chuyi

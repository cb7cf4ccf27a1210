#include "engine/scxml/lua_model.h"

#include <algorithm>
#include <utility>

#include "engine/base/split.h"
#include "engine/scxml/lua_sandbox.h"

namespace chuyi::scxml {
namespace {

constexpr std::size_t kMachinesMax = 48;  ///< charts and forms of a season's programmes
constexpr std::uint64_t kCallCost = 50;    ///< of the way into Lua and back
constexpr std::uint64_t kActionCost = 50;  ///< of one piece of executable content
constexpr std::size_t kLitterMax = 192U * 1024;  ///< bytes that sessions may leave behind before a collection
constexpr std::size_t kMemoryDefault = 32U * 1024 * 1024;

Error execution_error(const std::string& place, std::string message) {
  return Error{.kind = ErrorKind::invalid, .code = "lua.execution", .message = std::move(message), .place = place};
}

/// Lua's message without its "=chunk:line:" prefix, which names no place of the document.
std::string message_of(lua_State* L) {
  std::size_t size = 0;
  const char* text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &size) : nullptr;
  std::string out = text == nullptr ? std::string{"error object"} : std::string(text, size);
  lua_pop(L, 1);
  if (out.starts_with("chunk:")) {
    const std::size_t colon = out.find(": ");
    if (colon != std::string::npos) out.erase(0, colon + 2);
  }
  return out;
}

int push_protected(lua_State* L) {
  const auto* value = static_cast<const json::value*>(lua_touserdata(L, 1));
  lua_settop(L, 0);
  push_json(L, *value);
  return 1;
}

/// Arguments: session id, name of the chart. Sets the system variables of the base, those that are made when they are read
/// to nil, and returns a new environment for a session, empty: its globals come when they are read.
int begin_session(lua_State* L) {
  const std::string* texts[] = {static_cast<const std::string*>(lua_touserdata(L, 1)), static_cast<const std::string*>(lua_touserdata(L, 2))};
  lua_settop(L, 0);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &kBaseKey);
  for (const auto& [name, text] : {std::pair{"_sessionid", texts[0]}, std::pair{"_name", texts[1]}}) {
    lua_pushlstring(L, text->data(), text->size());
    lua_setfield(L, 1, name);
  }
  for (const char* name : {"_x", "_ioprocessors", "_event"}) {
    lua_pushnil(L);
    lua_setfield(L, 1, name);
  }
  lua_newtable(L);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &kEnvironmentKey);
  lua_setmetatable(L, -2);
  return 1;
}

int forget_event(lua_State* L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &kBaseKey);
  lua_pushnil(L);
  lua_setfield(L, -2, "_event");
  return 0;
}

/// Arguments: environment, target. Returns a table of the functions among the globals of the first, and puts them
/// into the second where it has no such global.
int collect_functions(lua_State* L) {
  lua_newtable(L);
  for (lua_pushnil(L); lua_next(L, 1) != 0; lua_settop(L, 4)) {
    if (lua_type(L, 4) != LUA_TSTRING || lua_isfunction(L, 5) == 0) continue;
    std::size_t size = 0;
    const char* name = lua_tolstring(L, 4, &size);
    lua_pushvalue(L, 4);
    if (lua_rawget(L, 2) == LUA_TNIL && waiting_global(limits_of(L), {name, size}) == limits_of(L).taken.size()) {
      lua_pushvalue(L, 4);
      lua_pushvalue(L, 5);
      lua_rawset(L, 2);
    }
    lua_pushvalue(L, 4);
    lua_pushvalue(L, 5);
    lua_rawset(L, 3);
  }
  lua_settop(L, 3);
  return 1;
}

const char kLoopsKey = 0;  ///< registry key: the lists that loops go through, by depth

/// Arguments: list, length, depth. Keeps a shallow copy for the loop at that depth.
int begin_loop(lua_State* L) {
  const lua_Integer size = lua_tointeger(L, 2);
  lua_createtable(L, static_cast<int>(size), 0);
  for (lua_Integer i = 1; i <= size; ++i) {
    lua_rawgeti(L, 1, i);
    lua_rawseti(L, 4, i);
  }
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &kLoopsKey) != LUA_TTABLE) {
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &kLoopsKey);
    lua_replace(L, 5);
  }
  lua_pushvalue(L, 4);
  lua_rawseti(L, 5, lua_tointeger(L, 3));
  return 0;
}

/// Arguments: environment, name, depth, position. The variable gets what the loop at that depth has at the position.
int set_item(lua_State* L) {
  const auto* name = static_cast<const std::string*>(lua_touserdata(L, 2));
  lua_pushlstring(L, name->data(), name->size());
  lua_rawgetp(L, LUA_REGISTRYINDEX, &kLoopsKey);
  lua_rawgeti(L, -1, lua_tointeger(L, 3));
  lua_rawgeti(L, -1, lua_tointeger(L, 4));
  lua_pushvalue(L, 5);
  lua_insert(L, -2);
  lua_settable(L, 1);
  return 0;
}

/// Arguments: environment, name (json::string as value), value. Obeys __newindex.
int set_environment_global(lua_State* L) {
  lua_settable(L, 1);
  return 0;
}

/// Might it be JSON? Words and signs alone are text to most authors, so that Lua is asked about tables and quotes only.
bool is_json_like(std::string_view text) {
  const char c = text.empty() ? ' ' : text.front();
  return c == '{' || c == '[' || c == '"' || c == '-' || (c >= '0' && c <= '9') || text == "true" || text == "false" || text == "null";
}

/// A Lua table, one text in quotes, or nil.
bool is_lua_constant(std::string_view text) {
  if (text == "nil" || (text.starts_with('{') && text.ends_with('}'))) return true;
  if (!text.starts_with('"') && !text.starts_with('\'')) return false;
  std::size_t at = 1;
  while (at < text.size() && text[at] != text.front()) at += text[at] == '\\' ? 2 : 1;
  return at + 1 == text.size();
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = std::min(text.find_first_not_of(" \t\r\n"), text.size());
  return text.substr(first, text.find_last_not_of(" \t\r\n") + 1 - first);
}

std::string normalise_space(std::string_view text) {
  std::string out;
  for (const std::string& word : split(text)) out += (out.empty() ? "" : " ") + word;
  return out;
}

}  // namespace

struct LuaModel::Machine {
  SandboxLimits limits;
  lua_State* L = nullptr;
  std::vector<int> chunks;     ///< registry references by script id; LUA_NOREF: not compiled yet
  int environment = LUA_NOREF;  ///< registry reference of the running session's
  int functions = LUA_NOREF;    ///< registry reference: name → function of the chart's own script, this session's

  Machine() { limits.bytes_max = kMemoryDefault; }
  ~Machine() {
    if (L != nullptr) lua_close(L);
  }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  void refill(const StepLimits& step) {
    limits.bytes_max = step.lua_bytes_max;
    limits.step_left = step.lua_step_instructions_max;
    per_evaluation = step.lua_instructions_max;
    limits.evaluation_left = per_evaluation;
    limits.longest = 0;
    limits.event_made = limits.event_failed = false;
  }
  std::uint64_t per_evaluation = 0;
  std::size_t bytes_clean = 0;  ///< in use after the last collection
};

namespace {

using Machine = LuaModel::Machine;

struct CachedMachine {
  std::uint64_t serial;
  std::shared_ptr<Machine> machine;
};

/// Machines of this thread, most recently used last. A chart's compiled chunks stay with its machine.
std::vector<CachedMachine>& machines() {
  thread_local std::vector<CachedMachine> cache;
  return cache;
}

std::shared_ptr<Machine> acquire(const Chart& chart) {
  auto& cache = machines();
  const auto found =
      std::find_if(cache.begin(), cache.end(), [&](const CachedMachine& each) { return each.serial == chart.serial; });
  if (found != cache.end()) {
    std::shared_ptr<Machine> machine = std::move(found->machine);
    cache.erase(found);
    return machine;
  }
  auto machine = std::make_shared<Machine>();
  machine->limits.step_left = machine->limits.evaluation_left = 10'000'000;
  machine->L = new_sandbox(machine->limits);
  machine->chunks.assign(chart.scripts.size(), LUA_NOREF);
  return machine;
}

void release(const Chart& chart, std::shared_ptr<Machine> machine) {
  // After an allocation failed nothing is certain about the state; the next session gets a new one.
  // Serial 0 is an expression of its own, seen once. What a session left behind is no load on the next one.
  if (!machine || machine->L == nullptr || machine->limits.out_of_memory || chart.serial == 0) return;
  machine->limits.L = nullptr;
  if (machine->limits.bytes_used > machine->bytes_clean + kLitterMax) {
    lua_gc(machine->L, LUA_GCCOLLECT);
    machine->bytes_clean = machine->limits.bytes_used;
  }
  machine->limits.L = machine->L;
  auto& cache = machines();
  if (cache.size() >= kMachinesMax) cache.erase(cache.begin());
  cache.push_back({chart.serial, std::move(machine)});
}

}  // namespace

LuaModel::LuaModel(const Chart& chart, const Env& env, const StepLimits& limits,
                   std::function<bool(std::string_view)> in_state)
    : chart_(chart), env_(env), limits_(limits), in_state_(std::move(in_state)) {}

LuaModel::~LuaModel() {
  if (!machine_) return;
  machine_->limits.in_state = nullptr;
  machine_->limits.env = nullptr;
  machine_->limits.event = nullptr;
  machine_->limits.globals = nullptr;
  machine_->limits.environment = nullptr;
  machine_->limits.taken.clear();
  if (machine_->L != nullptr) {
    for (int* reference : {&machine_->environment, &machine_->functions}) {
      luaL_unref(machine_->L, LUA_REGISTRYINDEX, *reference);
      *reference = LUA_NOREF;
    }
    lua_settop(machine_->L, 0);
  }
  release(chart_, std::move(machine_));
}

Result<> LuaModel::call(int arguments, int results, const std::string& place) {
  lua_State* L = machine_->L;
  machine_->limits.evaluation_left = machine_->per_evaluation;
  spend(kCallCost);
  begin_evaluation(L);
  const int status = lua_pcall(L, arguments, results, 0);
  if (status == LUA_OK) return {};
  if (status == LUA_ERRMEM) machine_->limits.out_of_memory = true;
  Error error = execution_error(place, status == LUA_ERRMEM ? "memory limit reached" : message_of(L));
  if (machine_->limits.event_failed) {
    failure_ = Error{.kind = ErrorKind::invalid,
                     .code = "scxml.event",
                     .message = "Expected an event that the data model can hold, but: " + error.message};
  }
  return error;
}

Result<> LuaModel::push_script(const Script& script) {
  if (Result<> ready = prepare(); !ready) return ready;
  return push_chunk(script);
}

Result<> LuaModel::push_chunk(const Script& script) {
  lua_State* L = machine_->L;
  int& chunk = machine_->chunks[static_cast<std::size_t>(script.id)];
  if (chunk == LUA_NOREF) {
    // Compiled once for many sessions, so on nobody's budget.
    const SandboxLimits before = machine_->limits;
    const int status = luaL_loadbufferx(L, script.source.data(), script.source.size(), "=chunk", "t");
    machine_->limits.evaluation_left = before.evaluation_left;
    machine_->limits.step_left = before.step_left;
    machine_->limits.longest = before.longest;
    if (status != LUA_OK) return execution_error(script.place, message_of(L));
    chunk = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  machine_->limits.longest = std::max(machine_->limits.longest, script.source.size());  // its constants
  lua_rawgeti(L, LUA_REGISTRYINDEX, chunk);
  lua_rawgeti(L, LUA_REGISTRYINDEX, machine_->environment);
  if (lua_setupvalue(L, -2, 1) == nullptr) lua_pop(L, 1);  // a chunk without globals has no _ENV
  return {};
}

void LuaModel::load(json::object globals) { loaded_ = std::move(globals); }

void LuaModel::restore(json::object globals) {
  load(std::move(globals));
  with_functions_ = true;
}

void LuaModel::set_event(const Event& event) {
  event_ = &event;
  if (machine_) machine_->limits.event = nullptr;  // another event may lie at the same address
}

Result<> LuaModel::prepare() {
  if (is_null()) return {};
  if (!failure_ && !machine_)
    if (Result<> begun = prepare_session(); !begun) failure_ = begun.error();
  if (!failure_ && machine_->limits.event != event_) show_event();
  if (failure_) return *failure_;
  return {};
}

void LuaModel::show_event() {
  machine_->limits.event = event_;
  if (!std::exchange(machine_->limits.event_made, false)) return;
  lua_pushcfunction(machine_->L, forget_event);
  if (Result<> forgotten = call(0, 0, {}); !forgotten) failure_ = forgotten.error();
}

Result<> LuaModel::prepare_session() {
  machine_ = acquire(chart_);
  machine_->refill(limits_);
  machine_->limits.in_state = &in_state_;
  machine_->limits.env = &env_;
  if (machine_->L == nullptr) return execution_error({}, "memory limit reached");
  if (Result<> pushed = push_session(); !pushed) return pushed;
  return with_functions_ && chart_.script ? restore_functions() : Result<>{};
}

/// A new environment with these globals, as the machine's.
Result<> LuaModel::push_session() {
  lua_State* L = machine_->L;
  lua_pushcfunction(L, begin_session);
  lua_pushlightuserdata(L, const_cast<std::string*>(&env_.session_id));
  lua_pushlightuserdata(L, const_cast<std::string*>(&chart_.name));
  if (Result<> called = call(2, 1, {}); !called) return called;
  luaL_unref(L, LUA_REGISTRYINDEX, machine_->environment);
  const void* address = lua_topointer(L, -1);
  machine_->environment = luaL_ref(L, LUA_REGISTRYINDEX);
  await_globals(address);
  return {};
}

/// From here on all globals wait to be read, in the environment at this address.
void LuaModel::await_globals(const void* environment) {
  machine_->limits.globals = &loaded_;
  machine_->limits.environment = environment;
  machine_->limits.taken.assign(loaded_.size(), 0);
}

Result<> LuaModel::run_top_script() {
  Result<> ran = run(chart_.script);
  if (machine_ && machine_->L != nullptr) keep_functions(machine_->environment);
  return ran;
}

Result<> LuaModel::restore_functions() {
  lua_State* L = machine_->L;
  // The script runs on a copy of the data that is thrown away; only the functions stay. It has no part in the
  // macrostep's budget.
  const int session = std::exchange(machine_->environment, LUA_NOREF);
  const void* address = machine_->limits.environment;
  const std::uint64_t step_left = std::exchange(machine_->limits.step_left, machine_->per_evaluation);
  const std::size_t longest = machine_->limits.longest;
  Result<> copied = push_session();
  if (copied && push_chunk(chart_.script)) (void)call(0, 0, {});  // what it defined before it failed is there
  await_globals(address);
  if (copied) keep_functions(session);
  luaL_unref(L, LUA_REGISTRYINDEX, machine_->environment);
  machine_->environment = session;
  machine_->limits.step_left = step_left;
  machine_->limits.longest = std::max(longest, chart_.script.source.size());
  // All functions of a chunk share its _ENV: they see the session's data from here on.
  if (copied) copied = push_chunk(chart_.script);
  lua_settop(L, 0);
  return copied;
}

/// Puts the functions among the machine's globals into the environment at `target` too, and remembers them.
void LuaModel::keep_functions(int target) {
  lua_State* L = machine_->L;
  lua_pushcfunction(L, collect_functions);
  lua_rawgeti(L, LUA_REGISTRYINDEX, machine_->environment);
  lua_rawgeti(L, LUA_REGISTRYINDEX, target);
  if (!call(2, 1, {})) return;
  luaL_unref(L, LUA_REGISTRYINDEX, machine_->functions);
  machine_->functions = luaL_ref(L, LUA_REGISTRYINDEX);
}

/// True when the global at the top, whose key is below it, is a function of the chart's own script.
bool LuaModel::is_kept_function() const {
  lua_State* L = machine_->L;
  if (lua_isfunction(L, -1) == 0 || machine_->functions == LUA_NOREF) return false;
  lua_rawgeti(L, LUA_REGISTRYINDEX, machine_->functions);
  lua_pushvalue(L, -3);
  lua_rawget(L, -2);
  const bool same = lua_rawequal(L, -1, -3) != 0;
  lua_pop(L, 2);
  return same;
}

Result<json::object> LuaModel::save() {
  json::object changed;
  if (is_null()) return changed;
  if (failure_) return *failure_;
  if (!machine_) return std::move(loaded_);
  lua_State* L = machine_->L;
  Error error{.kind = ErrorKind::invalid, .code = "lua.value", .message = {}};
  lua_settop(L, 0);
  lua_rawgeti(L, LUA_REGISTRYINDEX, machine_->environment);
  for (lua_pushnil(L); lua_next(L, 1) != 0; lua_settop(L, 2)) {
    if (is_kept_function()) continue;
    const bool named = lua_type(L, 2) == LUA_TSTRING;
    std::size_t size = 0;
    const std::string_view name = named ? std::string_view{lua_tolstring(L, 2, &size), size} : std::string_view{};
    Result<json::value> value = pull_json(L, 3);
    if (named && value && is_utf8(name) && name.find('\0') == std::string_view::npos) {
      changed.emplace(name, std::move(*value));
      continue;
    }
    const std::string what = !value ? value.error().message : "Expected global names that are text";
    error.message += (error.message.empty() ? "" : "; ") + what + " in global '" + printable(name) + "'";
    put_back(name);
  }
  lua_settop(L, 0);
  if (!error.message.empty()) return error;
  const std::vector<char>& taken = machine_->limits.taken;
  for (std::size_t i = 0; i < taken.size(); ++i)
    if (taken[i] == 0) changed.emplace(loaded_.begin()[i].key(), std::move(loaded_.begin()[i].value()));
  return changed;
}

/// Gives the global whose key is at 2 the value that it had when the step began. An existing field needs no memory.
void LuaModel::put_back(std::string_view name) {
  lua_State* L = machine_->L;
  const json::value* before = loaded_.if_contains(name);
  const json::value nothing;
  lua_settop(L, 2);
  lua_pushvalue(L, 2);
  lua_pushcfunction(L, push_protected);
  lua_pushlightuserdata(L, const_cast<json::value*>(before == nullptr ? &nothing : before));
  if (!call(1, 1, {})) lua_pushnil(L);
  lua_rawset(L, 1);
}

Result<json::value> LuaModel::eval(const Script& script) {
  if (is_null()) return execution_error(script.place, "Expected no expression: the data model is null");
  if (Result<> pushed = push_script(script); !pushed) return pushed.error();
  if (Result<> called = call(0, 1, script.place); !called) return called.error();
  Result<json::value> value = pull_json(machine_->L, -1);
  lua_pop(machine_->L, 1);
  if (!value) return execution_error(script.place, value.error().message);
  return value;
}

Result<bool> LuaModel::eval_condition(const Script& script) {
  if (is_null()) {
    const std::optional<std::string> state = in_state_of_null(script.source);
    if (!state) return execution_error(script.place, "Expected In('STATE')");
    return in_state_(*state);
  }
  if (Result<> pushed = push_script(script); !pushed) return pushed.error();
  if (Result<> called = call(0, 1, script.place); !called) return called.error();
  const bool value = lua_toboolean(machine_->L, -1) != 0;
  lua_pop(machine_->L, 1);
  return value;
}

Result<> LuaModel::run(const Script& script) {
  if (is_null()) return execution_error(script.place, "Expected no script: the data model is null");
  if (Result<> pushed = push_script(script); !pushed) return pushed;
  return call(0, 0, script.place);
}

Result<> LuaModel::assign(const Script& location, const json::value& value) {
  if (is_null()) return execution_error(location.place, "Expected no assignment: the data model is null");
  if (Result<> pushed = push_script(location); !pushed) return pushed;
  lua_State* L = machine_->L;
  lua_pushcfunction(L, push_protected);
  lua_pushlightuserdata(L, const_cast<json::value*>(&value));
  if (Result<> called = call(1, 1, location.place); !called) {
    lua_pop(L, 1);
    return called;
  }
  return call(1, 0, location.place);
}

Result<> LuaModel::assign_expression(const Script& location, const Script& value) {
  if (is_null()) return execution_error(location.place, "Expected no assignment: the data model is null");
  if (Result<> pushed = push_script(location); !pushed) return pushed;
  if (Result<> pushed = push_script(value); !pushed) {
    lua_pop(machine_->L, 1);
    return pushed;
  }
  if (Result<> called = call(0, 1, value.place); !called) {
    lua_pop(machine_->L, 1);
    return called;
  }
  if (const Result<json::value> kept = pull_json(machine_->L, -1); !kept) {
    lua_pop(machine_->L, 2);
    return execution_error(value.place, kept.error().message);
  }
  return call(1, 0, location.place);
}

Result<> LuaModel::set_global(const std::string& name, const json::value& value) {
  if (is_null()) return execution_error({}, "Expected no data: the data model is null");
  if (Result<> ready = prepare(); !ready) return ready;
  lua_State* L = machine_->L;
  lua_pushcfunction(L, set_environment_global);
  lua_rawgeti(L, LUA_REGISTRYINDEX, machine_->environment);
  const json::value key(name);
  for (const json::value* each : {&key, &value}) {
    lua_pushcfunction(L, push_protected);
    lua_pushlightuserdata(L, const_cast<json::value*>(each));
    if (Result<> called = call(1, 1, {}); !called) {
      lua_settop(L, 0);
      return called;
    }
  }
  return call(3, 0, {});
}

Result<> LuaModel::for_each(const Script& array, const std::string& item, const std::string& index,
                            const std::function<Result<>()>& body) {
  if (!is_identifier(item) || (!index.empty() && !is_identifier(index)))
    return execution_error(array.place, "Expected 'item' and 'index' to be variable names");
  const Result<std::int64_t> size = begin_loop_over(array);
  if (!size) return size.error();
  ++loops_;
  Result<> out;
  for (lua_Integer position = 1; out && position <= *size; ++position) {
    out = set_to_item(item, position);
    if (out && !index.empty()) out = set_global(index, json::value(position));
    if (out) out = body();
  }
  --loops_;
  return out;
}

/// @return how many elements the loop at depth `loops_` has.
Result<std::int64_t> LuaModel::begin_loop_over(const Script& array) {
  if (is_null()) return execution_error(array.place, "Expected no foreach: the data model is null");
  if (Result<> pushed = push_script(array); !pushed) return pushed.error();
  if (Result<> called = call(0, 1, array.place); !called) return called.error();
  lua_State* L = machine_->L;
  const Result<json::value> list = pull_json(L, -1);
  if (!list || (!list->is_array() && !(list->is_object() && list->get_object().empty()))) {
    lua_pop(L, 1);
    return execution_error(array.place, list ? "Expected 'array' to be a list" : list.error().message);
  }
  const std::int64_t size = list->is_array() ? static_cast<std::int64_t>(list->get_array().size()) : 0;
  lua_pushcfunction(L, begin_loop);
  lua_insert(L, -2);
  lua_pushinteger(L, size);
  lua_pushinteger(L, loops_ + 1);
  if (Result<> begun = call(3, 0, array.place); !begun) return begun.error();
  return size;
}

Result<> LuaModel::set_to_item(const std::string& name, std::int64_t position) {
  lua_State* L = machine_->L;
  lua_pushcfunction(L, set_item);
  lua_rawgeti(L, LUA_REGISTRYINDEX, machine_->environment);
  lua_pushlightuserdata(L, const_cast<std::string*>(&name));
  lua_pushinteger(L, loops_);
  lua_pushinteger(L, position);
  return call(4, 0, {});
}

Result<json::value> LuaModel::literal(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with('<')) return json::value(text);  // markup: an <invoke> may run it
  if (!is_null() && is_json_like(text))
    if (Result<json::value> parsed = parse_json(text, JsonLimits{}, "content")) return parsed;
  if (is_null() || !is_lua_constant(text)) return json::value(normalise_space(text));
  if (Result<> ready = prepare(); !ready) return ready.error();
  lua_State* L = machine_->L;
  const std::string source = "return " + std::string{text} + "\n";
  if (luaL_loadbufferx(L, source.data(), source.size(), "=chunk", "t") != LUA_OK) {
    lua_pop(L, 1);
    return json::value(normalise_space(text));
  }
  // A constant needs no globals: its environment stays empty.
  if (!call(0, 1, {})) return json::value(normalise_space(text));
  Result<json::value> value = pull_json(L, -1);
  lua_pop(L, 1);
  return value;
}

Result<> LuaModel::begin_action(const std::string& place) {
  if (!machine_) return {};
  spend(kActionCost);
  if (exhausted()) return execution_error(place, "instruction limit reached");
  return {};
}

void LuaModel::spend(std::uint64_t cost) {
  std::uint64_t& left = machine_->limits.step_left;
  left -= std::min(left, cost);
}

bool LuaModel::exhausted() const { return machine_ && machine_->limits.step_left == 0; }

std::vector<Detail> compile_all(const Chart& chart) {
  std::vector<Detail> out;
  SandboxLimits limits;
  limits.bytes_max = kMemoryDefault;
  limits.step_left = limits.evaluation_left = 10'000'000;
  lua_State* L = new_sandbox(limits);
  for (const Script& script : chart.scripts) {
    if (L == nullptr) break;
    if (luaL_loadbufferx(L, script.source.data(), script.source.size(), "=chunk", "t") != LUA_OK) {
      std::string message = message_of(L);
      out.push_back({.place = script.place, .code = "scxml.expression", .message = "Expected valid Lua: " + message, .message_zh = {}});
    }
    lua_settop(L, 0);
  }
  if (L != nullptr) lua_close(L);
  return out;
}

std::optional<std::string> in_state_of_null(std::string_view source) {
  const std::string text = normalise_space(source);
  constexpr std::string_view kPrefix = "return In(";
  if (!text.starts_with(kPrefix) || !text.ends_with(")")) return std::nullopt;
  std::string_view inner = std::string_view{text}.substr(kPrefix.size(), text.size() - kPrefix.size() - 1);
  while (inner.starts_with(' ')) inner.remove_prefix(1);
  while (inner.ends_with(' ')) inner.remove_suffix(1);
  if (inner.size() < 2 || (inner.front() != '\'' && inner.front() != '"') || inner.back() != inner.front())
    return std::nullopt;
  return std::string{inner.substr(1, inner.size() - 2)};
}

}  // namespace chuyi::scxml

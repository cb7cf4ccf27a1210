#include "engine/scxml/lua_model.h"

#include <algorithm>

#include "engine/scxml/lua_sandbox.h"

namespace chuyi::scxml {
namespace {

constexpr std::size_t kMachinesMax = 16;
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

/// A new environment for a session: arguments 1: json::object of its globals.
int push_environment(lua_State* L) {
  const auto* globals = static_cast<const json::object*>(lua_touserdata(L, 1));
  lua_settop(L, 0);
  lua_createtable(L, 0, static_cast<int>(globals->size()));
  for (const json::key_value_pair& member : *globals) {
    lua_pushlstring(L, member.key().data(), member.key().size());
    push_json(L, member.value());
    lua_rawset(L, 1);
  }
  lua_rawgetp(L, LUA_REGISTRYINDEX, &kEnvironmentKey);
  lua_setmetatable(L, 1);
  return 1;
}

/// Arguments: table, name (light userdata of const char*), json::value. Sets a system variable of the base.
int set_system_variable(lua_State* L) {
  const auto* name = static_cast<const char*>(lua_touserdata(L, 1));
  const auto* value = static_cast<const json::value*>(lua_touserdata(L, 2));
  lua_settop(L, 0);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &kBaseKey);
  push_json(L, *value);
  lua_setfield(L, 1, name);
  return 0;
}

/// Arguments: environment, name (json::string as value), value. Obeys __newindex.
int set_environment_global(lua_State* L) {
  lua_settable(L, 1);
  return 0;
}

bool is_light_literal(std::string_view text) {
  if (text.empty()) return false;
  const char c = text.front();
  return c == '{' || c == '"' || c == '\'' || c == '-' || (c >= '0' && c <= '9') || text == "true" || text == "false" ||
         text == "nil";
}

std::string normalise_space(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; (at = text.find_first_not_of(" \t\r\n", at)) != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(" \t\r\n", at), text.size());
    if (!out.empty()) out += ' ';
    out += text.substr(at, end - at);
    at = end;
  }
  return out;
}

}  // namespace

struct LuaModel::Machine {
  SandboxLimits limits;
  lua_State* L = nullptr;
  std::vector<int> chunks;     ///< registry references by script id; LUA_NOREF: not compiled yet
  int environment = LUA_NOREF;  ///< registry reference of the running session's
  std::vector<std::string> functions;  ///< globals that the chart's top-level script makes functions

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
  }
  std::uint64_t per_evaluation = 0;
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
  // Serial 0 is an expression of its own, seen once.
  if (!machine || machine->L == nullptr || machine->limits.out_of_memory || chart.serial == 0) return;
  auto& cache = machines();
  if (cache.size() >= kMachinesMax) cache.erase(cache.begin());
  cache.push_back({chart.serial, std::move(machine)});
}

}  // namespace

LuaModel::LuaModel(const Chart& chart, const Env& env, const StepLimits& limits,
                   std::function<bool(std::string_view)> in_state)
    : chart_(chart), in_state_(std::move(in_state)) {
  if (chart.datamodel == DataModelKind::null) return;
  machine_ = acquire(chart);
  machine_->refill(limits);
  machine_->limits.in_state = &in_state_;
  if (machine_->L == nullptr) return;
  const json::object system{
      {"_sessionid", env.session_id},
      {"_name", chart.name},
      {"_x", json::object{{"now", to_ms(env.now)}}},
      {"_ioprocessors",
       json::object{{"http://www.w3.org/TR/scxml/#SCXMLEventProcessor",
                     json::object{{"location", "#_scxml_" + env.session_id}}},
                    {"scxml", json::object{{"location", "#_scxml_" + env.session_id}}}}},
      {"_event", nullptr}};
  for (const json::key_value_pair& member : system) {
    lua_pushcfunction(machine_->L, set_system_variable);
    lua_pushlightuserdata(machine_->L, const_cast<char*>(member.key_c_str()));
    lua_pushlightuserdata(machine_->L, const_cast<json::value*>(&member.value()));
    if (lua_pcall(machine_->L, 2, 0, 0) != LUA_OK) lua_settop(machine_->L, 0);
  }
}

LuaModel::~LuaModel() {
  if (!machine_) return;
  machine_->limits.in_state = nullptr;
  if (machine_->L != nullptr) {
    luaL_unref(machine_->L, LUA_REGISTRYINDEX, machine_->environment);
    machine_->environment = LUA_NOREF;
    lua_settop(machine_->L, 0);
  }
  release(chart_, std::move(machine_));
}

Result<> LuaModel::call(int arguments, int results, const std::string& place) {
  machine_->limits.evaluation_left = machine_->per_evaluation;
  lua_State* L = machine_->L;
  const int status = lua_pcall(L, arguments, results, 0);
  if (status == LUA_OK) return {};
  if (status == LUA_ERRMEM) machine_->limits.out_of_memory = true;
  return execution_error(place, status == LUA_ERRMEM ? "memory limit reached" : message_of(L));
}

Result<> LuaModel::push_script(const Script& script) {
  lua_State* L = machine_->L;
  if (L == nullptr) return execution_error(script.place, "memory limit reached");
  int& chunk = machine_->chunks[static_cast<std::size_t>(script.id)];
  if (chunk == LUA_NOREF) {
    if (luaL_loadbufferx(L, script.source.data(), script.source.size(), "=chunk", "t") != LUA_OK)
      return execution_error(script.place, message_of(L));
    chunk = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, chunk);
  lua_rawgeti(L, LUA_REGISTRYINDEX, machine_->environment);
  if (lua_setupvalue(L, -2, 1) == nullptr) lua_pop(L, 1);  // a chunk without globals has no _ENV
  return {};
}

Result<> LuaModel::load(const json::object& globals) {
  if (!machine_) return {};
  lua_State* L = machine_->L;
  if (L == nullptr) return execution_error({}, "memory limit reached");
  lua_pushcfunction(L, push_environment);
  lua_pushlightuserdata(L, const_cast<json::object*>(&globals));
  if (Result<> called = call(1, 1, {}); !called) return called;
  luaL_unref(L, LUA_REGISTRYINDEX, machine_->environment);
  machine_->environment = luaL_ref(L, LUA_REGISTRYINDEX);
  if (!chart_.script || !machine_->functions.empty()) return {};
  // Functions cannot be kept in a snapshot: those of the chart's own script are made again in each state.
  const int session = machine_->environment;
  const json::object nothing;
  lua_pushcfunction(L, push_environment);
  lua_pushlightuserdata(L, const_cast<json::object*>(&nothing));
  if (call(1, 1, {})) {
    machine_->environment = luaL_ref(L, LUA_REGISTRYINDEX);
    if (push_script(chart_.script) && call(0, 0, {})) {
      lua_rawgeti(L, LUA_REGISTRYINDEX, machine_->environment);
      lua_rawgetp(L, LUA_REGISTRYINDEX, &kBaseKey);
      lua_pushnil(L);
      while (lua_next(L, -3) != 0) {
        if (lua_type(L, -2) == LUA_TSTRING && lua_isfunction(L, -1) != 0) {
          machine_->functions.emplace_back(lua_tostring(L, -2));
          lua_pushvalue(L, -2);
          lua_pushvalue(L, -2);
          lua_rawset(L, -5);
        }
        lua_pop(L, 1);
      }
      lua_pop(L, 2);
    }
    luaL_unref(L, LUA_REGISTRYINDEX, machine_->environment);
  }
  machine_->environment = session;
  return {};
}

Result<json::object> LuaModel::save() {
  if (!machine_ || machine_->L == nullptr) return json::object{};
  lua_State* L = machine_->L;
  json::object out;
  lua_rawgeti(L, LUA_REGISTRYINDEX, machine_->environment);
  const int environment = lua_gettop(L);
  lua_pushnil(L);
  while (lua_next(L, environment) != 0) {
    if (lua_type(L, -2) != LUA_TSTRING) {
      lua_settop(L, environment - 1);
      return execution_error({}, "Expected global names that are text");
    }
    std::size_t size = 0;
    const char* text = lua_tolstring(L, -2, &size);
    const std::string_view name{text, size};
    const bool function = lua_isfunction(L, -1) != 0;
    if (!function || std::find(machine_->functions.begin(), machine_->functions.end(), name) == machine_->functions.end()) {
      Result<json::value> value = pull_json(L, lua_gettop(L));
      if (!value) {
        Error error = value.error();
        error.message += " in global '" + std::string{name} + "'";
        lua_settop(L, environment - 1);
        return error;
      }
      out.emplace(name, std::move(*value));
    }
    lua_pop(L, 1);
  }
  lua_settop(L, environment - 1);
  return out;
}

void LuaModel::set_event(const Event& event) {
  if (!machine_ || machine_->L == nullptr) return;
  static constexpr const char* kTypes[] = {"platform", "internal", "external"};
  json::object fields{{"name", event.name}, {"type", kTypes[static_cast<int>(event.type)]}, {"data", event.data}};
  const std::pair<const char*, const std::string*> optional[] = {
      {"sendid", &event.sendid}, {"origin", &event.origin}, {"origintype", &event.origintype}, {"invokeid", &event.invokeid}};
  for (const auto& [name, value] : optional)
    if (!value->empty()) fields[name] = *value;
  const json::value value = std::move(fields);
  lua_pushcfunction(machine_->L, set_system_variable);
  lua_pushlightuserdata(machine_->L, const_cast<char*>("_event"));
  lua_pushlightuserdata(machine_->L, const_cast<json::value*>(&value));
  if (lua_pcall(machine_->L, 2, 0, 0) != LUA_OK) lua_settop(machine_->L, 0);
}

Result<json::value> LuaModel::eval(const Script& script) {
  if (!machine_) return execution_error(script.place, "Expected no expression: the data model is null");
  if (Result<> pushed = push_script(script); !pushed) return pushed.error();
  if (Result<> called = call(0, 1, script.place); !called) return called.error();
  Result<json::value> value = pull_json(machine_->L, -1);
  lua_pop(machine_->L, 1);
  return value;
}

Result<bool> LuaModel::eval_condition(const Script& script) {
  if (!machine_) {
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
  if (!machine_) return execution_error(script.place, "Expected no script: the data model is null");
  if (Result<> pushed = push_script(script); !pushed) return pushed;
  return call(0, 0, script.place);
}

Result<> LuaModel::assign(const Script& location, const json::value& value) {
  if (!machine_) return execution_error(location.place, "Expected no assignment: the data model is null");
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
  if (!machine_) return execution_error(location.place, "Expected no assignment: the data model is null");
  if (Result<> pushed = push_script(location); !pushed) return pushed;
  if (Result<> pushed = push_script(value); !pushed) {
    lua_pop(machine_->L, 1);
    return pushed;
  }
  if (Result<> called = call(0, 1, value.place); !called) {
    lua_pop(machine_->L, 1);
    return called;
  }
  return call(1, 0, location.place);
}

Result<> LuaModel::set_global(const std::string& name, const json::value& value) {
  if (!machine_) return execution_error({}, "Expected no data: the data model is null");
  lua_State* L = machine_->L;
  if (L == nullptr) return execution_error({}, "memory limit reached");
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

bool LuaModel::has_global(const std::string& name) {
  if (!machine_ || machine_->L == nullptr) return false;
  lua_State* L = machine_->L;
  lua_rawgeti(L, LUA_REGISTRYINDEX, machine_->environment);
  lua_pushnil(L);
  bool found = false;
  // lua_next allocates nothing, a pushed key string would.
  while (!found && lua_next(L, -2) != 0) {
    found = lua_type(L, -2) == LUA_TSTRING && name == lua_tostring(L, -2);
    lua_pop(L, 1);
  }
  lua_settop(L, 0);
  return found;
}

Result<> LuaModel::for_each(const Script& array, const std::string& item, const std::string& index,
                            const std::function<Result<>()>& body) {
  if (!is_identifier(item) || (!index.empty() && !is_identifier(index)))
    return execution_error(array.place, "Expected 'item' and 'index' to be variable names");
  const Result<json::value> list = eval(array);
  if (!list) return list.error();
  if (!list->is_array() && !(list->is_object() && list->get_object().empty()))
    return execution_error(array.place, "Expected 'array' to be a list");
  if (list->is_object()) return set_global(item, nullptr);
  lua_Integer position = 0;
  for (const json::value& element : list->get_array()) {
    if (Result<> set = set_global(item, element); !set) return set;
    if (!index.empty())
      if (Result<> set = set_global(index, json::value(++position)); !set) return set;
    if (Result<> done = body(); !done) return done;
  }
  return {};
}

Result<json::value> LuaModel::literal(std::string_view text) {
  const std::string trimmed = normalise_space(text);
  if (!machine_ || machine_->L == nullptr || !is_light_literal(trimmed)) return json::value(trimmed);
  if (Result<json::value> parsed = parse_json(text, JsonLimits{}, "content")) return parsed;
  lua_State* L = machine_->L;
  const std::string source = "return " + std::string{text} + "\n";
  if (luaL_loadbufferx(L, source.data(), source.size(), "=chunk", "t") != LUA_OK) {
    lua_pop(L, 1);
    return json::value(trimmed);
  }
  // A constant needs no globals: its environment stays empty.
  if (!call(0, 1, {})) return json::value(trimmed);
  Result<json::value> value = pull_json(L, -1);
  lua_pop(L, 1);
  return value;
}

bool LuaModel::exhausted() const {
  return machine_ && machine_->limits.step_left == 0;
}

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

#include "engine/scxml/partial.h"

#include "engine/scxml/lua_model.h"
#include "engine/scxml/lua_sandbox.h"

// Lua raises errors with longjmp: a C function that may raise holds no object with a destructor.
namespace chuyi::scxml {
namespace {

// As StepLimits: what passes them here passes them there.
constexpr std::size_t kMemoryMax = 32U * 1024 * 1024;
constexpr std::uint64_t kInstructionsMax = 1'000'000;

const char kPartialKey = 0;  ///< registry: light userdata of Machine::touched
const char kOpaqueKey = 0;   ///< registry: metatable of tables of which some fields are known

/// What fails from now on may do so because of what is not known.
void mark(lua_State* L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &kPartialKey);
  *static_cast<bool*>(lua_touserdata(L, -1)) = true;
  lua_pop(L, 1);
}
int touch(lua_State* L) {
  mark(L);
  return luaL_error(L, "unknown value");
}

/// Metatable of the environment: upvalue 1 holds the known globals.
int environment_index(lua_State* L) {
  lua_settop(L, 2);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &kBaseKey);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, -2) != LUA_TNIL) return 1;
  return touch(L);
}

int opaque_index(lua_State* L) {
  lua_settop(L, 2);
  mark(L);
  lua_getiuservalue(L, 1, 1);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, -2) != LUA_TNIL) return 1;
  return touch(L);
}

/// Upvalue 1 holds the known globals: of what a script sets, its functions are known, its data is not.
int environment_newindex(lua_State* L) {
  if (lua_type(L, 3) != LUA_TFUNCTION) return 0;
  lua_pushvalue(L, 2);
  lua_pushvalue(L, 3);
  lua_rawset(L, lua_upvalueindex(1));
  return 0;
}

/// type() must not tell a stand-in from the table that it stands for.
int partial_type(lua_State* L) {
  luaL_checkany(L, 1);
  if (lua_type(L, 1) == LUA_TUSERDATA && lua_getmetatable(L, 1) != 0) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &kOpaqueKey);
    if (lua_rawequal(L, -1, -2) != 0) return touch(L);
  }
  lua_pushstring(L, luaL_typename(L, 1));
  return 1;
}

/// Replaces the table of known fields at the top by its stand-in.
void make_opaque(lua_State* L) {
  lua_newuserdatauv(L, 1, 1);
  lua_insert(L, -2);
  lua_setiuservalue(L, -2, 1);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &kOpaqueKey);
  lua_setmetatable(L, -2);
}

/// Arguments: flag, globals (json::object), name (json::string as value). Leaves environment and known table.
int open_partial(lua_State* L) {
  auto* flag = lua_touserdata(L, 1);
  const auto* globals = static_cast<const json::object*>(lua_touserdata(L, 2));
  lua_settop(L, 0);
  lua_pushlightuserdata(L, flag);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &kPartialKey);
  lua_newtable(L);
  lua_pushcfunction(L, opaque_index);
  lua_setfield(L, -2, "__index");
  for (const char* name : {"__newindex", "__len", "__call", "__concat", "__lt", "__le", "__unm", "__add", "__sub", "__mul", "__div",
                           "__mod", "__tostring"}) {
    lua_pushcfunction(L, touch);
    lua_setfield(L, -2, name);
  }
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &kOpaqueKey);

  lua_newtable(L);  // 1: known globals
  for (const json::key_value_pair& member : *globals) {
    lua_pushlstring(L, member.key().data(), member.key().size());
    if (member.value().is_null()) {
      lua_newtable(L);
      make_opaque(L);
    } else {
      push_json(L, member.value());
    }
    lua_rawset(L, 1);
  }
  lua_pushcfunction(L, partial_type);
  lua_setfield(L, 1, "type");
  lua_newtable(L);  // 2: environment
  lua_createtable(L, 0, 2);
  lua_pushvalue(L, 1);
  lua_pushcclosure(L, environment_index, 1);
  lua_setfield(L, -2, "__index");
  lua_pushvalue(L, 1);
  lua_pushcclosure(L, environment_newindex, 1);
  lua_setfield(L, -2, "__newindex");
  lua_setmetatable(L, 2);
  lua_insert(L, 1);
  return 2;
}

/// Arguments: known table, KnownEvent or NULL.
int set_known_event(lua_State* L) {
  const auto* event = static_cast<const KnownEvent*>(lua_touserdata(L, 2));
  lua_settop(L, 1);
  if (event == nullptr) {
    lua_pushnil(L);
  } else {
    lua_createtable(L, 0, 3);
    if (!event->name.empty()) {
      lua_pushlstring(L, event->name.data(), event->name.size());
      lua_setfield(L, -2, "name");
    }
    if (!event->invokeid.empty()) {
      lua_pushlstring(L, event->invokeid.data(), event->invokeid.size());
      lua_setfield(L, -2, "invokeid");
    }
    lua_createtable(L, 0, static_cast<int>(event->data.size()));
    for (const json::key_value_pair& member : event->data) {
      lua_pushlstring(L, member.key().data(), member.key().size());
      push_json(L, member.value());
      lua_rawset(L, -3);
    }
    make_opaque(L);
    lua_setfield(L, -2, "data");
    make_opaque(L);
  }
  lua_setfield(L, 1, "_event");
  return 0;
}

}  // namespace

struct PartialModel::Machine {
  SandboxLimits limits;
  lua_State* L = nullptr;
  bool touched = false;  ///< something was looked at of which not all is known
  bool asked_in = false;
  int environment = LUA_NOREF;
  int known = LUA_NOREF;

  ~Machine() {
    if (L != nullptr) lua_close(L);
  }
  /// Leaves one value. False: it failed.
  bool run(const Script& script) {
    touched = asked_in = false;
    limits.evaluation_left = limits.step_left = kInstructionsMax;
    if (luaL_loadbufferx(L, script.source.data(), script.source.size(), "=chunk", "t") != LUA_OK) return false;
    lua_rawgeti(L, LUA_REGISTRYINDEX, environment);
    if (lua_setupvalue(L, -2, 1) == nullptr) lua_pop(L, 1);
    return lua_pcall(L, 0, 1, 0) == LUA_OK;
  }
};

PartialModel::PartialModel(const Chart& chart, const json::object& globals) : chart_(chart), machine_(std::make_unique<Machine>()) {
  if (chart.datamodel == DataModelKind::null) return;
  Machine& m = *machine_;
  m.limits.bytes_max = kMemoryMax;
  m.limits.evaluation_left = m.limits.step_left = 10'000'000;
  m.L = new_sandbox(m.limits);
  if (m.L == nullptr) return;
  json::object all = globals;
  all["_name"] = chart.name;
  lua_pushcfunction(m.L, open_partial);
  lua_pushlightuserdata(m.L, &m.touched);
  lua_pushlightuserdata(m.L, &all);
  if (lua_pcall(m.L, 2, 2, 0) != LUA_OK) {
    lua_settop(m.L, 0);
    return;
  }
  m.known = luaL_ref(m.L, LUA_REGISTRYINDEX);
  m.environment = luaL_ref(m.L, LUA_REGISTRYINDEX);
  if (chart.script) m.run(chart.script);
  lua_settop(m.L, 0);
}

PartialModel::~PartialModel() = default;

bool PartialModel::asked_in() const { return machine_->asked_in; }

Truth PartialModel::condition(const Script& script, const KnownEvent* event, const InState& in_state) {
  Machine& m = *machine_;
  if (chart_.datamodel == DataModelKind::null) {
    m.asked_in = true;
    const std::optional<std::string> state = in_state_of_null(script.source);
    return state && in_state(*state) ? Truth::yes : Truth::no;
  }
  if (m.environment == LUA_NOREF) return Truth::unknown;
  lua_pushcfunction(m.L, set_known_event);
  lua_rawgeti(m.L, LUA_REGISTRYINDEX, m.known);
  lua_pushlightuserdata(m.L, const_cast<KnownEvent*>(event));
  Truth out = Truth::unknown;
  if (lua_pcall(m.L, 2, 0, 0) == LUA_OK) {
    const InState asked = [&](std::string_view id) {
      m.asked_in = true;
      return in_state(id);
    };
    m.limits.in_state = &asked;
    if (m.run(script))
      out = lua_toboolean(m.L, -1) != 0 ? Truth::yes : Truth::no;
    else
      out = m.touched ? Truth::unknown : Truth::fails;
    m.limits.in_state = nullptr;
  }
  lua_settop(m.L, 0);
  return out;
}

std::optional<json::value> PartialModel::value(const Script& script) {
  Machine& m = *machine_;
  if (m.environment == LUA_NOREF) return std::nullopt;
  lua_pushcfunction(m.L, set_known_event);
  lua_rawgeti(m.L, LUA_REGISTRYINDEX, m.known);
  lua_pushlightuserdata(m.L, nullptr);
  std::optional<json::value> out;
  if (lua_pcall(m.L, 2, 0, 0) == LUA_OK) {
    bool asked = false;
    const InState in_state = [&](std::string_view) {
      asked = true;
      return false;
    };
    m.limits.in_state = &in_state;
    if (m.run(script) && !asked)
      if (Result<json::value> pulled = pull_json(m.L, -1)) out = std::move(*pulled);
    m.limits.in_state = nullptr;
  }
  lua_settop(m.L, 0);
  return out;
}

}  // namespace chuyi::scxml

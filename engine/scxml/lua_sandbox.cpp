#include "engine/scxml/lua_sandbox.h"

#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>

#include "engine/base/decimal.h"
#include "engine/base/time.h"

// Lua raises errors with longjmp: a C function that may raise holds no object with a destructor.
namespace chuyi::scxml {

const char kBaseKey = 0;
const char kEnvironmentKey = 0;

namespace {

const char kArrayKey = 0;
constexpr const char* kDecimal = "chuyi.decimal";
constexpr int kDepthMax = 64;
constexpr int kHookInterval = 1000;
constexpr std::size_t kStringMax = 1024U * 1024;
constexpr std::size_t kPatternMax = 256;
constexpr double kPatternWorkMax = 2e7;

void* allocate(void* user, void* block, std::size_t old_size, std::size_t new_size) {
  auto& limits = *static_cast<SandboxLimits*>(user);
  const std::size_t old_bytes = block == nullptr ? 0 : old_size;
  if (new_size == 0) {
    std::free(block);
    limits.bytes_used -= old_bytes;
    return nullptr;
  }
  if (new_size > old_bytes && limits.bytes_used + (new_size - old_bytes) > limits.bytes_max) {
    limits.out_of_memory = true;
    return nullptr;
  }
  void* out = std::realloc(block, new_size);
  if (out != nullptr) limits.bytes_used += new_size - old_bytes;
  return out;
}

void hook(lua_State* L, lua_Debug*) {
  SandboxLimits& limits = limits_of(L);
  const auto spend = [](std::uint64_t& left) {
    left = left > kHookInterval ? left - kHookInterval : 0;
    return left > 0;
  };
  const bool step = spend(limits.step_left);
  // Nothing in the sandbox catches errors, so this one always ends the evaluation.
  if (!spend(limits.evaluation_left) || !step) luaL_error(L, "instruction limit reached");
}

bool is_decimal(lua_State* L, int index) { return luaL_testudata(L, index, kDecimal) != nullptr; }

void push_decimal(lua_State* L, Decimal value) {
  auto* units = static_cast<std::int64_t*>(lua_newuserdatauv(L, sizeof(std::int64_t), 0));
  *units = value.units();
  luaL_setmetatable(L, kDecimal);
}

/// The argument as a decimal: decimal, integer, or decimal text. Raises otherwise.
Decimal check_decimal(lua_State* L, int index) {
  if (const auto* units = static_cast<const std::int64_t*>(luaL_testudata(L, index, kDecimal)))
    return Decimal::from_units(*units);
  if (lua_isinteger(L, index) != 0) {
    const lua_Integer whole = lua_tointeger(L, index);
    if (whole < 1'000'000'000'000 && whole > -1'000'000'000'000) return Decimal{static_cast<std::int64_t>(whole)};
  } else if (lua_type(L, index) == LUA_TSTRING) {
    bool good = false;
    Decimal value;
    {
      std::size_t size = 0;
      const char* text = lua_tolstring(L, index, &size);
      const Result<Decimal> parsed = Decimal::parse({text, size});
      good = parsed.has_value();
      if (good) value = *parsed;
    }
    if (good) return value;
  }
  luaL_argerror(L, index, "expected a decimal, an integer, or text like '87.50'");
  return {};
}

int decimal_new(lua_State* L) {
  push_decimal(L, check_decimal(L, 1));
  return 1;
}
template <class Operation>
int decimal_operation(lua_State* L, Operation operation) {
  const Decimal a = check_decimal(L, 1);
  const Decimal b = check_decimal(L, 2);
  push_decimal(L, operation(a, b));
  return 1;
}
int decimal_add(lua_State* L) {
  return decimal_operation(L, [](Decimal a, Decimal b) { return a + b; });
}
int decimal_sub(lua_State* L) {
  return decimal_operation(L, [](Decimal a, Decimal b) { return a - b; });
}
int decimal_mul(lua_State* L) {
  return decimal_operation(L, [](Decimal a, Decimal b) { return a * b; });
}
int decimal_div(lua_State* L) {
  if (check_decimal(L, 2) == Decimal{}) return luaL_error(L, "attempt to divide a decimal by zero");
  return decimal_operation(L, [](Decimal a, Decimal b) { return a / b; });
}
int decimal_neg(lua_State* L) {
  push_decimal(L, Decimal{} - check_decimal(L, 1));
  return 1;
}
int decimal_eq(lua_State* L) {
  lua_pushboolean(L, check_decimal(L, 1) == check_decimal(L, 2));
  return 1;
}
int decimal_lt(lua_State* L) {
  lua_pushboolean(L, check_decimal(L, 1) < check_decimal(L, 2));
  return 1;
}
int decimal_le(lua_State* L) {
  lua_pushboolean(L, check_decimal(L, 1) <= check_decimal(L, 2));
  return 1;
}
void push_decimal_text(lua_State* L, Decimal value, int places) {
  char buffer[40];
  {
    const std::string text = places < 0 ? value.to_string() : value.to_string(places);
    std::strncpy(buffer, text.c_str(), sizeof buffer - 1);
    buffer[sizeof buffer - 1] = '\0';
  }
  lua_pushstring(L, buffer);
}
int decimal_tostring(lua_State* L) {
  push_decimal_text(L, check_decimal(L, 1), -1);
  return 1;
}
/// round(x, places): a decimal rounded half up.
int decimal_round(lua_State* L) {
  const lua_Integer places = luaL_optinteger(L, 2, 0);
  luaL_argcheck(L, places >= 0 && places <= 6, 2, "expected 0 to 6 decimal places");
  push_decimal(L, check_decimal(L, 1).rounded(static_cast<int>(places)));
  return 1;
}

int sandbox_in(lua_State* L) {
  std::size_t size = 0;
  const char* id = luaL_checklstring(L, 1, &size);
  const SandboxLimits& limits = limits_of(L);
  lua_pushboolean(L, limits.in_state != nullptr && (*limits.in_state)({id, size}));
  return 1;
}

/// tostring without addresses.
int sandbox_tostring(lua_State* L) {
  luaL_checkany(L, 1);
  switch (lua_type(L, 1)) {
    case LUA_TTABLE:
    case LUA_TFUNCTION:
    case LUA_TTHREAD:
    case LUA_TLIGHTUSERDATA:
      lua_pushstring(L, luaL_typename(L, 1));
      return 1;
    default:
      luaL_tolstring(L, 1, nullptr);
      return 1;
  }
}

/// Order of keys in pairs and next: numbers, then strings by bytes, then false, true.
int key_rank(lua_State* L, int index) {
  switch (lua_type(L, index)) {
    case LUA_TNUMBER: return 1;
    case LUA_TSTRING: return 2;
    case LUA_TBOOLEAN: return 3;
    default: return 0;
  }
}
bool key_less(lua_State* L, int a, int b) {
  const int rank_a = key_rank(L, a);
  const int rank_b = key_rank(L, b);
  if (rank_a != rank_b) return rank_a < rank_b;
  if (rank_a == 3) return lua_toboolean(L, a) < lua_toboolean(L, b);
  return lua_compare(L, a, b, LUA_OPLT) != 0;
}

/// next(table [, key]): the smallest key after `key`, in the order above.
int sandbox_next(lua_State* L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 2);
  const bool first = lua_isnil(L, 2);
  lua_pushnil(L);  // 3: best key so far
  lua_pushnil(L);  // 4: iteration key
  bool found = false;
  while (lua_next(L, 1) != 0) {
    lua_pop(L, 1);
    if (key_rank(L, 4) == 0) return luaL_error(L, "expected keys that are numbers, text or booleans");
    if ((first || key_less(L, 2, 4)) && (!found || key_less(L, 4, 3))) {
      lua_pushvalue(L, 4);
      lua_replace(L, 3);
      found = true;
    }
  }
  if (!found) {
    lua_pushnil(L);
    return 1;
  }
  lua_settop(L, 3);
  lua_pushvalue(L, 3);
  lua_rawget(L, 1);
  return 2;
}

/// Keeps a pattern function from running long inside one C call, where no hook can stop it.
void check_pattern(lua_State* L) {
  std::size_t subject = 0;
  std::size_t size = 0;
  luaL_checklstring(L, 1, &subject);
  const char* pattern = luaL_checklstring(L, 2, &size);
  if (size > kPatternMax) luaL_error(L, "expected a pattern of at most %d bytes", static_cast<int>(kPatternMax));
  double power = size > 0 && pattern[0] == '^' ? 0 : 1;
  for (std::size_t i = 0; i < size; ++i) {
    if (pattern[i] == '%' && i + 1 < size) {
      ++i;
      if (pattern[i] == 'b' || pattern[i] == 'f' || (pattern[i] >= '0' && pattern[i] <= '9')) power += 1;
    } else if (pattern[i] == '*' || pattern[i] == '+' || pattern[i] == '-' || pattern[i] == '?') {
      power += 1;
    }
  }
  if (std::pow(static_cast<double>(subject) + 2, power) > kPatternWorkMax)
    luaL_error(L, "expected a shorter text or a simpler pattern");
}

/// Calls the original function kept as upvalue 1 with all arguments.
int forward(lua_State* L) {
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}
int sandbox_pattern(lua_State* L) {
  check_pattern(L);
  return forward(L);
}
int sandbox_find(lua_State* L) {
  if (lua_toboolean(L, 4) == 0) check_pattern(L);
  return forward(L);
}
int sandbox_rep(lua_State* L) {
  std::size_t size = 0;
  std::size_t separator = 0;
  luaL_checklstring(L, 1, &size);
  const lua_Integer count = luaL_checkinteger(L, 2);
  luaL_optlstring(L, 3, "", &separator);
  if (count > 0 && static_cast<double>(size + separator) * static_cast<double>(count) > static_cast<double>(kStringMax))
    return luaL_error(L, "expected a result of at most 1 MiB");
  return forward(L);
}
int sandbox_format(lua_State* L) {
  std::size_t size = 0;
  const char* format = luaL_checklstring(L, 1, &size);
  if (size > kStringMax) return luaL_error(L, "expected a shorter format");
  for (std::size_t i = 0; i + 1 < size; ++i) {
    if (format[i] != '%') continue;
    ++i;
    while (i < size && std::strchr("-+ #0123456789.", format[i]) != nullptr && format[i] != '\0') ++i;
    if (i < size && (format[i] == 'p' || format[i] == 'a' || format[i] == 'A'))
      return luaL_error(L, "expected no '%%%c' in a format", format[i]);
  }
  for (int i = 2; i <= lua_gettop(L); ++i) {
    const int type = lua_type(L, i);
    if (type == LUA_TTABLE || type == LUA_TFUNCTION) return luaL_argerror(L, i, "expected text or a number");
  }
  return forward(L);
}

int refuse_write(lua_State* L) { return luaL_error(L, "attempt to change a read-only table"); }

/// New globals: anything but the names of the system.
int environment_newindex(lua_State* L) {
  static constexpr const char* kSystem[] = {"_event", "_sessionid", "_name", "_ioprocessors", "_x"};
  for (const char* name : kSystem)
    if (lua_type(L, 2) == LUA_TSTRING && std::strcmp(lua_tostring(L, 2), name) == 0)
      return luaL_error(L, "attempt to change '%s', which belongs to the system", name);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &kBaseKey);
  lua_pushvalue(L, 2);
  const bool taken = lua_rawget(L, -2) != LUA_TNIL;
  if (taken) return luaL_error(L, "attempt to change '%s', which belongs to the system", lua_tostring(L, 2));
  lua_settop(L, 3);
  lua_rawset(L, 1);
  return 0;
}

/// Lua text of what is easiest said in Lua; runs once in each new state, under the same limits.
constexpr const char* kPrelude = R"lua(
local next, error, type, select, unpack, tostring = ...
local lib = {}
function lib.pairs(t) return next, t, nil end
-- A stable merge sort: the library's own picks pivots by the clock.
function lib.sort(list, less)
  less = less or function(a, b) return a < b end
  local n, width, from, to = #list, 1, list, {}
  while width < n do
    for low = 1, n, 2 * width do
      local mid, high = low + width, low + 2 * width
      if mid > n + 1 then mid = n + 1 end
      if high > n + 1 then high = n + 1 end
      local a, b = low, mid
      for k = low, high - 1 do
        if a < mid and (b >= high or not less(from[b], from[a])) then
          to[k] = from[a]; a = a + 1
        else
          to[k] = from[b]; b = b + 1
        end
      end
    end
    from, to, width = to, from == list and {} or from, width * 2
  end
  if from ~= list then for i = 1, n do list[i] = from[i] end end
end
function lib.working_days(n) return {days = n, unit = 'working', include_start = false} end
function lib.natural_days(n) return {days = n, unit = 'natural', include_start = false} end
return lib
)lua";

/// years_after(day, n): the date n years later, as a delay {until = …}.
int sandbox_years_after(lua_State* L) {
  std::size_t size = 0;
  const char* text = luaL_checklstring(L, 1, &size);
  const lua_Integer years = luaL_checkinteger(L, 2);
  luaL_argcheck(L, years >= 0 && years <= 100, 2, "expected 0 to 100 years");
  char out[16] = "";
  {
    const Result<Day> day = parse_day({text, size});
    if (day) std::strncpy(out, format_day(add_years(*day, static_cast<int>(years))).c_str(), sizeof out - 1);
  }
  if (out[0] == '\0') return luaL_argerror(L, 1, "expected a date like '2027-03-01'");
  lua_createtable(L, 0, 1);
  lua_pushstring(L, out);
  lua_setfield(L, -2, "until");
  return 1;
}

/// Moves field `name` of the library table at the top into the table at `target`.
void keep(lua_State* L, int target, const char* name) {
  lua_getfield(L, -1, name);
  lua_setfield(L, target, name);
}
void wrap(lua_State* L, int target, const char* name, lua_CFunction function) {
  lua_getfield(L, -1, name);
  lua_pushcclosure(L, function, 1);
  lua_setfield(L, target, name);
}

/// Replaces the table at the top by a proxy that can be read only.
void seal(lua_State* L) {
  lua_newtable(L);
  lua_createtable(L, 0, 3);
  lua_pushvalue(L, -3);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, refuse_write);
  lua_setfield(L, -2, "__newindex");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_setmetatable(L, -2);
  lua_remove(L, -2);
}

void open_strings(lua_State* L, int base) {
  luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 0);
  lua_newtable(L);
  const int safe = lua_gettop(L);
  lua_pushvalue(L, safe - 1);
  for (const char* name : {"byte", "char", "len", "lower", "reverse", "sub", "upper"}) keep(L, safe, name);
  wrap(L, safe, "find", sandbox_find);
  for (const char* name : {"match", "gmatch", "gsub"}) wrap(L, safe, name, sandbox_pattern);
  wrap(L, safe, "rep", sandbox_rep);
  wrap(L, safe, "format", sandbox_format);
  lua_settop(L, safe);
  lua_pushliteral(L, "");
  lua_getmetatable(L, -1);
  lua_pushvalue(L, safe);
  lua_setfield(L, -2, "__index");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_settop(L, safe);
  seal(L);
  lua_setfield(L, base, "string");
  lua_settop(L, base);
}

void open_library(lua_State* L, int base, const char* name, lua_CFunction open, std::initializer_list<const char*> removed) {
  luaL_requiref(L, name, open, 0);
  for (const char* each : removed) {
    lua_pushnil(L);
    lua_setfield(L, -2, each);
  }
  if (std::strcmp(name, LUA_TABLIBNAME) == 0) {
    lua_getfield(L, base, "sort");
    lua_setfield(L, -2, "sort");
    lua_pushnil(L);
    lua_setfield(L, base, "sort");
  }
  seal(L);
  lua_setfield(L, base, name);
}

void open_basics(lua_State* L, int base) {
  luaL_requiref(L, LUA_GNAME, luaopen_base, 0);
  for (const char* name : {"assert", "error", "ipairs", "select", "tonumber", "type"}) keep(L, base, name);
  lua_settop(L, base);
  const luaL_Reg functions[] = {{"tostring", sandbox_tostring}, {"next", sandbox_next},
                                {"In", sandbox_in},             {"decimal", decimal_new},
                                {"round", decimal_round},       {"years_after", sandbox_years_after},
                                {"until_date", sandbox_years_after}};
  for (const luaL_Reg& function : functions) {
    lua_pushcfunction(L, function.func);
    lua_setfield(L, base, function.name);
  }
}

void open_prelude(lua_State* L, int base) {
  if (luaL_loadbufferx(L, kPrelude, std::strlen(kPrelude), "=prelude", "t") != LUA_OK) lua_error(L);
  for (const char* name : {"next", "error", "type", "select"}) lua_getfield(L, base, name);
  lua_call(L, 4, 1);
  for (const char* name : {"pairs", "sort", "working_days", "natural_days"}) keep(L, base, name);
  lua_settop(L, base);
}

void open_decimals(lua_State* L, int base) {
  luaL_newmetatable(L, kDecimal);
  const luaL_Reg methods[] = {{"__add", decimal_add}, {"__sub", decimal_sub}, {"__mul", decimal_mul},
                              {"__div", decimal_div}, {"__unm", decimal_neg}, {"__eq", decimal_eq},
                              {"__lt", decimal_lt},   {"__le", decimal_le},   {"__tostring", decimal_tostring},
                              {nullptr, nullptr}};
  luaL_setfuncs(L, methods, 0);
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_settop(L, base);
}

int open_sandbox(lua_State* L) {
  lua_newtable(L);
  const int base = lua_gettop(L);
  open_basics(L, base);
  open_decimals(L, base);
  open_prelude(L, base);
  open_strings(L, base);
  open_library(L, base, LUA_TABLIBNAME, luaopen_table, {"move"});
  open_library(L, base, LUA_MATHLIBNAME, luaopen_math, {"random", "randomseed"});
  open_library(L, base, LUA_UTF8LIBNAME, luaopen_utf8, {});
  lua_settop(L, base);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &kBaseKey);

  lua_newtable(L);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &kBaseKey);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, environment_newindex);
  lua_setfield(L, -2, "__newindex");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &kEnvironmentKey);

  lua_newtable(L);
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &kArrayKey);
  // The libraries themselves must not be reachable any more.
  lua_pushnil(L);
  lua_setfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_newtable(L);
  lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
  return 0;
}

void push_level(lua_State* L, const json::value& value, int depth) {
  if (depth > kDepthMax) luaL_error(L, "expected at most %d levels of data", kDepthMax);
  luaL_checkstack(L, 4, "data is nested too deeply");
  switch (value.kind()) {
    case json::kind::null: lua_pushnil(L); break;
    case json::kind::bool_: lua_pushboolean(L, value.get_bool()); break;
    case json::kind::int64: lua_pushinteger(L, value.get_int64()); break;
    case json::kind::uint64: lua_pushnumber(L, static_cast<lua_Number>(value.get_uint64())); break;
    case json::kind::double_: lua_pushnumber(L, value.get_double()); break;
    case json::kind::string: lua_pushlstring(L, value.get_string().data(), value.get_string().size()); break;
    case json::kind::array: {
      const json::array& array = value.get_array();
      lua_createtable(L, static_cast<int>(array.size()), 0);
      for (std::size_t i = 0; i < array.size(); ++i) {
        push_level(L, array[i], depth + 1);
        lua_rawseti(L, -2, static_cast<lua_Integer>(i) + 1);
      }
      lua_rawgetp(L, LUA_REGISTRYINDEX, &kArrayKey);
      lua_setmetatable(L, -2);
      break;
    }
    case json::kind::object: {
      const json::object& object = value.get_object();
      if (object.size() == 1 && object.begin()->key() == "$decimal" && object.begin()->value().is_string()) {
        const json::string& text = object.begin()->value().get_string();
        lua_pushlstring(L, text.data(), text.size());
        push_decimal(L, check_decimal(L, -1));
        lua_remove(L, -2);
        break;
      }
      lua_createtable(L, 0, static_cast<int>(object.size()));
      for (const json::key_value_pair& member : object) {
        lua_pushlstring(L, member.key().data(), member.key().size());
        push_level(L, member.value(), depth + 1);
        lua_rawset(L, -3);
      }
      break;
    }
  }
}

Error bad_value(std::string message) {
  return Error{.kind = ErrorKind::invalid, .code = "lua.value", .message = std::move(message)};
}

bool is_array(lua_State* L, int table) {
  if (lua_getmetatable(L, table) == 0) return false;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &kArrayKey);
  const bool marked = lua_rawequal(L, -1, -2) != 0;
  lua_pop(L, 2);
  return marked;
}

Result<json::value> pull_table(lua_State* L, int table, int depth) {
  json::array array;
  json::object object;
  std::size_t integers = 0;
  lua_Integer largest = 0;
  if (lua_checkstack(L, 4) == 0) return bad_value("Expected data that is nested less deeply");
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    const int key = lua_gettop(L) - 1;
    if (lua_isinteger(L, key) != 0 && lua_tointeger(L, key) >= 1) {
      ++integers;
      largest = std::max(largest, lua_tointeger(L, key));
    } else if (lua_type(L, key) != LUA_TSTRING) {
      lua_settop(L, key - 1);
      return bad_value("Expected table keys that are text or 1, 2, 3 …");
    }
    if (lua_type(L, key) == LUA_TSTRING) {
      Result<json::value> member = pull_json(L, key + 1, depth + 1);
      std::size_t size = 0;
      const char* text = lua_tolstring(L, key, &size);
      if (!member || !is_utf8({text, size})) {
        lua_settop(L, key - 1);
        return member ? Result<json::value>{bad_value("Expected text in UTF-8")} : member;
      }
      object.emplace(json::string_view{text, size}, std::move(*member));
    }
    lua_pop(L, 1);
  }
  if (integers == 0) return is_array(L, table) && object.empty() ? json::value(std::move(array)) : json::value(std::move(object));
  if (!object.empty() || static_cast<std::size_t>(largest) != integers)
    return bad_value("Expected a table to be a list 1 to n without gaps, or to have text keys only");
  for (lua_Integer i = 1; i <= largest; ++i) {
    lua_rawgeti(L, table, i);
    Result<json::value> element = pull_json(L, lua_gettop(L), depth + 1);
    lua_pop(L, 1);
    if (!element) return element;
    array.push_back(std::move(*element));
  }
  return json::value(std::move(array));
}

}  // namespace

void push_json(lua_State* L, const json::value& value) { push_level(L, value, 0); }

Result<json::value> pull_json(lua_State* L, int index, int depth) {
  if (depth > kDepthMax) return bad_value("Expected data without cycles, nested at most 64 levels");
  switch (lua_type(L, index)) {
    case LUA_TNIL: return json::value();
    case LUA_TBOOLEAN: return json::value(lua_toboolean(L, index) != 0);
    case LUA_TNUMBER: {
      if (lua_isinteger(L, index) != 0) return json::value(static_cast<std::int64_t>(lua_tointeger(L, index)));
      const double number = lua_tonumber(L, index);
      if (!std::isfinite(number)) return bad_value("Expected a finite number");
      return json::value(number);
    }
    case LUA_TSTRING: {
      std::size_t size = 0;
      const char* text = lua_tolstring(L, index, &size);
      if (!is_utf8({text, size})) return bad_value("Expected text in UTF-8");
      return json::value(json::string_view{text, size});
    }
    case LUA_TTABLE: return pull_table(L, lua_absindex(L, index), depth);
    case LUA_TUSERDATA:
      if (is_decimal(L, index)) {
        const auto units = *static_cast<const std::int64_t*>(lua_touserdata(L, index));
        return json::value(json::object{{"$decimal", Decimal::from_units(units).to_string()}});
      }
      [[fallthrough]];
    default: return bad_value(std::string{"Expected data that can be kept, but found a "} + lua_typename(L, lua_type(L, index)));
  }
}

lua_State* new_sandbox(SandboxLimits& limits) {
  lua_State* L = lua_newstate(allocate, &limits);
  if (L == nullptr) return nullptr;
  *static_cast<SandboxLimits**>(lua_getextraspace(L)) = &limits;
  lua_pushcfunction(L, open_sandbox);
  if (lua_pcall(L, 0, 0, 0) != LUA_OK) {
    lua_close(L);
    return nullptr;
  }
  lua_sethook(L, hook, LUA_MASKCOUNT, kHookInterval);
  return L;
}

}  // namespace chuyi::scxml

#include "engine/scxml/lua_sandbox.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "engine/base/decimal.h"
#include "engine/base/time.h"
#include "engine/scxml/chart_model.h"

// Lua raises errors with longjmp: a C function that may raise holds no object with a destructor.
namespace chuyi::scxml {

const char kBaseKey = 0;
const char kEnvironmentKey = 0;

namespace {

const char kArrayKey = 0;
const char kSealedKey = 0;
constexpr const char* kDecimal = "chuyi.decimal";
constexpr int kDepthMax = 64;
constexpr std::size_t kStringMax = 1024U * 1024;
constexpr std::size_t kPatternMax = 256;
constexpr double kPatternWorkMax = 2e7;
constexpr double kPatternStepsPerUnit = 20;
constexpr int kListMax = 100;          ///< values of one argument list
constexpr std::size_t kPullValuesMax = 100'000;
constexpr std::size_t kPullBytesMax = 4U * 1024 * 1024;

/// Bytes of text that one instruction may go over for its own price.
constexpr std::size_t kBytesPerInstruction = 256;

void spend_both(SandboxLimits& limits, std::uint64_t cost) {
  cost = std::min(cost, limits.evaluation_left);  // no evaluation takes more than its part of the macrostep
  limits.evaluation_left -= cost;
  limits.step_left -= std::min(limits.step_left, cost);
  // Where nothing can be raised, the next instruction ends the evaluation.
  if (limits.spent() && limits.L != nullptr) lua_sethook(limits.L, lua_gethook(limits.L), LUA_MASKCOUNT, 1);
}

/// Pays for work inside a C function, where no hook counts. Raises at the limit.
void charge(lua_State* L, std::uint64_t cost) {
  spend_both(limits_of(L), cost);
  if (limits_of(L).spent()) luaL_error(L, "instruction limit reached");
}

/// What an allocation says about work that no instruction shows. False: refused.
bool meter(SandboxLimits& limits, bool fresh, std::size_t kind, std::size_t new_size) {
  if (fresh && kind == LUA_TSTRING) {
    limits.longest = std::max(limits.longest, new_size);
    return new_size <= kStringMax + 64;  // with the string's header
  }
  // Tables that are built anew: a full one is counted through at each new key. (Smaller growth pays for itself, and
  // what Lua's own string table and stack need depends on who used the state before.)
  if (new_size >= (fresh ? 1024U : 16U * 1024)) spend_both(limits, new_size / 16);
  return true;
}

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
    // Lua collects everything now and asks once more; a state that is nearly full would do so all the time.
    spend_both(limits, limits.bytes_used / 64);
    return nullptr;
  }
  if (limits.L != nullptr && !meter(limits, block == nullptr, old_size, new_size)) return nullptr;
  void* out = std::realloc(block, new_size);
  if (out != nullptr) limits.bytes_used += new_size - old_bytes;
  return out;
}

void hook(lua_State* L, lua_Debug* ar) {
  SandboxLimits& limits = limits_of(L);
  spend_both(limits, kHookInterval * (1 + limits.longest / kBytesPerInstruction));
  // Nothing in the sandbox catches errors, so this one always ends the evaluation.
  if (limits.spent()) luaL_error(L, "instruction limit reached");
  // `...` is copied at each use. No list grows past the bound between two hooks, and none hides deeper than calls
  // can be nested between two.
  for (int level = 0; level < kHookInterval && lua_getstack(L, level, ar) != 0; ++level)
    if (lua_getlocal(L, ar, -kListMax - 1) != nullptr) luaL_error(L, "expected at most %d arguments", kListMax);
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
/// Pushes the result of the operation; raises when there is none.
int decimal_operation(lua_State* L, Result<Decimal> (*operation)(Decimal, Decimal), Decimal a, Decimal b) {
  bool good = false;
  Decimal value;
  {
    const Result<Decimal> result = operation(a, b);
    good = result.has_value();
    if (good) value = *result;
  }
  if (!good) return luaL_error(L, b == Decimal{} ? "attempt to divide a decimal by zero" : "expected a result below 10^12");
  push_decimal(L, value);
  return 1;
}
template <Result<Decimal> (*kOperation)(Decimal, Decimal)>
int decimal_binary(lua_State* L) {
  return decimal_operation(L, kOperation, check_decimal(L, 1), check_decimal(L, 2));
}
int decimal_neg(lua_State* L) { return decimal_operation(L, Decimal::subtract, Decimal{}, check_decimal(L, 1)); }
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
  const Decimal value = check_decimal(L, 1).rounded(static_cast<int>(places));
  if (!value.in_range()) return luaL_error(L, "expected a result below 10^12");
  push_decimal(L, value);
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

int refuse_write(lua_State* L) { return luaL_error(L, "attempt to change a read-only table"); }

/// Replaces the table at the top by a proxy that can be read only.
void seal(lua_State* L) {
  lua_newtable(L);
  lua_createtable(L, 0, 4);
  lua_pushvalue(L, -3);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, refuse_write);
  lua_setfield(L, -2, "__newindex");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_pushvalue(L, -3);
  lua_rawsetp(L, -2, &kSealedKey);
  lua_setmetatable(L, -2);
  lua_remove(L, -2);
}

/// Pushes the table that a sealed one at `index` stands for; else the table itself. Needs three places of the stack.
void push_unsealed(lua_State* L, int index) {
  index = lua_absindex(L, index);
  if (lua_getmetatable(L, index) != 0) {
    const bool sealed = lua_rawgetp(L, -1, &kSealedKey) == LUA_TTABLE;
    lua_remove(L, -2);
    if (sealed) return;
    lua_pop(L, 1);
  }
  lua_pushvalue(L, index);
}

bool is_environment(lua_State* L, int index) { return lua_topointer(L, index) == limits_of(L).environment; }

/// waiting_global() of the environment at 1 and the key at 2.
std::size_t waiting_global(lua_State* L) {
  std::size_t size = 0;
  const char* name = lua_type(L, 2) == LUA_TSTRING && is_environment(L, 1) ? lua_tolstring(L, 2, &size) : nullptr;
  return name == nullptr ? limits_of(L).taken.size() : waiting_global(limits_of(L), {name, size});
}

/// Moves a waiting global into the environment at 1, and leaves its value.
void take_global(lua_State* L, std::size_t position) {
  SandboxLimits& limits = limits_of(L);
  const json::key_value_pair* member = limits.globals->begin() + position;
  push_json(L, member->value());
  lua_pushlstring(L, member->key().data(), member->key().size());
  lua_pushvalue(L, -2);
  lua_rawset(L, 1);
  limits.taken[position] = 1;
}

/// Who walks through the environment at 1 finds all globals there.
void take_all_globals(lua_State* L) {
  for (std::size_t i = 0; is_environment(L, 1) && i < limits_of(L).taken.size(); ++i) {
    if (limits_of(L).taken[i] != 0) continue;
    take_global(L, i);
    lua_pop(L, 1);
  }
}

/// next(table [, key]): the smallest key after `key`, in the order above.
int sandbox_next(lua_State* L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 2);
  take_all_globals(L);
  push_unsealed(L, 1);
  lua_replace(L, 1);
  const bool first = lua_isnil(L, 2);
  lua_pushnil(L);  // 3: best key so far
  lua_pushnil(L);  // 4: iteration key
  bool found = false;
  while (lua_next(L, 1) != 0) {
    lua_pop(L, 1);
    charge(L, 1);
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

/// A key as sandbox_pairs sorts it: no Lua in between, so that nothing can be raised.
struct SortKey {
  int rank;
  bool whole;
  lua_Integer integer;
  lua_Number number;
  const char* text;  ///< held by the table
  std::size_t size;
  lua_Integer place;  ///< in the unsorted list
};

/// A float key is no integer: Lua makes those integers. So an integer below 2^63 compares with its floor.
bool integer_less(lua_Integer a, lua_Number b) {
  return b >= 0x1p63 || (b >= -0x1p63 && a <= static_cast<lua_Integer>(std::floor(b)));
}
bool sort_less(const SortKey& a, const SortKey& b) {
  if (a.rank != b.rank) return a.rank < b.rank;
  if (a.rank == 2) return std::string_view{a.text, a.size} < std::string_view{b.text, b.size};
  if (a.rank == 3 || (a.whole && b.whole)) return a.integer < b.integer;
  if (a.whole) return integer_less(a.integer, b.number);
  if (b.whole) return !integer_less(b.integer, a.number);
  return a.number < b.number;
}

SortKey sort_key(lua_State* L, int index, lua_Integer place) {
  SortKey out{.rank = key_rank(L, index),
              .whole = lua_isinteger(L, index) != 0,
              .integer = 0,
              .number = 0,
              .text = nullptr,
              .size = 0,
              .place = place};
  if (out.rank == 1 && out.whole) out.integer = lua_tointeger(L, index);
  if (out.rank == 1 && !out.whole) out.number = lua_tonumber(L, index);
  if (out.rank == 2) out.text = lua_tolstring(L, index, &out.size);
  if (out.rank == 3) out.integer = lua_toboolean(L, index);
  return out;
}

/// Upvalues: table, its keys in order, position of the last one given out.
int pairs_step(lua_State* L) {
  lua_Integer at = lua_tointeger(L, lua_upvalueindex(3));
  for (;;) {
    lua_settop(L, 0);
    if (lua_rawgeti(L, lua_upvalueindex(2), ++at) == LUA_TNIL) return 1;
    lua_pushvalue(L, 1);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) break;  // else it was removed meanwhile
    charge(L, 1);
  }
  lua_pushinteger(L, at);
  lua_replace(L, lua_upvalueindex(3));
  return 2;
}

/// pairs(table): the keys there are at the start, sorted once, in the order above.
int sandbox_pairs(lua_State* L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  take_all_globals(L);
  push_unsealed(L, 1);
  lua_replace(L, 1);
  lua_Integer count = 0;
  std::size_t bytes = 0;
  for (lua_pushnil(L); lua_next(L, 1) != 0; lua_pop(L, 1)) {
    const int rank = key_rank(L, 2);
    if (rank == 0) return luaL_error(L, "expected keys that are numbers, text or booleans");
    if (rank == 2) bytes += lua_rawlen(L, 2);
    ++count;
  }
  charge(L, static_cast<std::uint64_t>(count) * 2 + bytes / 16);
  lua_createtable(L, static_cast<int>(count), 0);  // 2: keys as they come
  auto* keys = static_cast<SortKey*>(lua_newuserdatauv(L, static_cast<std::size_t>(count) * sizeof(SortKey), 0));
  lua_Integer place = 0;
  for (lua_pushnil(L); lua_next(L, 1) != 0;) {
    lua_pop(L, 1);
    keys[place] = sort_key(L, 4, place + 1);
    lua_pushvalue(L, 4);
    lua_rawseti(L, 2, ++place);
  }
  std::sort(keys, keys + place, sort_less);
  lua_pushvalue(L, 1);
  lua_createtable(L, static_cast<int>(count), 0);
  for (lua_Integer i = 0; i < place; ++i) {
    lua_rawgeti(L, 2, keys[i].place);
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushinteger(L, 0);
  lua_pushcclosure(L, pairs_step, 3);
  return 1;
}

/// Calls the original function kept as upvalue 1 with all arguments.
int forward(lua_State* L) {
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}
/// Pays for each argument.
int metered(lua_State* L) {
  charge(L, static_cast<std::uint64_t>(lua_gettop(L)));
  return forward(L);
}
/// For functions that return a value for each byte or element.
int sandbox_list(lua_State* L) {
  const int results = forward(L);
  charge(L, static_cast<std::uint64_t>(results));
  if (results > kListMax) return luaL_error(L, "expected at most %d results", kListMax);
  return results;
}
/// table.insert and table.remove; with kArguments they move the elements from the second argument on.
template <int kArguments>
int sandbox_shift(lua_State* L) {
  if (lua_gettop(L) >= kArguments && lua_istable(L, 1)) {
    const auto size = static_cast<lua_Integer>(lua_rawlen(L, 1));
    const lua_Integer at = lua_tointeger(L, 2);
    if (at >= 0 && at < size) charge(L, static_cast<std::uint64_t>(size - at));
  }
  return forward(L);
}
int sandbox_concat(lua_State* L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  const lua_Integer first = luaL_optinteger(L, 3, 1);
  const lua_Integer last = luaL_optinteger(L, 4, static_cast<lua_Integer>(lua_rawlen(L, 1)));
  if (last > first) charge(L, static_cast<std::uint64_t>(last) - static_cast<std::uint64_t>(first));
  return forward(L);
}

/// Pays for the worst that a pattern function can do inside one C call, where no hook stops it; refuses what would
/// be too much for any evaluation. (All rounds of gmatch together find no more to do than one find.)
void check_pattern(lua_State* L) {
  std::size_t subject = 0;
  std::size_t size = 0;
  luaL_checklstring(L, 1, &subject);
  const char* pattern = luaL_checklstring(L, 2, &size);
  if (size > kPatternMax) luaL_error(L, "expected a pattern of at most %d bytes", static_cast<int>(kPatternMax));
  double power = size > 0 && pattern[0] == '^' ? 0 : 1;
  double items = 1;
  for (std::size_t i = 0; i < size; ++i) {
    if (pattern[i] == '%' && i + 1 < size) {
      ++i;
      ++items;
      if (pattern[i] == 'b' || pattern[i] == 'f' || (pattern[i] >= '0' && pattern[i] <= '9')) power += 1;
    } else if (pattern[i] == '[') {
      // A set is gone through for each character; its first one may be ']'.
      i += i + 1 < size && pattern[i + 1] == '^' ? 2 : 1;
      for (bool first = true; i < size && (first || pattern[i] != ']'); first = false, ++i, ++items)
        if (pattern[i] == '%') ++i;
    } else if (pattern[i] == '*' || pattern[i] == '+' || pattern[i] == '-' || pattern[i] == '?') {
      power += 1;
    } else {
      ++items;
    }
  }
  const double work = std::pow(static_cast<double>(subject) + 2, power) * items;
  if (work > kPatternWorkMax) luaL_error(L, "expected a shorter text or a simpler pattern");
  charge(L, static_cast<std::uint64_t>(work / kPatternStepsPerUnit));
}

int sandbox_pattern(lua_State* L) {
  check_pattern(L);
  return forward(L);
}
int sandbox_find(lua_State* L) {
  if (lua_toboolean(L, 4) == 0) return sandbox_pattern(L);
  std::size_t subject = 0;
  std::size_t needle = 0;
  luaL_checklstring(L, 1, &subject);
  luaL_checklstring(L, 2, &needle);
  charge(L, subject / 4 + subject * needle / 1024);
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
  charge(L, 40 * static_cast<std::uint64_t>(lua_gettop(L)));  // digits of floats are slow
  return forward(L);
}

/// What is not in the environment: a global that waits, else what every session may use.
int environment_index(lua_State* L) {
  const std::size_t waiting = waiting_global(L);
  if (waiting < limits_of(L).taken.size()) {
    take_global(L, waiting);
    return 1;
  }
  lua_rawgetp(L, LUA_REGISTRYINDEX, &kBaseKey);
  lua_pushvalue(L, 2);
  lua_gettable(L, -2);
  return 1;
}

/// New globals: anything but the names of the system.
int environment_newindex(lua_State* L) {
  if (lua_type(L, 2) == LUA_TSTRING && is_system_variable(lua_tostring(L, 2)))
    return luaL_error(L, "attempt to change '%s', which belongs to the system", lua_tostring(L, 2));
  const std::size_t waiting = waiting_global(L);
  if (waiting < limits_of(L).taken.size()) {
    lua_rawset(L, 1);
    limits_of(L).taken[waiting] = 1;
    return 0;
  }
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
local lib = {}
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
-- Full years from a birth ('YYYY-MM' or 'YYYY-MM-DD') to a day: whoever has a birthday on that day is a year older.
function lib.age(birth, on)
  local y, m, d = tonumber(birth:sub(1, 4)), tonumber(birth:sub(6, 7)), tonumber(birth:sub(9, 10)) or 1
  local to_y, to_m, to_d = tonumber(on:sub(1, 4)), tonumber(on:sub(6, 7)), tonumber(on:sub(9, 10))
  local before = to_m < m or (to_m == m and to_d < d)
  return to_y - y - (before and 1 or 0)
end
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

/// Replaces field `name` of the library table at `library` by `function`, which finds the original as upvalue 1.
void wrap(lua_State* L, int library, const char* name, lua_CFunction function) {
  lua_getfield(L, library, name);
  lua_pushcclosure(L, function, 1);
  lua_setfield(L, library, name);
}

/// Opens a library under `name` in `base`: what `special` lists is wrapped by that function (nullptr: removed),
/// the rest pays for its arguments.
void open_library(lua_State* L, int base, const char* name, lua_CFunction open, std::initializer_list<luaL_Reg> special) {
  luaL_requiref(L, name, open, 0);
  const int library = lua_gettop(L);
  for (const luaL_Reg& each : special) {
    if (each.func != nullptr) {
      wrap(L, library, each.name, each.func);
    } else {
      lua_pushnil(L);
      lua_setfield(L, library, each.name);
    }
  }
  for (lua_pushnil(L); lua_next(L, library) != 0;) {
    const auto listed = [&](const luaL_Reg& each) { return std::strcmp(each.name, lua_tostring(L, library + 1)) == 0; };
    if (lua_iscfunction(L, -1) != 0 && std::none_of(special.begin(), special.end(), listed)) {
      lua_pushvalue(L, library + 1);
      lua_insert(L, -2);
      lua_pushcclosure(L, metered, 1);
      lua_rawset(L, library);
    } else {
      lua_pop(L, 1);
    }
  }
  if (std::strcmp(name, LUA_TABLIBNAME) == 0) {
    lua_getfield(L, base, "sort");
    lua_setfield(L, library, "sort");
    lua_pushnil(L);
    lua_setfield(L, base, "sort");
  }
  if (std::strcmp(name, LUA_STRLIBNAME) == 0) {
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_pushvalue(L, library);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_settop(L, library);
  }
  seal(L);
  lua_setfield(L, base, name);
}

void open_basics(lua_State* L, int base) {
  luaL_requiref(L, LUA_GNAME, luaopen_base, 0);
  const int library = lua_gettop(L);
  for (const char* name : {"assert", "error", "ipairs", "select", "tonumber", "type"}) {
    lua_getfield(L, library, name);
    lua_pushcclosure(L, metered, 1);
    lua_setfield(L, base, name);
  }
  lua_settop(L, base);
  const luaL_Reg functions[] = {{"tostring", sandbox_tostring}, {"next", sandbox_next},
                                {"pairs", sandbox_pairs},       {"In", sandbox_in},
                                {"decimal", decimal_new},       {"round", decimal_round},
                                {"years_after", sandbox_years_after}, {"until_date", sandbox_years_after}};
  for (const luaL_Reg& function : functions) {
    lua_pushcfunction(L, function.func);
    lua_setfield(L, base, function.name);
  }
}

void open_prelude(lua_State* L, int base) {
  if (luaL_loadbufferx(L, kPrelude, std::strlen(kPrelude), "=prelude", "t") != LUA_OK) lua_error(L);
  lua_call(L, 0, 1);
  for (const char* name : {"sort", "working_days", "natural_days", "age"}) {
    lua_getfield(L, -1, name);
    lua_setfield(L, base, name);
  }
  lua_settop(L, base);
}

void open_decimals(lua_State* L, int base) {
  luaL_newmetatable(L, kDecimal);
  const luaL_Reg methods[] = {{"__add", decimal_binary<Decimal::add>},
                              {"__sub", decimal_binary<Decimal::subtract>},
                              {"__mul", decimal_binary<Decimal::multiply>},
                              {"__div", decimal_binary<Decimal::divide>},
                              {"__unm", decimal_neg},
                              {"__eq", decimal_eq},
                              {"__lt", decimal_lt},
                              {"__le", decimal_le},
                              {"__tostring", decimal_tostring},
                              {nullptr, nullptr}};
  luaL_setfuncs(L, methods, 0);
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_settop(L, base);
}

void push_ioprocessors(lua_State* L) {
  const Env& env = *limits_of(L).env;
  lua_createtable(L, 0, 4);
  for (const std::string_view processor : {kScxmlProcessor, std::string_view{"scxml"}, kHttpProcessor, std::string_view{"basichttp"}}) {
    const bool http = processor_of(processor) == kHttpProcessor;
    if (http && env.http_location.empty()) continue;
    lua_createtable(L, 0, 1);
    if (http)
      lua_pushlstring(L, env.http_location.data(), env.http_location.size());
    else
      lua_pushfstring(L, "#_scxml_%s", env.session_id.c_str());
    lua_setfield(L, -2, "location");
    seal(L);
    lua_setfield(L, -2, processor.data());
  }
  seal(L);
}

void push_x(lua_State* L) {
  lua_createtable(L, 0, 1);
  lua_pushinteger(L, to_ms(limits_of(L).env->now));
  lua_setfield(L, -2, "now");
  seal(L);
}

/// SCXML 5.10.1.
void push_event(lua_State* L) {
  static constexpr const char* kTypes[] = {"platform", "internal", "external"};
  SandboxLimits& limits = limits_of(L);
  const Event& event = *limits.event;
  limits.event_failed = true;  // until it has not
  lua_createtable(L, 0, 4);
  const std::pair<const char*, const std::string*> fields[] = {
      {"name", &event.name}, {"sendid", &event.sendid}, {"origin", &event.origin}, {"origintype", &event.origintype}, {"invokeid", &event.invokeid}, {"raw", &event.raw}};
  for (const auto& [name, value] : fields) {
    if (value->empty() && value != &event.name) continue;
    lua_pushlstring(L, value->data(), value->size());
    lua_setfield(L, -2, name);
  }
  lua_pushstring(L, kTypes[static_cast<int>(event.type)]);
  lua_setfield(L, -2, "type");
  push_json(L, event.data);
  lua_setfield(L, -2, "data");
  seal(L);
  limits.event_failed = false;
  limits.event_made = true;
}

/// What the base lacks is nil, but for the system variables that hardly a step reads: they are made for those that do.
int base_index(lua_State* L) {
  const char* name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
  lua_settop(L, 2);
  if (std::strcmp(name, "_event") == 0 && limits_of(L).event != nullptr)
    push_event(L);
  else if (std::strcmp(name, "_x") == 0 && limits_of(L).env != nullptr)
    push_x(L);
  else if (std::strcmp(name, "_ioprocessors") == 0 && limits_of(L).env != nullptr)
    push_ioprocessors(L);
  else
    return 0;
  lua_pushvalue(L, 2);
  lua_pushvalue(L, 3);
  lua_rawset(L, 1);
  return 1;
}

int open_sandbox(lua_State* L) {
  lua_newtable(L);
  const int base = lua_gettop(L);
  open_basics(L, base);
  open_decimals(L, base);
  open_prelude(L, base);
  open_library(L, base, LUA_STRLIBNAME, luaopen_string,
               {{"dump", nullptr}, {"pack", nullptr}, {"packsize", nullptr}, {"unpack", nullptr}, {"byte", sandbox_list},
                {"find", sandbox_find}, {"match", sandbox_pattern}, {"gmatch", sandbox_pattern}, {"gsub", sandbox_pattern},
                {"rep", sandbox_rep}, {"format", sandbox_format}});
  open_library(L, base, LUA_TABLIBNAME, luaopen_table,
               {{"move", nullptr}, {"sort", nullptr}, {"insert", sandbox_shift<3>}, {"remove", sandbox_shift<2>},
                {"concat", sandbox_concat}, {"unpack", sandbox_list}});
  // What the C library rounds differently from one machine to the next is left out.
  open_library(L, base, LUA_MATHLIBNAME, luaopen_math,
               {{"random", nullptr}, {"randomseed", nullptr}, {"sin", nullptr}, {"cos", nullptr}, {"tan", nullptr}, {"asin", nullptr},
                {"acos", nullptr}, {"atan", nullptr}, {"exp", nullptr}, {"log", nullptr}});
  open_library(L, base, LUA_UTF8LIBNAME, luaopen_utf8, {{"codepoint", sandbox_list}});
  lua_settop(L, base);
  lua_newtable(L);
  lua_pushcfunction(L, base_index);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, base);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &kBaseKey);

  lua_newtable(L);
  lua_pushcfunction(L, environment_index);
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

/// {"$decimal":"87.5"}. Whatever else has such a key came from outside and is a table like any other.
bool is_decimal_object(const json::object& object, Decimal& out) {
  if (object.size() != 1 || object.begin()->key() != "$decimal" || !object.begin()->value().is_string()) return false;
  const Result<Decimal> parsed = Decimal::parse(object.begin()->value().get_string());
  if (parsed) out = *parsed;
  return parsed.has_value();
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
      Decimal decimal;
      if (is_decimal_object(object, decimal)) {
        push_decimal(L, decimal);
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

/// What one pull has taken so far: a table may stand in many places of the data.
struct Pull {
  std::size_t values = 0;
  std::size_t bytes = 0;
};
Result<json::value> pull_value(lua_State* L, int index, int depth, Pull& pull);

/// Text as parse_json reads it back.
Result<> check_text(std::string_view text, Pull& pull) {
  pull.bytes += text.size();
  if (!is_utf8(text)) return bad_value("Expected text in UTF-8");
  if (text.find('\0') != std::string_view::npos) return bad_value("Expected text without U+0000");
  return {};
}

Result<json::value> pull_table(lua_State* L, int table, int depth, Pull& pull) {
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
      Result<json::value> member = pull_value(L, key + 1, depth + 1, pull);
      std::size_t size = 0;
      const char* text = lua_tolstring(L, key, &size);
      if (Result<> good = check_text({text, size}, pull); member && !good) member = good.error();
      if (!member) {
        lua_settop(L, key - 1);
        return member;
      }
      object.emplace(json::string_view{text, size}, std::move(*member));
    }
    lua_pop(L, 1);
  }
  if (integers == 0) return is_array(L, table) && object.empty() ? json::value(std::move(array)) : json::value(std::move(object));
  // A list from outside may hold null, which is a gap in Lua; its end may get lost, what comes after it not.
  if (!object.empty() || (static_cast<std::size_t>(largest) != integers && !is_array(L, table)))
    return bad_value("Expected a table to be a list 1 to n without gaps, or to have text keys only");
  for (lua_Integer i = 1; i <= largest; ++i) {
    lua_rawgeti(L, table, i);
    Result<json::value> element = pull_value(L, lua_gettop(L), depth + 1, pull);
    lua_pop(L, 1);
    if (!element) return element;
    array.push_back(std::move(*element));
  }
  return json::value(std::move(array));
}

Result<json::value> pull_value(lua_State* L, int index, int depth, Pull& pull) {
  if (++pull.values > kPullValuesMax || pull.bytes > kPullBytesMax)
    return bad_value("Expected data of at most 100000 values and 4 MiB of text");
  if (depth > kDepthMax) return bad_value("Expected data without cycles, nested at most 64 levels");
  switch (lua_type(L, index)) {
    case LUA_TNIL: return json::value();
    case LUA_TBOOLEAN: return json::value(lua_toboolean(L, index) != 0);
    case LUA_TNUMBER: {
      if (lua_isinteger(L, index) != 0) {
        const lua_Integer whole = lua_tointeger(L, index);
        if (whole > kSafeInteger || whole < -kSafeInteger) return bad_value("Expected an integer within ±2^53");
        return json::value(static_cast<std::int64_t>(whole));
      }
      const double number = lua_tonumber(L, index);
      if (!std::isfinite(number)) return bad_value("Expected a finite number");
      return json::value(number);
    }
    case LUA_TSTRING: {
      std::size_t size = 0;
      const char* text = lua_tolstring(L, index, &size);
      if (Result<> good = check_text({text, size}, pull); !good) return good.error();
      return json::value(json::string_view{text, size});
    }
    case LUA_TTABLE: {
      const int top = lua_gettop(L);
      if (lua_checkstack(L, 4) == 0) return bad_value("Expected data that is nested less deeply");
      push_unsealed(L, index);
      Result<json::value> table = pull_table(L, top + 1, depth, pull);
      lua_settop(L, top);
      return table;
    }
    case LUA_TUSERDATA:
      if (is_decimal(L, index)) {
        const auto units = *static_cast<const std::int64_t*>(lua_touserdata(L, index));
        return json::value(json::object{{"$decimal", Decimal::from_units(units).to_string()}});
      }
      [[fallthrough]];
    default: return bad_value(std::string{"Expected data that can be kept, but found a "} + lua_typename(L, lua_type(L, index)));
  }
}

}  // namespace

void push_json(lua_State* L, const json::value& value) { push_level(L, value, 0); }

std::size_t waiting_global(const SandboxLimits& limits, std::string_view name) {
  const std::size_t none = limits.taken.size();
  if (none == 0) return none;
  const auto position = static_cast<std::size_t>(limits.globals->find(name) - limits.globals->begin());
  return position < none && limits.taken[position] == 0 ? position : none;
}

Result<json::value> pull_json(lua_State* L, int index) {
  Pull pull;
  Result<json::value> out = pull_value(L, index, 0, pull);
  SandboxLimits& limits = limits_of(L);
  limits.step_left -= std::min<std::uint64_t>(limits.step_left, 4 * pull.values + pull.bytes / 16);
  return out;
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
  limits.L = L;
  begin_evaluation(L);
  return L;
}

void begin_evaluation(lua_State* L) { lua_sethook(L, hook, LUA_MASKCOUNT, kHookInterval); }

}  // namespace chuyi::scxml

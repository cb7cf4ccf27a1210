#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include <lua.hpp>

#include "engine/base/json.h"
#include "engine/base/result.h"
#include "engine/scxml/interpreter.h"

/// The sandbox around one lua_State. Internal to engine/scxml.
namespace chuyi::scxml {

/// What the allocator and the instruction hook watch. Its address stands in the state's extra space.
struct SandboxLimits {
  std::size_t bytes_used = 0;
  std::size_t bytes_max = 0;
  std::uint64_t evaluation_left = 0;  ///< instructions of the running evaluation, and what counts as some
  std::uint64_t step_left = 0;        ///< the same of the macrostep
  std::size_t longest = 0;            ///< bytes of the session's longest text: what an instruction may have to go over
  lua_State* L = nullptr;             ///< once the sandbox stands; from then on allocations are charged too
  bool out_of_memory = false;
  const std::function<bool(std::string_view)>* in_state = nullptr;  ///< answers In('STATE')
  const Env* env = nullptr;      ///< what `_x` and `_ioprocessors` show
  const Event* event = nullptr;  ///< what `_event` shows
  bool event_made = false;       ///< `_event` was read
  bool event_failed = false;     ///< … and could not be made
  const json::object* globals = nullptr;  ///< the session's: each goes into its environment when it is first read
  const void* environment = nullptr;      ///< the session's, as lua_topointer gives it
  std::vector<char> taken;                ///< by position in `globals`: read, or replaced before that
  bool spent() const { return evaluation_left == 0 || step_left == 0; }
};

/// Instructions between two looks at the limits.
inline constexpr int kHookInterval = 100;
/// Counts instructions from zero: what ran before in the same state makes no difference.
void begin_evaluation(lua_State* L);

/// Position of a global that is not in the environment yet; the number of globals when there is none.
std::size_t waiting_global(const SandboxLimits& limits, std::string_view name);

/// A new state with nothing but the sandbox in it. nullptr when there is no memory at all.
lua_State* new_sandbox(SandboxLimits& limits);

/// Registry key (lightuserdata) of the read-only table of everything a session may use; a session's
/// environment finds it through __index.
extern const char kBaseKey;
/// Registry key of the metatable of session environments.
extern const char kEnvironmentKey;

/// Pushes the value; may raise a Lua error, so call it protected. Leaves one value.
void push_json(lua_State* L, const json::value& value);
/// The value at `index` as JSON that parse_json reads back; never raises, pays from the macrostep.
/// Errors: `invalid` "lua.value".
Result<json::value> pull_json(lua_State* L, int index);

inline SandboxLimits& limits_of(lua_State* L) { return **static_cast<SandboxLimits**>(lua_getextraspace(L)); }

}  // namespace chuyi::scxml

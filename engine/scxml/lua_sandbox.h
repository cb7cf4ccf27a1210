#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include <lua.hpp>

#include "engine/base/json.h"
#include "engine/base/result.h"

/// The sandbox around one lua_State. Internal to engine/scxml.
namespace chuyi::scxml {

/// What the allocator and the instruction hook watch. Its address stands in the state's extra space.
struct SandboxLimits {
  std::size_t bytes_used = 0;
  std::size_t bytes_max = 0;
  std::uint64_t evaluation_left = 0;  ///< instructions of the running evaluation
  std::uint64_t step_left = 0;        ///< instructions of the macrostep
  bool out_of_memory = false;
  const std::function<bool(std::string_view)>* in_state = nullptr;  ///< answers In('STATE')
};

/// A new state with nothing but the sandbox in it. nullptr when there is no memory at all.
lua_State* new_sandbox(SandboxLimits& limits);

/// Registry key (lightuserdata) of the read-only table of everything a session may use; a session's
/// environment finds it through __index.
extern const char kBaseKey;
/// Registry key of the metatable of session environments.
extern const char kEnvironmentKey;

/// Pushes the value; may raise a Lua error, so call it protected. Leaves one value.
void push_json(lua_State* L, const json::value& value);
/// The value at `index` as JSON; never raises. Errors: `invalid` "lua.value".
Result<json::value> pull_json(lua_State* L, int index, int depth = 0);

inline SandboxLimits& limits_of(lua_State* L) { return **static_cast<SandboxLimits**>(lua_getextraspace(L)); }

}  // namespace chuyi::scxml

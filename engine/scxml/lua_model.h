#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/json.h"
#include "engine/scxml/chart_model.h"
#include "engine/scxml/interpreter.h"

struct lua_State;

namespace chuyi::scxml {

/// Compiles every chunk of the chart once. @return what does not compile, at its place.
std::vector<Detail> compile_all(const Chart& chart);

/// The state named by the null data model's only expression, In('STATE'). `source` as the parser wrote it.
std::optional<std::string> in_state_of_null(std::string_view source);

/// The data model of one session during one macrostep: its globals live in an environment of their own
/// inside a sandboxed Lua state that the thread keeps for the chart. Every failure of an expression,
/// limits included, is an Error whose message goes into error.execution.
class LuaModel {
 public:
  /// @param env       outlives the model.
  /// @param in_state  answers In('STATE').
  LuaModel(const Chart& chart, const Env& env, const StepLimits& limits, std::function<bool(std::string_view)> in_state);
  ~LuaModel();
  LuaModel(const LuaModel&) = delete;
  LuaModel& operator=(const LuaModel&) = delete;

  /// Begins with these globals. They are shown to Lua when the first expression asks: a step without one costs nothing.
  void load(json::object globals);
  /// Gives back what load() was given. Nothing may be evaluated after it.
  json::object unload() { return std::move(loaded_); }
  /// load(), and the functions of the chart's top-level script, which no snapshot can hold.
  void restore(json::object globals);
  /// Begins the session in Lua now. Errors: it does not fit; the step must fail.
  Result<> prepare();
  /// Why prepare() failed, which expressions call too, or `_event` could not be shown: without it no guard may be asked.
  const std::optional<Error>& failure() const { return failure_; }
  /// Every global of the session but those functions, keys sorted.
  /// Errors: `invalid` "lua.value" for what cannot be kept (other functions, cycles, NaN, integers past 2^53, U+0000);
  /// those globals then have the values of load() again.
  Result<json::object> save();

  /// `_event` from now on; it outlives its turn.
  void set_event(const Event& event);
  /// The chart's top-level <script>, at the start of a session.
  Result<> run_top_script();
  /// Pays for one piece of executable content. Errors: the macrostep's budget is used up.
  Result<> begin_action(const std::string& place);
  Result<json::value> eval(const Script& script);
  /// nil and false are false.
  Result<bool> eval_condition(const Script& script);
  Result<> run(const Script& script);
  Result<> assign(const Script& location, const json::value& value);
  /// Assigns the value of an expression without a detour through JSON.
  Result<> assign_expression(const Script& location, const Script& value);
  /// Gives a global the value, whatever it is now. Errors for names that belong to the system.
  Result<> set_global(const std::string& name, const json::value& value);
  /// Calls `body` for each element of a shallow copy of the array, with item and index set.
  Result<> for_each(const Script& array, const std::string& item, const std::string& index,
                    const std::function<Result<>()>& body);
  /// Inline text of <data>, <assign>, <content>: markup as it is; JSON; a Lua table, text in quotes or nil; else
  /// a string, its white space normalised.
  Result<json::value> literal(std::string_view text);
  /// A macrostep's whole instruction budget is used up.
  bool exhausted() const;

  struct Machine;  ///< a sandboxed Lua state with the chart's compiled chunks

 private:
  bool is_null() const { return chart_.datamodel == DataModelKind::null; }
  Result<> prepare_session();
  Result<std::int64_t> begin_loop_over(const Script& array);
  Result<> set_to_item(const std::string& name, std::int64_t position);
  void show_event();
  Result<> call(int arguments, int results, const std::string& place);
  Result<> push_script(const Script& script);
  Result<> push_chunk(const Script& script);
  Result<> push_session();
  void await_globals(const void* environment);
  Result<> restore_functions();
  void keep_functions(int target);
  bool is_kept_function() const;
  void put_back(std::string_view name);
  void spend(std::uint64_t cost);

  const Chart& chart_;
  const Env& env_;
  StepLimits limits_;
  std::shared_ptr<Machine> machine_;  ///< null before prepare()
  std::function<bool(std::string_view)> in_state_;
  json::object loaded_;
  bool with_functions_ = false;
  int loops_ = 0;  ///< <foreach> elements that run now, inside each other
  const Event* event_ = nullptr;
  std::optional<Error> failure_;
};

}  // namespace chuyi::scxml

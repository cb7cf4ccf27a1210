#pragma once

#include <memory>
#include <string>

#include "engine/base/json.h"
#include "engine/base/result.h"

namespace chuyi::scxml {

/// Evaluates one Lua expression in the sandbox of the data model, with `globals` and nothing else: the rules
/// of forms. nil and false are false.
/// Errors: `invalid` "lua.execution" for what does not compile, fails, or passes a limit; place = `place`.
Result<bool> holds(const std::string& expression, const json::object& globals, const std::string& place);

struct Chart;

/// Expressions that are asked again and again: each thread compiles them once. Each is asked alone, with a budget of its own
/// and data as it was given. Asking is thread-safe.
class Conditions {
 public:
  Conditions();
  ~Conditions();
  Conditions(Conditions&&) noexcept;
  Conditions& operator=(Conditions&&) noexcept;

  /// @return its number.
  std::size_t add(const std::string& expression, const std::string& place);
  /// As holds(). @param globals  lent: they come back as they were.
  Result<bool> holds(std::size_t number, json::object& globals) const;

 private:
  std::unique_ptr<Chart> chart_;
};

}  // namespace chuyi::scxml

#pragma once

#include "engine/base/json.h"
#include "engine/base/result.h"

namespace chuyi {

/// Tells people and systems outside what happened. Called at least once for each entry; `id` lets the
/// receiver drop a repeat.
class Notifier {
 public:
  virtual ~Notifier() = default;
  /// @param payload  {"event","user",…} as the stage posted it. Errors: any; the entry is tried again.
  virtual Result<> notify(std::string_view id, const json::object& payload) = 0;
};

}  // namespace chuyi

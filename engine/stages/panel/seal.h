#pragma once

#include <string>

#include "engine/invoke/handler.h"

/// The record of a panel: kind "panel", id "SESSION/INVOKE", about the session. Data: {"sealed": bool}; once closed, "state":
/// what a reopened panel goes on with; once reopened, "reopened": {"by": [user], "reason", "at"}. While one of an
/// application's is sealed, no reply may tell of its sheets, also when the application has ended before it closed.
namespace chuyi::panel {

inline constexpr const char* kPanelRecord = "panel";
inline std::string panel_record_id(const StageContext& context, const std::string& invoke_id) { return context.session_id + "/" + invoke_id; }

/// The record with `data` in the place of what it had.
inline RecordRow panel_record(const StageContext& context, const std::string& invoke_id, json::object data) {
  const std::string id = panel_record_id(context, invoke_id);
  const std::optional<RecordRow> now = context.view.record(kPanelRecord, id);
  return {.kind = kPanelRecord, .id = id, .about = context.session_id, .data = std::move(data), .updated = context.now, .revision = now ? now->revision + 1 : 1};
}

}  // namespace chuyi::panel

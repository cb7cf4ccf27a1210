#pragma once

#include "engine/invoke/handler.h"

namespace chuyi {

/// One work item for one role in one organisation (or one user).
///
/// Parameters: role, org (or user); outcomes (default {"done"}); form (form id); due (period or date);
/// seals_bundle (the sign-off seals form and documents into a bag; implies accepts_documents);
/// accepts_documents; needs (outcome → names of members that the data must have); quota_on (the outcome that takes places,
/// engine/invoke/places.h), quota_at (of which rules, default "recommend"); not_by (invoke ids whose signer may not
/// sign here); data (first draft); return_to (earlier states that it may be sent back to); escalate (whom to tell when
/// nobody has signed at the due date, or later).
///
/// Events: done → {outcome, data, by_role, rank?, reserve?}, after a return {outcome: "return_to", to, reason, by_role,
/// days?}, with `added` when signers were added; task.overdue.<invoke id> when `due` has passed.
/// Commands: claim, release, save, assign, handover, complete, return, add-signer, document.add, document.remove.
class TaskStage final : public InvokeHandler {
 public:
  Result<StageOutcome> start(const StageContext& context, const json::object& params) const override;
  Result<StageOutcome> command(const StageContext& context, const json::object& state,
                               const StageCommand& command) const override;
  Result<StageOutcome> timer(const StageContext& context, const json::object& state,
                             std::string_view name) const override;
  StageOutcome cancel(const StageContext& context, const json::object& state) const override;
};

}  // namespace chuyi

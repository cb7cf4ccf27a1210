#pragma once

#include "engine/invoke/handler.h"

namespace chuyi {

/// Several parties sign (会签).
///
/// Parameters:
/// - parties: {{role, org} or {user}, name?, weight? (decimal text, default "1")}, at most kCountersignPartiesMax
/// - order: "parallel" (default), all are asked at once; "sequence", one after the other
/// - needs: "all" (default), "any", "quorum" (of `quorum` parties), "weight" (at least `weight` in all)
/// - due (period or date, for each party from when it is asked), silence: "waits" (default) or "agrees" when it has passed
/// - signatures: what an earlier countersign answered; on_return: "stand" (default), those that agreed then are not asked
///   again, or "fall", all are asked again and their signatures are kept as fallen
/// - not_by (invoke ids whose signer may not sign here), data (shown to every party)
///
/// A party agrees, or returns with an opinion. It ends as soon as `needs` is met or cannot be met any more.
///
/// Events: done → {outcome: "agreed" or "returned", signatures: [{party, name, role, org, outcome, opinion, by, at,
/// bundle (digest of the bag that lay before the party), status: "stands" or "fallen", turn}]}, oldest first, those of
/// earlier turns before; task.overdue.<invoke id> → {party} each time that one is late.
/// Commands: claim, release, save, complete.
/// Errors: of start `invalid` "countersign.params"; of complete those of WorkItems::sign(), `invalid` "countersign.opinion",
/// `forbidden` "countersign.twice" for somebody who has signed for another party.
class CountersignStage final : public InvokeHandler {
 public:
  Result<StageOutcome> start(const StageContext& context, const json::object& params) const override;
  Result<StageOutcome> command(const StageContext& context, const json::object& state, const StageCommand& command) const override;
  Result<StageOutcome> timer(const StageContext& context, const json::object& state, std::string_view name) const override;
  StageOutcome cancel(const StageContext& context, const json::object& state) const override;
};

inline constexpr std::size_t kCountersignPartiesMax = 100;

}  // namespace chuyi

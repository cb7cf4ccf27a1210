#pragma once

#include "engine/base/json.h"
#include "engine/base/result.h"

namespace chuyi::review {

/// Who judges what: the input of `chuyi assign`.
///
///     {"year": 2026, "policy": …, "experts": […], "applications": […],
///      "coverage": 7, "coverage_of": [{"application", "reviews"}],
///      "load": {"min": 0, "max": 80}, "load_of": [{"expert", "min", "max"}],
///      "limits": [{"by": "region" | "employer", "at_most": N}],
///      "cost": {"mismatch": 100 | null, "related": [{"field", "to", "cost"}], "same_region": 0, "balance": 1, "change": N},
///      "fixed": [{"application", "expert"}], "forbidden": […], "previous": […]}
///
/// A pair costs 0 when the expert has the application's field, what `related` says when one of the fields is related to
/// it, else `mismatch` (null: such an expert may not judge it); `same_region` more when expert and application are from
/// the same prefecture; and an expert's n-th application costs n times `balance`. With `previous`, every pair that is not
/// in it costs `change` more; without `change`, more than everything else together, so that first of all as few as
/// possible change. A pair with a conflict of interest under `policy`, or in `forbidden`, is never assigned.
///
/// `limits` says how many reviews of one application may come from one region and from one employer. Both at once are a
/// network only when each employer's experts are all of one region, and are refused otherwise: the optimum would be
/// a general integer programme's.
///
/// The result has the least total cost of all assignments that keep every limit, and does not depend on the order of the
/// input: {"assignments": [{"application", "experts"}], "load": [{"expert", "load", "min", "max", "matched"}], "reviews",
/// "matched", "cost", "changes": {"added", "dropped"}, "pairs_in_conflict", "networks", "columns", "possible"? (conflicts of assigned
/// pairs that a person is to confirm)}.
///
/// Errors: `invalid` "review.input" with every defect; `rejected` "assign.not_nested", "assign.fixed" for fixed pairs that
/// break a rule; "assign.infeasible" with the constraints that stand in the way, as details: "assign.application" (too few may
/// judge it), "assign.limit" (too few under the limits), "assign.expert", "assign.capacity", "assign.demand", "assign.cut"
/// (these applications and these experts), "assign.load"; `too_large` "assign.size".
///
/// @see R. Ahuja, T. Magnanti, J. Orlin: Network Flows (1993), chapters 9 and 11; P. Hall, J. London Math. Soc. 10 (1935).
Result<json::object> run_assignment(const json::object& input);

}  // namespace chuyi::review

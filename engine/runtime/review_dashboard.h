#pragma once

#include "engine/runtime/review_facts.h"

namespace chuyi {

/// How a round's applications and their review stand at `now`:
/// {"progress": {"prefectures", "colleges": [{"org", "total", "states": {state: n}}]},
///  "review": {"panels", "closed", "to_appoint", "sheets": {"open", "signed", "recused"},
///             "late": [{"expert", "application", "task", "due"}]},
///  "experts": [{"expert", "open", "signed", "recused", "late", "scores"?: {"count", "mean", "severity", "agreement"}}],
///  "panels": [{"panel", "programmes", "applications", "experts", "sealed",
///              "scores"?: {"count", "mean", "deviation", "lowest", "highest", "tens": [ten counts]}}]}
///
/// A panel is a confirmed draw's (its id), or all experts of a programme without one (the programme's id), as in the results.
/// Scores are those of applications whose panels have closed, and of no others. `severity`: by how much an expert's totals are
/// above the mean of the other sheets of the same application, on average; `agreement`: the same of the distance.
Result<json::object> review_dashboard(Queries& queries, const Definitions& definitions, const std::string& round, Instant now);

}  // namespace chuyi

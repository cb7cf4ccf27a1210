#pragma once

#include "engine/ports/definition.h"
#include "engine/ports/store.h"
#include "engine/runtime/access.h"

/// Double-blind panels (`<panel blind="double">`): who may not learn whose application it is, and what would tell it.
namespace chuyi {

bool is_double_blind(const Definition& definition);
/// Whether the actor may not learn whose application it is. Unknown definitions hide.
bool is_blind(const Actor& actor, const SessionRow& session, const Definition* definition);
/// The title as the actor may see it.
std::string shown_title(const Actor& actor, const SessionRow& session, const Definition* definition);

/// The nomination as signed off. Errors: those of decode_document.
Result<json::object> nomination_of(const SessionRow& session, const Definition& definition);
/// Whether a text names the applicant of a double-blind application: its title, its unit or what identifies in its nomination.
Result<bool> names_applicant(const SessionRow& session, const Definition& definition, const std::string& text);

}  // namespace chuyi

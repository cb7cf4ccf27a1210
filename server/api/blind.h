#pragma once

#include "engine/ports/definition.h"
#include "engine/ports/queries.h"
#include "engine/runtime/blind.h"

/// What a reviewer of a double-blind panel (`<panel blind="double">`) gets to see of an application.
namespace chuyi::api {

/// The row as the actor may see it: title and unit are a pseudonym where he is blind.
SessionRow shown_session(const Actor& actor, const SessionRow& session, const Definition* definition);
/// The documents as a blind reviewer may see them: without those whose kind identifies, by kind and number.
std::vector<DocumentRow> shown_documents(std::vector<DocumentRow> documents, const Definition* definition);
/// The nomination as signed off, without what identifies.
Result<json::object> shown_nomination(const SessionRow& session, const Definition& definition);
/// For who appoints a double-blind panel: where the application still names its applicant, [{place, code, zh, en}].
Result<json::array> names_left(Queries& queries, const SessionRow& session, const Definition& definition);

}  // namespace chuyi::api

#pragma once

#include "engine/runtime/session_document.h"
#include "server/api/lookup.h"

namespace chuyi::api {

/// What an application shows of its nomination: reasons and marks, revisions, correction, and to officers findings and an
/// over-quota exception. Not to who only reviews.
Result<> add_nomination(Context& context, const Seen& seen, const SessionDocument& document, json::object& out);

}  // namespace chuyi::api

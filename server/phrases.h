#pragma once

#include <string_view>

#include "engine/ports/definition.h"
#include "engine/scxml/phrases.h"
#include "server/problem.h"

namespace chuyi {

/// The words of server/texts/workflow.json for charts. With a definition its numbers and form titles stand in them.
/// `texts` and `definition` must outlive the phrases.
scxml::Phrases workflow_phrases(const Texts& texts, std::string_view language, const Definition* definition = nullptr);

}  // namespace chuyi

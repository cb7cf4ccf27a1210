#pragma once

#include <vector>

#include "engine/invoke/handler.h"

namespace chuyi {

/// Drafts kept of one task; the oldest give way.
inline constexpr std::uint64_t kDraftsMax = 20;

/// A saved draft as a record of kind "draft" about its task: {"revision","at","by","data"}.
RecordRow draft_record(const TaskRow& task, const Actor& actor, Instant now);

/// What a sealing sign-off leaves beside the bag: the revision that it is (record "revision" about the application), what
/// was found in the form (fact "checks"), and the traces by which a repetition is found (records "trace").
void keep_revision(const StageContext& context, const TaskRow& task, const StageCommand& command, const std::vector<DocumentRow>& documents,
                   std::vector<StageEffect>& effects);

}  // namespace chuyi

#include "engine/stages/builtin.h"

#include "engine/stages/annual_check/annual_check.h"
#include "engine/stages/award/award.h"
#include "engine/stages/countersign/countersign.h"
#include "engine/stages/panel/panel.h"
#include "engine/stages/panel/reopening.h"
#include "engine/stages/plugin/plugin.h"
#include "engine/stages/publicity/publicity.h"
#include "engine/stages/task/task.h"

namespace chuyi {

Result<> add_builtin_handlers(InvokeRegistry& registry) {
  struct Row {
    const char* type;
    std::unique_ptr<InvokeHandler> handler;
  };
  Row rows[] = {
      {"task", std::make_unique<TaskStage>()},
      {"countersign", std::make_unique<CountersignStage>()},
      {"panel", std::make_unique<PanelStage>()},
      {"panel-reopening", std::make_unique<PanelReopeningStage>()},
      {"publicity", std::make_unique<PublicityStage>()},
      {"award", std::make_unique<AwardStage>()},
      {"annual-check", std::make_unique<AnnualCheckStage>()},
      {"plugin", std::make_unique<PluginStage>()},
  };
  for (Row& row : rows)
    if (Result<> added = registry.add(row.type, std::move(row.handler)); !added) return added;
  return {};
}

}  // namespace chuyi

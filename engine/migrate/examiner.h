#pragma once

#include <map>
#include <memory>

#include "engine/check/continuation.h"
#include "engine/migrate/migrations.h"

namespace chuyi {

/// Looks at one running application after the other: may it move, and what would it be then?
class Examiner {
 public:
  /// All outlive it.
  Examiner(const Migrations::Parts& parts, const MigrationRequest& request)
      : parts_(parts), request_(request), future_(*request.to->chart, request.to->manifest, parts.world, parts.policies) {}

  /// What the new workflow itself breaks; empty: nothing.
  std::vector<Detail> problems() const;
  /// Errors: `unavailable` "store.io".
  Result<PlannedMove> examine(const SessionRow& row);

 private:
  struct Known {
    DefinitionPtr definition;
    std::unique_ptr<check::Machine> machine;
  };
  Result<std::vector<check::Past>> past_of(const SessionRow& row);
  const Known& known(const DefinitionPtr& definition);

  const Migrations::Parts& parts_;
  const MigrationRequest& request_;
  check::Continuation future_;
  std::map<std::string, Known> known_;  ///< by digest
};

}  // namespace chuyi

#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/runtime/people.h"

namespace chuyi {

/// What is there already.
struct ImportLookup {
  FindOrganisation organisation;
  std::function<std::optional<UserRow>(std::string_view id)> user;
  std::function<std::optional<RecordRow>(std::string_view id)> expert;
};

/// What an import would write, and what stands in its way.
struct ImportPlan {
  std::vector<OrganisationRow> organisations;  ///< parents before their children
  std::vector<UserRow> users;
  std::vector<RecordRow> experts;
  json::array changes;           ///< of each row: {"row", "id", "name", "action": "add"|"change"|"keep", "fields": {name: {"from", "to"}}}
  std::vector<Detail> problems;  ///< every one of every row; place = JSON pointer into the rows: "/3/name"
};

/// A member that a row does not have stays as it is; an empty one is cleared. What is as it was is not written.
///
/// @param data  {"kind": "organisations"|"users"|"experts", "rows": […], "password_hash": {user id: in the place of the
///              password of a new user}, "renew": true: also of those who have not set theirs yet}
ImportPlan plan_import(const json::object& data, const ImportLookup& known, Instant now);

}  // namespace chuyi

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/runtime/organisations.h"

namespace chuyi {

extern const std::vector<std::string> kRoles;

/// Reads and checks a user: id, name, memberships, disabled. Its password stays that of `old`.
/// @return Errors: `invalid` "user.*", place = JSON pointer.
Result<UserRow> user_of(const json::object& given, const std::optional<UserRow>& old, const FindOrganisation& find);

/// Reads and checks an expert's record: id, name, title, fields, region, employer, enterprises, kind, out_of_province,
/// nominated_year. What else `old` holds stays.
/// @return Errors: `invalid` "expert.*", place = JSON pointer.
Result<RecordRow> expert_of(const json::object& given, const std::optional<RecordRow>& old, const FindOrganisation& find, Instant now);

extern const std::vector<std::string> kExpertKinds;
inline constexpr const char* kExpert = "expert";     ///< RecordRow::kind
inline constexpr const char* kExpertPool = "pool";  ///< RecordRow::about

/// In the place of a password hash: the owner sets the password once, with a code of which only this is kept.
std::string pending_password(const std::string& code_digest, Instant expires);
bool is_pending(const std::string& password);
/// Whether `password` waits for this code, and still does now.
bool takes_code(const std::string& password, const std::string& code_digest, Instant now);

}  // namespace chuyi

#include "engine/runtime/people.h"

#include "engine/base/split.h"
#include "engine/invoke/rows_json.h"
#include "engine/runtime/fields.h"

namespace chuyi {

const std::vector<std::string> kRoles = {"applicant", "recommending-officer", "provincial-officer", "reviewer", "administrator"};

Result<UserRow> user_of(const json::object& given, const std::optional<UserRow>& old, const FindOrganisation& find) {
  UserRow row{.id = string_or(given, "id"),
              .name = string_or(given, "name"),
              .password = old ? old->password : std::string{},
              .memberships = memberships_from_json(array_or_empty(given, "memberships")),
              .disabled = bool_or(given, "disabled", false)};
  if (!is_name(row.id)) return invalid_field("user.id", "/id", "Expected an id of [A-Za-z0-9._@-]", "账号不符合要求");
  if (!is_text(row.name)) return invalid_field("user.name", "/name", "Expected a name", "请填写姓名");
  for (std::size_t i = 0; i < row.memberships.size(); ++i) {
    const std::string place = "/memberships/" + std::to_string(i);
    if (!is_one_of(kRoles, row.memberships[i].role)) return invalid_field("user.role", place + "/role", "Expected a role", "角色不存在", kRoles);
    if (!find(row.memberships[i].org)) return invalid_field("user.org", place + "/org", "Expected a known organisation", "单位不存在");
  }
  return row;
}

std::string pending_password(const std::string& code_digest, Instant expires) { return "code:" + code_digest + ":" + std::to_string(to_ms(expires)); }

bool is_pending(const std::string& password) { return password.starts_with("code:"); }

bool takes_code(const std::string& password, const std::string& code_digest, Instant now) {
  const std::vector<std::string> parts = split(password, ":");
  return parts.size() == 3 && parts[0] == "code" && parts[1] == code_digest && to_ms(now) < std::atoll(parts[2].c_str());
}

}  // namespace chuyi

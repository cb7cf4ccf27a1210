#include "engine/runtime/people.h"

#include <algorithm>
#include <cstdlib>

#include "engine/base/split.h"
#include "engine/invoke/rows_json.h"
#include "engine/runtime/fields.h"

namespace chuyi {

const std::vector<std::string> kRoles = {
    "applicant",          "org-admin", "org-approver", "recommending-officer",
    "provincial-officer", "reviewer",  "discipline",   "administrator"};
const std::vector<std::string> kExpertKinds = {"enterprise", "college", "research", "government"};

Result<UserRow> user_of(const json::object& given, const std::optional<UserRow>& old, const FindOrganisation& find) {
  UserRow row{.id = string_or(given, "id"),
              .name = string_or(given, "name"),
              .password = old ? old->password : std::string{},
              .memberships = memberships_from_json(array_or_empty(given, "memberships")),
              .disabled = bool_or(given, "disabled", false)};
  FieldChecks checks;
  checks.need(is_name(row.id), "user.id", "/id", "Expected an id of [A-Za-z0-9._@-]", "账号不符合要求");
  checks.need(is_text(row.name), "user.name", "/name", "Expected a name", "请填写姓名");
  for (std::size_t i = 0; i < row.memberships.size(); ++i) {
    const std::string place = "/memberships/" + std::to_string(i);
    checks.need(is_one_of(kRoles, row.memberships[i].role), "user.role", place + "/role", "Expected a role", "角色不存在", kRoles);
    checks.need(find(row.memberships[i].org).has_value(), "user.org", place + "/org", "Expected a known organisation", "单位不存在");
  }
  if (Result<> checked = checks.done(); !checked) return checked.error();
  return row;
}

namespace {

bool is_region(const std::string& text) { return text.size() == 6 && text.find_first_not_of("0123456789") == std::string::npos; }

/// What people may call it in a form: its name, and those it had.
json::array names_of(const OrganisationRow& org) {
  json::array out{org.name};
  for (const json::value& former : array_or_empty(org.data, "former"))
    if (std::string name = string_or(former.as_object(), "name"); !name.empty()) out.emplace_back(std::move(name));
  return out;
}

bool is_short_list(const json::array& items) {
  constexpr std::size_t kItemsMax = 20;
  return items.size() <= kItemsMax && std::all_of(items.begin(), items.end(), [](const json::value& each) {
           return each.is_string() && is_text(each.get_string());
         });
}

}  // namespace

Result<RecordRow> expert_of(const json::object& given, const std::optional<RecordRow>& old, const FindOrganisation& find, Instant now) {
  RecordRow row{.kind = kExpert,
                .id = string_or(given, "id"),
                .about = kExpertPool,
                .data = old ? old->data : json::object{},
                .updated = now,
                .revision = old ? old->revision + 1 : 1};
  for (const char* key : {"id", "name", "title", "fields", "region", "employer", "enterprises", "kind",
                          "out_of_province", "nominated_year"})
    if (const json::value* value = given.if_contains(key)) row.data[key] = *value;
  const auto text = [&](const char* key) { return string_or(row.data, key); };
  FieldChecks checks;
  checks.need(is_name(row.id), "expert.id", "/id", "Expected an id of [A-Za-z0-9._@-]", "专家编号不符合要求");
  checks.need(is_text(text("name")), "expert.name", "/name", "Expected a name", "请填写姓名");
  checks.need(text("title").empty() || is_text(text("title")), "expert.title", "/title", "Expected a title of at most 240 bytes", "职称过长");
  checks.need(text("region").empty() || is_region(text("region")), "expert.region", "/region",
              "Expected six digits of GB/T 2260", "行政区划代码应为6位数字");
  const std::optional<OrganisationRow> employer = text("employer").empty() ? std::nullopt : find(text("employer"));
  checks.need(text("employer").empty() || employer, "expert.employer", "/employer", "Expected a known organisation", "工作单位不存在");
  row.data.erase("employer_names");
  if (employer) row.data["employer_names"] = names_of(*employer);
  checks.need(text("kind").empty() || is_one_of(kExpertKinds, text("kind")), "expert.kind", "/kind",
              "Expected a kind of experts", "专家类型不符合要求", kExpertKinds);
  const std::int64_t year = int_or(row.data, "nominated_year", 0);
  checks.need(year == 0 || (year >= 2000 && year <= 2999), "expert.nominated_year", "/nominated_year", "Expected a year", "提名年度应为4位年份");
  for (const char* key : {"fields", "enterprises"})
    checks.need(is_short_list(array_or_empty(row.data, key)), "expert.list", std::string{"/"} + key,
                "Expected at most 20 short texts", "最多填写20项");
  if (Result<> checked = checks.done(); !checked) return checked.error();
  return row;
}

std::string pending_password(const std::string& code_digest, Instant expires) {
  return "code:" + code_digest + ":" + std::to_string(to_ms(expires));
}

bool is_pending(const std::string& password) { return password.starts_with("code:"); }

bool takes_code(const std::string& password, const std::string& code_digest, Instant now) {
  const std::vector<std::string> parts = split(password, ":");
  return parts.size() == 3 && parts[0] == "code" && parts[1] == code_digest && to_ms(now) < std::atoll(parts[2].c_str());
}

}  // namespace chuyi

// Validates the nomination of an alliance: members of all six kinds that the notice names.
#include <set>
#include <string>

#include "plugins/sdk/chuyi_plugin.hpp"

namespace {

namespace json = boost::json;
using chuyi::sdk::Findings;

void check_kinds(const json::array& members, Findings& findings) {
  std::set<std::string> missing = {"政府", "行业", "企业", "职业院校", "科研院所", "社会组织"};
  for (const json::value& member : members) missing.erase(std::string{member.at("kind").as_string()});
  if (missing.empty()) return;
  std::string list;
  for (const std::string& kind : missing) list += (list.empty() ? "" : "、") + kind;
  findings.add("/members", "kinds",
               "Expected government, industry, enterprise, school, research institute and social organisation among the members; missing: " + list,
               "成员应包括政府、行业、企业、职业院校、科研院所和社会组织，尚缺：" + list);
}

void check_names(const json::array& members, Findings& findings) {
  std::set<std::string> seen;
  for (std::size_t i = 0; i < members.size(); ++i)
    if (!seen.insert(std::string{members[i].at("name").as_string()}).second)
      findings.add("/members/" + std::to_string(i) + "/name", "member_twice", "Expected each member once", "成员单位重复");
}

/// The charter is adopted, and every member's agreement signed, by `date`: the day of the sign-off.
void check_dates(const json::value& data, const json::string& date, Findings& findings) {
  if (data.at("charter_date").as_string() > date)
    findings.add("/charter_date", "charter_date", "Expected a charter that was adopted before the nomination", "章程应在申报前通过");
  const json::array& members = data.at("members").as_array();
  for (std::size_t i = 0; i < members.size(); ++i)
    if (members[i].at("agreement").as_string() > date)
      findings.add("/members/" + std::to_string(i) + "/agreement", "member_agreement",
                   "Expected an agreement that was signed before the nomination", "成员单位应在申报前签订加入协议");
}

void validate(const json::value& call, Findings& findings) {
  if (call.at("form").as_string() != "nomination") return;
  const json::value& data = call.at("data");
  check_kinds(data.at("members").as_array(), findings);
  check_names(data.at("members").as_array(), findings);
  if (const json::value* date = call.as_object().if_contains("date")) check_dates(data, date->as_string(), findings);
}

}  // namespace

CHUYI_PLUGIN("vocational-alliance", .validate = chuyi::sdk::hook<validate>)

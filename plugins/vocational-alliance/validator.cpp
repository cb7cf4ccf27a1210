// Validates the nomination of an alliance: members of all six kinds that the notice names.
#include <set>
#include <string>

#include <boost/json.hpp>

#include "plugins/sdk/chuyi_plugin.h"

namespace {

namespace json = boost::json;

void check_kinds(const json::object& data, json::array& findings) {
  std::set<std::string> missing = {"政府", "行业", "企业", "职业院校", "科研院所", "社会组织"};
  for (const json::value& member : data.at("members").as_array()) missing.erase(std::string{member.at("kind").as_string()});
  if (missing.empty()) return;
  std::string list;
  for (const std::string& kind : missing) list += (list.empty() ? "" : "、") + kind;
  findings.push_back(json::object{
      {"place", "/members"},
      {"code", "kinds"},
      {"message", "Expected government, industry, enterprise, school, research institute and social organisation among the members; missing: " + list},
      {"message_zh", "成员应包括政府、行业、企业、职业院校、科研院所和社会组织，尚缺：" + list}});
}

void check_names(const json::object& data, json::array& findings) {
  std::set<std::string> seen;
  std::size_t index = 0;
  for (const json::value& member : data.at("members").as_array()) {
    if (!seen.insert(std::string{member.at("name").as_string()}).second)
      findings.push_back(json::object{{"place", "/members/" + std::to_string(index) + "/name"},
                                      {"code", "member_twice"},
                                      {"message", "Expected each member once"},
                                      {"message_zh", "成员单位重复"}});
    ++index;
  }
}

/// The charter is adopted, and every member's agreement signed, by `date`: the day of the sign-off.
void check_dates(const json::object& data, const std::string& date, json::array& findings) {
  if (data.at("charter_date").as_string() > date)
    findings.push_back(json::object{{"place", "/charter_date"},
                                    {"code", "charter_date"},
                                    {"message", "Expected a charter that was adopted before the nomination"},
                                    {"message_zh", "章程应在申报前通过"}});
  std::size_t index = 0;
  for (const json::value& member : data.at("members").as_array()) {
    if (member.at("agreement").as_string() > date)
      findings.push_back(json::object{{"place", "/members/" + std::to_string(index) + "/agreement"},
                                      {"code", "member_agreement"},
                                      {"message", "Expected an agreement that was signed before the nomination"},
                                      {"message_zh", "成员单位应在申报前签订加入协议"}});
    ++index;
  }
}

int32_t validate(const chuyi_host*, const char* text, size_t size, chuyi_sink sink, void* context) {
  try {
    const json::value input = json::parse({text, size});
    json::array findings;
    if (input.at("form").as_string() == "nomination") {
      const json::object& data = input.at("data").as_object();
      check_kinds(data, findings);
      check_names(data, findings);
      if (const json::value* date = input.as_object().if_contains("date")) check_dates(data, std::string{date->as_string()}, findings);
    }
    const std::string answer = json::serialize(json::object{{"findings", findings}});
    sink(context, answer.data(), answer.size());
    return CHUYI_OK;
  } catch (const std::exception&) {
    return CHUYI_BAD_INPUT;
  }
}

const chuyi_plugin_info kPlugin = {sizeof(chuyi_plugin_info), CHUYI_ABI_VERSION, "vocational-alliance", validate};

}  // namespace

const chuyi_plugin_info* chuyi_plugin(uint32_t abi_version) { return abi_version == CHUYI_ABI_VERSION ? &kPlugin : nullptr; }

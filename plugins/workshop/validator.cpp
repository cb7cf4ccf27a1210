// Validates the nomination of a workshop: run jointly by one school and at least one enterprise (校企共建).
#include <string>

#include <boost/json.hpp>

#include "plugins/sdk/chuyi_plugin.h"

namespace {

namespace json = boost::json;

void find(json::array& findings, const char* place, const char* code, const char* message, const char* message_zh) {
  findings.push_back(json::object{{"place", place}, {"code", code}, {"message", message}, {"message_zh", message_zh}});
}

void check_partners(const json::object& data, json::array& findings) {
  const json::array& enterprises = data.at("enterprises").as_array();
  if (enterprises.empty())
    find(findings, "/enterprises", "joint", "Expected at least one partner enterprise: a workshop is run jointly by school and enterprise",
         "工坊须由学校与企业共建，至少有一家共建企业");
  const json::value& school = data.at("school").at("uscc");
  for (std::size_t i = 0; i < enterprises.size(); ++i)
    if (enterprises[i].at("uscc") == school)
      find(findings, ("/enterprises/" + std::to_string(i) + "/uscc").c_str(), "joint_self",
           "Expected another organisation than the school itself", "共建企业不得为牵头学校自身");
  bool school_side = false;
  bool enterprise_side = false;
  for (const json::value& member : data.at("members").as_array())
    (member.at("side").as_string() == "学校" ? school_side : enterprise_side) = true;
  if (!school_side || !enterprise_side)
    find(findings, "/members", "joint_team", "Expected members from both the school and the enterprises", "工坊成员应同时来自学校和企业");
}

void check_agreement(const json::object& data, json::array& findings) {
  // The agreement covers the whole construction period: its last day is not before the period's last month ends.
  const std::string end{data.at("agreement_end").as_string()};
  const std::string period_end{data.at("period").at("end").as_string()};
  if (end.substr(0, 7) < period_end)
    find(findings, "/agreement_end", "agreement_period", "Expected the agreement to cover the whole construction period",
         "校企共建协议应覆盖整个建设期");
}

int32_t validate(const chuyi_host*, const char* text, size_t size, chuyi_sink sink, void* context) {
  try {
    const json::value input = json::parse({text, size});
    json::array findings;
    if (input.at("form").as_string() == "nomination") {
      const json::object& data = input.at("data").as_object();
      check_partners(data, findings);
      check_agreement(data, findings);
    }
    const std::string answer = json::serialize(json::object{{"findings", findings}});
    sink(context, answer.data(), answer.size());
    return CHUYI_OK;
  } catch (const std::exception&) {
    return CHUYI_BAD_INPUT;
  }
}

const chuyi_plugin_info kPlugin = {sizeof(chuyi_plugin_info), CHUYI_ABI_VERSION, "workshop", validate};

}  // namespace

const chuyi_plugin_info* chuyi_plugin(uint32_t abi_version) { return abi_version == CHUYI_ABI_VERSION ? &kPlugin : nullptr; }

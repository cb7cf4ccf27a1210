// Validates the nomination of a workshop: run jointly by one school and at least one enterprise (校企共建).
#include <chrono>
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

/// The last day of "YYYY-MM", as "YYYY-MM-DD".
std::string last_day_of(const std::string& month) {
  const std::chrono::year year{std::stoi(month.substr(0, 4))};
  const std::chrono::month_day_last last{std::chrono::month{static_cast<unsigned>(std::stoi(month.substr(5, 2)))}};
  return month + "-" + std::to_string(static_cast<unsigned>(std::chrono::year_month_day{year / last}.day()));
}

void check_agreement(const json::object& data, json::array& findings) {
  const std::string end{data.at("agreement_end").as_string()};
  if (end < last_day_of(std::string{data.at("period").at("end").as_string()}))
    find(findings, "/agreement_end", "agreement_period", "Expected the agreement to cover the whole construction period",
         "校企共建协议应覆盖整个建设期");
}

/// Awards of the last five years count. `date` is the day of the sign-off.
void check_awards(const json::object& data, const std::string& date, json::array& findings) {
  const json::value* awards = data.if_contains("awards");
  if (awards == nullptr || date.size() < 4) return;
  const int year = std::stoi(date.substr(0, 4));
  for (std::size_t i = 0; i < awards->as_array().size(); ++i)
    if (const std::int64_t won = awards->at(i).at("year").as_int64(); won < year - 5 || won > year)
      find(findings, ("/awards/" + std::to_string(i) + "/year").c_str(), "award_year", "Expected an award of the last five years",
           "竞赛获奖应为近5年取得");
}

int32_t validate(const chuyi_host*, const char* text, size_t size, chuyi_sink sink, void* context) {
  try {
    const json::value input = json::parse({text, size});
    json::array findings;
    if (input.at("form").as_string() == "nomination") {
      const json::object& data = input.at("data").as_object();
      check_partners(data, findings);
      check_agreement(data, findings);
      if (const json::value* date = input.as_object().if_contains("date")) check_awards(data, std::string{date->as_string()}, findings);
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

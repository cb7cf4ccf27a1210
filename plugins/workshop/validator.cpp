// Validates the nomination of a workshop: run jointly by one school and at least one enterprise (校企共建).
#include <chrono>
#include <string>

#include "plugins/sdk/chuyi_plugin.hpp"

namespace {

namespace json = boost::json;
using chuyi::sdk::Findings;

void check_partners(const json::value& data, Findings& findings) {
  const json::array& enterprises = data.at("enterprises").as_array();
  if (enterprises.empty())
    findings.add("/enterprises", "joint", "Expected at least one partner enterprise: a workshop is run jointly by school and enterprise",
                 "工坊须由学校与企业共建，至少有一家共建企业");
  const json::value& school = data.at("school").at("uscc");
  for (std::size_t i = 0; i < enterprises.size(); ++i)
    if (enterprises[i].at("uscc") == school)
      findings.add("/enterprises/" + std::to_string(i) + "/uscc", "joint_self", "Expected another organisation than the school itself",
                   "共建企业不得为牵头学校自身");
  bool school_side = false;
  bool enterprise_side = false;
  for (const json::value& member : data.at("members").as_array())
    (member.at("side").as_string() == "学校" ? school_side : enterprise_side) = true;
  if (!school_side || !enterprise_side)
    findings.add("/members", "joint_team", "Expected members from both the school and the enterprises", "工坊成员应同时来自学校和企业");
}

/// The last day of "YYYY-MM", as "YYYY-MM-DD".
std::string last_day_of(const std::string& month) {
  const std::chrono::year year{std::stoi(month.substr(0, 4))};
  const std::chrono::month_day_last last{std::chrono::month{static_cast<unsigned>(std::stoi(month.substr(5, 2)))}};
  return month + "-" + std::to_string(static_cast<unsigned>(std::chrono::year_month_day{year / last}.day()));
}

void check_agreement(const json::value& data, Findings& findings) {
  if (data.at("agreement_end").as_string() < last_day_of(std::string{data.at("period").at("end").as_string()}))
    findings.add("/agreement_end", "agreement_period", "Expected the agreement to cover the whole construction period",
                 "校企共建协议应覆盖整个建设期");
}

/// Awards of the last five years count. `date` is the day of the sign-off.
void check_awards(const json::value& data, const std::string& date, Findings& findings) {
  const json::value* awards = data.as_object().if_contains("awards");
  if (awards == nullptr || date.size() < 4) return;
  const int year = std::stoi(date.substr(0, 4));
  for (std::size_t i = 0; i < awards->as_array().size(); ++i)
    if (const std::int64_t won = awards->at(i).at("year").as_int64(); won < year - 5 || won > year)
      findings.add("/awards/" + std::to_string(i) + "/year", "award_year", "Expected an award of the last five years", "竞赛获奖应为近5年取得");
}

void validate(const json::value& call, Findings& findings) {
  if (call.at("form").as_string() != "nomination") return;
  const json::value& data = call.at("data");
  check_partners(data, findings);
  check_agreement(data, findings);
  if (const json::value* date = call.as_object().if_contains("date")) check_awards(data, std::string{date->as_string()}, findings);
}

}  // namespace

CHUYI_PLUGIN("workshop", .validate = chuyi::sdk::hook<validate>)

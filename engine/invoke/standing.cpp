#include "engine/invoke/standing.h"

#include <set>

namespace chuyi {
namespace {

constexpr const char* kLeader = "leader";
constexpr const char* kBan = "ban";
/// What tells two people of one name apart.
constexpr const char* kNumbers[] = {"phone", "id_number"};

/// A digest with the installation's secret, for numbers are few enough to be tried. Empty without that number.
std::string key_of(StageView& view, const json::object& leader, const char* number) {
  const std::string given = string_or(leader, number);
  return given.empty() ? std::string{} : "leader:" + view.person(std::string{number} + "\n" + given);
}

/// By all numbers, in one order for whoever holds them.
std::set<std::string> keys_of(StageView& view, const json::object& leader) {
  std::set<std::string> out;
  for (const char* number : kNumbers)
    if (std::string key = key_of(view, leader, number); !key.empty()) out.insert(std::move(key));
  return out;
}

/// Whoever leads it so far.
json::object leader_of(const json::object& application) {
  const json::object& changed = object_or_empty(application, "leader");
  return changed.empty() ? object_or_empty(object_or_empty(application, "form"), "leader") : changed;
}

/// Of what a ban is: the unit, or the leader by each number; by the names of its records.
std::vector<std::pair<std::string, std::string>> ban_keys(StageView& view, const json::object& application, const json::object& leader, bool of_leader) {
  if (!of_leader) return {{"unit", "unit:" + string_or(application, "org")}};
  std::vector<std::pair<std::string, std::string>> out;
  for (const char* number : kNumbers)
    if (std::string key = key_of(view, leader, number); !key.empty()) out.emplace_back(number, std::move(key));
  return out;
}

}  // namespace

Result<> check_exclusive(const StageContext& context, const json::object& leader, const std::string& place) {
  const std::string name = string_or(leader, "name");
  const std::set<std::string> keys = keys_of(context.view, leader);
  for (const std::string& key : keys) (void)context.view.series(key);  // held: nobody becomes a leader twice at once
  for (const std::string& key : keys)
    for (const RecordRow& led : context.view.records(kLeader, key)) {
      if (led.id.substr(0, led.id.find('/')) == context.session_id) continue;
      return Error{.kind = ErrorKind::rejected,
                   .code = "leader.exclusive",
                   .message = "Expected somebody who leads no other application that runs, but '" + name + "' does",
                   .place = place,
                   .message_zh = "“" + name + "”正在负责另一项未结束的申报，不得担任本项目负责人"};
    }
  return {};
}

void keep_leader(const StageContext& context, const json::object& leader, std::vector<StageEffect>& effects) {
  const json::object before = leader_of(context.application);
  for (const std::string& key : keys_of(context.view, leader)) (void)context.view.series(key);
  for (const char* number : kNumbers) {
    const std::string key = key_of(context.view, leader, number);
    if (key.empty() && string_or(before, number).empty()) continue;
    const std::string id = context.session_id + "/" + number;
    const std::optional<RecordRow> known = context.view.record(kLeader, id);
    effects.emplace_back(RecordRow{.kind = kLeader, .id = id, .about = key, .data = {}, .updated = context.now, .revision = known ? known->revision + 1 : 1});
  }
}

std::vector<RecordRow> free_leader(StageView& view, const std::string& session_id, const json::object& application) {
  std::vector<RecordRow> out;
  for (const char* number : kNumbers) {
    if (string_or(leader_of(application), number).empty()) continue;
    if (std::optional<RecordRow> row = view.record(kLeader, session_id + "/" + number)) {
      row->about.clear();
      out.push_back(std::move(*row));
    }
  }
  return out;
}

std::string leader_name(const json::object& application) { return string_or(leader_of(application), "name"); }

void change_leader(const StageContext& context, const json::object& leader, std::vector<StageEffect>& effects) {
  keep_leader(context, leader, effects);
  json::array leaders = array_or_empty(context.application, "leaders");
  leaders.push_back(json::object{{"from", leader_name(context.application)},
                                 {"to", string_or(leader, "name")},
                                 {"on", format_day(day_in_shanghai(context.now))}});
  effects.emplace_back(SetFact{.key = "leaders", .value = std::move(leaders)});
  effects.emplace_back(SetFact{.key = "leader", .value = leader});
}

void keep_ban(const StageContext& context, const std::string& number, std::vector<StageEffect>& effects) {
  const json::object& ban = object_or_empty(context.programme, "ban");
  if (ban.empty()) return;
  const Day until = add_years(day_in_shanghai(context.now), static_cast<int>(int_or(ban, "years", 0)));
  for (auto& [name, key] : ban_keys(context.view, context.application, leader_of(context.application), string_or(ban, "of") == "leader"))
    effects.emplace_back(RecordRow{.kind = kBan,
                                   .id = context.session_id + "/" + name,
                                   .about = string_or(context.application, "programme") + "/" + key,
                                   .data = {{"number", number}, {"until", format_day(until)}},
                                   .updated = context.now});
}

namespace {

Result<> check_bans(const StageContext& context, const json::object& leader, bool of_leader, const std::string& place) {
  for (const auto& [name, key] : ban_keys(context.view, context.application, leader, of_leader))
    for (const RecordRow& ban : context.view.records(kBan, string_or(context.application, "programme") + "/" + key)) {
      const std::string until = string_or(ban.data, "until");
      if (format_day(day_in_shanghai(context.now)) >= until) continue;
      const std::string number = string_or(ban.data, "number");
      return Error{.kind = ErrorKind::rejected,
                   .code = "application.banned",
                   .message = "Expected " + std::string{of_leader ? "a leader" : "a unit"} + " that may apply; award " + number +
                              " was revoked, and before " + until + " there is no other",
                   .place = place,
                   .message_zh = std::string{of_leader ? "该负责人" : "该单位"} + "的认定（" + number + "）已被撤销，" + until + "之前不得再次申报"};
    }
  return {};
}

}  // namespace

Result<> check_leader_ban(const StageContext& context, const json::object& leader, const std::string& place) {
  return check_bans(context, leader, true, place);
}

Result<> check_ban(const StageContext& context, const json::object& leader) {
  if (Result<> unit = check_bans(context, {}, false, "/org"); !unit) return unit;
  return check_leader_ban(context, leader, "/data/leader");
}

}  // namespace chuyi

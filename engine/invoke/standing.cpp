#include "engine/invoke/standing.h"

#include "engine/base/digest.h"

namespace chuyi {
namespace {

constexpr const char* kTrace = "trace";
/// What tells two people of one name apart.
constexpr const char* kNumbers[] = {"phone", "id_number"};

/// Empty without that number.
std::string key_of(const json::object& leader, const char* number) {
  const std::string given = string_or(leader, number);
  return given.empty() ? std::string{} : "leader:" + sha256_hex(std::string{number} + "\n" + given);
}

/// Whoever leads it so far.
json::object leader_of(const json::object& application) {
  const json::object& changed = object_or_empty(application, "leader");
  return changed.empty() ? object_or_empty(object_or_empty(application, "form"), "leader") : changed;
}

}  // namespace

Result<> check_exclusive(const StageContext& context, const json::object& leader, const std::string& place) {
  const std::string name = string_or(leader, "name");
  for (const char* number : kNumbers) {
    const std::string key = key_of(leader, number);
    for (const RecordRow& trace : key.empty() ? std::vector<RecordRow>{} : context.view.records(kTrace, key)) {
      const std::string other = trace.id.substr(0, trace.id.find('/'));
      if (other == context.session_id || !context.view.is_running(other)) continue;
      return Error{.kind = ErrorKind::rejected,
                   .code = "leader.exclusive",
                   .message = "Expected somebody who leads no other application that runs, but '" + name + "' leads " + other,
                   .place = place,
                   .message_zh = "“" + name + "”正在负责另一项未结束的申报（" + other + "），不得担任本项目负责人"};
    }
  }
  return {};
}

void keep_leader(const StageContext& context, const json::object& leader, std::vector<StageEffect>& effects) {
  const json::object before = leader_of(context.application);
  for (const char* number : kNumbers) {
    const std::string key = key_of(leader, number);
    if (key.empty() && key_of(before, number).empty()) continue;
    effects.emplace_back(RecordRow{.kind = kTrace, .id = context.session_id + "/leader/" + number, .about = key, .data = {}, .updated = context.now});
  }
}

void change_leader(const StageContext& context, const json::object& leader, std::vector<StageEffect>& effects) {
  keep_leader(context, leader, effects);
  json::array leaders = array_or_empty(context.application, "leaders");
  leaders.push_back(json::object{{"from", string_or(leader_of(context.application), "name")},
                                 {"to", string_or(leader, "name")},
                                 {"on", format_day(day_in_shanghai(context.now))}});
  effects.emplace_back(SetFact{.key = "leaders", .value = std::move(leaders)});
  effects.emplace_back(SetFact{.key = "leader", .value = leader});
}

}  // namespace chuyi

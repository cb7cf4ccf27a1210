#include "engine/stages/panel/conflict.h"

#include <algorithm>
#include <charconv>

#include "engine/invoke/rows_json.h"
#include "engine/review/conflicts.h"

namespace chuyi::panel {
namespace {

/// Has signed another stage of this application, or has appointed reviewers of this one or opened its scores.
bool has_acted(const StageContext& context, const json::object& state, const std::string& user) {
  for (const char* list : {"appointers", "openers"}) {
    const std::vector<std::string> people = strings_from_json(array_or_empty(state, list));
    if (std::find(people.begin(), people.end(), user) != people.end()) return true;
  }
  return std::any_of(context.signed_by.begin(), context.signed_by.end(),
                     [&](const auto& signers) { return signers.first != context.invoke_id && signers.second.contains(user); });
}

/// Adds every text that stands at `path` ("leader.id_number", "members.id_number"), through lists.
void collect(const json::value& value, std::string_view path, std::vector<std::string>& out) {
  if (value.is_array()) {
    for (const json::value& each : value.get_array()) collect(each, path, out);
  } else if (path.empty()) {
    if (value.is_string() && !value.get_string().empty()) out.emplace_back(value.get_string());
  } else if (value.is_object()) {
    const std::size_t dot = path.find('.');
    if (const json::value* found = value.get_object().if_contains(path.substr(0, dot)); found != nullptr)
      collect(*found, dot == std::string_view::npos ? std::string_view{} : path.substr(dot + 1), out);
  }
}

std::vector<std::string> texts_of(const json::object& form, const json::object& fields, const char* meaning) {
  std::vector<std::string> out;
  const json::value whole(form);
  for (const std::string& path : strings_from_json(array_or_empty(fields, meaning))) collect(whole, path, out);
  return out;
}

std::vector<std::string> persons_of(const StageContext& context, const json::object& form,
                                    const json::object& fields, const char* meaning) {
  std::vector<std::string> out = texts_of(form, fields, meaning);
  for (std::string& each : out) each = context.view.person(each);
  return out;
}

review::Candidate candidate_of(const StageContext& context, const json::object& fields) {
  const json::object& facts = context.application;
  const json::object& form = object_or_empty(facts, "form");
  const json::object& orgs = object_or_empty(facts, "orgs");
  review::Candidate out{.id = string_or(facts, "id"),
                        .programme = string_or(facts, "programme"),
                        .title = string_or(facts, "title"),
                        .org = string_or(facts, "org")};
  for (const char* level : {"county", "prefecture", "province"}) {
    std::string org = string_or(orgs, level);
    const bool again = !out.org_chain.empty() && out.org_chain.back() == org;
    if (!org.empty() && org != out.org && !again) out.org_chain.push_back(std::move(org));
  }
  out.competent_department = string_or(orgs, "competent");
  if (std::vector<std::string> leader = persons_of(context, form, fields, "leader"); !leader.empty())
    out.leader = std::move(leader.front());
  out.members = persons_of(context, form, fields, "members");
  for (const std::string& member : strings_from_json(array_or_empty(fields, "named")))
    if (const json::value* found = form.if_contains(member)) review::add_named(*found, string_or(facts, "org_name"), out.named);
  out.partners = texts_of(form, fields, "partners");
  out.handlers.push_back(string_or(facts, "applicant"));
  for (const auto& [invoke, users] : context.signed_by)
    if (invoke != context.invoke_id) out.handlers.insert(out.handlers.end(), users.begin(), users.end());
  return out;
}

int year_of(const StageContext& context) {
  const std::string round = string_or(context.application, "round");
  int year = 0;
  const bool starts_with_a_year = round.size() >= 4 && std::from_chars(round.data(), round.data() + 4, year).ptr == round.data() + 4;
  return starts_with_a_year && year >= 1900 ? year : static_cast<int>(std::chrono::year_month_day{day_in_shanghai(context.now)}.year());
}

/// What the programme's rules find of an expert of the pool: conflicts, or with `confirm` only possible ones. Data that cannot be read
/// keeps away: nobody scores unchecked.
Detail by_rules(const StageContext& context, const std::string& user, const std::string& place, bool confirm) {
  Detail out{.place = place, .code = {}, .message = {}, .message_zh = {}};
  const json::object& conflicts = object_or_empty(context.programme, "conflicts");
  if (conflicts.empty()) return out;
  const std::optional<RecordRow> record = context.view.record("expert", user);
  if (!record) return out;
  const Result<review::Expert> expert = review::expert_from_json(review::expert_of_pool(user, record->data));
  const Result<review::ConflictPolicy> policy =
      review::conflict_policy_from_json({{"rules", array_or_empty(conflicts, "rules")}}, year_of(context));
  if (!expert || !policy) {
    out.code = "panel.conflict.unknown";
    out.message = "Expected an expert whose data can be read: " + (expert ? policy.error().message : expert.error().message);
    out.message_zh = "专家“" + user + "”的信息无法核对，请先更正专家库";
    return out;
  }
  const std::vector<review::Candidate> candidates{candidate_of(context, object_or_empty(conflicts, "fields"))};
  const review::Conflicts rules(*policy, candidates);
  const std::vector<review::Conflict> found = confirm ? rules.possible(*expert, candidates.front()) : rules.of(*expert, candidates.front());
  if (found.empty()) return out;
  std::string code = policy->rules[found.front().rule].rule;
  std::replace(code.begin(), code.end(), '-', '_');
  out.code = confirm ? "panel.conflict.possible" : "panel.conflict." + code;
  for (const review::Conflict& each : found) {
    out.message += (out.message.empty() ? "" : "; ") + rules.reason(each, "en");
    out.message_zh += (out.message_zh.empty() ? "" : "；") + rules.reason(each, "zh");
  }
  return out;
}

}  // namespace

Detail conflict_of(const StageContext& context, const json::object& state, const std::string& user, const std::string& place) {
  Detail out{.place = place, .code = {}, .message = {}, .message_zh = {}};
  const std::vector<Membership> memberships = context.view.memberships(user);
  const auto holds = [&](auto&& test) { return std::any_of(memberships.begin(), memberships.end(), test); };
  if (!holds([](const Membership& m) { return m.role == "reviewer"; })) {
    out.code = "panel.not_reviewer";
    out.message = "Expected '" + user + "' to be an active reviewer";
    out.message_zh = "“" + user + "”不是在库评审专家";
  } else if (user == string_or(context.application, "applicant") ||
             holds([&](const Membership& m) { return m.org == string_or(context.application, "org"); })) {
    out.code = "panel.conflict.own_unit";
    out.message = "Expected a reviewer from outside the applying organisation, but '" + user + "' belongs to it";
    out.message_zh = "“" + user + "”与申报单位存在利益关系，应当回避";
  } else if (has_acted(context, state, user)) {
    out.code = "panel.conflict.same_application";
    out.message = "Expected a reviewer who signed nothing else of this application and appointed nobody, but '" + user + "' did";
    out.message_zh = "“" + user + "”已办理该申报的其他环节，应当回避";
  } else {
    out = by_rules(context, user, place, false);
  }
  return out;
}

Detail possible_conflict_of(const StageContext& context, const std::string& user, const std::string& place) {
  Detail out = by_rules(context, user, place, true);
  if (out.code.empty()) return out;
  out.message += "; if it is not so, appoint '" + user + "' with \"confirmed\"";
  out.message_zh += "；经核实不是同一人的，请在confirmed中列明“" + user + "”后指定";
  return out;
}

}  // namespace chuyi::panel

#include "engine/invoke/limits.h"

#include <algorithm>
#include <array>
#include <set>

#include "engine/base/digest.h"
#include "engine/invoke/rows_json.h"

namespace chuyi {
namespace {

constexpr std::array kOrgScopes = {"college", "county", "prefecture", "province", "recommender"};
constexpr std::size_t kTextBytesMax = 1'000;

bool is_one_of(const std::string& text, std::initializer_list<const char*> known) {
  return std::find(known.begin(), known.end(), text) != known.end();
}

bool is_id(const std::string& id) {
  return !id.empty() && id.size() <= 63 && id.front() >= 'a' && id.front() <= 'z' &&
         std::all_of(id.begin(), id.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; });
}

bool is_text(const json::object& rule, const char* key) {
  const std::string text = string_or(rule, key);
  return !text.empty() && text.size() <= kTextBytesMax && is_utf8(text);
}

/// Collects what is wrong with one rule.
class Checker {
 public:
  Checker(const json::object& rule, std::string place) : rule_(rule), place_(std::move(place)) {}

  std::vector<Detail> run() {
    static constexpr std::array kMembers = {"id", "scope", "field", "programmes", "at", "span", "max", "min", "except", "designated", "ranked", "strength", "zh", "en"};
    for (const auto& member : rule_)
      if (std::find(kMembers.begin(), kMembers.end(), member.key()) == kMembers.end())
        wrong(std::string{member.key()}, "no such member", "没有该项");
    if (!is_id(string_or(rule_, "id"))) wrong("id", "an id of [a-z0-9_-], a letter first, at most 63", "规则代码不符合要求");
    for (const char* text : {"zh", "en"})
      if (!is_text(rule_, text)) wrong(text, "the rule in words, at most 1,000 bytes", "请用文字写明规则");
    check_scope();
    check_numbers();
    const json::value* programmes = rule_.if_contains("programmes");
    if (programmes != nullptr && (!programmes->is_array() || strings_from_json(programmes->get_array()).size() != programmes->get_array().size()))
      wrong("programmes", "a list of programme ids", "项目类别应为列表");
    if (bool_or(rule_, "ranked", false) && array_or_empty(rule_, "programmes").size() != 1)
      wrong("ranked", "one programme: a list ranks the applications of one", "排序推荐只能针对一个项目类别");
    if (bool_or(rule_, "ranked", false) && string_or(rule_, "at", "recommend") != "recommend")
      wrong("ranked", "recommendations: nothing else has a reserve", "排序推荐只用于推荐环节");
    if (bool_or(rule_, "ranked", false) && string_or(rule_, "scope") == "form") wrong("ranked", "the scope of an organisation, which keeps the list", "排序推荐须按单位设定");
    return std::move(found_);
  }

 private:
  void wrong(const std::string& member, const std::string& expected, const std::string& zh) {
    found_.push_back({.place = place_ + "/" + pointer_segment(member), .code = "limit.rule", .message = "Expected " + expected, .message_zh = zh});
  }

  void check_scope() {
    const std::string scope = string_or(rule_, "scope");
    const bool org = std::find(kOrgScopes.begin(), kOrgScopes.end(), scope) != kOrgScopes.end();
    if (!org && scope != "form") wrong("scope", "college, county, prefecture, province, recommender or form", "适用范围不存在");
    if ((scope == "form") != string_or(rule_, "field").starts_with('/')) wrong("field", "a JSON pointer where the scope is form, else none", "按表单栏目限额时应写明栏目");
    if (!is_one_of(string_or(rule_, "at", "recommend"), {"county", "recommend", "select"}))
      wrong("at", "county, recommend or select", "环节不存在");
    if (!is_one_of(string_or(rule_, "span", "round"), {"round", "ever"})) wrong("span", "round or ever", "时间范围不存在");
    if (!is_one_of(string_or(rule_, "strength", "hard"), {"hard", "soft"})) wrong("strength", "hard or soft", "强度不存在");
  }

  void check_numbers() {
    const json::value* max = rule_.if_contains("max");
    const std::int64_t most = int_or(rule_, "max", -1);
    const std::int64_t least = int_or(rule_, "min", 0);
    if (max != nullptr && (most < 0 || most > 1'000'000)) wrong("max", "a whole number of places", "名额应为非负整数");
    if (rule_.contains("min") && (least < 1 || least > 1'000'000)) wrong("min", "a whole number of at least 1", "下限应为正整数");
    if (max == nullptr && least == 0) wrong("max", "max, min or both", "请写明上限或下限");
    if (max != nullptr && least > most) wrong("min", "at most the max " + std::to_string(most), "下限不得高于上限");
    if (static_cast<std::int64_t>(array_or_empty(rule_, "designated").size()) > most && rule_.contains("designated"))
      wrong("designated", "no more names than places", "指定单位多于名额");
    for (const auto& member : object_or_empty(rule_, "except"))
      if (!member.value().is_int64() || member.value().get_int64() < least) wrong("except", "whole numbers of at least the min", "例外名额应为整数且不低于下限");
  }

  const json::object& rule_;
  std::string place_;
  std::vector<Detail> found_;
};

void walk(const json::value& data, std::string_view pointer, std::vector<std::string>& out) {
  if (out.size() > kLimitKeysMax) return;
  if (pointer.empty()) {
    std::string text = data.is_string() ? std::string{data.get_string()} : data.is_int64() ? std::to_string(data.get_int64()) : std::string{};
    if (!text.empty() && std::find(out.begin(), out.end(), text) == out.end()) out.push_back(std::move(text));
    return;
  }
  const std::size_t end = std::min(pointer.find('/', 1), pointer.size());
  const std::string_view name = pointer.substr(1, end - 1);
  if (data.is_object()) {
    if (const json::value* found = data.get_object().if_contains(name)) walk(*found, pointer.substr(end), out);
  } else if (data.is_array() && name == "*") {
    for (const json::value& each : data.get_array()) walk(each, pointer.substr(end), out);
  }
}

/// What <per> of the manifest says, as a rule. Its counters keep the names that they have always had.
Limit limit_of_quota(const json::object& per, const std::string& programme, const std::string& round) {
  const std::string level = string_or(per, "level");
  const std::int64_t max = int_or(per, "max", 0);
  Limit out{.id = programme + "." + level, .scope = level, .field = {}, .programmes = {programme}, .min = int_or(per, "min", 0), .except = object_or_empty(per, "except")};
  if (max > 0) out.max = max;
  const std::string number = std::to_string(max > 0 ? max : out.min);
  out.zh = "每个单位" + std::string{max > 0 ? "推荐名额不超过" : "应不少于"} + number + "个";
  out.en = std::string{max > 0 ? "At most " : "At least "} + number + " of each organisation";
  out.group = programme + "/" + round + "/" + level;
  return out;
}

/// Gives the free places of a list to those who wait within them, by rank.
std::vector<std::string> promote(json::object& list) {
  std::vector<std::string> order = strings_from_json(array_or_empty(list, "order"));
  for (const std::string& gone : strings_from_json(array_or_empty(list, "gone"))) std::erase(order, gone);
  std::vector<std::string> held = strings_from_json(array_or_empty(list, "held"));
  std::vector<std::string> waiting = strings_from_json(array_or_empty(list, "waiting"));
  const std::size_t places = static_cast<std::size_t>(std::max<std::int64_t>(0, int_or(list, "max", 0)));
  std::vector<std::string> promoted;
  for (std::size_t i = 0; i < std::min(places, order.size()); ++i)
    if (held.size() < places && std::erase(waiting, order[i]) > 0) {
      held.push_back(order[i]);
      promoted.push_back(order[i]);
    }
  list["held"] = to_json(held);
  list["waiting"] = to_json(waiting);
  return promoted;
}

}  // namespace

bool Limit::covers(std::string_view programme) const {
  return programmes.empty() || std::find(programmes.begin(), programmes.end(), programme) != programmes.end();
}

std::int64_t Limit::max_of(const std::string& org) const { return int_or(except, org, max.value_or(0)); }

std::vector<Detail> check_limits(const json::array& rules, const std::string& place) {
  std::vector<Detail> out;
  std::set<std::string> ids;
  if (rules.size() > kLimitsMax)
    return {{.place = place, .code = "limit.rule", .message = "Expected at most " + std::to_string(kLimitsMax) + " rules", .message_zh = "规则过多"}};
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const std::string at = place + "/" + std::to_string(i);
    if (!rules[i].is_object()) {
      out.push_back({.place = at, .code = "limit.rule", .message = "Expected an object", .message_zh = "规则应为对象"});
      continue;
    }
    for (Detail& each : Checker(rules[i].get_object(), at).run()) out.push_back(std::move(each));
    if (!ids.insert(string_or(rules[i].get_object(), "id")).second)
      out.push_back({.place = at + "/id", .code = "limit.rule", .message = "Expected each rule once", .message_zh = "规则代码重复"});
  }
  return out;
}

Limit limit_of(const json::object& rule, const std::string& round) {
  Limit out{.id = string_or(rule, "id"),
            .scope = string_or(rule, "scope"),
            .field = string_or(rule, "field"),
            .programmes = strings_from_json(array_or_empty(rule, "programmes")),
            .at = string_or(rule, "at", "recommend"),
            .ever = string_or(rule, "span") == "ever",
            .min = int_or(rule, "min", 0),
            .except = object_or_empty(rule, "except"),
            .designated = strings_from_json(array_or_empty(rule, "designated")),
            .ranked = bool_or(rule, "ranked", false),
            .soft = string_or(rule, "strength") == "soft",
            .zh = string_or(rule, "zh"),
            .en = string_or(rule, "en")};
  if (rule.contains("max")) out.max = int_or(rule, "max", 0);
  out.group = out.id + "/" + (out.ever ? "ever" : round);
  return out;
}

std::vector<Limit> limits_for(const json::object& manifest, const std::string& programme, const std::string& round,
                              const std::vector<RecordRow>& round_rules) {
  std::vector<Limit> out;
  const auto put = [&](Limit limit) {
    std::erase_if(out, [&](const Limit& old) { return old.id == limit.id; });
    if (limit.covers(programme)) out.push_back(std::move(limit));
  };
  for (const json::value& per : array_or_empty(object_or_empty(manifest, "quota"), "per"))
    put(limit_of_quota(per.get_object(), programme, round));
  for (const json::value& rule : array_or_empty(manifest, "limits")) put(limit_of(rule.get_object(), round));
  for (const RecordRow& row : round_rules) put(limit_of(row.data, round));
  return out;
}

std::string counter_of(const Limit& limit, const std::string& key) {
  // What people wrote into a form is no part of a name.
  return "places/" + limit.group + "/" + (limit.scope == "form" ? sha256_hex(key).substr(0, 32) : key);
}

std::optional<std::int64_t> places_of(const std::vector<Limit>& limits, const std::string& counter) {
  for (const Limit& limit : limits) {
    const std::string prefix = "places/" + limit.group + "/";
    if (limit.soft || !limit.max || !counter.starts_with(prefix)) continue;
    if (counter.find("/kept/", prefix.size()) != std::string::npos) return 1;
    return (limit.scope == "form" ? *limit.max : limit.max_of(counter.substr(prefix.size()))) -
           static_cast<std::int64_t>(limit.designated.size());
  }
  return std::nullopt;
}

std::vector<std::string> values_at(const json::value& data, std::string_view pointer) {
  std::vector<std::string> out;
  walk(data, pointer, out);
  return out;
}

std::string rank_id(const std::string& programme, const std::string& round, const std::string& org) { return programme + "/" + round + "/" + org; }

std::vector<std::string> leave_rank(json::object& list, const std::string& application) {
  const std::vector<std::string> order = strings_from_json(array_or_empty(list, "order"));
  if (std::find(order.begin(), order.end(), application) == order.end()) return {};
  for (const char* key : {"held", "waiting", "excepted"}) {
    std::vector<std::string> there = strings_from_json(array_or_empty(list, key));
    std::erase(there, application);
    list[key] = to_json(there);
  }
  std::vector<std::string> gone = strings_from_json(array_or_empty(list, "gone"));
  if (std::find(gone.begin(), gone.end(), application) == gone.end()) gone.push_back(application);
  list["gone"] = to_json(gone);
  return promote(list);
}

std::int64_t rank_places(const Limit* ranked, const std::string& org) {
  return ranked != nullptr && ranked->max ? ranked->max_of(org) : static_cast<std::int64_t>(kRankedMax);
}

std::vector<std::string> resize_rank(json::object& list, std::int64_t places) {
  list["max"] = places;
  return promote(list);
}

}  // namespace chuyi

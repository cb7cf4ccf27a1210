#include "engine/runtime/organisations.h"

#include <algorithm>

#include "engine/invoke/rows_json.h"
#include "engine/runtime/fields.h"

namespace chuyi {

const std::vector<std::string> kOrganisationLevels = {"province", "prefecture", "county", "college"};
const std::vector<std::string> kOrganisationKinds = {"education",  "human-resources", "department", "college",     "undergraduate", "secondary",
                                                     "technician", "institute",       "enterprise", "association", "society"};

std::size_t rank_of_level(std::string_view level) {
  return static_cast<std::size_t>(std::find(kOrganisationLevels.begin(), kOrganisationLevels.end(), level) - kOrganisationLevels.begin());
}

std::vector<OrganisationRow> chain_of(const FindOrganisation& find, const std::string& id) {
  constexpr std::size_t kDepthMax = 10;
  std::vector<OrganisationRow> out;
  std::string next = id;
  while (!next.empty() && out.size() < kDepthMax) {
    const std::optional<OrganisationRow> row = find(next);
    if (!row) break;
    out.push_back(*row);
    next = row->parent;
  }
  return out;
}

json::object orgs_by_level(const std::vector<OrganisationRow>& chain) {
  json::object out;
  for (const OrganisationRow& row : chain) out[row.level] = row.id;
  if (!chain.empty()) out["college"] = chain.front().id;
  std::string above = chain.empty() ? "" : chain.back().id;
  for (const char* level : {"province", "prefecture", "county"}) {
    if (!out.contains(level)) out[level] = above;
    above = string_or(out, level);
  }
  return out;
}

namespace {

/// From the county, where there is one, to `level`; the applicant itself only where nobody else is left.
std::vector<std::string> offices_above(const std::vector<OrganisationRow>& chain, const std::string& level) {
  std::vector<std::string> out;
  const std::size_t last = rank_of_level(level);
  for (std::size_t i = 1; i < chain.size(); ++i) {
    const std::size_t rank = rank_of_level(chain[i].level);
    if (rank >= last && rank < rank_of_level("college")) out.push_back(chain[i].id);
  }
  const std::string by_level = string_or(orgs_by_level(chain), level);
  if (out.empty() || out.back() != by_level) out.push_back(by_level);
  return out;
}

std::vector<std::string> offices_by(const RecommenderRule& rule, const std::vector<OrganisationRow>& chain, const std::string& level, const FindOrganisation& find) {
  if (rule.to == RecommenderRule::To::territory) return offices_above(chain, level);
  if (rule.to == RecommenderRule::To::competent) return {string_or(chain.front().data, "competent")};
  for (std::size_t i = 1; i < chain.size(); ++i)
    if (std::string office = string_or(object_or_empty(chain[i].data, "offices"), rule.office); !office.empty() && find(office)) return {std::move(office)};
  return {};
}

Error bad_rule(const std::string& file, std::size_t index, std::string message) {
  return Error{.kind = ErrorKind::invalid, .code = "recommenders.rule", .message = std::move(message), .place = file + ": rule " + std::to_string(index + 1)};
}

}  // namespace

Result<std::vector<RecommenderRule>> parse_recommenders(std::string_view text, const std::string& file) {
  const Result<json::value> parsed = parse_json(text, JsonLimits{}, file);
  if (!parsed) return parsed.error();
  std::vector<RecommenderRule> out;
  for (const json::value& value : parsed->is_object() ? array_or_empty(parsed->get_object(), "rules") : json::array{}) {
    if (!value.is_object()) return bad_rule(file, out.size(), "Expected an object");
    const json::object& given = value.get_object();
    RecommenderRule rule{.id = string_or(given, "id"),
                         .kinds = strings_from_json(array_or_empty(given, "kinds")),
                         .competent = strings_from_json(array_or_empty(given, "competent")),
                         .office = string_or(given, "office"),
                         .zh = string_or(given, "zh"),
                         .en = string_or(given, "en")};
    const std::string to = string_or(given, "to");
    if (to == "competent") rule.to = RecommenderRule::To::competent;
    else if (to == "office") rule.to = RecommenderRule::To::office;
    else if (to != "territory") return bad_rule(file, out.size(), "Expected 'to' to be territory, competent or office, but found '" + to + "'");
    if (rule.id.empty() || rule.zh.empty() || rule.en.empty()) return bad_rule(file, out.size(), "Expected 'id', 'zh' and 'en'");
    if ((rule.to == RecommenderRule::To::office) == rule.office.empty()) return bad_rule(file, out.size(), "Expected 'office' with 'to': \"office\", and only there");
    for (const std::vector<std::string>* kinds : {&rule.kinds, &rule.competent})
      for (const std::string& kind : *kinds)
        if (!is_one_of(kOrganisationKinds, kind)) return bad_rule(file, out.size(), "Expected a kind of organisations, but found '" + kind + "'");
    out.push_back(std::move(rule));
  }
  return out;
}

Recommendation recommendation_of(const std::vector<OrganisationRow>& chain, const std::string& level, const std::vector<RecommenderRule>& rules,
                                 const FindOrganisation& find) {
  if (chain.empty() || level.empty() || level == "none") return {};
  const std::string kind = string_or(chain.front().data, "kind");
  const std::optional<OrganisationRow> competent = find(string_or(chain.front().data, "competent"));
  for (const RecommenderRule& rule : rules) {
    if (!rule.kinds.empty() && !is_one_of(rule.kinds, kind)) continue;
    if (!rule.competent.empty() && (!competent || !is_one_of(rule.competent, string_or(competent->data, "kind")))) continue;
    if (rule.to == RecommenderRule::To::competent && !competent) continue;
    if (std::vector<std::string> offices = offices_by(rule, chain, level, find); !offices.empty())
      return {.offices = std::move(offices), .rule = rule.id, .zh = rule.zh, .en = rule.en};
  }
  return {.offices = offices_above(chain, level), .rule = {}, .zh = {}, .en = {}};
}

json::object to_json(const OrganisationRow& row) {
  json::object out{{"id", row.id}, {"parent", row.parent}, {"level", row.level}, {"name", row.name}, {"name_en", row.name_en}};
  for (const auto& member : row.data) out[member.key()] = member.value();
  return out;
}

namespace {

bool is_digits(std::string_view text, std::size_t size) {
  return text.size() == size && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// The members of `data`; the rest of `given` is not looked at.
json::object read_data(const json::object& given, const std::string& id, const FindOrganisation& find, FieldChecks& checks) {
  json::object out;
  for (const char* key : {"kind", "code", "region", "competent"})
    if (std::string value = string_or(given, key); !value.empty()) out[key] = std::move(value);
  const std::string kind = string_or(out, "kind"), competent = string_or(out, "competent");
  checks.need(kind.empty() || is_one_of(kOrganisationKinds, kind), "organisation.kind", "/kind", "Expected a kind of organisations, but found '" + printable(kind) + "'", "单位类型不符合要求", kOrganisationKinds);
  checks.need(!out.contains("code") || is_name(string_or(out, "code")), "organisation.code", "/code", "Expected a code of [A-Za-z0-9._@-]", "单位编码不符合要求");
  checks.need(!out.contains("region") || is_digits(string_or(out, "region"), 6), "organisation.region", "/region", "Expected six digits of GB/T 2260", "行政区划代码应为6位数字");
  checks.need(competent.empty() || (competent != id && find(competent)), "organisation.competent", "/competent", "Expected a known organisation, but found '" + printable(competent) + "'", "主管部门不存在");
  if (bool_or(given, "functional", false)) out["functional"] = true;
  json::object offices;
  bool named = true;
  for (const auto& office : object_or_empty(given, "offices")) {
    named = named && is_name(office.key()) && office.value().is_string() && is_name(office.value().get_string());
    offices[office.key()] = office.value();
  }
  checks.need(named && offices.size() <= 20, "organisation.offices", "/offices", "Expected at most 20 names of offices with ids of organisations", "办事机构不符合要求");
  if (!offices.empty()) out["offices"] = std::move(offices);
  return out;
}

json::array read_former(const json::object& given, FieldChecks& checks) {
  constexpr std::size_t kFormerMax = 50;
  json::array out;
  bool named = true;
  for (const json::value& value : array_or_empty(given, "former")) {
    static const json::object kNone;
    const json::object& each = value.is_object() ? value.get_object() : kNone;
    const std::string name = string_or(each, "name"), code = string_or(each, "code"), until = string_or(each, "until");
    named = named && is_text(name) && (code.empty() || is_name(code)) && until.size() <= 10 && is_utf8(until);
    json::object former{{"name", name}};
    if (!code.empty()) former["code"] = code;
    if (!until.empty()) former["until"] = until;
    out.push_back(std::move(former));
  }
  checks.need(named && out.size() <= kFormerMax, "organisation.former", "/former", "Expected at most 50 former names, each with its code and day where known", "曾用名不符合要求");
  return out;
}

/// What `old` was called, once; what it had been called before stays.
json::array former_of(json::array former, const OrganisationRow& row, const OrganisationRow& old, Instant now) {
  const auto add = [&](json::object each) {
    const bool there = std::any_of(former.begin(), former.end(), [&](const json::value& known) {
      return string_or(known.get_object(), "name") == string_or(each, "name") && string_or(known.get_object(), "code") == string_or(each, "code");
    });
    if (!there) former.push_back(std::move(each));
  };
  for (const json::value& each : array_or_empty(old.data, "former")) add(each.get_object());
  const std::string code = string_or(old.data, "code");
  if (old.name == row.name && (code.empty() || code == string_or(row.data, "code"))) return former;
  json::object renamed{{"name", old.name}, {"until", format_day(day_in_shanghai(now))}};
  if (!code.empty()) renamed["code"] = code;
  add(std::move(renamed));
  return former;
}

}  // namespace

Result<OrganisationRow> organisation_of(const json::object& given, const std::optional<OrganisationRow>& old, const FindOrganisation& find, Instant now) {
  OrganisationRow row{.id = string_or(given, "id"),
                      .parent = string_or(given, "parent"),
                      .level = string_or(given, "level"),
                      .name = string_or(given, "name"),
                      .name_en = string_or(given, "name_en"),
                      .data = {}};
  FieldChecks checks;
  checks.need(is_name(row.id), "organisation.id", "/id", "Expected an id of [A-Za-z0-9._@-]", "单位代码不符合要求");
  checks.need(is_text(row.name), "organisation.name", "/name", "Expected a name", "请填写单位名称");
  checks.need(row.name_en.empty() || is_text(row.name_en), "organisation.name", "/name_en", "Expected a name of at most 240 bytes", "英文名称过长");
  checks.need(is_one_of(kOrganisationLevels, row.level), "organisation.level", "/level", "Expected a level", "单位层级不符合要求", kOrganisationLevels);
  const bool is_root = row.level == "province";
  const std::optional<OrganisationRow> parent = is_root ? std::nullopt : find(row.parent);
  // Above it: no chain of parents comes back to where it began.
  checks.need(is_root == row.parent.empty() && (is_root || (parent && rank_of_level(parent->level) < rank_of_level(row.level))), "organisation.parent", "/parent",
              "Expected a known parent of a higher level (none for the province)", "上级单位不存在，或层级不高于本单位");
  row.data = read_data(given, row.id, find, checks);
  json::array former = read_former(given, checks);
  if (Result<> checked = checks.done(); !checked) return checked.error();
  if (old) former = former_of(std::move(former), row, *old, now);
  if (!former.empty()) row.data["former"] = std::move(former);
  return row;
}

std::optional<std::string> resolve_organisation(const std::vector<OrganisationRow>& all, std::string_view text) {
  std::optional<std::string> out;
  // From what is surest down: an id counts before a name, what it is called now before what it was called.
  const auto matches = [&](const OrganisationRow& row, int how) {
    if (how == 0) return row.id == text;
    if (how == 1) return string_or(row.data, "code") == text;
    if (how == 2) return row.name == text;
    const json::array& former = array_or_empty(row.data, "former");
    return std::any_of(former.begin(), former.end(), [&](const json::value& each) { return string_or(each.get_object(), how == 3 ? "code" : "name") == text; });
  };
  for (int how = 0; how < 5 && !text.empty(); ++how) {
    for (const OrganisationRow& row : all) {
      if (!matches(row, how)) continue;
      if (out) return std::nullopt;
      out = row.id;
    }
    if (out) break;
  }
  return out;
}

}  // namespace chuyi

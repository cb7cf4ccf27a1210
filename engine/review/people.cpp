#include "engine/review/people.h"

#include <algorithm>
#include <set>

namespace chuyi::review {
namespace {

constexpr std::size_t kPeopleMax = 20'000;
constexpr std::size_t kListMax = 1000;

json::array to_array(const std::vector<std::string>& texts) { return json::array(texts.begin(), texts.end()); }

std::vector<Relation> read_relations(Reader& from) {
  std::vector<Relation> out;
  from.each("relations", kListMax, [&](Reader& each) { out.push_back({.person = each.id("person"), .kind = each.id("kind")}); });
  return out;
}

std::vector<Named> read_named(Reader& from) {
  std::vector<Named> out;
  from.each("named", kListMax, [&](Reader& each) {
    out.push_back({.name = each.id("name"), .unit = each.text("unit"), .identified = each.flag("identified")});
  });
  return out;
}

json::array to_json(const std::vector<Named>& named) {
  json::array out;
  for (const Named& each : named) out.push_back(json::object{{"name", each.name}, {"unit", each.unit}, {"identified", each.identified}});
  return out;
}

json::array to_json(const std::vector<Relation>& relations) {
  json::array out;
  for (const Relation& each : relations) out.push_back(json::object{{"person", each.person}, {"kind", each.kind}});
  return out;
}

/// Sorts by id and refuses an id, or another key, that comes twice.
template <class T, class Key>
void refuse_repeated(Reader& from, const char* list, const std::vector<T>& rows, Key key) {
  std::set<std::string> seen;
  for (const T& each : rows)
    if (const std::string value = key(each); !value.empty() && !seen.insert(value).second)
      from.wrong(list, "review.repeated", "Expected each only once, but found '" + value + "' again", "“" + value + "”重复出现");
}

template <class T>
Result<T> read_one(const json::object& from, T (*read)(Reader&)) {
  std::vector<Detail> found;
  Reader reader(from, "", found);
  T out = read(reader);
  reader.finish();
  if (!found.empty()) return error_of("review.input", std::move(found));
  return out;
}

}  // namespace

void add_named(const json::value& from, const std::string& unit, std::vector<Named>& out) {
  if (const json::array* list = from.if_array())
    for (const json::value& each : *list) add_named(each, unit, out);
  const json::object* one = from.if_object();
  if (one == nullptr || out.size() >= kListMax) return;
  Named named{.name = string_or(*one, "name"), .unit = string_or(*one, "unit", unit), .identified = !string_or(*one, "id_number").empty()};
  if (!named.name.empty()) out.push_back(std::move(named));
}

Expert read_expert(Reader& from) {
  Expert out{.id = from.id("id"),
             .person = from.text("person"),
             .name = from.text("name"),
             .title = from.text("title"),
             .fields = from.texts("fields"),
             .region = from.text("region"),
             .employer = from.text("employer"),
             .employer_names = from.texts("employer_names"),
             .enterprises = from.texts("enterprises")};
  out.kind = from.one_of("kind", {"college", "enterprise", "research", "government"});
  out.out_of_province = from.flag("out_of_province");
  out.nominated_year = static_cast<int>(from.whole("nominated_year", 0, 0, 9999));
  from.each("co_projects", kListMax, [&](Reader& each) {
    out.co_projects.push_back(
        {.person = each.id("with"), .project = each.text("project"), .year = static_cast<int>(each.needed_whole("year", 1900, 9999))});
  });
  out.relations = read_relations(from);
  from.each("judged", kListMax, [&](Reader& each) {
    out.judged.push_back({.application = each.text("application"), .title = each.text("title"), .org = each.text("org")});
    if (const Judged& last = out.judged.back(); last.application.empty() && (last.title.empty() || last.org.empty()))
      each.wrong("", "review.missing", "Expected an application, or a title and an organisation", "请给出申报编号，或项目名称和单位");
  });
  from.each("declared", kListMax, [&](Reader& each) {
    out.declared.push_back({.application = each.text("application"), .org = each.text("org"), .reason = each.text("reason")});
    if (const Declaration& last = out.declared.back(); last.application.empty() && last.org.empty())
      each.wrong("", "review.missing", "Expected an application or an organisation", "请给出申报编号或单位");
  });
  return out;
}

Candidate read_candidate(Reader& from) {
  return {.id = from.id("id"),
          .programme = from.text("programme"),
          .title = from.text("title"),
          .org = from.text("org"),
          .org_chain = from.texts("org_chain"),
          .competent_department = from.text("competent_department"),
          .leader = from.text("leader"),
          .members = from.texts("members"),
          .named = read_named(from),
          .handlers = from.texts("handlers"),
          .partners = from.texts("partners"),
          .field = from.text("field"),
          .region = from.text("region"),
          .relations = read_relations(from)};
}

json::object to_json(const Expert& expert) {
  json::object out{{"id", expert.id},
                   {"person", expert.person},
                   {"name", expert.name},
                   {"title", expert.title},
                   {"fields", to_array(expert.fields)},
                   {"region", expert.region},
                   {"employer", expert.employer},
                   {"employer_names", to_array(expert.employer_names)},
                   {"enterprises", to_array(expert.enterprises)},
                   {"kind", expert.kind},
                   {"out_of_province", expert.out_of_province},
                   {"nominated_year", expert.nominated_year},
                   {"relations", to_json(expert.relations)}};
  json::array projects;
  for (const CoProject& each : expert.co_projects)
    projects.push_back(json::object{{"with", each.person}, {"project", each.project}, {"year", each.year}});
  out["co_projects"] = std::move(projects);
  json::array judged;
  for (const Judged& each : expert.judged)
    judged.push_back(json::object{{"application", each.application}, {"title", each.title}, {"org", each.org}});
  out["judged"] = std::move(judged);
  json::array declared;
  for (const Declaration& each : expert.declared)
    declared.push_back(json::object{{"application", each.application}, {"org", each.org}, {"reason", each.reason}});
  out["declared"] = std::move(declared);
  return out;
}

json::object expert_of_pool(const std::string& id, const json::object& data) {
  json::object out;
  for (const auto& known : to_json(Expert{}))
    if (const json::value* given = data.if_contains(known.key())) out[known.key()] = *given;
  json::array declared;
  for (const json::value& each : array_or_empty(data, "declared")) {
    if (!each.is_object()) {
      declared.push_back(each);  // whoever reads it says what is wrong
      continue;
    }
    json::object& kept = declared.emplace_back(json::object{}).get_object();
    for (const char* key : {"application", "org", "reason"}) {
      const json::value* given = each.get_object().if_contains(key);
      kept[key] = given == nullptr ? json::value("") : *given;
    }
  }
  out["declared"] = std::move(declared);
  out["id"] = id;
  return out;
}

json::object to_json(const Candidate& candidate) {
  return {{"id", candidate.id},
          {"programme", candidate.programme},
          {"title", candidate.title},
          {"org", candidate.org},
          {"org_chain", to_array(candidate.org_chain)},
          {"competent_department", candidate.competent_department},
          {"leader", candidate.leader},
          {"members", to_array(candidate.members)},
          {"named", to_json(candidate.named)},
          {"handlers", to_array(candidate.handlers)},
          {"partners", to_array(candidate.partners)},
          {"field", candidate.field},
          {"region", candidate.region},
          {"relations", to_json(candidate.relations)}};
}

std::vector<Expert> read_experts(Reader& from) {
  std::vector<Expert> out;
  from.each("experts", kPeopleMax, [&](Reader& each) { out.push_back(read_expert(each)); });
  std::sort(out.begin(), out.end(), [](const Expert& a, const Expert& b) { return a.id < b.id; });
  refuse_repeated(from, "experts", out, [](const Expert& each) { return each.id; });
  refuse_repeated(from, "experts", out, [](const Expert& each) { return each.person; });
  return out;
}

std::vector<Candidate> read_candidates(Reader& from) {
  std::vector<Candidate> out;
  from.each("applications", kPeopleMax, [&](Reader& each) { out.push_back(read_candidate(each)); });
  std::sort(out.begin(), out.end(), [](const Candidate& a, const Candidate& b) { return a.id < b.id; });
  refuse_repeated(from, "applications", out, [](const Candidate& each) { return each.id; });
  return out;
}

Result<Expert> expert_from_json(const json::object& from) { return read_one<Expert>(from, read_expert); }
Result<Candidate> candidate_from_json(const json::object& from) { return read_one<Candidate>(from, read_candidate); }

}  // namespace chuyi::review

#include "engine/runtime/review_facts.h"

#include <algorithm>
#include <deque>
#include <future>
#include <iterator>
#include <set>
#include <thread>

#include "engine/base/digest.h"
#include "engine/base/split.h"
#include "engine/invoke/rows_json.h"
#include "engine/review/people.h"
#include "engine/runtime/access.h"
#include "engine/runtime/journal_view.h"
#include "engine/runtime/people.h"

namespace chuyi {
namespace {

constexpr std::size_t kPage = 200;
constexpr std::size_t kThreadsMax = 4;
constexpr std::size_t kValuesMax = 1'000;

void values_at(const json::value& from, const std::vector<std::string>& path, std::size_t at, std::vector<const json::value*>& out) {
  if (out.size() >= kValuesMax) return;
  if (at == path.size()) return out.push_back(&from);
  if (const json::object* object = from.if_object()) {
    if (const json::value* next = object->if_contains(path[at])) values_at(*next, path, at + 1, out);
  } else if (const json::array* list = from.if_array(); list != nullptr && path[at] == "*") {
    for (const json::value& each : *list) values_at(each, path, at + 1, out);
  }
}

/// What the pointers lead to in `facts`.
std::vector<const json::value*> values_of(const json::object& facts, const json::object& fields, std::string_view name) {
  std::vector<const json::value*> out;
  for (const std::string& pointer : strings_from_json(array_or_empty(fields, name))) {
    std::vector<std::string> path;
    for (std::size_t begin = 1; begin <= pointer.size();) {
      const std::size_t end = std::min(pointer.find('/', begin), pointer.size());
      path.push_back(pointer.substr(begin, end - begin));
      begin = end + 1;
    }
    if (const json::value* first = path.empty() ? nullptr : facts.if_contains(path.front())) values_at(*first, path, 1, out);
  }
  return out;
}

std::vector<std::string> all_at(const json::object& facts, const json::object& fields, std::string_view name) {
  std::vector<std::string> out;
  for (const json::value* each : values_of(facts, fields, name)) {
    if (const json::string* text = each->if_string(); text != nullptr && !text->empty()) out.emplace_back(*text);
    else if (each->is_int64()) out.push_back(std::to_string(each->get_int64()));
  }
  return out;
}

/// Leader and members by name; who has no unit in the form is of the applicant's.
json::array named_of(const Reviewed& application, const json::object& fields) {
  review::Candidate candidate;
  for (const json::value* each : values_of(application.facts, fields, "named")) review::add_named(*each, application.row.org_name, candidate.named);
  return array_or_empty(review::to_json(candidate), "named");
}

/// Users who signed anything but a sheet or a panel's appointment, and the applicant.
json::array handlers_of(const Reviewed& application) {
  std::set<std::string> panels;
  for (const TaskRow& task : application.panel) panels.insert(task.invoke_id);
  std::set<std::string> users{application.row.applicant};
  for (const auto& [invoke, signers] : application.signed_by)
    if (!panels.contains(invoke)) users.insert(signers.begin(), signers.end());
  json::array out;
  for (const std::string& user : users) out.emplace_back(user);
  return out;
}

Result<json::object> candidate_of(Queries& queries, const Reviewed& application, const json::object& setup, std::string_view secret) {
  const json::object& fields = fields_of(setup, application.row.programme);
  const json::object& facts = application.facts;
  json::object out{{"id", application.row.id},
                   {"programme", application.row.programme},
                   {"title", application.row.title},
                   {"org", application.row.org}};
  json::array chain;
  for (const std::string& org : application.row.orgs)
    if (org != application.row.org) chain.emplace_back(org);
  out["org_chain"] = std::move(chain);
  const Result<std::optional<OrganisationRow>> org = queries.organisation(application.row.org);
  if (!org) return org.error();
  if (*org) out["competent_department"] = string_or((*org)->data, "competent");
  out["leader"] = person_digest(secret, first_at(facts, fields, "leader"));
  json::array members;
  for (const std::string& each : all_at(facts, fields, "members")) members.emplace_back(person_digest(secret, each));
  out["members"] = std::move(members);
  out["named"] = named_of(application, fields);
  out["handlers"] = handlers_of(application);
  json::array partners;
  for (const std::string& each : all_at(facts, fields, "partners")) partners.emplace_back(each);
  out["partners"] = std::move(partners);
  out["field"] = first_at(facts, fields, "field");
  out["region"] = string_or(object_or_empty(facts, "orgs"), "prefecture");
  return out;
}

Result<json::array> experts_of(Queries& queries) {
  json::array out;
  PageRequest page{.limit = kPage, .after = {}};
  do {
    const Result<Page<RecordRow>> rows = queries.records({.kind = kExpert, .about = {}}, page);
    if (!rows) return rows.error();
    for (const RecordRow& row : rows->rows)
      if (!bool_or(row.data, "disabled", false)) out.push_back(review::expert_of_pool(row.id, row.data));
    page.after = rows->next;
  } while (!page.after.empty());
  return out;
}

Result<> read_tasks(Queries& queries, Reviewed& application) {
  PageRequest page{.limit = kPage, .after = {}};
  do {
    const Result<Page<TaskRow>> tasks = queries.tasks(
        {.memberships = {}, .user = {}, .statuses = {}, .session_id = application.row.id, .kind = {}}, page);
    if (!tasks) return tasks.error();
    for (const TaskRow& task : tasks->rows) {
      if (task.kind == "sheet" || task.kind == "panel-setup") application.panel.push_back(task);
      else if (task.seals && task.done && (!application.submitted || *task.done < *application.submitted))
        application.submitted = task.done;
    }
    page.after = tasks->next;
  } while (!page.after.empty());
  std::sort(application.panel.begin(), application.panel.end(), [](const TaskRow& a, const TaskRow& b) { return a.id < b.id; });
  return {};
}

}  // namespace

bool Reviewed::is_open() const {
  return row.stage == "nomination" || std::any_of(panel.begin(), panel.end(), seals_scores) ||
         (row.stage == "review" && live_sheets().empty());
}

bool Reviewed::has_open_setup() const {
  return std::any_of(panel.begin(), panel.end(), [](const TaskRow& task) { return task.kind == "panel-setup" && seals_scores(task); });
}

std::vector<const TaskRow*> Reviewed::live_sheets() const {
  std::vector<const TaskRow*> out;
  for (const TaskRow& task : panel)
    if (task.kind == "sheet" && opens_application(task)) out.push_back(&task);
  return out;
}

bool OnlyOf::keeps(const SessionRow& row) const {
  const auto has = [](const std::vector<std::string>& all, const std::string& one) { return std::find(all.begin(), all.end(), one) != all.end(); };
  if (running && row.status != "running") return false;
  return (programmes.empty() && applications.empty()) || has(programmes, row.programme) || has(applications, row.id);
}

namespace {

Result<std::vector<Reviewed>> reviewed(Queries& queries, const Definitions& definitions, std::vector<SessionRow> rows, const OnlyOf& only) {
  std::vector<Reviewed> out;
  for (SessionRow& row : rows) {
    if (!only.keeps(row)) continue;
    Reviewed each{.row = std::move(row), .definition = nullptr, .facts = {}, .signed_by = {}, .panel = {}, .submitted = {}};
    each.definition = definitions.by_digest(each.row.definition);
    if (!each.definition) return Error{.kind = ErrorKind::unavailable, .code = "definition.unknown", .message = "Expected definition " + each.row.definition + " to be loaded"};
    Result<SessionDocument> document = decode_document(*each.definition, each.row.document);
    if (!document) return document.error();
    each.facts = object_or_empty(document->chart.datamodel, "application");
    each.signed_by = std::move(document->signed_by);
    each.row.document.clear();
    if (Result<> read = read_tasks(queries, each); !read) return read.error();
    out.push_back(std::move(each));
  }
  return out;
}

}  // namespace

Result<std::vector<Reviewed>> reviewed_applications(Queries& queries, const Definitions& definitions, const std::string& round, const OnlyOf& only) {
  std::vector<Reviewed> out;
  // Pages come one after the other, what they hold is read on all cores: half of the time of a ranking goes by here.
  std::deque<std::future<Result<std::vector<Reviewed>>>> working;
  const std::size_t most = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, kThreadsMax);
  const auto take = [&]() -> Result<> {
    Result<std::vector<Reviewed>> some = working.front().get();
    working.pop_front();
    if (!some) return some.error();
    std::move(some->begin(), some->end(), std::back_inserter(out));
    return {};
  };
  bool more = true;
  for (std::string after; more;) {
    Result<std::vector<SessionRow>> rows = queries.applications(round, after, kPage);
    if (!rows) return rows.error();
    more = rows->size() == kPage;
    if (more) after = rows->back().id;
    if (working.size() == most)
      if (Result<> taken = take(); !taken) return taken.error();
    working.push_back(std::async(std::launch::async, [&queries, &definitions, &only, page = std::move(*rows)]() mutable { return reviewed(queries, definitions, std::move(page), only); }));
  }
  while (!working.empty())
    if (Result<> taken = take(); !taken) return taken.error();
  return out;
}

std::string first_at(const json::object& facts, const json::object& fields, std::string_view name) {
  const std::vector<std::string> found = all_at(facts, fields, name);
  return found.empty() ? std::string{} : found.front();
}

const json::object& fields_of(const json::object& setup, const std::string& programme) {
  const json::object& people = object_or_empty(setup, "people");
  return people.contains(programme) ? object_or_empty(people, programme) : object_or_empty(people, "*");
}

Result<std::map<std::string, std::string>> drawn_panels(Queries& queries, const std::string& round) {
  std::map<std::string, std::string> out;
  PageRequest page{.limit = kPage, .after = {}};
  do {
    const Result<Page<RecordRow>> draws = queries.records({.kind = kReviewDraw, .about = round}, page);
    if (!draws) return draws.error();
    for (const RecordRow& each : draws->rows)
      if (string_or(each.data, "state") == "confirmed")
        for (const std::string& application : strings_from_json(array_or_empty(each.data, "applications")))
          out.emplace(application, each.id.substr(round.size() + 1));
    page.after = draws->next;
  } while (!page.after.empty());
  return out;
}

Result<json::object> review_setup_of(Queries& queries, const std::string& round) {
  const Result<std::optional<RecordRow>> setup = queries.record(kReviewSetup, round);
  if (!setup) return setup.error();
  if (!*setup)
    return Error{.kind = ErrorKind::rejected,
                 .code = "review.setup",
                 .message = "Expected a round whose review was set up: PUT /rounds/" + round + "/review",
                 .message_zh = "请先设置本批次的评审规则"};
  return (*setup)->data;
}

Result<ReviewFacts> review_facts(Queries& queries, const Definitions& definitions, const std::string& round, const OnlyOf& only) {
  ReviewFacts out;
  Result<json::object> setup = review_setup_of(queries, round);
  if (!setup) return setup.error();
  out.setup = std::move(*setup);
  const Result<std::optional<std::string>> secret = queries.setting(kHttpSecretSetting);
  if (!secret) return secret.error();
  OnlyOf those = only;
  those.running = true;
  Result<std::vector<Reviewed>> applications = reviewed_applications(queries, definitions, round, those);
  if (!applications) return applications.error();
  out.applications = std::move(*applications);
  for (const Reviewed& each : out.applications) {
    Result<json::object> candidate = candidate_of(queries, each, out.setup, secret->value_or(""));
    if (!candidate) return candidate.error();
    out.candidates.push_back(std::move(*candidate));
  }
  Result<json::array> experts = experts_of(queries);
  if (!experts) return experts.error();
  out.experts = std::move(*experts);
  return out;
}

json::object conflict_input(const ReviewFacts& facts, const std::vector<std::string>& only) {
  json::array candidates;
  for (const json::value& each : facts.candidates)
    if (only.empty() || std::find(only.begin(), only.end(), string_or(each.as_object(), "id")) != only.end()) candidates.push_back(each);
  return {{"year", int_or(facts.setup, "year", 0)},
          {"policy", object_or_empty(facts.setup, "policy")},
          {"experts", facts.experts},
          {"applications", std::move(candidates)}};
}

}  // namespace chuyi

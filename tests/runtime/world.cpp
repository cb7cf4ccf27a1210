#include "tests/runtime/world.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "engine/base/digest.h"
#include "engine/invoke/rows_json.h"
#include "engine/ports/audit.h"
#include "engine/runtime/session_document.h"
#include "engine/stages/builtin.h"

namespace chuyi::test {
namespace {

std::string text_of(const std::string& path) {
  std::stringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

constexpr const char* kForm = R"({"type":"object","required":["name"],"properties":{"name":{"type":"string"}}})";

}  // namespace

DefinitionPtr MadeUpDefinitions::add(const std::string& programme, const std::string& version, const std::string& workflow, json::object manifest,
                                     const json::object& forms) {
  auto out = std::make_shared<Definition>();
  const Result<scxml::ChartPtr> chart = scxml::parse_chart(workflow, programme + ".scxml");
  EXPECT_TRUE(chart) << chart.error().message << " " << chart.error().place;
  if (!chart) return nullptr;
  out->chart = *chart;
  out->programme = programme;
  out->version = version;
  out->manifest = std::move(manifest);
  out->forms = forms;
  for (const auto& form : forms) out->compiled_forms[form.key()] = *compile_form(form.value(), form.key());
  out->digest = sha256_hex(workflow + canonical_json(json::value(out->manifest)) + programme);
  beside_.push_back(out);
  return out;
}

void MadeUpDefinitions::put(const std::string& programme, const std::string& workflow, json::object manifest, const json::object& forms) {
  if (DefinitionPtr made = add(programme, "1.0.0", workflow, std::move(manifest), forms)) {
    beside_.pop_back();
    by_programme_[programme] = std::move(made);
  }
}

std::vector<DefinitionPtr> MadeUpDefinitions::current() const {
  std::vector<DefinitionPtr> out;
  for (const auto& [programme, definition] : by_programme_) out.push_back(definition);
  return out;
}

DefinitionPtr MadeUpDefinitions::current(std::string_view programme) const {
  const auto found = by_programme_.find(programme);
  return found == by_programme_.end() ? nullptr : found->second;
}

DefinitionPtr MadeUpDefinitions::by_digest(std::string_view digest) const {
  for (const auto& [programme, definition] : by_programme_)
    if (definition->digest == digest) return definition;
  for (const DefinitionPtr& each : beside_)
    if (each->digest == digest) return each;
  return nullptr;
}

Result<DefinitionPtr> MadeUpDefinitions::restore(std::string_view digest, const json::object& /*files*/) { return by_digest(digest); }

Result<std::unique_ptr<DocumentWriter>> SealOnly::create(std::uint64_t /*bytes_max*/) { return Error{.code = "test.documents"}; }
Result<std::unique_ptr<DocumentReader>> SealOnly::open(std::string_view /*digest*/) { return Error{.code = "test.documents"}; }

Result<StoredDocument> SealOnly::seal(const BagSpec& spec) {
  ++sealed;
  std::string all;
  for (const BagEntry& entry : spec.payload) all += entry.path + "\n" + entry.digest + entry.bytes + "\n";
  return StoredDocument{.digest = sha256_hex(all), .size = all.size()};
}

Result<json::object> ScriptedPlugins::call(const Definition& /*definition*/, std::string_view hook, std::string_view id, const json::object& input) {
  last = input;
  ids.emplace_back(id);
  return answer(hook, input);
}

Result<> ScriptedNotifier::notify(std::string_view id, const json::object& /*payload*/) {
  if (fails) return Error{.kind = ErrorKind::unavailable, .code = "test.mail", .message = "no answer"};
  told.emplace_back(id);
  return {};
}

json::object plain_manifest() {
  return json::parse(R"({
    "titles": {"zh": "工坊", "en": "Workshop"}, "rounds": ["2026"], "recommendation": {"level": "prefecture"}, "hooks": [], "asks": {"score": false, "number": false}, "params": {}, "quota": {"province": 100}, "term_years": 3,
    "numbering": {"scheme": "工坊〔{year}〕{seq:03}号"}, "panel": {"reviewers_min": 3},
    "publicity": {"days": 5, "unit": "working", "include_start": true, "fields": ["org_name", "title", "name"]},
    "annual_check": {"due": {"days": 20, "unit": "working", "include_start": false}},
    "documents": [{"kind": "evidence", "titles": {"zh": "佐证", "en": "Evidence"}, "required": false, "media_types": ["application/pdf"], "bytes_max": 100}],
    "documents_max": 3,
    "rubric": {"criteria": [{"id": "team", "weight": "60"}, {"id": "plan", "weight": "40"}]}})")
      .as_object();
}

std::string workflow(const std::string& body) {
  return R"(<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="lua" name="own">)" + body +
         R"(<final id="done"/><final id="broken"/></scxml>)";
}

std::string selection() { return text_of(std::string{CHUYI_SOURCE_DIR} + "/workflows/selection.scxml"); }

World::World(MemoryOptions options, const std::string& start) : clock(*parse_instant(start)), disk(make_memory_disk()) {
  EXPECT_TRUE(add_builtin_handlers(registry));
  for (int year = 2022; year <= 2026; ++year) {
    const std::string file = std::string{CHUYI_SOURCE_DIR} + "/workflows/calendars/" + std::to_string(year) + ".json";
    EXPECT_TRUE(calendar.add_year(text_of(file), file));
  }
  definitions.put("workshop", selection(), plain_manifest(), {{"nomination", json::parse(kForm)}, {"annual", json::parse(kForm)}});
  reopen();
  const auto organisation = [&](const char* id, const char* parent, const char* level) {
    EXPECT_TRUE(execute({.kind = "organisation.put", .data = {{"id", id}, {"parent", parent}, {"level", level}, {"name", id}, {"kind", std::string_view{level} == "college" ? "college" : "education"}}}));
  };
  organisation("430000", "", "province");
  organisation("430100", "430000", "prefecture");
  organisation("c1", "430100", "college");
  organisation("c2", "430100", "college");
  put_user("applicant", {{"applicant", "c1"}});
  put_user("applicant2", {{"applicant", "c1"}});
  put_user("bureau", {{"recommending-officer", "430100"}});
  for (const char* officer : {"clerk", "lead", "third"}) put_user(officer, {{"provincial-officer", "430000"}});
  for (const char* reviewer : {"r1", "r2", "r3", "r4", "r5", "r6"}) put_user(reviewer, {{"reviewer", "430000"}});
  if (options.fault) reopen(std::move(options));
}

void World::reopen(MemoryOptions options) {
  pumps.reset();
  dispatcher.reset();
  storage = open_memory(disk, std::move(options));
  dispatcher = std::make_unique<Dispatcher>(Runtime{.store = *storage.store,
                                                    .queries = *storage.queries,
                                                    .definitions = definitions,
                                                    .registry = registry,
                                                    .calendar = calendar,
                                                    .clock = clock,
                                                    .documents = documents,
                                                    .plugins = plugins,
                                                    .post = [](const std::function<void()>& job) { job(); },
                                                    .random_id = [this] { return "application" + std::to_string(10'000 + ++ids_); }});
  pumps = std::make_unique<Pumps>(*storage.queries, *dispatcher, clock, notifier, [](const Detail&) {}, PumpMessages{}, PumpPlugins{.host = &plugins, .definitions = &definitions});
}

void World::put_user(const std::string& id, std::vector<Membership> memberships, bool disabled) {
  people_[id] = memberships;
  EXPECT_TRUE(execute({.kind = "user.put",
                       .data = {{"id", id}, {"name", id}, {"password_hash", "x"}, {"memberships", to_json(memberships)}, {"disabled", disabled}}}));
}

Actor World::actor(const std::string& user) const {
  const auto found = people_.find(user);
  return {.user_id = user, .name = user, .memberships = found == people_.end() ? std::vector<Membership>{} : found->second};
}

Result<Reply> World::execute(Command command) {
  if (!keyed) return execute_and_wait(*dispatcher, std::move(command));
  command.key = IdempotencyKey{.actor = command.actor.user_id, .key = "k" + std::to_string(++keys_), .digest = command.kind};
  const int ids = ids_;
  Result<Reply> reply = execute_and_wait(*dispatcher, command);
  if (reply || reply.error().kind != ErrorKind::unavailable) return reply;
  if (reply.error().code != "store.full") reopen();
  ids_ = ids;  // so that a repeat makes the same application
  return execute_and_wait(*dispatcher, std::move(command));
}

Result<Reply> World::try_create(const std::string& programme) {
  return execute({.kind = "application.create",
                  .actor = actor("applicant"),
                  .data = {{"programme", programme}, {"round", "2026"}, {"title", "湘绣工坊"}}});
}

std::string World::create(const std::string& programme) {
  const Result<Reply> reply = try_create(programme);
  EXPECT_TRUE(reply) << reply.error().code << ": " << reply.error().message;
  if (reply) id_ = string_or(reply->body.as_object(), "id");
  return id_;
}

std::vector<TaskRow> World::tasks() const {
  std::vector<TaskRow> out;
  PageRequest page{.limit = 200, .after = {}};
  do {
    Page<TaskRow> rows = *storage.queries->tasks({.session_id = id_}, page);
    for (TaskRow& each : rows.rows) out.push_back(std::move(each));
    page.after = rows.next;
  } while (!page.after.empty());
  return out;
}

TaskRow World::task(const std::string& kind, const std::string& user) const {
  for (const TaskRow& each : tasks())
    if (each.kind == kind && (user.empty() || each.user == user) && (each.status == "open" || each.status == "claimed")) return each;
  return {};
}

TaskRow World::row(const std::string& task_id) const { return storage.queries->task(task_id)->value_or(TaskRow{}); }

Result<Reply> World::act(const std::string& name, const std::string& who, const std::string& task_id, json::object data,
                         std::optional<std::uint64_t> if_revision) {
  return execute({.kind = name, .task_id = task_id, .actor = actor(who), .data = std::move(data), .if_revision = if_revision});
}

Result<Reply> World::complete(const std::string& who, const std::string& task_id, const std::string& outcome, json::object data) {
  return act("task.complete", who, task_id, {{"outcome", outcome}, {"data", std::move(data)}});
}

void World::sign(const std::string& who, const std::string& kind, const std::string& outcome, json::object data) {
  const TaskRow open = task(kind, kind == "sheet" ? who : std::string{});
  const Result<Reply> reply = complete(who, open.id, outcome, std::move(data));
  EXPECT_TRUE(reply) << kind << " by " << who << ": " << reply.error().code << ": " << reply.error().message;
}

Result<Reply> World::event(const std::string& who, const std::string& name) {
  return execute({.kind = "application.event", .session_id = id_, .actor = actor(who), .data = {{"event", name}}});
}

Result<Reply> World::object(const std::string& notice_id, const std::string& reason) {
  return execute({.kind = "objection.file",
                  .actor = {.user_id = "public", .name = "public", .memberships = {}},
                  .data = {{"notice", notice_id}, {"objector", "赵某"}, {"contact", "13900000000"}, {"reason", reason}}});
}

json::object World::scores(const char* first, const char* second) {
  return {{"scores", json::object{{"team", first}, {"plan", second}}}, {"comment", "意见"}};
}

void World::submit() {
  create();
  sign("applicant", "task", "submit", {{"name", "湘绣"}});
}

void World::recommend() {
  submit();
  sign("bureau", "task", "recommend");
  sign("clerk", "task", "pass");
}

void World::review() {
  recommend();
  sign("clerk", "panel-setup", "appoint", {{"reviewers", json::array{"r1", "r2", "r3"}}});
  for (const char* reviewer : {"r1", "r2", "r3"}) sign(reviewer, "sheet", "sign", scores());
  sign("lead", "task", "select");
}

void World::award() {
  review();
  EXPECT_TRUE(advance("2026-03-10T09:00:00+08:00"));
}

Result<PumpReport> World::advance(const std::string& instant) {
  return advance_clock(clock, *parse_instant(instant), actor("clerk"), *storage.queries, *dispatcher, *pumps);
}

SessionRow World::session() const { return storage.queries->session(id_)->value(); }

NoticeRow World::notice() const {
  const Page<NoticeRow> page = *storage.queries->notices({}, {.limit = 200, .after = {}});
  for (const NoticeRow& each : page.rows)
    if (each.session_id == id_) return each;
  return {};
}

std::optional<AwardRow> World::award_row() const { return *storage.queries->award_of(id_); }

json::object World::facts() const {
  const Result<SessionDocument> document = decode_document(*definitions.by_digest(session().definition), session().document);
  return object_or_empty(document->chart.datamodel, "application");
}

std::string World::replay_problem() const {
  const Result<ReplayReport> report = replay(*storage.queries, definitions, registry, id_, 0, [](const ReplayedCommand&) {});
  if (!report) return report.error().code + ": " + report.error().message;
  if (!report->identical) return "differs from record " + std::to_string(report->first_difference);
  const Result<AuditHead> head = verify_audit(*storage.queries);
  return head ? "" : head.error().message;
}

std::string World::rows() const {
  const SessionRow session_row = session();
  std::string out = session_row.status + session_row.state + std::to_string(session_row.revision) + session_row.document + "\n";
  for (const TaskRow& each : tasks()) out += canonical_json(json::value(to_json(each))) + "\n";
  const std::vector<ObjectionRow> objections = *storage.queries->objections(id_);
  for (const ObjectionRow& each : objections) out += canonical_json(json::value(to_json(each))) + "\n";
  const std::vector<DocumentRow> files = *storage.queries->documents(id_);
  for (const DocumentRow& each : files) out += canonical_json(json::value(to_json(each))) + "\n";
  if (const NoticeRow open = notice(); !open.id.empty()) out += canonical_json(json::value(to_json(open))) + "\n";
  if (const auto granted = award_row()) out += canonical_json(json::value(to_json(*granted))) + "\n";
  const std::vector<TimerRow> timers = *storage.queries->due_timers(from_ms(std::int64_t{1} << 50), 200);
  for (const TimerRow& each : timers)
    if (each.session_id == id_) out += each.id + " " + std::to_string(to_ms(each.due)) + canonical_json(json::value(each.event)) + "\n";
  return out;
}

}  // namespace chuyi::test

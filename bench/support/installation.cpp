#include "bench/support/installation.h"

#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <mutex>

#include <boost/asio/post.hpp>

#include "engine/base/digest.h"
#include "engine/invoke/rows_json.h"
#include "server/identity.h"
#include "storage/documents/file_document_store.h"

namespace chuyi::bench {
namespace {

constexpr const char* kCollege = "college-001";
constexpr const char* kBureau = "430100";
constexpr const char* kProvince = "430000";
constexpr std::size_t kWaitingMax = 2'000;  ///< updates that fill() has on their way

/// A nomination that the shipped form and package take.
constexpr const char* kNomination = R"({
  "leader": {"name": "李老师", "title": "副高级", "phone": "13800000000"},
  "period": {"start": "2026-09", "end": "2029-08"},
  "budget": {"province": "20", "local": "10", "school": "15.5", "enterprise": "30", "total": "75.5", "y1": "30", "y2": "25.5", "y3": "20"},
  "targets": [{"indicator": "带徒", "unit": "人", "baseline": 4, "y1": 10, "y2": 20, "y3": 30}],
  "statement": "建设思路与预期成效", "craft": "湘绣", "craft_kind": "传统技艺",
  "school": {"name": "湖南某职业技术学院", "uscc": "12430000444877049U"},
  "enterprises": [{"name": "湖南某科技有限公司", "uscc": "91350100M000100Y43"}],
  "agreement_end": "2029-12-31", "host_master": "王大师", "master_level": "非遗传承人",
  "members": [{"name": "甲", "unit": "学院", "side": "学校"}, {"name": "丙", "unit": "学院", "side": "学校"}, {"name": "丁", "unit": "学院", "side": "学校"},
              {"name": "戊", "unit": "学院", "side": "学校"}, {"name": "己", "unit": "学院", "side": "学校"}, {"name": "庚", "unit": "学院", "side": "学校"},
              {"name": "辛", "unit": "学院", "side": "学校"}, {"name": "壬", "unit": "学院", "side": "学校"}, {"name": "乙", "unit": "公司", "side": "企业"},
              {"name": "癸", "unit": "公司", "side": "企业"}, {"name": "子", "unit": "工艺厂", "side": "企业"}, {"name": "丑", "unit": "工艺厂", "side": "企业"}],
  "tech_projects": [{"title": "绣线染色工艺", "partner": "公司", "money": "12.5", "result": "企业标准1项"}],
  "awards": [{"name": "全省职业院校技能竞赛", "level": "省级", "rank": "一等奖", "year": 2024}],
  "area": "120.5", "equip": "80.00", "ent_equip": "30.00", "apprentices3": 12, "exchange3": 6, "patents": 2, "courses": 3,
  "target_apprentice": 30})";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
  return text;
}

json::object replaced(const json::object& object, const std::string& from, const std::string& to) {
  return value_of(parse_json(replaced(canonical_json(object), from, to), kStoredJson, "row"), "copy a row").as_object();
}

}  // namespace

void fail(const std::string& what, const Error& error) {
  std::cerr << what << ": " << error.code << ": " << error.message << " " << error.place << "\n";
  for (const Detail& each : error.details) std::cerr << "  " << each.place << " " << each.code << " " << each.message << "\n";
  std::exit(1);
}

std::string application_id(std::size_t n) {
  std::string digits = std::to_string(n);
  return "a-bench" + std::string(11 - digits.size(), '0') + digits;
}

std::string recommend_task(std::size_t n) { return "t-" + application_id(n).substr(2) + "-5"; }

Command recommend(std::size_t n, const Actor& bureau) {
  const std::string task = recommend_task(n);
  return {.kind = "task.complete",
          .task_id = task,
          .actor = bureau,
          .data = {{"outcome", "recommend"}, {"data", json::object{{"opinion", "同意推荐"}}}},
          .key = IdempotencyKey{.actor = bureau.user_id, .key = application_id(n), .digest = sha256_hex(task)}};
}

Installation::Installation(const Home& home)
    : files_(SharedFiles::find("bench")),
      calendar_(value_of(load_calendar(files_), "read the calendars")),
      registry_(make_registry()),
      library_(make_library(files_, registry_, home.data, {})),
      documents_(value_of(open_file_documents(home.data + "/documents"), "open the documents")),
      plugins_({.host_program = files_.plugin_host}),
      storage_(value_of(open_storage(home), "open the store")) {
  restore_definitions(*storage_.queries, *library_);
  library_->reload();
  dispatcher_ = std::make_unique<Dispatcher>(Runtime{.store = *storage_.store,
                                                     .queries = *storage_.queries,
                                                     .definitions = *library_,
                                                     .registry = registry_,
                                                     .calendar = calendar_,
                                                     .clock = clock_,
                                                     .documents = *documents_,
                                                     .plugins = plugins_,
                                                     .post = [this](std::function<void()> job) { boost::asio::post(preparing_, std::move(job)); },
                                                     .random_id = [] { return application_id(0).substr(2); }});
}

Installation::~Installation() {
  preparing_.join();
  storage_.queries.reset();  // first: the last connection that closes carries the log over into the database
  storage_.store.reset();
}

Reply Installation::execute(Command command) {
  const std::string kind = command.kind;
  return value_of(execute_and_wait(*dispatcher_, std::move(command)), kind);
}

Actor Installation::actor(const std::string& user) {
  const std::optional<UserRow> row = value_of(storage_.queries->user(user), "read a user");
  if (!row) fail("read a user", Error{.code = "user.unknown", .message = user});
  return {.user_id = row->id, .name = row->name, .memberships = row->memberships};
}

void Installation::begin() {
  const auto organisation = [&](const char* id, const char* parent, const char* level) {
    execute({.kind = "organisation.put", .data = {{"id", id}, {"parent", parent}, {"level", level}, {"name", id}, {"name_en", id}, {"kind", std::string_view{level} == "college" ? "college" : "education"}}});
  };
  organisation(kProvince, "", "province");
  organisation(kBureau, kProvince, "prefecture");
  organisation(kCollege, kBureau, "college");
  Identity identity(Identity::Options{});
  const std::string hash = value_of(identity.hash_password(kPassword), "hash a password");
  const auto user = [&](const char* id, const char* role, const char* org) {
    execute({.kind = "user.put", .data = {{"id", id}, {"name", id}, {"password_hash", hash}, {"memberships", to_json(std::vector<Membership>{{role, org}})}, {"disabled", false}}});
  };
  user("college", "applicant", kCollege);
  user("bureau", "recommending-officer", kBureau);
  user("clerk", "provincial-officer", kProvince);

  const std::string id = application_id(0);
  const Actor college = actor("college");
  execute({.kind = "application.create", .actor = college, .data = {{"programme", "workshop"}, {"round", "2026"}, {"title", "湘绣技艺工坊"}}});
  const auto open_task = [&] {
    const Page<TaskRow> open = value_of(storage_.queries->tasks({.statuses = {"open"}, .session_id = id}, {.limit = 1, .after = {}}), "find the task");
    return open.rows.empty() ? std::string{} : open.rows.front().id;
  };
  const std::string apply = open_task();
  for (const char* kind : {"agreement", "commitment", "ethics"}) {
    const std::string bytes = std::string{"%PDF-1.4\n% "} + kind + "\n%%EOF\n";
    std::unique_ptr<DocumentWriter> writer = value_of(documents_->create(1'000), "create a document");
    if (const Result<> written = writer->write(bytes); !written) fail("write a document", written.error());
    const StoredDocument stored = value_of(writer->finish(), "store a document");
    Command add{.kind = "document.add",
                .task_id = apply,
                .actor = college,
                .data = {{"kind", kind}, {"name", std::string{kind} + ".pdf"}, {"media_type", "application/pdf"}, {"digest", stored.digest}, {"size", static_cast<std::int64_t>(stored.size)}}};
    add.hold(stored.digest);
    execute(std::move(add));
  }
  execute({.kind = "task.complete",
           .task_id = apply,
           .actor = college,
           .data = {{"outcome", "submit"}, {"data", value_of(parse_json(kNomination, kStoredJson, "nomination"), "read the nomination")}}});
  if (open_task() != recommend_task(0)) fail("take an application to its recommendation", Error{.code = "bench.task", .message = open_task()});
}

void Installation::fill(std::size_t from, std::size_t to) {
  const std::string first = application_id(0).substr(2);
  const std::optional<SessionRow> session = value_of(storage_.queries->session("a-" + first), "read the first application");
  if (!session) fail("read the first application", Error{.code = "application.unknown"});
  const Page<TaskRow> tasks = value_of(storage_.queries->tasks({.session_id = session->id}, {.limit = 200, .after = {}}), "read its tasks");
  const std::vector<DocumentRow> documents = value_of(storage_.queries->documents(session->id), "read its documents");
  const std::optional<BundleRow> bundle = value_of(storage_.queries->latest_bundle(session->id), "read its bag");
  const std::vector<AuditRow> records = value_of(storage_.queries->audit(session->id, 0, 100), "read its journal");
  const json::object record = value_of(parse_json(records.back().record, kStoredJson, "record"), "read its last record").as_object();

  std::mutex mutex;
  std::condition_variable changed;
  std::size_t waiting = 0;
  for (std::size_t n = std::max<std::size_t>(from, 1); n < to; ++n) {
    auto change = std::make_shared<Change>();
    const std::string id = application_id(n).substr(2);
    change->session = *session;
    change->session->id = "a-" + id;
    change->session->document = replaced(session->document, first, id);
    change->session->created += std::chrono::milliseconds(n);
    change->session->revision = 1;  // so that the store writes who may see it
    for (const TaskRow& each : tasks.rows) change->tasks.push_back(task_from_json(replaced(to_json(each), first, id)));
    for (const DocumentRow& each : documents) change->documents.push_back(document_from_json(replaced(to_json(each), first, id)));
    if (bundle) {
      change->bundles.push_back(*bundle);
      change->bundles.back().session_id = "a-" + id;
    }
    change->audit = replaced(record, first, id);
    {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return waiting < kWaitingMax; });
      ++waiting;
    }
    storage_.store->update({.decide = [change](View&) -> Result<Change> { return *change; }}, [&](Result<Reply> reply) {
      if (!reply) fail("fill", reply.error());
      const std::lock_guard lock(mutex);
      --waiting;
      changed.notify_one();
    });
  }
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return waiting == 0; });
}

}  // namespace chuyi::bench

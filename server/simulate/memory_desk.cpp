#include <filesystem>

#include "engine/base/digest.h"
#include "engine/invoke/rows_json.h"
#include "engine/review/conflicts.h"
#include "engine/review/sealed_export.h"
#include "engine/runtime/dispatcher.h"
#include "engine/runtime/pumps.h"
#include "engine/runtime/review_commands.h"
#include "engine/runtime/session_document.h"
#include "plugins/host/plugin_client.h"
#include "server/plugin_tests.h"
#include "server/simulate/desk.h"
#include "storage/memory/memory.h"

namespace chuyi::simulate {
namespace {

Error unexpected(const std::string& what) {
  return Error{.kind = ErrorKind::rejected, .code = "simulate.missing", .message = "Expected " + what, .message_zh = "演练中缺少预期的事项"};
}

/// A rehearsal has nobody who reads its documents: what counts is their digests.
class DigestsOnly final : public DocumentStore {
 public:
  Result<std::unique_ptr<DocumentWriter>> create(std::uint64_t /*bytes_max*/) override { return unexpected("no document to be written"); }
  Result<std::unique_ptr<DocumentReader>> open(std::string_view /*digest*/) override { return unexpected("no document to be read"); }
  Result<StoredDocument> seal(const BagSpec& spec) override {
    std::string all;
    for (const BagEntry& entry : spec.payload) all += entry.path + "\n" + entry.digest + entry.bytes + "\n";
    return StoredDocument{.digest = sha256_hex(all), .size = all.size()};
  }
  void release(std::string_view /*digest*/, bool /*referenced*/) override {}
};

class NobodyTold final : public Notifier {
 public:
  Result<> notify(std::string_view /*id*/, const json::object& /*payload*/) override { return {}; }
};

class MemoryDesk final : public Desk {
 public:
  MemoryDesk(const DeskOptions& options, Calendar calendar, std::vector<RecommenderRule> recommenders, std::vector<check::Policy> policies, json::object review_defaults,
             const std::string& libraries)
      : review_defaults_(std::move(review_defaults)),
        registry_(make_registry()),
        library_(make_library(options.files, registry_, libraries, {}, std::move(policies))),
        calendar_(std::move(calendar)),
        clock_(options.start),
        plugins_({.host_program = options.files.plugin_host}),
        storage_(open_memory(make_memory_disk())),
        dispatcher_(Runtime{.store = *storage_.store,
                            .queries = *storage_.queries,
                            .definitions = *library_,
                            .registry = registry_,
                            .calendar = calendar_,
                            .clock = clock_,
                            .documents = documents_,
                            .plugins = plugins_,
                            .post = [](const std::function<void()>& job) { job(); },
                            .random_id = counted_ids(),
                            .recommenders = std::move(recommenders)}),
        pumps_(*storage_.queries, dispatcher_, clock_, notifier_, [](const Detail&) {}, PumpMessages{}, PumpPlugins{.host = &plugins_, .definitions = library_.get()}) {}

  std::vector<Detail> load() { return library_->reload(); }
  CommandService& commands() { return dispatcher_; }
  Queries& queries() { return *storage_.queries; }
  const Definitions& definitions() const { return *library_; }
  const InvokeRegistry& registry() const { return registry_; }

  Result<std::string> create(const Actor& who, const std::string& programme, const std::string& round, const std::string& title, const std::string& org) override {
    const Result<Reply> made = execute({.kind = "application.create", .actor = who, .data = {{"programme", programme}, {"round", round}, {"title", title}, {"org", org}}});
    if (!made) return made.error();
    return string_or(made->body.as_object(), "id");
  }
  Result<> save(const Actor& who, const std::string& application, const json::object& form) override {
    const Result<TaskRow> task = nomination(application);
    if (!task) return task.error();
    return done(execute({.kind = "task.save", .task_id = task->id, .actor = who, .data = {{"data", form}}}));
  }
  Result<> attach(const Actor& who, const std::string& application, const std::string& kind, const std::string& bytes) override {
    const Result<TaskRow> task = nomination(application);
    if (!task) return task.error();
    return done(execute({.kind = "document.add",
                         .task_id = task->id,
                         .actor = who,
                         .data = {{"kind", kind}, {"name", kind + ".pdf"}, {"media_type", "application/pdf"}, {"digest", sha256_hex(bytes)}, {"size", static_cast<std::int64_t>(bytes.size())}}}));
  }
  Result<Standing> submit(const Actor& who, const std::string& application, const json::object& reasons) override {
    const Result<TaskRow> task = nomination(application);
    if (!task) return task.error();
    return stands(execute({.kind = "task.complete", .task_id = task->id, .actor = who, .data = {{"reasons", reasons}}}));
  }
  Result<Standing> send(const Actor& who, const std::string& application, const std::string& event) override {
    return stands(execute({.kind = "application.event", .session_id = application, .actor = who, .data = {{"event", event}}}));
  }
  Result<Standing> complete(const Actor& who, const std::string& task, const std::string& outcome, const json::object& data) override {
    return stands(execute({.kind = "task.complete", .task_id = task, .actor = who, .data = {{"outcome", outcome}, {"data", data}}}));
  }
  Result<> object(const std::string& title, const std::string& reason) override {
    PageRequest page{.limit = 200, .after = {}};
    do {
      const Result<Page<NoticeRow>> notices = queries().notices({.programme = {}, .status = "open"}, page);
      if (!notices) return notices.error();
      for (const NoticeRow& each : notices->rows)
        if (string_or(each.fields, "title") == title)
          return done(execute({.kind = "objection.file",
                               .actor = {.user_id = "public", .name = "public", .memberships = {}},
                               .data = {{"notice", each.id}, {"objector", "赵某"}, {"contact", "13900000000"}, {"reason", reason}}}));
      page.after = notices->next;
    } while (!page.after.empty());
    return unexpected("an open notice of '" + title + "'");
  }
  Result<std::vector<Work>> inbox(const Actor& who, const std::string& kind) override {
    std::vector<Work> out;
    PageRequest page{.limit = 200, .after = {}};
    do {
      const Result<Page<TaskRow>> rows = queries().tasks({.memberships = who.memberships, .user = who.user_id, .statuses = {"open", "claimed"}, .session_id = {}, .kind = kind}, page);
      if (!rows) return rows.error();
      for (const TaskRow& each : rows->rows) out.push_back({.task = each.id, .application = each.session_id, .state = each.state, .due = each.due});
      page.after = rows->next;
    } while (!page.after.empty());
    return out;
  }

  Result<> create_round(const Actor& who, const json::object& round) override { return done(execute({.kind = "round.create", .actor = who, .data = round})); }
  Result<> decide_round(const Actor& who, const std::string& round, const json::object& decision) override {
    return done(execute({.kind = "round.decide", .session_id = round, .actor = who, .data = decision}));
  }
  Result<json::object> review(const Actor& who, const std::string& kind, const json::object& data) override {
    Command command{.kind = kind, .actor = who, .data = data};
    if (kind == "review.setup")
      for (const auto& member : review_defaults_)
        if (!data.contains(member.key())) command.data[member.key()] = member.value();
    const Result<Reply> reply = execute(std::move(command));
    if (!reply) return reply.error();
    return reply->body.is_object() ? reply->body.get_object() : json::object{};
  }
  Result<std::string> exported(const Actor& /*who*/, const std::string& round, const std::string& what, const std::string& id) override {
    if (what == "conflicts") {
      const Result<ReviewFacts> facts = review_facts(queries(), *library_, round);
      if (!facts) return facts.error();
      return review::make_export(kConflictsExport, conflict_input(*facts), review::run_conflicts);
    }
    const Result<json::object> kept = record(kReviewExport, review_id(round, id));
    if (!kept) return kept.error();
    return canonical_json(object_or_empty(*kept, "export")) + "\n";
  }
  Result<json::object> assignment(const Actor& /*who*/, const std::string& round, const std::string& id) override { return record(kReviewAssignment, review_id(round, id)); }
  Result<json::object> settled(const Actor& /*who*/, const std::string& round) override {
    const Result<json::object> list = record(kReviewList, round);
    if (!list) return list.error();
    return whole_list(*list);
  }
  Result<Standing> round(const Actor& /*who*/, const std::string& round) override {
    const Result<std::optional<SessionRow>> row = queries().session(round);
    if (!row) return row.error();
    if (!*row) return unexpected("round '" + round + "'");
    return Standing{.application = (*row)->id, .status = (*row)->status, .state = (*row)->state};
  }
  Result<std::vector<Standing>> applications(const Actor& /*who*/, const std::string& round) override {
    constexpr std::size_t kAll = 1'000'000;
    const Result<std::vector<SessionRow>> rows = queries().applications(round, "", kAll);
    if (!rows) return rows.error();
    std::vector<Standing> out;
    for (const SessionRow& row : *rows) out.push_back({.application = row.id, .status = row.status, .state = row.state});
    return out;
  }
  Result<std::size_t> pending(const Actor& /*who*/, const std::string& application) override {
    const Result<Page<TaskRow>> tasks = queries().tasks({.memberships = {}, .user = {}, .statuses = {"open", "claimed"}, .session_id = application, .kind = {}}, {.limit = 1, .after = {}});
    if (!tasks) return tasks.error();
    const Result<std::vector<TimerRow>> timers = queries().timers(application);
    if (!timers) return timers.error();
    return tasks->rows.size() + timers->size();
  }
  Result<std::string> score(const Actor& /*who*/, const std::string& application) override {
    const Result<std::optional<SessionRow>> row = queries().session(application);
    if (!row) return row.error();
    const DefinitionPtr definition = *row ? library_->by_digest((*row)->definition) : nullptr;
    if (!definition) return unexpected("application '" + application + "'");
    const Result<SessionDocument> document = decode_document(*definition, (*row)->document);
    if (!document) return document.error();
    return string_or(object_or_empty(document->chart.datamodel, "application"), "score");
  }
  Result<std::size_t> awards(const std::string& programme, const std::string& round) override {
    std::size_t out = 0;
    PageRequest page{.limit = 200, .after = {}};
    do {
      const Result<Page<AwardRow>> rows = queries().awards({.programme = programme, .round = round, .status = {}, .text = {}}, page);
      if (!rows) return rows.error();
      for (const AwardRow& each : rows->rows) out += each.status == "revoked" ? 0 : 1;
      page.after = rows->next;
    } while (!page.after.empty());
    return out;
  }
  Result<> advance(Instant to) override {
    const Result<PumpReport> moved = advance_clock(clock_, to, {.user_id = "system", .name = "system", .memberships = {}}, queries(), dispatcher_, pumps_);
    if (!moved) return moved.error();
    return {};
  }

 private:
  Result<Reply> execute(Command command) { return execute_and_wait(dispatcher_, std::move(command)); }
  static Result<Standing> stands(const Result<Reply>& reply) { return reply ? Result<Standing>{standing_of(reply->body.as_object())} : Result<Standing>{reply.error()}; }
  static Result<> done(const Result<Reply>& reply) { return reply ? Result<>{} : Result<>{reply.error()}; }

  Result<json::object> record(const char* kind, const std::string& id) {
    Result<std::optional<RecordRow>> row = queries().record(kind, id);
    if (!row) return row.error();
    if (!*row) return unexpected(std::string{"the record "} + kind + " '" + id + "'");
    return std::move((*row)->data);
  }

  /// The task in which an applicant fills the form.
  Result<TaskRow> nomination(const std::string& application) {
    Result<Page<TaskRow>> rows = queries().tasks({.memberships = {}, .user = {}, .statuses = {"open", "claimed"}, .session_id = application, .kind = "task"}, {.limit = 10, .after = {}});
    if (!rows) return rows.error();
    for (TaskRow& each : rows->rows)
      if (each.role == "applicant" && !each.form.empty()) return std::move(each);
    const Result<std::optional<SessionRow>> session = queries().session(application);
    const std::string state = session && *session ? (*session)->state : "";
    return Error{.kind = ErrorKind::rejected, .code = "application.no_draft", .message = "Expected an application with an open form, but it is in state '" + state + "'", .message_zh = "该申报当前没有可填写的表单"};
  }

  json::object review_defaults_;
  InvokeRegistry registry_;
  std::unique_ptr<PackageLibrary> library_;
  Calendar calendar_;
  ManualClock clock_;
  PluginClient plugins_;
  DigestsOnly documents_;
  NobodyTold notifier_;
  MemoryStorage storage_;
  Dispatcher dispatcher_;
  Pumps pumps_;
};

}  // namespace

Result<> at_memory_desk(const DeskOptions& options, const SetUp& set_up, const Play& play, const LookBack& look_back) {
  Result<Calendar> calendar = load_calendar(options.files);
  if (!calendar) return calendar.error();
  Result<std::vector<RecommenderRule>> recommenders = load_recommenders(options.files);
  if (!recommenders) return recommenders.error();
  Result<std::vector<check::Policy>> policies = load_policies(options.files);
  if (!policies) return policies.error();
  Result<json::object> review_defaults = load_review_defaults(options.files);
  if (!review_defaults) return review_defaults.error();
  // Libraries of packages run from a folder.
  const Result<std::unique_ptr<TemporaryFolder>> folder = TemporaryFolder::make(std::filesystem::temp_directory_path().string());
  if (!folder) return folder.error();
  MemoryDesk desk(options, std::move(*calendar), std::move(*recommenders), std::move(*policies), std::move(*review_defaults), (*folder)->path());
  if (const std::vector<Detail> problems = desk.load(); !problems.empty())
    return Error{.kind = ErrorKind::invalid, .code = "simulate.packages", .message = "Expected packages without problems", .message_zh = "项目包存在问题，不能演练", .details = problems};
  if (Result<> ready = set_up(desk.commands()); !ready) return ready;
  if (Result<> played = play(desk); !played) return played;
  return look_back(desk.queries(), desk.definitions(), desk.registry());
}

}  // namespace chuyi::simulate

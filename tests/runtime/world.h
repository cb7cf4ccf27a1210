#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/json/parse.hpp>

#include "engine/ports/clock.h"
#include "engine/runtime/dispatcher.h"
#include "engine/runtime/pumps.h"
#include "engine/runtime/replay.h"
#include "storage/memory/memory.h"

namespace chuyi::test {

/// Programmes that a test makes up.
class MadeUpDefinitions final : public Definitions {
 public:
  void put(const std::string& programme, const std::string& workflow, json::object manifest, const json::object& forms);
  /// Another version, known by its digest alone: what is current stays.
  DefinitionPtr add(const std::string& programme, const std::string& version, const std::string& workflow, json::object manifest, const json::object& forms);
  std::vector<DefinitionPtr> current() const override;
  DefinitionPtr current(std::string_view programme) const override;
  DefinitionPtr by_digest(std::string_view digest) const override;
  Result<DefinitionPtr> restore(std::string_view digest, const json::object& files) override;
  std::vector<Detail> reload() override { return {}; }

 private:
  std::map<std::string, DefinitionPtr, std::less<>> by_programme_;
  std::vector<DefinitionPtr> beside_;
};

/// Seals what it is told to and keeps nothing.
class SealOnly final : public DocumentStore {
 public:
  Result<std::unique_ptr<DocumentWriter>> create(std::uint64_t bytes_max) override;
  Result<std::unique_ptr<DocumentReader>> open(std::string_view digest) override;
  Result<StoredDocument> seal(const BagSpec& spec) override;
  void release(std::string_view digest, bool referenced) override { released.emplace_back(digest, referenced); }
  std::vector<std::pair<std::string, bool>> released;
  int sealed = 0;
};

class ScriptedPlugins final : public PluginHost {
 public:
  Result<json::object> call(const Definition& definition, std::string_view hook, std::string_view id, const json::object& input) override;
  std::function<Result<json::object>(std::string_view hook, const json::object& input)> answer =
      [](std::string_view, const json::object&) -> Result<json::object> { return json::object{}; };
  json::object last;
  std::vector<std::string> ids;  ///< of the calls, in order
};

class ScriptedNotifier final : public Notifier {
 public:
  Result<> notify(std::string_view id, const json::object& payload) override;
  bool fails = false;
  std::vector<std::string> told;  ///< ids, in order
};

/// The manifest data that the tests' programme "workshop" starts from.
json::object plain_manifest();
/// `body` as a workflow of its own, with the final states "done" and "broken".
std::string workflow(const std::string& body);
/// workflows/selection.scxml.
std::string selection();

/// A whole installation in memory on a manual clock: the same calls, the same run. Its people: applicant and
/// applicant2 (college c1), bureau (430100), clerk, lead and third (430000), r1 … r6 (reviewers).
class World {
 public:
  explicit World(MemoryOptions options = {}, const std::string& start = "2026-03-02T09:00:00+08:00");

  void put_user(const std::string& id, std::vector<Membership> memberships, bool disabled = false);
  Actor actor(const std::string& user) const;
  Result<Reply> execute(Command command);
  /// Starts an application; fails the test when refused. It is the one that the calls below are about.
  std::string create(const std::string& programme = "workshop");
  Result<Reply> try_create(const std::string& programme = "workshop");
  void select(const std::string& application) { id_ = application; }

  /// The open task of a kind, in a state when given, for a user when given. An empty row when there is none.
  TaskRow task(const std::string& kind = "task", const std::string& user = {}) const;
  TaskRow row(const std::string& task_id) const;
  std::vector<TaskRow> tasks() const;
  Result<Reply> act(const std::string& name, const std::string& who, const std::string& task_id, json::object data = {},
                    std::optional<std::uint64_t> if_revision = {});
  Result<Reply> complete(const std::string& who, const std::string& task_id, const std::string& outcome, json::object data = {});
  /// complete() of the one open task of the kind; fails the test when refused.
  void sign(const std::string& who, const std::string& kind, const std::string& outcome, json::object data = {});
  Result<Reply> event(const std::string& who, const std::string& name);
  Result<Reply> object(const std::string& notice, const std::string& reason = "事实与依据");

  // Steps of the selection, each from where the one before ended.
  void submit();
  void recommend();  ///< submit, recommend, pass
  void review();     ///< recommend, panel of r1 r2 r3 appointed by clerk, all sign, lead selects
  void award();      ///< review, and the notice runs out
  static json::object scores(const char* first = "60", const char* second = "30");

  /// Moves the clock.
  Result<PumpReport> advance(const std::string& instant);
  SessionRow session() const;
  std::string state() const { return session().state; }
  NoticeRow notice() const;
  std::optional<AwardRow> award_row() const;
  json::object facts() const;
  /// Replays the application: empty when it gives the stored document byte for byte, else why not.
  std::string replay_problem() const;
  /// Canonical text of every row that belongs to the application: equal when nothing has changed.
  std::string rows() const;
  /// Opens the store again on the same disk, as after a restart.
  void reopen(MemoryOptions options = {});

  MadeUpDefinitions definitions;
  SealOnly documents;
  ScriptedPlugins plugins;
  ScriptedNotifier notifier;
  InvokeRegistry registry;
  Calendar calendar;
  ManualClock clock;
  std::shared_ptr<MemoryDisk> disk;
  MemoryStorage storage;
  std::unique_ptr<Dispatcher> dispatcher;
  std::unique_ptr<Pumps> pumps;
  bool keyed = false;  ///< give every command an Idempotency-Key, and repeat it until the store has answered

 private:
  std::map<std::string, std::vector<Membership>> people_;
  std::string id_;
  int ids_ = 0;
  int keys_ = 0;
};

}  // namespace chuyi::test

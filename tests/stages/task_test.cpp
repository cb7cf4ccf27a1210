// Goal: one person's work item is signed by the right person, on the data that was checked, and sealed when its
// stage seals. Method: whole applications in memory; the plugin's call stands for what happens meanwhile.
#include <gtest/gtest.h>

#include "engine/runtime/session_document.h"
#include "tests/runtime/world.h"

namespace chuyi::test {
namespace {

std::string task_flow(const std::string& params, const std::string& role = "applicant", const std::string& org = "c1") {
  return workflow("<state id=\"s\"><invoke type=\"task\" id=\"only\"><param name=\"role\" expr=\"'" + role + "'\"/><param name=\"org\" expr=\"'" + org +
                  "'\"/><param name=\"outcomes\" expr=\"{'go', 'stop'}\"/>" + params +
                  "</invoke><transition event=\"done.invoke.only\" target=\"done\"/><transition event=\"task.overdue.only\" target=\"broken\"/></state>");
}

json::object document_data(const std::string& name, std::int64_t size = 5) {
  return {{"kind", "evidence"}, {"name", name}, {"media_type", "application/pdf"}, {"digest", std::string(64, 'a')}, {"size", size}};
}

json::object manifest_with_documents() {
  json::object out = plain_manifest();
  out["documents"] = json::array{json::object{{"kind", "evidence"}, {"titles", json::object{{"zh", "佐证"}, {"en", "Evidence"}}}, {"required", true},
                                              {"media_types", json::array{"application/pdf"}}, {"bytes_max", 100}}};
  return out;
}

TEST(Task, SignsOnlyWhatWasValidated) {
  // A colleague saves another draft while the draft is being checked.
  for (const char* kind : {"task", "annual-report"}) {
    World world;
    if (std::string{kind} == "task") {
      world.create();
    } else {
      world.award();
      ASSERT_TRUE(world.advance("2027-03-10T09:00:00+08:00"));
    }
    const TaskRow open = world.task(kind);
    ASSERT_TRUE(world.act("task.save", "applicant", open.id, {{"data", json::object{{"name", "good"}}}}));
    bool once = true;
    world.plugins.answer = [&](std::string_view, const json::object&) -> Result<json::object> {
      if (std::exchange(once, false)) {
        EXPECT_TRUE(world.act("task.save", "applicant2", open.id, {{"data", json::object{{"bad", 1}}}}));
      }
      return json::object{};
    };
    const Result<Reply> raced = world.act("task.complete", "applicant", open.id);
    ASSERT_FALSE(raced) << kind << ": signed what nobody has checked";
    EXPECT_EQ(raced.error().code, "precondition.failed");
    EXPECT_EQ(world.act("task.complete", "applicant", open.id).error().code, "form.invalid");
    EXPECT_EQ(world.row(open.id).status, "open");
  }
}

TEST(Task, SaysHowManyFailuresAFormHas) {
  World world;
  world.create();
  const Result<Reply> refused = world.complete("applicant", world.task().id, "submit", {{"name", 1}});
  EXPECT_EQ(refused.error().code, "form.invalid");
  EXPECT_EQ(refused.error().details.size(), 1U);
  EXPECT_NE(refused.error().message_zh.find("1处"), std::string::npos) << refused.error().message_zh;
  EXPECT_NE(refused.error().message.find("found 1"), std::string::npos) << refused.error().message;
}

TEST(Task, WhoMayNotActLearnsNothingOfTheDraft) {
  World world;
  world.create();
  for (const char* stranger : {"bureau", "clerk", "r1"}) {
    const Result<Reply> refused = world.act("task.complete", stranger, world.task().id);
    EXPECT_EQ(refused.error().code, "task.not_yours") << stranger;
    EXPECT_TRUE(refused.error().details.empty());
  }
}

TEST(Task, AnUnknownFormIsAnErrorOfTheDefinition) {
  World world;
  world.definitions.put("typo", task_flow("<param name=\"form\" expr=\"'nominatoin'\"/>"), plain_manifest(), {});
  world.create("typo");
  const Result<Reply> refused = world.complete("applicant", world.task().id, "go", {{"garbage", 1}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "definition.form_unknown");
  EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
}

struct Seals {
  const char* name;
  const char* params;
  const char* role;
  const char* org;
  const char* who;
  bool seals;
};
void PrintTo(const Seals& row, std::ostream* out) { *out << row.name; }
class TaskSeals : public testing::TestWithParam<Seals> {};
TEST_P(TaskSeals, WhenItsStageSaysSo) {
  World world;
  world.definitions.put("p", task_flow(GetParam().params, GetParam().role, GetParam().org), plain_manifest(),
                        {{"nomination", json::object{{"type", "object"}}}});
  world.create("p");
  EXPECT_EQ(world.task().seals, GetParam().seals);
  const Result<Reply> reply = world.complete(GetParam().who, world.task().id, "go", {{"x", "y"}});
  ASSERT_TRUE(reply) << reply.error().code;
  EXPECT_EQ(world.documents.sealed, GetParam().seals ? 1 : 0);
  EXPECT_EQ(world.storage.queries->latest_bundle(world.session().id)->has_value(), GetParam().seals);
  EXPECT_EQ(world.replay_problem(), "");
}
#define FORM "<param name=\"form\" expr=\"'nomination'\"/>"
#define SEAL "<param name=\"seals_bundle\" expr=\"true\"/>"
INSTANTIATE_TEST_SUITE_P(Kinds, TaskSeals, testing::Values(
  //    name                 params     role                  org       who          seals
  Seals{"FormAndSeal",       FORM SEAL, "applicant",          "c1",     "applicant", true},
  Seals{"FormOnly",          FORM,      "applicant",          "c1",     "applicant", false},
  Seals{"SealWithoutForm",   SEAL,      "applicant",          "c1",     "applicant", true},
  Seals{"AnOfficerSeals",    FORM SEAL, "provincial-officer", "430000", "clerk",     true},
  Seals{"Neither",           "",        "applicant",          "c1",     "applicant", false}),
  [](const auto& row) { return std::string(row.param.name); });

class TaskDocuments : public testing::Test {
 protected:
  TaskDocuments() {
    world_.definitions.put("p", task_flow(SEAL), manifest_with_documents(), {});
    world_.create("p");
    task_ = world_.task().id;
  }
  Result<Reply> add(const std::string& name, const char* who = "applicant") { return world_.act("document.add", who, task_, document_data(name)); }
  std::vector<std::string> names() {
    std::vector<std::string> out;
    for (const DocumentRow& each : *world_.storage.queries->documents(world_.session().id)) out.push_back(each.name);
    return out;
  }
  World world_;
  std::string task_;
};

TEST_F(TaskDocuments, AreReplacedByNameAlsoAtTheMaximum) {
  for (const char* name : {"1.pdf", "2.pdf", "3.pdf"}) ASSERT_TRUE(add(name)) << name;
  EXPECT_EQ(add("4.pdf").error().code, "document.count");
  ASSERT_TRUE(add("2.pdf")) << "a corrected file is no further file";
  EXPECT_EQ(names().size(), 3U);
  EXPECT_EQ(array_or_empty(world_.facts(), "documents").size(), 3U);
}

TEST_F(TaskDocuments, AreRemovedAndMissed) {
  const Result<Reply> added = add("1.pdf");
  ASSERT_TRUE(added);
  const std::string id = string_or(added->body.as_object(), "id");
  EXPECT_EQ(world_.act("document.remove", "applicant", task_, {{"document", "d-none"}}).error().code, "document.unknown");
  ASSERT_TRUE(world_.act("document.remove", "applicant", task_, {{"document", id}}));
  EXPECT_TRUE(names().empty());
  const Result<Reply> refused = world_.complete("applicant", task_, "go");
  EXPECT_EQ(refused.error().code, "document.missing");
  EXPECT_EQ(refused.error().details.at(0).place, "/documents/evidence");
  ASSERT_TRUE(add("1.pdf"));
  ASSERT_TRUE(world_.complete("applicant", task_, "go"));
  EXPECT_EQ(add("2.pdf").error().code, "stage.not_running");
  EXPECT_EQ(world_.replay_problem(), "");
}

TEST_F(TaskDocuments, AreChecked) {
  struct Row { const char* field; json::value value; const char* code; };
  for (const Row& row : {Row{"kind", "nothing", "document.kind"}, Row{"media_type", "text/html", "document.media_type"}, Row{"size", 101, "document.size"},
                         Row{"name", "../x", "document.name"}, Row{"name", "", "document.name"}, Row{"name", json::value(std::string(201, 'x')), "document.name"}}) {
    json::object data = document_data("x.pdf");
    data[row.field] = row.value;
    EXPECT_EQ(world_.act("document.add", "applicant", task_, data).error().code, row.code) << row.field;
  }
  EXPECT_EQ(add("x.pdf", "bureau").error().code, "task.not_yours");
  EXPECT_TRUE(names().empty());
}

TEST_F(TaskDocuments, AFileAddedWhileTheBagIsSealedIsNotLeftOut) {
  ASSERT_TRUE(add("1.pdf"));
  const std::uint64_t seen = world_.row(task_).revision;
  ASSERT_TRUE(add("2.pdf"));
  EXPECT_EQ(world_.act("task.complete", "applicant", task_, {{"outcome", "go"}}, seen).error().code, "precondition.failed");
}

TEST(Task, IsClaimedAndReleasedByOnePersonAtATime) {
  World world;
  world.submit();
  world.put_user("bureau2", {{"recommending-officer", "430100"}});
  const std::string task = world.task().id;
  ASSERT_TRUE(world.act("task.claim", "bureau", task));
  for (const char* name : {"task.claim", "task.release", "task.save", "task.complete"})
    EXPECT_EQ(world.act(name, "bureau2", task, {{"outcome", "recommend"}}).error().code, "task.claimed") << name;
  ASSERT_TRUE(world.act("task.release", "bureau", task));
  EXPECT_EQ(world.row(task).claimed_by, "");
  ASSERT_TRUE(world.act("task.claim", "bureau2", task));
  ASSERT_TRUE(world.complete("bureau2", task, "recommend"));
  EXPECT_EQ(world.act("task.claim", "bureau", task).error().code, "stage.not_running");
  EXPECT_EQ(world.complete("bureau", "t-none", "recommend").error().code, "task.unknown");
}

TEST(Task, IsNotSignedByWhoSignedBefore) {
  World world;
  world.put_user("applicant", {{"applicant", "c1"}, {"recommending-officer", "430100"}});
  world.submit();
  EXPECT_EQ(world.complete("applicant", world.task().id, "recommend").error().code, "task.separation");
  world.sign("bureau", "task", "return");
  world.sign("applicant2", "task", "submit", {{"name", "湘绣"}});
  EXPECT_EQ(world.complete("applicant", world.task().id, "recommend").error().code, "task.separation") << "signed once, though not last";
}

TEST(Task, ARoleThatIsGoneActsNoMore) {
  World world;
  world.submit();
  world.put_user("bureau", {{"recommending-officer", "430000"}});
  EXPECT_EQ(world.complete("bureau", world.task().id, "recommend").error().code, "task.not_yours");
  world.put_user("bureau2", {{"recommending-officer", "430100"}});
  EXPECT_TRUE(world.complete("bureau2", world.task().id, "recommend"));
}

TEST(Task, UnknownOutcomesNameTheAllowedOnes) {
  World world;
  world.submit();
  const Result<Reply> refused = world.complete("bureau", world.task().id, "applaud");
  EXPECT_EQ(refused.error().code, "task.outcome");
  EXPECT_EQ(refused.error().allowed, (std::vector<std::string>{"recommend", "return", "decline"}));
}

TEST(Task, IsOverdueWhenItsLastDayHasEnded) {
  struct Row { const char* due; const char* at; };
  for (const Row& row : {Row{"working_days(5)", "2026-03-10T00:00:00+08:00"}, Row{"'2026-03-04'", "2026-03-05T00:00:00+08:00"},
                         Row{"{['until']='2026-03-04'}", "2026-03-05T00:00:00+08:00"}}) {
    World world;
    world.definitions.put("d", task_flow("<param name=\"due\" expr=\"" + std::string{row.due} + "\"/>"), plain_manifest(), {});
    world.create("d");
    EXPECT_EQ(format_instant(*world.task().due), row.at) << row.due;
    ASSERT_TRUE(world.advance(format_instant(*world.task().due - std::chrono::milliseconds{1000})));
    EXPECT_EQ(world.state(), "s");
    ASSERT_TRUE(world.advance(row.at));
    EXPECT_EQ(world.state(), "broken");
    EXPECT_EQ(world.replay_problem(), "");
  }
}

}  // namespace
}  // namespace chuyi::test

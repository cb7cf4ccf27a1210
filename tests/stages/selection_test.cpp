// Goal: the shared selection workflow takes the turns that its notices describe. Method: one application a turn.
#include <gtest/gtest.h>

#include "tests/runtime/world.h"

namespace chuyi::test {
namespace {

const json::object kForm{{"name", "湘绣"}};

TEST(Selection, AReturnedNominationGoesOnFromWhatWasSubmitted) {
  World world;
  world.submit();
  world.sign("bureau", "task", "return", {{"opinion", "请补充"}});
  EXPECT_EQ(world.state(), "drafting");
  EXPECT_EQ(world.task().data, kForm);
  EXPECT_TRUE(world.task().seals);
  world.sign("applicant", "task", "submit", {{"name", "湘绣改"}});
  EXPECT_EQ(world.state(), "recommendation");
  EXPECT_EQ(string_or(object_or_empty(world.facts(), "form"), "name"), "湘绣改");
  EXPECT_EQ(world.documents.sealed, 2);
  EXPECT_EQ(world.replay_problem(), "");
}

TEST(Selection, ACorrectionIsGrantedOnce) {
  World world;
  world.submit();
  world.sign("bureau", "task", "recommend");
  world.sign("clerk", "task", "correct", {{"points", json::array{"请补充佐证材料"}}});
  EXPECT_EQ(world.state(), "correction");
  world.sign("applicant", "task", "submit", kForm);
  EXPECT_EQ(world.state(), "formal_check");
  world.sign("clerk", "task", "correct", {{"points", json::array{"请补充佐证材料"}}});
  EXPECT_EQ(world.state(), "declined");
  EXPECT_EQ(world.session().status, "ended");
  EXPECT_EQ(world.replay_problem(), "");
}

TEST(Selection, ACorrectionThatIsLateDeclines) {
  World world;
  world.submit();
  world.sign("bureau", "task", "recommend");
  world.sign("clerk", "task", "correct", {{"points", json::array{"请补充佐证材料"}}});
  const std::string task = world.task().id;
  ASSERT_TRUE(world.advance("2026-03-09T23:59:59+08:00"));
  EXPECT_EQ(world.state(), "correction");
  ASSERT_TRUE(world.advance("2026-03-10T00:00:00+08:00"));
  EXPECT_EQ(world.state(), "declined");
  EXPECT_EQ(world.row(task).status, "cancelled");
  EXPECT_EQ(world.complete("applicant", task, "submit", kForm).error().code, "stage.not_running");
}

TEST(Selection, WithdrawingCancelsWhatIsOpen) {
  World world;
  world.submit();
  const std::string task = world.task().id;
  EXPECT_EQ(world.event("bureau", "applicant.withdraw").error().code, "event.unknown");
  ASSERT_TRUE(world.event("applicant", "applicant.withdraw"));
  EXPECT_EQ(world.state(), "withdrawn");
  EXPECT_EQ(world.row(task).status, "cancelled");
  EXPECT_EQ(world.event("applicant", "applicant.withdraw").error().code, "event.unknown");
  EXPECT_EQ(world.replay_problem(), "");
}

}  // namespace
}  // namespace chuyi::test

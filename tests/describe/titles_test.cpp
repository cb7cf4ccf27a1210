// Goal: whatever an answer to "why" may mention of a shipped workflow has words in both languages: each event that people or the clock
// send, each outcome, each role. Method: all charts of the repository, and the outcomes of the stages that have their own.
#include <filesystem>
#include <set>

#include "engine/scxml/chart_model.h"
#include "engine/scxml/expression.h"
#include "tests/describe/catalogue.h"

namespace chuyi::scxml {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> shipped_charts() {
  std::vector<std::string> out;
  const fs::path root{CHUYI_SOURCE_DIR};
  for (const char* folder : {"workflows", "plugins"})
    for (const auto& each : fs::recursive_directory_iterator(root / folder))
      if (each.path().extension() == ".scxml") out.push_back(fs::relative(each.path(), root).string());
  return out;
}

/// Each string that stands in an expression.
void strings_in(const Expression& of, std::set<std::string>& out) {
  if (of.kind == Expression::Kind::binary && (of.value == "==" || of.value == "~=")) return;  // asks, and gives none
  if (of.kind == Expression::Kind::string) out.insert(of.value);
  for (const Expression& part : of.parts) strings_in(part, out);
}

void timers_in(const Block& block, std::set<std::string>& out) {
  for (const Action& action : block) {
    if (action.kind == ActionKind::send && (action.send->delay_expr || !action.send->delay.empty())) out.insert(action.send->event);
    for (const Branch& branch : action.branches) timers_in(branch.actions, out);
    timers_in(action.body, out);
  }
}

struct Mentioned {
  std::set<std::string> events, outcomes, roles;
};

Mentioned mentioned_in(const Chart& chart) {
  Mentioned out;
  for (const State& state : chart.states) {
    for (const Block& block : state.on_entry) timers_in(block, out.events);
    for (const InvokeElement& invoke : state.invokes)
      for (const Param& param : invoke.payload.params) {
        if (param.name == "outcomes") strings_in(read_expression(param.value.source), out.outcomes);
        if (param.name == "role") strings_in(read_expression(param.value.source), out.roles);
      }
  }
  for (const Transition& transition : chart.transitions) {
    timers_in(transition.actions, out.events);
    for (const std::string& event : transition.events)
      for (const char* sender : {"applicant.", "recommender.", "province."})
        if (event.starts_with(sender)) out.events.insert(event);
  }
  return out;
}

/// Whether the package of a chart has words of its own for it: <text key="event.ID"> or <text key="outcome.ID">.
bool package_says(const std::string& chart, const std::string& family, const std::string& id) {
  const std::string manifest = fs::path(chart).parent_path().string() + "/plugin.xml";
  const std::string key = "<text key=\"" + (family == "short." ? "event." : family) + id + "\" zh=\"";
  return text_of(manifest).find(key) != std::string::npos;
}

void expect_titled(const char* family, const std::set<std::string>& ids, const std::string& where) {
  for (const std::string& id : ids)
    for (const char* language : {"zh", "en"})
      EXPECT_TRUE(phrases(language).has(family + id) || package_says(where, family, id)) << where << ": " << family << id << " in " << language;
}

TEST(Titles, OfAllThatShippedChartsMention) {
  const std::vector<std::string> charts = shipped_charts();
  ASSERT_GT(charts.size(), 10U);
  Mentioned all;
  for (const std::string& path : charts) {
    const Mentioned here = mentioned_in(*chart_of(text_of(path)));
    expect_titled("short.", here.events, path);
    expect_titled("outcome.", here.outcomes, path);
    expect_titled("role.", here.roles, path);
    all.events.insert(here.events.begin(), here.events.end());
    all.outcomes.insert(here.outcomes.begin(), here.outcomes.end());
  }
  EXPECT_TRUE(all.events.contains("recommender.grant_withdrawal"));
  EXPECT_GT(all.outcomes.size(), 10U);
}

TEST(Titles, OfWhatStagesAskForByThemselves) {
  expect_titled("outcome.",
                {"agree",  "return",    "disagree",  "appoint", "close",       "sign",   "recuse",
                 "keep",   "open",      "discussed", "reopen",  "refuse",      "uphold", "dismiss",
                 "report", "excellent", "qualified", "rectify", "unqualified", "done",   "return_to"},
                "engine/stages");
  expect_titled("role.",
                {"applicant", "org-admin", "org-approver", "recommending-officer", "provincial-officer",
                 "reviewer", "discipline", "administrator"},
                "engine/invoke/rows.h");
}

}  // namespace
}  // namespace chuyi::scxml

#include "engine/scxml/diff.h"

#include <gmock/gmock.h>

#include "tests/describe/catalogue.h"

namespace chuyi::scxml {
namespace {

const char* const kBefore = R"xml(<state id="draft" chuyi:stage="nomination" chuyi:title="填报" chuyi:title-en="Drafting">
<invoke type="task" id="apply"><param name="role" expr="'applicant'"/><param name="outcomes" expr="{'submit'}"/><param name="due" expr="working_days(5)"/></invoke>
<transition event="done.invoke.apply" target="check"/>
</state>
<state id="check" chuyi:stage="nomination" chuyi:title="资格审查" chuyi:title-en="Formal check">
<invoke type="task" id="formal"><param name="role" expr="'provincial-officer'"/><param name="outcomes" expr="{'pass', 'return', 'refuse'}"/><param name="not_by" expr="{'apply'}"/></invoke>
<transition event="done.invoke.formal" cond="_event.data.outcome == 'pass'" target="yes"/>
<transition event="done.invoke.formal" cond="_event.data.outcome == 'return' and rounds &lt; 1" target="draft"/>
<transition event="done.invoke.formal" target="no"/>
</state>
<final id="yes" chuyi:title="通过" chuyi:title-en="Passed"/><final id="no" chuyi:title="未通过" chuyi:title-en="Declined"/>)xml";

struct Edit {
  const char* name;
  std::vector<std::pair<std::string, std::string>> replace;  ///< every occurrence
  std::vector<std::string> kinds;
  const char* sentence;  ///< English, with its number
};
void PrintTo(const Edit& row, std::ostream* out) { *out << row.name; }

std::string edited(std::string text, const Edit& edit) {
  for (const auto& [from, to] : edit.replace) {
    EXPECT_NE(text.find(from), std::string::npos) << from;
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
  }
  return text;
}

class Diff : public testing::TestWithParam<Edit> {};

// Goal: each kind of change is told once, to whom it concerns. Method: one edit of the same chart a row.
TEST_P(Diff, TellsWhatChangesForWhom) {
  const ChartPtr before = chart_of(doc(kBefore));
  const ChartPtr after = chart_of(doc(edited(kBefore, GetParam())));
  const Phrases words = phrases("en");
  const std::vector<ChartChange> changes = diff(*before, words, *after, words);
  std::vector<std::string> kinds;
  for (const ChartChange& each : changes) {
    kinds.push_back(each.kind);
    EXPECT_FALSE(each.text.empty()) << each.kind;
  }
  const std::string text = to_text(changes, words);
  EXPECT_THAT(kinds, testing::ElementsAreArray(GetParam().kinds)) << text;
  EXPECT_THAT(text, testing::HasSubstr(GetParam().sentence));
  const Phrases zh = phrases("zh");
  for (const ChartChange& each : diff(*before, zh, *after, zh)) EXPECT_FALSE(each.text.empty()) << each.kind;
}

INSTANTIATE_TEST_SUITE_P(
    Edits, Diff,
    testing::Values(
        Edit{"Nothing", {}, {}, "Nothing changes for anybody."},
        Edit{"Layout", {{"\n", "\n\n  "}}, {}, "Nothing changes for anybody."},
        Edit{"Deadline", {{"working_days(5)", "working_days(10)"}}, {"step.deadline"},
             "1  For the applicant: The deadline of \"Drafting\" changes: before 5 working days, now 10 working days."},
        Edit{"NoDeadline", {{"<param name=\"due\" expr=\"working_days(5)\"/>", ""}}, {"step.deadline"}, "before 5 working days, now none."},
        Edit{"Role", {{"'provincial-officer'", "'recommending-officer'"}}, {"step.role"},
             "For the provincial officer and recommending officer: In \"Formal check\", the recommending officer acts instead of the provincial officer."},
        Edit{"AnswerGone", {{"'pass', 'return', 'refuse'", "'pass', 'refuse'"}, {"<transition event=\"done.invoke.formal\" cond=\"_event.data.outcome == 'return' and rounds &lt; 1\" target=\"draft\"/>", ""}},
             {"answer.removed"}, "For the provincial officer: \"Formal check\" can no longer have the outcome \"return\""},
        Edit{"AnswerNew", {{"'refuse'}", "'refuse', 'keep'}"}}, {"answer.added"}, "can now have the outcome \"keep\": the application ends as \"Declined\"."},
        Edit{"OtherTarget", {{"target=\"check\"", "target=\"yes\""}}, {"answer.changed"},
             "If the outcome of \"Drafting\" is \"submit\", the way changes. Before: it moves on to \"Formal check\". Now: the application ends as \"Passed\"."},
        Edit{"Guard", {{"rounds &lt; 1", "rounds &lt; 2"}}, {"answer.changed"}, "Now: if \"rounds\" is less than 2, it goes back to \"Drafting\"; otherwise the application ends as \"Declined\"."},
        Edit{"Condition", {{"<param name=\"not_by\" expr=\"{'apply'}\"/>", ""}}, {"step.changed"}, "\"Formal check\" no longer has these terms: Whoever acted in \"Drafting\" may not act here."},
        Edit{"Timeout", {{"<transition event=\"done.invoke.apply\"", "<transition event=\"task.overdue.apply\" target=\"no\"/><transition event=\"done.invoke.apply\""}}, {"event.added"},
             "\"Drafting\" has a new rule: if the deadline passes, the application ends as \"Declined\"."},
        Edit{"Renamed", {{"\"check\"", "\"formal_check\""}}, {"state.renamed"}, "The step \"Formal check\" has the id \"formal_check\" instead of \"check\"; the work stays the same."},
        Edit{"RenamedWithItsStep", {{"\"check\"", "\"formal_check\""}, {"\"formal\"", "\"checked\""}, {"done.invoke.formal", "done.invoke.checked"}}, {"state.renamed"}, "has the id \"formal_check\""},
        Edit{"RenamedAndChanged", {{"\"draft\"", "\"filling\""}, {"working_days(5)", "working_days(10)"}}, {"state.renamed", "step.deadline"}, "before 5 working days, now 10 working days."},
        Edit{"FinalRenamed", {{"\"no\"", "\"rejected\""}}, {"state.renamed"}, "The step \"Declined\" has the id \"rejected\""},
        Edit{"Retitled", {{"\"Drafting\"", "\"Writing\""}}, {"state.retitled"}, "For the applicant: The step \"Drafting\" is now called \"Writing\"."},
        Edit{"NewStage",
             {{"target=\"check\"/>\n</state>", "target=\"review\"/></state><state id=\"review\" chuyi:stage=\"review\" chuyi:title-en=\"Review\">"
                                               "<invoke type=\"panel\" id=\"panel\"/><transition event=\"done.invoke.panel\" target=\"check\"/></state>"}},
             {"answer.changed", "state.added"}, "For the reviewers: There is a new step \"Review\"."},
        Edit{"Restaged", {{"id=\"check\" chuyi:stage=\"nomination\"", "id=\"check\" chuyi:stage=\"review\""}}, {"state.restaged"}, "belongs to the stage \"expert review\" instead of \"nomination\"."},
        Edit{"OtherKindOfStep",
             {{"<invoke type=\"task\" id=\"formal\"><param name=\"role\" expr=\"'provincial-officer'\"/><param name=\"outcomes\" expr=\"{'pass', 'return', 'refuse'}\"/><param name=\"not_by\" expr=\"{'apply'}\"/></invoke>",
               "<invoke type=\"publicity\" id=\"formal\"/>"}},
             {"step.type", "answer.removed", "answer.removed", "answer.removed", "event.added"}, "works in another way."},
        Edit{"Data", {{"<state id=\"draft\"", "<datamodel><data id=\"rounds\" expr=\"0\"/></datamodel><state id=\"draft\""}}, {"data.added"}, "For everybody: There is a new item of data \"rounds\", at first \"0\"."},
        Edit{"Entry", {{"<invoke type=\"task\" id=\"apply\">", "<onentry><assign location=\"rounds\" expr=\"rounds + 1\"/></onentry><invoke type=\"task\" id=\"apply\">"}}, {"entry.changed"},
             "On entering \"Drafting\". Before: nothing is laid down. Now: \"rounds\" goes up by 1."}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(DiffOfTimers, SaysBothTimes) {
  const auto chart = [](const std::string& delay) {
    return chart_of(doc("<state id=\"a\"><onentry><send event=\"late\" delay=\"" + delay + "\"/></onentry><transition event=\"late\" target=\"z\"/></state><final id=\"z\"/>"));
  };
  const Phrases words = phrases("en");
  EXPECT_EQ(to_text(diff(*chart("5s"), words, *chart("9s"), words), words),
            "1  For everybody: The time of \"a\" changes. Before: after 5 seconds, the application ends as \"z\". Now: after 9 seconds, the application ends as \"z\".\n");
}

TEST(DiffOfProgrammes, FindsAChangedNumber) {
  const ChartPtr chart = shipped();
  const auto programme = [](int days) { return json::object{{"publicity", json::object{{"days", days}, {"unit", "working"}, {"include_start", true}}}}; };
  const Phrases before = phrases("zh", programme(5));
  const Phrases after = phrases("zh", programme(7));
  EXPECT_EQ(to_text(diff(*chart, before, *chart, after), after), "1  对社会公众：“公示期”的期限由5个工作日（含首日）改为7个工作日（含首日）。\n");
}

}  // namespace
}  // namespace chuyi::scxml

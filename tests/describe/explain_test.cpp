#include "engine/scxml/explain.h"

#include <algorithm>
#include <set>

#include "tests/describe/catalogue.h"

namespace chuyi::scxml {
namespace {

const char* const kCorrection = R"xml(
  <datamodel><data id="corrections" expr="0"/></datamodel>
  <state id="check" chuyi:stage="nomination" chuyi:title="资格审查" chuyi:title-en="Formal check">
    <invoke type="task" id="formal">
      <param name="role" expr="'provincial-officer'"/><param name="org" expr="application.orgs.province"/>
      <param name="outcomes" expr="{'pass', 'correct', 'refuse'}"/><param name="due" expr="working_days(5)"/>
    </invoke>
    <transition event="done.invoke.formal" cond="_event.data.outcome == 'pass'" target="yes"/>
    <transition event="done.invoke.formal" cond="_event.data.outcome == 'correct' and corrections &lt; 1" target="check">
      <assign location="corrections" expr="corrections + 1"/>
    </transition>
    <transition event="done.invoke.formal" target="no"/>
    <transition event="task.overdue.formal" target="no"/>
    <transition event="error.communication" cond="weather[1]" target="no"/>
  </state>
  <final id="yes" chuyi:title="通过" chuyi:title-en="Passed"/>
  <final id="no" chuyi:title="未通过" chuyi:title-en="Declined"/>)xml";

std::string explained(const std::string& body, const std::string& language) {
  const Phrases words = phrases(language);
  return to_text(explain(*chart_of(doc(body)), words), words);
}

TEST(Explain, SaysAStateInChinese) {
  EXPECT_EQ(explained(kCorrection, "zh"), R"(
申报从“资格审查”（第1项）开始。

1  资格审查（推荐申报阶段）
   1.1  由省级经办人（省教育厅）办理。
   1.2  办理期限为5个工作日。
   1.3  办理结果为“通过”的，申报终结，结果为“通过”。
   1.4  办理结果为“补正”，且此前没有补正过的，回到“资格审查”（第1项），同时补正次数加1。
   1.5  办理结果为“不合格”，或者为“补正”而此前已经补正过的，申报终结，结果为“未通过”。
   1.6  逾期未办的，申报终结，结果为“未通过”。
   1.7  出错（如服务中断）时，条件“weather[1]”成立的，申报终结，结果为“未通过”。

2  通过
   2.1  申报到此终结。

3  未通过
   3.1  申报到此终结。
)");
}

TEST(Explain, SaysAStateInEnglish) {
  EXPECT_EQ(explained(kCorrection, "en"), R"(
An application begins at "Formal check" (1).

1  Formal check (stage: nomination)
   1.1  The provincial officer (the provincial education department) acts.
   1.2  The deadline is 5 working days.
   1.3  If the outcome is "pass", the application ends as "Passed".
   1.4  If the outcome is "correct" and it has not been corrected before, it goes back to "Formal check" (1), and the number of corrections goes up by 1.
   1.5  If the outcome is "refuse", or "correct" and it has been corrected before, the application ends as "Declined".
   1.6  If the deadline passes, the application ends as "Declined".
   1.7  On an error (say, a service that fails) and the condition "weather[1]" holds, the application ends as "Declined".

2  Passed
   2.1  The application ends here.

3  Declined
   3.1  The application ends here.
)");
}

/// All sentences of the chart, in one text.
std::string sentences(const std::string& body) { return explained(body, "en"); }

struct Saying {
  const char* name;
  const char* body;
  const char* expected;
};
void PrintTo(const Saying& row, std::ostream* out) { *out << row.name; }
class Says : public testing::TestWithParam<Saying> {};

TEST_P(Says, InPlainWords) {
  const std::string all = sentences(std::string{GetParam().body} + "<final id=\"z\" chuyi:title-en=\"End\"/>");
  EXPECT_NE(all.find(GetParam().expected), std::string::npos) << all;
}

INSTANTIATE_TEST_SUITE_P(
    Forms, Says,
    testing::Values(
        Saying{"UnhandledAnswer",
               "<state id=\"a\"><invoke type=\"task\" id=\"t\"><param name=\"outcomes\" expr=\"{'keep', 'decline'}\"/></invoke>"
               "<transition event=\"done.invoke.t\" cond=\"_event.data.outcome == 'keep'\" target=\"z\"/></state>",
               "If the outcome is \"decline\" and none of the above applies, nothing is laid down."},
        Saying{"EachGuardSaysItself",
               "<state id=\"a\"><invoke type=\"publicity\" id=\"n\"/><transition event=\"done.invoke.n\" cond=\"_event.data.upheld == 0\" target=\"a\"/>"
               "<transition event=\"done.invoke.n\" cond=\"_event.data.upheld &gt; 0\" target=\"z\"/></state>",
               "When the notice has ended and an objection was upheld, the application ends as \"End\"."},
        Saying{"ExclusiveGuardsLeaveAGap",
               "<state id=\"a\"><invoke type=\"task\" id=\"t\"><param name=\"outcomes\" expr=\"{'keep'}\"/></invoke>"
               "<transition event=\"done.invoke.t\" cond=\"_event.data.outcome == 'keep' and year &lt; 2\" target=\"z\"/>"
               "<transition event=\"done.invoke.t\" cond=\"_event.data.outcome == 'keep' and year &gt; 2\" target=\"z\"/></state>",
               "If the outcome is \"keep\" and none of the above applies, nothing is laid down."},
        Saying{"AnswerThatNeverComes",
               "<state id=\"a\"><invoke type=\"task\" id=\"t\"><param name=\"outcomes\" expr=\"{'keep'}\"/></invoke>"
               "<transition event=\"done.invoke.t\" target=\"z\"/><transition event=\"done.invoke.t\" target=\"a\"/></state>",
               "This never happens, as the ways above take every case: it goes back to \"a\" (1)."},
        Saying{"EitherAnswer",
               "<state id=\"a\"><invoke type=\"annual-check\" id=\"t\"/>"
               "<transition event=\"done.invoke.t\" cond=\"_event.data.verdict == 'excellent' or _event.data.verdict == 'qualified'\" target=\"z\"/></state>",
               "If the verdict is \"excellent\" or \"qualified\", the application ends as \"End\"."},
        Saying{"AllButOneAnswer",
               "<state id=\"a\"><invoke type=\"annual-check\" id=\"t\"/>"
               "<transition event=\"done.invoke.t\" cond=\"_event.data.verdict ~= 'unqualified'\" target=\"z\"/></state>",
               "If the verdict is \"excellent\", \"qualified\" or \"rectify\", the application ends as \"End\"."},
        Saying{"Counter", "<state id=\"a\"><transition event=\"go\" cond=\"tries &lt; 3 and not In('z')\" target=\"z\"/></state>",
               "On the event \"go\" and \"tries\" is less than 3 and it is not so that \"End\" is active, the application ends as \"End\"."},
        Saying{"Objections",
               "<state id=\"a\"><invoke type=\"publicity\" id=\"n\"/><transition event=\"done.invoke.n\" cond=\"_event.data.upheld == 0\" target=\"z\"/></state>",
               "When the notice has ended and no objection was upheld, the application ends as \"End\"."},
        Saying{"NoConsequence",
               "<state id=\"a\"><invoke type=\"task\" id=\"t\"><param name=\"due\" expr=\"natural_days(3)\"/></invoke><transition event=\"done.invoke.t\" target=\"z\"/></state>",
               "Nothing is laid down for a missed deadline."},
        Saying{"UnknownStep", "<state id=\"a\"><invoke type=\"seal\" id=\"t\"><param name=\"ink\" expr=\"'red'\"/></invoke></state>",
               "The step \"seal\" runs.\n   1.2  Its setting \"ink\" is \"red\"."},
        Saying{"Timer",
               "<state id=\"a\"><onentry><send event=\"late\" delay=\"5s\"/></onentry><transition event=\"late\" target=\"z\"/></state>",
               "After 5 seconds, the application ends as \"End\"."},
        Saying{"TimerOfWorkingDays",
               "<state id=\"a\"><onentry><send event=\"late\" delayexpr=\"working_days(15)\"/></onentry><transition event=\"late\" target=\"z\"/></state>",
               "After 15 working days, the application ends as \"End\"."},
        Saying{"AllPartsDone", "<parallel id=\"p\"><transition event=\"done.state.p\" target=\"z\"/><state id=\"a\"/><state id=\"b\"/></parallel>",
               "When all of it is done, the application ends as \"End\"."},
        Saying{"History", "<state id=\"a\"><history id=\"h\"><transition target=\"b\"/></history><state id=\"b\"/></state>", "2  Where it was left\n"},
        Saying{"Parallel", "<parallel id=\"p\"><state id=\"a\"/><state id=\"b\"/></parallel>", "The parts of 2 and 3 go on at the same time."},
        Saying{"Whoever", "<state id=\"a\"><invoke type=\"task\" id=\"t\"><param name=\"role\" expr=\"chosen(application)\"/></invoke></state>",
               "The \"chosen(application)\" acts."}),
    [](const auto& row) { return std::string(row.param.name); });

// Goal: the shipped workflow is told in the words of the field, with nothing left of the machine's own names.
TEST(Explain, ShippedWorkflow) {
  const json::value parsed = *parse_json(R"({"term_years":3,"panel":{"reviewers_min":3},"publicity":{"days":5,"unit":"working","include_start":true},
      "annual_check":{"due":{"days":20,"unit":"working"}},"recommendation":{"level":"prefecture"},"asks":{"score":false,"number":false}})", JsonLimits{}, "programme");
  const json::object& programme = parsed.as_object();
  const ChartPtr chart = shipped();
  const Phrases zh = phrases("zh", programme);
  const std::string said = to_text(explain(*chart, zh), zh);
  for (const char* line : {"办理结果为“补正”，且此前已经补正过的，申报终结，结果为“未通过”。", "省教育厅公示，公示期为5个工作日（含首日）；",
                           "考核结论为“整改”，且本年度已经整改过的，转入“撤销”（第42项）。", "考核结论为“优秀”或者“合格”，且建设未满3年的，回到“建设中”（第36项）。",
                           "自认定之日起每满一年时，转入“年度考核”（第37项）。", "申报人须在20个工作日内提交年度报告"})
    EXPECT_NE(said.find(line), std::string::npos) << line << "\n" << said;
  for (const char* name : {"_event", "application.", "programme.", "officer", "done.invoke", "condition", "条件", "qualified(", "没有规定去向", "不会发生", "_to"}) EXPECT_EQ(said.find(name), std::string::npos) << name;
}

TEST(Catalogue, BothLanguagesHaveTheSameFields) {
  for (const auto& member : catalogue()) {
    const std::string key{member.key().substr(std::string_view{"workflow."}.size())};
    const std::vector<std::string> zh = phrases("zh").fields_of(key);
    const std::vector<std::string> en = phrases("en").fields_of(key);
    EXPECT_EQ(std::set(zh.begin(), zh.end()), std::set(en.begin(), en.end())) << key;
    EXPECT_TRUE(phrases("zh").has(key) && phrases("en").has(key)) << key;
  }
}

}  // namespace
}  // namespace chuyi::scxml

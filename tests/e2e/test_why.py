"""Goal: everybody is told why an application stands where it stands, who can act next and until when, how a date came
about, and which rule stands in the way of what they may want. Method: a real server on a manual clock, and the command
line on its data."""
import json
import shutil
import tempfile
import unittest

from scenario import FORMS, MEMBERS, Way, set_up
from server import Server, run_cli


class Why(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.data = tempfile.mkdtemp(prefix="chuyi-e2e-")
        cls.server = Server(cls.data)
        cls.tokens = set_up(cls.server)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        shutil.rmtree(cls.data)

    def why(self, who, what, id):
        answer = self.server.request("GET", f"/api/v1/{what}/{id}/why", token=self.tokens[who])
        self.assertEqual(answer.status, 200, answer.body)
        for each in answer.json["you"] + [reason for reason in answer.json["reasons"] if "event" in reason["values"]]:
            named = each.get("outcome") or each["values"]["event"]
            self.assertTrue(each["titles"]["zh"] and each["titles"]["en"])
            for said in (*each["titles"].values(), each.get("zh", ""), each.get("en", "")):
                self.assertNotRegex(said, f"[“\"']{named}[”\"']", "people are told titles, not names of events")
        return answer.json

    def codes(self, told):
        return [each["code"] for each in told["reasons"]]

    def submitted(self):
        way = Way(self.server, self.tokens, "workshop")
        way.create()
        way.fill()
        way.do("POST", f"/api/v1/applications/{way.id}/submit", {}, "applicant", 200)
        return way

    def test_says_whom_it_waits_for_and_what_each_outcome_would_meet(self):
        way = self.submitted()
        task = way.task("bureau", "task")
        mine = self.why("bureau", "tasks", task)
        self.assertIn("长沙市", mine["reasons"][1]["zh"])
        self.assertEqual({each["outcome"]: each["possible"] for each in mine["you"]}, {"recommend": True, "return": True, "decline": True})
        # Who may see the task but not act on it is told which rule it is.
        other = self.why("clerk", "tasks", task)
        self.assertEqual({each["code"] for each in other["you"]}, {"task.not_yours"})
        self.assertTrue(all("长沙市" in each["zh"] and "recommending officer" in each["en"] for each in other["you"]), other["you"])
        # Nothing was written by asking.
        way.sign("bureau", "task", "recommend", {"opinion": "同意推荐"})

    def draft(self, **changes):
        way = Way(self.server, self.tokens, "workshop")
        way.create()
        way.fill()
        draft = way.application()["draft"]
        way.do("PUT", f"/api/v1/applications/{way.id}/draft", FORMS["workshop"] | changes, "applicant", 200,
               headers={"If-Match": f'"{draft["revision"]}"'})
        return way, draft["task"]

    def test_asks_the_form_and_the_rules_as_the_sign_off_does(self):
        for changes, code in (({"craft": "", "members": "none"}, "form.invalid"), ({"members": MEMBERS[:4]}, "plugin.refused"),
                              ({"area": "20"}, "rule.reason")):
            way, task = self.draft(**changes)
            told = self.why("applicant", "tasks", task)["you"][0]
            refused = way.do("POST", f"/api/v1/tasks/{task}/complete", {}, "applicant", 422).json
            found = [(each["pointer"], each["code"], each["detail"], each["detail_zh"]) for each in refused["errors"]]
            self.assertEqual((told["possible"], told["code"], refused["code"]), (False, code, code))
            self.assertEqual([(each["place"], each["code"], each["en"], each["zh"]) for each in told["errors"]], found)
            asked = {"action": "decide", "tasks": [task], "outcome": refused.get("allowed", ["submit"])[0]}
            for dry_run in (True, False):
                item = way.do("POST", "/api/v1/bulk", asked | {"dry_run": dry_run}, "applicant", 200).json["items"][0]
                self.assertEqual((item["problem"]["code"], len(item["problem"]["errors"])), (code, len(found)), item)
        way, task = self.draft()
        self.assertTrue(self.why("applicant", "tasks", task)["you"][0]["possible"])
        self.assertIsNone(way.application()["bundle"], "asking seals nothing")

    def test_says_how_a_date_came_about(self):
        way = self.submitted()
        way.sign("bureau", "task", "recommend", {"opinion": "同意推荐"})
        way.sign("clerk", "task", "correct", {"opinion": "请补正", "points": [{"place": "/craft", "text": "名称不规范"}]})
        told = self.why("applicant", "applications", way.id)
        task = next(each["values"]["task"] for each in told["reasons"] if each["code"] == "why.waits_until")
        period = self.server.request("GET", f"/api/v1/tasks/{task}", token=self.tokens["applicant"]).json["period"]
        self.assertEqual((period["days"], period["unit"], period["include_start"], period["calendar"]), (5, "working", False, [2026]))
        date = next(each for each in told["reasons"] if each["code"] == "why.date")
        self.assertEqual(date["values"]["days"], 5)
        self.assertIn(date["values"]["last"], next(each["zh"] for each in told["reasons"] if each["code"] == "why.waits_until"))
        self.assertIn("5个工作日", date["zh"])
        self.assertIn("skips", date["en"])
        self.assertEqual(date["values"]["skipped"], ["2026-03-07", "2026-03-08"])

    def test_an_applicant_hears_nothing_of_the_panel(self):
        way = Way(self.server, self.tokens, "workshop")
        way.nominate()
        told = self.why("applicant", "applications", way.id)
        self.assertIn("why.others", self.codes(told))
        self.assertEqual([each["event"] if "event" in each else each["outcome"] for each in told["you"]], ["applicant.ask_withdrawal"])
        self.assertIn("why.waits", self.codes(self.why("clerk", "applications", way.id)))
        hidden = self.server.request("GET", f"/api/v1/applications/{way.id}/why", token=self.tokens["expert1"])
        self.assertEqual(hidden.status, 404)

    def test_the_command_line_tells_the_same(self):
        way = Way(self.server, self.tokens, "workshop")
        way.nominate()
        told = self.why("clerk", "applications", way.id)
        here = json.loads(run_cli("why", way.id, "--json", data=self.data).stdout)
        self.assertEqual(here["reasons"], told["reasons"])
        text = run_cli("why", way.id, data=self.data).stdout
        self.assertIn("等待", text)
        unknown = run_cli("why", "a-none", data=self.data, check=False)
        self.assertEqual(unknown.returncode, 1)
        self.assertIn("why.unknown", unknown.stderr)


if __name__ == "__main__":
    unittest.main()

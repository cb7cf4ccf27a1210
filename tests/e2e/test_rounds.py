"""Goal: a round of two programmes goes from its draft to its archive, hears and is heard, and a crash in the midst of what it
says to its applications loses nothing and doubles nothing. Method: the real binary over HTTP on a manual clock; kill -9."""
import json
import shutil
import tempfile
import threading
import unittest

from scenario import Way, set_up
from server import Server, run_cli, stored

ROUND = "r-2026-1"
SETUP = {"id": "2026-1", "title": "2026年第一批“楚怡”项目", "programmes": ["workshop", "vocational-alliance"],
         "parameters": {"opens": "2026-03-03", "deadline": "2026-03-13T17:30", "planned": {"workshop": 1, "vocational-alliance": 1}}}


class RoundWay(Way):
    """An application of the round."""

    def create(self):
        body = {"programme": self.programme, "round": ROUND, "title": "湘绣技艺工坊"}
        self.id = self.do("POST", "/api/v1/applications", body, "applicant", 201).json["id"]

    def to_the_decision(self):
        self.nominate()
        self.sign("clerk", "panel-setup", "appoint", {"reviewers": ["expert1", "expert2", "expert3"]})
        rubric = self.server.request("GET", f"/api/v1/programmes/{self.programme}").json["rubric"]["criteria"]
        for who in ("expert1", "expert2", "expert3"):
            self.sign(who, "sheet", "sign", {"scores": {each["id"]: each["weight"] for each in rubric}, "comment": "评审意见"})
        assert self.application()["state"] == "awaiting_round"


class Rounds(unittest.TestCase):
    def setUp(self):
        self.data = tempfile.mkdtemp(prefix="chuyi-e2e-")
        self.addCleanup(shutil.rmtree, self.data)
        self.server = Server(self.data)
        self.tokens = set_up(self.server)
        self.addCleanup(self.server.stop)

    def ask(self, who, method, path, body=None, expect=200):
        answer = self.server.request(method, "/api/v1" + path, body, self.tokens.get(who))
        self.assertEqual(answer.status, expect, (who, method, path, answer.body.decode()))
        return answer.json

    def advance(self, to):
        self.ask("admin", "POST", "/admin/clock/advance", {"to": to})

    def round(self, who="clerk"):
        return self.ask(who, "GET", f"/rounds/{ROUND}")

    def sign(self, who, outcome):
        task = self.round(who)["tasks"][0]
        self.ask(who, "POST", f"/tasks/{task['id']}/complete", {"outcome": outcome})

    def open_round(self):
        made = self.ask("clerk", "POST", "/rounds", SETUP, 201)
        self.assertEqual((made["id"], made["round"]["state"]), (ROUND, "draft"))
        self.ask("applicant", "GET", f"/rounds/{ROUND}", expect=404)
        self.sign("clerk", "submit")
        refused = self.server.request("POST", f"/api/v1/tasks/{self.round()['tasks'][0]['id']}/complete", {"outcome": "issue"}, self.tokens["clerk"])
        self.assertEqual((refused.status, refused.json["code"]), (403, "task.separation"))
        self.sign("lead", "issue")
        self.advance("2026-03-03T09:00:00+08:00")
        self.assertEqual(self.round("applicant")["state"], "open")

    def state(self, way):
        return way.application()["state"]

    def test_from_the_draft_to_the_archive(self):
        self.open_round()
        chosen, other, alliance = (RoundWay(self.server, self.tokens, name) for name in ("workshop", "workshop", "vocational-alliance"))
        for way in (chosen, other, alliance):
            way.to_the_decision()
        draft = RoundWay(self.server, self.tokens, "workshop")
        draft.create()
        self.ask("lead", "POST", f"/rounds/{ROUND}/extend", {"deadline": "2026-03-16", "reason": ""}, 400)
        self.ask("lead", "POST", f"/rounds/{ROUND}/extend", {"deadline": "2026-03-16", "reason": "申报系统维护"})
        shown = self.round("applicant")
        self.assertEqual(shown["deadline"], "2026-03-16T23:59:59+08:00")
        self.assertEqual([(each["from"], each["reason"]) for each in shown["extensions"]], [("2026-03-13T17:30:00+08:00", "申报系统维护")])
        self.assertNotIn("tasks", shown)

        self.advance("2026-03-17T09:00:00+08:00")
        self.assertEqual(self.state(draft), "lapsed")
        late = self.ask("applicant", "POST", "/applications", {"programme": "workshop", "round": ROUND, "title": "迟到"}, 409)
        self.assertEqual((late["code"], "逾期视为放弃" in json.dumps(late, ensure_ascii=False)), ("round.late", True))
        self.sign("clerk", "done")
        self.sign("clerk", "done")
        self.assertEqual(self.round()["state"], "deliberation")
        self.assertEqual(self.round()["applications"]["workshop"], {"total": 3, "states": {"awaiting_round": 2, "lapsed": 1}})

        short = self.ask("lead", "POST", f"/rounds/{ROUND}/decide", {"selected": [chosen.id, alliance.id], "not_selected": []}, 409)
        self.assertEqual([(each["pointer"], other.id in each["detail"]) for each in short["errors"]], [("/not_selected", True)])
        decision = {"selected": [chosen.id, alliance.id], "not_selected": [other.id], "deviations": []}
        self.assertEqual(self.ask("clerk", "POST", f"/rounds/{ROUND}/decide", decision, 403)["code"], "task.separation")
        self.ask("lead", "POST", f"/rounds/{ROUND}/decide", decision)
        self.advance("2026-03-17T09:00:01+08:00")  # what is due is done by then
        self.assertEqual([self.state(way) for way in (chosen, other, alliance)], ["selected", "declined", "selected"])
        self.sign("clerk", "done")
        self.advance("2026-03-17T09:00:02+08:00")
        self.assertEqual((self.state(chosen), self.state(alliance), self.round()["state"]), ("notice_open", "notice_open", "publicity"))

        # An objection stops its own application only.
        notices = {each["programme"]: each for each in self.ask(None, "GET", "/notices?status=open")["items"]}
        self.ask(None, "POST", f"/notices/{notices['vocational-alliance']['id']}/objections", {"objector": "赵某", "contact": "13900000000", "reason": "事实与依据"}, 201)
        last = max(each["last_day"] for each in notices.values())
        self.advance(last + "T23:59:59+08:00")
        self.assertEqual(self.round()["state"], "publicity")
        self.advance(last[:-2] + f"{int(last[-2:]) + 1:02}T00:00:00+08:00")
        self.assertEqual((self.state(chosen), self.state(alliance), self.round()["state"]), ("year_running", "notice_open", "published"))
        self.assertEqual(self.round()["counters"], {
            "workshop": {"target": 100, "planned": 1, "under_construction": 1, "certified": 0},
            "vocational-alliance": {"target": 30, "planned": 1, "under_construction": 0, "certified": 0}})
        self.sign("clerk", "archive")
        self.assertEqual(self.round("applicant")["status"], "ended")
        alliance.sign("lead", "objection", "dismiss", {"opinion": "查无实据"})
        self.assertEqual(self.round("applicant")["counters"]["vocational-alliance"]["under_construction"], 1)

        listed = {each["id"] for each in self.ask("clerk", "GET", "/applications")["items"]}
        self.assertEqual(listed, {way.id for way in (chosen, other, alliance, draft)})
        kinds = [each["kind"] for each in self.ask("clerk", "GET", f"/applications/{ROUND}/history")["items"]]
        self.assertEqual([kind for kind in kinds if kind.startswith("round.")], ["round.create", "round.extend", "round.decide"])
        self.server.stop()
        for each in (ROUND, chosen.id, other.id, alliance.id, draft.id):
            self.assertIn("identical", run_cli("replay", each, data=self.data).stdout)
        run_cli("audit", "verify", data=self.data)
        self.server.start()

    def test_a_crash_in_the_midst_of_a_broadcast(self):
        self.open_round()
        ways = [RoundWay(self.server, self.tokens, "workshop") for _ in range(250)]  # more than go into one transaction
        for way in ways:
            way.create()

        def lapsed():
            return stored(self.data, "SELECT COUNT(*) FROM sessions WHERE state = 'lapsed'")[0][0]

        # The request is cut off by the kill: what it says does not matter.
        def close():
            try:
                self.server.request("POST", "/api/v1/admin/clock/advance", {"to": "2026-03-14T09:00:00+08:00"}, self.tokens["admin"])
            except (OSError, ValueError):
                pass

        closing = threading.Thread(target=close)
        closing.start()
        while int(lapsed()) == 0 and closing.is_alive():
            pass
        self.server.kill()
        closing.join()
        seen = int(lapsed())
        print(f"killed when {seen} of {len(ways)} had heard of it", flush=True)
        self.assertGreater(seen, 0)
        self.server.start()
        self.tokens["admin"] = self.server.login("admin")
        self.advance("2026-03-14T09:00:01+08:00")
        self.assertEqual(int(lapsed()), len(ways))
        heard = dict(stored(self.data, "SELECT session_id, COUNT(*) FROM audit WHERE record LIKE '%\"kind\":\"session.deliver\"%' GROUP BY session_id"))
        self.assertEqual({each.id: int(heard.get(each.id, 0)) for each in ways}, {each.id: 1 for each in ways})
        self.assertEqual(stored(self.data, "SELECT id FROM outbox WHERE kind IN ('send', 'broadcast')"), [])
        self.server.stop()
        for each in (ROUND, ways[0].id, ways[-1].id):
            self.assertIn("identical", run_cli("replay", each, data=self.data).stdout)
        self.server.start()

    def test_what_cannot_be_held_is_refused_when_it_is_set_up(self):
        bad = SETUP | {"programmes": ["workshop", "castle"],
                       "parameters": {"opens": "2026-04-01", "deadline": "2026-03-13", "planned": {"workshop": 101}, "stages": {"lottery": True}}}
        refused = self.ask("clerk", "POST", "/rounds", bad, 400)
        self.assertEqual(refused["code"], "round.setup")
        self.assertEqual({(each["pointer"], each["code"]) for each in refused["errors"]},
                         {("/programmes/1", "programme.unknown"), ("/parameters/deadline", "round.deadline"), ("/parameters/planned/workshop", "round.plan"),
                          ("/parameters/stages/lottery", "round.stage")})
        self.assertTrue(all(each["detail"] and each["detail_zh"] for each in refused["errors"]))
        self.assertEqual(self.ask("clerk", "GET", "/rounds")["items"], [])
        self.assertNotIn("annual-round", {each["id"] for each in self.ask(None, "GET", "/programmes")["items"]})
        listed = run_cli("plugin", "list", data=self.data).stdout
        self.assertIn("[round]", next(line for line in listed.splitlines() if line.startswith("annual-round")))


if __name__ == "__main__":
    unittest.main()

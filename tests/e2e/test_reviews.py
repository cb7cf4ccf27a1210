"""Goal: the review of a whole round, from the pool of experts to the list that is decided on, and every export verified
offline by the command line, a changed byte found. Method: the real binary over HTTP; the ranking computed again in fractions."""
import copy
import hashlib
import json
import os
import shutil
import tempfile
import unittest
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from scenario import FORMS, PREFECTURE, PROVINCE, Way, set_up
from server import PASSWORD, Server, run_cli, stored, stored_bytes

ROUND = "r-2026-1"
BASE = f"/rounds/{ROUND}"
APPLICATIONS, EXPERTS, PLACES = 30, 12, 10
COLLEGES = ["college-001", "college-002", "college-003"]


def phone(number):
    return f"139{number:08}"


class RoundWay(Way):
    def __init__(self, server, tokens, number):
        super().__init__(server, tokens, "workshop")
        self.number, self.applicant = number, ("applicant", "applicant2", "applicant3")[number % 3]

    def do(self, method, path, body, who, expect, **more):
        return super().do(method, path, body, self.applicant if who == "applicant" else who, expect, **more)

    def application(self, who="applicant"):
        return super().application(self.applicant if who == "applicant" else who)

    def create(self):
        form = copy.deepcopy(FORMS["workshop"])
        form["leader"]["phone"] = phone(self.number)
        self.form = form
        body = {"programme": "workshop", "round": ROUND, "title": f"工坊{self.number:02}"}
        self.id = self.do("POST", "/api/v1/applications", body, "applicant", 201).json["id"]

    def fill(self):
        FORMS["workshop"], kept = self.form, FORMS["workshop"]
        try:
            super().fill()
        finally:
            FORMS["workshop"] = kept


class Reviews(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.data = tempfile.mkdtemp(prefix="chuyi-e2e-")
        cls.server = Server(cls.data)
        cls.tokens = set_up(cls.server)
        cls.rubric = cls.server.request("GET", "/api/v1/programmes/workshop").json["rubric"]["criteria"]
        for college in COLLEGES[1:]:
            cls.post("admin", "/admin/organisations", {"id": college, "parent": PREFECTURE, "level": "college", "kind": "college", "name": college}, 201)
        people = {f"e{n:02}": ("reviewer", PROVINCE) for n in range(1, EXPERTS + 1)}
        people |= {"applicant2": ("applicant", COLLEGES[1]), "applicant3": ("applicant", COLLEGES[2]), "supervisor": ("discipline", PROVINCE)}
        for name, (role, org) in people.items():
            cls.post("admin", "/admin/users", {"id": name, "name": name, "password": PASSWORD, "memberships": [{"role": role, "org": org}]}, 201)
            cls.tokens[name] = cls.server.login(name)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        shutil.rmtree(cls.data)

    @classmethod
    def ask(cls, who, method, path, body=None, expect=200, **more):
        answer = cls.server.request(method, "/api/v1" + path, body, cls.tokens.get(who), **more)
        assert answer.status == expect, (who, method, path, answer.status, answer.body.decode()[:2000])
        return answer

    @classmethod
    def post(cls, who, path, body=None, expect=200, **more):
        return cls.ask(who, "POST", path, {} if body is None else body, expect, **more).json

    def get(self, who, path, expect=200):
        return self.ask(who, "GET", path, expect=expect).json

    def advance(self, to):
        self.post("admin", "/admin/clock/advance", {"to": to})

    def sign_round(self, who, outcome):
        self.post(who, f"/tasks/{self.get(who, BASE)['tasks'][0]['id']}/complete", {"outcome": outcome})

    def verify(self, command, path):
        """The export is what the command line computes from it, and with one digit changed it is not."""
        raw = self.ask("supervisor", "GET", path)
        file = os.path.join(self.data, "export.json")
        with open(file, "wb") as out:
            out.write(raw.body)
        run_cli(command, "verify", file)
        self.assertEqual(raw.header("ETag"), '"' + hashlib.sha256(raw.body).hexdigest() + '"')
        at = raw.body.index(b'":"', raw.body.index(b'"input_')) + 9
        changed = raw.body[:at] + (b"0" if raw.body[at:at + 1] != b"0" else b"1") + raw.body[at + 1:]
        with open(file, "wb") as out:
            out.write(changed)
        self.assertNotEqual(run_cli(command, "verify", file, check=False).returncode, 0, command)
        return raw.json

    def open_round(self):
        setup = {"id": "2026-1", "title": "2026年第一批“楚怡”项目", "programmes": ["workshop"],
                 "parameters": {"opens": "2026-03-03", "deadline": "2026-03-13T17:30", "planned": {"workshop": PLACES}}}
        self.post("clerk", "/rounds", setup, 201)
        self.sign_round("clerk", "submit")
        self.sign_round("lead", "issue")
        self.advance("2026-03-03T09:00:00+08:00")

    def fill_the_pool(self):
        for n in range(1, EXPERTS + 1):
            expert = {"name": f"专家{n}", "title": "教授", "fields": ["传统技艺"], "region": "430200", "kind": "enterprise" if n % 2 else "college",
                      "nominated_year": 2025, "identity": phone(5) if n == 2 else f"id-{n}"}
            if n == 1:
                expert["employer"] = COLLEGES[0]
            self.ask("clerk", "PUT", f"/experts/e{n:02}", expert, 201)
        for n in range(1, EXPERTS):
            self.post("clerk", f"/experts/e{n:02}/nominations", {"year": 2026})
        self.assertEqual(self.post("clerk", "/experts/e01/nominations", {"year": 2026}, 409)["code"], "expert.nominated")
        seen = self.get("clerk", "/experts/e02")
        self.assertEqual((seen["identified"], [each["what"] for each in seen["history"]]), (True, ["nominated"]))
        self.assertNotIn(phone(5), json.dumps(seen) + json.dumps([str(row) for row in stored(self.data, "SELECT record FROM audit WHERE record LIKE '%expert.put%'")]))
        self.assertEqual(len(self.get("clerk", "/experts?kind=enterprise&limit=3")["items"]), 3)
        self.assertEqual([each["id"] for each in self.get("clerk", "/experts?nominated=2025")["items"]], ["e12"])
        self.assertEqual(self.ask("clerk", "PUT", "/experts/e12", {"name": "专家12", "disabled": True}, 400).json["code"], "review.reason")
        self.ask("clerk", "PUT", "/experts/e12", {"name": "专家12", "disabled": True, "reason": "调离"})
        self.assertEqual([each["id"] for each in self.get("clerk", "/experts?disabled=true")["items"]], ["e12"])
        for who in ("applicant", "e01", "supervisor"):
            self.ask(who, "GET", "/experts", expect=403)

    def set_up_the_review(self):
        people = {"workshop": {"leader": ["/form/leader/phone"], "partners": ["/form/enterprises/*/uscc"], "field": ["/form/craft_kind"]}}
        committee = {"members": 5, "quorum": "two-thirds", "majority": "half", "ballot": "open"}
        bad = {"people": {"castle": {}}, "assignment": {"coverage": 0}, "programmes": {"workshop": {"committee": {"members": 0}}}}
        refused = self.ask("clerk", "PUT", BASE + "/review", bad, 400).json
        self.assertEqual(refused["code"], "review.setup")
        self.assertEqual({each["pointer"] for each in refused["errors"]}, {"/people/castle", "/assignment/coverage"})
        self.assertEqual(self.post("clerk", BASE + "/assignments", {}, 409)["code"], "review.setup")
        setup = {"people": people, "programmes": {"workshop": {"lists": [{"id": "all", "places": PLACES}], "committee": committee}}}
        kept = self.ask("clerk", "PUT", BASE + "/review", setup).json
        self.assertEqual((kept["year"], kept["assignment"]["coverage"], len(kept["policy"]["rules"])), (2026, 3, 11))

    def conflicts(self):
        export = self.verify("conflicts", BASE + "/conflicts")
        self.assertEqual(len(export["input"]["experts"]), EXPERTS - 1)
        found = {(each["expert"], each["application"], each["rule"]) for each in export["result"]["conflicts"]}
        leads = self.ways[5].id
        self.assertIn(("e02", leads, "same-person"), found)
        self.assertIn(("e03", self.ways[7].id, "self-declared"), found)
        own = {way.id for way in self.ways if way.number % 3 == 0}
        self.assertEqual({application for expert, application, rule in found if (expert, rule) == ("e01", "own-unit")}, own)
        return {(expert, application) for expert, application, _ in found}

    def draw(self):
        """@return who sits in the panel."""
        body = {"id": "workshop", "programmes": ["workshop"], "seats": 7, "spares": 2, "conflicts_max": 15, "nominated_since": 2026,
                "strata": [{"name": "enterprise", "where": {"kind": ["enterprise"]}, "at_least": "1/3", "spares_at_least": 1}]}
        self.assertEqual(self.post("clerk", BASE + "/draws", body | {"seats": 40}, 409)["code"], "draw.infeasible")
        made = self.post("clerk", BASE + "/draws", body, 201, key="draw")
        seed = made.pop("seed")
        again = self.post("clerk", BASE + "/draws", body, 201, key="draw")
        self.assertEqual(again, made)
        self.assertEqual(made["commitment"], hashlib.sha256(bytes.fromhex(seed) + f"{ROUND}/workshop".encode()).hexdigest())
        self.assertEqual(self.post("clerk", BASE + "/draws", body | {"id": "again"}, 409)["code"], "review.drawn")
        path = BASE + "/draws/workshop"
        self.get("supervisor", path + "/export", 409)
        self.assertNotIn(seed.encode(), stored_bytes(self.data))
        committed = [json.loads(row[0]) for row in stored(self.data, "SELECT record FROM audit WHERE record LIKE '%\"review.draw\"%' ORDER BY seq")]
        self.assertEqual([(each["data"]["commitment"], each["data"]["pool_digest"]) for each in committed], [(made["commitment"], made["pool_digest"])])
        self.assertEqual(self.post("clerk", path + "/reveal", {"seed": "0" * 64}, 409)["code"], "draw.commitment")
        self.post("supervisor", path + "/confirm", {}, 409)
        drawn = self.post("clerk", path + "/reveal", {"seed": seed})
        self.assertEqual((len(drawn["panel"]), len(drawn["spares"]), drawn["state"]), (7, 2, "revealed"))
        self.assertFalse({"e02", "e12"} & set(drawn["panel"] + drawn["spares"]))
        self.post("clerk", path + "/confirm", {}, 403)
        self.assertEqual(self.post("clerk", BASE + "/assignments", {"draw": "workshop"}, 409)["code"], "review.state")
        self.post("supervisor", path + "/confirm")
        self.verify("draw", path + "/export")
        nobody = self.post("clerk", path + "/absences", {"expert": "nobody", "reason": "因病请假"}, 400)
        self.assertEqual((nobody["code"], nobody["place"]), ("review.expert", "/expert"))
        self.assertEqual(nobody["allowed"], drawn["panel"] + drawn["spares"])
        absent = self.post("clerk", path + "/absences", {"expert": drawn["panel"][0], "reason": "因病请假"})
        self.assertEqual((absent["state"], len(absent["seated"])), ("revealed", 7))
        self.assertNotIn(drawn["panel"][0], absent["seated"])
        self.assertEqual(self.post("supervisor", path + "/confirm")["state"], "confirmed")
        export = self.verify("draw", path + "/export")
        self.assertEqual(export["result"]["seated"], absent["seated"])
        return set(absent["seated"])

    def assign(self, seated, conflicts):
        hopeless = self.post("clerk", BASE + "/assignments", {"draw": "workshop", "load": {"min": 0, "max": 10}}, 409)
        self.assertEqual(hopeless["code"], "assign.infeasible")
        self.assertTrue(all(each["code"].startswith("assign.") and each["detail_zh"] for each in hopeless["errors"]))
        first = self.post("clerk", BASE + "/assignments", {"draw": "workshop"}, 201)
        self.assertEqual((first["id"], first["reviews"], sum(each["load"] for each in first["load"])), ("assignment-1", 90, 90))
        pairs = {(expert, each["application"]) for each in self.get("clerk", BASE + "/assignments/assignment-1")["assignments"] for expert in each["experts"]}
        self.assertEqual((len(pairs), {expert for expert, _ in pairs} <= seated, pairs & conflicts), (90, True, set()))
        # Somebody stands back after it was proposed: it is not confirmed any more, and as little as possible changes.
        expert, application = min(pairs)
        self.post(expert, "/me/conflicts", {"application": application, "reason": "师生关系"}, 201)
        self.assertEqual(self.post("clerk", BASE + "/assignments/assignment-1/confirm", {}, 409)["code"], "review.outdated")
        second = self.post("clerk", BASE + "/assignments", {"draw": "workshop", "previous": "assignment-1"}, 201)
        self.assertEqual((second["changes"]["added"], second["changes"]["dropped"]), (1, 1))
        self.verify("assign", BASE + "/assignments/assignment-2/export")
        self.post("supervisor", BASE + "/assignments/assignment-2/confirm", {}, 403)
        # One who is no reviewer any more is refused, panel by panel, and stops none of the others.
        gone = self.get("clerk", BASE + "/assignments/assignment-2")["load"][0]
        self.set_role(gone["expert"], "applicant")
        self.post("clerk", BASE + "/assignments/assignment-2/confirm")
        self.advance("2026-03-04T09:00:00+08:00")
        report = self.get("supervisor", BASE + "/assignments/assignment-2")["report"]
        self.assertEqual((report["appointed"], len(report["refused"])), (APPLICATIONS - gone["load"], gone["load"]))
        self.assertEqual({(each["code"], error["code"]) for each in report["refused"] for error in each["errors"]}, {("panel.reviewers", "panel.not_reviewer")})
        self.set_role(gone["expert"], "reviewer")
        third = self.post("clerk", BASE + "/assignments", {"draw": "workshop", "previous": "assignment-2"}, 201)
        self.assertEqual(third["changes"], {"added": 0, "dropped": 0})
        self.post("clerk", BASE + "/assignments/assignment-3/confirm")
        self.advance("2026-03-04T10:00:00+08:00")
        done = self.get("supervisor", BASE + "/assignments/assignment-3")
        self.assertEqual((done["state"], done["report"]), ("appointed", {"appointed": APPLICATIONS, "refused": []}))
        return {(expert, each["application"]) for each in done["assignments"] for expert in each["experts"]}

    def set_role(self, user, role):
        self.post("admin", "/admin/users", {"id": user, "name": user, "password": PASSWORD, "memberships": [{"role": role, "org": PROVINCE}]}, 201)
        self.tokens[user] = self.server.login(user)

    def sheets(self, pairs):
        """Everybody signs but one, who recuses and is replaced."""
        recused = max(pairs)
        for expert, application in sorted(pairs - {recused}):
            self.sign_sheet(expert, application)
        path = f"/tasks?application={recused[1]}&kind=sheet"
        self.post(recused[0], f"/tasks/{self.get(recused[0], path)['items'][0]['id']}/complete", {"outcome": "recuse", "data": {"comment": "回避"}})
        self.assertEqual(self.post("clerk", BASE + "/results", {}, 409)["code"], "review.sealed")
        again = self.post("clerk", BASE + "/assignments", {"draw": "workshop"}, 201)
        self.assertEqual((again["changes"]["added"], again["changes"]["dropped"]), (1, 0))
        self.post("clerk", BASE + f"/assignments/{again['id']}/confirm")
        self.advance("2026-03-05T09:00:00+08:00")
        self.assertEqual(self.get("clerk", BASE + f"/assignments/{again['id']}")["report"]["refused"], [])
        sealed = self.get("clerk", BASE + "/dashboard")
        self.assertEqual((sealed["review"]["closed"], sealed["panels"][0]["sealed"]), (APPLICATIONS - 1, 1))
        self.assertEqual(sealed["panels"][0]["scores"]["count"], 3 * (APPLICATIONS - 1))
        after = next(each for each in self.get("clerk", BASE + f"/assignments/{again['id']}")["assignments"] if each["application"] == recused[1])
        new = ({(expert, recused[1]) for expert in after["experts"]} - pairs).pop()
        self.sign_sheet(*new)
        return pairs - {recused} | {new}

    def marks(self, application):
        """The lower the number, the better; two neighbours are tied, those at the line too."""
        number = next(way.number for way in self.ways if way.id == application)
        lost = Decimal((number + 1) // 2) * Decimal("0.75")
        return {each["id"]: str(Decimal(each["weight"]) - (lost if each["id"] == "plan" else 0)) for each in self.rubric}

    def sign_sheet(self, expert, application):
        task = self.get(expert, f"/tasks?application={application}&kind=sheet")["items"][0]["id"]
        self.post(expert, f"/tasks/{task}/complete", {"outcome": "sign", "data": {"scores": self.marks(application), "comment": "同意"}})

    def rank(self, pairs):
        made = self.post("clerk", BASE + "/results", {}, 201)
        export = self.verify("results", BASE + f"/results/{made['id']}/export")
        totals = {}
        for _, application in pairs:
            totals.setdefault(application, []).append(sum(Fraction(mark) for mark in self.marks(application).values()))
        value = {application: (Decimal((mean := sum(all_) / len(all_)).numerator) / mean.denominator).quantize(Decimal("0.01"), ROUND_HALF_UP) for application, all_ in totals.items()}
        shown = self.get("supervisor", BASE + f"/results/{made['id']}?programme=workshop&list=all")["programmes"][0]["lists"][0]
        self.assertEqual([(each["application"], each["value"], each["rank"]) for each in shown["ranking"]],
                         sorted(((application, str(mark), 1 + sum(other > mark for other in value.values())) for application, mark in value.items()), key=lambda row: (row[2], row[0])))
        self.assertEqual(len(export["input"]["sheets"]), 91)
        self.assertEqual(sum("withdrawn" in sheet for sheet in export["input"]["sheets"]), 1)
        workbook = self.ask("clerk", "GET", BASE + f"/results/{made['id']}/workbook.xlsx?programme=workshop").body
        self.assertTrue(workbook.startswith(b"PK"))
        return made["id"], shown

    def deliberate(self, results, shown):
        path = BASE + f"/results/{results}"
        sides = {side: [each["application"] for each in shown["ranking"] if each["side"] == side] for side in ("in", "tied", "out")}
        self.assertEqual(shown["line"]["tie"], sides["tied"])
        self.assertTrue(sides["tied"] and shown["fragile"] is not None)
        present = ["委员1", "委员2", "委员3", "委员4"]
        ballots = {name: "for" for name in present}
        voted = sides["in"] + sides["tied"]
        votes = [{"application": each, "ballots": ballots} for each in voted]
        ties = [{"programme": "workshop", "list": "all", "order": sides["tied"], "reason": "会议比较材料后决定"}]
        absent = self.post("clerk", path + "/deliberate", {"present": present[1:], "votes": votes}, 400)
        self.assertEqual(absent["code"], "review.attendance")
        unreasoned = {"present": present, "votes": votes, "tie_decisions": ties, "decisions": [{"application": sides["out"][0], "outcome": "award"}]}
        self.assertEqual(self.post("clerk", path + "/deliberate", unreasoned, 400)["code"], "results.input")
        self.post("clerk", path + "/deliberate", {"present": present, "votes": votes})
        self.assertEqual(self.post("supervisor", path + "/confirm", {}, 409)["code"], "review.undecided")
        changed = [{"application": sides["in"][0], "outcome": "decline", "reason": "经核实材料失实"}, {"application": sides["out"][0], "outcome": "award", "reason": "区域统筹，递补"}]
        self.post("clerk", path + "/deliberate", {"present": present, "votes": votes, "tie_decisions": ties, "decisions": changed})
        self.post("clerk", path + "/confirm", {}, 403)
        for who in ("applicant", "e01"):
            self.post(who, path + "/confirm", {}, 404)
        self.assertEqual(self.post("supervisor", path + "/confirm")["state"], "settled")
        self.verify("results", path + "/export")
        settled = self.get("lead", BASE + "/list")
        self.assertEqual(len(settled["selected"]), PLACES)
        self.assertNotIn(sides["in"][0], settled["selected"])
        self.assertEqual({each["application"]: each["reason"] for each in settled["deviations"]}, {each["application"]: each["reason"] for each in changed})
        return {key: settled[key] for key in ("selected", "not_selected", "deviations")}

    def test_from_the_pool_to_the_list(self):
        self.open_round()
        type(self).ways = [RoundWay(self.server, self.tokens, number) for number in range(APPLICATIONS)]
        for way in self.ways:
            way.nominate()
        self.fill_the_pool()
        self.post("e03", "/me/conflicts", {"application": self.ways[7].id, "reason": "亲属关系"}, 201)
        self.assertEqual([each["reason"] for each in self.get("e03", "/me/conflicts")["items"]], ["亲属关系"])
        self.set_up_the_review()
        conflicts = self.conflicts()
        seated = self.draw()
        pairs = self.sheets(self.assign(seated, conflicts))
        results, shown = self.rank(pairs)
        decision = self.deliberate(results, shown)
        dashboard = self.get("supervisor", BASE + "/dashboard")
        self.assertEqual((dashboard["review"]["sheets"], dashboard["panels"][0]["sealed"]), ({"open": 0, "signed": 90, "recused": 1}, 0))
        self.assertEqual([each["total"] for each in dashboard["progress"]["colleges"]], [10, 10, 10])
        self.assertEqual({each["scores"]["severity"] for each in dashboard["experts"]}, {"0.00"})
        for who in ("applicant", "bureau", "e01", "admin"):
            for path in ("/review", "/conflicts", "/dashboard", "/draws", "/draws/workshop", "/assignments", f"/results/{results}", f"/results/{results}/export", "/list"):
                self.get(who, BASE + path, 404)
        self.advance("2026-03-14T09:00:00+08:00")
        self.sign_round("clerk", "done")
        self.sign_round("clerk", "done")
        other = dict(decision, selected=decision["not_selected"][:PLACES], not_selected=decision["not_selected"][PLACES:] + decision["selected"], deviations=[])
        self.assertEqual(self.post("lead", BASE + "/decide", other, 409)["code"], "review.list")
        self.post("lead", BASE + "/decide", decision)
        self.assertEqual(self.post("clerk", BASE + "/results", {}, 409)["code"], "review.decided")
        self.advance("2026-03-14T09:00:01+08:00")
        states = [way.application()["state"] for way in self.ways]
        self.assertEqual((states.count("selected"), states.count("declined")), (PLACES, APPLICATIONS - PLACES))
        self.server.stop()
        self.assertIn("identical", run_cli("replay", self.ways[0].id, data=self.data).stdout)
        run_cli("audit", "verify", data=self.data)
        self.server.start()


if __name__ == "__main__":
    unittest.main()

"""Goal: before two people have opened a panel's sheets, no reply to anybody can tell what stands in them; a double-blind reviewer
learns nothing of whose application it is; corrections and reopening are kept and shown.
Method: a real server. The seal is a property: every GET route of the route table, asked as everybody, answers alike for
applications that differ in nothing but their sheets, and holds no score, total, mean or comment of them."""
import json
import os
import random
import re
import shutil
import tempfile
import unittest
from decimal import Decimal

from scenario import COLLEGE, FORMS, PREFECTURE, PROVINCE, Way, set_up
from server import BINARY_DIR, PASSWORD, SOURCE_DIR, Server, quote, stored
from test_permissions import ONCE_CLOSED, WHILE_OPEN

MORE_PEOPLE = {
    "warden": ("discipline", PROVINCE), "outsider": ("reviewer", PROVINCE), "rival": ("applicant", "college-002"), "expert4": ("reviewer", PROVINCE),
}
EXPERTS = ("expert1", "expert2", "expert3")
ORG_NAME, LEADER = "湖南某职业技术学院", "李老师"


def package(folder, name, panel):
    """The workshop with another id and other attributes of its <panel>."""
    target = os.path.join(folder, name)
    shutil.copytree(os.path.join(BINARY_DIR, "plugins", "workshop"), target)
    path = os.path.join(target, "plugin.xml")
    with open(path, encoding="utf-8") as source:
        text = source.read()
    text = text.replace('id="workshop"', f'id="{name}"', 1)
    text, changed = re.subn(r"<panel [^>]*/>", f'<panel reviewers-min="3" {panel}/>', text)
    assert changed == 1
    text, changed = re.subn(r'(<document kind="ethics")', r'\1 identifies="true"', text)
    assert changed == 1
    text = re.sub(r"<library [^>]*/>", "", text)  # its code would be asked about every form
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    FORMS.setdefault(name, FORMS["workshop"])


def routes():
    with open(os.path.join(SOURCE_DIR, "server", "routes.cpp"), encoding="utf-8") as source:
        return sorted(set(re.findall(r'\{"GET", "(/[^"]*)"', source.read())))


class Sealed(Way):
    """An application on its way through a panel whose members give `sheets`."""

    def __init__(self, test, sheets):
        super().__init__(test.server, test.tokens, "sealed")
        self.sheets = sheets
        self.nominate()
        self.sign("clerk", "panel-setup", "appoint", {"reviewers": list(EXPERTS)})
        self.tasks = {who: self.task(who, "sheet") for who in EXPERTS}

    def fill(self):
        self.programme, real = "workshop", self.programme
        super().fill()
        self.programme = real

    def draft(self, who):
        self.do("PUT", f"/api/v1/tasks/{self.tasks[who]}/draft", self.sheets[who], who, 200, headers={"If-Match": '"1"'})

    def give(self, who):
        self.do("POST", f"/api/v1/tasks/{self.tasks[who]}/complete", {"outcome": "sign", "data": self.sheets[who]}, who, 200)

    def open_as(self, who):
        self.sign(who, "panel-opening", "open")

    def correct(self, who, sheet, reason="计分有误"):
        return self.do("POST", f"/api/v1/tasks/{sheet}/correct", {"reason": reason}, who, 201).json["id"]


class Panels(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.data = tempfile.mkdtemp(prefix="chuyi-e2e-")
        packages = os.path.join(cls.data, "packages")
        os.mkdir(packages)
        package(packages, "sealed", 'opening="two" blind="double" common-words="湖南 职业技术学院" conflicts="conflicts"')
        cls.server = Server(cls.data, "--plugins", packages)
        cls.tokens = set_up(cls.server)
        admin = cls.tokens["admin"]
        made = cls.server.request("POST", "/api/v1/admin/organisations", {"id": "college-002", "parent": PREFECTURE, "level": "college", "name": "另一学院"}, admin)
        assert made.status == 201, made.body
        for name, (role, org) in MORE_PEOPLE.items():
            made = cls.server.request("POST", "/api/v1/admin/users", {"id": name, "name": name, "password": PASSWORD, "memberships": [{"role": role, "org": org}]}, admin)
            assert made.status == 201, made.body
            cls.tokens[name] = cls.server.login(name)
        cls.rubric = cls.server.request("GET", "/api/v1/programmes/sealed").json["rubric"]["criteria"]

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        shutil.rmtree(cls.data)

    def get(self, who, path):
        answer = self.server.request("GET", path, token=self.tokens.get(who))
        self.assertEqual(answer.status, 200, (who, path, answer.body))
        return answer

    def sheet(self, seed):
        """Scores that nothing else is likely to hold, and a comment that nothing else holds."""
        rng = random.Random(seed)
        scores = {each["id"]: str(Decimal(rng.randrange(100, int(each["weight"]) * 100 - 100)) / 100 // Decimal("0.1") * Decimal("0.1") + Decimal("0.07"))
                  for each in self.rubric}
        return {"scores": scores, "comment": f"评语{rng.randrange(10**12):012d}"}

    def secrets_of(self, way):
        """What must not be told: scores, totals, what they come to, how far they are apart, comments."""
        totals = [sum(Decimal(score) for score in way.sheets[who]["scores"].values()) for who in EXPERTS]
        derived = totals + [(sum(totals) / 3).quantize(Decimal("0.01")), sum(totals), max(totals) - min(totals), sorted(totals)[1]]
        # Below ten a score has three digits, which a page may hold by chance.
        return {who: [each for each in way.sheets[who]["scores"].values() if len(each) > 4] + [way.sheets[who]["comment"]] for who in EXPERTS}, [f"{each:.2f}" for each in derived if each > 10]

    def paths(self, way):
        """Every GET route, with what belongs to the application in the place of its parameters."""
        tasks = [row[0] for row in stored(self.data, f"SELECT id FROM tasks WHERE session_id = '{way.id}' ORDER BY id")]
        documents = [row[0] for row in stored(self.data, f"SELECT id FROM documents WHERE session_id = '{way.id}' ORDER BY id")]
        out = []
        for route in routes():
            filled = route.replace("/applications/{id}", "/applications/" + way.id).replace("/programmes/{id}", "/programmes/sealed")
            filled = filled.replace("{form}", "nomination").replace("{file}", "site.css")
            several = [filled.replace("/tasks/{id}", "/tasks/" + each) for each in tasks] if "/tasks/{id}" in filled else [filled]
            several = [each.replace("{document}", one) for each in several for one in (documents if "{document}" in each else [""])]
            out += [re.sub(r"\{\w+\}", "none", each) for each in several]
            if route in ("/api/v1/applications", "/api/v1/tasks"):
                out += [f"{route}?limit=200&status=open,claimed,done,cancelled&application={way.id}" if route.endswith("tasks") else f"{route}?limit=200"]
                out += [f"{route}?limit=200&q={quote(ORG_NAME)}", f"{route}?limit=200&application={way.id}"]
        return out

    def seen(self, way, who, path, answer):
        """Status, headers and body, without what tells only which of the applications it is."""
        text = answer.body.decode("utf-8", "replace")
        bare = path.split("?")[0]
        if bare in ("/api/v1/applications", "/api/v1/tasks", "/api/v1/inbox") and answer.status == 200:
            mine = [each for each in answer.json["items"] if way.id in (each["id"], each.get("application", {}).get("id"))]
            text = json.dumps(mine, sort_keys=True)
        if bare == f"/api/v1/applications/{way.id}" and answer.status == 200:
            text = json.dumps({key: value for key, value in answer.json.items() if key != "checks"}, sort_keys=True)  # holds findings of the others
        if bare.endswith("/findings"):
            text = ""  # what else is there already, before there was a sheet
        if bare.endswith("/bundle"):
            text = ""  # sealed with the application's own id in it, before there was a sheet
        headers = sorted(f"{key}: {value}" for key, value in answer.headers if key.lower() not in ("date", "content-length"))
        out = f"{answer.status}\n" + "\n".join(headers) + "\n" + text
        for pattern, by in ((re.escape(way.id[2:]), "APPLICATION"), (r"[0-9a-f]{64}", "DIGEST"), (r'"seq":\d+', "SEQ"), (r"(申报|\\u7533\\u62a5)[A-Z]-\d{4}", "PSEUDONYM"),
                            (r'(request_id|instance|nonce)[^,\n]*', r"\1"), (r"(?i)x-request-id: .*", "")):
            out = re.sub(pattern, by, out)
        return out

    def hold(self, ways, stage):
        """`ways` differ in the sheets of expert2 and expert3, or of expert1, from the first."""
        base = ways[0]
        people = ["applicant", "rival", "bureau", "clerk", "lead", "warden", *EXPERTS, "outsider", "admin", None]
        paths = {way.id: self.paths(way) for way in ways}
        answers = {way.id: {(path, who): self.server.request("GET", path, token=self.tokens.get(who)) for path in paths[way.id] for who in people} for way in ways}
        for other, told in ((ways[1], ("expert2", "expert3")), (ways[2], ("expert1",))):
            self.assertEqual(len(paths[base.id]), len(paths[other.id]))
            for one, another in zip(paths[base.id], paths[other.id]):
                for who in people:
                    if who in told:
                        continue
                    self.assertEqual(self.seen(base, who, one, answers[base.id][one, who]), self.seen(other, who, another, answers[other.id][another, who]),
                                     f"{stage}: {one} as {who} tells")
        for way in ways:
            own, derived = self.secrets_of(way)
            for (path, who), answer in answers[way.id].items():
                if path.endswith((".svg", ".css")):
                    continue  # full of numbers of its own; compared above
                told = answer.body.decode("utf-8", "replace") + str(answer.headers)
                for expert in EXPERTS:
                    for secret in set(own[expert]) - set(own.get(who, ())):
                        self.assertNotIn(secret, told, (stage, path, who))
                for secret in derived if who not in EXPERTS else ():
                    self.assertNotIn(secret, told, (stage, path, who))

    def test_no_reply_tells_of_sealed_sheets(self):
        first = {who: self.sheet(who) for who in EXPERTS}
        ways = [Sealed(self, first), Sealed(self, {"expert1": first["expert1"], "expert2": self.sheet("b"), "expert3": self.sheet("c")}),
                Sealed(self, first | {"expert1": self.sheet("a")})]
        for way in ways:
            way.give("expert1")
            way.give("expert2")
            way.draft("expert3")
        self.hold(ways, "while one writes")
        for way in ways:
            way.give("expert3")
            self.assertEqual(way.application("clerk")["state"], "panel_review")
        self.hold(ways, "all signed")
        for way in ways:
            way.open_as("warden")
        self.hold(ways, "one has opened")
        withdrawn = [Sealed(self, way.sheets) for way in ways]
        for way in withdrawn:
            for who in EXPERTS:
                way.give(who)
            way.do("POST", f"/api/v1/applications/{way.id}/events", {"event": "applicant.ask_withdrawal"}, "applicant", 200)
            way.do("POST", f"/api/v1/applications/{way.id}/events", {"event": "recommender.grant_withdrawal"}, "bureau", 200)
        self.hold(withdrawn, "withdrawn before it was opened")
        for way in ways:
            way.open_as("clerk")
        with self.assertRaises(AssertionError):
            self.hold(ways, "opened")
        reviews = self.get("clerk", f"/api/v1/applications/{ways[0].id}/reviews").json
        self.assertIn(reviews["score"], self.secrets_of(ways[0])[1])
        self.assertIn("hash", self.get("clerk", f"/api/v1/applications/{ways[0].id}/history").json["items"][0])

    def test_a_correction_and_a_reopening_are_kept_and_shown(self):
        way = Sealed(self, {who: self.sheet(who) for who in EXPERTS})
        for who in EXPERTS:
            way.give(who)
        path = f"/api/v1/applications/{way.id}"
        corrected = way.correct("expert1", way.tasks["expert1"])
        refused = self.server.request("POST", f"/api/v1/tasks/{way.tasks['expert1']}/correct", {"reason": "再改"}, self.tokens["expert1"])
        self.assertEqual((refused.status, refused.json["code"]), (409, "panel.correction"))
        stranger = self.server.request("POST", f"/api/v1/tasks/{way.tasks['expert1']}/correct", {"reason": "再改"}, self.tokens["expert2"])
        self.assertEqual(stranger.status, 404)
        way.sheets["expert1"] = self.sheet("corrected")
        before, way.tasks["expert1"] = way.tasks["expert1"], corrected
        way.give("expert1")
        for who in ("clerk", "warden"):
            way.open_as(who)
        self.assertEqual(way.application("clerk")["state"], "deliberation")
        reviews = self.get("clerk", path + "/reviews").json
        shown = {each["id"]: each for each in reviews["items"]}
        self.assertEqual(len(shown), 4)
        self.assertEqual((shown[corrected]["corrects"], shown[corrected]["reason"]), (before, "计分有误"))
        self.assertNotEqual(shown[before]["total"], shown[corrected]["total"])
        self.assertIn(reviews["score"], self.secrets_of(way)[1], "the newest sheet counts")
        way.do("POST", path + "/events", {"event": "province.reopen_panel"}, "lead", 200)
        for who in ("clerk", "warden"):
            way.sign(who, "panel-reopening", "reopen", {"reason": "举报查实"})
        self.assertEqual(way.application("clerk")["state"], "panel_review")
        self.assertNotIn("score", self.get("clerk", path + "/reviews").json)
        way.sign("clerk", "panel-setup", "close")
        for who in ("lead", "warden"):
            way.open_as(who)
        self.assertEqual(self.get("clerk", path + "/reviews").json["score"], reviews["score"])
        kinds = [each["task_kind"] for each in self.get("clerk", path + "/history").json["items"]]
        self.assertEqual((kinds.count("panel-opening"), kinds.count("panel-reopening")), (4, 2))
        way.sign(self.another_officer(), "task", "select")
        late = self.server.request("POST", path + "/events", {"event": "province.reopen_panel"}, self.tokens["lead"])
        self.assertEqual(late.status, 409, "something was decided on it")

    def another_officer(self):
        made = self.server.request("POST", "/api/v1/admin/users", {"id": "decider", "name": "decider", "password": PASSWORD,
                                                                   "memberships": [{"role": "provincial-officer", "org": PROVINCE}]}, self.tokens["admin"])
        self.assertEqual(made.status, 201)
        self.tokens["decider"] = self.server.login("decider")
        return "decider"

    def test_a_blind_reviewer_learns_nothing_of_the_applicant(self):
        way = Sealed(self, {who: self.sheet(who) for who in EXPERTS})
        form = FORMS["workshop"]
        names = self.names()
        for path in self.paths(way):
            if path.startswith(("/api/v1/organisations", "/api/v1/programmes/sealed/forms", "/programmes", "/notices", "/awards", "/api/v1/notices", "/api/v1/awards")) or path == "/":
                continue
            answer = self.server.request("GET", path, token=self.tokens["expert1"])
            told = answer.body.decode("utf-8", "replace") + str(answer.headers) + json.dumps(str(answer.body.decode("utf-8", "replace")))
            for name in names:
                self.assertNotIn(name, told, path)
                self.assertNotIn(quote(name), told, path)
        seen = self.get("expert1", f"/api/v1/applications/{way.id}").json
        self.assertRegex(seen["title"], r"^申报[A-Z]-\d{4}$")
        self.assertEqual((seen["org"], seen["bundle"]), ("", None))
        refused = self.server.request("GET", f"/api/v1/applications/{way.id}/bundle", token=self.tokens["expert1"])
        self.assertEqual((refused.status, refused.json["code"]), (403, "bundle.blind"))
        documents = self.get("expert1", f"/api/v1/applications/{way.id}/documents").json["items"]
        self.assertEqual(sorted(each["name"] for each in documents), ["agreement-1", "commitment-1"], "the ethics statement names the applicant")
        hidden = {each["id"] for each in self.get("clerk", f"/api/v1/applications/{way.id}/documents").json["items"]} - {each["id"] for each in documents}
        self.assertEqual(self.server.request("GET", f"/api/v1/applications/{way.id}/documents/{hidden.pop()}", token=self.tokens["expert1"]).status, 404)
        nomination = self.get("expert1", f"/api/v1/tasks/{way.tasks['expert1']}").json["nomination"]
        self.assertEqual(nomination["craft"], form["craft"])
        self.assertEqual(nomination["leader"], {"title": form["leader"]["title"]})
        searched = self.get("expert1", f"/api/v1/applications?q={quote(ORG_NAME)}&limit=200").json["items"]
        self.assertEqual(searched, [])
        self.assertTrue(self.get("clerk", f"/api/v1/applications/{way.id}").json["title"] == "湘绣技艺工坊")

    def names(self):
        form = FORMS["workshop"]
        return [ORG_NAME, COLLEGE, LEADER, form["leader"]["phone"], "湘绣技艺工坊", form["school"]["uscc"], form["enterprises"][0]["name"],
                form["host_master"], "材料.pdf", '"applicant"']

    def hold_blind(self, way, stage):
        """Every route of the table of permissions, about this application and the expert's own sheet: no reply holds a name."""
        public = ("/api/v1/organisations", "/programmes", "/notices", "/awards", "/api/v1/notices", "/api/v1/awards",
                  "/api/v1/programmes")
        sheet = way.tasks["expert1"]
        asked = [(method, path, body, headers) for method, path, body, headers, _ in WHILE_OPEN + ONCE_CLOSED
                 if not path.endswith("/logout") and not (path.endswith("/complete") and body in ({}, {"outcome": "recuse"}))]
        for action in ({"action": "decide", "outcome": "sign", "data": way.sheets["expert1"]}, {"action": "notify"},
                       {"action": "assign", "to": "expert2"}, {"action": "recommend"}):
            asked.append(("POST", "/api/v1/bulk", action | {"tasks": [sheet], "dry_run": True}, {}))
        asked += [("POST", f"/api/v1/tasks/{sheet}/claim", {}, {}), ("POST", f"/api/v1/tasks/{sheet}/release", {}, {}),
                  ("PUT", f"/api/v1/tasks/{sheet}/draft", way.sheets["expert1"], {"If-Match": "ETAG"}),
                  ("GET", f"/api/v1/tasks/{sheet}/notes", None, {})]
        documents = self.get("clerk", f"/api/v1/applications/{way.id}/documents").json["items"]
        answered = set()
        for method, path, body, headers in asked:
            path = re.sub(r"/tasks/\{id\}=\{\w+\}", "/tasks/" + sheet, path).replace("{id}=workshop", "sealed").replace("{form}=nomination", "nomination")
            path = path.replace("{id}", way.id, 1) if "{id}=" not in path else path
            for each in documents if "{document}" in path else [{"id": ""}]:
                exact = re.sub(r"\{\w+\}=", "", path).replace("{document}", each["id"])
                if exact.startswith(public) or exact == "/":
                    continue
                if "ETAG" in headers.values():
                    headers = {"If-Match": dict((k.lower(), v) for k, v in self.get("expert1", f"/api/v1/tasks/{sheet}").headers)["etag"]}
                answer = self.server.request(method, exact, body, self.tokens["expert1"], headers=headers)
                if answer.status == 200:
                    answered.add(f"{method} {exact}")
                told = answer.body.decode("utf-8", "replace")
                told += str(answer.headers) + json.dumps(told) + (json.dumps(json.loads(told), ensure_ascii=False) if told.startswith("{") else "")
                for name in self.names():
                    self.assertNotIn(name, told, (stage, method, exact))
                    self.assertNotIn(quote(name), told, (stage, method, exact))
        # What tells nothing because it is refused proves nothing.
        for path in (f"/applications/{way.id}", f"/applications/{way.id}/documents", f"/tasks/{sheet}", f"/tasks/{sheet}/notes", f"/tasks/{sheet}/why", "/tasks", "/copies"):
            self.assertIn("GET /api/v1" + path, answered, stage)
        self.assertIn("POST /api/v1/bulk", answered, stage)

    def test_no_reply_names_the_applicant_while_blind(self):
        way = Sealed(self, {who: self.sheet(who) for who in EXPERTS})
        sheet = way.tasks["expert1"]
        # What officers write on a sheet cannot tell it either, and the expert is told of by a name that tells nothing.
        for kind, body in (("comments", {"text": f"{ORG_NAME}请尽快", "mentions": ["expert1"]}),
                           ("copies", {"users": ["expert1"], "text": LEADER}), ("urge", {"text": "湘绣技艺工坊"})):
            refused = self.server.request("POST", f"/api/v1/tasks/{sheet}/{kind}", body, self.tokens["clerk"])
            self.assertEqual((refused.status, refused.json.get("code")), (409, "note.blind"), refused.body)
        for kind, body in (("comments", {"text": "请尽快", "mentions": ["expert1"]}), ("copies", {"users": ["expert1"], "text": "供参考"}),
                           ("urge", {"text": "请尽快"})):
            way.do("POST", f"/api/v1/tasks/{sheet}/{kind}", body, "clerk", 201)
        for each in self.get("expert1", "/api/v1/copies").json["items"]:
            self.assertRegex(each["title"], "^申报[A-Z]-")
        other = Sealed(self, {who: self.sheet(who) for who in EXPERTS})
        guess = self.server.request("POST", f"/api/v1/tasks/{other.tasks['expert1']}/comments", {"text": f"是{ORG_NAME}吗"},
                                    self.tokens["expert1"])
        self.assertEqual(guess.status, 201, "a refusal would say that the guess is right")
        self.hold_blind(way, "all open")
        for who in ("expert2", "expert3"):
            way.give(who)
        self.hold_blind(way, "one open")
        decide = {"action": "decide", "tasks": [sheet], "outcome": "sign", "data": way.sheets["expert1"]}
        batch = self.server.request("POST", "/api/v1/bulk", decide, self.tokens["expert1"])
        self.assertEqual((batch.status, batch.json["done"]), (200, 1), (batch.body, self.get("expert1", f"/api/v1/tasks/{sheet}").body))
        self.assertRegex(batch.json["items"][0]["title"], "^申报[A-Z]-")
        self.hold_blind(way, "all signed")

    def test_people_are_known_by_number_and_shown_by_name_and_unit(self):
        way = Way(self.server, self.tokens, "sealed")
        way.create()
        way.programme = "workshop"
        way.fill()
        way.do("POST", f"/api/v1/applications/{way.id}/submit", {}, "applicant", 200)
        way.sign("bureau", "task", "recommend")
        way.sign("clerk", "task", "pass")
        way.do("POST", "/api/v1/admin/organisations", {"id": "firm-9", "parent": PREFECTURE, "level": "college", "name": "工艺厂"}, "admin", 201)
        # The leader by the one number that the form has of him; a member by name and employer, as it has none.
        for expert, data in (("expert4", {"name": "另名", "identity": FORMS["workshop"]["leader"]["phone"]}),
                             ("outsider", {"name": "子", "employer": "firm-9"})):
            way.do("PUT", f"/api/v1/experts/{expert}", data, "clerk", 201)
        setup = f"/api/v1/tasks/{way.task('clerk', 'panel-setup')}/complete"
        panel = {"outcome": "appoint", "data": {"reviewers": ["expert4", "outsider", "expert1"]}}
        refused = way.do("POST", setup, panel, "clerk", 409).json
        self.assertEqual([(each["pointer"], each["code"]) for each in refused["errors"]],
                         [("/data/reviewers/0", "panel.conflict.same_person"), ("/data/reviewers/1", "panel.conflict.possible")])
        self.assertIn("可能为同一人", refused["errors"][1]["detail_zh"])
        panel["data"] = {"reviewers": ["expert2", "outsider", "expert1"], "confirmed": ["expert4"]}
        refused = way.do("POST", setup, panel, "clerk", 409).json
        self.assertEqual([each["code"] for each in refused["errors"]], ["panel.conflict.possible"], "confirmed is of each person")
        panel["data"]["confirmed"] = ["outsider"]
        way.do("POST", setup, panel, "clerk", 200)
        # Nor is anybody kept from scoring by it.
        way.do("POST", f"/api/v1/tasks/{way.task('outsider', 'sheet')}/complete", {"outcome": "sign", "data": self.sheet("x")}, "outsider", 200)

    def test_the_officer_is_warned_of_names_that_are_left(self):
        way = Way(self.server, self.tokens, "sealed")
        original = FORMS["workshop"]
        FORMS["workshop"] = original | {"statement": "由李老师带队，在某地开展"}
        try:
            way.create()
            draft = way.application()["draft"]
            way.do("PUT", f"/api/v1/applications/{way.id}/draft", FORMS["workshop"], "applicant", 200, headers={"If-Match": f'"{draft["revision"]}"'})
            for kind, name in (("agreement", "协议-李老师.pdf"), ("commitment", "承诺.pdf"), ("ethics", "师德.pdf")):
                way.do("POST", f"/api/v1/applications/{way.id}/documents?kind={kind}&name={quote(name)}", b"%PDF-1.4\n%%EOF\n", "applicant", 201, headers={"Content-Type": "application/pdf"})
        finally:
            FORMS["workshop"] = original
        way.do("POST", f"/api/v1/applications/{way.id}/submit", {}, "applicant", 200)
        way.sign("bureau", "task", "recommend")
        way.sign("clerk", "task", "pass")
        warnings = self.get("clerk", f"/api/v1/tasks/{way.task('clerk', 'panel-setup')}").json["warnings"]
        document = next(each["id"] for each in self.get("clerk", f"/api/v1/applications/{way.id}/documents").json["items"] if "李老师" in each["name"])
        self.assertIn("/statement", [each["place"] for each in warnings])
        self.assertIn("/documents/" + document, [each["place"] for each in warnings])
        self.assertTrue(all(each["code"] == "blind.named" and each["zh"] and each["en"] for each in warnings))


if __name__ == "__main__":
    unittest.main()

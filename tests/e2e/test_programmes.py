"""Goal: one application of every package goes through all its stages, and what a package's examples refuse is refused.
Method: the real binary over HTTP, all applications side by side: each waits for the moments that its way names.
tests/plugins/README.md says what a package brings for it."""
import heapq
import json
import os
import shutil
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

from scenario import ANNUAL, COLLEGE, FORMS, PEOPLE, PREFECTURE, PROVINCE, Way, set_up
from server import BINARY_DIR, PASSWORD, START, Server, pdf, quote

PACKAGES = os.path.join(BINARY_DIR, "plugins")
COUNTY = "430121"
ORGS = {"college": COLLEGE, "county": COUNTY, "prefecture": PREFECTURE, "province": PROVINCE}
KINDS = {"college": COLLEGE} | {kind: f"{kind}-001" for kind in ("secondary", "technician", "undergraduate", "institute")}
LABOUR = f"{PREFECTURE}-rsj"
DEPARTMENTS = ["dept-jyt", "dept-fgw", "dept-czt", "dept-rst", "dept-zjt"]
RECOMMENDERS = {"prefecture": "bureau", "county": "county", "province": "office", "labour": "labour"}
AWARDED = 2026


class Package:
    def __init__(self, folder):
        self.folder = folder
        root = ElementTree.parse(os.path.join(folder, "plugin.xml")).getroot()
        find = lambda path: root.find("/".join("{urn:chuyi:plugin:1}" + each for each in path.split("/")))
        every = lambda path: root.findall("/".join("{urn:chuyi:plugin:1}" + each for each in path.split("/")))
        self.id = root.get("id")
        self.round = find("round").get("id")
        self.shared = find("workflow").get("shared")
        applicants, recommendation, term, rubric = find("applicants"), find("recommendation"), find("term"), find("rubric")
        level = "college" if applicants is None else applicants.get("levels").split()[0]
        kinds = [] if applicants is None or level != "college" else (applicants.get("kinds") or "").split()
        self.org = KINDS[kinds[0]] if kinds else ORGS[level]
        self.recommended_by = "prefecture" if recommendation is None else recommendation.get("level")
        if kinds == ["technician"]:
            self.recommended_by = "labour"
        self.years = 0 if term is None else int(term.get("years"))
        self.in_college = any(each.get("name") == "in_college" and each.get("value") == "yes" for each in every("workflow/param"))
        self.hundred = rubric is not None and rubric.get("scale") == "hundred"
        self.weights = {each.get("id"): each.get("weight") for each in every("rubric/criterion")}
        self.required = [each.get("kind") for each in every("documents/document") if each.get("required") in ("true", "1")]

    def has(self, name):
        return os.path.exists(os.path.join(self.folder, "tests", name))

    def example(self, name):
        if self.has(name):
            with open(os.path.join(self.folder, "tests", name), encoding="utf-8") as source:
                return json.load(source)
        data = {"nomination.json": FORMS, "annual.json": ANNUAL}[name][self.id]
        return {"data": data, "expect": {"findings": []}}

    def ways(self):
        """Name of the file → steps."""
        folder = os.path.join(self.folder, "tests", "ways")
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        ways = {name.removesuffix(".json"): self.example(os.path.join("ways", name)) for name in names}
        return ways | ({"selection": self.selection()} if self.shared == "selection" else {})

    def selection(self):
        """The way that every package with the workflow `selection` goes."""
        steps = [{"who": "applicant", "do": "submit"}]
        if self.in_college:
            steps += [{"who": "college", "task": "task", "outcome": "pass", "data": {"opinion": "校内专家评议通过"}},
                      {"who": "college", "task": "task", "outcome": "publicised", "data": {"from": "2026-02-23", "to": "2026-02-27", "objections": "无异议"}},
                      {"who": "principal", "task": "task", "outcome": "seal"}]
        if self.recommended_by != "none":
            steps.append({"who": RECOMMENDERS[self.recommended_by], "task": "task", "outcome": "recommend", "data": {"opinion": "同意推荐"}})
        steps += [{"who": "clerk", "task": "task", "outcome": "pass"},
                  {"who": "clerk", "task": "panel-setup", "outcome": "appoint", "data": {"reviewers": ["expert1", "expert2", "expert3"]}}]
        scores = {name: "90" if self.hundred else weight for name, weight in self.weights.items()}
        steps += [{"who": who, "task": "sheet", "outcome": "sign", "data": {"scores": scores, "comment": "评审意见"}} for who in ("expert1", "expert2", "expert3")]
        steps += [{"who": "lead", "task": "task", "outcome": "select"}, {"advance": f"{AWARDED}-03-10T09:00:00+08:00"}]
        for year in range(AWARDED + 1, AWARDED + 1 + self.years):
            steps += [{"advance": f"{year}-03-20T09:00:00+08:00"},
                      {"who": "applicant", "task": "annual-report", "outcome": "report", "data": {"$test": "annual.json"}},
                      {"who": "clerk", "task": "annual-verdict", "outcome": "qualified", "data": {"opinion": "合格"}}]
        return steps + [{"ends": "completed"}]


class Drive(Way):
    """One application on its way; a generator of the moments that it waits for."""

    def __init__(self, server, tokens, package, name, steps):
        super().__init__(server, tokens, package.id)
        self.package, self.name, self.steps = package, f"{package.id} {name}", steps
        self.added = False

    def go(self):
        self.id = self.do("POST", "/api/v1/applications", {"programme": self.package.id, "round": self.package.round, "title": self.name, "org": self.package.org},
                          "applicant", 201).json["id"]
        for at, step in enumerate(self.steps):
            try:
                if "advance" in step:
                    yield step["advance"]
                elif "ends" in step:
                    ended = self.application("clerk")
                    assert (ended["status"], ended["state"]) == ("ended", step["ends"]), (ended["status"], ended["state"])
                    self.certificate(ended["award"])
                elif "event" in step:
                    self.do("POST", f"/api/v1/applications/{self.id}/events", {"event": step["event"]}, step["who"], 200)
                elif step.get("do") == "submit":
                    self.submit(step["who"])
                elif step.get("do") == "object":
                    self.object()
                else:
                    self.act(step)
            except AssertionError as error:
                raise AssertionError(f"{self.name}: step {at + 1}, {json.dumps(step, ensure_ascii=False)}: {error}") from error

    def certificate(self, award):
        """Whoever holds an award has a certificate of it."""
        if award is not None:
            answer = self.server.request("GET", f"/api/v1/awards/{quote(award['number'])}/certificate")
            expected = 410 if award["status"] == "revoked" else 200
            assert answer.status == expected, f"certificate: {answer.status} {answer.body[:500]}"

    def act(self, step):
        data = step.get("data")
        if data is not None and "$test" in data:
            self.refuse(data["$test"], lambda refused: self.server.request("POST", f"/api/v1/tasks/{self.task(step['who'], step['task'])}/complete",
                                                                           {"outcome": step["outcome"], "data": refused}, self.tokens[step["who"]]))
            data = self.package.example(data["$test"])["data"]
        self.sign(step["who"], step["task"], step["outcome"], data)

    def save(self, who, data):
        draft = self.application(who)["draft"]
        self.do("PUT", f"/api/v1/applications/{self.id}/draft", data, who, 200, headers={"If-Match": f'"{draft["revision"]}"'})

    def submit(self, who):
        def try_submit(refused):
            self.save(who, refused)
            return self.server.request("POST", f"/api/v1/applications/{self.id}/submit", {}, self.tokens[who])

        if not self.added:
            for kind in self.package.required:
                self.do("POST", f"/api/v1/applications/{self.id}/documents?kind={kind}&name={kind}.pdf", pdf(kind), who, 201, headers={"Content-Type": "application/pdf"})
            self.refuse("nomination.json", try_submit)
        self.added = True
        self.save(who, self.package.example("nomination.json")["data"])
        self.do("POST", f"/api/v1/applications/{self.id}/submit", {}, who, 200)

    def object(self):
        notices = self.server.request("GET", f"/api/v1/notices?programme={self.package.id}&status=open").json["items"]
        mine = [each["id"] for each in notices if each["fields"]["title"] == self.name]
        assert len(mine) == 1, notices
        self.do("POST", f"/api/v1/notices/{mine[0]}/objections", {"objector": "赵实名", "contact": "13900000000", "reason": "材料与事实不符"}, None, 201)

    def refuse(self, name, attempt):
        """The refused example beside `name` fails as it says."""
        name = name.removesuffix(".json") + "-refused.json"
        if not self.package.has(name):
            return
        example = self.package.example(name)
        answer = attempt(example["data"])
        assert answer.status == 422, f"{name}: {answer.status} {answer.body.decode()}"
        found = {(each["code"], each["pointer"]) for each in answer.json.get("errors", [])}
        for finding in example["expect"]["findings"]:
            assert (finding["code"], finding["place"]) in found, f"{name}: {finding} not in {found}"


def everybody(server):
    """The people of scenario.py and those whom the ways need beside them. @return name → token."""
    tokens = set_up(server)
    for kind, id in KINDS.items():
        made = server.request("POST", "/api/v1/admin/organisations", {"id": id, "parent": PREFECTURE, "level": "college", "kind": kind, "name": f"湖南某{kind}"}, tokens["admin"])
        assert made.status == 201, made.body
    users = {id: [("recommending-officer", id)] for id in DEPARTMENTS} | {"labour": [("recommending-officer", LABOUR)]} | {"county": [("recommending-officer", COUNTY)], "office": [("recommending-officer", PROVINCE)], "applicant": [("applicant", org) for org in [*ORGS.values(), *KINDS.values()]],
             "college": [("org-admin", org) for org in [COLLEGE, *KINDS.values()]], "principal": [("org-approver", org) for org in [COLLEGE, *KINDS.values()]]}
    for name, held in users.items():
        made = server.request("POST", "/api/v1/admin/users", {"id": name, "name": name, "password": PASSWORD, "memberships": [{"role": role, "org": org} for role, org in held]}, tokens["admin"])
        assert made.status == 201, made.body
        tokens[name] = server.login(name)
    return tokens


class Programmes(unittest.TestCase):
    def test_one_application_of_each_goes_all_the_way(self):
        data = tempfile.mkdtemp(prefix="chuyi-e2e-")
        self.addCleanup(shutil.rmtree, data)
        server = Server(data)
        tokens = everybody(server)
        self.addCleanup(server.stop)
        packages = [Package(os.path.join(PACKAGES, name)) for name in sorted(os.listdir(PACKAGES))
                    if os.path.exists(os.path.join(PACKAGES, name, "plugin.xml")) and name != "annual-round"]  # no applications
        loaded = {each["id"] for each in server.request("GET", "/api/v1/programmes").json["items"]}
        self.assertEqual({each.id for each in packages} - loaded, set(), "packages that were not taken in")
        waiting, failures, ended = [], [], []

        def step(at, drive, ways):
            try:
                heapq.heappush(waiting, (next(ways), at, drive, ways))
            except StopIteration:
                ended.append(drive.name)
            except AssertionError as error:
                failures.append(str(error))

        for package in packages:
            self.assertNotEqual(package.ways(), {}, f"{package.id} has no tests/ways")
        drives = [Drive(server, tokens, package, name, steps) for package in packages for name, steps in package.ways().items()]
        for at, drive in enumerate(drives):
            step(at, drive, drive.go())
        now = START
        while waiting:
            moment, at, drive, ways = heapq.heappop(waiting)
            if moment > now:
                now = moment
                drive.advance(now)
            step(at, drive, ways)
        self.assertEqual(failures, [])
        self.assertEqual(sorted(ended), sorted(each.name for each in drives))


if __name__ == "__main__":
    unittest.main()

"""Goal: the traps of the domain that show themselves only over HTTP or the command line, and a table that names the test of each.
Method: the real binary; the table of docs/traps.md against the tests' sources."""
import glob
import json
import os
import re
import shutil
import tempfile
import unittest

from scenario import ANNUAL, PROVINCE, Way, set_up
from server import PASSWORD, SOURCE_DIR, Server, pdf, run_cli

NEW_LEADER = {"name": "王·买买提", "title": "正高级", "phone": "13800000077"}


def pages(count):
    """A PDF of so many empty pages."""
    kids = " ".join(f"{3 + i} 0 R" for i in range(count))
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", f"<< /Type /Pages /Kids [{kids}] /Count {count} >>"]
    objects += ["<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>"] * count
    out, offsets = "%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{content}\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n" + "".join(f"{o:010d} 00000 n \n" for o in offsets)
    return (out + f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n").encode()


class Installation(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="chuyi-traps-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.server = Server(self.folder)
        self.tokens = set_up(self.server)
        self.addCleanup(self.server.stop)
        self.way = Way(self.server, self.tokens, "workshop")

    def ask(self, method, path, body, who, status, **more):
        answer = self.server.request(method, "/api/v1" + path, body, self.tokens.get(who), **more)
        self.assertEqual(answer.status, status, f"{method} {path} as {who}: {answer.body.decode()}")
        return answer

    def upload(self, content, status, kind="evidence", name="材料.pdf"):
        return self.ask("POST", f"/applications/{self.way.id}/documents?kind={kind}&name={name.encode().hex()}.pdf", content, "applicant", status,
                        headers={"Content-Type": "application/pdf"})

    def awarded(self):
        self.way.nominate()
        self.way.review()
        self.way.advance("2026-03-10T09:00:00+08:00")
        self.assertEqual(self.way.application()["state"], "year_running")


class Traps(Installation):
    def test_evidence_of_a_hundred_and_one_pages_is_refused(self):
        self.way.create()
        self.upload(pages(100), 201)
        refused = self.upload(pages(101), 413)
        self.assertEqual((refused.json["code"], refused.json["place"]), ("document.pages", "/pages"))
        self.assertIn("101", refused.json["detail"])
        self.assertEqual(self.upload(b"%PDF-1.4 not at all", 400).json["code"], "document.pdf")
        self.upload(pages(101), 201, kind="agreement")  # which nobody limits
        kept = self.ask("GET", f"/applications/{self.way.id}/documents", None, "applicant", 200).json["items"]
        self.assertEqual(len(kept), 2)

    def test_what_has_no_name_is_a_clue_for_those_who_may_read_it(self):
        for name, role in (("supervisor", "discipline"), ("elsewhere", "discipline")):
            org = PROVINCE if name == "supervisor" else "430200"
            self.ask("POST", "/admin/users", {"id": name, "name": name, "password": PASSWORD, "memberships": [{"role": role, "org": org}]}, "admin", 201)
            self.tokens[name] = self.server.login(name)
        self.way.nominate()
        self.way.review()
        notice = self.server.request("GET", "/api/v1/notices?status=open").json["items"][0]["id"]
        self.ask("POST", f"/notices/{notice}/objections", {"reason": "材料不实"}, None, 422)  # neither a name nor said to be without
        clue = self.ask("POST", f"/notices/{notice}/objections", {"reason": "材料不实", "anonymous": True}, None, 201).json
        self.assertEqual(clue["status"], "clue")
        self.assertEqual(self.ask("GET", f"/tasks?application={self.way.id}&kind=objection", None, "clerk", 200).json["items"], [])
        for who, status in (("clerk", 200), ("supervisor", 200), ("elsewhere", 404), ("bureau", 404), ("applicant", 404), ("expert1", 404)):
            answer = self.ask("GET", f"/applications/{self.way.id}/clues", None, who, status)
            if status == 200:
                self.assertEqual([(each["id"], each["reason"]) for each in answer.json["items"]], [(clue["id"], "材料不实")])
        self.way.advance("2026-03-10T09:00:00+08:00")
        self.assertEqual(self.way.application()["award"]["status"], "in-force", "a clue holds nothing up")

    def test_another_leader_comes_over_the_channel_of_the_application(self):
        self.awarded()
        self.assertIn("applicant.change_leader", self.way.application()["events"])
        self.ask("POST", f"/applications/{self.way.id}/events", {"event": "applicant.change_leader"}, "applicant", 200)
        data = {"leader": NEW_LEADER, "cause": "健康原因", "reason": "长期病休", "plan": "按原计划推进"}
        task = self.way.task("applicant", "task")
        refused = self.ask("POST", f"/tasks/{task}/complete", {"outcome": "submit", "data": data}, "applicant", 409)
        self.assertEqual((refused.json["code"], refused.json["errors"][0]["pointer"]), ("document.missing", "/documents/evidence"))
        self.upload(pages(1), 201)
        self.ask("POST", f"/tasks/{task}/complete", {"outcome": "submit", "data": {**data, "leader": {"name": "王"}}}, "applicant", 422)
        self.way.sign("applicant", "task", "submit", data)
        self.way.sign("bureau", "task", "recommend", {"opinion": "同意变更"})
        self.way.sign("clerk", "task", "agree", {"opinion": "同意变更"})
        shown = self.way.application()
        self.assertEqual(shown["leaders"], [{"from": "李老师", "to": NEW_LEADER["name"], "on": "2026-03-10"}])
        self.assertEqual(shown["state"], "year_running")
        history = self.ask("GET", f"/applications/{self.way.id}/history", None, "applicant", 200).json["items"]
        self.assertEqual(history[-1].get("leader"), {"from": "李老师", "to": NEW_LEADER["name"]})
        self.way.advance("2027-03-20T09:00:00+08:00")
        self.way.sign("applicant", "annual-report", "report", ANNUAL["workshop"])
        self.assertTrue(json.loads(run_cli("replay", self.way.id, "--json", data=self.folder).stdout)["identical"])


    def test_a_programme_is_found_under_every_name_it_had(self):
        names = {each["zh"]: each.get("since") for each in self.server.request("GET", "/api/v1/programmes/master-studio").json["aliases"]}
        self.assertEqual(names, {"“楚怡”名师（大师）工作室": "2022", "“楚怡”名师（名匠）工作室": "2024"})


def manifests():
    out = {}
    for path in glob.glob(os.path.join(SOURCE_DIR, "plugins", "*", "plugin.xml")):
        with open(path, encoding="utf-8") as file:
            out[path] = file.read()
    return out


class NoticeNumbers(unittest.TestCase):
    """A text is compared with the packages and changes none of them."""

    def compared(self, text, code):
        with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            done = run_cli("notice", file.name, "--json", check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return [(each["section"], each["value"], each["result"], {one["id"]: one["quota"] for one in each["packages"]})
                for each in json.loads(done.stdout.splitlines()[0])["items"]]

    def test_a_conflict_is_said_and_overwrites_nothing(self):
        before = manifests()
        group = {"group-undergrad": 10}
        self.assertEqual(self.compared("二、主要任务\n（三）专业群。\n1.遴选建设10个专业群。\n", 0), [("二(三)1", 10, "agrees", group)])
        self.assertEqual(self.compared("二、主要任务\n(三) 专业群。\n1. 遴选建设100个专业群。\n", 0), [("二(三)1", 100, "reading", group)])
        self.assertEqual(self.compared("二、主要任务\n(三) 专业群。\n１．遴选建设50个专业群。\n", 1), [("二(三)1", 50, "conflict", group)])
        self.assertEqual(self.compared("二、主要任务\n（九）其他。\n1、建设7所学校。\n", 1), [("二(九)1", 7, "unclaimed", {})])
        self.assertEqual(before, manifests())

    def test_both_notices_are_known(self):
        for name in ("notice", "notice-joint"):
            path = os.path.join(SOURCE_DIR, "..", "shared", "seeds", name + ".txt")
            if not os.path.exists(path):
                self.skipTest(f"without the notice's text: {path}")
            done = run_cli("notice", path, "--json")
            found = {(each["section"], each["value"]): each["result"] for each in json.loads(done.stdout.splitlines()[0])["items"]}
            self.assertEqual(found[("二(三)1", 10 if name == "notice" else 100)], "agrees" if name == "notice" else "reading")


class Table(unittest.TestCase):
    def test_every_trap_names_tests_that_exist(self):
        with open(os.path.join(SOURCE_DIR, "docs", "traps.md"), encoding="utf-8") as file:
            rows = re.findall(r"^\| (\d+) \|(.*)\|(.*)\|(.*)\|$", file.read(), re.M)
        self.assertEqual([int(number) for number, *_ in rows], list(range(1, 29)))
        sources = {}
        for pattern in ("tests/**/*.cpp", "tests/**/*.py"):
            for path in glob.glob(os.path.join(SOURCE_DIR, pattern), recursive=True):
                with open(path, encoding="utf-8", errors="replace") as file:
                    sources[os.path.basename(path)] = file.read()
        for number, _, rule, tests in rows:
            named = re.findall(r"`([\w.]+) ([\w./]+)`", tests)
            self.assertTrue(named, f"trap {number} names no test")
            for path in re.findall(r"`((?:engine|server|storage|plugins|workflows|forms)/[\w./-]+)`", rule):
                self.assertTrue(os.path.exists(os.path.join(SOURCE_DIR, path)), f"trap {number}: {path}")
            for file, test in named:
                self.assertIn(file, sources, f"trap {number}")
                for part in re.split(r"[./]", test):
                    self.assertRegex(sources[file], rf"\b{part}\b", f"trap {number}: {file} {test}")


if __name__ == "__main__":
    unittest.main()

"""Goal: what docs/api.md promises about refusals, repeats, packages and misbehaving code, on the real server."""
import json
import os
import re
import shutil
import tempfile
import threading
import unittest

from scenario import FORMS, Way, set_up
from server import BINARY_DIR, SOURCE_DIR, Server, pdf, quote, stored


def package(folder, name, library=None, workflow=None, forms=None):
    """A copy of the workshop package under another name. `library`: a path, or a name in the build's tests/e2e."""
    target = os.path.join(folder, name)
    shutil.copytree(os.path.join(SOURCE_DIR, "plugins", "workshop"), target)
    path = os.path.join(target, "plugin.xml")
    with open(path, encoding="utf-8") as source:
        text = source.read().replace('id="workshop"', f'id="{name}"').replace('reviewers-min="3"', 'reviewers-min="1"')
    own = f'  <library src="{os.path.basename(library)}"/>\n' if library else ""
    text = text.replace('  <library src="libworkshop.so"/>\n', own)
    if library:
        shutil.copy(os.path.join(BINARY_DIR, "tests", "e2e", library), target)
    if workflow:
        text = text.replace('<workflow shared="selection"/>', '<workflow src="own.scxml"/>')
        with open(os.path.join(target, "own.scxml"), "w", encoding="utf-8") as out:
            out.write(workflow)
        for form in ("leader-change", "recovery"):  # of the shared workflow, which a copy of it asks for too
            if f"'{form}'" in workflow:
                shutil.copy(os.path.join(SOURCE_DIR, "forms", "selection", form + ".json"), os.path.join(target, "forms"))
                text = text.replace("  <form id=", f'  <form id="{form}" src="forms/{form}.json"/>\n  <form id=', 1)
    if forms:  # the rules are about the workshop's own
        text = re.sub(r"  <eligibility>.*?</eligibility>\n", "", text, flags=re.S)
    for file, schema in (forms or {}).items():
        with open(os.path.join(target, file), "w", encoding="utf-8") as out:
            json.dump(schema, out)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)


def workflow(body):
    return ('<scxml xmlns="http://www.w3.org/2005/07/scxml" xmlns:chuyi="urn:chuyi:workflow:1" version="1.0" datamodel="lua" name="own">'
            + body + '<final id="done"/><final id="broken"/></scxml>')


TASK = ('<invoke type="task" id="{id}"><param name="role" expr="\'applicant\'"/><param name="org" expr="application.orgs.college"/>'
        '<param name="outcomes" expr="{{\'go\'}}"/>{more}</invoke>')


class Rules(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.data = tempfile.mkdtemp(prefix="chuyi-e2e-")
        cls.packages = tempfile.mkdtemp(prefix="chuyi-packages-")
        cls.server = Server(cls.data, "--plugins", cls.packages, "--plugin-call-ms", "1500")
        cls.tokens = set_up(cls.server)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        shutil.rmtree(cls.data)
        shutil.rmtree(cls.packages)

    def reload(self):
        answer = self.server.request("POST", "/api/v1/admin/plugins/reload", {}, self.tokens["admin"])
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.json["problems"], [])
        return [each["id"] for each in answer.json["programmes"]]

    def way(self, programme="workshop"):
        return Way(self.server, self.tokens, programme)

    def audit_count(self):
        return stored(self.data, "SELECT count(*) FROM audit")

    def test_the_same_key_gives_one_effect_also_after_a_crash(self):
        body = {"programme": "workshop", "round": "2026", "title": "一次"}
        first = self.server.request("POST", "/api/v1/applications", body, self.tokens["applicant"], key="once")
        self.assertEqual(first.status, 201)
        before = self.audit_count()
        self.server.kill()
        self.server.start()
        again = self.server.request("POST", "/api/v1/applications", body, self.tokens["applicant"], key="once")
        self.assertEqual((again.status, again.body, again.header("Idempotency-Replayed")), (201, first.body, "true"))
        self.assertEqual(self.audit_count(), before)
        other = self.server.request("POST", "/api/v1/applications", dict(body, title="别的"), self.tokens["applicant"], key="once")
        self.assertEqual((other.status, other.json["code"]), (422, "idempotency.mismatch"))
        missing = self.server.request("POST", "/api/v1/applications", body, self.tokens["applicant"], headers={"Idempotency-Key": ""})
        self.assertEqual((missing.status, missing.json["code"]), (400, "idempotency.missing"))

    def test_old_versions_and_unknown_outcomes_are_refused_with_what_is_allowed(self):
        way = self.way()
        way.create()
        path = f"/api/v1/applications/{way.id}/draft"
        token = self.tokens["applicant"]
        self.assertEqual(self.server.request("PUT", path, {}, token).status, 428)
        self.assertEqual(self.server.request("PUT", path, {}, token, headers={"If-Match": '"99"'}).status, 412)
        empty = self.server.request("POST", f"/api/v1/applications/{way.id}/submit", {}, token)
        self.assertEqual((empty.status, empty.json["code"]), (422, "form.invalid"))
        self.assertIn("/craft", [each["pointer"] for each in empty.json["errors"]])
        self.assertTrue(all(each["detail"] and each["detail_zh"] for each in empty.json["errors"]))
        event = self.server.request("POST", f"/api/v1/applications/{way.id}/events", {"event": "applicant.fly"}, token)
        self.assertEqual((event.status, event.json["allowed"]), (409, ["applicant.withdraw"]))
        task = way.application()["draft"]["task"]
        wrong = self.server.request("POST", f"/api/v1/tasks/{task}/claim", {}, self.tokens["bureau"])
        self.assertEqual(wrong.status, 403)
        self.assertEqual(self.server.request("GET", f"/api/v1/applications/{way.id}", token=self.tokens["expert1"]).status, 404)
        self.assertEqual(self.server.request("GET", f"/api/v1/applications/{way.id}").status, 401)

    def test_a_panel_with_a_conflict_is_refused(self):
        way = self.way()
        way.nominate()
        body = {"outcome": "appoint", "data": {"reviewers": ["expert1", "expert1", "applicant"]}}
        answer = self.server.request("POST", f"/api/v1/tasks/{way.task('clerk', 'panel-setup')}/complete", body, self.tokens["clerk"])
        self.assertEqual((answer.status, answer.json["code"]), (409, "panel.reviewers"))
        self.assertEqual(len(answer.json["errors"]), 2)
        unknown = self.server.request("POST", f"/api/v1/tasks/{way.task('clerk', 'panel-setup')}/complete", {"outcome": "shout"}, self.tokens["clerk"])
        self.assertEqual((unknown.status, unknown.json["allowed"]), (409, ["appoint"]))

    def test_an_objection_holds_its_application_up_until_it_is_settled(self):
        way = self.way()
        way.nominate()
        way.review()
        notice = next(each for each in self.server.request("GET", "/api/v1/notices?status=open").json["items"] if each["fields"]["org_name"])
        self.assertNotIn("13800000000", json.dumps(notice))
        anonymous = self.server.request("POST", f"/api/v1/notices/{notice['id']}/objections", {"objector": " ", "contact": "x", "reason": "y"})
        self.assertEqual(anonymous.status, 422)
        filed = self.server.request("POST", f"/api/v1/notices/{notice['id']}/objections", {"objector": "赵某", "contact": "13900000000", "reason": "事实"})
        self.assertEqual(filed.status, 201, filed.body)
        self.server.request("POST", "/api/v1/admin/clock/advance", {"to": "2026-04-01T09:00:00+08:00"}, self.tokens["admin"])
        self.assertEqual(way.application()["stage"], "publicity")
        late = self.server.request("POST", f"/api/v1/notices/{notice['id']}/objections", {"objector": "钱某", "contact": "x", "reason": "y"})
        self.assertEqual((late.status, late.json["code"]), (409, "objection.late"))
        way.sign("clerk", "objection", "dismiss", {"opinion": "查无实据"})
        self.assertEqual(way.application()["award"]["status"], "in-force")
        history = self.server.request("GET", f"/api/v1/applications/{way.id}/history", token=self.tokens["applicant"]).json["items"]
        sheets = [each for each in history if each["task_kind"] == "sheet"]
        self.assertEqual(len(sheets), 3)
        self.assertTrue(all("actor" not in each for each in sheets), "an applicant never sees who reviewed")
        self.assertEqual(self.server.request("GET", f"/api/v1/applications/{way.id}/reviews", token=self.tokens["applicant"]).json["items"], [])
        self.assertEqual(len(self.server.request("GET", f"/api/v1/applications/{way.id}/reviews", token=self.tokens["clerk"]).json["items"]), 3)

    def test_a_new_package_appears_without_a_restart(self):
        form = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "required": ["name"],
                "properties": {"name": {"type": "string", "minLength": 1, "title": "名称", "x-title-en": "Name"}}}
        flow = workflow('<state id="only">' + TASK.format(id="step", more='<param name="form" expr="\'nomination\'"/>') +
                        '<transition event="done.invoke.step" target="done"/></state>')
        package(self.packages, "dropped-in", workflow=flow, forms={"forms/nomination.json": form})
        self.assertIn("dropped-in", self.reload())
        way = self.way("dropped-in")
        way.create()
        empty = self.server.request("POST", f"/api/v1/tasks/{way.task('applicant', 'task')}/complete", {"data": {}}, self.tokens["applicant"])
        self.assertEqual(empty.json["errors"][0]["pointer"], "/name")
        way.sign("applicant", "task", "go", {"name": "新项目"})
        self.assertEqual(way.application()["state"], "done")

    def test_code_that_crashes_or_hangs_fails_its_own_submission_only(self):
        for kind in ("crash", "loop"):
            package(self.packages, f"e2e-{kind}", library=f"libe2e_{kind}.so")
        self.reload()
        others = []
        for _ in range(50):
            way = self.way()
            way.create()
            others.append(way)
        answers, signed = {}, []

        def submit(kind):
            way = self.way(f"e2e-{kind}")
            way.create()
            draft = way.application()["draft"]
            way.do("PUT", f"/api/v1/applications/{way.id}/draft", FORMS["workshop"], "applicant", 200, headers={"If-Match": f'"{draft["revision"]}"'})
            answers[kind] = self.server.request("POST", f"/api/v1/applications/{way.id}/submit", {}, self.tokens["applicant"])

        def sign(way):
            answer = self.server.request("POST", f"/api/v1/applications/{way.id}/events", {"event": "applicant.withdraw"}, self.tokens["applicant"])
            signed.append(answer.status)

        threads = [threading.Thread(target=submit, args=(kind,)) for kind in ("crash", "loop")]
        threads += [threading.Thread(target=sign, args=(way,)) for way in others]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(signed, [200] * 50)
        self.assertEqual((answers["crash"].status, answers["crash"].json["code"]), (503, "plugin.crashed"), answers["crash"].body)
        self.assertEqual((answers["loop"].status, answers["loop"].json["code"]), (503, "plugin.timeout"), answers["loop"].body)
        incidents = self.server.request("GET", "/api/v1/admin/incidents", token=self.tokens["admin"]).json["items"]
        self.assertEqual({each["package"] for each in incidents}, {"e2e-crash", "e2e-loop"})

    def test_a_guard_without_end_fails_its_own_event_only(self):
        for name, guard in (("guard-loops", "(function() while true do end end)()"),
                            ("guard-eats", "(function() local t = {} while true do t[#t + 1] = ('x'):rep(1000) end end)()")):
            package(self.packages, name, workflow=workflow(
                '<state id="only">' + TASK.format(id="step", more="") + f'<transition event="done.invoke.step" cond="{guard}" target="done"/>'
                '<transition event="error.execution" target="broken"/></state>'))
            self.reload()
            way = self.way(name)
            way.create()
            way.sign("applicant", "task", "go")
            self.assertEqual(way.application()["state"], "broken")
            history = self.server.request("GET", f"/api/v1/applications/{way.id}/history", token=self.tokens["applicant"]).json["items"]
            self.assertRegex(history[-1]["errors"][0], "limit reached")
        self.assertEqual(self.server.request("GET", "/healthz").status, 200)

    def test_malformed_requests_change_nothing(self):
        before = self.audit_count()
        token = self.tokens["applicant"]
        kinds = [b"", b"{", b"[]", b'{"a":1,"a":2}', b'{"title":"\xff"}', b'{"x":' + b"[" * 100 + b"]" * 100 + b"}", b'{"n":1e999}', b"{} x"]
        for body in kinds:
            answer = self.server.request("POST", "/api/v1/applications", body, token, headers={"Content-Type": "application/json"})
            self.assertIn(answer.status, (400, 409, 413, 422), body)
            self.assertEqual(answer.header("Content-Type"), "application/problem+json")
            self.assertTrue(answer.json["code"])
        big = self.server.request("POST", "/api/v1/applications", b"x" * (2 * 1024 * 1024), token, headers={"Content-Type": "application/json"})
        self.assertEqual(big.status, 413)
        self.assertEqual(self.audit_count(), before)
        way = self.way()
        way.create()
        for query, code in (("kind=agreement&name=" + quote("../x.pdf"), "document.name"), ("kind=nothing&name=x.pdf", "document.kind")):
            answer = self.server.request("POST", f"/api/v1/applications/{way.id}/documents?{query}", pdf("x"), token, headers={"Content-Type": "application/pdf"})
            self.assertEqual(answer.json["code"], code)
        wrong = self.server.request("POST", f"/api/v1/applications/{way.id}/documents?kind=agreement&name=x.exe", b"MZ", token, headers={"Content-Type": "application/x-dosexec"})
        self.assertEqual(wrong.json["code"], "document.media_type")
        self.assertEqual([name for _, _, names in os.walk(os.path.join(self.data, "documents", "staging")) for name in names], [])


if __name__ == "__main__":
    unittest.main()

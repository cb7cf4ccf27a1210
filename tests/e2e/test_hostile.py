"""Goal: whatever a package's code does, it ends as an incident and nothing else. Method: every library of
tests/plugins/hostile as the validator of an application each, all submitted at once, while sign-offs go on."""
import os
import shutil
import tempfile
import threading
import unittest

from scenario import FORMS, Way, set_up
from server import BINARY_DIR, Server
from test_rules import package

HOSTILE = os.path.join(BINARY_DIR, "tests", "hostile")
# What the library does → the code of its incident.
KINDS = {"crash": "plugin.crashed", "loop": "plugin.timeout", "fork": None, "open": None, "connect": None, "allocate": None,
         "exit": "plugin.crashed", "hangup": None, "garbage": "plugin.answer", "twice": "plugin.answer", "late": None, "huge": None}
SIGN_OFFS = 150


class Hostile(unittest.TestCase):
    def setUp(self):
        self.data, self.packages = tempfile.mkdtemp(prefix="chuyi-e2e-"), tempfile.mkdtemp(prefix="chuyi-packages-")
        self.addCleanup(shutil.rmtree, self.data)
        self.addCleanup(shutil.rmtree, self.packages)
        self.server = Server(self.data, "--plugins", self.packages, "--plugin-call-ms", "1500")
        self.tokens = set_up(self.server)
        self.addCleanup(self.server.stop)

    def submission(self, kind):
        """An application that is ready to be submitted, of a package whose library is of this kind."""
        shutil.rmtree(os.path.join(self.packages, "hostile"), ignore_errors=True)
        library = f"libhostile_{kind}.so"
        staged = os.path.join(BINARY_DIR, "tests", "e2e", library)
        shutil.copy(os.path.join(HOSTILE, library), staged)
        package(self.packages, "hostile", library=library)
        os.remove(staged)
        answer = self.server.request("POST", "/api/v1/admin/plugins/reload", {}, self.tokens["admin"])
        self.assertEqual((answer.status, answer.json["problems"]), (200, []))
        way = Way(self.server, self.tokens, "hostile")
        way.create()
        draft = way.application()["draft"]
        way.do("PUT", f"/api/v1/applications/{way.id}/draft", FORMS["workshop"], "applicant", 200, headers={"If-Match": f'"{draft["revision"]}"'})
        return way

    def test_every_kind_is_an_incident_while_sign_offs_go_on(self):
        ready = {kind: self.submission(kind) for kind in KINDS if not (kind == "allocate" and os.environ.get("CHUYI_SANITIZED"))}
        others = []
        for _ in range(SIGN_OFFS):
            way = Way(self.server, self.tokens, "workshop")
            way.create()
            others.append(way)
        answers, signed = {}, []

        def submit(kind):
            answers[kind] = self.server.request("POST", f"/api/v1/applications/{ready[kind].id}/submit", {}, self.tokens["applicant"])

        def sign(ways):
            for way in ways:
                signed.append(self.server.request("POST", f"/api/v1/applications/{way.id}/events", {"event": "applicant.withdraw"}, self.tokens["applicant"]).status)

        threads = [threading.Thread(target=submit, args=(kind,)) for kind in ready]
        threads += [threading.Thread(target=sign, args=(others[i::10],)) for i in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(signed, [200] * SIGN_OFFS)
        for kind, answer in answers.items():
            with self.subTest(kind):
                self.assertEqual(answer.status, 503, answer.body)
                code = answer.json["code"]
                self.assertTrue(code == KINDS[kind] or (KINDS[kind] is None and code.startswith("plugin.")), code)
                self.assertEqual(ready[kind].application()["state"], "drafting", "nothing was changed")
        incidents = self.server.request("GET", "/api/v1/admin/incidents", token=self.tokens["admin"]).json["items"]
        self.assertEqual(len(incidents), len(ready))
        for each in incidents:
            self.assertEqual((each["package"], each["hook"]), ("hostile", "validate"))
            self.assertTrue(each["reason"])
        self.assertEqual(self.server.request("GET", "/healthz").status, 200)


if __name__ == "__main__":
    unittest.main()

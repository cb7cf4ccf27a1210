"""Goal: whatever a package's code does, it ends as an incident and nothing else. Method: every library of
tests/plugins/hostile as the validator of an application each, called again and again while sign-offs go on."""
import collections
import shutil
import tempfile
import threading
import unittest

import hostile
from scenario import Way, set_up
from server import SANITIZED, Server

SIGN_OFFS = 60
INCIDENTS_KEPT = 200


class Hostile(unittest.TestCase):
    def setUp(self):
        self.data, self.packages, programs = (tempfile.mkdtemp(prefix=f"chuyi-{each}-") for each in ("e2e", "packages", "programs"))
        for each in (self.data, self.packages, programs):
            self.addCleanup(shutil.rmtree, each)
        self.server = Server(self.data, "--plugins", self.packages, "--plugin-call-ms", "1500", program=hostile.program(programs))
        self.programme = hostile.without_library(self.packages) if SANITIZED else "workshop"
        self.tokens = set_up(self.server)
        self.addCleanup(self.server.stop)

    def nominated(self):
        """The bureau's task of an application that waits for it."""
        way = Way(self.server, self.tokens, self.programme)
        way.create()
        way.fill()
        way.do("POST", f"/api/v1/applications/{way.id}/submit", {}, "applicant", 200)
        return way.task("bureau", "task")

    def test_every_kind_is_an_incident_while_sign_offs_go_on(self):
        tasks = [self.nominated() for _ in range(SIGN_OFFS)]
        ways = {kind: hostile.ready(self.server, self.tokens, self.packages, kind) for kind in hostile.KINDS}
        answers, signed, over = {kind: [] for kind in ways}, [], threading.Event()

        def call(kind):
            expected, seen = hostile.KINDS[kind], set()
            while not over.is_set() or not seen or (expected and expected not in seen):
                answers[kind].append(hostile.submit(ways[kind]))
                seen.add(answers[kind][-1].json["code"])

        def sign(part):
            for task in part:
                body = {"outcome": "recommend", "data": {"opinion": "同意推荐"}}
                signed.append(self.server.request("POST", f"/api/v1/tasks/{task}/complete", body, self.tokens["bureau"]).status)

        calling = [threading.Thread(target=call, args=(kind,)) for kind in ways]
        signing = [threading.Thread(target=sign, args=(tasks[i::10],)) for i in range(10)]
        for thread in calling + signing:
            thread.start()
        for thread in signing:
            thread.join()
        over.set()
        for thread in calling:
            thread.join()
        self.assertEqual(signed, [200] * SIGN_OFFS)
        for kind, all_of_it in answers.items():
            with self.subTest(kind):
                self.assertEqual({each.status for each in all_of_it}, {503}, all_of_it[0].body)
                self.assertTrue(all(each.json["code"].startswith("plugin.") for each in all_of_it))
                self.assertEqual(ways[kind].application()["state"], "drafting", "nothing was changed")
        incidents = self.server.request("GET", "/api/v1/admin/incidents", token=self.tokens["admin"]).json["items"]
        codes = collections.Counter(each.json["code"] for all_of_it in answers.values() for each in all_of_it)
        del codes["plugin.restarting"]
        if sum(codes.values()) < INCIDENTS_KEPT:
            self.assertEqual(collections.Counter(each["code"] for each in incidents), codes)
        for each in incidents:
            self.assertEqual((each["package"], each["hook"]), ("hostile", "validate"))
            self.assertTrue(each["reason"])
        self.assertEqual(self.server.request("GET", "/healthz").status, 200)
        self.assertEqual(self.server.stop(), 0, "no report of a sanitizer either")


if __name__ == "__main__":
    unittest.main()

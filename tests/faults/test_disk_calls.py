"""Goal: whatever file call of a server fails, clients hear it, nothing acknowledged is lost, and the next start needs no hands.
Method: a real server with functions before the C library's that fail call N below its data folder, for every N until a run
meets no failure: an application is created, documents come, it is signed off twice, the second time with a bag. Then the
server starts again on a good disk, the client repeats what it has no answer to and goes on; then verify.py."""
import collections
import errno
import json
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

from load import Client, Gate, Unanswered, make_package, verify
from scenario import DOCUMENTS, set_up
from server import BINARY_DIR, Server

FULL = os.environ.get("CHUYI_TEST_LENGTH") == "full"
SEED = int(os.environ.get("CHUYI_TEST_SEED", random.SystemRandom().randrange(2**32)))
SHIM = os.path.join(BINARY_DIR, "tests", "faults", "libfault_calls.so")
CODES = {"", "store.io", "store.full", "store.busy", "store.stopped", "document.io", "document.full", "bag.zip"}
KINDS = {"each call fails once": (errno.EIO, 0, 0), "each call fails and all after it": (errno.EIO, 1, 0),
         "each call meets a full disk once": (errno.ENOSPC, 0, 0), "each write is done in part on a disk that stays full": (errno.ENOSPC, 1, 1),
         "each read or write is short once": (0, 0, 1)}


@unittest.skipIf(os.environ.get("CHUYI_SANITIZED"), "a sanitizer's runtime has to be loaded first")
class DiskCalls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.mkdtemp(prefix="chuyi-calls-")
        cls.addClassCleanup(shutil.rmtree, cls.home)
        cls.packages, cls.prepared = os.path.join(cls.home, "packages"), os.path.join(cls.home, "prepared")
        os.mkdir(cls.packages)
        os.mkdir(cls.prepared)
        make_package(cls.packages)
        server = Server(cls.prepared, "--plugins", cls.packages)
        try:
            cls.token = set_up(server)["applicant"]
        finally:
            server.kill()  # so that the log is there to be recovered

    def season(self, client, done):
        """One application; `done` steps were taken before. Yields after each."""
        uploads = [lambda kind=kind: client.upload(client.applications[0], kind) for kind in DOCUMENTS["workshop"]]
        for step in [client.create, lambda: self.sign(client), *uploads, lambda: self.sign(client), lambda: self.sign(client)][done:]:
            step()
            yield

    def sign(self, client):
        (task,) = client.get(f"/api/v1/tasks?application={client.applications[0]}&status=open")["items"]
        status, answer = client.sign(client.applications[0], task["id"])
        self.assertEqual(status, 200, answer)

    def run_once(self, number, code, for_ever, part):
        """@return the name of the call that failed; None when there is no such call."""
        data, journals = os.path.join(self.home, "data"), os.path.join(self.home, "journals")
        for folder in (data, journals):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.prepared, data)
        os.mkdir(journals)
        os.truncate(os.path.join(data, "stderr.log"), 0)
        gate = Gate()
        client = Client(0, gate, self.token, os.path.join(journals, "0.jsonl"), 0)
        client.patient = False
        server = Server(data, "--plugins", self.packages, env={"LD_PRELOAD": SHIM, "CHUYI_FAULT_CALLS": f"{number} {code} {for_ever} {part} {data}/"})
        done, open_request = 0, None
        try:
            server.start()
            gate.set(server.port)
            for _ in self.season(client, 0):
                done += 1
        except Unanswered as unanswered:
            (open_request,) = unanswered.args
        except AssertionError as failure:
            self.assertIn("server did not start", str(failure))
        if server.process.poll() is None:
            server.process.terminate()
        try:
            server.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            server.process.kill()
            self.fail("it does not end")
        server.process.stdout.close()
        server.log.close()
        with open(os.path.join(data, "stderr.log"), encoding="utf-8") as log:
            told = log.read()
        failed = re.search(r"^fault: call \d+, (\w+)$", told, re.M)
        # One that is ending by itself already no longer waits for SIGTERM.
        self.assertTrue(server.process.returncode >= 0 or (failed and server.process.returncode == -signal.SIGTERM), f"it ended by a signal: {told}")
        if not failed:
            self.assertEqual((done, server.process.returncode), (7, 0), told)
        # A good disk, and nobody's hands.
        server = Server(data, "--plugins", self.packages).start()
        try:
            gate.set(server.port)
            client.patient = True
            if open_request:
                status, answer = client.until_answered(*open_request)
                self.assertIn(status, (200, 201), answer)
                client.applications = client.applications or [answer["id"]]
                done += 1
            for _ in self.season(client, done):
                done += 1
            self.assertEqual(done, 7)
            self.assertEqual(os.listdir(os.path.join(data, "documents", "staging")), [])
        finally:
            code = server.stop()
            client.close()
        self.assertEqual(code, 0)
        with open(os.path.join(journals, "0.jsonl"), encoding="utf-8") as lines:
            self.assertLessEqual({entry["code"] for entry in map(json.loads, lines) if "unknown" in entry}, CODES)
        counts = verify(self, data, journals)
        self.assertEqual((counts["acknowledged"], counts["sessions"]), (7, 1))
        return failed.group(1) if failed else None

    def test_every_call(self):
        print(f"file calls of a server: CHUYI_TEST_SEED={SEED}", flush=True)
        chance = random.Random(SEED)
        for about, (code, for_ever, part) in KINDS.items():
            met, number, step = collections.Counter(), 1, 1 if FULL else 149
            if not FULL:
                number += chance.randrange(step)
            while True:
                try:
                    failed = self.run_once(number, code, for_ever, part)
                except AssertionError as failure:
                    raise AssertionError(f"{about}, call {number}") from failure
                if failed is None:
                    break
                met[failed] += 1
                number += step
            print(f"file calls of a server, {about}: {sum(met.values())} runs, {dict(met)}", flush=True)


if __name__ == "__main__":
    unittest.main()

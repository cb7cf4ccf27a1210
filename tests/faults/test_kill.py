"""Goal: a server that dies at any instant under load has lost nothing it acknowledged, and goes on by itself.
Method: kill -9 at random instants, in start-up too, on one installation; 32 clients that sign off meanwhile and repeat what
they have no answer to; then verify.py, which knows only the disk and the clients' journals."""
import json
import os
import random
import shutil
import tempfile
import time
import unittest

from load import Gate, Load, make_package, verify
from scenario import set_up
from server import Server, run_cli

FULL = os.environ.get("CHUYI_TEST_LENGTH") == "full"
KILLS = int(os.environ.get("CHUYI_TEST_KILLS", "1000" if FULL else "20"))
SEED = int(os.environ.get("CHUYI_TEST_SEED", random.SystemRandom().randrange(2**32)))
CLIENTS = 32


class Kill(unittest.TestCase):
    def setUp(self):
        self.data, self.home = tempfile.mkdtemp(prefix="chuyi-kill-"), tempfile.mkdtemp(prefix="chuyi-clients-")
        for folder in (self.data, self.home):
            self.addCleanup(shutil.rmtree, folder)
        packages = os.path.join(self.home, "packages")
        self.journals = os.path.join(self.home, "journals")
        os.mkdir(packages)
        os.mkdir(self.journals)
        make_package(packages)
        self.server = Server(self.data, "--plugins", packages, manual=False)
        self.addCleanup(self.end)
        self.token = set_up(self.server)["applicant"]
        self.server.kill()

    def end(self):
        if self.server.process and self.server.process.poll() is None:
            self.server.kill()

    def test_nothing_acknowledged_is_lost(self):
        print(f"kill -9: CHUYI_TEST_SEED={SEED}", flush=True)
        chance = random.Random(SEED)
        gate = Gate()
        load = Load(gate, [self.token] * CLIENTS, self.journals, SEED)
        load.start()
        starts = []
        try:
            for kill in range(KILLS):
                begun = time.monotonic()
                if chance.random() < 0.1:  # before it serves
                    self.server.launch()
                    time.sleep(chance.random() * 0.1)
                    self.server.kill()
                    continue
                self.server.start()
                starts.append(time.monotonic() - begun)
                gate.set(self.server.port)
                time.sleep(chance.random() * 0.3)
                self.server.kill()
            self.server.start()
            gate.set(self.server.port)
        finally:
            if self.server.process.poll() is not None:
                self.server.start()
                gate.set(self.server.port)
            failures = load.stop()
        self.assertEqual(failures, [])
        self.assertEqual(os.listdir(os.path.join(self.data, "documents", "staging")), [])
        again = load.repeat(chance, 200)
        self.server.kill()
        counts = verify(self, self.data, self.journals)
        self.assertEqual(counts["left unknown"], 0)
        self.assertGreater(counts["sign-offs acknowledged"], KILLS)
        self.assertEqual(json.loads(run_cli("audit", "verify", "--json", data=self.data).stdout)["records"], counts["audit records"])
        for application in chance.sample(load.applications(), min(50 if FULL else 5, counts["sessions"])):
            run_cli("replay", application, data=self.data)
        starts.sort()
        print(f"kill -9: {KILLS} kills, {len(starts)} of them under load; {again} requests repeated at the end; {counts}; a start took "
              f"{starts[len(starts) // 2]:.2f} s in the middle, {starts[len(starts) * 99 // 100]:.2f} s for 99 %, {starts[-1]:.2f} s at most", flush=True)


if __name__ == "__main__":
    unittest.main()

"""Goal: a wall clock that is set back and forth makes no timer fire early or twice, loses none, and stops nothing.
Method: a real server whose wall clock a preloaded library shifts; clients that sign off meanwhile; then verify.py."""
import json
import os
import random
import shutil
import sqlite3
import struct
import tempfile
import time
import unittest

from load import Gate, Load, make_package, verify
from scenario import set_up
from server import BINARY_DIR, Server

FULL = os.environ.get("CHUYI_TEST_LENGTH") == "full"
STEPS = 200 if FULL else 20
SEED = int(os.environ.get("CHUYI_TEST_SEED", random.SystemRandom().randrange(2**32)))
HOUR = 3_600_000
SHIM = os.path.join(BINARY_DIR, "tests", "faults", "libclock_steps.so")


@unittest.skipIf(os.environ.get("CHUYI_SANITIZED"), "a sanitizer's runtime has to be loaded first")
class Clock(unittest.TestCase):
    def setUp(self):
        self.data, self.home = tempfile.mkdtemp(prefix="chuyi-clock-"), tempfile.mkdtemp(prefix="chuyi-clients-")
        for folder in (self.data, self.home):
            self.addCleanup(shutil.rmtree, folder)
        packages, self.journals, self.clock = (os.path.join(self.home, name) for name in ("packages", "journals", "clock"))
        os.mkdir(packages)
        os.mkdir(self.journals)
        make_package(packages)
        self.set_clock(0)
        self.server = Server(self.data, "--plugins", packages, manual=False, env={"LD_PRELOAD": SHIM, "CHUYI_CLOCK_FILE": self.clock})
        self.addCleanup(self.end)
        self.token = set_up(self.server)["applicant"]

    def end(self):
        if self.server.process and self.server.process.poll() is None:
            self.server.kill()

    def set_clock(self, offset_ms):
        with open(self.clock, "r+b" if os.path.exists(self.clock) else "wb") as out:
            out.write(struct.pack("q", offset_ms))

    def rows(self, sql):
        database = sqlite3.connect(f"file:{self.data}/chuyi.db?mode=ro", uri=True, timeout=60)
        try:
            return database.execute(sql).fetchall()
        finally:
            database.close()

    def until_no_timer(self):
        """Each command wakes the pumps: what is due then fires."""
        for _ in range(600):
            if not self.rows("SELECT id FROM timers"):
                return
            woken = self.server.request("POST", "/api/v1/applications", {"programme": "workshop", "round": "2026", "title": "wakes"}, self.token)
            self.assertEqual(woken.status, 201)
            time.sleep(0.1)
        self.fail("timers that are due do not fire")

    def test_steps_back_and_forth(self):
        print(f"clock: CHUYI_TEST_SEED={SEED}", flush=True)
        chance = random.Random(SEED)
        gate = Gate()
        gate.set(self.server.port)
        load = Load(gate, [self.token] * 8, self.journals, SEED)
        load.start()
        try:
            for _ in range(STEPS):
                self.set_clock(chance.randrange(-3 * HOUR, 3 * HOUR))
                time.sleep(chance.random() * 0.2)
        finally:
            failures = load.stop()
        self.assertEqual(failures, [])
        load.repeat(chance, 0)
        self.set_clock(4 * HOUR)
        self.until_no_timer()
        self.assertEqual(self.server.stop(), 0)
        counts = verify(self, self.data, self.journals)
        records = [json.loads(text) for (text,) in self.rows("SELECT record FROM audit ORDER BY seq")]
        backwards = sum(1 for before, after in zip(records, records[1:]) if after["at"] < before["at"])
        self.assertGreater(backwards, 0, "no step was seen")
        print(f"clock: {STEPS} steps, {backwards} of them back between two records; {counts}", flush=True)


if __name__ == "__main__":
    unittest.main()

"""Goal: the engine does what the recommendation says, also when every session is saved, dropped and restored between
macrosteps. Method: `chuyi scxml-test` on our charts, one for each rule, and on the W3C's own tests in their Lua form
where that folder lies beside the source tree."""
import functools
import json
import os
import subprocess
import unittest

from server import CHUYI, SOURCE_DIR

CHARTS = os.path.join(SOURCE_DIR, "tests", "scxml", "charts")
W3C = os.path.join(SOURCE_DIR, "..", "shared", "scxml")
MODES = ((), ("--restore-between-macrosteps",))


def run(folder, *options):
    return subprocess.run([CHUYI, "scxml-test", folder, *options], capture_output=True, text=True, timeout=250)


@functools.cache
def results(folder, mode):
    return {each["id"]: each for each in json.loads(run(folder, "--json", *mode).stdout)}


def logs(folder, mode):
    """What each test that has not passed wrote into its log."""
    out = {}
    for line in run(folder, *mode).stdout.splitlines():
        if line.startswith("    log "):
            out[last].append(line[8:])
        else:
            last = line.split(" ")[0]
            out[last] = []
    return out


class Charts(unittest.TestCase):
    def test_all_pass(self):
        for mode in MODES:
            with self.subTest(mode=mode):
                failed = [each for each in results(CHARTS, mode).values() if each["result"] != "pass"]
                self.assertEqual(failed, [])

    def test_each_says_what_it_checks(self):
        for name in os.listdir(CHARTS):
            if name.endswith(".scxml"):
                with open(os.path.join(CHARTS, name), encoding="utf-8") as chart:
                    self.assertRegex(chart.readline(), r"^<!-- [3-6BCD][.0-9]+[^:]*: .*[^ ] -->$", name)


@unittest.skipUnless(os.path.isdir(W3C), "no W3C tests beside the source tree")
class ImplementationReport(unittest.TestCase):
    def test_automated(self):
        with open(os.path.join(W3C, "automated.txt"), encoding="utf-8") as listed:
            automated = listed.read().split()
        self.assertGreater(len(automated), 90)
        for mode in MODES:
            with self.subTest(mode=mode):
                found = results(os.path.join(W3C, "tests"), mode)
                self.assertEqual([found[each] for each in automated if found[each]["result"] != "pass"], [])

    def test_runtime_errors_and_analogues(self):
        for folder in ("tests_rt", "analogue"):
            for mode in MODES:
                with self.subTest(folder=folder, mode=mode):
                    found = results(os.path.join(W3C, folder), mode).values()
                    self.assertGreater(len(found), 3)
                    self.assertEqual([each for each in found if each["result"] != "pass"], [])

    def test_manual(self):
        for mode in MODES:
            with self.subTest(mode=mode):
                folder = os.path.join(W3C, "tests")
                found, log = results(folder, mode), logs(folder, mode)
                # Both values of a repeated parameter.
                self.assertEqual(log["test178"], ["_event : Var1=2&Var1=3"])
                # The child sees the event that its parent forwarded as the parent saw it.
                seen = log["test230"]
                self.assertEqual(len(seen), 14)
                self.assertEqual(seen[:7], seen[7:])
                # A child that is cancelled runs its onexit handlers, innermost first.
                self.assertEqual(log["test250"], ["Exiting sub01", "Exiting sub0"])
                # A script that cannot be read refuses the document, at its place.
                self.assertRegex(found["test301"]["error"], r"^refused: test301\.scxml:[0-9]+:[0-9]+: .*\[scxml\.src\]$")
                self.assertEqual(found["test301"]["configuration"], [])
                # A variable that is not loaded yet is nil; a part of a number is an error (docs/datamodel-lua.md).
                self.assertEqual(log["test307"][:2], ["entering s0 value of Var 1 is: : null", "no error in s0: "])
                self.assertIn("error.execution", log["test307"][2])
                # Expressions that do not compile fail when they are evaluated.
                self.assertEqual([found[each]["result"] for each in ("test313", "test314")], ["pass", "pass"])
                # Nothing is processed once the top-level final state is entered.
                self.assertEqual(found["test415"]["configuration"], ["final"])


if __name__ == "__main__":
    unittest.main()

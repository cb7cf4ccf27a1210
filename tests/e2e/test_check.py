"""Goal: `chuyi check` says what is wrong, where, and how it comes about. Method: planted faults through the program itself."""
import json
import os
import subprocess
import unittest

from server import SOURCE_DIR

CHUYI = os.path.join(os.environ["CHUYI_BINARY_DIR"], "bin", "chuyi")
CHARTS = os.path.join(SOURCE_DIR, "tests", "check", "charts")


def check(*arguments):
    return subprocess.run([CHUYI, "check", *arguments], text=True, capture_output=True, timeout=60)


class Check(unittest.TestCase):
    def test_text_in_both_languages(self):
        chart = os.path.join(CHARTS, "dead_end.scxml")
        en = check(chart)
        self.assertEqual(en.returncode, 1)
        self.assertIn(chart + ":15:4: Expected a way from 'trap' to a final state, but there is none [check.dead_end]\n", en.stdout)
        self.assertIn("    2. a (A step): task go → no ⇒ trap (Trap step)\n", en.stdout)
        zh = check(chart, "--lang", "zh")
        self.assertIn("从状态“trap”无法到达任何终态 [check.dead_end]\n", zh.stdout)
        self.assertIn("    2. a态（a）：task go → no ⇒ trap态（trap）\n", zh.stdout)

    def test_json_counterexample(self):
        done = check(os.path.join(CHARTS, "policy_no_publicity.scxml"), "--json")
        self.assertEqual(done.returncode, 1)
        found = json.loads(done.stdout)
        self.assertEqual([(each["code"], each["policy"]) for each in found], [("check.policy", "publicity-before-award")])
        way = found[0]["counterexample"]
        self.assertEqual([step["event"] for step in way], ["", "done.invoke.recommend", "done.invoke.deliberate"])
        self.assertEqual(way[-1]["data"], {"outcome": "select"})
        self.assertEqual(way[-1]["configuration"], ["granting"])

    def test_policies_that_are_shipped(self):
        done = check(os.path.join(SOURCE_DIR, "workflows", "policies", "awards.xml"))
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_a_limit_that_is_reached(self):
        done = check(os.path.join(CHARTS, "dead_end.scxml"), "--max-states", "3")
        self.assertEqual(done.returncode, 1)
        self.assertIn("[check.too_large]", done.stdout)


if __name__ == "__main__":
    unittest.main()

"""Goal: a rehearsal is the same each time, its lists are what its sheets come to, its exports verify and a changed byte is found,
and over HTTP it ends with the same lists. Method: the real binary, small rounds of all programmes; the lists computed again here."""
import decimal
import glob
import json
import os
import shutil
import tempfile
import unittest

from server import run_cli

SMALL = ("--applications", "48", "--experts", "40")


def simulate(*options, seed=7, check=True):
    return run_cli("simulate", "--json", "--seed", str(seed), *SMALL, *options, check=check).stdout


class Simulate(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.out = tempfile.mkdtemp(prefix="chuyi-e2e-")
        cls.text = simulate("--out", cls.out)
        cls.report = json.loads(cls.text)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.out)

    def path(self, name):
        return os.path.join(self.out, name)

    def test_the_same_seed_is_the_same_season(self):
        self.assertEqual(simulate(), self.text)
        with open(self.path("report.json"), encoding="utf-8") as written:
            self.assertEqual(written.read(), self.text)
        self.assertNotEqual(json.loads(simulate(seed=8))["lists"], self.report["lists"])

    def test_it_goes_from_the_call_to_the_awards(self):
        self.assertEqual([each["name"] for each in self.report["checks"]], ["plan", "places", "ended", "scores", "replay", "audit"])
        for each in self.report["checks"]:
            self.assertEqual((each["failed"], each["failures"]), (0, []), each)
            self.assertGreater(each["checked"], 0, each)
        self.assertEqual(sum(each["applications"] for each in self.report["programmes"]), 48)
        self.assertEqual(sum(each["applications"] for each in self.report["prefectures"]), 48)
        self.assertGreater(self.report["totals"]["awards"], 0)
        self.assertGreater(len(self.report["programmes"]), 10)
        self.assertEqual(self.report["stuck"], [])
        self.assertIn("recommendation", [each["state"] for each in self.report["bottlenecks"]])
        self.assertGreaterEqual(self.report["reviewers"]["max"], self.report["reviewers"]["median"])

    def test_the_lists_are_what_the_sheets_come_to(self):
        with open(self.path("results.json"), encoding="utf-8") as source:
            given = json.load(source)["input"]
        rubrics = {each["id"]: each["rubric"] for each in given["programmes"]}
        programme = {each["id"]: each["programme"] for each in given["applications"]}
        totals = {}
        for sheet in given["sheets"]:
            rubric = rubrics[programme[sheet["application"]]]
            share = {each["id"]: decimal.Decimal(each["weight"]) / 100 if rubric.get("scale") == "hundred" else 1 for each in rubric["criteria"]}
            totals.setdefault(sheet["application"], []).append(sum(decimal.Decimal(mark) * share[name] for name, mark in sheet["scores"].items()))
        seen = 0
        for listed in self.report["lists"]:
            places = rubrics.get(listed["programme"], {}).get("rounding", {}).get("places", 2)
            scores = []
            for row in listed["ranking"]:
                sheets = totals[row["application"]]
                mean = (sum(sheets) / len(sheets)).quantize(decimal.Decimal(1).scaleb(-places), decimal.ROUND_HALF_UP)
                self.assertEqual(row["score"], str(mean), row)
                scores.append(mean)
                seen += 1
            self.assertEqual(scores, sorted(scores, reverse=True))
            self.assertEqual([row["selected"] for row in listed["ranking"]], [at < listed["planned"] for at in range(len(scores))])
            if scores:
                self.assertTrue(os.path.exists(self.path(listed["programme"] + ".xlsx")))
        self.assertGreater(seen, 10)

    def test_exports_verify_and_a_changed_byte_is_found(self):
        kinds = {"conflicts": "conflicts*.json", "draw": "draw-*.json", "assign": "assignment-*.json", "results": "results.json"}
        for command, pattern in kinds.items():
            files = glob.glob(self.path(pattern))
            self.assertTrue(files, pattern)
            for file in files[:3]:
                run_cli(command, "verify", file)
            with open(files[0], "rb") as source:
                content = source.read()
            at = content.rindex(b'"') - 1  # the last letter of a text in it
            changed = self.path("changed.json")
            with open(changed, "wb") as target:
                target.write(content[:at] + (b"x" if content[at:at + 1] != b"x" else b"y") + content[at + 1:])
            self.assertEqual(run_cli(command, "verify", changed, check=False).returncode, 1, command)

    def test_over_http_it_ends_with_the_same_lists(self):
        remote = json.loads(simulate("--http"))
        for part in ("lists", "totals", "programmes", "prefectures", "bottlenecks", "missed_deadlines", "reviewers", "exports", "checks", "stuck"):
            self.assertEqual(remote[part], self.report[part], part)

    def test_years_of_annual_checks(self):
        report = json.loads(run_cli("simulate", "--json", "--applications", "20", "--experts", "30", "--years", "1").stdout)
        self.assertIn("annual_check", [each["state"] for each in report["bottlenecks"]])
        self.assertGreaterEqual(report["last_day"], "2027-01-01")

    def test_for_people(self):
        said = run_cli("simulate", "--applications", "20", "--experts", "30", "--lang", "en").stdout
        self.assertIn("Where the time goes", said)
        self.assertIn("Quota clashes", said)


if __name__ == "__main__":
    unittest.main()

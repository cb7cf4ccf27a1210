"""Goal: a rehearsal is the same each time, its lists are what its sheets come to, its exports verify and a changed byte is found,
and over HTTP it ends with the same lists. Method: the real binary, small rounds of all programmes; the lists computed again here."""
import decimal
import glob
import json
import os
import shutil
import tempfile
import unittest
import zipfile

from server import POSTGRES, run_cli, store_of

SMALL = ("--applications", "48", "--experts", "40")


def combined(rubric, sheets):
    """The sheets of an application as its rubric combines them."""
    how = rubric.get("combine", "mean")
    if how == "median":
        middle = sorted(sheets)[(len(sheets) - 1) // 2:len(sheets) // 2 + 1]
        return sum(middle) / len(middle)
    if how == "trimmed-mean" and len(sheets) >= rubric.get("trim_min", 5):
        sheets = sorted(sheets)[1:-1]
    return sum(sheets) / len(sheets)


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
        self.assertEqual({each["id"] for each in given["programmes"]}, {each["programme"] for each in self.report["lists"] if each["ranking"]})
        rubrics = {each["id"]: each["rubric"] for each in given["programmes"]}
        programme = {each["id"]: each["programme"] for each in given["applications"]}
        totals = {}
        for sheet in given["sheets"]:
            if "withdrawn" in sheet:
                continue
            rubric = rubrics[programme[sheet["application"]]]
            share = {each["id"]: decimal.Decimal(each["weight"]) / 100 if rubric.get("scale") == "hundred" else 1 for each in rubric["criteria"]}
            totals.setdefault(sheet["application"], []).append(sum(decimal.Decimal(mark) * share[name] for name, mark in sheet["scores"].items()))
        seen = 0
        for listed in self.report["lists"]:
            places = rubrics.get(listed["programme"], {}).get("rounding", {}).get("places", 2)
            scores = []
            for row in listed["ranking"]:
                value = combined(rubrics[listed["programme"]], totals[row["id"]]).quantize(decimal.Decimal(1).scaleb(-places), decimal.ROUND_HALF_UP)
                self.assertEqual(row["score"], str(value), row)
                scores.append(value)
                seen += 1
            self.assertEqual(scores, sorted(scores, reverse=True))
            self.assertEqual([row["selected"] for row in listed["ranking"]], [at < listed["planned"] for at in range(len(scores))])
            if scores:
                with zipfile.ZipFile(self.path(listed["programme"] + ".xlsx")) as book:
                    formulas = sum(book.read(name).count(b"<f>") for name in book.namelist() if name.startswith("xl/worksheets/"))
                self.assertGreater(formulas, 2 * len(scores), listed["programme"])
        self.assertGreater(seen, 10)

    def test_exports_verify_and_a_changed_byte_is_found(self):
        kinds = {"conflicts": "conflicts*.json", "draw": "draw-*.json", "assign": "assignment-*.json", "results": "results.json"}
        for command, pattern in kinds.items():
            files = glob.glob(self.path(pattern))
            self.assertTrue(files, pattern)
            for file in files:
                run_cli(command, "verify", file)
            with open(files[0], "rb") as source:
                content = source.read()
            at = content.rindex(b'"') - 1  # the last letter of a text in it
            changed = self.path("changed.json")
            with open(changed, "wb") as target:
                target.write(content[:at] + (b"x" if content[at:at + 1] != b"x" else b"y") + content[at + 1:])
            self.assertEqual(run_cli(command, "verify", changed, check=False).returncode, 1, command)

    def test_over_http_it_ends_with_the_same_lists(self):
        with tempfile.TemporaryDirectory(prefix="chuyi-e2e-") as folder:
            store = ["--on", store_of(folder)] if POSTGRES else []
            remote = json.loads(simulate("--http", *store))
            if POSTGRES:
                again = run_cli("simulate", "--http", *store, "--applications", "1", "--experts", "10", check=False)
                self.assertEqual((again.returncode, "simulate.store" in again.stderr), (1, True), again)
        for part, here in self.report.items():
            self.assertEqual(remote[part], here, part)

    def test_years_of_annual_checks(self):
        report = json.loads(run_cli("simulate", "--json", "--applications", "20", "--experts", "30", "--years", "1").stdout)
        self.assertIn("annual_check", [each["state"] for each in report["bottlenecks"]])
        self.assertGreaterEqual(report["last_day"], "2027-01-01")

    def test_a_call_of_ones_own(self):
        with tempfile.TemporaryDirectory(prefix="chuyi-e2e-") as folder:
            call = os.path.join(folder, "call.json")

            def rehearse(content, check=True):
                with open(call, "w", encoding="utf-8") as target:
                    json.dump(content, target)
                return simulate("--call", call, check=check) if check else run_cli("simulate", "--json", "--call", call, check=False)

            period = {"opens": "2026-09-01", "deadline": "2026-10-20T12:00", "planned": {"workshop": 2}}
            report = json.loads(rehearse({"id": "2026-2", "title": "Autumn", "programmes": ["workshop", "training-base"], "parameters": period}))
            # 32 working days, with those moved for the National Day: 09-20 and 10-10 are worked, 09-25 and 10-01 to 10-07 are not.
            self.assertEqual(report["call"], {"id": "2026-2", "title": "Autumn", "opens": "2026-09-01", "deadline": "2026-10-20", "working_days": 32})
            self.assertEqual([(each["id"], each["planned"]) for each in report["programmes"]][1], ("workshop", 2))
            self.assertGreater(report["last_day"], "2026-10-20")
            for programmes, parameters in ((["no-such"], period), (["workshop"], {"opens": "2026-09-01", "deadline": "2026-08-01"})):
                refused = rehearse({"id": "2026-2", "title": "Autumn", "programmes": programmes, "parameters": parameters}, check=False)
                self.assertEqual(refused.returncode, 1, refused)
                self.assertIn("simulate.call", refused.stdout + refused.stderr)

    def test_for_people(self):
        said = run_cli("simulate", "--applications", "20", "--experts", "30", "--lang", "en").stdout
        self.assertIn("Where the time goes", said)
        self.assertIn("Quota clashes", said)


if __name__ == "__main__":
    unittest.main()

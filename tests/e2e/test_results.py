"""Goal: anybody can do a ranking again: by `chuyi results verify`, and by a spreadsheet, to the last digit. Method: made-up
rounds through the command line; the formulas of the workbook are evaluated here, in binary numbers as spreadsheets do,
without the values that it came with."""
import csv
import json
import os
import random
import re
import shutil
import statistics
import tempfile
import unittest
import zipfile
from decimal import ROUND_HALF_UP, Decimal
from xml.etree import ElementTree

from server import run_cli

RUBRIC = {"scale": "hundred", "combine": "trimmed-mean",
          "criteria": [{"id": "a", "weight": "33.3", "criteria": [{"id": "a1", "weight": "41.5"}, {"id": "a2", "weight": "58.5"}]},
                       {"id": "b", "weight": "46.7"},
                       {"id": "c", "weight": "20", "levels": [{"id": "A", "points": "95"}, {"id": "B", "points": "80"}]}],
          "tie_breakers": [{"by": "criterion", "criterion": "a"}, {"by": "median"}],
          "stages": [{"id": "written", "weight": "50"}, {"id": "meeting", "weight": "50"}]}


def made_up(seed, size, experts, calibration, combine):
    rng = random.Random(seed)
    applications = [{"id": f"a{i:04}", "programme": "w"} for i in range(size)]
    panels, sheets = [], []
    for stage in ("written", "meeting"):
        for first in range(0, size, 10):
            panel = {"id": f"{stage}-{first}", "stage": stage, "applications": [each["id"] for each in applications[first:first + 10]],
                     "experts": [f"{stage}-{first}-{i}" for i in range(experts)]}
            panels.append(panel)
            for application in panel["applications"]:
                for expert in panel["experts"]:
                    def score():
                        return f"{rng.randint(60, 99)}.{rng.randint(0, 99):02}"
                    sheets.append({"application": application, "panel": panel["id"], "expert": expert,
                                   "scores": {"a1": score(), "a2": score(), "b": score(), "c": rng.choice("AB")}})
    programme = {"id": "w", "rubric": RUBRIC | {"combine": combine}, "calibration": calibration, "lists": [{"id": "all", "places": size // 4}]}
    return {"round": "2026", "programmes": [programme], "applications": applications, "panels": panels, "sheets": sheets}


class Workbook:
    """The cells of an .xlsx, and what its formulas come to."""
    SPACE = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}

    def __init__(self, path):
        self.cells, self.known, self.formulas = {}, {}, 0
        with zipfile.ZipFile(path) as archive:
            def tree(name):
                return ElementTree.fromstring(archive.read(name))
            strings = ["".join(text.itertext()) for text in tree("xl/sharedStrings.xml").findall("m:si", self.SPACE)]
            self.names = [sheet.get("name") for sheet in tree("xl/workbook.xml").find("m:sheets", self.SPACE)]
            for number, name in enumerate(self.names, 1):
                for cell in tree(f"xl/worksheets/sheet{number}.xml").iter("{%s}c" % self.SPACE["m"]):
                    formula, value = cell.find("m:f", self.SPACE), cell.findtext("m:v", None, self.SPACE)
                    if formula is not None:
                        self.formulas += 1
                        self.cells[name, cell.get("r")] = formula
                    else:
                        self.known[name, cell.get("r")] = strings[int(value)] if cell.get("t") == "s" else float(value)

    def value(self, sheet, cell):
        key = (sheet, cell)
        if key not in self.known:
            self.known[key] = self.compute(self.cells[key].text, sheet) if key in self.cells else None
        return self.known[key]

    def span(self, sheet, first, last):
        column, start, end = re.match("[A-Z]+", first)[0], int(re.search(r"\d+", first)[0]), int(re.search(r"\d+", last)[0])
        return [self.value(sheet, f"{column}{row}") for row in range(start, end + 1)]

    def compute(self, formula, sheet):
        def reference(match):
            of = match[1] or sheet
            first, last = match[2].replace("$", ""), (match[3] or "").replace("$", "")
            return f"span({of!r}, {first!r}, {last!r})" if last else f"value({of!r}, {first!r})"
        code = re.sub(r"(?:'([^']+)'!)?(\$?[A-Z]+\$?[0-9]+)(?::(\$?[A-Z]+\$?[0-9]+))?", reference, formula)
        code = re.sub(r'">"&(value\([^)]*\))', r"above(\1)", code)
        code = re.sub(r"(?<![<>=])=0,", "==0,", code)
        functions = {
            "ROUND": lambda x, places: float(Decimal(repr(x)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)),
            "SUM": lambda cells: sum(numbers(cells)), "AVERAGE": lambda cells: sum(numbers(cells)) / len(numbers(cells)), "COUNT": lambda cells: len(numbers(cells)),
            "MAX": lambda cells: max(numbers(cells)), "MIN": lambda cells: min(numbers(cells)), "MEDIAN": lambda cells: statistics.median(numbers(cells)),
            "STDEVP": lambda cells: statistics.pstdev(numbers(cells)), "IF": lambda test, yes, no: yes if test else no,
            "COUNTIFS": lambda *tests: sum(all(fits(cell, test) for cell, test in zip(row, tests[1::2])) for row in zip(*tests[::2])),
            "above": lambda limit: lambda cell: cell > limit, "span": self.span, "value": self.value}

        def numbers(cells):
            return [cell for cell in cells if isinstance(cell, (int, float))]

        def fits(cell, test):
            return test(cell) if callable(test) else cell == test
        return eval(code, {"__builtins__": {}}, functions)  # pylint: disable=eval-used


class Results(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="chuyi-results-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.export = os.path.join(self.folder, "export.json")

    def compute(self, data):
        path = os.path.join(self.folder, "input.json")
        with open(path, "w", encoding="utf-8") as out:
            json.dump(data, out)
        return run_cli("results", "compute", path, "--output", self.export, check=False)

    def test_a_spreadsheet_comes_to_the_same_digits(self):
        for seed, experts, calibration, combine in ((1, 5, {"method": "z-score", "rank_by": "calibrated"}, "trimmed-mean"), (2, 4, {}, "trimmed-mean"),
                                                    (3, 3, {"method": "panel-shift"}, "mean"), (4, 4, {}, "median")):
            self.assertEqual(self.compute(made_up(seed, 40, experts, calibration, combine)).returncode, 0)
            run_cli("results", "tables", self.export, os.path.join(self.folder, "tables"), "--lang", "en")
            book = Workbook(os.path.join(self.folder, "tables", "w.xlsx"))
            self.assertGreater(book.formulas, 500)
            for name, table in zip(book.names, ("sheets", "stages", "panels", "values", "list-1")):
                with open(os.path.join(self.folder, "tables", f"w-{table}.csv"), encoding="utf-8-sig", newline="") as rows:
                    for number, row in enumerate(csv.reader(rows), 1):
                        for column, text in enumerate(row):
                            value = book.value(name, chr(ord("A") + column) + str(number))
                            self.assertEqual(value if isinstance(value, str) or value is None else float(value), text if isinstance(value, str) else float(text) if text else None, (seed, table, number, column))

    def test_a_changed_export_is_found(self):
        self.assertEqual(self.compute(made_up(5, 10, 3, {}, "mean")).returncode, 0)
        self.assertEqual(json.loads(run_cli("results", "verify", self.export, "--json").stdout), {"verified": True})
        with open(self.export, encoding="utf-8") as file:
            text = file.read()
        at = text.index('"a1":"', text.index('"sheets"')) + 6
        with open(self.export, "w", encoding="utf-8") as file:
            file.write(text[:at] + ("8" if text[at] != "8" else "7") + text[at + 1:])
        done = run_cli("results", "verify", self.export, "--json", check=False)
        report = json.loads(done.stdout)
        self.assertEqual((done.returncode, report["verified"], report["code"]), (1, False, "results.differs"))
        self.assertIn("/input_sha256", [each["place"] for each in report["differences"]])
        self.assertEqual(run_cli("results", "tables", self.export, self.folder, check=False).returncode, 1)

    def test_a_bad_input_is_refused_with_its_places(self):
        data = made_up(6, 10, 3, {}, "mean")
        data["sheets"][3]["scores"]["b"] = "100.01"
        del data["sheets"][4]["scores"]["c"]
        done = self.compute(data)
        self.assertEqual(done.returncode, 1)
        self.assertIn("/sheets/3/scores/b", done.stderr)
        self.assertIn("/sheets/4/scores/c", done.stderr)
        self.assertEqual(run_cli("results", check=False).returncode, 2)


if __name__ == "__main__":
    unittest.main()

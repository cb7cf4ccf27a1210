"""Goal: workflows are drawn, told and compared at the command line, and an application's picture shows its way.
Method: the real program on the shipped workflow and packages."""
import json
import os
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ET

from scenario import Way, set_up
from server import BINARY_DIR, CHUYI, SOURCE_DIR, Server, run_cli

WORKFLOW = os.path.join(SOURCE_DIR, "workflows", "selection.scxml")
PACKAGES = [os.path.join(BINARY_DIR, "plugins", name) for name in ("workshop", "vocational-alliance")]


class Commands(unittest.TestCase):
    def test_diagram_in_each_format(self):
        for language in ("zh", "en"):
            svg = run_cli("diagram", WORKFLOW, "--lang", language).stdout
            self.assertEqual(ET.fromstring(svg).tag, "{http://www.w3.org/2000/svg}svg")
            self.assertNotIn("<style", svg)
            self.assertTrue(run_cli("diagram", WORKFLOW, "--dot", "--lang", language).stdout.startswith("digraph"))
            self.assertTrue(run_cli("diagram", WORKFLOW, "--mermaid", "--lang", language).stdout.startswith("stateDiagram-v2\n"))
        png = subprocess.run([CHUYI, "diagram", WORKFLOW, "--png"], capture_output=True, timeout=120, check=True).stdout
        self.assertEqual(png[:8], b"\x89PNG\r\n\x1a\n")
        self.assertEqual(run_cli("diagram", WORKFLOW, "--png", "--dot", check=False).returncode, 2)
        self.assertEqual(run_cli("explain", WORKFLOW, "--lang", "fr", check=False).returncode, 2)

    def test_explain_takes_a_package_with_its_numbers(self):
        said = [run_cli("explain", package, "--lang", "zh").stdout for package in PACKAGES]
        for text in said:
            for words in ("推荐申报", "资格审查", "补正", "公示期为5个工作日（含首日）", "认定", "年度考核", "整改", "撤销", "建设未满3年"):
                self.assertIn(words, text)
            self.assertNotIn("programme.", text)
        self.assertIn("《“楚怡”工坊推荐申报书》", said[0])

    def test_diff(self):
        with tempfile.TemporaryDirectory() as folder:
            new = os.path.join(folder, "new.scxml")
            with open(WORKFLOW, encoding="utf-8") as old, open(new, "w", encoding="utf-8") as out:
                out.write(old.read().replace("working_days(60)", "working_days(30)"))
            self.assertEqual(run_cli("diff", WORKFLOW, new).stdout, "1  对申报人：“整改”的期限由60个工作日改为30个工作日。\n")
            self.assertEqual(json.loads(run_cli("diff", WORKFLOW, new, "--json", "--lang", "en").stdout),
                             [{"kind": "step.deadline", "state": "rectification", "who": ["applicant"],
                               "text": "The deadline of \"Rectification\" changes: before 60 working days, now 30 working days."}])
            self.assertEqual(json.loads(run_cli("diff", WORKFLOW, WORKFLOW, "--json").stdout), [])
        missing = run_cli("diff", WORKFLOW, "nowhere.scxml", check=False)
        self.assertEqual(missing.returncode, 1)
        self.assertIn("nowhere.scxml", missing.stderr)


class Picture(unittest.TestCase):
    def test_the_way_so_far(self):
        with tempfile.TemporaryDirectory() as data:
            server = Server(data)
            try:
                tokens = set_up(server)
                way = Way(server, tokens, "workshop")
                way.nominate()
                way.review()
                svg = server.request("GET", f"/api/v1/applications/{way.id}/diagram.svg?lang=en", token=tokens["applicant"])
                self.assertEqual(svg.status, 200)
                groups = {group.get("id"): group.get("class") for group in ET.fromstring(svg.body).iter("{http://www.w3.org/2000/svg}g")}
                self.assertEqual(groups["state-notice_open"], "node current")
                for state in ("drafting", "recommendation", "formal_check", "panel_review", "deliberation"):
                    self.assertEqual(groups["state-" + state], "node visited")
                for state in ("correction", "declined", "granting"):
                    self.assertEqual(groups["state-" + state], "node")
                self.assertEqual(sum(1 for kind in groups.values() if kind == "edge visited"), 7)
            finally:
                server.stop()


if __name__ == "__main__":
    unittest.main()

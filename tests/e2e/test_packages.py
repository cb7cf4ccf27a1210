"""Goal: packages as an administrator handles them: put into the data folder, checked from the command line."""
import os
import shutil
import tempfile
import unittest
import zipfile
from unittest import mock

from scenario import set_up
from server import BINARY_DIR, SOURCE_DIR, Server, run_cli
from test_rules import package

BUILT = os.path.join(BINARY_DIR, "plugins", "workshop")


class DataFolder(unittest.TestCase):
    def setUp(self):
        self.data = tempfile.mkdtemp(prefix="chuyi-e2e-")
        self.addCleanup(shutil.rmtree, self.data)

    def test_a_package_in_the_data_folder_of_a_fresh_installation_appears(self):
        server = Server(self.data)
        tokens = set_up(server)
        try:
            package(os.path.join(self.data, "plugins"), "dropped-in")
            answer = server.request("POST", "/api/v1/admin/plugins/reload", {}, tokens["admin"])
            self.assertEqual((answer.status, answer.json["problems"]), (200, []))
            self.assertIn("dropped-in", [each["id"] for each in answer.json["programmes"]])
            package(os.path.join(self.data, "plugins"), "broken")
            manifest = os.path.join(self.data, "plugins", "broken", "plugin.xml")
            with open(manifest, encoding="utf-8") as source:
                text = source.read()
            with open(manifest, "w", encoding="utf-8") as out:
                out.write(text.replace('years="3"', 'years="x"'))
            answer = server.request("POST", "/api/v1/admin/plugins/reload", {}, tokens["admin"])
            self.assertRegex(answer.json["problems"][0]["place"], r"^broken/plugin\.xml:\d+:\d+$")
            self.assertIn("dropped-in", [each["id"] for each in answer.json["programmes"]])
        finally:
            server.stop()


    def test_a_package_that_breaks_a_policy_is_refused_with_the_way_there(self):
        server = Server(self.data)
        tokens = set_up(server)
        try:
            with open(os.path.join(SOURCE_DIR, "tests", "check", "charts", "policy_no_publicity.scxml"), encoding="utf-8") as source:
                package(os.path.join(self.data, "plugins"), "hasty", workflow=source.read())
            answer = server.request("POST", "/api/v1/admin/plugins/reload", {}, tokens["admin"])
            self.assertEqual([each["code"] for each in answer.json["problems"]], ["check.policy"])
            problem = answer.json["problems"][0]
            self.assertRegex(problem["place"], r"^hasty/own\.scxml:\d+:\d+$")
            self.assertIn("publicity-before-award", problem["detail"])
            for text in (problem["detail"], problem["detail_zh"]):
                self.assertRegex(text, r"1\. .*2\. .*recommend.*3\. .*deliberate")
            self.assertNotIn("hasty", [each["id"] for each in answer.json["programmes"]])
        finally:
            server.stop()


class Check(unittest.TestCase):
    def test_a_source_folder_says_what_is_missing_and_where(self):
        for path in ("plugins/workshop", "plugins/workshop/"):
            done = run_cli("check", os.path.join(SOURCE_DIR, path), check=False)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stdout, r"^workshop/plugin\.xml:\d+:\d+: .*Build it.*\[plugin\.library\]")

    def test_a_built_folder_and_its_archive_are_good_and_leave_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            archive, scratch = os.path.join(folder, "workshop.zip"), os.path.join(folder, "tmp")
            os.mkdir(scratch)
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
                for name in ("plugin.xml", "libworkshop.so", "forms/nomination.json", "forms/annual.json"):
                    out.write(os.path.join(BUILT, name), name)
            before = set(os.listdir(tempfile.gettempdir()))
            with mock.patch.dict(os.environ, TMPDIR=scratch):
                self.assertEqual(run_cli("check", BUILT + "/", archive).stdout, "")
                for command in ("explain", "diagram"):
                    run_cli(command, archive)
            self.assertEqual(os.listdir(scratch), [])
            self.assertNotIn("libraries", set(os.listdir(tempfile.gettempdir())) - before)


if __name__ == "__main__":
    unittest.main()

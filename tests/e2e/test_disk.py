"""Goal: a disk that fails or is full is a 503, never a success, and nothing acknowledged is lost.
Method: a real server whose writes and syncs are made to fail while it runs."""
import glob
import os
import shutil
import tempfile
import unittest

from scenario import Way, set_up
from server import BINARY_DIR, POSTGRES, Server, pdf, quote, run_cli

SHIM = os.path.join(BINARY_DIR, "tests", "e2e", "libdisk_faults.so")


@unittest.skipIf(POSTGRES, "the database's disk is another program's")
@unittest.skipIf(os.environ.get("CHUYI_SANITIZED"), "a sanitizer's runtime has to be loaded first")
class Disk(unittest.TestCase):
    def setUp(self):
        self.data = tempfile.mkdtemp(prefix="chuyi-disk-")
        self.addCleanup(shutil.rmtree, self.data)
        self.faults = os.path.join(self.data, "faults")
        self.server = Server(self.data, env={"LD_PRELOAD": SHIM, "CHUYI_FAULTS": self.faults})
        self.tokens = set_up(self.server)
        self.way = Way(self.server, self.tokens, "workshop")
        self.way.create()

    def disk(self, state):
        with open(self.faults, "w", encoding="ascii") as out:
            out.write(state)

    def create(self):
        return self.server.request("POST", "/api/v1/applications", {"programme": "workshop", "round": "2026", "title": "另一个"}, self.tokens["applicant"])

    def upload(self, name):
        return self.server.request("POST", f"/api/v1/applications/{self.way.id}/documents?kind=agreement&name={quote(name)}", pdf(name),
                                   self.tokens["applicant"], headers={"Content-Type": "application/pdf"})

    def titles(self):
        return [each["title"] for each in self.server.request("GET", "/api/v1/applications", token=self.tokens["applicant"]).json["items"]]

    def test_a_failed_sync_is_answered_and_ends_the_server(self):
        self.disk("sync")
        answer = self.create()
        self.assertEqual((answer.status, answer.json["code"]), (503, "store.io"))
        self.assertNotEqual(self.server.stop(), 0, "it ends by itself, with an error")
        self.disk("")
        self.server.start()
        self.assertEqual(self.server.request("GET", "/readyz").status, 200)
        self.assertIn("湘绣技艺工坊", self.titles())
        self.assertEqual(self.create().status, 201)
        self.assertEqual(self.server.stop(), 0)

    def test_a_failed_sync_of_a_document_is_no_success(self):
        self.disk("sync")
        self.assertEqual(self.upload("a.pdf").status, 503)
        self.server.stop()
        self.disk("")
        self.server.start()
        self.assertEqual(self.server.request("GET", f"/api/v1/applications/{self.way.id}/documents", token=self.tokens["applicant"]).json["items"], [])
        self.assertEqual(self.upload("a.pdf").status, 201)
        self.assertEqual(self.server.stop(), 0)

    def test_a_full_disk_refuses_until_there_is_space(self):
        self.disk("full")
        answer = self.create()
        self.assertEqual((answer.status, answer.json["code"]), (503, "store.full"))
        upload = self.upload("a.pdf")
        self.assertEqual(upload.status, 503, upload.body)
        self.disk("")
        self.assertEqual(self.titles(), ["湘绣技艺工坊"])
        self.assertEqual(self.create().status, 201)
        self.assertEqual(self.upload("a.pdf").status, 201)
        self.assertEqual(os.listdir(os.path.join(self.data, "documents", "staging")), [])
        self.assertEqual(self.server.stop(), 0)

    def test_a_package_that_finds_no_space_changes_nothing(self):
        archive = os.path.join(self.data, "lots.zip")
        run_cli("plugin", "pack", os.path.join(BINARY_DIR, "plugins-examples", "lots"), "-o", archive)
        with open(archive, "rb") as packed:
            content = packed.read()

        def install():
            return self.server.request("POST", "/api/v1/admin/plugins?unsigned=true", content, self.tokens["admin"], headers={"Content-Type": "application/zip"})

        def kept():
            listed = self.server.request("GET", "/api/v1/admin/plugins", token=self.tokens["admin"]).json["items"]
            return listed, sorted(path for folder in ("plugins", "libraries", "staging") for path in glob.glob(os.path.join(self.data, folder, "**"), recursive=True))

        before = kept()
        for state, code in (("full", "plugin.kept"), ("libraries", "plugin.library_kept"), ("database", "store.full")):
            with self.subTest(state):
                self.disk(state)
                answer = install()
                self.disk("")
                self.assertEqual((answer.status, answer.json["code"]), (503, code), answer.body)
                self.assertEqual(kept(), before)
        self.assertEqual(install().status, 201)
        self.assertEqual(self.server.stop(), 0)


if __name__ == "__main__":
    unittest.main()

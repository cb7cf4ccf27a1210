"""Goal: no node keeps what another needs. Method: two real servers on one PostgreSQL, the second with an empty data folder."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.request

from scenario import Way, set_up
from server import BINARY_DIR, CLUSTER, POSTGRES, SOURCE_DIR, Server, pdf, psql, quote, run_cli, store_of
from test_http_gate import check_nul
from test_rules import package


@unittest.skipUnless(CLUSTER, "no PostgreSQL here: tools/deps.sh --tests installs it")
class Shared(unittest.TestCase):
    def setUp(self):
        self.folders = [tempfile.mkdtemp(prefix="chuyi-node-") for _ in range(2)]
        for folder in self.folders:
            self.addCleanup(shutil.rmtree, folder)
        self.store = store_of(self.folders[0])
        self.first, self.second = self.nodes = [Server(folder, "--plugin-call-ms", "1500", store=self.store) for folder in self.folders]
        self.tokens = set_up(self.first)
        self.addCleanup(lambda: [node.stop() for node in self.nodes if node.process and node.process.poll() is None])

    def files(self, folder):
        return [os.path.join(top, name) for top, _, names in os.walk(folder) for name in names if name not in ("lock", "stderr.log")]

    def test_a_document_goes_in_through_one_node_and_out_through_the_other(self):
        self.second.start()
        way = Way(self.first, self.tokens, "workshop")
        way.create()
        way.fill()
        way.server = self.second
        token = self.tokens["applicant"]
        path = f"/api/v1/applications/{way.id}/documents"
        added = self.first.request("POST", f"{path}?kind=evidence&name={quote('大.pdf')}", pdf("x") + os.urandom(700_000), token, headers={"Content-Type": "application/pdf"})
        self.assertEqual(added.status, 201, added.body)
        items = self.second.request("GET", path, token=token).json["items"]
        self.assertEqual(len(items), 4)
        for each in items:
            bodies = {node.request("GET", f"{path}/{each['id']}", token=token).body for node in self.nodes}
            self.assertEqual([len(body) for body in bodies], [each["size"]])
        way.do("POST", f"/api/v1/applications/{way.id}/submit", {}, "applicant", 200)  # seals what the first took
        for node in self.nodes:
            bundle = node.request("GET", f"/api/v1/applications/{way.id}/bundle", token=token)
            bag = os.path.join(self.folders[0], "sealed.zip")
            with open(bag, "wb") as out:
                out.write(bundle.body)
            self.assertIn("valid: BagIt 1.0, 5 files", run_cli("bag", "validate", bag).stdout)
        self.first.kill()
        again = self.second.request("GET", f"/api/v1/applications/{way.id}/bundle", token=token)
        self.assertEqual(again.body, bundle.body)
        self.assertEqual([name for name in self.files(self.folders[1]) if not name.endswith(".so")], [])

    def test_text_with_a_nul_is_refused_at_the_gate_as_on_any_store(self):
        way = Way(self.first, self.tokens, "workshop")
        way.nominate()
        way.review()
        check_nul(self, self.first, self.tokens)

    def test_a_package_that_one_node_was_given_is_served_by_all(self):
        self.second.start()
        package(os.path.join(self.folders[0], "plugins"), "given")
        package(os.path.join(self.folders[0], "plugins"), "e2e-crash", library="libe2e_crash.so")
        reload = self.first.request("POST", "/api/v1/admin/plugins/reload", {}, self.tokens["admin"])
        self.assertEqual((reload.status, reload.json["problems"]), (200, []))
        way = Way(self.second, self.tokens, "given")
        body = {"programme": "given", "round": "2026", "title": "另一节点"}
        way.id = way.do("POST", "/api/v1/applications", body, "applicant", 201).json["id"]
        for node in self.nodes:
            self.assertEqual(node.request("GET", "/api/v1/programmes/given").status, 200)
            answer = node.request("GET", f"/api/v1/applications/{way.id}", token=self.tokens["applicant"])
            self.assertEqual((answer.status, answer.json["programme"]), (200, "given"))
        # Native code too: it runs, and crashes, on the node that was never given it.
        crash = Way(self.second, self.tokens, "workshop")
        crash.id = crash.do("POST", "/api/v1/applications", dict(body, programme="e2e-crash"), "applicant", 201).json["id"]
        crash.fill()
        answer = self.second.request("POST", f"/api/v1/applications/{crash.id}/submit", {}, self.tokens["applicant"])
        self.assertEqual((answer.status, answer.json["code"]), (503, "plugin.crashed"), answer.body)

    def test_a_node_that_comes_later_knows_nothing_but_the_url(self):
        package(os.path.join(self.folders[0], "plugins"), "given")
        self.first.request("POST", "/api/v1/admin/plugins/reload", {}, self.tokens["admin"])
        way = Way(self.first, self.tokens, "given")
        way.create()
        self.first.stop()
        shutil.rmtree(self.folders[0])
        os.mkdir(self.folders[0])
        self.second.start()
        self.assertIn("given", [each["id"] for each in self.second.request("GET", "/api/v1/programmes").json["items"]])
        answer = self.second.request("GET", f"/api/v1/applications/{way.id}", token=self.tokens["applicant"])
        self.assertEqual(answer.status, 200, answer.body)
        self.assertIn("draft", answer.json)
        body = {"programme": "given", "round": "2026", "title": "后来的节点"}
        self.assertEqual(self.second.request("POST", "/api/v1/applications", body, self.tokens["applicant"]).status, 201)

    def test_the_newest_version_counts_and_what_was_chosen_counts_more(self):
        def put(node, version):
            folder = os.path.join(node.data, "plugins")
            shutil.rmtree(os.path.join(folder, "given"), ignore_errors=True)
            package(folder, "given")
            path = os.path.join(folder, "given", "plugin.xml")
            with open(path, encoding="utf-8") as source:
                text = source.read()
            with open(path, "w", encoding="utf-8") as out:
                out.write(text.replace('version="1.1.0"', f'version="{version}"', 1))

        def offered():
            return json.loads(psql(self.store, "SELECT value FROM settings WHERE key = 'packages'")[0][0])["given"]["version"]

        put(self.first, "1.2.0")
        self.first.request("POST", "/api/v1/admin/plugins/reload", {}, self.tokens["admin"])
        self.assertEqual(offered(), "1.2.0")
        os.makedirs(os.path.join(self.second.data, "plugins"), exist_ok=True)
        put(self.second, "1.0.0")
        self.second.start()
        self.assertEqual(offered(), "1.2.0", "an older one that a node finds when it starts is no reason")
        put(self.second, "1.1.0")
        self.second.request("POST", "/api/v1/admin/plugins/reload", {}, self.tokens["admin"])
        self.assertEqual(offered(), "1.1.0", "somebody chose it")

    def test_an_archive_installed_on_one_node_comes_and_goes_on_all(self):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(os.path.join(BINARY_DIR, "plugins", "workshop"), os.path.join(folder, "given"))
            package_file = os.path.join(folder, "given", "plugin.xml")
            with open(package_file, encoding="utf-8") as source:
                text = source.read()
            with open(package_file, "w", encoding="utf-8") as out:
                out.write(text.replace('id="workshop"', 'id="given"', 1).replace('  <library src="libworkshop.so"/>\n', ""))
            run_cli("plugin", "pack", os.path.join(folder, "given"), "-o", os.path.join(folder, "given.zip"))
            with open(os.path.join(folder, "given.zip"), "rb") as source:
                archive = source.read()
        self.second.start()
        admin = self.tokens["admin"]
        installed = self.first.request("POST", "/api/v1/admin/plugins?unsigned=true", archive, admin, headers={"Content-Type": "application/zip"})
        self.assertEqual(installed.status, 201, installed.body)
        self.assertEqual(self.second.request("GET", "/api/v1/programmes/given").json["digest"], installed.json["digest"])
        self.assertEqual(self.second.request("POST", "/api/v1/admin/plugins/given/disable", {}, admin).status, 200)
        body = {"programme": "given", "round": "2026", "title": "停用"}
        self.assertEqual(self.first.request("POST", "/api/v1/applications", body, self.tokens["applicant"]).json["code"], "programme.disabled")
        self.first.kill()
        self.assertEqual(self.second.request("DELETE", "/api/v1/admin/plugins/given", token=admin).status, 204)
        self.assertEqual(self.second.request("GET", "/api/v1/programmes/given").status, 404)
        self.first.start()  # with the archive still in its folder
        self.assertEqual(self.first.request("GET", "/api/v1/programmes/given").status, 404)
        again = self.first.request("POST", "/api/v1/admin/plugins?unsigned=true", archive, admin, headers={"Content-Type": "application/zip"})
        self.assertEqual(again.status, 201, again.body)
        self.assertEqual(self.first.request("GET", "/api/v1/programmes/given").json["enabled"], True)


class InS3(unittest.TestCase):
    def setUp(self):
        program = os.path.join(SOURCE_DIR, "tests", "support", "s3_server.py")
        self.s3 = subprocess.Popen([sys.executable, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.endpoint = self.s3.stdout.readline().strip()
        self.data = tempfile.mkdtemp(prefix="chuyi-s3-")
        self.server = Server(self.data, "--documents", "s3://documents/chuyi", "--s3-endpoint", self.endpoint, "--s3-region", "test-1",
                             env={"AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "s3cr3t/of+the+tests"})
        self.tokens = set_up(self.server)

    def tearDown(self):
        self.server.stop()
        shutil.rmtree(self.data)
        self.s3.stdin.close()
        self.s3.wait()
        self.s3.stdout.close()

    def control(self, asked=None):
        with urllib.request.urlopen(self.endpoint + "/control", data=json.dumps(asked).encode() if asked else None, timeout=30) as answer:
            return answer.read()

    def test_documents_and_bags_are_there_and_nowhere_else(self):
        way = Way(self.server, self.tokens, "workshop")
        way.create()
        way.fill()
        token = self.tokens["applicant"]
        path = f"/api/v1/applications/{way.id}/documents"
        self.control({"fail": 1000})
        refused = self.server.request("POST", f"{path}?kind=evidence&name=a.pdf", pdf("a"), token, headers={"Content-Type": "application/pdf"})
        self.assertEqual((refused.status, refused.json["code"]), (503, "document.io"))
        self.control({"fail": 0})
        way.do("POST", f"/api/v1/applications/{way.id}/submit", {}, "applicant", 200)
        bundle = self.server.request("GET", f"/api/v1/applications/{way.id}/bundle", token=token)
        bag = os.path.join(self.data, "sealed.zip")
        with open(bag, "wb") as out:
            out.write(bundle.body)
        self.assertIn("valid: BagIt 1.0, 4 files", run_cli("bag", "validate", bag).stdout)
        digests = {each["digest"] for each in self.server.request("GET", path, token=token).json["items"]} | {way.application()["bundle"]["digest"]}
        if POSTGRES:  # whose nodes have the native code of packages from there
            digests |= {digest for (digest,) in psql(store_of(self.data), "SELECT files::json ->> 'library.sha256' FROM definitions") if digest}
        self.assertEqual(set(json.loads(self.control())["keys"]), {f"/documents/chuyi/{digest}" for digest in digests})
        self.assertEqual([name for kept in ("documents", "staging") for _, _, names in os.walk(os.path.join(self.data, kept)) for name in names], [])
        with open(os.path.join(self.data, "stderr.log"), encoding="utf-8") as log:
            self.assertNotIn("s3cr3t", log.read())


if __name__ == "__main__":
    unittest.main()

"""Goal: packages come, change and go while the server runs; one with anything wrong changes nothing and says all of it."""
import base64
import glob
import hashlib
import io
import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
import unittest
import zipfile

from scenario import set_up
from server import BINARY_DIR, CHUYI, PASSWORD, POSTGRES, SOURCE_DIR, Server, run_cli, stored

CORPUS = os.path.join(os.environ.get("CHUYI_CORPUS", os.path.join(SOURCE_DIR, "..", "shared", "corpus")), "zip")


def chuyi(folder, *args, check=True):
    """`chuyi plugin …` in a folder."""
    done = subprocess.run([CHUYI, "plugin", *args], cwd=folder, capture_output=True, text=True, timeout=120)
    if check and done.returncode != 0:
        raise AssertionError(f"{args} exited {done.returncode}: {done.stdout}{done.stderr}")
    return done


def edit(path, *replacements):
    with open(path, encoding="utf-8") as source:
        text = source.read()
    for old, new in replacements:
        assert old in text, (path, old)
        text = text.replace(old, new)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)


def read(path):
    with open(path, "rb") as source:
        return source.read()


def entries(archive):
    with zipfile.ZipFile(io.BytesIO(archive)) as source:
        return [(each.filename, source.read(each)) for each in source.infolist()]


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        for name, content in files:
            target.writestr(name, content)
    return out.getvalue()


class Author(unittest.TestCase):
    """Someone with a folder, a key and a package called "fresh"."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="chuyi-author-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.key = chuyi(cls.folder, "keygen", "author").stdout.strip()
        cls.new("fresh")

    @classmethod
    def new(cls, name, *options):
        chuyi(cls.folder, "new", name, *options)

    @classmethod
    def pack(cls, name, key="author", version=None):
        if version:
            manifest = os.path.join(cls.folder, name, "plugin.xml")
            with open(manifest, encoding="utf-8") as source:
                text = source.read()
            with open(manifest, "w", encoding="utf-8") as out:
                out.write(re.sub(r'(<plugin [^>]* version=")[^"]*', rf"\g<1>{version}", text))
        chuyi(cls.folder, "pack", name, "-o", "packed.zip", *(["--key", key] if key else []))
        return read(os.path.join(cls.folder, "packed.zip"))


class Pack(Author):
    def test_the_same_folder_gives_the_same_bytes(self):
        first = self.pack("fresh")
        os.utime(os.path.join(self.folder, "fresh", "plugin.xml"), (0, 0))
        os.chmod(os.path.join(self.folder, "fresh", "plugin.xml"), 0o600)
        self.assertEqual(self.pack("fresh"), first)
        names = [name for name, _ in entries(first)]
        self.assertEqual(names, sorted(names))

    def test_the_signature_says_what_is_in_it(self):
        content = dict(entries(self.pack("fresh")))
        said = json.loads(content.pop("signature.json"))
        self.assertEqual(said["files"], {name: hashlib.sha256(each).hexdigest() for name, each in content.items()})
        self.assertEqual((said["algorithm"], said["key"]), ("Ed25519", self.key))
        self.assertEqual(len(base64.b64decode(said["signature"])), 64)
        # As anybody's openssl sees it.
        signed = json.dumps({key: said[key] for key in ("algorithm", "files", "key")}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        for name, data in (("signed", signed.encode()), ("signature", base64.b64decode(said["signature"]))):
            with open(os.path.join(self.folder, name), "wb") as out:
                out.write(data)
        done = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "author.pub", "-rawin", "-in", "signed", "-sigfile", "signature"],
                              cwd=self.folder, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_without_a_key_there_are_files_alone(self):
        self.assertEqual(list(json.loads(dict(entries(self.pack("fresh", key=None)))["signature.json"])), ["files"])

    def test_a_key_is_its_owners(self):
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.folder, "author")).st_mode), 0o600)
        self.assertEqual(chuyi(self.folder, "keygen", "author", check=False).returncode, 1)  # and not written over

    def test_links_are_not_packed(self):
        self.new("linked")
        os.symlink("/etc/passwd", os.path.join(self.folder, "linked", "passwd"))
        done = chuyi(self.folder, "pack", "linked", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("passwd: Expected files and folders alone, no links [plugin.file]", done.stderr)


class New(Author):
    def test_a_skeleton_passes_as_it_is(self):
        self.assertIn("3 tests, 0 failed", chuyi(self.folder, "test", "fresh").stderr)
        self.assertEqual(chuyi(self.folder, "new", "fresh", check=False).returncode, 1)
        self.assertEqual(chuyi(self.folder, "new", "../Fresh", check=False).returncode, 2)

    def test_a_native_skeleton_is_built_anywhere_and_passes(self):
        self.new("native", "--native")
        for command in (["cmake", "-S", "native", "-B", "elsewhere"], ["cmake", "--build", "elsewhere"]):
            subprocess.run(command, cwd=self.folder, check=True, capture_output=True, timeout=120)
        self.assertIn("4 tests, 0 failed", chuyi(self.folder, "test", "native").stderr)

    def test_a_failing_example_says_where_and_what_differs(self):
        self.new("failing")
        with open(os.path.join(self.folder, "failing", "tests", "more.json"), "w", encoding="utf-8") as out:
            json.dump([{"form": "nomination", "data": {}, "expect": {"findings": []}}, {"hook": "score", "input": {}, "expect": {"total": "1"}}, {"form": "other", "data": {}}], out)
        done = chuyi(self.folder, "test", "failing", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("tests/more.json#/0: Expected no findings, but found '/statement' form.required [plugin.test]", done.stdout)
        self.assertIn("tests/more.json#/1: Expected {\"total\":\"1\"}, but found {} [plugin.test]", done.stdout)
        self.assertIn("[plugin.test_file]", done.stdout)


class Shipped(unittest.TestCase):
    def test_each_package_passes_check_and_its_own_examples(self):
        for manifest in sorted(glob.glob(os.path.join(BINARY_DIR, "plugins", "*", "plugin.xml"))):
            with self.subTest(manifest):
                done = chuyi(os.path.dirname(manifest), "test", ".", check=False)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class OnServer(Author):
    def setUp(self):
        self.data = tempfile.mkdtemp(prefix="chuyi-e2e-")
        self.addCleanup(shutil.rmtree, self.data)
        self.server = Server(self.data)
        self.tokens = set_up(self.server)
        self.addCleanup(self.server.stop)

    def admin(self, method, path, body=None, **more):
        return self.server.request(method, "/api/v1/admin" + path, body, self.tokens["admin"], **more)

    def install(self, archive, query=""):
        return self.admin("POST", "/plugins" + query, archive, headers={"Content-Type": "application/zip"})

    def trust(self):
        answer = self.admin("POST", "/trust", {"name": "An author", "key": read(os.path.join(self.folder, "author.pub")).decode()})
        self.assertEqual((answer.status, answer.json["id"]), (201, self.key), answer.body)

    def plugin(self, name):
        return next((each for each in self.admin("GET", "/plugins").json["items"] if each["id"] == name), None)

    def programme(self, name):
        return self.server.request("GET", f"/api/v1/programmes/{name}")

    def apply(self, name):
        return self.server.request("POST", "/api/v1/applications", {"programme": name, "round": "2026", "title": "申报"}, self.tokens["applicant"])

    def files(self):
        return sorted(path for folder in ("plugins", "libraries", "staging") for path in glob.glob(os.path.join(self.data, folder, "**"), recursive=True))


class Live(OnServer):
    def test_a_package_comes_changes_and_goes_without_a_restart(self):
        self.trust()
        answer = self.install(self.pack("fresh", version="1.0.0"))
        self.assertEqual((answer.status, answer.json["changed"], answer.json["signed_by"]), (201, True, self.key), answer.body)
        self.assertEqual(self.programme("fresh").json["enabled"], True)
        listed = self.plugin("fresh")
        self.assertEqual((listed["installed"], listed["signed_by"], listed["signer"]), (True, self.key, "An author"))
        again = self.install(self.pack("fresh", version="1.0.0"))
        self.assertEqual((again.status, again.json["changed"]), (200, False))

        old = self.apply("fresh")
        self.assertEqual(old.status, 201, old.body)
        edit(os.path.join(self.folder, "fresh", "plugin.xml"), ('<quota province="10"/>', '<quota province="11"/>'))
        answer = self.install(self.pack("fresh"))
        self.assertEqual((answer.status, answer.json["code"]), (409, "plugin.version"))
        answer = self.install(self.pack("fresh", version="1.1.0"), "?upgrade=true")
        self.assertEqual(answer.status, 201, answer.body)
        new = self.apply("fresh")
        running = {each["version"]: each["running"] for each in self.plugin("fresh")["applications"]}
        self.assertEqual(running, {"1.0.0": 1, "1.1.0": 1})
        digests = {each["digest"]: each["version"] for each in self.plugin("fresh")["applications"]}
        on = {id: digests[definition] for id, definition in stored(self.data, "SELECT id, definition FROM sessions")}
        self.assertEqual(on, {old.json["id"]: "1.0.0", new.json["id"]: "1.1.0"})
        answer = self.install(self.pack("fresh", version="1.0.9"))
        self.assertEqual((answer.status, answer.json["code"]), (409, "plugin.downgrade"))
        self.assertEqual([os.path.basename(each) for each in glob.glob(self.data + "/plugins/*")], ["fresh-1.1.0.zip"])

        answer = self.admin("DELETE", "/plugins/fresh")
        self.assertEqual((answer.status, answer.json["code"]), (409, "plugin.in_use"))
        self.assertEqual(self.plugin("fresh")["enabled"], True)
        self.assertEqual(self.admin("POST", "/plugins/fresh/disable", {}).status, 200)
        answer = self.apply("fresh")
        self.assertEqual((answer.status, answer.json["code"]), (409, "programme.disabled"))
        self.assertEqual(self.programme("fresh").json["enabled"], False)
        token = self.tokens["applicant"]
        draft = self.server.request("GET", f"/api/v1/applications/{old.json['id']}", token=token).json["draft"]
        saved = self.server.request("PUT", f"/api/v1/applications/{old.json['id']}/draft", {"statement": "建设思路"}, token, headers={"If-Match": f'"{draft["revision"]}"'})
        self.assertEqual(saved.status, 200, saved.body)

        self.server.kill()
        self.server.start()
        self.assertEqual((self.plugin("fresh")["version"], self.plugin("fresh")["enabled"]), ("1.1.0", False))
        self.assertEqual(self.admin("POST", "/plugins/fresh/enable", {}).status, 200)
        self.assertEqual(self.apply("fresh").status, 201)

    def test_an_upgrade_while_a_hundred_applications_run(self):
        self.trust()
        self.assertEqual(self.install(self.pack("fresh", version="1.0.0")).status, 201)
        old = [self.apply("fresh").json["id"] for _ in range(100)]
        self.assertEqual(self.install(self.pack("fresh", version="1.1.0")).status, 201)
        new = [self.apply("fresh").json["id"] for _ in range(5)]
        self.assertEqual({each["version"]: each["running"] for each in self.plugin("fresh")["applications"]}, {"1.0.0": 100, "1.1.0": 5})
        before = dict(stored(self.data, "SELECT id, definition FROM sessions"))
        for each in old[:20]:  # which end on the version that they started with
            answer = self.server.request("POST", f"/api/v1/applications/{each}/events", {"event": "applicant.withdraw"}, self.tokens["applicant"])
            self.assertEqual((answer.status, answer.json["application"]["status"]), (200, "ended"), answer.body)
        moved = self.admin("POST", "/migrations", {"from": "fresh@1.0.0", "to": "fresh@1.1.0"})
        self.assertEqual((moved.status, {each["result"] for each in moved.json["applications"]}), (200, {"moved"}), moved.body)
        after = dict(stored(self.data, "SELECT id, definition FROM sessions"))
        self.assertEqual({each for each in before if before[each] != after[each]}, set(old[20:]))
        self.assertEqual({after[each] for each in old[20:]}, {after[each] for each in new})

    def test_what_nobody_uses_is_removed_and_can_come_again(self):
        self.trust()
        archive = self.pack("fresh")
        before = self.files()
        for _ in range(2):
            self.assertEqual(self.install(archive).status, 201)
            self.assertEqual(self.admin("DELETE", "/plugins/fresh").status, 204)
            self.assertEqual(self.programme("fresh").status, 404)
            self.assertEqual(self.files(), before)
        self.server.kill()
        self.server.start()
        self.assertEqual(self.programme("fresh").status, 404)
        self.assertEqual(self.admin("DELETE", "/plugins/fresh").json["code"], "programme.unknown")
        self.assertEqual(self.admin("DELETE", "/plugins/workshop").json["code"], "plugin.shipped")

    def test_trust(self):
        answer = self.admin("POST", "/trust", {"name": "x", "key": "no key"})
        self.assertEqual((answer.status, answer.json["code"]), (422, "trust.key"))
        self.trust()
        self.assertEqual([(each["id"], each["name"]) for each in self.admin("GET", "/trust").json["items"]], [(self.key, "An author")])
        self.assertEqual(self.admin("DELETE", f"/trust/{self.key}").status, 204)
        self.assertEqual(self.admin("DELETE", f"/trust/{self.key}").json["code"], "trust.unknown")
        self.assertEqual(self.install(self.pack("fresh")).json["code"], "plugin.unknown_key")

    def test_from_the_command_line(self):
        def on_server(*args, check=True):
            return run_cli("plugin", *args, "--server", f"127.0.0.1:{self.server.port}", "--password-stdin", stdin=PASSWORD + "\n", check=check)

        archive = os.path.join(self.folder, "packed.zip")
        self.pack("fresh", version="2.0.0")
        done = on_server("install", archive, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("[plugin.unknown_key]", done.stderr)
        on_server("trust", "add", os.path.join(self.folder, "author.pub"), "--name", "An author")
        self.assertIn("An author", on_server("trust", "list").stdout)
        self.assertIn("[plugin.not_there]", on_server("upgrade", archive, check=False).stderr)
        self.assertEqual(on_server("install", archive).stdout, "fresh 2.0.0 is installed\n")
        on_server("disable", "fresh")
        self.assertRegex(on_server("list").stdout, r"fresh  2\.0\.0  disabled")
        on_server("enable", "fresh")
        # Beside the running server; and on the data folder when it has stopped.
        self.assertIn("fresh", [each["id"] for each in json.loads(run_cli("plugin", "list", "--json", data=self.data).stdout)])
        if not POSTGRES:
            self.server.stop()
            self.pack("fresh", version="2.1.0")
            self.assertEqual(run_cli("plugin", "upgrade", archive, data=self.data).stdout, "fresh 2.1.0 is installed\n")
            run_cli("plugin", "remove", "fresh", data=self.data)
            self.assertNotIn("fresh", run_cli("plugin", "list", data=self.data).stdout)
            run_cli("plugin", "trust", "remove", self.key, data=self.data)
            self.assertEqual(run_cli("plugin", "trust", "list", data=self.data).stdout, "")
            self.server.start()

    def test_shipped_packages_are_listed_without_an_installation(self):
        with tempfile.TemporaryDirectory() as empty:
            items = json.loads(run_cli("--data", os.path.join(empty, "none"), "plugin", "list", "--json").stdout)
            self.assertEqual(os.listdir(empty), [])
        workshop = next(each for each in items if each["id"] == "workshop")
        self.assertEqual((workshop["quota"]["province"], workshop["enabled"], workshop["installed"]), (100, True, False))
        self.assertRegex(workshop["version"], r"^\d+\.\d+\.\d+$")


class Refused(OnServer):
    def setUp(self):
        super().setUp()
        self.trust()
        self.good = self.pack("fresh", version="1.0.0")

    def refused(self, archive, *codes, query=""):
        """It is refused with these problems, and nothing is changed."""
        before = (self.admin("GET", "/plugins").json, self.files())
        answer = self.install(archive, query)
        self.assertIn(answer.status, (409, 413, 422), answer.body)
        found = [each["code"] for each in answer.json.get("errors", [])] or [answer.json["code"]]
        for code in codes:
            self.assertIn(code, found)
        for each in answer.json.get("errors", []):
            self.assertTrue(each["detail"] and each["pointer"], each)
        self.assertEqual((self.admin("GET", "/plugins").json, self.files()), before)
        return answer.json

    def test_what_is_not_as_it_was_packed(self):
        files = entries(self.good)
        changed = [(name, content + b" " if name == "plugin.xml" else content) for name, content in files]
        self.refused(zipped(changed), "plugin.digest")
        self.refused(zipped(files + [("more.txt", "x")]), "plugin.extra_file")
        self.refused(zipped([each for each in files if each[0] != "forms/annual.json"]), "plugin.missing_file", "plugin.file")
        self.refused(zipped([each for each in files if each[0] != "signature.json"]), "plugin.signature")
        self.refused(zipped([(name, b"[]" if name == "signature.json" else content) for name, content in files]), "plugin.signature")
        problems = self.refused(zipped(changed + [("more.txt", "x")]), "plugin.digest", "plugin.extra_file")["errors"]
        self.assertEqual(len(problems), 2)
        # The list of digests is part of what is signed.
        said = json.loads(dict(files)["signature.json"])
        said["files"]["more.txt"] = hashlib.sha256(b"x").hexdigest()
        self.refused(zipped([each for each in files if each[0] != "signature.json"] + [("more.txt", "x"), ("signature.json", json.dumps(said))]), "plugin.signature")

    def test_who_is_not_trusted(self):
        self.refused(self.pack("fresh", key=None), "plugin.unsigned")
        chuyi(self.folder, "keygen", "stranger")
        self.refused(self.pack("fresh", key="stranger"), "plugin.unknown_key")
        self.assertEqual(self.install(self.pack("fresh", key=None), "?unsigned=true").status, 201)
        self.assertEqual(self.admin("DELETE", "/plugins/fresh").status, 204)

    def test_what_a_folder_of_the_administrator_has(self):
        folder = tempfile.mkdtemp(prefix="chuyi-packages-")
        self.addCleanup(shutil.rmtree, folder)
        shutil.copytree(os.path.join(self.folder, "fresh"), os.path.join(folder, "fresh"))
        self.server.stop()
        self.server.options = ("--plugins", folder)
        self.server.start()
        later = self.pack("fresh", version="1.1.0")
        self.refused(later, "plugin.shadowed")
        shutil.rmtree(os.path.join(folder, "fresh"))
        self.assertEqual(self.admin("POST", "/plugins/reload", {}).status, 200)
        self.assertEqual(self.install(later).status, 201, "where there is none, it is taken in")

    def test_tricks_of_archives(self):
        files = entries(self.good)
        self.refused(zipped(files + [("../escaped.json", "{}")]), "zip.name")
        with self.assertWarns(UserWarning):
            twice = zipped(files + [("plugin.xml", dict(files)["plugin.xml"])])
        self.refused(twice, "zip.duplicate")
        bomb = io.BytesIO()
        with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as target:
            target.writestr("plugin.xml", b" " * (32 << 20))
        self.refused(bomb.getvalue(), "zip.bomb")
        self.refused(b"no archive")
        self.refused(b"")
        self.assertEqual(self.admin("POST", "/plugins", self.good, headers={"Content-Type": "text/plain"}).status, 400)

    def test_what_says_nonsense(self):
        self.new("nonsense")
        manifest = os.path.join(self.folder, "nonsense", "plugin.xml")
        signed_as = lambda: self.sign_anyway("nonsense")
        edit(manifest, ('weight="50" zh="工作基础"', 'weight="49" zh="工作基础"'))
        place = self.refused(signed_as())["errors"][0]["pointer"]
        self.assertRegex(place, r"^package\.zip/plugin\.xml:\d+:\d+$")
        edit(manifest, ('weight="49"', 'weight="50"'), ("<term", "<trem"))
        self.refused(signed_as(), "plugin.schema")
        edit(manifest, ("<trem", "<term"))
        with open(os.path.join(self.folder, "nonsense", "tests", "more.json"), "w", encoding="utf-8") as out:
            json.dump({"form": "nomination", "data": {}, "expect": {"findings": []}}, out)
        self.refused(signed_as(), "plugin.test")

    def test_libraries_for_other_machines(self):
        self.new("native", "--native")
        library = os.path.join(self.folder, "native", "libnative.so")
        with open("/proc/self/exe", "rb") as program:
            head = bytearray(program.read(64 << 10))
        for change, code in (({}, "plugin.entry"), ({4: 1}, "plugin.architecture"), ({5: 2}, "plugin.architecture"), ({18: 40}, "plugin.architecture"), ({0: 0}, "plugin.architecture")):
            content = bytearray(head)
            content[16:18] = b"\x03\x00"  # a shared object, whatever this program is
            for at, value in change.items():
                content[at] = value
            with open(library, "wb") as out:
                out.write(content)
            self.assertRegex(self.refused(self.sign_anyway("native"), code)["errors"][0]["pointer"], r"plugin\.xml:\d+:\d+$")

    def sign_anyway(self, name):
        """A package that `pack` itself would not take, signed as it would be."""
        root = os.path.join(self.folder, name)
        files = {os.path.relpath(path, root): read(path) for path in glob.glob(root + "/**", recursive=True) if os.path.isfile(path)}
        said = {"algorithm": "Ed25519", "files": {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}, "key": self.key}
        with open(os.path.join(self.folder, "signed"), "w", encoding="utf-8") as out:
            out.write(json.dumps(said, sort_keys=True, separators=(",", ":")))
        done = subprocess.run(["openssl", "pkeyutl", "-sign", "-inkey", "author", "-rawin", "-in", "signed"], cwd=self.folder, capture_output=True, check=True, timeout=60)
        said["signature"] = base64.b64encode(done.stdout).decode()
        return zipped(list(files.items()) + [("signature.json", json.dumps(said))])

    def test_the_archives_of_others(self):
        archives = sorted(glob.glob(os.path.join(CORPUS, "*.zip")))
        if not archives:
            self.skipTest(f"no archives in {CORPUS}")
        for path in archives:
            if os.path.getsize(path) < 32 << 20:
                with self.subTest(os.path.basename(path)):
                    self.refused(read(path), query="?unsigned=true")


if __name__ == "__main__":
    unittest.main()

"""Goal: exit codes 0 (done), 1 (the thing is wrong), 2 (the call is), and JSON where --json is asked for, of every command."""
import json
import os
import pty
import shutil
import socket
import subprocess
import tempfile
import threading
import unittest

from scenario import PROVINCE, Way, set_up
from server import BINARY_DIR, CHUYI, PASSWORD, SOURCE_DIR, Server, at_home, run_cli

CHART = os.path.join(SOURCE_DIR, "workflows", "selection.scxml")
COMMANDS = ([], ["serve"], ["demo"], ["user"], ["user", "add"], ["check"], ["diagram"], ["bag"], ["bag", "validate"], ["calendar"], ["calendar", "add"],
            ["replay"], ["migrate"], ["migrate", "plan"], ["migrate", "apply"], ["migrate", "undo"], ["migrate", "list"], ["audit"], ["audit", "verify"])


def on_terminal(args, lines):
    """Runs with a terminal as standard input and error; answers each prompt with the next line. @return (code, what was shown)."""
    try:
        parent, child = pty.openpty()
    except OSError as error:
        raise unittest.SkipTest(f"no terminals here: {error}") from error
    process = subprocess.Popen([CHUYI, *args], stdin=child, stderr=child, stdout=subprocess.PIPE)
    os.close(child)
    shown = b""
    # A hang is a failure, not a wait for ever.
    watch = threading.Timer(60, process.kill)
    watch.start()
    try:
        while True:
            if lines and shown.endswith(b": "):
                os.write(parent, lines.pop(0).encode() + b"\n")
            part = os.read(parent, 4096)
            if not part:
                break
            shown += part
    except OSError:  # the other end closed
        pass
    process.stdout.close()
    code = process.wait(timeout=60)
    watch.cancel()
    os.close(parent)
    return code, shown.decode()


class Cli(unittest.TestCase):
    def setUp(self):
        self.data = tempfile.mkdtemp(prefix="chuyi-cli-")
        self.addCleanup(shutil.rmtree, self.data)

    def run_it(self, *args, code, **more):
        done = run_cli(*args, check=False, **more)
        self.assertEqual(done.returncode, code, (args, done.stdout, done.stderr))
        return done

    def error_of(self, *args, code, **more):
        error = json.loads(self.run_it(*args, "--json", code=code, **more).stdout)["error"]
        self.assertEqual(set(error), {"code", "message", "place", "details"})
        return error

    def test_every_command_has_help(self):
        for command in COMMANDS:
            shown = self.run_it(*command, "--help", code=0).stdout
            self.assertIn("--help", shown)
        for command in ([], ["fly"], ["user"], ["user", "add"], ["check"], ["diagram"], ["bag"], ["bag", "validate"], ["calendar"], ["calendar", "add"], ["replay"],
                        ["audit"], ["serve", "--fly"], ["demo", "--lang", "fr"]):
            self.run_it(*command, code=2)
        self.assertRegex(self.run_it("--version", code=0).stdout, r"\d")

    def test_listening_addresses(self):
        for wrong in ("8080", "127.0.0.1:99999", "127.0.0.1:", "127.0.0.1:80x", "127.0.0.1:-1", "::1:8080", "[127.0.0.1]:80", "localhost:80", ""):
            done = self.run_it("serve", "--listen", wrong, data=self.data, code=2)
            self.assertIn("cli.listen", done.stderr)
        self.run_it("serve", "--manual-clock", "yesterday", data=self.data, code=2)
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            self.skipTest("no IPv6 here")
        process = subprocess.Popen([CHUYI, "--data", self.data, "serve", "--listen", "[::1]:0"], stdout=subprocess.PIPE, text=True)
        try:
            self.assertRegex(process.stdout.readline(), r"^listening on http://\[::1\]:\d+$")
        finally:
            process.terminate()
            process.stdout.close()
            self.assertEqual(process.wait(timeout=60), 0)

    def test_calendar(self):
        self.assertEqual(self.run_it("calendar", "add", "2026-03-02", "5", code=0).stdout, "2026-03-09\n")
        self.assertEqual(json.loads(self.run_it("calendar", "add", "2026-03-02", "5", "--json", code=0).stdout)["date"], "2026-03-09")
        for wrong in (("2026-02-30", "5"), ("yesterday", "5"), ("2026-03-02", "-1")):
            self.assertTrue(self.error_of("calendar", "add", *wrong, code=2)["code"])
        self.assertEqual(self.error_of("calendar", "add", "2026-03-02", "five", code=2)["code"], "cli.usage")

    def test_a_password_is_asked_once_for_signing_in(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        code, shown = on_terminal(["plugin", "list", "--server", f"127.0.0.1:{port}"], [PASSWORD])
        self.assertEqual((code, shown.count("Password: "), shown.count("Again: ")), (1, 1, 0), shown)

    def test_one_problem_is_told_once(self):
        self.run_it("plugin", "new", "told-once", code=0, cwd=self.data)
        package = os.path.join(self.data, "told-once")
        manifest = os.path.join(package, "plugin.xml")
        with open(manifest, encoding="utf-8") as text:
            wrong = text.read().replace('weight="50"', 'weight="40"', 1)
        with open(manifest, "w", encoding="utf-8") as out:
            out.write(wrong)
        self.assertEqual(self.run_it("plugin", "pack", package, code=1).stderr.count("plugin.rubric"), 1)

    def test_check_and_diagram(self):
        self.run_it("check", CHART, os.path.join(BINARY_DIR, "plugins", "workshop"), code=0)
        bad = os.path.join(self.data, "bad.scxml")
        with open(bad, "w", encoding="utf-8") as out:
            out.write("<scxml")
        self.assertIn("bad.scxml:", self.run_it("check", bad, code=1).stdout)
        self.assertTrue(json.loads(self.run_it("check", bad, "--json", code=1).stdout))
        self.assertTrue(self.run_it("diagram", CHART, code=0).stdout.startswith("<svg"))
        self.assertTrue(self.run_it("diagram", CHART, "--dot", code=0).stdout.startswith("digraph"))
        self.run_it("diagram", bad, code=1)
        self.run_it("diagram", CHART, "--lang", "fr", code=2)

    def test_passwords_come_from_a_terminal_twice_or_from_standard_input(self):
        add = ("user", "add", "admin", "--role", "administrator", "--org", PROVINCE)
        self.assertIn("cli.password", self.run_it(*add, data=self.data, stdin=PASSWORD + "\n", code=2).stderr)
        self.assertIn("cli.password", self.run_it(*add, "--password-stdin", data=self.data, stdin="", code=2).stderr)
        self.assertIn("user.password", self.run_it(*add, "--password-stdin", data=self.data, stdin="short\n", code=1).stderr)
        self.run_it(*add, "--password-stdin", data=self.data, stdin=PASSWORD + "\n", code=0)
        code, shown = on_terminal(["--data", self.data, *add], [PASSWORD, PASSWORD])
        self.assertEqual(code, 0, shown)
        self.assertNotIn(PASSWORD, shown)
        code, shown = on_terminal(["--data", self.data, *add], [PASSWORD, PASSWORD + "x"])
        self.assertEqual(code, 2, shown)
        self.run_it("user", "add", "x", "--role", "king", "--org", PROVINCE, "--password-stdin", data=self.data, stdin=PASSWORD + "\n", code=1)

    def test_audit_replay_and_bags(self):
        server = Server(self.data)
        tokens = set_up(server)
        way = Way(server, tokens, "workshop")
        way.nominate()
        bundle = os.path.join(self.data, "bundle.zip")
        with open(bundle, "wb") as out:
            out.write(server.request("GET", f"/api/v1/applications/{way.id}/bundle", token=tokens["applicant"]).body)
        server.stop()
        self.assertTrue(json.loads(self.run_it("audit", "verify", "--json", data=self.data, code=0).stdout)["valid"])
        self.assertTrue(json.loads(self.run_it("replay", way.id, "--json", data=self.data, code=0).stdout)["identical"])
        self.assertTrue(json.loads(self.run_it("bag", "validate", bundle, "--json", code=0).stdout)["valid"])
        code, shown = on_terminal([*at_home(self.data), "audit", "verify"], [])
        self.assertEqual(code, 0)
        self.assertIn("[###########################] audit", shown)
        code, shown = on_terminal([*at_home(self.data), "replay", way.id, "--json"], [])
        self.assertEqual(code, 0)
        self.assertIn("[###########################] replay", shown)
        self.assertEqual(self.run_it("audit", "verify", data=self.data, code=0).stderr, "", "no bar where there is no terminal")
        self.assertTrue(self.error_of("replay", "a-none", data=self.data, code=1)["code"])
        self.assertTrue(self.error_of("bag", "validate", bundle + "x", code=1)["code"])
        nowhere = os.path.join(self.data, "nowhere")
        self.assertTrue(self.error_of("audit", "verify", data=nowhere, code=1)["code"])
        self.assertTrue(self.error_of("replay", way.id, data=nowhere, code=1)["code"])

    def test_a_demo_never_plays_into_a_real_installation(self):
        run_cli("user", "add", "admin", "--role", "administrator", "--org", PROVINCE, "--password-stdin", data=self.data, stdin=PASSWORD + "\n")
        self.assertEqual(self.error_of("demo", "--exit", "--listen", "127.0.0.1:0", data=self.data, code=1)["code"], "demo.folder")
        server = Server(self.data).start()
        try:
            server.login("admin")
        finally:
            server.stop()
        folder = tempfile.mkdtemp(prefix="chuyi-demo-")
        self.addCleanup(shutil.rmtree, folder)
        counts = []
        for _ in range(2):  # an empty folder, then the same again
            shown = subprocess.run([CHUYI, "demo", "--exit", "--json", "--listen", "127.0.0.1:0"], cwd=folder, capture_output=True, text=True, timeout=250)
            self.assertEqual(shown.returncode, 0, shown.stderr)
            counts.append(json.loads(shown.stdout))
        self.assertEqual(counts[0], counts[1])
        self.assertEqual(os.listdir(folder), ["data-demo"])


if __name__ == "__main__":
    unittest.main()

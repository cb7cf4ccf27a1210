"""Goal: the packages of plugins/examples, built as docs/plugins.md says, are taken in and run."""
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

from scenario import Way, set_up
from server import BINARY_DIR, PASSWORD, SOURCE_DIR, Server, run_cli

EXAMPLES = os.path.join(SOURCE_DIR, "plugins", "examples")
TEAMS = ["甲队", "乙队", "丙队", "丁队", "戊队"]


class OutsideTheTree(unittest.TestCase):
    def test_the_native_ones_are_built_by_themselves_and_pass(self):
        folder = tempfile.mkdtemp(prefix="chuyi-author-")
        self.addCleanup(shutil.rmtree, folder)
        for name in ("head-teacher-studio", "lots"):
            package = os.path.join(folder, name)
            shutil.copytree(os.path.join(EXAMPLES, name), package)
            sdk = "-DCHUYI_SDK=" + os.path.join(SOURCE_DIR, "plugins", "sdk")
            for command in (["cmake", "-S", package, "-B", package + "/build", sdk], ["cmake", "--build", package + "/build"]):
                subprocess.run(command, check=True, capture_output=True, timeout=120)
            self.assertIn(", 0 failed", run_cli("plugin", "test", package).stderr)


class Tutorial(unittest.TestCase):
    def test_every_command_of_the_tutorial_gives_what_it_says(self):
        with open(os.path.join(SOURCE_DIR, "docs", "plugins.md"), encoding="utf-8") as source:
            steps = re.findall(r"```sh\n(.*?)```\n(?:```\n(.*?)```)?", source.read(), re.S)
        data, home = tempfile.mkdtemp(prefix="chuyi-e2e-"), tempfile.mkdtemp(prefix="chuyi-author-")
        self.addCleanup(shutil.rmtree, data)
        self.addCleanup(shutil.rmtree, home)
        server = Server(data, manual=False)
        run_cli("user", "add", "admin", "--role", "administrator", "--org", "430000", "--password-stdin", data=data, store=server.store, stdin=PASSWORD + "\n")
        server.start()
        self.addCleanup(server.stop)
        with socket.create_server(("127.0.0.1", 0)) as free:
            rehearsal = free.getsockname()[1]
        answers = f"curl -s -o /dev/null --retry 60 --retry-connrefused --retry-delay 1 http://127.0.0.1:{rehearsal}/healthz"
        # What a person types at the terminal comes from here.
        typed = 'chuyi() { if [[ " $* " == *" --server "* || " $* " == *" user add "* ]]; then command chuyi "$@" --password-stdin <<<"$TYPED"; elif [[ " $* " == *" serve "* ]]; then exec chuyi "$@"; else command chuyi "$@"; fi; }\n'
        script = typed + "".join(f"{commands}\necho '=== step'\n" for commands, _ in steps) + "kill %1\n"
        for there, here in (("127.0.0.1:8080", f"127.0.0.1:{server.port}"), ("127.0.0.1:8081", f"127.0.0.1:{rehearsal}"), ('+08:00 &', '+08:00 &\n' + answers), ("$CHUYI/docs", "ADMIN_PASSWORD=$TYPED $CHUYI/docs"), ("$CHUYI/build/release", BINARY_DIR), ("read -rsp \"The administrator's password: \" ADMIN", "ADMIN=$TYPED")):
            self.assertIn(there, script)
            script = script.replace(there, here)
        done = subprocess.run(["bash", "-c", script], cwd=SOURCE_DIR, env=os.environ | {"HOME": home, "TYPED": PASSWORD}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=200)
        outputs = done.stdout.split("=== step\n")[:-1]
        self.assertEqual(len(outputs), len(steps), done.stdout)
        for (commands, says), found in zip(steps, outputs):
            for line in says.splitlines():
                self.assertRegex(found, "(?m)^" + re.escape(line).replace("…", ".*") + "$", commands)


class Lots(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        data = tempfile.mkdtemp(prefix="chuyi-e2e-")
        cls.addClassCleanup(shutil.rmtree, data)
        cls.server = Server(data)
        cls.tokens = set_up(cls.server)
        cls.addClassCleanup(cls.server.stop)
        for name in ("story-call", "head-teacher-studio", "lots"):
            packed = os.path.join(data, name + ".zip")
            run_cli("plugin", "pack", os.path.join(BINARY_DIR, "plugins-examples", name), "-o", packed)
            run_cli("plugin", "install", packed, "--unsigned", "--server", f"127.0.0.1:{cls.server.port}", "--password-stdin", stdin=PASSWORD + "\n")

    def drawing(self):
        """An application whose order was drawn once, waiting for the confirmation."""
        way = Way(self.server, self.tokens, "lots")
        way.id = way.do("POST", "/api/v1/applications", {"programme": "lots", "round": "2026", "title": "答辩"}, "applicant", 201).json["id"]
        draft = way.application()["draft"]
        way.do("PUT", f"/api/v1/applications/{way.id}/draft", {"day": "2026-05-20", "teams": TEAMS}, "applicant", 200, headers={"If-Match": f'"{draft["revision"]}"'})
        way.do("POST", f"/api/v1/applications/{way.id}/submit", {}, "applicant", 200)
        way.sign("clerk", "task", "draw", {"seed": 20260520, "witness": "赵公证"})
        return way

    def reach(self, way, state):
        """Calls of packages run beside the requests: waits for what one of them leads to."""
        deadline = time.monotonic() + 60
        while (found := way.application("clerk"))["state"] != state:
            self.assertLess(time.monotonic(), deadline, found["state"])
        return found

    def order(self, way):
        self.reach(way, "confirming")
        task = way.do("GET", f"/api/v1/tasks/{way.task('lead', 'task')}", None, "lead", 200).json
        self.assertEqual(task["data"]["teams"], TEAMS)
        return task["data"]["order"]

    def test_an_order_is_drawn_drawn_again_and_confirmed(self):
        way = self.drawing()
        first = self.order(way)
        self.assertEqual(sorted(first), [1, 2, 3, 4, 5])
        way.sign("lead", "task", "again")
        second = self.order(way)
        self.assertEqual(sorted(second), [1, 2, 3, 4, 5])
        self.assertNotEqual(first, second)
        way.sign("lead", "task", "confirm")
        self.assertEqual(self.reach(way, "drawn_up")["status"], "ended")

    def test_the_same_seed_gives_the_same_order(self):
        self.assertEqual(self.order(self.drawing()), self.order(self.drawing()))

    def test_a_withdrawal_ends_the_drawing(self):
        way = self.drawing()
        self.reach(way, "confirming")
        way.do("POST", f"/api/v1/applications/{way.id}/events", {"event": "applicant.withdraw"}, "applicant", 200)
        ended = way.application("clerk")
        self.assertEqual((ended["status"], ended["state"]), ("ended", "withdrawn"))


if __name__ == "__main__":
    unittest.main()

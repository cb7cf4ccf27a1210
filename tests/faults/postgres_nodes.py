"""Several nodes on a PostgreSQL of their own, faults of both, and clients who know what they were promised."""
import collections
import http.client
import json
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from scenario import set_up
from server import PASSWORD, SOURCE_DIR, Server, psql, run_cli
from test_rules import TASK, package

FULL = os.environ.get("CHUYI_TEST_LENGTH") == "full"
TICKS = 6  # timers of each application, one after the other; then it ends and somebody is told
GONE = (OSError, http.client.HTTPException)


def chance(about):
    """CHUYI_TEST_SEED, to play a failure again; else a new one each time."""
    seed = int(os.environ.get("CHUYI_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"{about}: CHUYI_TEST_SEED={seed}", flush=True)
    return random.Random(seed)


def make_package(folder):
    """A programme whose applications are signed off again and again while timers run beside; each tick is posted on to the
    session itself through the outbox."""
    own = 'type="http://www.w3.org/TR/scxml/#BasicHTTPEventProcessor" targetexpr="_ioprocessors.basichttp.location"'
    package(folder, "ticking", workflow=(
        '<scxml xmlns="http://www.w3.org/2005/07/scxml" xmlns:chuyi="urn:chuyi:workflow:1" version="1.0" datamodel="lua" name="own" chuyi:http-events="tock">'
        '<datamodel><data id="ticks" expr="0"/></datamodel><state id="running" initial="open"><onentry><send event="tick" delay="50ms"/></onentry>'
        f'<transition event="tick"><assign location="ticks" expr="ticks + 1"/><send event="tock" {own}/></transition>'
        f'<transition event="tock" cond="ticks &lt; {TICKS}"><send event="tick" delay="50ms"/></transition>'
        f'<transition event="tock" cond="ticks &gt;= {TICKS}" target="done"/><state id="open">' + TASK.format(id="sign", more="") +
        '<transition event="done.invoke.sign" target="open"/></state></state><final id="done"/></scxml>'))


class Cluster:
    """A PostgreSQL for one test, with a replica that every commit waits for if wanted."""

    def __init__(self, replica=False):
        script = os.path.join(SOURCE_DIR, "tests", "support", "postgres.sh")
        environment = {name: value for name, value in os.environ.items() if name != "CHUYI_TEST_POSTGRES"}
        self.process = subprocess.Popen([script, *(["--replica"] if replica else []), "sh", "-c", 'echo "$CHUYI_TEST_POSTGRES"; cat >/dev/null'],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self.primary = self.process.stdout.readline().strip()
        assert self.primary, "no PostgreSQL"
        self.home = self.primary.split("host=")[1]
        self.second = self.primary + "/second"
        self.url = f"{self.primary},{self.home}/second&target_session_attrs=read-write" if replica else self.primary

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()

    def kill(self):
        """kill -9; it comes back by itself while it is not held()."""
        with open(os.path.join(self.home, "data", "postmaster.pid"), encoding="utf-8") as file:
            os.kill(int(file.readline()), signal.SIGKILL)

    def hold(self):
        open(os.path.join(self.home, "down"), "w", encoding="utf-8").close()

    def release(self):
        os.remove(os.path.join(self.home, "down"))

    def cut(self):
        """Ends about a third of the nodes' connections, whatever they are doing."""
        psql(self.url, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'chuyi' AND random() < 0.3")

    def promote(self):
        """The primary is gone for good; the replica takes its place."""
        self.hold()
        self.kill()
        psql(self.second, "SELECT pg_promote()")


class Nodes:
    """Servers with a data folder each, on one database and one system clock."""

    def __init__(self, test, count, cluster):
        self.cluster, self.packages = cluster, tempfile.mkdtemp(prefix="chuyi-packages-")
        make_package(self.packages)
        folders = [tempfile.mkdtemp(prefix="chuyi-node-") for _ in range(count)]
        for folder in (*folders, self.packages):
            test.addCleanup(shutil.rmtree, folder)
        self.all = [Server(folder, "--verbose", "--public-url", "http://chuyi.test", "--plugins", self.packages, store=cluster.url, manual=False) for folder in folders]
        self.tokens = set_up(self.all[0])
        for node in self.all[1:]:
            node.start()
        test.addCleanup(self.stop)

    def stop(self):
        for node in self.all:
            if node.process.poll() is None:
                node.process.send_signal(signal.SIGCONT)
                node.stop()

    def restart(self, node):
        node.kill()
        node.start()

    def told(self):
        """How often each notification was told, by whichever node."""
        out = collections.Counter()
        for node in self.all:
            with open(os.path.join(node.data, "stderr.log"), encoding="utf-8", errors="replace") as log:
                out.update(re.findall(r"notify id=(\S+)", log.read()))
        return out


class Clients:
    """Create applications and sign them off on nodes at random; what has no answer is asked again with the same key."""

    def __init__(self, nodes, count, seed):
        self.nodes, self.failures, self.over = nodes, [], threading.Event()
        self.created, self.signed, self.retried = {}, collections.Counter(), collections.Counter()
        self.lock, self.progress = threading.Lock(), threading.Condition()
        self.threads = [threading.Thread(target=self.guard, args=(number, random.Random(seed + number))) for number in range(count)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def guard(self, number, dice):
        try:
            turn = 0
            while not self.over.is_set():
                turn += 1
                self.one(f"c{number}-{turn}", dice)
        except Exception as failure:  # told to the test
            self.failures.append(f"client {number}: {failure!r}")
        with self.progress:
            self.progress.notify_all()

    def ask(self, dice, method, path, body=None, key=None):
        """Until there is an answer that says what became of it."""
        headers = {"Authorization": "Bearer " + self.nodes.tokens["applicant"], "Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
        while True:
            node = dice.choice(self.nodes.all)
            connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=3)
            try:
                connection.request(method, path, body=json.dumps(body) if body is not None else None, headers=headers)
                answer = connection.getresponse()
                text = answer.read()
                if answer.status != 503:
                    return answer.status, json.loads(text)
                reason = json.loads(text)["code"]
            except GONE as gone:
                reason = type(gone).__name__
            finally:
                connection.close()
            with self.lock:
                self.retried[reason] += 1
            self.over.wait(0.02)

    def one(self, key, dice):
        status, answer = self.ask(dice, "POST", "/api/v1/applications", {"programme": "ticking", "round": "2026", "title": key}, key)
        assert status == 201, answer
        with self.progress:
            self.created[key] = answer
            self.progress.notify_all()
        for turn in range(dice.randrange(4)):
            status, page = self.ask(dice, "GET", f"/api/v1/tasks?application={answer['id']}&status=open")
            assert status == 200, page
            for task in page["items"]:
                status, signed = self.ask(dice, "POST", f"/api/v1/tasks/{task['id']}/complete", {"outcome": "go"}, f"{key}-{turn}")
                # It may have ended meanwhile.
                assert status in (200, 404, 409), signed
                with self.progress:
                    self.signed[answer["id"]] += status == 200
                    self.progress.notify_all()

    def wait_for(self, more, seconds=60):
        """Until `more` further requests have been acknowledged."""
        def count():
            return len(self.created) + sum(self.signed.values())
        with self.progress:
            goal = count() + more
            if not self.progress.wait_for(lambda: count() >= goal or self.failures, seconds):
                raise AssertionError(f"no progress in {seconds} s: {count()} of {goal}, retried {self.retried}")


def verify(test, nodes, clients, disturbed):
    """Nothing acknowledged is lost, nothing is there twice, the chain verifies, every timer fired once, everybody was told.
    @param disturbed  kills and stops of nodes: a node that dies between telling and noting it has the next one tell again."""
    url = nodes.cluster.url
    test.assertEqual(clients.failures, [])
    deadline = time.monotonic() + 120
    while True:  # of those that were created last the timers still run, or are leased to a node that is gone
        rest = psql(url, "SELECT (SELECT count(*) FROM timers), (SELECT count(*) FROM outbox), (SELECT count(*) FROM sessions WHERE status = 'running')")
        if rest == [("0", "0", "0")]:
            break
        test.assertLess(time.monotonic(), deadline, f"timers, outbox, running: {rest}")
        time.sleep(0.2)
    for key, first in clients.created.items():
        status, again = clients.ask(random.Random(0), "POST", "/api/v1/applications", {"programme": "ticking", "round": "2026", "title": key}, key)
        test.assertEqual((status, again), (201, first))
    test.assertEqual(sorted(title for title, in psql(url, "SELECT title FROM sessions")), sorted(clients.created))
    test.assertEqual(json.loads(run_cli("audit", "verify", "--json", data=nodes.all[0].data, store=url).stdout)["records"],
                     int(psql(url, "SELECT value FROM settings WHERE key = 'audit_count'")[0][0]))
    counts = collections.Counter()
    delivered = collections.Counter()
    for session, record in psql(url, "SELECT session_id, record FROM audit ORDER BY seq"):
        record = json.loads(record)
        counts[session, record["kind"]] += 1
        delivered[record["data"].get("outbox")] += record["kind"] in ("session.http", "outbox.done")
    for first in clients.created.values():
        identifier = first["id"]
        test.assertEqual({kind: counts[identifier, kind] for kind in ("application.create", "timer.fire", "session.http", "task.complete")},
                         {"application.create": 1, "timer.fire": TICKS, "session.http": TICKS, "task.complete": clients.signed[identifier]}, identifier)
    del delivered[None]
    test.assertEqual(set(delivered.values()), {1}, "an entry was delivered twice")
    told = nodes.told()
    test.assertEqual(len(told), len(clients.created), "told of each that ended")
    twice = sum(count - 1 for count in told.values())
    test.assertLessEqual(twice, disturbed)
    print(f"  {len(clients.created)} applications, {sum(clients.signed.values())} sign-offs, {TICKS * len(clients.created)} timers and as many events, "
          f"{len(told)} told ({twice} again after a kill), asked again: {dict(clients.retried)}", flush=True)

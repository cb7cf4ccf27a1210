"""Goal: three nodes of which one is killed every few seconds give the result that one undisturbed node gives. Method: the
same season of `chuyi demo` on both, each on a PostgreSQL of its own; awards and audit records are compared whole, once
random ids are replaced by the order in which their applications were made."""
import collections
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import unittest

from balancer import Balancer
from postgres_nodes import FULL, Cluster, chance
from server import CHUYI, PASSWORD, Server, psql, run_cli


def play(test, count, seed, dice=None):
    """@return the normalised result of a season on `count` nodes; with `dice` one of them is killed again and again."""
    cluster = Cluster()
    test.addCleanup(cluster.close)
    folders = [tempfile.mkdtemp(prefix="chuyi-node-") for _ in range(count)]
    for folder in folders:
        test.addCleanup(shutil.rmtree, folder)
    run_cli("user", "add", "admin", "--role", "administrator", "--org", "430000", "--password-stdin", data=folders[0], store=cluster.url, stdin=PASSWORD + "\n")
    nodes = [Server(folder, store=cluster.url).start() for folder in folders]
    test.addCleanup(lambda: [node.stop() for node in nodes if node.process.poll() is None])
    balancer = Balancer(nodes)
    test.addCleanup(balancer.close)
    demo = subprocess.Popen([CHUYI, "demo", "--server", f"127.0.0.1:{balancer.port}", "--password-stdin", "--json", "--seed", str(seed)],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    over, kills = threading.Event(), []

    def kill():
        while not over.wait(dice.uniform(0.3, 3)):
            node = dice.choice(nodes)
            node.kill()
            node.start()
            kills.append(node)

    killer = threading.Thread(target=kill if dice else lambda: None)
    killer.start()
    out, errors = demo.communicate(PASSWORD + "\n", timeout=600)
    over.set()
    killer.join()
    test.assertEqual(demo.returncode, 0, errors)
    wait_for_rest(nodes[0])
    records = json.loads(run_cli("audit", "verify", "--json", data=folders[0], store=cluster.url).stdout)["records"]
    print(f"  {count} nodes, {len(kills)} kills, {balancer.retried} requests asked again, {records} audit records, {out.strip()}", flush=True)
    result = normalised(cluster.url) | {"counts": json.loads(out)}
    for node in nodes:
        node.stop()
    return result, kills


def wait_for_rest(node):
    """Until nothing is due: the clock does not move before."""
    token = node.login("admin")
    answer = node.request("POST", "/api/v1/admin/clock/advance", {"to": "2028-03-25T09:00:00+08:00"}, token)
    assert answer.status == 200, answer.body


def normalised(url):
    records = [(session, json.loads(record)) for session, record in psql(url, "SELECT session_id, record FROM audit ORDER BY seq")]
    names = {}
    for session, record in records:
        if record["kind"] == "application.create":
            names[session] = f"application-{len(names) + 1}"
    numbers = {}
    for number, session in psql(url, "SELECT number, session_id FROM awards ORDER BY number"):
        numbers[number] = f"number of {names[session]}"
    # What belongs to an application has the random part of its id in its own.
    plain_names = {identifier.removeprefix("a-"): name for identifier, name in names.items()} | numbers
    ids = re.compile("|".join(map(re.escape, plain_names)))

    def plain(value):
        text = ids.sub(lambda found: plain_names[found[0]], json.dumps(value, ensure_ascii=False, sort_keys=True))
        # What else was there already when one was submitted: in the order of arrival.
        text = re.sub(r'(\\*"findings\\*":) ?\[[^\]]*\]', r"\1[]", text)
        return re.sub(r"\b[0-9a-f]{64}\b", "digest", text)

    histories = collections.defaultdict(list)
    others = collections.Counter()
    drawn = collections.defaultdict(list)
    for session, record in records:
        del record["seq"]
        record["data"].pop("expires", None)  # of a login, by the clock on the wall
        if record["actor"].get("name") == "chuyi user add":  # also by that clock
            del record["at"]
        for key, value in record.get("reads", {}).items():
            # Applications whose time is up at the same moment come in the order of their random ids.
            if key.startswith("series:"):
                drawn[key].append(value)
                record["reads"][key] = "drawn"
        if session:
            histories[names[session]].append(plain(record))
        else:
            others[plain(record)] += 1
    for each in others:
        # What a client asks for again because it got no answer, and what changes nothing the second time.
        if json.loads(each)["kind"] in ("login", "clock.advance"):
            others[each] = 1
    return {"awards": sorted(plain(json.loads(body)) for (body,) in psql(url, "SELECT body FROM awards")), "numbers": sorted(numbers), "histories": dict(histories),
            "others": dict(others), "drawn": {key: sorted(values) for key, values in drawn.items()}, "sessions": sorted(plain(row) for row in psql(url, "SELECT id, title, org, status, stage, state, revision, document FROM sessions")),
            "tasks": sorted(plain(json.loads(body)) for (body,) in psql(url, "SELECT body FROM tasks"))}


def first_difference(found, expected):
    """Where two results part, in short."""
    pairs = [(key, found.get(key), expected.get(key)) for key in sorted({*found, *expected})] if isinstance(expected, dict) else list(zip(range(1 << 20), found, expected))
    for key, one, other in pairs:
        if one != other:
            if isinstance(other, (dict, list)) and isinstance(one, type(other)):
                return f"{key}: {first_difference(one, other)}"
            at = next((i for i, (a, b) in enumerate(zip(str(one), str(other))) if a != b), 0)
            return f"{key}: {str(one)[max(0, at - 200):at + 300]} != {str(other)[max(0, at - 200):at + 300]}"
    return f"{len(found)} != {len(expected)}"


@unittest.skipUnless(os.path.isdir("/usr/lib/postgresql") or shutil.which("initdb"), "no PostgreSQL here: tools/deps.sh --tests installs it")
class Season(unittest.TestCase):
    def test_three_nodes_that_are_killed_give_what_one_gives(self):
        dice = chance("season on three nodes")
        for _ in range(5 if FULL else 1):
            seed = dice.randrange(1, 1 << 30)
            expected, _ = play(self, 1, seed)
            found, kills = play(self, 3, seed, dice)
            self.assertTrue(kills)
            for part in expected:
                if found[part] != expected[part]:
                    self.fail(f"{part}: {first_difference(found[part], expected[part])}")


if __name__ == "__main__":
    unittest.main()

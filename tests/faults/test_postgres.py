"""Goal: what kills a PostgreSQL, its connections or the nodes on it loses nothing acknowledged and does nothing twice.
Method: real servers and a real PostgreSQL under load; one fault after the other at random moments. In full with
CHUYI_TEST_LENGTH=full."""
import json
import os
import shutil
import signal
import time
import unittest

from postgres_nodes import FULL, Clients, Cluster, Nodes, chance, verify

PAUSE = 13  # seconds: longer than the lease of what a node has claimed


@unittest.skipUnless(os.path.isdir("/usr/lib/postgresql") or shutil.which("initdb"), "no PostgreSQL here: tools/deps.sh --tests installs it")
class Faults(unittest.TestCase):
    def cluster(self, **options):
        cluster = Cluster(**options)
        self.addCleanup(cluster.close)
        return cluster

    def test_a_database_that_is_killed_and_connections_that_are_cut(self):
        dice = chance("database killed, connections cut")
        cluster = self.cluster()
        nodes = Nodes(self, 2, cluster)
        kills, cuts = (40, 200) if FULL else (3, 10)
        faults = [cluster.kill] * kills + [cluster.cut] * cuts
        dice.shuffle(faults)
        with Clients(nodes, 8, dice.randrange(1 << 30)) as clients:
            for fault in faults:
                clients.wait_for(dice.randrange(1, 25))
                try:
                    fault()
                except (AssertionError, OSError):
                    continue  # it is away already
        print(f"  {kills} kills, {cuts} cuts")
        verify(self, nodes, clients, 0)

    def test_a_database_that_stays_away_is_told_and_waited_for(self):
        cluster = self.cluster()
        nodes = Nodes(self, 1, cluster)
        node, token = nodes.all[0], nodes.tokens["applicant"]
        cluster.hold()
        cluster.kill()
        # What serves a connection lives on for a moment, and could still take something in.
        while node.request("GET", "/api/v1/tasks", token=token).status != 503:
            pass
        body = {"programme": "ticking", "round": "2026", "title": "x"}
        answer = node.request("POST", "/api/v1/applications", body, token, key="k")
        self.assertEqual((answer.status, answer.json["code"]), (503, "store.io"))
        self.assertEqual(node.request("GET", "/api/v1/tasks", token=token).status, 503)
        cluster.release()
        while answer.status == 503:
            answer = node.request("POST", "/api/v1/applications", body, token, key="k")
        self.assertEqual(answer.status, 201)

    def test_a_primary_whose_replica_takes_over(self):
        dice = chance("primary switched to its replica")
        for _ in range(10 if FULL else 1):
            cluster = self.cluster(replica=True)
            nodes = Nodes(self, 2, cluster)
            with Clients(nodes, 8, dice.randrange(1 << 30)) as clients:
                clients.wait_for(dice.randrange(20, 120))
                cluster.promote()
                clients.wait_for(100)
            verify(self, nodes, clients, 0)
            nodes.stop()

    def test_nodes_that_are_killed_or_stand_still_while_they_hold_work(self):
        dice = chance("nodes killed or stopped")
        for count in (2, 3):
            cluster = self.cluster()
            nodes = Nodes(self, count, cluster)
            kills = pauses = 0
            with Clients(nodes, 8, dice.randrange(1 << 30)) as clients:
                for _ in range(20 if FULL else 1):
                    paused, *others = dice.sample(nodes.all, count)
                    clients.wait_for(dice.randrange(1, 40))
                    paused.process.send_signal(signal.SIGSTOP)
                    pauses += 1
                    back = time.monotonic() + PAUSE
                    while time.monotonic() < back:
                        clients.wait_for(dice.randrange(1, 40))
                        if count > 2:
                            nodes.restart(dice.choice(others))
                            kills += 1
                    paused.process.send_signal(signal.SIGCONT)
                    for _ in range(3):
                        clients.wait_for(dice.randrange(1, 40))
                        nodes.restart(dice.choice(nodes.all))
                        kills += 1
            print(f"  {count} nodes: {kills} kills, {pauses} pauses")
            verify(self, nodes, clients, kills + pauses)
            nodes.stop()


if __name__ == "__main__":
    unittest.main()

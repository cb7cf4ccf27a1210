"""Goal: several nodes on one PostgreSQL are one installation. Method: two real servers, each with a data folder of its own."""
import concurrent.futures
import http.client
import json
import shutil
import tempfile
import threading
import unittest

from scenario import Way, set_up
from server import CLUSTER, Server, psql, run_cli, store_of


class InTurn:
    """Sends each request to the next node."""

    def __init__(self, nodes):
        self.nodes, self.next = nodes, 0

    def request(self, method, path, *args, **more):
        # The clock that administrators move is each node's own.
        if "/admin/clock" in path:
            return self.nodes[0].request(method, path, *args, **more)
        self.next += 1
        return self.nodes[self.next % len(self.nodes)].request(method, path, *args, **more)


@unittest.skipUnless(CLUSTER, "no PostgreSQL here: tools/deps.sh --tests installs it")
class Nodes(unittest.TestCase):
    def setUp(self):
        self.folders = [tempfile.mkdtemp(prefix="chuyi-node-") for _ in range(2)]
        for folder in self.folders:
            self.addCleanup(shutil.rmtree, folder)
        self.store = store_of(self.folders[0])
        self.nodes = [Server(folder, store=self.store) for folder in self.folders]
        self.tokens = set_up(self.nodes[0])
        self.nodes[1].start()
        self.addCleanup(lambda: [node.stop() for node in self.nodes if node.process.poll() is None])

    def check_audit(self):
        return json.loads(run_cli("audit", "verify", "--json", data=self.folders[1], store=self.store).stdout)["records"]

    def test_an_application_goes_its_way_over_both(self):
        way = Way(self.nodes[0], self.tokens, "workshop")
        way.nominate()  # its documents are in this node's folder
        way.server = InTurn(self.nodes)
        way.review()
        way.publish()
        for node in self.nodes:
            answer = node.request("GET", f"/api/v1/applications/{way.id}", token=self.tokens["applicant"])
            self.assertEqual(answer.json["award"]["status"], "in-force")
        self.assertIn("byte for byte", run_cli("replay", way.id, data=self.folders[1], store=self.store).stdout)
        self.check_audit()

    def test_a_node_that_is_killed_under_load_loses_and_doubles_nothing(self):
        """Eight clients create applications, each first on the node that is killed, with the same key then on the other."""
        killed, other = self.nodes
        acknowledged, unknown = [], []
        lock = threading.Lock()
        enough = threading.Event()

        def client(number):
            for turn in range(1000):
                key = f"c{number}-{turn}"
                body = {"programme": "workshop", "round": "2026", "title": key}
                try:
                    answer = killed.request("POST", "/api/v1/applications", body, self.tokens["applicant"], key=key)
                except (OSError, http.client.HTTPException):
                    with lock:
                        unknown.append((key, body))
                    return
                self.assertEqual(answer.status, 201, answer.body)
                with lock:
                    acknowledged.append((key, body, answer.body))
                    if len(acknowledged) >= 60:
                        enough.set()

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            clients = [pool.submit(client, number) for number in range(8)]
            self.assertTrue(enough.wait(60))
            killed.kill()
            for each in clients:
                each.result()
        for key, body, first in acknowledged:
            again = other.request("POST", "/api/v1/applications", body, self.tokens["applicant"], key=key)
            self.assertEqual((again.status, again.body, again.header("Idempotency-Replayed")), (201, first, "true"))
        for key, body in unknown:
            self.assertEqual(other.request("POST", "/api/v1/applications", body, self.tokens["applicant"], key=key).status, 201)
        titles = [row[0] for row in psql(self.store, "SELECT title FROM sessions")]
        self.assertEqual(sorted(titles), sorted([key for key, *_ in acknowledged] + [key for key, _ in unknown]))
        self.check_audit()

    def test_rights_that_are_taken_away_on_one_node_are_gone_on_the_other(self):
        token = self.nodes[1].login("clerk")
        self.assertEqual(self.nodes[0].request("GET", "/api/v1/me", token=token).status, 200)
        body = {"id": "clerk", "name": "clerk", "memberships": [], "disabled": True}
        self.assertEqual(self.nodes[0].request("POST", "/api/v1/admin/users", body, self.tokens["admin"]).status, 201)
        self.assertEqual(self.nodes[1].request("GET", "/api/v1/me", token=token).status, 401)


if __name__ == "__main__":
    unittest.main()

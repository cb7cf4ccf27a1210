"""Goal: charts of applications talk to other systems over HTTP, and run charts of their own.
Method: a real server and a real receiver; a package whose workflow posts its location, waits for a message there, runs
another chart with a task in it, and hears that a place is not allowed."""
import http.server
import os
import queue
import shutil
import tempfile
import threading
import unittest
import urllib.parse

from scenario import Way, set_up
from server import Server, run_cli, stored_bytes
from test_rules import TASK, package

PUBLIC = "http://chuyi.test"
HTTP = "http://www.w3.org/TR/scxml/#BasicHTTPEventProcessor"


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.messages.put((dict(self.headers), urllib.parse.parse_qs(body)))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def chart(receiver):
    send = f'<send type="{HTTP}" event="{{event}}" target="{{target}}">{{params}}</send>'
    told = send.format(event="opened", target=receiver + "/in", params='<param name="where" expr="_ioprocessors.basichttp.location"/>')
    denied = "".join(send.format(event="x", target=target, params="") for target in
                     (receiver.replace("127.0.0.1", "localhost") + "/in", receiver + "/in/%2e%2e/admin", receiver + "/in/..%2fadmin", receiver + "/inside"))
    closed = send.format(event="closed", target=receiver + "/in", params='<param name="why" expr="why"/>')
    return ('<scxml xmlns="http://www.w3.org/2005/07/scxml" xmlns:chuyi="urn:chuyi:workflow:1" version="1.0" datamodel="lua" name="own" '
            'chuyi:http-events="payment"><datamodel><data id="why" expr="\'\'"/></datamodel>'
            f'<state id="opened"><onentry>{told}</onentry><transition event="payment.done" cond="_event.data.amount == 3" target="inner"/></state>'
            '<state id="inner"><invoke type="scxml" id="sub" src="inner.scxml"><param name="org" location="application.orgs.college"/></invoke>'
            '<transition event="done.invoke.sub" cond="_event.data.by == \'go\'" target="refused"/>'
            '<transition event="done.invoke.sub" target="done"/></state>'
            f'<state id="refused"><onentry>{denied}</onentry><transition event="error.communication" target="told">'
            '<assign location="why" expr="_event.data.code"/></transition></state>'
            f'<state id="told"><onentry>{closed}</onentry><transition event="payment.over" target="done"/></state>'
            '<final id="done"/></scxml>')


INNER = ('<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" datamodel="lua"><datamodel><data id="org"/><data id="by"/></datamodel>'
         '<state id="a">' + TASK.format(id="sign", more="").replace("application.orgs.college", "org") +
         '<transition event="done.invoke.sign" target="over"><assign location="by" expr="_event.data.outcome"/></transition></state>'
         '<final id="over"><donedata><param name="by" location="by"/></donedata></final></scxml>')


class Messages(unittest.TestCase):
    def setUp(self):
        self.data, self.packages = tempfile.mkdtemp(prefix="chuyi-e2e-"), tempfile.mkdtemp(prefix="chuyi-packages-")
        for folder in (self.data, self.packages):
            self.addCleanup(shutil.rmtree, folder)
        self.receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        self.receiver.messages, self.receiver.answers = queue.Queue(), []
        threading.Thread(target=self.receiver.serve_forever, daemon=True).start()
        self.addCleanup(self.receiver.server_close)
        self.addCleanup(self.receiver.shutdown)
        url = f"http://127.0.0.1:{self.receiver.server_address[1]}"
        package(self.packages, "own", workflow=chart(url))
        with open(os.path.join(self.packages, "own", "inner.scxml"), "w", encoding="utf-8") as out:
            out.write(INNER)
        self.server = Server(self.data, "--plugins", self.packages, "--public-url", PUBLIC, "--allow-message", url + "/in")
        self.way = Way(self.server, set_up(self.server), "own")

    def message(self):
        headers, form = self.receiver.messages.get(timeout=60)
        return headers, {name: values[0] for name, values in form.items()}

    def post(self, path, form, key=None):
        return self.server.request("POST", path, urllib.parse.urlencode(form), headers={"Content-Type": "application/x-www-form-urlencoded"}, key=key)

    def test_out_in_inside_and_denied(self):
        way = self.way
        self.receiver.answers = [503]
        way.create()
        first, form = self.message()
        self.assertEqual(form["_scxmleventname"], "opened")
        self.assertTrue(form["where"].startswith(PUBLIC + "/scxml/" + way.id + "?key="))
        where = form["where"][len(PUBLIC):]
        way.advance("2026-03-02T09:05:00+08:00")
        again, _ = self.message()
        self.assertEqual(first["Idempotency-Key"], again["Idempotency-Key"], "a receiver can tell a repeat")

        for path, event in ((where + "x", "payment.done"), (where.split("?")[0], "payment.done"), (where, "province.revoke"),
                            (where.replace(way.id, "a-none"), "payment.done")):
            self.assertEqual(self.post(path, {"_scxmleventname": event, "amount": 3}).status, 404, path)
        revisions = []
        for _ in range(2):
            self.assertEqual(self.post(where, {"_scxmleventname": "payment.done", "amount": "3%"}, "the-same").status, 204, "taken, but not enabled")
            revisions.append(way.application()["revision"])
        self.assertEqual(revisions[0], revisions[1], "a repeat has no second effect")
        self.assertEqual(way.application()["state"], "opened")
        self.assertEqual(self.post(where, {"_scxmleventname": "payment.done", "amount": 3}).status, 204)
        self.assertEqual(way.application()["state"], "inner")

        way.sign("applicant", "task", "go")
        _, form = self.message()
        self.assertEqual((form["_scxmleventname"], form["why"]), ("closed", "http_event.denied"))
        self.assertEqual(way.application()["state"], "told")
        self.assertTrue(self.receiver.messages.empty(), "nothing came where it is not allowed")
        self.server.kill()
        self.server.start()
        self.assertEqual(self.post(where, {"_scxmleventname": "payment.over"}).status, 204, "the location outlives the process")
        self.assertEqual(way.application("applicant")["status"], "ended")
        key = where.split("key=")[1]
        self.assertEqual(self.server.stop(), 0)
        self.assertIn("identical", run_cli("replay", way.id, data=self.data).stdout)
        with open(os.path.join(self.data, "stderr.log"), encoding="utf-8") as log:
            self.assertNotIn(key, log.read())
        self.assertEqual(stored_bytes(self.data).count(b'"key":"' + key.encode()), 0)


if __name__ == "__main__":
    unittest.main()

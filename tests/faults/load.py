"""Clients that sign off for as long as they are let, against a server that comes and goes, and what they know of it.

Each client keeps a journal, a file of JSON lines: every request before it is sent, and every answer. A request that ends
without an answer is sent again with its Idempotency-Key until there is one."""
import http.client
import json
import os
import random
import subprocess
import sys
import threading

from scenario import COLLEGE, DOCUMENTS
from server import SOURCE_DIR, pdf
from test_rules import TASK, package

PROGRAMME = "rounds"
ROUNDS = 12  # of one application, two sign-offs each


def make_package(folder):
    """A programme whose applications are signed off again and again, every other time with a bag; timers run beside."""
    def state(name, more):
        return f'<state id="{name}" chuyi:title="{name}" chuyi:title-en="{name}"{more}>'
    package(folder, PROGRAMME, workflow=(
        '<scxml xmlns="http://www.w3.org/2005/07/scxml" xmlns:chuyi="urn:chuyi:workflow:1" version="1.0" datamodel="lua" name="own">'
        '<datamodel><data id="ticks" expr="0"/><data id="rounds" expr="0"/></datamodel>' + state("running", ' initial="plain"') +
        '<transition event="tick"><assign location="ticks" expr="ticks + 1"/></transition>' + state("plain", "") +
        '<onentry><send event="tick" delay="200ms"/></onentry>' + TASK.format(id="first", more="") +
        '<transition event="done.invoke.first" target="sealing"/></state>' + state("sealing", "") +
        '<onexit><assign location="rounds" expr="rounds + 1"/></onexit>' + TASK.format(id="second", more='<param name="form" expr="\'nomination\'"/><param name="seals_bundle" expr="true"/>') +
        f'<transition event="done.invoke.second" cond="rounds &lt; {ROUNDS - 1}" target="plain"/>'
        f'<transition event="done.invoke.second" cond="rounds &gt;= {ROUNDS - 1}" target="done"/></state></state><final id="done"/></scxml>'),
            forms={"forms/nomination.json": {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {"opinion": {"type": "string", "title": "意见", "maxLength": 200}}}})


class Unanswered(Exception):
    """It is not known what became of the request, and the client is not patient. Holds the request when it was one to change something."""


class Stopped(Exception):
    """There is to be no more load."""


class Gate:
    """Where the server is just now; clients wait here while it is nowhere."""

    def __init__(self):
        self.changed = threading.Condition()
        self.port, self.stopped = None, False

    def set(self, port):
        with self.changed:
            self.port = port
            self.changed.notify_all()

    def stop(self):
        with self.changed:
            self.stopped = True
            self.changed.notify_all()

    def wait(self):
        with self.changed:
            self.changed.wait_for(lambda: self.port is not None)
            return self.port


class Client:
    """One client with one connection and one journal. Its requests of a kind that changes something are journalled."""

    def __init__(self, number, gate, token, journal, seed):
        self.number, self.gate, self.token = number, gate, token
        self.journal = open(journal, "a", encoding="utf-8")
        self.random = random.Random(seed)
        self.patient = True  # repeats a request until there is an answer
        self.connection, self.count, self.answered, self.applications = None, 0, [], []

    def note(self, **line):
        self.journal.write(json.dumps(line, ensure_ascii=False) + "\n")
        self.journal.flush()

    def once(self, method, path, body, headers):
        """@return (status, body); None when it is not known what became of the request."""
        port = self.gate.wait()
        try:
            if self.connection and self.connection.port != port:
                self.connection.close()
                self.connection = None
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            self.connection.request(method, path, body=body, headers=headers | {"Authorization": "Bearer " + self.token})
            answer = self.connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            self.connection = None
            return None

    def get(self, path):
        while True:
            answer = self.once("GET", path, None, {})
            if answer and answer[0] == 200:
                return json.loads(answer[1])
            if not self.patient:
                raise Unanswered(None)
            if self.gate.stopped:
                raise Stopped

    def post(self, kind, path, body, media_type="application/json", **more):
        """Sends until there is an answer other than 503, also after the end of the load. @return (status, JSON)."""
        self.count += 1
        key = f"c{self.number}-{self.count}"
        if callable(body):
            body = body(key)
        self.note(key=key, kind=kind, path=path, **more)
        headers = {"Content-Type": media_type, "Idempotency-Key": key}
        self.answered.append((key, path, body, headers))
        return self.until_answered(key, path, body, headers)

    def until_answered(self, key, path, body, headers):
        while True:
            answer = self.once("POST", path, body, headers)
            if answer and answer[0] != 503:
                self.note(key=key, status=answer[0], body=json.loads(answer[1]))
                return answer[0], json.loads(answer[1])
            self.note(key=key, unknown=answer[0] if answer else 0, code=json.loads(answer[1])["code"] if answer else "")
            if not self.patient:
                raise Unanswered((key, path, body, headers))

    def create(self):
        body = json.dumps({"programme": PROGRAMME, "round": "2026", "title": f"client {self.number}", "org": COLLEGE}).encode()
        status, answer = self.post("create", "/api/v1/applications", body)
        assert status == 201, answer
        self.applications.append(answer["id"])
        return answer["id"]

    def upload(self, application, kind):
        content = pdf(f"{self.number} {self.count} {application}")
        status, answer = self.post("document", f"/api/v1/applications/{application}/documents?kind={kind}&name={self.number}-{self.count}.pdf",
                                   content, "application/pdf", application=application)
        assert status == 201, answer

    def sign(self, application, task):
        return self.post("sign", f"/api/v1/tasks/{task}/complete",
                         lambda key: json.dumps({"outcome": "go", "data": {"opinion": f"mark {key}"}}).encode(), task=task, application=application)

    def close(self):
        self.journal.close()
        if self.connection:
            self.connection.close()

    def run(self):
        try:
            while True:
                application = self.create()
                for signed in range(2 * ROUNDS):
                    if signed % 2 == 1:  # what is sealed needs some
                        for kind in DOCUMENTS["workshop"] if signed == 1 else ["evidence"]:
                            self.upload(application, kind)
                    (task,) = self.get(f"/api/v1/tasks?application={application}&status=open")["items"]
                    status, answer = self.sign(application, task["id"])
                    assert status == 200, answer
                    if self.gate.stopped:
                        raise Stopped
        except Stopped:
            pass


class Load:
    """Clients in threads of their own. An error of one is told by stop()."""

    def __init__(self, gate, tokens, folder, seed):
        self.gate, self.failures = gate, []
        self.clients = [Client(number, gate, token, os.path.join(folder, f"{number}.jsonl"), seed + number) for number, token in enumerate(tokens)]
        self.threads = [threading.Thread(target=self.run, args=(client,)) for client in self.clients]

    def run(self, client):
        try:
            client.run()
        except Exception as failure:  # told to the test
            self.failures.append(f"client {client.number}: {failure!r}")

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.gate.stop()
        for thread in self.threads:
            thread.join()
        return self.failures

    def applications(self):
        return [application for client in self.clients for application in client.applications]

    def repeat(self, chance, count):
        """Sends some of the requests of each client again, and ends: each journal then has two answers to them."""
        sent = 0
        for client in self.clients:
            for request in chance.sample(client.answered, min(count // len(self.clients) + 1, len(client.answered))):
                client.until_answered(*request)
                sent += 1
            client.close()
        return sent


def verify(test, data, journals):
    """Fails `test` when verify.py finds a problem. @return its counts."""
    program = os.path.join(SOURCE_DIR, "tests", "faults", "verify.py")
    done = subprocess.run([sys.executable, program, data, journals], capture_output=True, text=True)
    test.assertTrue(done.stdout, done.stderr)
    result = json.loads(done.stdout)
    test.assertEqual(result["problems"], [])
    return result["counts"]

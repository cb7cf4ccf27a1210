"""A real chuyi server in a process of its own, and a client that speaks HTTP to it."""
import hashlib
import http.client
import json
import os
import signal
import sqlite3
import subprocess
import urllib.parse
import uuid

BINARY_DIR = os.environ["CHUYI_BINARY_DIR"]
SOURCE_DIR = os.environ["CHUYI_SOURCE_DIR"]
CHUYI = os.path.join(BINARY_DIR, "bin", "chuyi")
SANITIZED = os.environ.get("CHUYI_SANITIZED", "")
START = "2026-03-02T09:00:00+08:00"
PASSWORD = "correct horse battery staple"
# Whether the installations under test keep their rows in PostgreSQL: tools/test.sh --store postgres.
POSTGRES = os.environ.get("CHUYI_TEST_STORE") == "postgres"
CLUSTER = os.environ.get("CHUYI_TEST_POSTGRES", "")


def psql(url, sql):
    done = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-F", "\x1f", "-R", "\x1e", url, "-c", sql],
                          capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise AssertionError(f"{sql}: {done.stderr}")
    return [tuple(row.split("\x1f")) for row in done.stdout.rstrip("\n").split("\x1e")] if done.stdout else []


def store_of(data):
    """The URL of the database that belongs to a data folder; made when it is not there."""
    name = "e2e_" + hashlib.sha256(os.path.abspath(data).encode()).hexdigest()[:24]
    if not psql(CLUSTER, f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
        psql(CLUSTER, f"CREATE DATABASE {name}")
    return CLUSTER.replace("/postgres?", f"/{name}?")


def at_home(data, store=None):
    """The options that say where an installation is."""
    store = store or (store_of(data) if POSTGRES else None)
    return ["--data", data] + (["--store", store] if store else [])


def stored(data, sql):
    """The rows that a query finds in the installation's store, past the program."""
    if POSTGRES:
        return psql(store_of(data), sql)
    store = sqlite3.connect(f"file:{data}/chuyi.db?mode=ro", uri=True)
    try:
        return store.execute(sql).fetchall()
    finally:
        store.close()


def stored_bytes(data):
    """All that the installation's store holds, to look for what it must not."""
    if POSTGRES:
        return subprocess.run(["pg_dump", store_of(data)], capture_output=True, check=True, timeout=60).stdout
    out = b""
    for name in ("chuyi.db", "chuyi.db-wal"):  # which holds what was not carried over yet
        if os.path.exists(os.path.join(data, name)):
            with open(os.path.join(data, name), "rb") as store:
                out += store.read()
    return out


def run_cli(*args, data=None, store=None, stdin=None, check=True, cwd=None):
    # A demo brings its own store.
    command = [CHUYI] + ((["--data", data] if args[0] == "demo" else at_home(data, store)) if data else []) + list(args)
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120, cwd=cwd)
    if check and done.returncode != 0:
        raise AssertionError(f"{command} exited {done.returncode}: {done.stdout}{done.stderr}")
    return done


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class Server:
    """Starts `chuyi serve` on a free port; kill() is kill -9. `store`: the URL of a database that it shares."""

    def __init__(self, data, *options, manual=True, env=None, store=None, program=CHUYI):
        self.data, self.options, self.manual, self.env, self.store, self.program = data, options, manual, env or {}, store, program
        self.process = None
        self.port = None

    def launch(self):
        """Starts it, and does not wait until it serves."""
        command = [self.program, *at_home(self.data, self.store), "serve", "--listen", "127.0.0.1:0", *self.options]
        if self.manual:
            command += ["--manual-clock", START]
        self.log = open(os.path.join(self.data, "stderr.log"), "ab")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True, env=os.environ | self.env)

    def start(self):
        self.launch()
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            with open(os.path.join(self.data, "stderr.log")) as log:
                raise AssertionError(f"server did not start: {line!r} {log.read()[-4000:]}")
        self.port = int(line.rsplit(":", 1)[1])
        return self

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        self.log.close()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(timeout=60)
        self.process.stdout.close()
        self.log.close()
        return code

    def request(self, method, path, body=None, token=None, headers=None, key=None):
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        if token:
            headers["Authorization"] = "Bearer " + token
        if method == "POST":
            headers.setdefault("Idempotency-Key", key or uuid.uuid4().hex)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()

    def login(self, user):
        answer = self.request("POST", "/api/v1/login", {"user": user, "password": PASSWORD})
        assert answer.status == 200, answer.body
        return answer.json["token"]


def quote(text):
    return urllib.parse.quote(text, safe="")


def pdf(label, padding=0):
    """A small but real PDF, with so many bytes besides that say nothing."""
    text = f"BT /F1 18 Tf 72 720 Td ({label}) Tj ET"
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
               "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
               f"<< /Length {len(text)} >>\nstream\n{text}\nendstream", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    out, offsets = "%PDF-1.4\n" + (f"%{os.urandom(padding // 2).hex()}\n" if padding else ""), []
    for number, content in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{content}\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n" + "".join(f"{o:010d} 00000 n \n" for o in offsets)
    return (out + f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n").encode()

"""Goal: no malformed, hostile or oversize HTTP changes anything, and each gets a clear answer.
Method: raw bytes on a fresh connection each; the cases of the table below, and a corpus of more where it is present."""
import csv
import gzip
import json
import os
import select
import shutil
import socket
import tempfile
import unittest

from scenario import Way, set_up
from server import SOURCE_DIR, Server, stored

CORPUS = os.environ.get("CHUYI_CORPUS") or os.path.join(SOURCE_DIR, "..", "shared", "corpus")
# The corpus names addresses of its own; these are ours of the same kind.
ADDRESSES = {b"/api/v1/cases/1/events": b"/api/v1/applications/a-1/events", b"/api/v1/cases": b"/api/v1/login", b"/api/v1/health": b"/healthz",
             b"/api/v1/bundles": b"/api/v1/applications/a-1/documents?kind=agreement&name=a.zip"}


def read_answers(connection):
    """All bytes until the server closes; (status, headers, body) of each answer in them."""
    received = b""
    while True:
        try:
            part = connection.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            break
        if not part:
            break
        received += part
    answers = []
    while received.startswith(b"HTTP/1."):
        head, _, rest = received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = dict((name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines[1:]))
        length = int(headers.get("content-length", 0))
        answers.append((int(lines[0].split()[1]), headers, rest[:length]))
        received = rest[length:]
    return answers


def check_nul(test, server, tokens):
    """U+0000, which not every store can keep, stops at the gate wherever it stands, and the answer says where."""
    form, data = {"Content-Type": "application/x-www-form-urlencoded"}, {"Content-Type": "application/json"}
    pages = {"Accept": "text/html"}
    application = '{"programme":"workshop","round":"2026","title":"a\\u0000b"}'
    for name, method, path, body, headers, code, place in (
            ("Text", "POST", "/api/v1/applications", application, data, "json.nul", "/title"),
            ("Nested", "POST", "/api/v1/admin/users", '{"id":"x","memberships":[{"role":"a"},{"role":"\\u0000"}]}', data, "json.nul", "/memberships/1/role"),
            ("Key", "POST", "/api/v1/applications", '{"a\\u0000":1}', data, "json.nul", None),
            ("Query", "GET", "/api/v1/applications?text=%00", None, {}, "http.query", None),
            ("QueryOfAnUpload", "POST", "/api/v1/applications/a-1/documents?kind=agreement&name=a%00.pdf", b"x", {"Content-Type": "application/pdf"}, "http.query", None),
            ("Form", "POST", "/notices/NOTICE/objections", b"objector=a%00&contact=b&reason=c", form | pages, "http.form", None),
            ("FormKey", "POST", "/notices/NOTICE/objections", b"objector=a&contact=b&reason=c&key=\0", form | pages, "http.form", None)):
        with test.subTest(name):
            if "NOTICE" in path:
                path = path.replace("NOTICE", server.request("GET", "/api/v1/notices").json["items"][0]["id"])
            answer = server.request(method, path, body, tokens["admin" if "admin" in path else "applicant"], headers=headers)
            test.assertIn(answer.status, (400, 422), answer.body)
            if "Accept" not in headers:
                test.assertEqual(answer.json["code"], code)
            if place:
                test.assertEqual(answer.json["place"], place)


class HttpGate(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.data = tempfile.mkdtemp(prefix="chuyi-gate-")
        cls.server = Server(cls.data, "--head-seconds", "2", "--body-seconds", "2")
        cls.tokens = set_up(cls.server)

    @classmethod
    def tearDownClass(cls):
        code = cls.server.stop()
        shutil.rmtree(cls.data)
        if code != 0:
            raise AssertionError(f"the server ended with {code}")

    def send(self, raw):
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=30) as connection:
            try:
                connection.sendall(raw)
                connection.shutdown(socket.SHUT_WR)
            except (BrokenPipeError, ConnectionResetError, OSError):
                pass
            return read_answers(connection)

    def to_our_addresses(self, raw):
        line, end, rest = raw.partition(b"\r\n")
        for theirs, ours in ADDRESSES.items():
            if line.partition(b" ")[2].startswith(theirs):
                line = line.replace(theirs, ours)
                break
        if b"/documents" in line or b"/events" in line:
            rest = b"Authorization: Bearer " + self.tokens["applicant"].encode() + b"\r\nIdempotency-Key: corpus\r\n" + rest
        if b"VALID" in rest:  # a browser's session
            rest = rest.replace(b"Authorization", b"X-Nothing").replace(b"__Host-session=VALID", b"chuyi_session=" + self.tokens["applicant"].encode())
        return line + end + rest

    def counts(self):
        tables = ("sessions", "tasks", "audit", "documents", "objections")
        return stored(self.data, "SELECT " + ", ".join(f"(SELECT count(*) FROM {table})" for table in tables))

    def refused(self, raw, statuses, closes=True, code=None):
        before = self.counts()
        answers = self.send(raw)
        self.assertEqual(self.counts(), before, "something was written")
        self.assertTrue(answers, "no answer at all")
        status, headers, body = answers[0]
        self.assertIn(status, statuses, body[:300])
        self.assertTrue(headers["content-type"].startswith("application/problem+json"), headers)
        problem = json.loads(body)
        self.assertEqual(problem["status"], status)
        self.assertTrue(problem["code"] and problem["title"], problem)
        if code:
            self.assertEqual(problem["code"], code)
        if closes:
            self.assertEqual(len(answers), 1, answers)
            self.assertEqual(headers.get("connection", "").lower(), "close")
        self.assertEqual(self.server.request("GET", "/healthz").status, 200)

    def test_messages_that_frame_their_body_in_two_ways(self):
        post = b"POST /api/v1/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        end = b"\r\n{}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
        for name, raw, statuses in (
                ("TwoLengths", post + b"Content-Length: 2\r\nContent-Length: 3\r\n" + end, (400,)),
                ("LengthAndChunked", post + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", (400,)),
                ("LengthWithPlus", post + b"Content-Length: +2\r\n" + end, (400,)),
                ("LengthNegative", post + b"Content-Length: -2\r\n" + end, (400,)),
                ("LengthTooLong", post + b"Content-Length: 99999999999999999999999\r\n" + end, (400, 413)),
                ("LengthList", post + b"Content-Length: 2, 2\r\n" + end, (400,)),
                ("ChunkedNotLast", post + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", (400, 501)),
                ("ChunkedTwice", post + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", (400, 501)),
                ("UnknownCoding", post + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", (400, 501)),
                ("ChunkedInOldVersion", post.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", (400,)),
                ("SpaceBeforeColon", post + b"Content-Length : 2\r\n" + end, (400,)),
                ("FoldedHeader", post + b"X-Note: a\r\n b\r\nContent-Length: 2\r\n" + end, (400,)),
                ("BareLineFeed", b"GET /healthz HTTP/1.1\nHost: a\n\n", (400,)),
                ("BareCarriageReturn", b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Note: a\rb\r\n\r\n", (400,)),
                ("NulInHeader", b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Note: a\0b\r\n\r\n", (400,)),
                ("NoHost", b"GET /healthz HTTP/1.1\r\n\r\n", (400,)),
                ("TwoHosts", b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", (400,)),
                ("ChunkSizeNotHex", post + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", (400,)),
                ("ChunkSizeOverflow", post + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n", (400, 413)),
                ("HugeChunkExtension", post + b"Transfer-Encoding: chunked\r\n\r\n2;" + b"x" * 100000 + b"\r\n{}\r\n0\r\n\r\n", (400, 413, 431))):
            with self.subTest(name):
                self.refused(raw, statuses)

    def test_too_much(self):
        for name, raw, statuses in (
                ("Uri", b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", (414,)),
                ("Header", b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Note: " + b"a" * 100000 + b"\r\n\r\n", (431,)),
                ("Headers", b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + b"X-Note: a\r\n" * 5000 + b"\r\n", (431,)),
                ("Body", b"POST /api/v1/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 900000000\r\n\r\n{}", (413,))):
            with self.subTest(name):
                self.refused(raw, statuses)

    def test_bodies_that_are_not_strict_json(self):
        deep = b"[" * 100000
        for name, body in (
                ("Empty", b""), ("Cut", b'{"user":'), ("Deep", deep), ("DuplicateKey", b'{"user":"a","user":"b","password":"x"}'),
                ("NotUtf8", b'{"user":"\xff\xfe","password":"x"}'), ("Overlong", b'{"user":"\xc0\xaf","password":"x"}'),
                ("LoneSurrogate", b'{"user":"\\ud800","password":"x"}'), ("Nul", b'{"user":"a\\u0000","password":"x"}'),
                ("NaN", b'{"user":NaN,"password":"x"}'), ("TrailingComma", b'{"user":"a",}'), ("TrailingText", b'{"user":"a","password":"b"} x'),
                ("NotAnObject", b"[]"), ("WrongType", b'{"user":1,"password":"x"}'), ("UnknownKey", b'{"user":"a","password":"x","admin":true}'),
                ("Bom", b'\xef\xbb\xbf{"user":"a","password":"x"}'), ("HugeNumber", b'{"user":1e999999,"password":"x"}')):
            with self.subTest(name):
                raw = b"POST /api/v1/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
                self.refused(raw + body, (400, 413, 422), closes=False)

    def test_text_with_a_nul_is_refused_wherever_it_stands(self):
        way = Way(self.server, self.tokens, "workshop")
        way.nominate()
        way.review()
        check_nul(self, self.server, self.tokens)

    def test_what_is_not_in_the_table_does_not_exist(self):
        for path in ("/../etc/passwd", "/static/..%2f..%2fetc/passwd", "/static/%2e%2e/%2e%2e/etc/passwd", "/static//etc/passwd",
                     "/static/a%00.html", "/api/v1/..;/admin/users", "/api/v1/me;x=1", "/API/v1/programmes", "/api/v1/programmes/", "/debug"):
            with self.subTest(path):
                self.refused(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: a\r\n\r\n", (400, 404), closes=False)
        for method, statuses in ((b"TRACE", (405, 501, 400)), (b"CONNECT", (405, 501, 400)), (b"PATCH", (405, 501)), (b"BREW", (400, 405, 501))):
            with self.subTest(method):
                self.refused(method + b" /api/v1/programmes HTTP/1.1\r\nHost: a\r\n\r\n", statuses, closes=False)

    def test_answers_pipelined_requests_in_order(self):
        get = b"GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n"
        answers = self.send(get % (b"/healthz", b"") + get % (b"/api/v1/clock", b"") + get % (b"/readyz", b"Connection: close\r\n"))
        self.assertEqual([answer[0] for answer in answers], [200, 200, 200])
        self.assertIn(b"now", answers[1][2])

    def test_a_client_that_goes_away_in_the_middle(self):
        for raw in (b"G", b"GET /healthz HTTP/1.1\r\nHo", b"POST /api/v1/login HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"):
            with socket.create_connection(("127.0.0.1", self.server.port), timeout=30) as connection:
                connection.sendall(raw)
        self.assertEqual(self.server.request("GET", "/healthz").status, 200)

    def test_a_client_that_sends_drop_by_drop_is_cut_off(self):
        post = b"POST /api/v1/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
        for name, start in (("Head", b"GET /healthz HTTP/1.1\r\nX-Note: "), ("Body", post)):
            with self.subTest(name), socket.create_connection(("127.0.0.1", self.server.port), timeout=30) as connection:
                connection.sendall(start)
                drops = 0
                while not select.select([connection], [], [], 0.2)[0]:
                    connection.sendall(b"a")
                    drops += 1
                    self.assertLess(drops, 100, "never cut off")
                self.assertEqual(read_answers(connection), [], "closed without a word")

    def test_every_answer_carries_the_protecting_headers(self):
        for path in ("/", "/api/v1/programmes", "/api/v1/me", "/nowhere", "/healthz"):
            with self.subTest(path):
                answer = self.server.request("GET", path)
                self.assertEqual(answer.header("X-Content-Type-Options"), "nosniff")
                self.assertIn("frame-ancestors 'none'", answer.header("Content-Security-Policy"))
                self.assertEqual(answer.header("Referrer-Policy"), "no-referrer")
                self.assertIsNone(answer.header("Server"))


def corpus_rows():
    if not os.path.exists(os.path.join(CORPUS, "MANIFEST.tsv")):
        return []
    with open(os.path.join(CORPUS, "MANIFEST.tsv"), encoding="utf-8", newline="") as source:
        return [row for row in csv.DictReader(source, delimiter="\t") if row["path"].startswith("http/") and row["check"] not in ("SEE", "")]


def corpus_case(row):
    def case(self):
        opener = gzip.open if row["path"].endswith(".gz") else open
        with opener(os.path.join(CORPUS, row["path"]), "rb") as source:
            raw = self.to_our_addresses(source.read())
        before = self.counts()
        answers = self.send(raw)
        self.assertEqual(self.counts(), before)
        self.assertTrue(answers)
        self.assertEqual(self.server.request("GET", "/healthz").status, 200)
        check = row["check"]
        if check == "manual":
            self.assertTrue(all(answer[0] < 500 for answer in answers), answers)
            return
        if "multipart" in row["path"]:
            check += ",404,415"  # documents are plain bodies here: a form is refused before its parts are looked at
        wanted, _, rest = check.removeprefix("status:").partition(";")
        status = answers[0][0]
        self.assertTrue(any(word == str(status) or (word == "4xx" and 400 <= status < 500) for word in wanted.split(",")),
                        f"{row['path']}: {status} is not {check}: {answers[0][2][:300]}")
        if rest == "close":
            self.assertEqual(len(answers), 1)
            self.assertEqual(answers[0][1].get("connection", "").lower(), "close")
        if status >= 400:
            self.assertTrue(json.loads(answers[0][2])["code"])
    return case


for corpus_row in corpus_rows():
    setattr(HttpGate, "test_corpus_" + os.path.basename(corpus_row["path"]).split(".")[0].replace("-", "_"), corpus_case(corpus_row))


if __name__ == "__main__":
    unittest.main()

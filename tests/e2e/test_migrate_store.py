"""Goal: an installation that was copied into another store is the same installation there, and nobody had to wait for it. Method:
rows of both stores are compared past the program; copies are made under load, killed, caught up and sent to the wrong place."""
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import unittest

from scenario import Way, set_up
from server import CHUYI, CLUSTER, PASSWORD, POSTGRES, SOURCE_DIR, Server, psql, run_cli, store_of

# Tables that a copy leaves where they are: each store's own, and who is signed in.
LEFT_OUT = {"schema_migrations", "logins", "undo", "contents", "content_parts"}
CLAIMS = {(table, column) for table in ("timers", "outbox") for column in ("owner", "owned_until")}


def tables_of_sqlite(data):
    store = sqlite3.connect(f"file:{data}/chuyi.db?mode=ro", uri=True)
    try:
        names = [name for (name,) in store.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
        return {name: sorted(column for (column,) in store.execute("SELECT name FROM pragma_table_info(?)", (name,))) for name in names}
    finally:
        store.close()


def tables_of_postgres(url):
    out = {}
    for table, column in psql(url, "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"):
        out.setdefault(table, []).append(column)
    return out


def copied(tables):
    return {name: [column for column in columns if (name, column) not in CLAIMS] for name, columns in tables.items() if name not in LEFT_OUT}


def dump_sqlite(data):
    store = sqlite3.connect(f"file:{data}/chuyi.db?mode=ro", uri=True)
    try:
        return {name: sorted(tuple("" if cell is None else str(cell) for cell in row) for row in store.execute(f"SELECT {quoted(columns)} FROM {name}"))
                for name, columns in copied(tables_of_sqlite(data)).items()}
    finally:
        store.close()


def dump_postgres(url):
    return {name: sorted(tuple(row) for row in psql(url, f"SELECT {quoted(columns)} FROM {name}")) for name, columns in copied(tables_of_postgres(url)).items()}


def quoted(columns):
    return ",".join(f'"{column}"' for column in columns)


@unittest.skipUnless(CLUSTER, "no PostgreSQL here: tools/deps.sh --tests installs it")
@unittest.skipIf(POSTGRES, "brings its own stores")
class MigrateStore(unittest.TestCase):
    maxDiff = 2000

    def setUp(self):
        self.home = tempfile.mkdtemp(prefix="chuyi-copy-")
        self.addCleanup(shutil.rmtree, self.home)
        self.url = store_of(self.home)

    def path(self, name):
        return os.path.join(self.home, name)

    def folder(self, name):
        os.mkdir(self.path(name))
        return self.path(name)

    def copy(self, source, target, check=True):
        done = subprocess.run(self.command(source, target), capture_output=True, text=True, timeout=120)
        if check and done.returncode != 0:
            raise AssertionError(done.stdout + done.stderr)
        return json.loads(done.stdout) if check else done

    def command(self, source, target):
        return [CHUYI, "--data", self.path("node"), "migrate-store", source, target, "--json"]

    def refused(self, source, target, code):
        done = self.copy(source, target, check=False)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn(f"[{code}]", done.stderr)

    def verified(self, data, store=None):
        return json.loads(run_cli("audit", "verify", "--json", data=data, store=store).stdout)

    def serves(self, data, store=None):
        """A server starts from the copy and takes commands; the chain goes on."""
        before = self.verified(data, store)["records"]
        run_cli("user", "add", "root", "--role", "administrator", "--org", "430000", "--password-stdin", data=data, store=store, stdin=PASSWORD + "\n")
        server = Server(data, store=store).start()
        try:
            token = server.login("root")
            made = server.request("POST", "/api/v1/admin/organisations", {"id": "college-900", "parent": "430100", "level": "college", "name": "新学院", "name_en": "New"}, token)
            self.assertEqual(made.status, 201, made.body)
        finally:
            self.assertEqual(server.stop(), 0)
        self.assertGreater(self.verified(data, store)["records"], before + 1)

    def is_unfinished(self, target):
        sql = "SELECT count(*) FROM settings WHERE key = 'copy_of'"
        try:
            if "://" in target:
                return psql(target, sql) == [("1",)]
            store = sqlite3.connect(f"file:{target}/chuyi.db?mode=ro", uri=True)
            try:
                return store.execute(sql).fetchone() == (1,)
            finally:
                store.close()
        except (AssertionError, sqlite3.OperationalError):
            return False  # no table yet

    def demo(self, name, seed=1):
        data = self.path(name)
        subprocess.run([CHUYI, "--data", data, "demo", "--exit", "--seed", str(seed), "--listen", "127.0.0.1:0"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       check=True, timeout=120)
        return data

    def test_a_season_goes_into_postgresql_and_back(self):
        data, node, back = self.demo("demo"), self.folder("node"), self.path("back")
        start = dump_sqlite(data)
        self.assertGreater(min(len(rows) for name, rows in start.items() if name in ("sessions", "audit", "documents", "awards")), 10)
        there = self.copy(data, self.url)
        self.assertEqual(dump_postgres(self.url), start)
        self.assertEqual(there["rows"], sum(len(rows) for name, rows in start.items() if name != "task_totals"), "totals are not copied: they follow the tasks")
        self.assertEqual(there["documents"], there["brought"])
        self.assertGreater(there["documents"], 10)
        self.assertEqual(self.copy(self.url, back)["head"], there["head"])
        self.assertEqual(dump_sqlite(back), start)
        # Nothing is left to do.
        self.assertEqual((self.copy(data, back)["changed"], self.copy(data, self.url)["brought"]), (0, 0))
        # Native libraries too, which are files beside the one store and among the documents of the other.
        libraries = {digest for (digest,) in psql(self.url, "SELECT files::json ->> 'library.sha256' FROM definitions") if digest}
        self.assertNotEqual(libraries, set())
        self.assertLessEqual(libraries, {digest for (digest,) in psql(self.url, "SELECT digest FROM contents")})
        for at, store in ((node, self.url), (back, None)):
            head = self.verified(at, store)
            self.assertEqual((head["records"], head["head"]), (there["records"], there["head"]))
            for (application,) in random.sample([row[copied(tables_of_sqlite(data))["sessions"].index("id"):][:1] for row in start["sessions"]], 5):
                self.assertIn("byte for byte", run_cli("replay", application, data=at, store=store).stdout)
            self.serves(at, store)

    def test_every_table_is_copied_or_named(self):
        """A table or column that one schema alone has is refused; here both are as they are."""
        data, node = self.folder("data"), self.folder("node")
        run_cli("user", "add", "root", "--role", "administrator", "--org", "430000", "--password-stdin", data=data, stdin=PASSWORD + "\n")
        self.copy(data, self.url)
        self.assertEqual(copied(tables_of_sqlite(data)), copied(tables_of_postgres(self.url)))
        psql(self.url, "CREATE TABLE new_table (id TEXT PRIMARY KEY)")
        self.refused(data, self.url, "copy.schema")
        psql(self.url, "DROP TABLE new_table; ALTER TABLE tasks ADD COLUMN new_column TEXT")
        self.refused(data, self.url, "copy.schema")
        self.assertTrue(os.path.isdir(node))

    def test_killed_at_any_time_it_goes_on(self):
        data, seed = self.demo("demo"), random.randrange(1, 10_000)
        start, at, node, kills = dump_sqlite(data), random.Random(seed), self.folder("node"), 0
        for number in range(6):
            url, back = store_of(self.path(f"node-{number}")), self.path(f"back-{number}")
            for source, target in ((data, url), (url, back)):
                for _ in range(3):
                    process = subprocess.Popen(self.command(source, target), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                    while process.poll() is None and not self.is_unfinished(target):
                        pass
                    try:
                        process.wait(timeout=at.uniform(0, 0.3))
                    except subprocess.TimeoutExpired:
                        process.send_signal(signal.SIGKILL)
                    process.wait()
                    if not self.is_unfinished(target):
                        break
                    kills += 1
                self.copy(source, target)
                with self.subTest(seed=seed, target=target):
                    self.assertEqual(dump_postgres(target) if target == url else dump_sqlite(target), start)
                self.verified(*((node, url) if target == url else (back,)))
        self.assertGreater(kills, 0)
        print(f"{kills} copies were cut short, seed {seed}", file=sys.stderr)

    def test_an_unfinished_copy_is_not_served(self):
        data, node = self.folder("data"), self.folder("node")
        run_cli("user", "add", "root", "--role", "administrator", "--org", "430000", "--password-stdin", data=data, stdin=PASSWORD + "\n")
        head = self.copy(data, self.url)
        psql(self.url, f"INSERT INTO settings VALUES ('copy_of', '{head['records']} {head['head']}')")
        served = subprocess.run([CHUYI, "--data", node, "--store", self.url, "serve", "--listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=60)
        self.assertEqual(served.returncode, 1)
        self.assertIn("[store.unfinished_copy]", served.stderr)
        for command in (["audit", "verify"], ["archive", "--round", "2026", self.path("archive")]):
            done = run_cli(*command, data=node, store=self.url, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("[store.unfinished_copy]", done.stderr, command)
        self.refused(self.url, self.path("back"), "copy.source")
        self.copy(data, self.url)
        self.serves(node, self.url)

    def test_other_targets_are_refused_and_left_alone(self):
        one, two, node = self.demo("one", 1), self.folder("two"), self.folder("node")
        run_cli("user", "add", "root", "--role", "administrator", "--org", "430000", "--password-stdin", data=two, stdin=PASSWORD + "\n")
        before = dump_sqlite(two)
        self.refused(one, two, "copy.target")
        foreign = self.folder("foreign")
        with open(os.path.join(foreign, "notes.txt"), "w", encoding="utf-8"):
            pass
        self.refused(one, foreign, "copy.target")
        self.refused(one, os.path.join(foreign, "notes.txt"), "copy.target")
        self.assertEqual(os.listdir(foreign), ["notes.txt"])
        self.refused(self.path("nothing"), self.url, "store.missing")
        self.assertEqual(self.copy(one, one, check=False).returncode, 2)
        self.refused(one, one + "/.", "copy.same")
        self.verified(one)
        self.assertFalse(self.is_unfinished(one))
        self.assertEqual(dump_sqlite(two), before)
        self.copy(two, self.url)
        self.refused(self.url, self.url + "&application_name=another", "copy.same")
        self.assertFalse(self.is_unfinished(self.url))
        self.refused(one, self.url, "copy.target")
        self.serves(node, self.url)
        self.refused(two, self.url, "copy.target")  # it went on by itself
        server = Server(two).start()
        self.refused(self.url, two, "installation.locked")
        server.stop()
        self.copy(self.url, two)
        self.assertEqual(dump_sqlite(two), dump_postgres(self.url))

    def test_a_copy_under_load_is_whole_and_catches_up(self):
        data, node = self.folder("data"), self.folder("node")
        server = Server(data)
        tokens = set_up(server)
        ended, failures, signed = threading.Event(), [], []

        def client():
            try:
                while not ended.is_set():
                    way = Way(server, tokens, "workshop")
                    way.nominate()
                    signed.append(way.id)
            except Exception as failure:  # told by the main thread
                failures.append(failure)

        clients = [threading.Thread(target=client) for _ in range(8)]
        for each in clients:
            each.start()
        try:
            heads = []
            for _ in range(3):
                while not failures and len(signed) < 4 * (len(heads) + 1):
                    clients[0].join(0.02)
                heads.append(self.copy(data, self.url))
                kept = self.verified(node, self.url)
                self.assertEqual((kept["records"], kept["head"]), (heads[-1]["records"], heads[-1]["head"]))
        finally:
            ended.set()
            for each in clients:
                each.join()
            self.assertEqual(server.stop(), 0)
        self.assertEqual(failures, [])
        self.assertEqual(sorted({each["records"] for each in heads}), [each["records"] for each in heads])
        last = self.copy(data, self.url)
        self.assertGreater(last["records"], heads[0]["records"])
        self.assertEqual(dump_postgres(self.url), dump_sqlite(data))
        self.assertIn("byte for byte", run_cli("replay", signed[-1], data=node, store=self.url).stdout)
        self.serves(node, self.url)

    def test_a_document_that_is_not_what_its_row_says_stops_it(self):
        data, node = self.folder("data"), self.folder("node")
        server = Server(data)
        Way(server, set_up(server), "workshop").nominate()
        server.stop()
        kept = [os.path.join(at, name) for at, _, names in os.walk(os.path.join(data, "documents")) for name in names]
        with open(kept[0], "rb") as file:
            content = file.read()
        os.chmod(kept[0], 0o600)
        with open(kept[0], "wb") as file:
            file.write(content[:-1] + bytes([content[-1] ^ 1]))
        self.refused(data, self.url, "document.corrupt")
        os.unlink(kept[0])
        self.refused(data, self.url, "document.unknown")
        self.assertTrue(self.is_unfinished(self.url))
        with open(kept[0], "wb") as file:
            file.write(content)
        self.copy(data, self.url)
        # In the target, where all of them are read once more.
        psql(self.url, "UPDATE content_parts SET bytes = set_byte(bytes, 0, get_byte(bytes, 0) # 1) WHERE content = (SELECT min(content) FROM content_parts)")
        self.refused(data, self.url, "document.corrupt")
        psql(self.url, "UPDATE content_parts SET bytes = set_byte(bytes, 0, get_byte(bytes, 0) # 1) WHERE content = (SELECT min(content) FROM content_parts)")
        self.copy(data, self.url)
        # A record that was tampered with.
        psql(self.url, "UPDATE users SET name = 'someone else' WHERE id = 'clerk'")
        self.assertEqual(self.copy(data, self.url)["changed"], 1)
        self.assertEqual(dump_postgres(self.url), dump_sqlite(data))
        self.serves(node, self.url)

    def test_archived_records_and_their_bags_come_along(self):
        data, node, back = self.folder("data"), self.folder("node"), self.path("back")
        server = Server(data)
        way = Way(server, set_up(server), "workshop")
        way.all_stages()
        server.stop()
        self.copy(data, self.url)
        run_cli("archive", self.path("archive"), "--round", "2026", data=data)
        caught_up = self.copy(data, self.url)
        self.assertEqual(caught_up["brought"], 1)
        self.assertEqual(dump_postgres(self.url), dump_sqlite(data))
        self.verified(node, self.url)
        self.copy(self.url, back)
        shutil.rmtree(self.path("archive"))
        self.verified(back)
        # And of an archive that was made there.
        other, url = self.folder("other"), store_of(self.path("other"))
        server = Server(other, store=url)
        Way(server, set_up(server), "workshop").all_stages()
        server.stop()
        head = self.verified(other, url)["records"]
        run_cli("archive", self.path("archive"), "--round", "2026", data=other, store=url)
        self.assertEqual(self.verified(other, url)["records"], head + 1)
        ((bag,),) = psql(url, "SELECT DISTINCT record::json ->> 'archived' FROM audit WHERE record LIKE '{\"archived\"%'")
        psql(url, f"UPDATE contents SET touched = 0 WHERE digest = '{bag}'")  # long ago: the next upload looks whether it is needed
        server.start()
        way = Way(server, {"applicant": server.login("applicant")}, "workshop")
        way.create()
        way.fill()
        server.stop()
        self.assertEqual(psql(url, f"SELECT state FROM contents WHERE digest = '{bag}'"), [("kept",)])
        self.copy(url, self.path("second"))
        self.verified(self.path("second"))
        self.assertTrue(os.path.exists(os.path.join(self.path("second"), "documents", bag[:2], bag)))

    def test_documents_in_s3_stay_there_or_come_back(self):
        program = os.path.join(SOURCE_DIR, "tests", "support", "s3_server.py")
        s3 = subprocess.Popen([sys.executable, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (s3.stdin.close(), s3.wait(), s3.stdout.close()))
        options = ["--documents", "s3://documents/chuyi", "--s3-endpoint", s3.stdout.readline().strip(), "--s3-region", "test-1"]
        secret = {"AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "s3cr3t/of+the+tests"}

        def chuyi(*args):
            done = subprocess.run([CHUYI, *args, *options, "--json"], capture_output=True, text=True, timeout=120, env=os.environ | secret)
            self.assertEqual(done.returncode, 0, done.stderr)
            return json.loads(done.stdout)

        data, node, back = self.folder("data"), self.folder("node"), self.path("back")
        server = Server(data, *options, env=secret)
        Way(server, set_up(server), "workshop").all_stages()
        server.stop()
        self.assertEqual(chuyi("--data", data, "archive", self.path("archive"), "--round", "2026")["applications"], 1)
        head = chuyi("--data", data, "audit", "verify")["head"]
        there = chuyi("--data", node, "migrate-store", data, self.url)
        self.assertEqual((there["head"], there["brought"]), (head, 1))  # the native library; the bag and all else are there
        self.assertEqual(psql(self.url, "SELECT count(*) FROM contents"), [("0",)])
        self.assertEqual(chuyi("--data", node, "--store", self.url, "audit", "verify")["head"], head)
        self.assertEqual(chuyi("--data", node, "migrate-store", self.url, back)["brought"], there["documents"])
        self.assertEqual(dump_sqlite(back), dump_sqlite(data))
        self.assertEqual(self.verified(back)["head"], head)
        self.serves(back)


if __name__ == "__main__":
    unittest.main()

"""Goal: a backup taken at any time gives back all that was acknowledged, and any earlier state exactly. Method: rows are
compared with those that the running installation's database had; backups are made under load, cut short and tampered with."""
import hashlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import unittest
import zipfile

from scenario import Way, set_up
from server import CHUYI, PASSWORD, POSTGRES, Server, run_cli

# What a restore gives back: all but who was signed in, and the notes by which it goes back.
LEFT_OUT = {"logins", "undo"}


def dump(data):
    """(number of the last audit record, table → rows) at one moment."""
    store = sqlite3.connect(f"file:{data}/chuyi.db?mode=ro", uri=True, isolation_level=None)
    try:
        store.execute("BEGIN")
        tables = [name for (name,) in store.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name") if name not in LEFT_OUT]
        rows = {name: sorted(store.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr) for name in tables}
        return max((row[0] for row in rows["audit"]), default=0), rows
    finally:
        store.close()


def backup(data, folder, check=True):
    done = run_cli("backup", folder, "--json", data=data, check=check)
    return json.loads(done.stdout) if check else done


def restore(folder, data, *options, check=True):
    # Where it goes to is no installation yet: never a database of PostgreSQL.
    done = subprocess.run([CHUYI, "--data", data, "restore", folder, "--json", *options], capture_output=True, text=True, timeout=120)
    if check and done.returncode != 0:
        raise AssertionError(done.stdout + done.stderr)
    return json.loads(done.stdout) if check else done


@unittest.skipIf(POSTGRES, "PostgreSQL is backed up with its own tools")
class Backup(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.mkdtemp(prefix="chuyi-backup-")
        self.addCleanup(shutil.rmtree, self.home)

    def path(self, name):
        return os.path.join(self.home, name)

    def small(self):
        """A stopped installation with one application, and its backup."""
        data, folder = self.path("data"), self.path("backup")
        os.mkdir(data)
        server = Server(data)
        Way(server, set_up(server), "workshop").nominate()
        server.stop()
        backup(data, folder)
        return data, folder

    def serves(self, data):
        """A server starts from the folder and takes commands; the chain goes on."""
        run_cli("user", "add", "root", "--role", "administrator", "--org", "430000", "--password-stdin", data=data, stdin=PASSWORD + "\n")
        server = Server(data).start()
        token = server.login("root")
        made = server.request("POST", "/api/v1/admin/organisations", {"id": "college-900", "parent": "430100", "level": "college", "name": "新学院", "name_en": "New"}, token)
        self.assertEqual(made.status, 201, made.body)
        self.assertEqual(server.stop(), 0)
        run_cli("audit", "verify", data=data)

    def test_any_moment_of_a_season_comes_back_exactly(self):
        data, seed = self.path("demo"), random.randrange(1, 10_000)
        demo = subprocess.Popen([CHUYI, "--data", data, "demo", "--exit", "--seed", str(seed), "--listen", "127.0.0.1:0"],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seen = {}
        while demo.poll() is None:
            try:
                seq, rows = dump(data)
                seen[seq] = rows
            except (sqlite3.OperationalError, KeyError):
                pass  # not there yet
        self.assertEqual(demo.wait(), 0)
        last, rows = dump(data)
        seen[last] = rows
        made = backup(data, self.path("backup"))
        self.assertEqual(made["records"], last)
        seen.pop(0, None)  # perhaps from before its first tables; see below
        chosen = sorted(random.Random(seed).sample(sorted(seen), min(25, len(seen))))
        self.assertGreater(len(chosen), 10)
        for seq in chosen:
            with self.subTest(seed=seed, seq=seq):
                to = self.path(f"at-{seq}")
                self.assertEqual(restore(self.path("backup"), to, "--until", str(seq))["records"], seq)
                self.assertEqual(dump(to), (seq, seen[seq]))
                self.assertIn(f'"records":{seq}', run_cli("audit", "verify", "--json", data=to).stdout)
        # From one of them on, and back again from what a server made of it.
        middle = self.path(f"at-{chosen[len(chosen) // 2]}")
        self.serves(middle)
        backup(middle, self.path("backup-2"))
        restore(self.path("backup-2"), self.path("again"), "--until", str(chosen[1]))
        self.assertEqual(dump(self.path("again")), (chosen[1], seen[chosen[1]]))
        restore(self.path("backup-2"), self.path("nothing"), "--until", "0")
        self.assertEqual([(name, rows) for name, rows in dump(self.path("nothing"))[1].items() if rows and name not in ("settings", "schema_migrations")], [])

    def test_under_load_it_holds_all_that_was_acknowledged(self):
        data = self.path("data")
        os.mkdir(data)
        server = Server(data)
        tokens = set_up(server)
        acknowledged, lock, ended, failures = [], threading.Lock(), threading.Event(), []

        def client():
            try:
                while not ended.is_set():
                    way = Way(server, tokens, "workshop")
                    way.nominate()
                    with lock:
                        acknowledged.append(way.id)
            except Exception as failure:  # told by the main thread
                failures.append(failure)

        clients = [threading.Thread(target=client) for _ in range(8)]
        for each in clients:
            each.start()
        try:
            for number in range(4):
                with lock:
                    before = list(acknowledged)
                folder, to = self.path(f"backup-{number}"), self.path(f"restored-{number}")
                made = backup(data, folder)
                self.assertEqual(restore(folder, to)["head"], made["head"])
                held = {row[0]: row[10] for row in dump(to)[1]["sessions"]}
                for application in before:
                    self.assertEqual(held.get(application), "review")
        finally:
            ended.set()
            for each in clients:
                each.join()
        self.assertEqual(failures, [])
        # The head that the backup names is a record of the log that went on.
        last, rows = dump(data)
        self.assertEqual({row[0]: row[3] for row in rows["audit"]}[made["records"]], made["head"])
        self.assertGreater(last, made["records"])
        # And that state of the log is what going back from the end gives.
        self.assertEqual(server.stop(), 0)
        backup(data, self.path("end"))
        restore(self.path("end"), self.path("back"), "--until", str(made["records"]))
        self.assertEqual(dump(self.path("back")), dump(self.path("restored-3")))
        self.serves(self.path("back"))

    def test_it_is_a_bag_that_other_tools_check(self):
        _, folder = self.small()
        self.assertEqual(subprocess.run(["sha256sum", "--check", "--quiet", "manifest-sha256.txt", "tagmanifest-sha256.txt"], cwd=folder).returncode, 0)
        with open(os.path.join(folder, "manifest-sha256.txt"), encoding="utf-8") as manifest:
            listed = {line[66:].rstrip("\n") for line in manifest}
        there = {os.path.relpath(os.path.join(at, name), folder) for at, _, names in os.walk(os.path.join(folder, "data")) for name in names}
        self.assertEqual(listed, there)
        self.assertEqual(len([name for name in there if name.startswith("data/documents/")]), 4)

    def test_whatever_was_changed_is_found_and_nothing_is_left(self):
        _, folder = self.small()

        def document(copy):
            return next(os.path.join(at, name) for at, _, names in os.walk(os.path.join(copy, "data", "documents")) for name in names)

        def flip(path):
            os.chmod(path, 0o600)
            with open(path, "r+b") as file:
                file.seek(os.path.getsize(path) // 2)
                byte = file.read(1)
                file.seek(-1, os.SEEK_CUR)
                file.write(bytes([byte[0] ^ 1]))

        def add(path):
            with open(path, "w", encoding="utf-8") as file:
                file.write("x")

        for label, damage in {
            "database": lambda copy: flip(os.path.join(copy, "data", "chuyi.db")),
            "document": lambda copy: flip(document(copy)),
            "missing": lambda copy: os.unlink(document(copy)),
            "one more": lambda copy: add(os.path.join(copy, "data", "more")),
            "head": lambda copy: flip(os.path.join(copy, "bag-info.txt")),
            "manifest": lambda copy: flip(os.path.join(copy, "manifest-sha256.txt")),
        }.items():
            with self.subTest(label):
                copy, to = self.path("copy-" + label), self.path("to")
                shutil.copytree(folder, copy)
                damage(copy)
                done = restore(copy, to, check=False)
                self.assertEqual((done.returncode, json.loads(done.stdout)["error"]["code"]), (1, "bag.damaged"), done.stderr)
                self.assertEqual([name for name in os.listdir(self.home) if name.startswith("to")], [])

    def test_it_refuses_what_it_must_not_touch(self):
        data, folder = self.small()
        last, _ = dump(data)

        def code(done):
            self.assertEqual(done.returncode, 1, done.stderr)
            return json.loads(done.stdout)["error"]["code"]

        self.assertEqual(code(backup(data, folder, check=False)), "folder.taken")
        self.assertEqual(code(restore(folder, data, check=False)), "folder.taken")
        self.assertEqual(code(backup(self.path("nowhere"), self.path("b"), check=False)), "store.missing")
        self.assertEqual(code(restore(self.path("nowhere"), self.path("c"), check=False)), "bag.damaged")
        for until in (last + 1, -1):
            self.assertEqual(code(restore(folder, self.path("c"), "--until", str(until), check=False)), "restore.until")
        for command in (["archive", "--round", "2026", self.path("archive")], ["migrate", "undo", "m-1"]):
            self.assertIn("[store.missing]", run_cli(*command, data=self.path("nowhere"), check=False).stderr)
        self.assertEqual(sorted(os.listdir(self.home)), ["backup", "data"])

    def test_a_backup_names_a_document_that_was_lost(self):
        data, _ = self.small()
        documents = [os.path.join(at, name) for at, _, names in os.walk(os.path.join(data, "documents")) for name in names]
        os.unlink(documents[0])
        done = backup(data, self.path("b"), check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(os.path.basename(documents[0]), done.stdout)
        self.assertFalse(os.path.exists(self.path("b")))

    def test_a_library_among_the_documents_is_in_the_backup(self):
        data, _ = self.small()
        library = b"native code"
        digest = hashlib.sha256(library).hexdigest()
        at = os.path.join("documents", digest[:2], digest)
        os.makedirs(os.path.dirname(os.path.join(data, at)), exist_ok=True)
        with open(os.path.join(data, at), "wb") as file:
            file.write(library)
        store = sqlite3.connect(os.path.join(data, "chuyi.db"))
        store.execute("INSERT INTO definitions SELECT ?1, programme, version, json_set(files, '$.\"library.sha256\"', ?1) FROM definitions LIMIT 1", (digest,))
        store.commit()
        store.close()
        backup(data, self.path("b"))
        restore(self.path("b"), self.path("to"))
        with open(os.path.join(self.path("to"), at), "rb") as file:
            self.assertEqual(file.read(), library)

    def test_nobody_else_reads_what_is_written(self):
        data, _ = self.small()
        os.mkdir(self.path("b.partial"))
        os.chmod(self.path("b.partial"), 0o777)
        backup(data, self.path("b"))
        self.assertEqual(os.stat(self.path("b")).st_mode & 0o777, 0o700)

    def test_what_an_ended_program_left_is_no_backup_and_in_nobodys_way(self):
        data, folder = self.small()
        for command, target in ((["--data", data, "backup", self.path("b")], self.path("b")), (["--data", self.path("r"), "restore", folder], self.path("r"))):
            os.mkdir(target + ".partial")
            with open(os.path.join(target + ".partial", "left"), "w", encoding="utf-8") as left:
                left.write("half")
            process = subprocess.Popen([CHUYI, *command], stdout=subprocess.DEVNULL)
            process.send_signal(signal.SIGKILL)
            process.wait()
            shutil.rmtree(target, ignore_errors=True)  # where it was quicker than the signal
            self.assertEqual(subprocess.run([CHUYI, *command], stdout=subprocess.DEVNULL).returncode, 0)
            self.assertFalse(os.path.exists(target + ".partial"))
            self.assertEqual([name for _, _, names in os.walk(target) for name in names if name == "left"], [])

    def test_nobody_is_signed_in_after_a_restore(self):
        _, folder = self.small()
        restore(folder, self.path("to"))
        store = sqlite3.connect(f"file:{self.path('to')}/chuyi.db?mode=ro", uri=True)
        self.assertEqual(store.execute("SELECT count(*) FROM logins").fetchone(), (0,))
        store.close()

    def archive(self, data, *options, check=True):
        done = run_cli("archive", self.path("archive"), "--json", *options, data=data, check=check)
        return json.loads(done.stdout) if check else done

    def ended(self):
        """A stopped installation with an application that has ended and one that has not."""
        data = self.path("data")
        os.mkdir(data)
        server = Server(data)
        self.addCleanup(lambda: server.process.poll() is None and server.stop())
        tokens = set_up(server)
        done, running = Way(server, tokens, "workshop"), Way(server, tokens, "workshop")
        done.create()
        running.create()
        done.nominate_this()
        done.review()
        done.publish()
        done.check_years()
        self.assertEqual(done.application()["status"], "ended")
        server.stop()
        return data, server, tokens, done, running

    def test_archived_records_leave_the_database_and_the_chain_stays_whole(self):
        data, server, tokens, done, running = self.ended()
        before = {row[0]: row for row in dump(data)[1]["audit"]}
        head = json.loads(run_cli("audit", "verify", "--json", data=data).stdout)["records"]
        self.assertEqual(self.archive(data, "--before", "2026-01-01")["applications"], 0, "nothing had ended by then")
        made = self.archive(data, "--round", "2026")
        self.assertEqual((made["applications"], len(made["bags"])), (1, 1))
        self.assertEqual(made["records"], sum(row[1] == done.id for row in before.values()))
        # The bag is whole, a copy is outside, and what left the database is in it byte for byte.
        (copy,) = os.listdir(self.path("archive"))
        self.assertIn("valid", run_cli("bag", "validate", os.path.join(self.path("archive"), copy)).stdout)
        after = {row[0]: row for row in dump(data)[1]["audit"]}
        self.assertEqual({seq: row[3] for seq, row in before.items()}, {seq: row[3] for seq, row in after.items() if seq in before})
        gone = {seq for seq, row in before.items() if after[seq][2] != row[2]}
        self.assertEqual(gone, {seq for seq, row in before.items() if row[1] == done.id})
        with zipfile.ZipFile(os.path.join(self.path("archive"), copy)) as bag:
            lines = [line for name in bag.namelist() if "/events/" in name for line in bag.read(name).decode().splitlines()]
        self.assertEqual(lines, ['{"hash":"%s","record":%s,"seq":%d}' % (before[seq][3], before[seq][2], seq) for seq in sorted(gone)])
        self.assertEqual(json.loads(run_cli("audit", "verify", "--json", data=data).stdout)["records"], head + 1)
        # Once more: nothing is left to do.
        self.assertEqual(self.archive(data, "--round", "2026")["applications"], 0)
        # Command line and history say where the events are; everything else is as before.
        replay = run_cli("replay", done.id, data=data, check=False)
        self.assertEqual(replay.returncode, 1)
        self.assertIn(made["bags"][0], replay.stderr)
        run_cli("replay", running.id, data=data)
        server.start()
        history = server.request("GET", f"/api/v1/applications/{done.id}/history", token=tokens["clerk"]).json["items"]
        self.assertEqual([(each["kind"], each["archive"]) for each in history], [("archived", made["bags"][0])])
        self.assertEqual(done.application()["award"]["status"], "completed")
        self.assertEqual(server.request("GET", f"/api/v1/applications/{done.id}/diagram.svg", token=tokens["clerk"]).status, 200)
        running.nominate_this()
        server.stop()
        # A backup holds the bag, also for the time before it was made.
        backup(data, self.path("backup"))
        restore(self.path("backup"), self.path("restored"))
        restore(self.path("backup"), self.path("earlier"), "--until", str(head))
        for each in (data, self.path("restored"), self.path("earlier")):
            run_cli("audit", "verify", data=each)
        # Without the bag, or with another record in it, the chain is not whole.
        (bag,) = [os.path.join(at, name) for at, _, names in os.walk(os.path.join(data, "documents")) for name in names if name == made["bags"][0]]
        os.rename(bag, bag + ".away")
        self.assertIn("archive.missing", run_cli("audit", "verify", data=data, check=False).stderr)
        with open(bag + ".away", "rb") as file:
            content = file.read()
        at = content.index(b'"record":{') + 12
        with open(bag, "wb") as file:
            file.write(content[:at] + bytes([content[at] ^ 1]) + content[at + 1:])
        self.assertEqual(run_cli("audit", "verify", data=data, check=False).returncode, 1)
        os.replace(bag + ".away", bag)
        run_cli("audit", "verify", data=data)

    def test_an_archive_that_was_cut_short_is_made_whole_by_the_next(self):
        data, _, _, _, _ = self.ended()
        before = dump(data)
        # The copy cannot be written: the records stay.
        with open(self.path("archive"), "w", encoding="utf-8"):
            pass
        self.assertEqual(self.archive(data, "--round", "2026", check=False).returncode, 1)
        self.assertEqual(dump(data), before)
        os.unlink(self.path("archive"))
        process = subprocess.Popen([CHUYI, "--data", data, "archive", self.path("archive"), "--round", "2026"], stdout=subprocess.DEVNULL)
        process.send_signal(signal.SIGKILL)
        process.wait()
        run_cli("audit", "verify", data=data)
        self.archive(data, "--round", "2026")
        run_cli("audit", "verify", data=data)
        self.assertEqual(len([name for name in os.listdir(self.path("archive")) if name.endswith(".zip")]), 1)


if __name__ == "__main__":
    unittest.main()

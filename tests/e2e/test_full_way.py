"""Goal: one application of each programme goes all the way, through a kill -9 after every acknowledged request.
Method: the real binary over HTTP; then the history, the replay, the audit log and the bag are checked from outside."""
import hashlib
import io
import os
import shutil
import sqlite3
import subprocess
import tempfile
import unittest
import zipfile

from scenario import Way, set_up
from server import POSTGRES, Server, run_cli


class FullWay(unittest.TestCase):
    def drive(self, programme):
        data = tempfile.mkdtemp(prefix="chuyi-e2e-")
        self.addCleanup(shutil.rmtree, data)
        server = Server(data)
        tokens = set_up(server)

        def crash():
            server.kill()
            server.start()

        way = Way(server, tokens, programme, acted=crash)
        way.all_stages()
        application = way.application("clerk")
        self.assertEqual((application["status"], application["state"]), ("ended", "completed"))
        self.assertEqual(application["award"]["status"], "completed")
        history = server.request("GET", f"/api/v1/applications/{way.id}/history", token=tokens["clerk"]).json["items"]
        signed = [entry for entry in history if entry["kind"] == "task.complete"]
        self.assertEqual(len(signed), way.signed, "each sign-off exactly once")
        self.assertEqual([entry["seq"] for entry in history], sorted({entry["seq"] for entry in history}))
        bundle = server.request("GET", f"/api/v1/applications/{way.id}/bundle", token=tokens["applicant"]).body
        self.assertEqual(server.stop(), 0)
        return data, way, bundle

    def test_workshop(self):
        data, way, bundle = self.drive("workshop")
        self.check_replay_and_audit(data, way)
        self.check_bag(bundle)

    def test_vocational_alliance(self):
        data, way, _ = self.drive("vocational-alliance")
        self.check_replay_and_audit(data, way)

    def check_replay_and_audit(self, data, way):
        self.assertIn("byte for byte", run_cli("replay", way.id, data=data).stdout)
        run_cli("audit", "verify", data=data)
        if POSTGRES:
            return  # the tampering below is with a copy of the database's file; what finds it is the same
        copy = tempfile.mkdtemp(prefix="chuyi-tamper-")
        self.addCleanup(shutil.rmtree, copy)
        database = os.path.join(copy, "chuyi.db")
        with sqlite3.connect(os.path.join(data, "chuyi.db")) as source, sqlite3.connect(database) as target:
            source.backup(target)
        source.close()
        target.close()
        run_cli("audit", "verify", data=copy)
        with sqlite3.connect(database) as raw:
            rows = raw.execute("SELECT seq, session_id, record, hash FROM audit ORDER BY seq").fetchall()
        raw.close()
        changes = []
        for seq, session, record, digest in rows[:: max(1, len(rows) // 6)]:
            for column, text in (("session_id", session), ("record", record), ("hash", digest)):
                for at in range(0, len(text), max(1, len(text) // 5)):
                    changed = text[:at] + ("x" if text[at] != "x" else "y") + text[at + 1:]
                    changes.append((f"UPDATE audit SET {column} = ? WHERE seq = ?", (changed, seq), f"UPDATE audit SET {column} = ? WHERE seq = ?", (text, seq)))
            changes.append(("UPDATE audit SET seq = ? WHERE seq = ?", (seq + 100000, seq), "UPDATE audit SET seq = ? WHERE seq = ?", (seq, seq + 100000)))
        changes.append(("DELETE FROM audit WHERE seq = ?", (rows[-1][0],), "INSERT INTO audit VALUES (?, ?, ?, ?)", rows[-1]))
        for change, values, undo, old in changes:
            raw = sqlite3.connect(database)
            raw.execute(change, values)
            raw.commit()
            raw.close()
            self.assertEqual(run_cli("audit", "verify", data=copy, check=False).returncode, 1, (change, values))
            raw = sqlite3.connect(database)
            raw.execute(undo, old)
            raw.commit()
            raw.close()
        run_cli("audit", "verify", data=copy)

    def check_bag(self, bundle):
        folder = tempfile.mkdtemp(prefix="chuyi-bag-")
        self.addCleanup(shutil.rmtree, folder)
        path = os.path.join(folder, "bundle.zip")
        with open(path, "wb") as out:
            out.write(bundle)
        run_cli("bag", "validate", path)
        with zipfile.ZipFile(io.BytesIO(bundle)) as zipped:
            zipped.extractall(folder)
        bag = os.path.join(folder, "bag")
        try:
            import bagit  # the Library of Congress's implementation, where it is installed
            bagit.Bag(bag).validate()
        except ImportError:
            for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
                subprocess.run(["sha256sum", "-c", "--strict", "--quiet", manifest], cwd=bag, check=True)
        names = sorted(os.path.relpath(os.path.join(root, name), bag) for root, _, files in os.walk(os.path.join(bag, "data")) for name in files)
        self.assertEqual(len(names), 4, names)
        for at in range(0, len(bundle), max(1, len(bundle) // 97)):
            changed = bytearray(bundle)
            changed[at] ^= 0x20
            with open(path, "wb") as out:
                out.write(changed)
            if hashlib.sha256(changed).digest() != hashlib.sha256(bundle).digest():
                self.assertEqual(run_cli("bag", "validate", path, check=False).returncode, 1, f"byte {at}")


if __name__ == "__main__":
    unittest.main()

"""Holds an installation that does not run against what its clients know: reads only the database, the documents and the
clients' journals (load.py), and shares no code with the server.

    verify.py DATA JOURNALS     prints what it counted as JSON; exits 1 when something does not hold

I1  every acknowledged request is there exactly once, with the answer the client has
I2  of the others each is there whole or not at all; nothing is there that nobody sent
I3  the document of each session is the one that its last record of the log names
I4  the audit chain holds, without a gap, up to where the store says that it ends
I5  every document and bag that a row names is on the disk with that digest
I6  no timer fired twice or before its time
"""
import collections
import glob
import hashlib
import json
import os
import sqlite3
import sys


def read_journals(folder):
    """@return key → {"kind", "answers": [(status, body)], …}"""
    requests = {}
    for path in sorted(glob.glob(os.path.join(folder, "*.jsonl"))):
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                entry = json.loads(line)
                request = requests.setdefault(entry["key"], {"answers": [], "unknown": 0})
                if "kind" in entry:
                    request.update(entry)
                elif "status" in entry:
                    request["answers"].append((entry["status"], entry["body"]))
                else:
                    request["unknown"] += 1
    return requests


TICK_MS = 200  # load.make_package


class Verifier:
    def __init__(self, data, journals):
        self.data = data
        self.database = sqlite3.connect(f"file:{data}/chuyi.db", uri=True)
        self.requests = read_journals(journals)
        self.problems, self.counts = [], collections.Counter()

    def wrong(self, what):
        self.counts["problems"] += 1
        if len(self.problems) < 20:
            self.problems.append(what)

    def rows(self, sql):
        return self.database.execute(sql).fetchall()

    def integrity(self):
        if self.rows("PRAGMA integrity_check") != [("ok",)] or self.rows("PRAGMA foreign_key_check"):
            self.wrong("the database is not whole")

    def audit(self):
        """I4. @return the records."""
        previous, out = "0" * 64, []
        for seq, session, text, link in self.rows("SELECT seq, session_id, record, hash FROM audit ORDER BY seq"):
            record = json.loads(text)
            if seq != len(out) + 1 or record["seq"] != seq or record.get("session", "") != session:
                self.wrong(f"record {seq} is out of its place")
            if hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest() != link:
                self.wrong(f"record {seq} breaks the chain")
            previous = link
            out.append(record)
        head = dict(self.rows("SELECT key, value FROM settings WHERE key IN ('audit_count', 'audit_hash')"))
        if head != {"audit_count": str(len(out)), "audit_hash": previous}:
            self.wrong("the log does not end where the store says")
        return out

    @staticmethod
    def is_kept(kept, status, body):
        """The store keeps what the interface shows in its own words."""
        if kept is None or kept[0] != status:
            return False
        thing = kept[1] if body["id"] == kept[1].get("id") else kept[1].get("task", {})
        return body["id"] == thing["id"] and all(body[name] == thing[name] for name in ("data", "outcome", "digest") if name in thing)

    def requests_once(self, records):
        """I1, I2."""
        kept = {key: (status, json.loads(body)["body"]) for key, status, body in self.rows("SELECT key, status, body FROM idempotency WHERE key LIKE 'c%-%'")}
        signed = collections.Counter(record["data"]["data"]["opinion"] for record in records if record["kind"] == "task.complete")
        done = {json.loads(body).get("data", {}).get("opinion"): identity for identity, body in self.rows("SELECT id, body FROM tasks WHERE status = 'done'")}
        created = collections.Counter(record["session"] for record in records if record["kind"] == "application.create")
        documents = {identity for (identity,) in self.rows("SELECT id FROM documents")}
        for key, request in self.requests.items():
            good = [(status, body) for status, body in request["answers"] if status < 300]
            self.counts["sent"] += 1
            self.counts["acknowledged"] += bool(good)
            self.counts["ended unknown"] += bool(request["unknown"])
            self.counts["left unknown"] += not request["answers"]
            mark = f"mark {key}"
            if good and not self.is_kept(kept.get(key), *good[0]):
                self.wrong(f"{key} is not kept as it was answered: {good[0]} {kept.get(key)}")
            if any(answer != good[0] for answer in good):
                self.wrong(f"{key} was answered in two ways")
            if request["kind"] == "sign":
                self.counts["sign-offs acknowledged"] += bool(good)
                if signed[mark] != (key in kept) or (done.get(mark) == request["task"]) != (key in kept):
                    self.wrong(f"{key}: {signed[mark]} records, kept: {key in kept}, task done: {done.get(mark)}")
            elif request["kind"] == "create" and good and created[good[0][1]["id"]] != 1:
                self.wrong(f"{key}: application created {created[good[0][1]['id']]} times")
            elif request["kind"] == "document" and good and good[0][1]["id"] not in documents:
                self.wrong(f"{key}: no document")
        for key in kept:
            if key not in self.requests:
                self.wrong(f"{key} was never sent")
        if sum(signed.values()) != sum(1 for key in kept if self.requests.get(key, {}).get("kind") == "sign"):
            self.wrong("sign-offs that no key stands for")
        if len(self.rows("SELECT id FROM sessions")) != sum(created.values()):
            self.wrong("sessions that no record made")

    def sessions(self, records):
        """I3, I6."""
        last = {record["session"]: record for record in records if "session" in record}
        for identity, document in self.rows("SELECT id, document FROM sessions"):
            if hashlib.sha256(document.encode()).hexdigest() != last[identity]["document"]:
                self.wrong(f"{identity}: its document is not that of its last record")
            self.counts["sessions"] += 1
        fired = collections.Counter(record["data"]["timer"] for record in records if record["kind"] == "timer.fire")
        self.counts["timers fired"] = len(fired)
        for timer, times in fired.items():
            if times != 1:
                self.wrong(f"{timer} fired {times} times")
        waiting = [timer for (timer,) in self.rows("SELECT id FROM timers")]
        for timer in set(waiting) & set(fired):
            self.wrong(f"{timer} has fired and is still set")
        self.timers_in_time(records, set(waiting) | set(fired))

    def timers_in_time(self, records, timers):
        """A timer is set when an application begins and with every second sign-off (load.make_package); those of one that
        has ended are gone with it, so that it cannot be said which is which."""
        for (session,) in self.rows("SELECT id FROM sessions WHERE status = 'running' AND programme = 'rounds'"):
            own = [record for record in records if record.get("session") == session]
            set_at = [own[0]["at"]] + [record["at"] for record in own if record["kind"] == "task.complete"][1::2]
            due = dict(zip(sorted(timer for timer in timers if timer.startswith(session + "/")), (at + TICK_MS for at in set_at), strict=True))
            for record in own:
                if record["kind"] == "timer.fire" and record["at"] < due[record["data"]["timer"]]:
                    self.wrong(f"{record['data']['timer']} fired before its time")
                self.counts["timers held against their time"] += record["kind"] == "timer.fire"

    def documents(self):
        """I5."""
        named = {json.loads(body)["digest"] for (body,) in self.rows("SELECT body FROM documents")} | {digest for (digest,) in self.rows("SELECT digest FROM bundles")}
        found = set()
        for folder, _, names in os.walk(os.path.join(self.data, "documents")):
            for name in names:
                if os.path.basename(folder) == "staging":
                    self.counts["staged"] += 1
                    continue
                with open(os.path.join(folder, name), "rb") as file:
                    if hashlib.sha256(file.read()).hexdigest() != name:
                        self.wrong(f"{name} is not what its name says")
                found.add(name)
        for digest in named - found:
            self.wrong(f"{digest} is named and not there")
        self.counts["documents"] = len(found)
        self.counts["documents that nothing names"] = len(found - named)

    def run(self):
        self.integrity()
        records = self.audit()
        self.counts["audit records"] = len(records)
        self.requests_once(records)
        self.sessions(records)
        self.documents()
        return {"counts": dict(self.counts), "problems": self.problems}


if __name__ == "__main__":
    result = Verifier(sys.argv[1], sys.argv[2]).run()
    print(json.dumps(result, ensure_ascii=False))
    sys.exit(1 if result["problems"] else 0)

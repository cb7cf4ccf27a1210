#!/usr/bin/env python3
"""What pages of inboxes and lists cost over HTTP, by who asks and for what, as the number of tasks grows.

pages_bench.py BUILD: the build folder with bin/chuyi and bin/bench_fill_rounds. See --help."""
import argparse
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from urllib.parse import quote

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "http"))
from http_bench import PASSWORD, chuyi, request  # noqa: E402

NOMINATED, WAITING, SCORED = "r-2030-1", "r-2029-1", "r-2028-1"
NO_TEXT, RARE, COMMON = quote("没有这个"), quote("第1001号"), quote("湘绣")
FILTERS = {"": "", "programme": "programme=forum", "round": f"round={WAITING}", "stage": "stage=review", "kind": "kind=panel-setup", "programme, round, stage": f"programme=forum&round={SCORED}&stage=review",
           "none such": "programme=forum&round=r-1999-1", "overdue": "overdue=true", "claimed by me": "claimed=me", "a text many have": f"q={COMMON}", "a text one has": f"q={RARE}",
           "a text none has": f"q={NO_TEXT}", "done": "status=done", "done, of one kind": "status=done&kind=panel-setup", "done, a text none has": f"status=done&q={NO_TEXT}"}
LISTS = {"": "", "programme": "programme=forum", "round": f"round={SCORED}", "stage": "stage=nomination", "status": "status=ended", "programme, round, stage": f"programme=forum&round={SCORED}&stage=review",
         "none such": "programme=forum&round=r-1999-1", "a text many have": f"q={COMMON}", "a text one has": f"q={RARE}", "a text none has": f"q={NO_TEXT}"}


def pages():
    """(who, what it is called, path, whether a page in its depth is asked for)"""
    for who in ("clerk", "bureau", "expert-0001"):
        for name, query in FILTERS.items():
            yield who, f"inbox {name}".strip(), f"/api/v1/inbox?limit=50&{query}", False
        yield who, "inbox, 20th page", "/api/v1/inbox?limit=50", True
        for name, query in LISTS.items():
            yield who, f"applications {name}".strip(), f"/api/v1/applications?limit=50&{query}", False
        yield who, "applications, 20th page", "/api/v1/applications?limit=50", True
    yield "applicant-002", "inbox", "/api/v1/inbox?limit=50", False
    yield "applicant-002", "applications", "/api/v1/applications?limit=50", False
    yield "clerk", "round", f"/api/v1/rounds/{SCORED}", False
    yield "clerk", "rounds", "/api/v1/rounds", False
    yield "clerk", "dashboard, waiting for panels", f"/api/v1/rounds/{WAITING}/dashboard", False
    yield "clerk", "dashboard, scored", f"/api/v1/rounds/{SCORED}/dashboard", False
    yield "admin", "users", "/api/v1/admin/users?limit=50", False
    yield "admin", "plugins", "/api/v1/admin/plugins", False
    yield "admin", "migrations", "/api/v1/admin/migrations", False
    yield "admin", "organisations", "/api/v1/organisations", False
    yield "admin", "incidents", "/api/v1/admin/incidents", False


class Client:
    def __init__(self, server, user):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
        self.token = json.loads(request(server.port, "POST", "/api/v1/login", {"user": user, "password": PASSWORD})[0])["token"]

    def get(self, path):
        self.connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status} {body.decode()[:500]}")
        return body


def deep(client, path):
    """The path of the 20th page, or of the last but one there is."""
    at = path
    for _ in range(19):
        after = json.loads(client.get(at)).get("after")
        if not after:
            break
        at = f"{path}&after={quote(after)}"
    return at


def measure(server, client, path, seconds, most):
    client.get(path)
    spans, cpu, begun = [], server.cpu_seconds(), time.perf_counter()
    while len(spans) < 3 or (len(spans) < most and time.perf_counter() - begun < seconds):
        before = time.perf_counter()
        body = client.get(path)
        spans.append(1e3 * (time.perf_counter() - before))
    spans.sort()
    answer = json.loads(body)
    return {"p50": spans[len(spans) // 2], "p99": spans[min(len(spans) - 1, int(len(spans) * 0.99))], "cpu": 1e3 * (server.cpu_seconds() - cpu) / len(spans), "count": len(spans),
            "items": len(answer["items"]) if "items" in answer else None, "total": answer.get("counts", {}).get("total")}


def fill(options, count):
    """A filled folder is kept: the bigger ones take minutes."""
    data = os.path.join(options.folder, str(count))
    if not os.path.exists(data + ".filled"):
        shutil.rmtree(data, ignore_errors=True)
        os.makedirs(data)
        store = ["--store", options.store] if options.store else []
        subprocess.run([f"{options.build}/bin/bench_fill_rounds", data, "--tasks", str(count), *store], check=True)
        open(data + ".filled", "w").close()
    return data


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--folder", default=os.path.join(tempfile.gettempdir(), "chuyi-bench-pages"), help="is filled, and kept for the next time")
    parser.add_argument("--store", default="", help="postgresql://… of an empty database, for one size; none: SQLite")
    parser.add_argument("--tasks", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--seconds", type=float, default=3, help="for each page at most")
    parser.add_argument("--calls", type=int, default=300, help="of each page at most")
    parser.add_argument("--only", default="", help="pages whose name has this")
    options = parser.parse_args()
    for count in options.tasks:
        data = fill(options, count)
        print(f"\n{count} tasks, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; milliseconds, one client; CPU is the server's mean for each call")
        print(f"{'':14} {'':36} {'p50':>8} {'p99':>8} {'CPU':>8}  {'calls':>5} {'items':>5} {'counted':>8}")
        store = ["--store", options.store] if options.store else []
        with chuyi(options.build, data, *store) as server:
            clients = {}
            for who, name, path, is_deep in pages():
                if options.only and options.only not in f"{who} {name}":
                    continue
                client = clients.setdefault(who, Client(server, who))
                figure = measure(server, client, deep(client, path) if is_deep else path, options.seconds, options.calls)
                shown = ["" if figure[key] is None else figure[key] for key in ("items", "total")]
                mark = " *" if figure["p99"] > 20 else ""
                print(f"{who:14} {name:36} {figure['p50']:8.2f} {figure['p99']:8.2f} {figure['cpu']:8.2f}  {figure['count']:5} {shown[0]:>5} {shown[1]:>8}{mark}", flush=True)


if __name__ == "__main__":
    main()

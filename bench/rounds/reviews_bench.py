#!/usr/bin/env python3
"""The review of a whole round over HTTP, by size: conflicts, assignment, appointment of the panels, ranking, dashboards.

reviews_bench.py BUILD: the build folder with bin/chuyi and bin/bench_fill_rounds. See --help."""
import argparse
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "http"))
from http_bench import PASSWORD, chuyi, request  # noqa: E402

WAITING, SCORED = "r-2029-1", "r-2028-1"
CRAFTS = ["湘绣", "醴陵釉下五彩瓷", "菊花石雕", "滩头年画", "土家织锦", "竹编", "木雕", "铜官陶", "棕编", "苗银"]
COVERAGE = 7


class Desk:
    def __init__(self, server, user):
        self.server = server
        self.token = json.loads(request(server.port, "POST", "/api/v1/login", {"user": user, "password": PASSWORD})[0])["token"]

    def ask(self, method, path, body=None):
        """@return the answer, its bytes, seconds that it took and seconds of the server's CPU."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", "Idempotency-Key": f"{time.monotonic_ns()}"}
        cpu, begun = self.server.cpu_seconds(), time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=600)
        connection.request(method, "/api/v1" + path, body=None if body is None else json.dumps(body), headers=headers)
        answer = connection.getresponse()
        content = answer.read()
        took = time.perf_counter() - begun
        connection.close()
        if answer.status not in (200, 201):
            raise SystemExit(f"{method} {path}: {answer.status} {content.decode()[:1000]}")
        return json.loads(content), len(content), took, self.server.cpu_seconds() - cpu


def expert(n):
    """Two of an employer; a quarter of the employers are enterprises; some are a leader, some have worked with one."""
    employer = n // 2
    out = {"name": f"专家{n}", "title": "教授", "fields": [CRAFTS[n * 7 % 10], CRAFTS[(n * 3 + 1) % 10]], "region": f"43{1 + employer % 14:02}00", "kind": "college", "employer": f"college-{1 + employer % 280:03}",
           "nominated_year": 2030, "identity": f"138{n * 41:08}" if n % 20 == 0 else f"x-{n}"}
    if employer % 4 == 0:
        del out["employer"]
        out |= {"kind": "enterprise", "enterprises": [f"9135010{employer % 300:04}00100Y4"]}
    if n % 3 == 0:
        out["co_projects"] = [{"identity": f"138{n * 29 + 3:08}", "project": f"P{n}", "year": 2029}]
    return out


def set_up(clerk, experts, mean):
    for n in range(experts):
        clerk.ask("PUT", f"/experts/expert-{n:04}", expert(n))
    fields = {"leader": ["/form/leader/phone"], "partners": ["/form/enterprises/*/uscc"], "field": ["/form/craft_kind"]}
    assignment = {"coverage": COVERAGE, "load": {"min": mean // 2, "max": mean * 5 // 4 + 2}, "limits": [{"by": "employer", "at_most": 1}, {"by": "region", "at_most": 3}]}
    for name in (WAITING, SCORED):
        clerk.ask("PUT", f"/rounds/{name}/review", {"year": 2030, "people": {"*": fields}, "assignment": assignment})


def measure(options, applications, experts):
    data = os.path.join(options.folder, f"{applications}x{experts}")
    shutil.rmtree(data, ignore_errors=True)
    os.makedirs(data)
    fill = [f"{options.build}/bin/bench_fill_rounds", data, "--tasks", str(applications * 12 * 3), "--round", str(applications), "--experts", str(experts)]
    subprocess.run(fill, check=True, stdout=subprocess.DEVNULL)
    print(f"\n{applications} applications x {experts} experts x {COVERAGE}, load {os.getloadavg()[0]:.1f}")
    print(f"{'':44} {'seconds':>8} {'CPU s':>8} {'MB':>7}")

    def row(name, answer, note=""):
        print(f"{name:44} {answer[2]:8.2f} {answer[3]:8.2f} {answer[1] / 1e6:7.1f}  {note}", flush=True)
        return answer[0]

    with chuyi(options.build, data) as server:
        clerk = Desk(server, "clerk")
        set_up(clerk, experts, applications * COVERAGE // experts)
        found = row("conflicts of all pairs", clerk.ask("GET", f"/rounds/{WAITING}/conflicts"))
        print(f"{'':44} {len(found['result']['conflicts'])} found")
        row("dashboard, nothing scored", clerk.ask("GET", f"/rounds/{WAITING}/dashboard"))
        made = row("assignment", clerk.ask("POST", f"/rounds/{WAITING}/assignments", {}))
        print(f"{'':44} {made['reviews']} reviews, {made['matched']} of their field; {server.rss_mb():.0f} MB")
        path = f"/rounds/{WAITING}/assignments/{made['id']}"
        row("assignment, read", clerk.ask("GET", path))
        row("appointment, confirmed", clerk.ask("POST", path + "/confirm", {}))
        cpu, begun = server.cpu_seconds(), time.perf_counter()
        while json.loads(request(server.port, "GET", "/api/v1" + path, token=clerk.token)[0])["state"] != "appointed":
            time.sleep(2)
        print(f"{'all panels appointed':44} {time.perf_counter() - begun:8.2f} {server.cpu_seconds() - cpu:8.2f}")
        ranked = row("ranking and its export", clerk.ask("POST", f"/rounds/{SCORED}/results", {}))
        path = f"/rounds/{SCORED}/results/{ranked['id']}"
        row("results, read", clerk.ask("GET", path))
        row("results of one programme, read", clerk.ask("GET", path + "?programme=workshop"))
        row("results, export", clerk.ask("GET", path + "/export"))
        row("dashboard, all scored", clerk.ask("GET", f"/rounds/{SCORED}/dashboard"))
        row("round", clerk.ask("GET", f"/rounds/{SCORED}"))
        print(f"{'memory of the server':44} {server.rss_mb():8.0f} MB")
    shutil.rmtree(data, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--folder", default=os.path.join(tempfile.gettempdir(), "chuyi-bench-reviews"))
    parser.add_argument("--sizes", nargs="+", default=["500x150", "1000x300", "5000x600"])
    options = parser.parse_args()
    for size in options.sizes:
        measure(options, *(int(each) for each in size.split("x")))


if __name__ == "__main__":
    main()

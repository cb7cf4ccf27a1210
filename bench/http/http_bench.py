#!/usr/bin/env python3
"""Sign-offs and reads through HTTP by wrk, beside a Beast server that answers the same bytes without a store.

http_bench.py BUILD: the build folder with bin/chuyi, bin/bench_fill, bin/bench_beast. See --help."""
import argparse
import http.client
import json
import os
import shutil
import signal
import statistics
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PASSWORD = "correct horse battery staple"


class Server:
    """A program that says on which port it listens."""

    def __init__(self, command, port_of):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.port = port_of(self.process.stdout)

    def cpu_seconds(self):
        fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_mb(self):
        return next(int(line.split()[1]) for line in open(f"/proc/{self.process.pid}/status") if line.startswith("VmRSS")) / 1024

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def chuyi(build, data, *options):
    def port_of(out):
        for line in out:
            if "http://" in line:
                return int(line.rsplit(":", 1)[1].strip().rstrip("/"))
        raise SystemExit("the server did not start")
    return Server([f"{build}/bin/chuyi", "--data", data, "serve", "--listen", "127.0.0.1:0", *options], port_of)


def beast(build, answer):
    return Server([f"{build}/bin/bench_beast", answer], lambda out: int(out.readline()))


def request(port, method, path, body=None, token=None, key=None):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if key:
        headers["Idempotency-Key"] = key
    client.request(method, path, body=json.dumps(body) if body is not None else None, headers=headers)
    answer = client.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{method} {path}: {answer.status} {content.decode()}")
    # The whole response, to be answered by the other server as well.
    head = f"HTTP/1.1 {answer.status} {answer.reason}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in answer.getheaders())
    client.close()
    return content, (head + "\r\n").encode() + content


def login(port):
    return json.loads(request(port, "POST", "/api/v1/login", {"user": "bureau", "password": PASSWORD})[0])["token"]


def load(server, kind, token, connections, first, last, seconds, stride=1, offset=0):
    threads = min(connections, 2)
    cpu = server.cpu_seconds()
    done = subprocess.run(["wrk", "-t", str(threads), "-c", str(connections), "-d", f"{seconds}s", "-s", f"{HERE}/load.lua",
                           f"http://127.0.0.1:{server.port}", "--", kind, token, str(first), str(last), str(threads), str(stride), str(offset)],
                          capture_output=True, text=True)
    line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT")), None)
    if not line:
        raise SystemExit(done.stdout + done.stderr)
    ok, others, span, p50, p99, longest = (float(each) for each in line.split()[1:])
    if others or not ok:
        raise SystemExit(f"{kind}: {others:.0f} of {ok + others:.0f} answers were no 200")
    return {"rate": ok / span, "p50": p50 / 1000, "p99": p99 / 1000, "max": longest / 1000, "cpu": 1e6 * (server.cpu_seconds() - cpu) / ok, "count": ok}


def middle(runs):
    return sorted(runs, key=lambda each: each["rate"])[len(runs) // 2]


def row(name, figure, remark=""):
    print(f"{name:44} {figure['rate']:9.0f} {figure['p50']:9.3f} {figure['p99']:9.3f} {figure['max']:9.1f} {figure['cpu']:9.1f}  {remark}", flush=True)


def header(title):
    print(f"\n{title:44} {'per s':>9} {'p50 ms':>9} {'p99 ms':>9} {'max ms':>9} {'cpu us':>9}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--folder", default=os.path.join(tempfile.gettempdir(), "chuyi-bench-http"), help="is made, filled and removed")
    parser.add_argument("--applications", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="of each run at most")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 64])
    options = parser.parse_args()
    filled, work = os.path.join(options.folder, "filled"), os.path.join(options.folder, "work")
    shutil.rmtree(options.folder, ignore_errors=True)
    os.makedirs(filled)
    subprocess.run([f"{options.build}/bin/bench_fill", filled, str(options.applications)], check=True)

    def fresh():
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(filled, work)
        return work

    try:
        print(f"machine   {os.cpu_count()} x {next(line.split(': ')[1].strip() for line in open('/proc/cpuinfo') if line.startswith('model name'))}, "
              f"Linux {os.uname().release}, load {os.getloadavg()[0]:.1f}; client on the same machine")
        print(f"versions  {subprocess.run(['wrk', '-v'], capture_output=True, text=True).stdout.splitlines()[0].split(' [')[0]}")
        print(f"settings  as shipped, {options.applications} live applications, median of {options.runs} runs")
        answers = {}
        with chuyi(options.build, fresh()) as server:
            token = login(server.port)
            for kind, path in (("task", "/api/v1/tasks/t-bench00000000001-5"), ("application", "/api/v1/applications/a-bench00000000001")):
                answers[kind] = request(server.port, "GET", path, token=token)[1]
            answers["sign"] = request(server.port, "POST", "/api/v1/tasks/t-bench00000000001-5/complete",
                                      {"outcome": "recommend", "data": {"opinion": "同意推荐"}}, token, "first")[1]
        product, fixed = {}, {}
        for _ in range(options.runs):
            for kind in ("sign", "task", "application"):
                answer = os.path.join(options.folder, "answer")
                with open(answer, "wb") as out:
                    out.write(answers[kind])
                for connections in options.connections:
                    with beast(options.build, answer) as server:
                        fixed.setdefault((kind, connections), []).append(load(server, "task" if kind != "sign" else kind, "x" * 64, connections, 2, 10**9, 2))
                    with chuyi(options.build, fresh()) as server:
                        figure = load(server, kind, login(server.port), connections, 2, options.applications - 1, options.seconds)
                        figure["rss"] = server.rss_mb()
                        product.setdefault((kind, connections), []).append(figure)
        for kind in ("sign", "task", "application"):
            header({"sign": "sign-offs (POST)", "task": "GET a task", "application": "GET an application"}[kind])
            for connections in options.connections:
                limit, figure = middle(fixed[kind, connections]), middle(product[kind, connections])
                row(f"Beast, the same bytes, {connections} connections", limit)
                row(f"chuyi, {connections} connections", figure, f"= {figure['rate'] / limit['rate']:.2f} x; {figure['rss']:.0f} MB")
    finally:
        shutil.rmtree(options.folder, ignore_errors=True)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Sign-offs by wrk while every library of tests/plugins/hostile is called all the time, beside the same without them.

hostile_bench.py BUILD: the build folder with bin/chuyi and the tests' libraries. See --help."""
import argparse
import collections
import os
import shutil
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--fill", help="bench_fill, if another build has it")
    parser.add_argument("--sanitized", action="store_true", help="BUILD is one of a sanitizer")
    parser.add_argument("--folder", default=os.path.join(tempfile.gettempdir(), "chuyi-bench-hostile"), help="is made, filled and removed")
    parser.add_argument("--applications", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=10, help="of each of the two runs at most")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    os.environ |= {"CHUYI_BINARY_DIR": build, "CHUYI_SOURCE_DIR": os.path.abspath(ROOT), "CHUYI_SANITIZED": "1" if options.sanitized else ""}
    sys.path[:0] = [os.path.join(HERE, "..", "http"), os.path.join(ROOT, "tests", "e2e")]
    shutil.rmtree(options.folder, ignore_errors=True)
    try:
        measure(options, build)
    finally:
        shutil.rmtree(options.folder, ignore_errors=True)


def measure(options, build):
    # Only now: they read the environment.
    import hostile
    from http_bench import Server, header, load, row
    from scenario import PROVINCE
    from server import PASSWORD, Server as Client, run_cli

    data, packages, programs = (os.path.join(options.folder, each) for each in ("data", "packages", "programs"))
    for each in (data, packages, programs):
        os.makedirs(each)
    subprocess.run([options.fill or f"{build}/bin/bench_fill", data, str(options.applications)], check=True)
    run_cli("user", "add", "admin", "--role", "administrator", "--org", PROVINCE, "--password-stdin", data=data, stdin=PASSWORD + "\n")
    command = [hostile.program(programs), "--data", data, "serve", "--listen", "127.0.0.1:0", "--plugins", packages]
    with Server(command, lambda out: int(next(line for line in out if "listening on" in line).rsplit(":", 1)[1])) as server:
        client = Client(data)
        client.port = server.port
        tokens = {"admin": client.login("admin"), "applicant": client.login("college"), "bureau": client.login("bureau")}
        ways = {kind: hostile.ready(client, tokens, packages, kind) for kind in hostile.KINDS}
        half = options.applications // 2
        alone = load(server, "sign", tokens["bureau"], options.connections, 1, half - 1, options.seconds)
        codes, over = collections.Counter(), threading.Event()

        def call(way):
            while not over.is_set():
                codes[hostile.submit(way).json["code"]] += 1

        threads = [threading.Thread(target=call, args=(way,)) for way in ways.values()]
        for thread in threads:
            thread.start()
        beside = load(server, "sign", tokens["bureau"], options.connections, half, options.applications - 1, options.seconds)
        over.set()
        for thread in threads:
            thread.join()
        print(f"machine   {os.cpu_count()} cores, Linux {os.uname().release}, load {os.getloadavg()[0]:.1f}; clients on the same machine")
        print(f"settings  as shipped, {options.applications} live applications, {options.connections} connections, one run")
        header("sign-offs (POST)")
        row("alone", alone)
        row(f"beside {len(ways)} libraries", beside, f"= {beside['rate'] / alone['rate']:.2f} x")
        print("calls of the libraries: " + ", ".join(f"{count} {code}" for code, count in codes.most_common()))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""What a sign-off and a page of a list cost, how much memory the server takes and how long it starts, as the number of
applications grows.

growth_bench.py BUILD: the build folder with bin/chuyi and bin/bench_fill. See --help."""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "http"))
from http_bench import chuyi, load, login  # noqa: E402

SIGN_OFFS = 2_000
PAGES = {"inbox, 50 tasks": "/api/v1/tasks?limit=50", "50 applications": "/api/v1/applications?limit=50"}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--folder", default=os.path.join(tempfile.gettempdir(), "chuyi-bench-growth"), help="is made, filled and removed")
    parser.add_argument("--applications", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--seconds", type=int, default=5)
    options = parser.parse_args()
    shutil.rmtree(options.folder, ignore_errors=True)
    os.makedirs(options.folder)
    print(f"machine   {os.cpu_count()} cores, Linux {os.uname().release}, load {os.getloadavg()[0]:.1f}")
    print("settings  as shipped; all applications in one bureau's inbox; 8 connections; sign-offs all over the applications")
    print(f"{'applications':>12} {'database':>9} {'start':>8} {'memory':>8}   " + "   ".join(f"{name:>26}" for name in ["sign-off", *PAGES]))
    filled = 0
    try:
        for turn, count in enumerate(options.applications):
            subprocess.run([f"{options.build}/bin/bench_fill", options.folder, str(count), str(filled)], check=True)
            filled = count
            begun = time.monotonic()
            with chuyi(options.build, options.folder) as server:
                start = time.monotonic() - begun
                token = login(server.port)
                # Numbers of one remainder for each turn: what an earlier one signed is not signed again.
                turns = len(options.applications)
                signed = min(SIGN_OFFS, count // turns - 2)
                stride = max(1, count // turns // (signed + 2)) * turns
                figures = [load(server, "sign", token, 8, 1, signed, options.seconds, stride, turn)]
                figures += [load(server, path, token, 8, 1, 10**9, options.seconds) for path in PAGES.values()]
                size = os.path.getsize(os.path.join(options.folder, "chuyi.db")) / 1e9
                print(f"{count:12} {size:6.2f} GB {start:6.2f} s {server.rss_mb():5.0f} MB   " +
                      "   ".join(f"{each['p50']:7.2f} ms {each['cpu']:8.0f} us cpu" for each in figures), flush=True)
    finally:
        shutil.rmtree(options.folder, ignore_errors=True)


if __name__ == "__main__":
    main()

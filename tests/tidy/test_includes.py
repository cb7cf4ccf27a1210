"""Goal: dependencies point downwards only. Method: every #include line is held against the table of what each folder may use."""
import os
import re
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Folder → folders of this project that it may include (its own is always allowed).
MAY_USE = {
    "engine/base": [],
    "engine/scxml": ["engine/base"],
    "engine/check": ["engine/base", "engine/scxml"],
    "engine/invoke": ["engine/base", "engine/scxml"],
    "engine/forms": ["engine/base", "engine/scxml"],
    "engine/review": ["engine/base"],
    "engine/stages": ["engine/base", "engine/check", "engine/invoke", "engine/review", "engine/scxml"],
    "engine/ports": ["engine/base", "engine/invoke", "engine/scxml", "engine/forms"],
    "engine/runtime": ["engine/base", "engine/invoke", "engine/scxml", "engine/forms", "engine/ports", "engine/review"],
    "engine/why": ["engine/base", "engine/invoke", "engine/ports", "engine/scxml"],
    "engine/migrate": ["engine/base", "engine/check", "engine/invoke", "engine/ports", "engine/runtime", "engine/scxml"],
    "plugins/sdk": [],
    "plugins/host": ["engine/base", "engine/ports", "plugins/sdk"],
    "plugins/loader": ["engine/base", "engine/check", "engine/invoke", "engine/review", "engine/scxml", "engine/forms", "engine/ports", "storage/documents"],
    "storage/tables": ["engine/base", "engine/ports"],
    "storage/sqlite": ["engine/base", "engine/invoke", "engine/ports", "storage/tables"],
    "storage/postgres": ["engine/base", "engine/invoke", "engine/ports", "storage/documents", "storage/tables"],
    "storage/s3": ["engine/base", "engine/ports", "storage/documents"],
    "storage/memory": ["engine/base", "engine/invoke", "engine/ports"],
    "storage/documents": ["engine/base", "engine/ports"],
    "server/simulate": ["engine", "plugins/host", "server", "storage/memory"],
    "server": ["engine", "plugins/host", "plugins/loader", "storage/sqlite", "storage/postgres", "storage/s3", "storage/documents"],
}
# Headers of libraries → the folders that may know them.
ONLY_IN = {
    "sqlite3.h": ["storage/sqlite", "tests"],
    "libpq-fe.h": ["storage/postgres", "tests"],
    "zip.h": ["storage/documents", "tests"],
    "qpdf": ["storage/documents"],
    "lua.hpp": ["engine/scxml", "tests"],
    "pugixml.hpp": ["engine/check", "engine/scxml", "plugins/loader", "tests"],
    "curl/curl.h": ["storage/s3", "server", "tests"],
    "lemon": ["engine/review"],
    "boost/asio": ["server"],
    "boost/beast": ["server"],
    "valijson": ["engine/forms"],
    "argon2.h": ["server"],
    "iconv.h": ["server/imports"],
    "xlsxwriter.h": ["server"],
    "spdlog": ["server", "plugins/host", "storage/documents"],
}
# What the chart engine and the stages must never reach for: they open nothing, know no time and draw no numbers.
PURE = ["engine/base", "engine/scxml", "engine/check", "engine/invoke", "engine/review", "engine/stages", "engine/forms"]
IMPURE = re.compile(r"#include <(fstream|filesystem|random|thread|mutex|future|condition_variable|ctime|unistd\.h|sys/.*|fcntl\.h|iostream)>")


def sources():
    for top in ("engine", "plugins", "storage", "server", "tests"):
        for folder, _, files in os.walk(os.path.join(ROOT, top)):
            for name in sorted(files):
                if name.endswith((".h", ".cpp", ".c")):
                    path = os.path.join(folder, name)
                    with open(path, encoding="utf-8") as source:
                        yield os.path.relpath(path, ROOT), source.read()


def within(path, folder):
    return path == folder or path.startswith(folder + "/")


def home_of(path):
    return next((folder for folder in sorted(MAY_USE, key=len, reverse=True) if within(path, folder)), None)


class Includes(unittest.TestCase):
    def test_arrows_point_downwards(self):
        wrong = []
        for path, text in sources():
            home = home_of(path)
            if home is None:
                continue
            for included in re.findall(r'^#include "([^"]+)"', text, re.M):
                if not any(within(included, folder) for folder in [home, *MAY_USE[home]]):
                    wrong.append(f"{path} includes {included}")
        self.assertEqual(wrong, [])

    def test_a_stage_knows_no_other_stage(self):
        wrong = []
        for path, text in sources():
            parts = path.split("/")
            if parts[:2] != ["engine", "stages"] or len(parts) < 4:
                continue
            wrong += [f"{path} includes {included}" for included in re.findall(r'^#include "(engine/stages/[^"]+)"', text, re.M)
                      if not within(included, "/".join(parts[:3]))]
        self.assertEqual(wrong, [])

    def test_libraries_stay_in_their_adapters(self):
        wrong = []
        for path, text in sources():
            for header in re.findall(r"^#include <([^>]+)>", text, re.M):
                for library, folders in ONLY_IN.items():
                    if within(header, library) and not any(within(path, folder) for folder in folders):
                        wrong.append(f"{path} includes {header}")
        self.assertEqual(wrong, [])

    def test_deciders_are_pure(self):
        wrong = [f"{path}: {found.group(0)}" for path, text in sources() if any(within(path, folder) for folder in PURE)
                 for found in IMPURE.finditer(text)]
        self.assertEqual(wrong, [])

    def test_the_sdk_header_needs_nothing_of_ours(self):
        with open(os.path.join(ROOT, "plugins", "sdk", "chuyi_plugin.h"), encoding="utf-8") as header:
            self.assertEqual(sorted(re.findall(r"^#include (.+)$", header.read(), re.M)), ["<stddef.h>", "<stdint.h>"])


if __name__ == "__main__":
    unittest.main()

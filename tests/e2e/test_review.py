"""Goal: conflicts, draw and assignment are computed and verified from files, and the draw as its specification says.
Method: the built program; and the specification once more, from engine/review/draw.h alone."""
import functools
import hashlib
import json
import math
import os
import subprocess
import tempfile
import unittest

BINARY = os.path.join(os.environ["CHUYI_BINARY_DIR"], "bin", "chuyi")


def draw_again(seed, context, pool, seats, spares, strata):
    """The draw: ids in the drawn order, panel, spares. pool: experts that may be drawn; strata: (belongs, at_least, at_most, spares_at_least)."""
    key, words, block = bytes.fromhex(seed) + context.encode(), [], 0

    def below(n):
        nonlocal block
        while True:
            if not words:
                digest = hashlib.sha256(key + block.to_bytes(8, "big")).digest()
                words.extend(int.from_bytes(digest[i:i + 8], "big") for i in range(0, 32, 8))
                block += 1
            x = words.pop(0)
            if x < 2**64 // n * n:
                return x % n

    order = sorted(pool, key=lambda expert: expert["id"].encode())
    for i in range(len(order) - 1, 0, -1):
        j = below(i + 1)
        order[i], order[j] = order[j], order[i]

    def first(order, seats, bounds):
        member = [[belongs(e) for belongs, _, _ in bounds] for e in order]

        @functools.cache
        def can(at, taken, counts):
            if taken == seats:
                return all(low <= n for n, (_, low, _) in zip(counts, bounds))
            return at < len(order) and (can(at + 1, taken, counts) or step(at, taken, counts) is not None)

        def step(at, taken, counts):
            after = tuple(n + m for n, m in zip(counts, member[at]))
            return after if all(n <= high for n, (_, _, high) in zip(after, bounds)) and can(at + 1, taken + 1, after) else None

        out, counts = [], (0,) * len(bounds)
        for at, expert in enumerate(order):
            if len(out) < seats and (after := step(at, len(out), counts)) is not None:
                out.append(expert)
                counts = after
        return out

    count = lambda belongs: sum(map(belongs, pool))
    panel = first(order, seats, [(b, low, min(high, count(b) - keep)) for b, low, high, keep in strata])
    rest = [e for e in order if e not in panel]
    return order, panel, first(rest, spares, [(b, keep, spares) for b, _, _, keep in strata])


def run(*arguments):
    return subprocess.run([BINARY, *arguments], capture_output=True, timeout=60, check=False)


class Review(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def write(self, name, data):
        path = os.path.join(self.folder.name, name)
        with open(path, "wb") as file:
            file.write(data if isinstance(data, bytes) else json.dumps(data).encode())
        return path

    def computed(self, command, verb, given):
        """The export of `given`, verified; and verified no more with any value changed."""
        done = run(command, verb, self.write("input.json", given))
        self.assertEqual(done.returncode, 0, done.stderr)
        export = done.stdout
        checked = run(command, "verify", self.write("export.json", export), "--json")
        self.assertEqual(json.loads(checked.stdout), {"valid": True, "sha256": hashlib.sha256(export).hexdigest()})
        for at in range(0, len(export), len(export) // 25):
            changed = bytearray(export)
            changed[at] ^= 1
            self.assertEqual(run(command, "verify", self.write("changed.json", bytes(changed))).returncode, 1, at)
        return json.loads(export)

    @staticmethod
    def people(count):
        return [{"id": f"e{i:02}", "person": f"x{i}", "fields": [f"F{i % 4}"], "region": f"r{i % 5}", "employer": f"o{i}",
                 "kind": ["enterprise", "college", "research"][i % 3], "out_of_province": i % 4 == 1} for i in range(count)]

    def draw_input(self, seed_text):
        seed = hashlib.sha256(seed_text.encode()).hexdigest()
        context = "2026轮次 第一评审组"
        return {"year": 2026, "experts": self.people(30), "applications": [{"id": "a1", "org": "o3"}, {"id": "a2", "org": "o4", "leader": "x9"}], "context": context,
                "seed": seed, "commitment": hashlib.sha256(bytes.fromhex(seed) + context.encode()).hexdigest(), "seats": 7, "spares": 3,
                "strata": [{"name": "enterprise", "where": {"kind": ["enterprise"]}, "at_least": "1/3", "spares_at_least": 1},
                           {"name": "out-of-province", "where": {"out_of_province": True}, "at_least": "1/3", "at_most": 3},
                           {"name": "field", "where": {"field": ["F0", "F2"]}, "at_least": 2, "at_most": 4}]}

    def test_the_draw_is_what_its_specification_says(self):
        for number in range(20):
            given = self.draw_input(f"seed {number}")
            done = run("draw", "run", self.write("input.json", given))
            self.assertEqual(done.returncode, 0, done.stderr)
            result = json.loads(done.stdout)["result"]
            self.assertEqual({each["expert"]: each["reason"] for each in result["excluded"]}, {"e03": "own-unit", "e04": "own-unit", "e09": "entrant"})
            pool = [e for e in given["experts"] if e["id"] not in ("e03", "e04", "e09")]
            third = math.ceil(7 / 3)
            again = draw_again(given["seed"], given["context"], pool, 7, 3,
                               [(lambda e: e["kind"] == "enterprise", third, 7, 1), (lambda e: e["out_of_province"], third, 3, 0),
                                (lambda e: bool({"F0", "F2"} & set(e["fields"])), 2, 4, 0)])
            self.assertEqual([result["order"], result["panel"], result["spares"]], [[e["id"] for e in part] for part in again])

    def test_a_draw_is_verified(self):
        export = self.computed("draw", "run", self.draw_input("seed"))
        self.assertEqual(len(export["result"]["panel"]), 7)

    def test_another_seed_than_committed_to(self):
        given = self.draw_input("seed") | {"seed": "0" * 64}
        done = run("draw", "run", self.write("input.json", given))
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"draw.commitment", done.stderr)

    def test_conflicts_are_verified(self):
        export = self.computed("conflicts", "compute", {"year": 2026, "experts": self.people(6), "applications": [{"id": "a1", "programme": "base", "org": "o3", "leader": "x2"}]})
        self.assertEqual([(each["expert"], each["rule"]) for each in export["result"]["conflicts"]], [("e02", "same-person"), ("e02", "entrant"), ("e03", "own-unit")])

    def test_an_assignment_is_verified(self):
        export = self.computed("assign", "compute", {"year": 2026, "experts": self.people(12), "applications": [{"id": f"a{i}", "field": f"F{i % 4}", "org": f"o{i}"} for i in range(8)],
                                                      "coverage": 3, "load": {"min": 1, "max": 3}, "limits": [{"by": "region", "at_most": 1}], "cost": {"mismatch": 50, "balance": 1}})
        self.assertEqual(export["result"]["reviews"], 24)

    def test_what_cannot_be_assigned_is_said(self):
        done = run("assign", "compute", self.write("input.json", {"year": 2026, "experts": self.people(2), "applications": [{"id": "a1", "org": "o1"}], "coverage": 2}))
        self.assertEqual(done.returncode, 1)
        self.assertIn("a1: Expected 2 more experts for 'a1', but 1 may judge it [assign.application]", done.stderr.decode())


if __name__ == "__main__":
    unittest.main()

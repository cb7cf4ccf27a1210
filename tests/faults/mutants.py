"""Shows that the tests can fail: runs, for each fault that a build with CHUYI_MUTANTS has in it, the tests that must find it.

    mutants.py BINARY_DIR [MUTANT…]     prints a table; exits 1 when a fault is not found, or a test is red without any

mutants.txt names them. A mutant may stand there more than once: each of its tests must find it. One in the source that is
not listed, or the other way round, is an error."""
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def listed():
    with open(os.path.join(HERE, "mutants.txt"), encoding="utf-8") as lines:
        return [(name, test) for name, *test in (line.split() for line in lines if line.strip() and not line.startswith("#"))]


def planted():
    out = set()
    for top in ("engine", "storage", "server", "plugins"):
        for folder, _, names in os.walk(os.path.join(ROOT, top)):
            for name in names:
                if name.endswith((".cpp", ".h")):
                    with open(os.path.join(folder, name), encoding="utf-8") as source:
                        out.update(re.findall(r'CHUYI_MUTANT\("(\w+)"\)', source.read()))
    return out


def run(binary_dir, test, mutant):
    """@return whether it was green, and the names of the tests that were not."""
    name, choice = test[0], test[1:]
    command = [os.path.join(binary_dir, "bin", name), *(f"--gtest_filter={each}" for each in choice)]
    if not os.path.exists(command[0]):
        command = ["ctest", "--test-dir", binary_dir, "-R", f"^{name}$", "--no-tests=error"]
    if name == "test_stores":
        command.insert(0, os.path.join(ROOT, "tests", "support", "postgres.sh"))
    environment = os.environ | ({"CHUYI_MUTANT": mutant} if mutant else {}) | ({"TMPDIR": "/dev/shm"} if os.path.exists("/dev/shm") else {})
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace", timeout=120)
    except subprocess.TimeoutExpired:
        return False, [name + " (did not end)"]
    red = sorted(set(re.findall(r"^\[  FAILED  \] ([A-Z][\w/.]+)", done.stdout, re.M)))
    return done.returncode == 0, red or [f"{name} (exit {done.returncode})"]


def main(binary_dir, chosen):
    mutants = listed()
    wrong = sorted({name for name, _ in mutants} ^ planted())
    if wrong:
        sys.exit(f"Expected the mutants of mutants.txt to be those of the source, but these are not in both: {', '.join(wrong)}")
    mutants = [(name, test) for name, test in mutants if not chosen or name in chosen]
    for test in sorted({tuple(test) for _, test in mutants}):
        green, red = run(binary_dir, test, None)
        if not green:
            sys.exit(f"Expected {' '.join(test)} to be green without a mutant, but {', '.join(red)} is red")
    survivors = []
    for name, test in mutants:
        green, red = run(binary_dir, test, name)
        survivors += [name] if green else []
        print(f"{name:34} → {'NOT FOUND by ' + ' '.join(test) if green else ', '.join(red[:2]) + (f' and {len(red) - 2} more' if len(red) > 2 else '')}", flush=True)
    print(f"{len({name for name, _ in mutants})} mutants, {len(mutants)} tests that must find them, {len(survivors)} did not")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))

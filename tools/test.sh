#!/usr/bin/env bash
# Installs what is missing, builds, and runs all tests; ends with ctest's own summary.
#   tools/test.sh              release build
#   tools/test.sh --sanitize   ASan+UBSan, then TSan
#   tools/test.sh --store postgres   the end-to-end tests on a PostgreSQL cluster of their own
#   tools/test.sh --faults     the fault tests in full length, with what they count; CHUYI_TEST_SEED plays a failure again
#   tools/test.sh --mutants    builds with planted faults, and shows which test finds each
#   tools/test.sh --fuzz       each fuzzer for 60 s, or FUZZ_SECONDS; what breaks is left in build/fuzz
set -euo pipefail
cd "$(dirname "$0")/.."
tools/deps.sh "$([ "${1:-}" = --fuzz ] && echo --fuzz || echo --tests)"

run() {
  cmake --preset "$1" >/dev/null
  cmake --build --preset "$1"
  ctest --preset "$1" --parallel 2 --output-on-failure "${@:2}"
}

fuzz() {
  cmake --preset fuzz >/dev/null
  cmake --build --preset fuzz
  for entry in chart expression snapshot; do
    mkdir -p "build/fuzz/corpus/$entry"
    build/fuzz/bin/fuzz_$entry -max_total_time="${FUZZ_SECONDS:-60}" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
      -artifact_prefix="build/fuzz/$entry-" -dict="tests/fuzz/$entry.dict" "build/fuzz/corpus/$entry" "tests/fuzz/corpus/$entry"
  done
}

if [ "${1:-}" = --fuzz ]; then
  fuzz
elif [ "${1:-} ${2:-}" = "--store postgres" ]; then
  export CHUYI_TEST_STORE=postgres
  export -f run
  tests/support/postgres.sh bash -euc 'run release -L e2e'
elif [ "${1:-}" = --faults ]; then
  cmake --preset release >/dev/null
  cmake --build --preset release
  CHUYI_TEST_LENGTH=full ctest --preset release -L faults --verbose
elif [ "${1:-}" = --mutants ]; then
  cmake --preset mutants >/dev/null
  cmake --build --preset mutants
  python3 tests/faults/mutants.py build/mutants
elif [ "${1:-}" = --sanitize ]; then
  run asan
  run tsan
else
  run release
fi

#!/usr/bin/env bash
# Installs what is missing, builds the benchmarks as they ship and runs them. Each prints machine, versions, settings and
# its limits beside its figures; docs/performance.md keeps them.
#   tools/bench.sh [engine|plugins|hostile|store|postgres|http|growth|rounds|pages|reviews] [OPTIONS…]   none named: all of them. Options go to the one that is named.
# CHUYI_BENCH_FOLDER is where databases are made (it must be on the disk to be measured); growth needs 20 GB there, pages 5.
set -euo pipefail
cd "$(dirname "$0")/.."
which=${1:-all}
[ $# -eq 0 ] || shift
folder=${CHUYI_BENCH_FOLDER:-$PWD/build/bench}
build=build/release

tools/deps.sh --bench
cmake --preset release -DCHUYI_BENCH=ON >/dev/null
cmake --build --preset release --target bench_engine bench_plugins bench_store bench_fill bench_beast bench_results bench_experts bench_fill_rounds chuyi
mkdir -p "$folder"

run() {
  case "$1" in
    engine) "$build/bin/bench_engine" --benchmark_repetitions=5 --benchmark_report_aggregates_only=true --benchmark_enable_random_interleaving=true "${@:2}" ;;
    plugins) "$build/bin/bench_plugins" --benchmark_repetitions=5 --benchmark_report_aggregates_only=true --benchmark_enable_random_interleaving=true "${@:2}" ;;
    hostile)
      cmake --build --preset release --target test_packages  # the libraries and packages
      python3 bench/plugins/hostile_bench.py "$build" --folder "$folder/hostile" "${@:2}" ;;
    store) "$build/bin/bench_store" --folder "$folder/store" "${@:2}" ;;
    postgres) tests/support/postgres.sh bash -c '"$0" --folder "$1" --store "$CHUYI_TEST_POSTGRES" "${@:2}"' "$build/bin/bench_store" "$folder/postgres" "${@:2}" ;;
    http) python3 bench/http/http_bench.py "$build" --folder "$folder/http" "${@:2}" ;;
    pages) python3 bench/rounds/pages_bench.py "$build" --folder "$folder/pages" "${@:2}" ;;
    reviews) python3 bench/rounds/reviews_bench.py "$build" --folder "$folder/reviews" "${@:2}" ;;
    growth) python3 bench/growth/growth_bench.py "$build" --folder "$folder/growth" "${@:2}" ;;
    rounds) "$build/bin/bench_results"; "$build/bin/bench_experts" ;;
    *) sed -n 2,6p "$0" >&2; exit 2 ;;
  esac
}

if [ "$which" != all ]; then run "$which" "$@"; exit; fi
for each in engine plugins hostile store postgres http growth rounds pages reviews; do
  echo "== $each"
  run "$each"
done

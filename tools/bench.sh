#!/usr/bin/env bash
# Installs what is missing, builds bench/engine as it ships and runs it: each figure 5 times, minimum, median and mean.
# Options go to the benchmark, e.g. --benchmark_filter=flat.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/deps.sh --bench
cmake --preset release -DCHUYI_BENCH=ON >/dev/null
cmake --build --preset release --target bench_engine
exec build/release/bin/bench_engine --benchmark_repetitions=5 --benchmark_report_aggregates_only=true \
  --benchmark_enable_random_interleaving=true "$@"

#!/usr/bin/env bash
# Installs what is missing, builds, and runs all tests; ends with ctest's own summary.
#   tools/test.sh              release build
#   tools/test.sh --sanitize   ASan+UBSan, then TSan
set -euo pipefail
cd "$(dirname "$0")/.."
tools/deps.sh --tests

run() {
  cmake --preset "$1" >/dev/null
  cmake --build --preset "$1"
  ctest --preset "$1" --output-on-failure
}

if [ "${1:-}" = --sanitize ]; then
  run asan
  run tsan
else
  run release
fi

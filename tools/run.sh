#!/usr/bin/env bash
# Installs what is missing, builds, and serves on http://127.0.0.1:8080 with the embedded store.
#   tools/run.sh          an installation in ./data, all shipped programmes
#   tools/run.sh --demo   a sample season to look at, in ./data-demo (made anew each time)
# Further options go to `chuyi serve` or `chuyi demo`.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/deps.sh
cmake --preset release >/dev/null
cmake --build --preset release --target chuyi chuyi-plugin-host workshop vocational-alliance
if [ "${1:-}" = --demo ]; then
  shift
  exec build/release/bin/chuyi --data data-demo demo "$@"
fi
if [ ! -e data/chuyi.db ] && [ -t 0 ]; then
  echo "A new installation: choose the administrator's password (12 characters or more)."
  build/release/bin/chuyi --data data user add admin --role administrator --org 430000
fi
exec build/release/bin/chuyi --data data serve "$@"

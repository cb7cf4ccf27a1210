#!/usr/bin/env bash
# Installs what is missing to build and run Chuyi; with --tests, --fuzz or --bench also what its tests, fuzzers or
# benchmarks use. Debian 12 and 13, Ubuntu 24.04.
set -euo pipefail

packages=(g++ cmake ninja-build pkg-config ca-certificates git
  libsqlite3-dev libpq-dev libzip-dev libqpdf-dev libpugixml-dev liblua5.4-dev libssl-dev libcurl4-openssl-dev libargon2-dev libvalijson-dev libspdlog-dev libfmt-dev
  libcli11-dev libctemplate-dev libseccomp-dev libre2-dev libutf8proc-dev libgraphviz-dev libpango1.0-dev libcairo2-dev libqrencode-dev libxml2-dev libxlsxwriter-dev liblemon-dev libgtest-dev libgmock-dev python3 graphviz fonts-noto-cjk)
case "${1:-}" in
  --tests) packages+=(curl postgresql poppler-utils) ;;
  --fuzz) packages+=(clang-14 libclang-rt-14-dev) ;;
  --bench) packages+=(libbenchmark-dev wrk) ;;
esac

sudo=()
[ "$(id -u)" -eq 0 ] || sudo=(sudo)

known() { [[ "$(LC_ALL=C apt-cache policy "$1" 2>/dev/null)" =~ Candidate:\ [^\(] ]]; }
have() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# Boost 1.81 or newer: Debian 12 has it beside its older default.
if ! have libboost1.81-dev && ! have libboost1.83-dev; then
  known libboost1.81-dev || known libboost1.83-dev || "${sudo[@]}" apt-get update -q
fi
if have libboost1.81-dev || { ! have libboost1.83-dev && known libboost1.81-dev; }; then boost=1.81; else boost=1.83; fi
packages+=("libboost$boost-dev" "libboost-json$boost-dev" "libboost-url$boost-dev")

missing=()
for package in "${packages[@]}"; do have "$package" || missing+=("$package"); done
[ ${#missing[@]} -eq 0 ] && exit 0
echo "installing: ${missing[*]}" >&2
"${sudo[@]}" apt-get update -q
DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}"

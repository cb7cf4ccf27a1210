#!/usr/bin/env bash
# Runs COMMAND beside a PostgreSQL cluster of its own: in a temporary folder, on a Unix socket there, on no port, as an
# unprivileged user; both go when COMMAND ends. COMMAND finds it by CHUYI_TEST_POSTGRES, the URL of its database
# `postgres`, and may kill it (the first line of data/postmaster.pid): it is started again. Where no PostgreSQL is
# installed COMMAND runs without the variable.
#   tests/support/postgres.sh COMMAND…
set -euo pipefail

bin=$(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin 2>/dev/null | sort -V | tail -1 || true)
if [ -z "$bin" ] && command -v initdb >/dev/null; then bin=$(dirname "$(command -v initdb)"); fi
if [ -n "${CHUYI_TEST_POSTGRES:-}" ] || [ ! -x "$bin/initdb" ]; then exec "$@"; fi

home=$(mktemp -d "${TMPDIR:-/tmp}/chuyi-pg-XXXXXX")
as=(setpriv --pdeathsig KILL)
if [ "$(id -u)" -eq 0 ]; then  # which initdb refuses to be
  chown nobody "$home"
  as=(setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups --pdeathsig KILL)
fi
server=
command=
tries=0
finish() {
  [ -z "$command" ] || kill "$command" 2>/dev/null || true
  touch "$home/stop"
  kill -QUIT "$(head -1 "$home/data/postmaster.pid" 2>/dev/null)" 2>/dev/null || true
  [ -z "$server" ] || wait "$server" 2>/dev/null || true
  rm -rf "$home"
}
trap finish EXIT
trap 'exit 143' TERM INT HUP

cd "$home"
"${as[@]}" "$bin/initdb" -D "$home/data" -U chuyi -A trust -E UTF8 --locale=C --no-instructions --no-sync >"$home/log" 2>&1 || { cat "$home/log" >&2; exit 1; }
serve() {
  while [ ! -e "$home/stop" ]; do
    "${as[@]}" "$bin/postgres" -D "$home/data" -k "$home" -c listen_addresses= -c max_connections=200 -c shared_buffers=64MB || sleep 0.1
  done
}
serve >>"$home/log" 2>&1 &
server=$!
until [ -S "$home/.s.PGSQL.5432" ] && "$bin/pg_isready" -q -h "$home" -U chuyi -d postgres; do
  [ $((tries += 1)) -lt 600 ] || { cat "$home/log" >&2; exit 1; }
  sleep 0.05
done
cd "$OLDPWD"
export CHUYI_TEST_POSTGRES="postgresql://chuyi@/postgres?host=$home"
"$@" <&0 &
command=$!
wait "$command" && code=0 || code=$?
command=
exit "$code"

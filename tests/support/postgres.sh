#!/usr/bin/env bash
# Runs COMMAND beside a PostgreSQL cluster of its own: in a temporary folder, on a Unix socket there, on no port, as an
# unprivileged user; both go when COMMAND ends. COMMAND finds it by CHUYI_TEST_POSTGRES, the URL of its database
# `postgres`, and may kill it (the first line of data/postmaster.pid): it is started again. Where no PostgreSQL is
# installed COMMAND runs without the variable. While $home/down is there the server stays away.
# With --replica there is a second server, which every commit waits for and which may be promoted: CHUYI_TEST_REPLICA.
#   tests/support/postgres.sh [--replica] COMMAND…
set -euo pipefail

replica=
if [ "$1" = --replica ]; then replica=yes; shift; fi
bin=$(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin 2>/dev/null | sort -V | tail -1 || true)
if [ -z "$bin" ] && command -v initdb >/dev/null; then bin=$(dirname "$(command -v initdb)"); fi
if [ -n "${CHUYI_TEST_POSTGRES:-}" ] || [ ! -x "$bin/initdb" ]; then exec "$@"; fi

home=$(mktemp -d "${TMPDIR:-/tmp}/chuyi-pg-XXXXXX")
as=(setpriv --pdeathsig KILL)
if [ "$(id -u)" -eq 0 ]; then  # which initdb refuses to be
  chown nobody "$home"
  as=(setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups --pdeathsig KILL)
fi
servers=()
command=
tries=0
finish() {
  [ -z "$command" ] || kill "$command" 2>/dev/null || true
  touch "$home/stop"
  for folder in data replica; do kill -QUIT "$(head -1 "$home/$folder/postmaster.pid" 2>/dev/null)" 2>/dev/null || true; done
  [ ${#servers[@]} -eq 0 ] || wait "${servers[@]}" 2>/dev/null || true
  rm -rf "$home"
}
trap finish EXIT
trap 'exit 143' TERM INT HUP

cd "$home"
"${as[@]}" "$bin/initdb" -D "$home/data" -U chuyi -A trust -E UTF8 --locale=C --no-instructions --no-sync >"$home/log" 2>&1 || { cat "$home/log" >&2; exit 1; }
serve() {  # FOLDER SOCKETS
  while [ ! -e "$home/stop" ]; do
    if [ -e "$home/down" ] && [ "$1" = data ]; then sleep 0.05; continue; fi
    "${as[@]}" "$bin/postgres" -D "$home/$1" -k "$2" -c listen_addresses= -c max_connections=200 -c shared_buffers=64MB || sleep 0.1
  done
}
start() {
  serve "$1" "$2" >>"$home/log" 2>&1 &
  servers+=($!)
  until [ -S "$2/.s.PGSQL.5432" ] && "$bin/pg_isready" -q -h "$2" -U chuyi -d postgres; do
    [ $((tries += 1)) -lt 600 ] || { cat "$home/log" >&2; exit 1; }
    sleep 0.05
  done
}
start data "$home"
if [ -n "$replica" ]; then
  mkdir "$home/second"
  [ "$(id -u)" -ne 0 ] || chown nobody "$home/second"
  "${as[@]}" "$bin/pg_basebackup" -h "$home" -U chuyi -D "$home/replica" -R -X stream --checkpoint=fast >>"$home/log" 2>&1
  start replica "$home/second"
  "${as[@]}" "$bin/psql" -Xq -h "$home" -U chuyi -d postgres -c "ALTER SYSTEM SET synchronous_standby_names = '*'" -c "SELECT pg_reload_conf()" >>"$home/log" 2>&1
  export CHUYI_TEST_REPLICA="postgresql://chuyi@/postgres?host=$home/second"
fi
cd "$OLDPWD"
export CHUYI_TEST_POSTGRES="postgresql://chuyi@/postgres?host=$home"
"$@" <&0 &
command=$!
wait "$command" && code=0 || code=$?
command=
exit "$code"

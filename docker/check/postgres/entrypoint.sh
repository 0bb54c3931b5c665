#!/bin/bash
# The part of the official image's first start that docker-compose.yml relies on.
set -eu
export PGHOST=/tmp

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  initdb --encoding UTF8 --locale C.UTF-8 --username postgres --pwfile <(printf '%s\n' "${POSTGRES_PASSWORD:?}") \
    --auth-local trust --auth-host scram-sha-256 >/dev/null
  echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
  pg_ctl --wait --silent --options "-c listen_addresses='' -c unix_socket_directories=/tmp" start
  for script in /docker-entrypoint-initdb.d/*.sh; do bash "$script"; done
  pg_ctl --wait --silent --mode fast stop
fi
exec "$@"

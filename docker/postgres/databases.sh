#!/bin/bash
# One server, two databases: each program owns its own and cannot open the other's.
set -eu

for name in labelwheel label_studio; do
  variable=$(echo "${name}_database_password" | tr '[:lower:]' '[:upper:]')
  # As variables of psql, which quotes them: a password may contain quotes.
  psql --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres \
    --set name="$name" --set password="${!variable:?}" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name" ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
done

#!/bin/bash
# Run once by the PostgreSQL image, before anybody connects: one database and one role for each service.
set -euo pipefail
: "${PROCTORIUM_DATABASE_PASSWORD:?}"

for service in enrollment session assessment identity notification; do
  psql --username "$POSTGRES_USER" --set ON_ERROR_STOP=1 --quiet \
    --set role="$service" --set password="$PROCTORIUM_DATABASE_PASSWORD" <<'SQL'
CREATE ROLE :"role" LOGIN PASSWORD :'password';
CREATE DATABASE :"role" OWNER :"role" TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C';
REVOKE CONNECT ON DATABASE :"role" FROM PUBLIC;
SQL
done

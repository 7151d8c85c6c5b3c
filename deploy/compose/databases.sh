#!/bin/bash
# Run once by the PostgreSQL image, before anybody connects: for each service one database, the role that owns
# its tables and migrates them, and the role that the service runs as, which the migration gives what it needs.
set -euo pipefail

for service in enrollment session assessment identity notification; do
  password="${service^^}_DATABASE_PASSWORD"
  owner_password="${service^^}_DATABASE_OWNER_PASSWORD"
  psql --username "$POSTGRES_USER" --set ON_ERROR_STOP=1 --quiet \
    --set role="$service" --set password="${!password:?}" \
    --set owner="${service}_owner" --set owner_password="${!owner_password:?}" <<'SQL'
CREATE ROLE :"role" LOGIN PASSWORD :'password';
CREATE ROLE :"owner" LOGIN PASSWORD :'owner_password';
CREATE DATABASE :"role" OWNER :"owner" TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C';
REVOKE CONNECT ON DATABASE :"role" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"role" TO :"role";
SQL
done

# The superuser by the socket of this container alone: over the network, only who has a password comes in.
psql --username "$POSTGRES_USER" --set ON_ERROR_STOP=1 --quiet --command 'ALTER ROLE CURRENT_USER PASSWORD NULL'

#!/bin/bash
# The PostgreSQL image runs this script once, before it accepts connections. For each service, the script creates a
# database, a role that owns and migrates the tables, and a role that the service runs as. The migration grants the
# second role its permissions.
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

# Without a password, the superuser can connect only by the socket in this container: connections over the network
# need one.
psql --username "$POSTGRES_USER" --set ON_ERROR_STOP=1 --quiet --command 'ALTER ROLE CURRENT_USER PASSWORD NULL'

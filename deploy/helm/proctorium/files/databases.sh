#!/bin/bash
# The PostgreSQL image runs this script once, before the server accepts connections by TCP. For each service, the script
# creates a database, a role that owns and migrates the tables, and a role with which the service connects. The
# migration grants the service's role its permissions on the tables.
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

# Removes the superuser's password. Connections over the network need a password, so the superuser can then connect only
# through the socket in this container.
psql --username "$POSTGRES_USER" --set ON_ERROR_STOP=1 --quiet --command 'ALTER ROLE CURRENT_USER PASSWORD NULL'

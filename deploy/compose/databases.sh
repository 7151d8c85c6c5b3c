#!/bin/bash
# Run once by the PostgreSQL image before it accepts connections. Creates for each service a database, the role that
# owns and migrates its tables, and the role that the service runs as, to which the migration grants its permissions.
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

# The superuser connects only by the socket in this container, because connections over the network need a password.
psql --username "$POSTGRES_USER" --set ON_ERROR_STOP=1 --quiet --command 'ALTER ROLE CURRENT_USER PASSWORD NULL'

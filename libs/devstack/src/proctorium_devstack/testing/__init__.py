"""A pytest plugin: real PostgreSQL and NATS servers for tests, on free ports, deleted after the tests.

- `postgres` (session): a server; `await postgres.ensure_database("name")`, `postgres.url("name")`,
  `await postgres.ensure_migrated("name", package)`.
- `empty_database` (test): the URL of a new, empty database.
- `migrated_database` (test): `migrated_database("proctorium_enrollment")` returns the URL of a new database with that
  package's migrations, for the service's role. A test may create several.
- `as_owner` (session): `await as_owner(url, statement)` executes a statement as the owner of the tables, which may do
  more than the service's role.
- `nats` (session): a server that all tests share; `nats.url`.
- `own_nats` (test): an empty server for one test, which the test may stop, kill, wipe and start again. Both servers
  have the users and permissions of the topology, and the user TESTER, who may do anything:
  `await nats.connect("session")`, `nats.identity("session")`, `nats.pair("session")`.
- `broker_topology` (test): the topology of `own_nats`; tests may override it.
- `shared_servers` (session): `shared_servers("proctorium_enrollment")` returns a database with that package's
  migrations and a broker with all streams, for tests that share one running service. The module `harness` runs it.
- `free_port` (test): a function that returns a port without a listener.

The servers' methods are coroutines and run on any event loop.
"""

from proctorium_devstack.testing.servers import (
    TESTER,
    AsOwner,
    MigratedDatabase,
    Servers,
    SharedServers,
    _background,
    as_owner,
    broker_topology,
    devstack_folder,
    empty_database,
    free_port,
    migrated_database,
    nats,
    own_nats,
    postgres,
    shared_servers,
)

__all__ = [
    "TESTER",
    "AsOwner",
    "MigratedDatabase",
    "Servers",
    "SharedServers",
    "_background",
    "as_owner",
    "broker_topology",
    "devstack_folder",
    "empty_database",
    "free_port",
    "migrated_database",
    "nats",
    "own_nats",
    "postgres",
    "shared_servers",
]

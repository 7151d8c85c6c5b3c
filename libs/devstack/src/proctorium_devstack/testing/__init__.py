"""A pytest plugin with real PostgreSQL and NATS servers on free ports, which are deleted after the tests.

- `postgres` (session): a server. Tests call `await postgres.ensure_database("name")`, `postgres.url("name")` and
  `await postgres.ensure_migrated("name", package)`.
- `empty_database` (test): the URL of a new, empty database.
- `migrated_database` (test): `migrated_database("proctorium_enrollment")` returns the URL of a new database with the
  migrations of that package, for the service's role. A test may create several databases.
- `as_owner` (session): `await as_owner(url, statement)` executes a statement as the owner of the tables, who has more
  permissions than the service's role.
- `nats` (session): a server that all tests share, at `nats.url`. It has the users and permissions of the topology, and
  the user TESTER with all permissions. Tests call `await nats.connect("session")`, `nats.identity("session")` and
  `nats.pair("session")`.
- `own_nats` (test): an empty server with the same users for one test. The test may stop, kill, wipe and start it.
- `broker_topology` (test): the topology of `own_nats`. Tests may override this fixture.
- `shared_servers` (session): `shared_servers("proctorium_enrollment")` returns a database with the migrations of that
  package and a broker with all streams, for tests that share one running service. The module `harness` runs it.
- `free_port` (test): a function that returns a port without a listener.

The coroutine methods of the servers can be awaited on any event loop.
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

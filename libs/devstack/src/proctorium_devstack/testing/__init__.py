"""A pytest plugin with real PostgreSQL and NATS servers on free ports. Their data is deleted after the tests.

- `postgres` (session): a server. Tests call `await postgres.ensure_database("name")`, `postgres.url("name")` and
  `await postgres.ensure_migrated("name", package)`.
- `empty_database` (test): the URL of a new, empty database.
- `migrated_database` (test): `migrated_database("proctorium_enrollment")` returns the URL of a new database with the
  migrations of that package, for the service's role. A test may create several databases.
- `as_owner` (session): `await as_owner(url, statement)` executes a statement as the owner of the tables. The owner has
  more permissions than the service's role.
- `nats` (session): a server that all tests share. Its URL is `nats.url`. Its users are the users of the topology, and
  the user TESTER, who has all permissions. Tests call `await nats.connect("session")`, `nats.identity("session")` and
  `nats.pair("session")`.
- `own_nats` (test): a NATS server for one test. It has no streams, and the same users as `nats`. The test may stop,
  kill, wipe and start the server.
- `broker_topology` (test): the topology of `own_nats`. Tests may override this fixture.
- `shared_servers` (session): `shared_servers("proctorium_enrollment")` returns a database with the migrations of that
  package, and a broker with all streams. Tests use them if they share one running service. The module `harness` runs
  the service.
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

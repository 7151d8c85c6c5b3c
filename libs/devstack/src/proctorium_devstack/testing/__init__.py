"""A pytest plugin: real PostgreSQL and NATS for tests, on free ports, gone when the tests are.

- `postgres` (session): a server; `await postgres.ensure_database("name")`, `postgres.url("name")`, `await postgres.ensure_migrated("name", package)`.
- `empty_database` (test): the URL of a fresh, empty database.
- `migrated_database` (test): `migrated_database("proctorium_enrollment")` is the URL of a fresh database with that
  package's migrations. Any number in one test.
  It is reached as the service's role; `await as_owner(url, statement)` does what that may not.
- `nats` (session): a server that all tests share; `nats.url`.
- `own_nats` (test): an empty server for one test, which the test may stop, kill, wipe and start again.
  Both have the users and permissions of the topology, and TESTER, who may do anything: `await nats.connect("session")`,
  `nats.identity("session")`, `nats.pair("session")`. `broker_topology` (test) is what `own_nats` takes them from.
- `running` (test): `running(Settings, build)` serves one service in this process, over TLS, with a fresh database, a broker of its
  own and tokens of a key that only the test has; `served.channel(person_id, "proctor")` calls it,
  `served.publish(event)` publishes an event to it. See `services`.
- `free_port` (test): a function that names a port nobody listens on.

The servers' methods are coroutines and run on any loop.
"""

from proctorium_devstack.testing.servers import (
    TESTER,
    AsOwner,
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
)
from proctorium_devstack.testing.services import Running, Served, running

__all__ = [
    "TESTER",
    "AsOwner",
    "Running",
    "Served",
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
    "running",
]

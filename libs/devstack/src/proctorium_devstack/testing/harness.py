"""The harness of the integration tests. It runs one service with real PostgreSQL and NATS servers, and creates callers.

The tests of a service define a subclass in `tests/integration/harness.py`, which adds the features of that service. A
fixture in `conftest.py` runs the subclass:

    class Harness(ServiceHarness[Settings]):
        def __init__(self, servers: Servers, enrollment: FakeEnrollment) -> None:
            super().__init__(Settings, build, servers, [enrollment], watch_heartbeat=1)

    @pytest.fixture(scope="session")
    async def shared_harness(shared_servers: SharedServers) -> AsyncIterator[Harness]:
        servers = shared_servers("proctorium_calendar")
        async with (
            FakeEnrollment.serving(servers.nats.certificates_of("enrollment")) as enrollment,
            Harness(servers, enrollment).replica() as harness,
        ):
            yield harness
"""

from __future__ import annotations

import asyncio
import os
import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from copy import copy
from datetime import datetime
from typing import Any, Generic, ParamSpec, Self, TypeVar
from uuid import UUID

from google.protobuf.message import Message
from sqlalchemy import Executable, text

from proctorium_common.clock import Clock, utc_now
from proctorium_common.errors import ServiceError
from proctorium_common.events.envelope import MESSAGE_ID, POSITION, name_of, wrap
from proctorium_common.events.handling import Batched, EventMetadata
from proctorium_common.ids import new_id
from proctorium_common.process.life import running
from proctorium_common.process.service import Service, topology_of
from proctorium_common.process.settings import ServiceSettings
from proctorium_common.rpc.client import Channel, channel
from proctorium_common.security.keys import KeyRing, SigningKey
from proctorium_common.security.tokens import TokenSigner
from proctorium_common.storage.database import Database
from proctorium_common.topology import services
from proctorium_devstack.testing.fake_service import FakeService
from proctorium_devstack.testing.refusals import refusal
from proctorium_devstack.testing.servers import Servers
from proctorium_devstack.testing.waiting import until

M = TypeVar("M", bound=Message)
S = TypeVar("S", bound=ServiceSettings)
Arguments = ParamSpec("Arguments")

UNREACHABLE = "127.0.0.1:1"
"""An address on which no server listens."""


class ServiceHarness(Generic[S]):
    """A harness that runs one service with TLS in this process. Tests can use its database and its signing key."""

    rows_of_calls = ""
    """A query for the method `refused`. After every call that changes data, the query must return different rows."""

    def __init__(
        self,
        settings: type[S],
        build: Callable[[Service[S]], None],
        servers: Servers,
        fakes: Iterable[FakeService] = (),
        *,
        package: str | None = None,
        clock: Clock = utc_now,
        **overrides: object,
    ) -> None:
        """Describe the service. The methods `replica` and `process` start it.

        `fakes` are fakes of the services that the tested service calls. For all other services, the tested service has
        an address on which no server listens. `overrides` are fields of the service's settings.
        """
        self.package = package or settings.__module__.partition(".")[0]
        self.name = topology_of(self.package).name
        self.nats = servers.nats
        self.key = SigningKey.generate()
        self.keys: KeyRing | None = KeyRing.of(self.key.public)
        """The public keys with which a replica checks tokens. If None, the replica loads the keys as in production."""
        self.clock = clock
        self.position = 1000
        """The position of the last published event."""
        self.events_after = 0
        """`events` and `published` return only events after this position in the outbox."""
        self.service: Service[S]
        self._settings = settings
        self._build = build
        self._given = {
            "database_url": servers.database_url,
            **self.nats.settings_of(self.name),
            **{f"{name}_address": UNREACHABLE for name in services()},
            **{f"{fake.name}_address": fake.address for fake in fakes},
            "master_key": b64encode(bytes(range(32))).decode(),
            "call_deadline": 2,
            "drain_wait": 0,
            "drain_grace": 2,
            **overrides,
        }
        self.channels: list[Channel] = []
        """The channels that a test has opened."""

    @property
    def database(self) -> Database:
        """The service's database. Statements run with the role of the service."""
        return self.service.database

    @property
    def database_url(self) -> str:
        """The URL of the service's database."""
        return self.service.settings.database_url

    @asynccontextmanager
    async def replica(self, **overrides: object) -> AsyncIterator[Self]:
        """Run a replica of the service in this process within the block. `overrides` are fields of its settings."""
        replica = copy(self)
        replica.channels = []
        given = self._settings.model_validate({**self._given, **overrides})
        try:
            async with running(
                given, self._build, package=self.package, clock=self.clock, keys=self.keys
            ) as replica.service:
                await replica.prepare()
                yield replica
        finally:
            # The channels are closed after the replica has stopped, so that tests can check how the replica closes its
            # streams.
            await replica.close_channels()

    async def prepare(self) -> None:
        """Create the data that tests need, after a replica has started. Subclasses override this method."""

    @asynccontextmanager
    async def process(self, **overrides: object) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run a replica in a separate process, as in production. The process is killed when the block ends.

        The process accepts tokens of the harness only if the test stores the harness's public key in the service's
        database.
        """
        given = {**self._given, **overrides}
        with (self.nats.folder / f"{self.name}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", self.package),
                env={
                    **os.environ,
                    **{f"PROCTORIUM_{name.upper()}": str(value) for name, value in given.items()},
                },
                stdout=log,
                stderr=log,
            )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    # Callers.

    def token(self, person_id: UUID, *roles: str) -> str:
        """Return an access token of a person with these roles."""
        return TokenSigner(self.key, clock=self.clock).sign(person_id, roles).text

    def channel(
        self,
        person_id: UUID | None = None,
        *roles: str,
        peer: str = "edge",
        address: str = "",
    ) -> Channel:
        """Return a channel with the token of a person, or without a token, and with the certificate of `peer`.

        `peer` is the name of the calling program: the edge or a service. `address` is the address of the called
        replica. If it is empty, the replica in this process is called.
        """
        opened = channel(
            address or self.service.address,
            certificates=self.nats.certificates_of(peer),
            server=self.name,
            bearer=None if person_id is None else lambda: self.token(person_id, *roles),
        )
        self.channels.append(opened)
        return opened

    async def close_channels(self) -> None:
        """Close the channels that a test has opened."""
        while self.channels:
            await self.channels.pop().close()

    async def refused(
        self,
        call: Callable[Arguments, Awaitable[object]],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> ServiceError:
        """Make a call that must be refused, and return its error. Fail if the call succeeds or changes data."""
        before = await self.state()
        error = await refusal(call(*args, **kwargs))
        assert await self.state() == before, "a refused call changed something"
        return error

    # Events.

    async def publish(
        self,
        *events: Message,
        event_id: UUID | None = None,
        time: datetime | None = None,
        position: int | None = None,
        times: int = 1,
    ) -> UUID:
        """Publish events in order, in the same way as the relay of the owning service. Return the last event's ID."""
        last = event_id or new_id()
        for event in events:
            self.position += 1
            last = event_id or new_id()
            envelope = wrap(event, last, time or self.clock())
            headers = {**envelope.headers, POSITION: str(position or self.position)}
            if event_id is None and times == 1:
                headers[MESSAGE_ID] = str(last)  # the broker drops repeated ids
            client = await self.nats.connect(name_of(event.DESCRIPTOR).owner)
            try:
                for _ in range(times):
                    await client.jetstream().publish(
                        envelope.subject, envelope.body, headers=headers
                    )
            finally:
                await client.close()
        return last

    async def handle(
        self, event: Message, position: int | None = None, *, consumer: str = ""
    ) -> None:
        """Call the service's handlers of an event directly, without the broker.

        If `consumer` is not empty, call only the handler of this consumer.
        """
        self.position += 1
        name = name_of(event.DESCRIPTOR).short
        metadata = EventMetadata(new_id(), name, self.clock(), position or self.position, 1)
        handlers = [
            subscriber.handlers[type(event)]
            for subscriber in self.service.subscribers
            if type(event) in subscriber.handlers and consumer in ("", subscriber.consumer)
        ]
        assert handlers, f"{self.name} does not subscribe to {name}"
        async with self.database.transaction() as tx:
            for handler in handlers:
                if isinstance(handler, Batched):
                    await handler.handle(tx, [(event, metadata)])
                else:
                    await handler(tx, event, metadata)

    async def deliver(self, event: Message, *, time: datetime | None = None) -> None:
        """Publish an event and wait until the service has handled it."""
        event_id = await self.publish(event, time=time)
        await self.until_row("SELECT 1 FROM inbox WHERE event_id = :id", id=event_id)

    async def events(self, kind: type[M]) -> list[M]:
        """Return the events of the message type `kind` in the outbox, ordered by position."""
        rows = await self.rows(
            "SELECT body FROM outbox WHERE subject LIKE :subject AND position > :after"
            " ORDER BY position",
            subject=name_of(kind.DESCRIPTOR).subject("%"),
            after=self.events_after,
        )
        return [kind.FromString(row.body) for row in rows]

    async def published(self, about: UUID | str = "") -> list[str]:
        """Return the names of those events in the outbox whose body contains `about`, ordered by position.

        A name is, for example, "attempt.started".
        """
        rows = await self.rows(
            "SELECT split_part(subject, '.', 3) || '.' || split_part(subject, '.', 4) AS name"
            " FROM outbox WHERE position(convert_to(:about, 'utf8') IN body) > 0"
            " AND position > :after ORDER BY position",
            about=str(about),
            after=self.events_after,
        )
        return [row.name for row in rows]

    # The database.

    async def rows(self, statement: str | Executable, **parameters: object) -> list[Any]:
        """Run a statement with the role of the service. Return its rows, or an empty list if it returns no rows."""
        return await rows_of(self.database, statement, **parameters)

    async def until_row(self, statement: str, **parameters: object) -> None:
        """Wait until a query returns at least one row."""

        async def row() -> bool:
            return bool(await self.rows(statement, **parameters))

        await until(row)

    async def state(self) -> list[Any]:
        """Run the query `rows_of_calls` and return its rows."""
        return await self.rows(self.rows_of_calls)

    # The services that the tested service calls.

    @asynccontextmanager
    async def without(self, fake: FakeService) -> AsyncIterator[None]:
        """Stop a fake service within the block.

        After the block, start the fake service and wait until the tested service can call it again.
        """
        await fake.stop()
        try:
            yield
        finally:
            await fake.start()
            await self.service.channel(fake.name).channel_ready()


class Person:
    """A caller of the tested service: a person with a token, whose calls have the edge's certificate."""

    def __init__(
        self, harness: ServiceHarness[Any], *roles: str, person_id: UUID | None = None
    ) -> None:
        self.person_id = person_id or new_id()
        self.channel = harness.channel(self.person_id, *roles)

    @property
    def id(self) -> str:
        """The person's ID in the text form that protobuf messages have."""
        return str(self.person_id)


async def rows_of(
    database: Database, statement: str | Executable, **parameters: object
) -> list[Any]:
    """Run a statement on a database. Return its rows, or an empty list if it returns no rows."""
    query = text(statement) if isinstance(statement, str) else statement
    async with database.transaction() as tx:
        result = await tx.execute(query, parameters)
        return list(result) if result.returns_rows else []

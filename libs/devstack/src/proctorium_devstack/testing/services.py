"""A fixture that runs one service in the test's process, with a new database, a separate broker and certificates.

Example::

    async def test_…(running: Running) -> None:
        async with running(Settings, build) as served:
            stub = CodeServiceStub(served.channel(person_id, "administrator"))
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar
from uuid import UUID

import pytest

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from proctorium_common.clock import Clock
    from proctorium_common.process.service import Service
    from proctorium_common.process.settings import ServiceSettings
    from proctorium_common.rpc.client import Channel
    from proctorium_devstack.components.nats import Nats
    from proctorium_devstack.testing.servers import MigratedDatabase

    S = TypeVar("S", bound=ServiceSettings)
else:
    S = TypeVar("S")


class Served(Generic[S]):
    """A service that runs in this process."""

    def __init__(self, service: Service[S], nats: Nats, token: Callable[..., str]) -> None:
        """`nats` is the service's broker, whose authority issues all certificates; `token` signs tokens."""
        self.service = service
        self._nats = nats
        self._token = token
        self._opened: list[Channel] = []
        self._positions = itertools.count(1)

    def token(self, person_id: UUID, *roles: str) -> str:
        """Return an access token for a person with these roles."""
        return self._token(person_id, roles)

    def channel(self, person_id: UUID | None = None, *roles: str, peer: str = "edge") -> Channel:
        """Return a channel to the service for a person (None: anonymous), with the certificate of `peer`."""
        from proctorium_common.rpc.client import channel
        from proctorium_common.security.tls import Certificates

        pair = self._nats.pair(peer)
        bearer = self.token(person_id, *roles) if person_id is not None else None
        opened = channel(
            self.service.address,
            certificates=Certificates.load(pair.certificate, pair.key, pair.authority),
            server=self.service.name,
            bearer=None if bearer is None else lambda: bearer,
        )
        self._opened.append(opened)
        return opened

    async def publish(
        self, event: Message, *, position: int | None = None, time: datetime | None = None
    ) -> UUID:
        """Publish an event as its owner's relay would, and return its id."""
        from proctorium_common.events.envelope import MESSAGE_ID, POSITION, name_of, wrap
        from proctorium_common.ids import new_id

        event_id = new_id()
        envelope = wrap(event, event_id, time or self.service.clock())
        at = next(self._positions) if position is None else position
        headers = {**envelope.headers, POSITION: str(at), MESSAGE_ID: str(event_id)}
        client = await self._nats.connect(name_of(event.DESCRIPTOR).owner)
        try:
            await client.jetstream().publish(envelope.subject, envelope.body, headers=headers)
        finally:
            await client.close()
        return event_id

    async def close(self) -> None:
        """Close the channels."""
        for opened in self._opened:
            await opened.close()


class Running(Protocol):
    """The type of the fixture `running`."""

    def __call__(
        self,
        settings: type[S],
        build: Callable[[Service[S]], None],
        *,
        package: str | None = None,
        clock: Clock | None = None,
        **overrides: object,
    ) -> AbstractAsyncContextManager[Served[S]]:
        """Run the service that `build` sets up within the block; `overrides` are fields of its settings."""
        ...


@pytest.fixture
def running(migrated_database: MigratedDatabase, own_nats: Nats) -> Running:
    """Return a function that runs services, each with a new database; they share a broker and an authority."""
    from proctorium_common.clock import utc_now
    from proctorium_common.process.life import running as run_service
    from proctorium_common.process.service import place_of
    from proctorium_common.security.keys import KeyRing, SigningKey
    from proctorium_common.security.tokens import TokenSigner

    key = SigningKey.generate()

    @asynccontextmanager
    async def run(
        settings: type[S],
        build: Callable[[Service[S]], None],
        *,
        package: str | None = None,
        clock: Clock | None = None,
        **overrides: object,
    ) -> AsyncIterator[Served[S]]:
        package = package or settings.__module__.partition(".")[0]
        name = place_of(package).name
        pair = own_nats.pair(name)
        signer = TokenSigner(key, clock=clock or utc_now)
        await own_nats.declare()
        values: dict[str, object] = {
            "database_url": migrated_database(package),
            "nats_url": own_nats.url,
            "listen": "127.0.0.1:0",
            "tls_certificate": pair.certificate,
            "tls_key": pair.key,
            "tls_authority": pair.authority,
            "drain_wait": 0,
            "drain_grace": 5,
            **overrides,
        }
        async with AsyncExitStack() as stack:
            service = await stack.enter_async_context(
                run_service(
                    settings.model_validate(values),
                    build,
                    package=package,
                    clock=clock or utc_now,
                    keys=KeyRing.of(key.public),
                )
            )
            served = Served(
                service, own_nats, lambda person, roles: signer.sign(person, roles).text
            )
            stack.push_async_callback(served.close)
            yield served

    return run

"""A sender with a database of its own and a clock that the test moves; mail server and enrollment are the world's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from proctorium_common.ids import new_id
from proctorium_common.rpc.client import channel
from proctorium_common.storage.database import Database
from proctorium_common.storage.listen import Listener
from proctorium_notification.domain.destinations import Lane
from proctorium_notification.domain.topics import Session, Topic
from proctorium_notification.messages.mail import MailMaker
from proctorium_notification.operations import telling
from proctorium_notification.operations.directory import Directory
from proctorium_notification.operations.sending import Sender, SendingRules
from proctorium_notification.operations.telling import Occasion
from proctorium_notification.transport.smtp import MailServer, Postbox

from .mail_sink import MailSink
from .world import PORTAL, Person, World


class OwnSender:
    """One sender and what is around it."""

    def __init__(
        self, smtp_port: int, url: str, directory: Directory, rules: SendingRules | None
    ) -> None:
        self.now = datetime.now(UTC)
        self.database = Database(url, clock=lambda: self.now)
        self.listener = Listener(self.database)
        self.sender = Sender(
            self.database,
            directory,
            MailMaker("Example <no-reply@example.org>", PORTAL),
            Postbox(MailServer("127.0.0.1", smtp_port)),
            clock=lambda: self.now,
            rules=rules,
        )

    async def add(self, person: Person) -> None:
        """A mail for this person, about a session of its own."""
        await self.tell([person.person_id])

    async def tell(self, person_ids: Sequence[UUID]) -> None:
        """A mail for each of these people, about a session of its own."""
        session = Session(
            new_id(), "First Aid at Work", self.now + timedelta(days=30), timedelta(hours=1)
        )
        async with self.database.transaction() as tx:
            await telling.plan(tx, session)
            occasion = Occasion(new_id(), Topic.REMOVED, session.session_id)
            await telling.tell(tx, occasion, person_ids)

    async def send_due(self, lane: Lane = Lane.ORDINARY) -> bool:
        """Sends one batch as a lane does; False when there was none, or when it could not go."""
        batch = await self.sender.claim(lane)
        return batch is not None and await self.sender.send(batch)

    async def rows(self, statement: str) -> list[tuple[object, ...]]:
        """What a statement answers; nothing for one that answers no rows."""
        async with self.database.transaction() as tx:
            result = await tx.execute(text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []

    async def states(self) -> list[tuple[object, ...]]:
        """State and number of tries of each mail, oldest first."""
        return await self.rows(
            "SELECT state, attempt_count FROM deliveries WHERE channel = 'email' ORDER BY delivery_id"
        )


@asynccontextmanager
async def own_sender(
    world: World, url: str, rules: SendingRules | None = None, sink: MailSink | None = None
) -> AsyncIterator[OwnSender]:
    asking = channel(
        f"127.0.0.1:{world.enrollment.port}",
        certificates=world.nats.certificates_of("notification"),
        server="enrollment",
    )
    own = OwnSender((sink or world.sink).port, url, Directory(asking), rules)
    try:
        yield own
    finally:
        await own.sender.close()
        await asking.close()
        await own.listener.close()
        await own.database.close()

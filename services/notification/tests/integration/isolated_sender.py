"""A sender with its own database and a clock that the test sets.

The sender shares the mail server and the fake of enrollment with the harness.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from proctorium_common.ids import new_id
from proctorium_common.rpc.client import channel
from proctorium_common.storage.database import Database
from proctorium_common.storage.listen import Listener
from proctorium_devstack.testing.harness import rows_of
from proctorium_devstack.testing.metrics import ReadableMetrics
from proctorium_notification.domain.deliveries import Cause
from proctorium_notification.domain.destinations import Lane
from proctorium_notification.domain.topics import Session, Topic
from proctorium_notification.operations import notifying
from proctorium_notification.operations.directory import Directory
from proctorium_notification.operations.sending import Sender, SendingPolicy
from proctorium_notification.rendering.mail import MailBuilder
from proctorium_notification.transport.smtp import MailServer, SmtpClient

from .harness import PORTAL, Harness, Person
from .mail_sink import MailSink


class IsolatedSender:
    """A sender and its dependencies."""

    def __init__(
        self, smtp_port: int, url: str, directory: Directory, policy: SendingPolicy | None
    ) -> None:
        self.now = datetime.now(UTC)
        self.database = Database(url, clock=lambda: self.now)
        self.listener = Listener(self.database)
        self.metrics = ReadableMetrics()
        self.sender = Sender(
            self.database,
            directory,
            MailBuilder("Example <no-reply@example.org>", PORTAL),
            SmtpClient(MailServer("127.0.0.1", smtp_port)),
            clock=lambda: self.now,
            policy=policy,
            metrics=self.metrics,
        )

    async def notify(self, *people: Person) -> None:
        """Create messages to the people about their removal from a new session."""
        await self.notify_ids([each.person_id for each in people])

    async def notify_ids(self, person_ids: Sequence[UUID]) -> None:
        """Create messages to the people with the ids `person_ids` about their removal from a new session."""
        session = Session(
            new_id(), "First Aid at Work", self.now + timedelta(days=30), timedelta(hours=1)
        )
        async with self.database.transaction() as tx:
            await notifying.schedule_session(tx, session)
            cause = Cause(new_id(), Topic.PARTICIPANT_REMOVED, session.session_id)
            await notifying.notify(tx, cause, person_ids)

    async def send_due(self, lane: Lane = Lane.ORDINARY) -> bool:
        """Claim and send one batch of mails. Return False if no mail was due or a dependency was unavailable."""
        batch = await self.sender.claim(lane)
        return batch is not None and await self.sender.send(batch)

    async def rows(self, statement: str) -> list[Any]:
        """Execute a statement and return the list of its rows, which is empty if the statement returns no rows."""
        return await rows_of(self.database, statement)

    async def states(self) -> list[Any]:
        """Return the state and the number of tries of each mail, oldest first."""
        return await self.rows(
            "SELECT state, try_count FROM deliveries WHERE channel = 'email' ORDER BY delivery_id"
        )


@asynccontextmanager
async def isolated_sender(
    harness: Harness, url: str, policy: SendingPolicy | None = None, sink: MailSink | None = None
) -> AsyncIterator[IsolatedSender]:
    enrollment = channel(
        harness.enrollment.address,
        certificates=harness.nats.certificates_of("notification"),
        server="enrollment",
    )
    isolated = IsolatedSender((sink or harness.sink).port, url, Directory(enrollment), policy)
    try:
        yield isolated
    finally:
        await isolated.sender.close()
        await enrollment.close()
        await isolated.listener.close()
        await isolated.database.close()

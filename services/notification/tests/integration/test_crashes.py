"""Tests that no mail is lost or sent twice if the process is killed (SIGKILL) between any two steps of sending."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import pytest

from proctorium.notification.v1 import notifications_pb2 as pb
from proctorium_common.storage.idempotency import Responder
from proctorium_devstack.testing import MigratedDatabase
from proctorium_devstack.testing.waiting import until
from proctorium_notification.domain.deliveries import Delivery
from proctorium_notification.operations.deliveries import resend

from .harness import Harness, Person
from .isolated_sender import IsolatedSender, isolated_sender
from .mail_sink import MailSink

PROCESS_TIMEOUT = 180.0
"""The time in seconds within which a process must start, even on a busy machine."""


@dataclass
class Barrier:
    """Stops the sending of the first mail when the mail server has reached the step `at`."""

    sink: MailSink
    at: str
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    connection: asyncpg.Connection[asyncpg.Record] | None = None

    async def block(self, step: str, recipient: str) -> None:
        """Never respond to the first mail that reaches the step `at` of this barrier."""
        if step == self.at and not self.reached.is_set():
            self.reached.set()
            await asyncio.Event().wait()

    async def lock_row(self, step: str, recipient: str) -> None:
        """When the first mail reaches the step `at` of this barrier, lock the row of its delivery and return.

        The mail server then responds, and the sender waits for the row lock.
        """
        if step == self.at and not self.reached.is_set():
            assert self.connection is not None
            await self.connection.execute("BEGIN")
            await self.connection.execute("SELECT 1 FROM deliveries FOR UPDATE")
            self.reached.set()


def service_process(
    harness: Harness, url: str, sink: MailSink
) -> AbstractAsyncContextManager[asyncio.subprocess.Process]:
    """Run the service as a separate process with the database `url` and the mail server `sink`."""
    return harness.process(database_url=url, smtp_url=sink.url, check_every=0.1)


async def kill(process: asyncio.subprocess.Process) -> None:
    process.kill()
    assert await process.wait() == -signal.SIGKILL


async def until_recovered(isolated: IsolatedSender, state: str) -> None:
    """Wait until another sender has changed the delivery to the state `state`.

    The clock does not move, so the other sender takes over the delivery before the lease of the killed sender ends.
    """

    async def recovered() -> bool:
        await isolated.send_due()
        return [found for found, _ in await isolated.states()] == [state]

    await until(recovered)


async def resend_as_administrator(isolated: IsolatedSender) -> None:
    """Resend the only mail as an administrator does: call the operation `resend`, then send the mail."""
    [[delivery_id]] = await isolated.rows(
        "SELECT delivery_id::text FROM deliveries WHERE channel = 'email'"
    )
    responder: Responder[Delivery, pb.ResendDeliveryResponse] = Responder(
        pb.ResendDeliveryRequest(),
        pb.ResendDeliveryResponse,
        lambda delivery: pb.ResendDeliveryResponse(),
    )
    await resend(isolated.database, UUID(str(delivery_id)), responder)
    await isolated.send_due()


async def notified_learner(isolated: IsolatedSender, harness: Harness) -> Person:
    learner = harness.person()
    await isolated.notify(learner)
    return learner


@pytest.mark.parametrize("step", ["EHLO", "MAIL", "RCPT"])
async def test_mail_of_sender_killed_before_hand_over_is_sent_by_another(
    step: str, harness: Harness, migrated_database: MigratedDatabase, sink: MailSink
) -> None:
    url, barrier = migrated_database("proctorium_notification"), Barrier(sink, step)
    sink.step = barrier.block
    async with isolated_sender(harness, url, sink=sink) as isolated:
        learner = await notified_learner(isolated, harness)
        async with service_process(harness, url, sink) as process:
            await asyncio.wait_for(barrier.reached.wait(), PROCESS_TIMEOUT)
            await kill(process)
        assert await isolated.states() == [("pending", 0)]
        await until_recovered(isolated, "sent")
        assert len(sink.mails_to(learner.email)) == 1


@pytest.mark.parametrize(
    ("step", "accepted"),
    [("DATA", 0), ("MESSAGE", 0), ("RESPONSE", 1)],
    ids=["nothing handed over", "half handed over", "accepted without a response"],
)
async def test_mail_of_sender_killed_during_hand_over_is_in_doubt_until_resent(
    step: str, accepted: int, harness: Harness, migrated_database: MigratedDatabase, sink: MailSink
) -> None:
    url, barrier = migrated_database("proctorium_notification"), Barrier(sink, step)
    sink.step = barrier.block
    async with isolated_sender(harness, url, sink=sink) as isolated:
        learner = await notified_learner(isolated, harness)
        async with service_process(harness, url, sink) as process:
            await asyncio.wait_for(barrier.reached.wait(), PROCESS_TIMEOUT)
            await kill(process)
        assert await isolated.states() == [("sending", 1)]
        await until_recovered(isolated, "in_doubt")
        assert len(sink.mails_to(learner.email)) == accepted
        await resend_as_administrator(isolated)
        mails = sink.mails_to(learner.email)
        assert len(mails) == accepted + 1
        assert len({mail["Message-ID"] for mail in mails}) == 1
        assert await isolated.states() == [("sent", 2)]


@pytest.mark.parametrize(
    ("step", "state", "recovered_state"),
    [("RCPT", "pending", "sent"), ("RESPONSE", "sending", "in_doubt")],
    ids=["storing SENDING", "storing SENT"],
)
async def test_mail_of_sender_killed_during_a_database_write_is_not_sent_twice(
    step: str,
    state: str,
    recovered_state: str,
    harness: Harness,
    migrated_database: MigratedDatabase,
    sink: MailSink,
) -> None:
    url = migrated_database("proctorium_notification")
    async with isolated_sender(harness, url, sink=sink) as isolated:
        barrier = Barrier(sink, step, connection=await isolated.database.connect())
        assert barrier.connection is not None
        sink.step = barrier.lock_row
        learner = await notified_learner(isolated, harness)

        async def waiting() -> bool:
            return bool(
                await isolated.rows(
                    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
                    " AND wait_event_type = 'Lock'"
                )
            )

        async with service_process(harness, url, sink) as process:
            await asyncio.wait_for(barrier.reached.wait(), PROCESS_TIMEOUT)
            await until(waiting)
            await kill(process)
        await barrier.connection.close()
        assert [found for found, _ in await isolated.states()] == [state]
        await until_recovered(isolated, recovered_state)
        assert len(sink.mails_to(learner.email)) == 1


async def test_sent_mail_stays_sent_when_the_process_is_killed(
    harness: Harness, migrated_database: MigratedDatabase, sink: MailSink
) -> None:
    url = migrated_database("proctorium_notification")
    async with isolated_sender(harness, url, sink=sink) as isolated:
        learner = await notified_learner(isolated, harness)

        async def sent() -> bool:
            return await isolated.states() == [("sent", 1)]

        async with service_process(harness, url, sink) as process:
            await until(sent)
            await kill(process)
        await until_recovered(isolated, "sent")
        assert len(sink.mails_to(learner.email)) == 1

"""The process is killed (SIGKILL) between each two steps of sending a mail: nothing is sent twice, and nothing is forgotten."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg
import pytest

from proctorium_notification.operations.deliveries import resend

from .mail_sink import MailSink
from .own_sender import OwnSender, own_sender
from .world import Person, World, given_settings, until

PATIENCE = 60.0
"""Seconds for a process to start on a machine that is busy with other things."""

MigratedDatabase = Callable[[str], str]


@dataclass
class Stage:
    """A mail server that stops the mail at one step and keeps it there."""

    sink: MailSink
    at: str
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    row: asyncpg.Connection[asyncpg.Record] | None = None

    async def hold(self, step: str, recipient: str) -> None:
        """Says nothing at this step, so that whoever sends waits."""
        if step == self.at and not self.reached.is_set():
            self.reached.set()
            await asyncio.Event().wait()

    async def lock_row(self, step: str, recipient: str) -> None:
        """Goes on at this step, with the delivery locked: the sender waits for the database instead."""
        if step == self.at and not self.reached.is_set():
            assert self.row is not None
            await self.row.execute("BEGIN")
            await self.row.execute("SELECT 1 FROM deliveries FOR UPDATE")
            self.reached.set()


@asynccontextmanager
async def service_process(
    world: World, url: str, sink: MailSink
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The whole service as a process of its own; killed at the end, if not before."""
    given = given_settings(url, world.nats, world.enrollment.port, sink.port)
    settings = {f"PROCTORIUM_{name.upper()}": str(value) for name, value in given.items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "proctorium_notification",
        env={
            **os.environ,
            **settings,
            "PROCTORIUM_CHECK_EVERY": "0.1",
            "PROCTORIUM_LOG_FORMAT": "json",
        },
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def kill(process: asyncio.subprocess.Process) -> None:
    process.kill()
    assert await process.wait() == -signal.SIGKILL


async def recovered(own: OwnSender, state: str) -> None:
    """What the next sender makes of it, as soon as the dead one is known to be gone: no lease has to end."""

    async def settled() -> bool:
        await own.send_due()
        return [found for found, _ in await own.states()] == [state]

    await until(settled)


async def resent(own: OwnSender) -> None:
    """What a person does about a delivery in doubt."""
    [[delivery_id]] = await own.rows(
        "SELECT delivery_id::text FROM deliveries WHERE channel = 'email'"
    )
    async with own.database.transaction() as tx:
        await resend(tx, UUID(str(delivery_id)))
    await own.send_due()


@pytest.fixture
async def sink() -> AsyncIterator[MailSink]:
    made = MailSink()
    await made.start()
    yield made
    made.hang_up()
    await made.stop()


async def told(own: OwnSender, world: World) -> Person:
    learner = world.person()
    await own.add(learner)
    return learner


@pytest.mark.parametrize("step", ["EHLO", "MAIL", "RCPT"])
async def test_killed_before_the_mark_it_is_sent_by_the_next(
    step: str, world: World, migrated_database: MigratedDatabase, sink: MailSink
) -> None:
    url, stage = migrated_database("proctorium_notification"), Stage(sink, step)
    sink.step = stage.hold
    async with own_sender(world, url, sink=sink) as own:
        learner = await told(own, world)
        async with service_process(world, url, sink) as process:
            await asyncio.wait_for(stage.reached.wait(), PATIENCE)
            await kill(process)
        assert await own.states() == [("pending", 0)]
        await recovered(own, "sent")
        assert len(sink.mails_to(learner.email)) == 1


@pytest.mark.parametrize(
    ("step", "already"),
    [("DATA", 0), ("MESSAGE", 0), ("ANSWER", 1)],
    ids=["nothing handed over", "half handed over", "taken and not answered"],
)
async def test_killed_after_the_mark_it_is_in_doubt_and_a_person_decides(
    step: str, already: int, world: World, migrated_database: MigratedDatabase, sink: MailSink
) -> None:
    url, stage = migrated_database("proctorium_notification"), Stage(sink, step)
    sink.step = stage.hold
    async with own_sender(world, url, sink=sink) as own:
        learner = await told(own, world)
        async with service_process(world, url, sink) as process:
            await asyncio.wait_for(stage.reached.wait(), PATIENCE)
            await kill(process)
        assert await own.states() == [("sending", 1)]
        await recovered(own, "in_doubt")
        assert len(sink.mails_to(learner.email)) == already
        await resent(own)
        mails = sink.mails_to(learner.email)
        assert len(mails) == already + 1
        assert len({mail["Message-ID"] for mail in mails}) == 1
        assert await own.states() == [("sent", 2)]


@pytest.mark.parametrize(
    ("step", "state", "left"),
    [("RCPT", "pending", "sent"), ("ANSWER", "sending", "in_doubt")],
    ids=["the mark", "the outcome"],
)
async def test_killed_while_the_database_writes(
    step: str,
    state: str,
    left: str,
    world: World,
    migrated_database: MigratedDatabase,
    sink: MailSink,
) -> None:
    url = migrated_database("proctorium_notification")
    async with own_sender(world, url, sink=sink) as own:
        stage = Stage(sink, step, row=await own.database.connect())
        assert stage.row is not None
        sink.step = stage.lock_row
        learner = await told(own, world)

        async def waiting() -> bool:
            return bool(
                await own.rows(
                    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
                    " AND wait_event_type = 'Lock'"
                )
            )

        async with service_process(world, url, sink) as process:
            await asyncio.wait_for(stage.reached.wait(), PATIENCE)
            await until(waiting)
            await kill(process)
        await stage.row.close()
        assert [found for found, _ in await own.states()] == [state]
        await recovered(own, left)
        assert len(sink.mails_to(learner.email)) == 1


async def test_killed_when_it_is_done_it_stays_done(
    world: World, migrated_database: MigratedDatabase, sink: MailSink
) -> None:
    url = migrated_database("proctorium_notification")
    async with own_sender(world, url, sink=sink) as own:
        learner = await told(own, world)

        async def sent() -> bool:
            return await own.states() == [("sent", 1)]

        async with service_process(world, url, sink) as process:
            await until(sent)
            await kill(process)
        await recovered(own, "sent")
        assert len(sink.mails_to(learner.email)) == 1

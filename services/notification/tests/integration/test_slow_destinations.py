"""A mail server that does not answer for one destination: the mails to all others go on, and none is lost or sent twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from proctorium_common.ids import new_id
from proctorium_notification.domain.topics import Topic
from proctorium_notification.messages.mail import Mail
from proctorium_notification.operations.telling import Occasion, tell
from proctorium_notification.transport.smtp import MailServer, NoResponseError, Postbox
from proctorium_notification.workers.backlog import Backlog
from proctorium_notification.workers.sending import SendingWorker

from .mail_sink import MailSink
from .own_sender import OwnSender, own_sender
from .test_crashes import kill, service_process
from .world import Person, World, given_settings, replica, until

MigratedDatabase = Callable[[str], str]

CONNECTIONS = 8
PATIENCE = 60.0
"""Seconds for many mails on a busy machine; a mail server that leaves mails unanswered takes longer than this over them one by one."""


@dataclass
class Hold:
    """Leaves one step unanswered for some domains until it is released."""

    sink: MailSink
    at: str
    domains: frozenset[str]
    released: asyncio.Event = field(default_factory=asyncio.Event)
    held: dict[str, int] = field(default_factory=dict)
    most_connections: int = 0

    def __post_init__(self) -> None:
        self.sink.step = self.step

    async def step(self, step: str, recipient: str) -> None:
        self.most_connections = max(self.most_connections, len(self.sink.open))
        domain = recipient.rpartition("@")[2]
        if step == self.at and domain in self.domains and not self.released.is_set():
            self.held[domain] = self.held.get(domain, 0) + 1
            await self.released.wait()

    async def reached(self) -> bool:
        """Whether a mail to each domain was left without an answer."""
        return self.held.keys() == self.domains


@pytest.fixture
async def sink() -> AsyncIterator[MailSink]:
    made = MailSink()
    await made.start()
    yield made
    made.hang_up()
    await made.stop()


async def told(own: OwnSender, world: World, domain: str, number: int) -> list[Person]:
    people = [world.person(domain=domain) for _ in range(number)]
    await own.tell([each.person_id for each in people])
    return people


async def all_taken(sink: MailSink, people: list[Person]) -> None:
    async def taken() -> bool:
        return all(sink.mails_to(each.email) for each in people)

    await until(taken, PATIENCE)


async def all_sent(own: OwnSender, sink: MailSink, people: list[Person]) -> None:
    """Waits until the database says that all went out; the mail server took each once, and no destination stays noted."""

    async def sent() -> bool:
        return {state for state, _ in await own.states()} == {"sent"}

    await until(sent, PATIENCE)
    assert [len(sink.mails_to(each.email)) for each in people] == [1] * len(people)
    assert await noted(own) == 0


async def noted(own: OwnSender) -> object:
    [[count]] = await own.rows("SELECT count(*) FROM deliveries WHERE destination IS NOT NULL")
    return count


@pytest.mark.parametrize("step", ["RCPT", "DATA", "MESSAGE", "ANSWER"])
async def test_other_mails_go_on_while_one_destination_is_slow(
    step: str, world: World, migrated_database: MigratedDatabase, sink: MailSink
) -> None:
    url = migrated_database("proctorium_notification")
    hold = Hold(sink, step, frozenset({"slow.example"}))
    given = given_settings(url, world.nats, world.enrollment.port, sink.port)
    async with own_sender(world, url, sink=sink) as own:
        slow = await told(own, world, "slow.example", 25)
        async with replica(**given):
            await until(hold.reached)
            others = [
                each
                for domain in ("one.example", "two.example", "three.example")
                for each in await told(own, world, domain, 5)
            ]
            await all_taken(sink, others)
            assert not hold.released.is_set()
            assert await noted(own) != 0
            hold.released.set()
            await all_sent(own, sink, slow + others)
    assert hold.most_connections <= CONNECTIONS


async def test_other_mails_go_on_while_more_destinations_are_slow_than_there_are_connections(
    world: World, migrated_database: MigratedDatabase, sink: MailSink
) -> None:
    url = migrated_database("proctorium_notification")
    hold = Hold(sink, "RCPT", frozenset(f"slow{number}.example" for number in range(24)))
    given = given_settings(url, world.nats, world.enrollment.port, sink.port)
    async with own_sender(world, url, sink=sink) as own:
        slow = [
            each for domain in sorted(hold.domains) for each in await told(own, world, domain, 2)
        ]
        async with replica(**given, mail_slow_after=1):
            await until(hold.reached)
            others = await told(own, world, "one.example", 10)
            await all_taken(sink, others)
            assert not hold.released.is_set()
            hold.released.set()
            await all_sent(own, sink, slow + others)
    assert hold.most_connections <= CONNECTIONS


async def test_killed_while_a_destination_is_slow_nothing_is_lost_or_sent_twice(
    world: World, migrated_database: MigratedDatabase, sink: MailSink
) -> None:
    url = migrated_database("proctorium_notification")
    hold = Hold(sink, "RCPT", frozenset({"slow.example"}))
    async with own_sender(world, url, sink=sink) as own:
        slow = await told(own, world, "slow.example", 25)
        others = await told(own, world, "one.example", 10)

        async def others_sent() -> bool:
            return [state for state, _ in await own.states()].count("sent") == len(others)

        async with service_process(world, url, sink) as process:
            await until(hold.reached)
            await until(others_sent, PATIENCE)
            await kill(process)
        hold.released.set()

        async def nothing_left() -> bool:
            own.now = datetime.now(UTC)
            while await own.send_due():
                pass
            return {state for state, _ in await own.states()} == {"sent"}

        await until(nothing_left, PATIENCE)
        await all_sent(own, sink, slow + others)


async def test_a_process_that_ends_lets_the_mails_under_way_finish(
    world: World, migrated_database: MigratedDatabase, sink: MailSink
) -> None:
    hold = Hold(sink, "MESSAGE", frozenset({"slow.example"}))
    async with own_sender(world, migrated_database("proctorium_notification"), sink=sink) as own:
        people = await told(own, world, "slow.example", 1)
        worker = SendingWorker(own.listener, own.sender, grace=timedelta(minutes=1))

        async def handed_over() -> bool:
            await worker.turn()
            return await hold.reached()

        await until(handed_over)
        closing = asyncio.create_task(worker.close())
        await asyncio.wait({closing}, timeout=0.2)
        assert not closing.done()
        hold.released.set()
        await closing
        await all_sent(own, sink, people)


async def test_a_server_that_left_a_message_without_an_answer_is_not_waited_for_again(
    sink: MailSink,
) -> None:
    hold = Hold(sink, "MESSAGE", frozenset({"slow.example"}))
    postbox = Postbox(MailServer("127.0.0.1", sink.port), timeout=60, data_timeout=0.2)
    mail = Mail("no-reply@example.org", "ada@slow.example", b"Subject: Hello\r\n\r\nHello\r\n")
    async with asyncio.timeout(30):
        async with postbox.connected() as line:
            await line.announce(mail)
            with pytest.raises(NoResponseError):
                await line.hand_over(mail)
            assert not line.answers
    hold.released.set()


async def test_pending_mails_are_counted_by_what_they_wait_for(
    world: World, migrated_database: MigratedDatabase
) -> None:
    async with own_sender(world, migrated_database("proctorium_notification")) as own:
        backlog = Backlog(own.database, own.sender.destinations.slow)
        assert list(backlog.waiting()) == []
        slow, paused, claimed = [
            (await told(own, world, "one.example", 1))[0].person_id for _ in range(3)
        ]
        for change, person_id in (
            ("destination = 7", slow),
            ("next_attempt_at = now() + interval '1 hour'", paused),
            ("leased_until = now() + interval '1 hour'", claimed),
        ):
            await own.rows(
                f"UPDATE deliveries SET {change} WHERE channel = 'email' AND person_id = '{person_id}'"
            )
        await told(own, world, "one.example", 5)
        async with own.database.transaction() as tx:
            unplanned = Occasion(new_id(), Topic.REMOVED, new_id())
            await tell(tx, unplanned, [new_id(), new_id()])
        own.sender.destinations.answered_slowly(7)
        await backlog.turn()
        counted = {(each.attributes or {})["reason"]: each.value for each in backlog.waiting()}
        assert counted == {
            "sending": 1,
            "pause": 1,
            "session": 2,
            "connection": 5,
            "slow_destination": 1,
        }


@pytest.mark.parametrize("destination", [-1, 1024])
async def test_the_database_refuses_a_destination_that_does_not_exist(
    destination: int, world: World, migrated_database: MigratedDatabase
) -> None:
    async with own_sender(world, migrated_database("proctorium_notification")) as own:
        await told(own, world, "one.example", 1)
        with pytest.raises(Exception, match="ck_deliveries_destination"):
            await own.rows(f"UPDATE deliveries SET destination = {destination}")

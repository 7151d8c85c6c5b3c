"""Tests of a mail server that does not respond for one destination.

Mails to other destinations are sent, and no mail is lost or sent twice.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from proctorium_common.ids import new_id
from proctorium_devstack.testing import MigratedDatabase
from proctorium_devstack.testing.waiting import until
from proctorium_notification.domain.deliveries import Cause
from proctorium_notification.domain.topics import Topic
from proctorium_notification.operations.notifying import notify
from proctorium_notification.rendering.mail import Mail
from proctorium_notification.transport.smtp import MailServer, NoResponseError, SmtpClient
from proctorium_notification.workers.backlog import Backlog
from proctorium_notification.workers.sending import SendingWorker

from .harness import Harness, Person
from .isolated_sender import IsolatedSender, isolated_sender
from .mail_sink import MailSink
from .test_crashes import kill, service_process

CONNECTIONS = 8
TIMEOUT = 60.0
"""The time in seconds within which many mails must be sent, even on a busy machine.

If a mail without a response delayed all mails after it, sending them would take longer than this time.
"""


@dataclass
class Block:
    """Delays the responses to one step of the SMTP dialogue for mails to given domains, until the block is released."""

    sink: MailSink
    at: str
    domains: frozenset[str]
    released: asyncio.Event = field(default_factory=asyncio.Event)
    blocked: dict[str, int] = field(default_factory=dict)
    most_connections: int = 0

    def __post_init__(self) -> None:
        self.sink.step = self.step

    async def step(self, step: str, recipient: str) -> None:
        self.most_connections = max(self.most_connections, len(self.sink.open))
        domain = recipient.rpartition("@")[2]
        if step == self.at and domain in self.domains and not self.released.is_set():
            self.blocked[domain] = self.blocked.get(domain, 0) + 1
            await self.released.wait()

    async def reached(self) -> bool:
        """Return whether at least one mail to each of the domains is blocked."""
        return self.blocked.keys() == self.domains


async def notified_people(
    isolated: IsolatedSender, harness: Harness, domain: str, number: int
) -> list[Person]:
    people = [harness.person(domain=domain) for _ in range(number)]
    await isolated.notify(*people)
    return people


async def until_accepted(sink: MailSink, people: list[Person]) -> None:
    async def accepted() -> bool:
        return all(sink.mails_to(each.email) for each in people)

    await until(accepted, TIMEOUT)


async def until_sent(isolated: IsolatedSender, sink: MailSink, people: list[Person]) -> None:
    """Wait until all mails are sent.

    Then assert that each person received one mail, and that no delivery has a stored destination.
    """

    async def sent() -> bool:
        return {state for state, _ in await isolated.states()} == {"sent"}

    await until(sent, TIMEOUT)
    assert [len(sink.mails_to(each.email)) for each in people] == [1] * len(people)
    assert await stored_destinations(isolated) == 0


async def stored_destinations(isolated: IsolatedSender) -> object:
    [[count]] = await isolated.rows("SELECT count(*) FROM deliveries WHERE destination IS NOT NULL")
    return count


@pytest.mark.parametrize("step", ["RCPT", "DATA", "MESSAGE", "RESPONSE"])
async def test_other_mails_are_sent_while_one_destination_is_slow(
    step: str, harness: Harness, migrated_database: MigratedDatabase, sink: MailSink
) -> None:
    url = migrated_database("proctorium_notification")
    block = Block(sink, step, frozenset({"slow.example"}))
    async with isolated_sender(harness, url, sink=sink) as isolated:
        slow = await notified_people(isolated, harness, "slow.example", 25)
        async with harness.replica(database_url=url, smtp_url=sink.url):
            await until(block.reached)
            others = [
                each
                for domain in ("one.example", "two.example", "three.example")
                for each in await notified_people(isolated, harness, domain, 5)
            ]
            await until_accepted(sink, others)
            assert not block.released.is_set()
            assert await stored_destinations(isolated) != 0
            block.released.set()
            await until_sent(isolated, sink, slow + others)
    assert block.most_connections <= CONNECTIONS


async def test_other_mails_are_sent_while_more_destinations_than_connections_are_slow(
    harness: Harness, migrated_database: MigratedDatabase, sink: MailSink
) -> None:
    url = migrated_database("proctorium_notification")
    block = Block(sink, "RCPT", frozenset(f"slow{number}.example" for number in range(24)))
    async with isolated_sender(harness, url, sink=sink) as isolated:
        slow = [
            each
            for domain in sorted(block.domains)
            for each in await notified_people(isolated, harness, domain, 2)
        ]
        async with harness.replica(database_url=url, smtp_url=sink.url, mail_slow_after=1):
            await until(block.reached)
            others = await notified_people(isolated, harness, "one.example", 10)
            await until_accepted(sink, others)
            assert not block.released.is_set()
            block.released.set()
            await until_sent(isolated, sink, slow + others)
    assert block.most_connections <= CONNECTIONS


async def test_no_mail_is_lost_or_sent_twice_when_killed_while_a_destination_is_slow(
    harness: Harness, migrated_database: MigratedDatabase, sink: MailSink
) -> None:
    url = migrated_database("proctorium_notification")
    block = Block(sink, "RCPT", frozenset({"slow.example"}))
    async with isolated_sender(harness, url, sink=sink) as isolated:
        slow = await notified_people(isolated, harness, "slow.example", 25)
        others = await notified_people(isolated, harness, "one.example", 10)

        async def others_sent() -> bool:
            return [state for state, _ in await isolated.states()].count("sent") == len(others)

        async with service_process(harness, url, sink) as process:
            await until(block.reached)
            await until(others_sent, TIMEOUT)
            await kill(process)
        block.released.set()

        async def all_recovered() -> bool:
            isolated.now = datetime.now(UTC)
            while await isolated.send_due():
                pass
            return {state for state, _ in await isolated.states()} == {"sent"}

        await until(all_recovered, TIMEOUT)
        await until_sent(isolated, sink, slow + others)


async def test_ending_process_finishes_the_mails_in_progress(
    harness: Harness, migrated_database: MigratedDatabase, sink: MailSink
) -> None:
    block = Block(sink, "MESSAGE", frozenset({"slow.example"}))
    async with isolated_sender(
        harness, migrated_database("proctorium_notification"), sink=sink
    ) as isolated:
        people = await notified_people(isolated, harness, "slow.example", 1)
        worker = SendingWorker(isolated.listener, isolated.sender, grace=timedelta(minutes=1))

        async def handed_over() -> bool:
            await worker.run()
            return await block.reached()

        await until(handed_over)
        closing = asyncio.create_task(worker.close())
        await asyncio.wait({closing}, timeout=0.2)
        assert not closing.done()
        block.released.set()
        await closing
        await until_sent(isolated, sink, people)


async def test_connection_without_a_response_is_not_used_again(
    sink: MailSink,
) -> None:
    block = Block(sink, "MESSAGE", frozenset({"slow.example"}))
    client = SmtpClient(MailServer("127.0.0.1", sink.port), timeout=60, data_timeout=0.2)
    mail = Mail("no-reply@example.org", "ada@slow.example", b"Subject: Hello\r\n\r\nHello\r\n")
    async with asyncio.timeout(30):
        async with client.connect() as connection:
            await connection.send_addresses(mail)
            with pytest.raises(NoResponseError):
                await connection.hand_over(mail)
            assert not connection.usable
    block.released.set()


async def test_pending_mails_are_counted_by_reason(
    harness: Harness, migrated_database: MigratedDatabase
) -> None:
    async with isolated_sender(harness, migrated_database("proctorium_notification")) as isolated:
        backlog = Backlog(isolated.database, isolated.sender.destinations.slow)
        assert list(backlog.by_reason()) == []
        slow, deferred, claimed = [
            (await notified_people(isolated, harness, "one.example", 1))[0].person_id
            for _ in range(3)
        ]
        for change, person_id in (
            ("destination = 7", slow),
            ("next_try_at = now() + interval '1 hour'", deferred),
            ("leased_until = now() + interval '1 hour'", claimed),
        ):
            await isolated.rows(
                f"UPDATE deliveries SET {change} WHERE channel = 'email' AND person_id = '{person_id}'"
            )
        await notified_people(isolated, harness, "one.example", 5)
        async with isolated.database.transaction() as tx:
            unplanned = Cause(new_id(), Topic.PARTICIPANT_REMOVED, new_id())
            await notify(tx, unplanned, [new_id(), new_id()])
        isolated.sender.destinations.record_slow_response(7)
        await backlog.run()
        counted = {(each.attributes or {})["reason"]: each.value for each in backlog.by_reason()}
        assert counted == {
            "sending": 1,
            "backoff": 1,
            "session": 2,
            "connection": 5,
            "slow_destination": 1,
        }


@pytest.mark.parametrize("destination", [-1, 1024])
async def test_database_refuses_a_destination_out_of_range(
    destination: int, harness: Harness, migrated_database: MigratedDatabase
) -> None:
    async with isolated_sender(harness, migrated_database("proctorium_notification")) as isolated:
        await notified_people(isolated, harness, "one.example", 1)
        with pytest.raises(Exception, match="ck_deliveries_destination"):
            await isolated.rows(f"UPDATE deliveries SET destination = {destination}")

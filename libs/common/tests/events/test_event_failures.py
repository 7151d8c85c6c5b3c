"""Test failures between a commit and its effects in other services: no event is lost, and no event has two effects."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import cycle
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from proctorium.enrollment.events.v1.events_pb2 import PersonCertified, PersonCreated
from proctorium_common.errors import Kind, ServiceError, conflict, unavailable
from proctorium_common.events.broker import Broker
from proctorium_common.events.dead_letters import DeadLetters
from proctorium_common.events.handling import EventMetadata
from proctorium_common.events.identity import BrokerIdentity
from proctorium_common.events.replay import replay
from proctorium_common.ids import new_id
from proctorium_common.storage.database import Database
from proctorium_devstack.components.postgres import Postgres
from proctorium_devstack.testing.waiting import until

from .harness import CONSUMER, STREAM, Harness, certified, people

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


async def run_until_killed(harness: Harness, who: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "libs.common.tests.events.die",
        who,
        harness.database.url,
        harness.nats.url,
        str(harness.nats.certificates),
    )
    async with asyncio.timeout(60):
        assert await process.wait() == -signal.SIGKILL


async def test_relay_killed_before_marking_events_neither_loses_nor_duplicates_them(
    harness: Harness,
) -> None:
    person = new_id()
    await harness.record(*(certified(person, nth) for nth in range(1, 6)))
    await run_until_killed(harness, "relay")
    assert await harness.in_stream() == 5
    assert await harness.unpublished() == 5
    async with harness.relay(), harness.subscriber():
        await harness.record(certified(person, 6))
        await until(harness.is_settled)
    assert await harness.in_stream() == 6, "the broker recognises repeated message ids"
    assert await harness.effects_of(person) == [1, 2, 3, 4, 5, 6]


async def test_event_published_again_after_the_duplicate_window_has_one_effect(
    harness: Harness,
) -> None:
    person = new_id()
    await harness.record(certified(person))
    await run_until_killed(harness, "relay")
    client = await harness.tester.connected()
    jetstream = client.jetstream()
    config = (await jetstream.stream_info(STREAM)).config
    await jetstream.update_stream(config.evolve(duplicate_window=0.1))
    await harness.accepts_repeated_id()
    windows = cycle((0.2, 0.1))

    async def window_has_passed() -> bool:
        # Change the duplicate window in each poll: a slow server may have scheduled its next clean-up with the previous
        # window.
        await jetstream.update_stream(config.evolve(duplicate_window=next(windows)))
        return await harness.accepts_repeated_id()

    await until(window_has_passed)
    async with harness.relay(), harness.subscriber():
        await until(harness.is_settled)
    assert await harness.in_stream() == 4, "the event twice, and two from the check of the window"
    assert await harness.effects_of(person) == [1]


async def test_subscriber_killed_before_acknowledging_has_its_effect_once(
    harness: Harness,
) -> None:
    person = new_id()
    async with harness.relay():
        await harness.record(certified(person, 1), certified(person, 2))
        await until(harness.is_published)
    await run_until_killed(harness, "subscriber")
    assert await harness.effects_of(person) == [1]
    assert await harness.unacknowledged() == 2
    async with harness.subscriber():
        await until(harness.is_settled)
    assert await harness.effects_of(person) == [1, 2]


async def test_unreachable_broker_only_delays_events(
    harness: Harness,
) -> None:
    person = new_id()
    async with harness.relay(), harness.subscriber():
        await harness.record(certified(person, 1))
        await until(harness.is_settled)
        await harness.nats.stop()
        for nth in range(2, 6):
            await harness.record(certified(person, nth))
        assert await harness.unpublished() == 4
        await harness.nats.start()
        await harness.record(certified(person, 6))
        await until(harness.is_settled)
    assert await harness.effects_of(person) == [1, 2, 3, 4, 5, 6]


async def test_broker_killed_under_load_loses_no_event(harness: Harness) -> None:
    everyone = people(3)
    async with harness.relay(), harness.subscriber():
        for nth in range(1, 31):
            await harness.record(*(certified(person, nth) for person in everyone))
            if nth in {10, 20}:
                await harness.nats.kill()
                await harness.nats.start()
        await until(harness.is_settled)
    for person in everyone:
        assert sorted(await harness.effects_of(person)) == list(range(1, 31))


async def test_relay_and_subscriber_can_start_before_the_broker(harness: Harness) -> None:
    await harness.nats.stop()
    person = new_id()
    async with harness.relay(), harness.subscriber():
        await harness.record(certified(person))
        await harness.nats.start()
        await until(harness.is_settled)
    assert await harness.effects_of(person) == [1]


async def test_replay_restores_a_wiped_broker(harness: Harness) -> None:
    person, other = people(2)
    async with harness.relay():
        async with harness.subscriber():
            await harness.record(certified(person, 1), certified(person, 2))
            await until(harness.is_settled)
        await harness.record(certified(person, 3), certified(other, 4))
        await until(harness.is_published)
        await harness.nats.wipe()
        await harness.declare()
        async with harness.subscriber():
            assert await harness.in_stream() == 0
            progress: list[int] = []
            assert (
                await replay(harness.database, harness.owner, LONG_AGO, progress=progress.append)
                == 4
            )
            assert progress == [4]
            await until(harness.is_settled)
            await harness.record(certified(person, 5))
            await until(harness.is_settled)
    assert await harness.effects_of(person) == [1, 2, 3, 5]
    assert await harness.effects_of(other) == [4]
    assert {metadata.position: metadata.replayed for metadata in harness.effects.metadata} == {
        1: False,
        2: False,
        3: True,
        4: True,
        5: False,
    }


async def test_replay_publishes_only_events_since_the_given_time(harness: Harness) -> None:
    async with harness.relay():
        await harness.record(certified(new_id()))
        await until(harness.is_published)
    later = datetime.now(UTC) + timedelta(hours=1)
    assert await replay(harness.database, harness.owner, later) == 0
    assert await replay(harness.database, harness.owner, LONG_AGO) == 1
    assert await harness.in_stream() == 2


async def test_replay_fails_without_the_stream(harness: Harness) -> None:
    async with harness.relay():
        await harness.record(certified(new_id()))
        await until(harness.is_published)
    await harness.nats.wipe()
    with pytest.raises(ServiceError) as caught:
        await replay(harness.database, harness.owner, LONG_AGO)
    assert caught.value.reason == "DEPENDENCY_UNAVAILABLE"


async def test_unreadable_message_becomes_a_dead_letter_immediately(
    harness: Harness,
) -> None:
    person = new_id()
    async with harness.relay(), harness.subscriber():
        client = await harness.tester.connected()
        headers = {
            "ce-id": str(new_id()),
            "ce-source": "/proctorium/enrollment",
            "ce-type": "proctorium.enrollment.person.certified.v1",
            "ce-time": "2026-04-02T09:30:00Z",
        }
        subject = f"evt.enrollment.person.certified.v1.{person}"
        await client.jetstream().publish(subject, b"\xff\xff\xff", headers=headers)
        without_id = {name: headers[name] for name in ("ce-source", "ce-type")}
        await client.jetstream().publish(subject, b"", headers=without_id)
        await harness.record(certified(person, 3))
        await until(harness.is_settled)
    letters = await DeadLetters(harness.database, {}).list()
    assert [(letter.reason, letter.deliveries) for letter in letters] == [
        ("UnreadableError", 1)
    ] * 2
    assert letters[0].body == b"\xff\xff\xff"
    assert letters[0].event_id == UUID(headers["ce-id"])
    assert await harness.effects_of(person) == [3]


async def test_event_without_a_handler_becomes_a_dead_letter(harness: Harness) -> None:
    async with harness.relay(), harness.subscriber():
        async with harness.database.transaction() as transaction:
            transaction.record(PersonCreated(person_id=str(new_id())))
        await until(harness.is_settled)
    (letter,) = await DeadLetters(harness.database, {}).list()
    assert (letter.reason, letter.deliveries) == ("MissingHandlerError", 8)


async def test_event_that_keeps_failing_becomes_a_dead_letter_and_can_be_redriven(
    harness: Harness,
) -> None:
    person = new_id()
    failing = True

    def fail(event: PersonCertified, _: EventMetadata) -> Exception | None:
        first = event.certified_until_time.seconds == 1
        return conflict("BROKEN", "It is broken.") if failing and first else None

    harness.effects.fail = fail
    async with harness.relay(), harness.subscriber():
        await harness.record(certified(person, 1), certified(person, 2))
        await until(harness.is_settled)
    assert await harness.effects_of(person) == [2]
    letters = DeadLetters(harness.database, {CONSUMER: harness.effects.handlers})
    (letter,) = await letters.list()
    assert (letter.consumer, letter.reason) == (CONSUMER, "BROKEN")
    # There may be more than eight deliveries, because the broker also redelivers an event if the negative
    # acknowledgement arrives late.
    delivered = letter.deliveries
    assert delivered >= 8
    assert "It is broken." in letter.error
    assert (await letters.show(letter.id)).body == certified(person, 1).SerializeToString()

    with pytest.raises(ServiceError, match="broken"):
        await letters.redrive(letter.id)
    assert (await letters.show(letter.id)).deliveries == delivered + 1
    assert await letters.redrive_all() == (0, 1)
    failing = False
    assert await letters.redrive(letter.id)
    assert await harness.effects_of(person) == [2, 1]
    assert await letters.list() == []
    assert [found.id for found in await letters.list(resolved=True)] == [letter.id]
    assert not await letters.redrive(letter.id), "a second redrive has no second effect"
    assert await harness.effects_of(person) == [2, 1]


async def test_all_dead_letters_can_be_redriven(harness: Harness) -> None:
    everyone = people(3)
    harness.effects.fail = lambda *_: conflict("BROKEN", "It is broken.")
    async with harness.relay(), harness.subscriber():
        await harness.record(*map(certified, everyone))
        await until(harness.is_settled)
    assert await harness.dead_letters() == 3
    harness.effects.fail = lambda *_: None
    letters = DeadLetters(harness.database, {CONSUMER: harness.effects.handlers})
    assert await letters.redrive_all() == (3, 0)
    assert await harness.count_effects() == 3


async def test_successful_replay_resolves_the_dead_letter(harness: Harness) -> None:
    harness.effects.fail = lambda *_: conflict("BROKEN", "It is broken.")
    async with harness.relay(), harness.subscriber():
        await harness.record(certified(new_id()))
        await until(harness.is_settled)
        assert await harness.dead_letters() == 1
        harness.effects.fail = lambda *_: None
        await replay(harness.database, harness.owner, LONG_AGO)
        await until(harness.is_settled)
    assert await harness.dead_letters() == 0
    assert await harness.count_effects() == 1


async def test_redrive_of_a_missing_dead_letter_is_refused(database: Database) -> None:
    with pytest.raises(ServiceError) as caught:
        await DeadLetters(database, {}).redrive(new_id())
    assert caught.value.reason == "NOT_FOUND"


async def test_standby_relay_takes_over(harness: Harness, postgres: Postgres) -> None:
    person = new_id()
    async with harness.relay() as first:
        await until(lambda: first.is_active)
        async with harness.relay() as second:
            await harness.record(*(certified(person, nth) for nth in range(1, 101)))
            await until(harness.is_published)
            assert (first.is_active, second.is_active) == (True, False)
            await terminate(
                postgres, harness, "pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')"
            )
            await until(lambda: second.is_active)
            await harness.record(*(certified(person, nth) for nth in range(101, 201)))
            await until(harness.is_published)
            await until(lambda: not first.is_active)
    assert await harness.in_stream() == 200
    async with harness.subscriber():
        await until(harness.is_settled)
    assert await harness.effects_of(person) == list(range(1, 201))


async def terminate(postgres: Postgres, harness: Harness, which: str = "true") -> None:
    """Terminate the connections to the database of `harness` that meet the SQL condition `which`."""
    superuser = await postgres.connect()
    name = harness.database.url.rpartition("/")[2]
    terminated = await superuser.fetch(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND {which}",
        name,
    )
    await superuser.close()
    assert terminated


async def test_lost_database_connections_only_delay_events(
    harness: Harness, postgres: Postgres
) -> None:
    person = new_id()
    async with harness.relay(), harness.subscriber():
        await harness.record(certified(person, 1))
        await until(harness.is_settled)
        await terminate(postgres, harness)
        await until(lambda: recorded(harness, certified(person, 2)))
        await until(harness.is_settled)
    assert await harness.effects_of(person) == [1, 2]


async def recorded(harness: Harness, event: PersonCertified) -> bool:
    """Record the event and return True, or return False if the database is unavailable and the caller must retry."""
    try:
        await harness.record(event)
    except ServiceError as error:
        return error.kind is not Kind.UNAVAILABLE
    return True


async def test_relay_logs_a_missing_stream_and_waits_for_it(bare_harness: Harness) -> None:
    harness, person = bare_harness, new_id()
    with capture_logs() as logs:
        async with harness.relay():
            await harness.record(certified(person))
            await until(lambda: logged(logs, "stream_missing"))
            await harness.declare()
            await until(harness.is_published)
    assert len(logged(logs, "stream_missing")) == 1, "logged once, not at each check"
    assert await harness.in_stream() == 1


async def test_subscriber_logs_a_missing_consumer_and_waits_for_it(bare_harness: Harness) -> None:
    harness, person = bare_harness, new_id()
    with capture_logs() as logs:
        async with harness.relay(), harness.subscriber() as subscriber:
            await until(lambda: logged(logs, "consumer_missing"))
            assert not subscriber.is_consuming
            await harness.declare()
            await until(lambda: subscriber.is_consuming)
            await harness.record(certified(person))
            await until(harness.is_settled)
    assert await harness.effects_of(person) == [1]


async def test_removed_consumer_is_detected_immediately(harness: Harness) -> None:
    person = new_id()
    with capture_logs() as logs:
        async with harness.relay(), harness.subscriber() as subscriber:
            await until(lambda: subscriber.is_consuming)
            client = await harness.tester.connected()
            await client.jetstream().delete_consumer(STREAM, CONSUMER)
            await until(lambda: logged(logs, "consumer_missing"))
            await harness.declare()
            await harness.record(certified(person))
            await until(harness.is_settled)
    assert await harness.effects_of(person) == [1]


def logged(logs: Sequence[Mapping[str, object]], event: str) -> list[Mapping[str, object]]:
    return [line for line in logs if line["event"] == event]


async def test_temporary_errors_are_retried_more_often_than_permanent_ones(
    harness: Harness,
) -> None:
    person = new_id()
    harness.effects.fail = lambda event, metadata: (
        unavailable("UNREACHABLE", "unreachable") if metadata.deliveries < 12 else None
    )
    async with harness.relay(), harness.subscriber():
        await harness.record(certified(person))
        await until(harness.is_settled)
    assert await harness.dead_letters() == 0
    assert await harness.effects_of(person) == [1]


async def test_broker_that_never_connected_can_be_closed(
    free_port: Callable[[], int],
) -> None:
    broker = Broker(f"nats://127.0.0.1:{free_port()}", BrokerIdentity("sample"))
    broker.start()
    await asyncio.sleep(0)
    assert not broker.is_connected
    await broker.close()

"""What can go wrong between a commit and its effects in other services: nothing is lost, nothing is doubled."""

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


async def run_until_it_dies(harness: Harness, who: str) -> None:
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


async def test_a_relay_killed_between_publish_and_mark_loses_and_doubles_nothing(
    harness: Harness,
) -> None:
    person = new_id()
    await harness.record(*(certified(person, nth) for nth in range(1, 6)))
    await run_until_it_dies(harness, "relay")
    assert await harness.in_stream() == 5
    assert await harness.unpublished() == 5
    async with harness.relay(), harness.subscriber():
        await harness.record(certified(person, 6))
        await until(harness.is_settled)
    assert await harness.in_stream() == 6, "the broker knows what it has by the message id"
    assert await harness.effects_of(person) == [1, 2, 3, 4, 5, 6]


async def test_even_after_the_brokers_window_a_second_publishing_has_no_second_effect(
    harness: Harness,
) -> None:
    person = new_id()
    await harness.record(certified(person))
    await run_until_it_dies(harness, "relay")
    client = await harness.tester.connected()
    jetstream = client.jetstream()
    config = (await jetstream.stream_info(STREAM)).config
    await jetstream.update_stream(config.evolve(duplicate_window=0.1))
    await harness.forgets()
    windows = cycle((0.2, 0.1))

    async def forgets() -> bool:
        # A server that is slow applies a window only after it has planned its next clean-up by the window before: so
        # another one is set.
        await jetstream.update_stream(config.evolve(duplicate_window=next(windows)))
        return await harness.forgets()

    await until(forgets)
    async with harness.relay(), harness.subscriber():
        await until(harness.is_settled)
    assert await harness.in_stream() == 4, "the event twice, and two that were only to see"
    assert await harness.effects_of(person) == [1]


async def test_a_subscriber_killed_between_effect_and_ack_has_its_effect_once(
    harness: Harness,
) -> None:
    person = new_id()
    async with harness.relay():
        await harness.record(certified(person, 1), certified(person, 2))
        await until(harness.is_published)
    await run_until_it_dies(harness, "subscriber")
    assert await harness.effects_of(person) == [1]
    assert await harness.unacknowledged() == 2
    async with harness.subscriber():
        await until(harness.is_settled)
    assert await harness.effects_of(person) == [1, 2]


async def test_a_broker_that_is_away_for_a_while_delays_events_and_nothing_else(
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


async def test_a_broker_killed_under_load_costs_no_event(harness: Harness) -> None:
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


async def test_relay_and_subscriber_start_before_their_broker(harness: Harness) -> None:
    await harness.nats.stop()
    person = new_id()
    async with harness.relay(), harness.subscriber():
        await harness.record(certified(person))
        await harness.nats.start()
        await until(harness.is_settled)
    assert await harness.effects_of(person) == [1]


async def test_a_broker_that_lost_everything_is_filled_again_by_replay(harness: Harness) -> None:
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
            told: list[int] = []
            assert (
                await replay(harness.database, harness.owner, LONG_AGO, progress=told.append) == 4
            )
            assert told == [4]
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


async def test_replay_sends_what_occurred_since_and_nothing_older(harness: Harness) -> None:
    async with harness.relay():
        await harness.record(certified(new_id()))
        await until(harness.is_published)
    later = datetime.now(UTC) + timedelta(hours=1)
    assert await replay(harness.database, harness.owner, later) == 0
    assert await replay(harness.database, harness.owner, LONG_AGO) == 1
    assert await harness.in_stream() == 2


async def test_replay_says_when_the_broker_does_not_take_it(harness: Harness) -> None:
    async with harness.relay():
        await harness.record(certified(new_id()))
        await until(harness.is_published)
    await harness.nats.wipe()
    with pytest.raises(ServiceError) as caught:
        await replay(harness.database, harness.owner, LONG_AGO)
    assert caught.value.reason == "DEPENDENCY_UNAVAILABLE"


async def test_a_poison_message_is_a_dead_letter_at_once_and_holds_nobody_up(
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
        nameless = {name: headers[name] for name in ("ce-source", "ce-type")}
        await client.jetstream().publish(subject, b"", headers=nameless)
        await harness.record(certified(person, 3))
        await until(harness.is_settled)
    letters = await DeadLetters(harness.database, {}).list()
    assert [(letter.reason, letter.deliveries) for letter in letters] == [
        ("UnreadableError", 1)
    ] * 2
    assert letters[0].body == b"\xff\xff\xff"
    assert letters[0].event_id == UUID(headers["ce-id"])
    assert await harness.effects_of(person) == [3]


async def test_an_event_nobody_handles_yet_is_kept_as_a_dead_letter(harness: Harness) -> None:
    async with harness.relay(), harness.subscriber():
        async with harness.database.transaction() as transaction:
            transaction.record(PersonCreated(person_id=str(new_id())))
        await until(harness.is_settled)
    (letter,) = await DeadLetters(harness.database, {}).list()
    assert (letter.reason, letter.deliveries) == ("MissingHandlerError", 8)


async def test_what_keeps_failing_becomes_a_dead_letter_and_can_be_driven_again(
    harness: Harness,
) -> None:
    person = new_id()
    broken = True

    def fail(event: PersonCertified, _: EventMetadata) -> Exception | None:
        first = event.certified_until_time.seconds == 1
        return conflict("BROKEN", "It is broken.") if broken and first else None

    harness.effects.fail = fail
    async with harness.relay(), harness.subscriber():
        await harness.record(certified(person, 1), certified(person, 2))
        await until(harness.is_settled)
    assert await harness.effects_of(person) == [2]
    letters = DeadLetters(harness.database, {CONSUMER: harness.effects.handlers})
    (letter,) = await letters.list()
    assert (letter.consumer, letter.reason) == (CONSUMER, "BROKEN")
    # The broker counts, and delivers once more where an answer of ours took longer than it waits.
    delivered = letter.deliveries
    assert delivered >= 8
    assert "It is broken." in letter.error
    assert (await letters.show(letter.id)).body == certified(person, 1).SerializeToString()

    with pytest.raises(ServiceError, match="broken"):
        await letters.redrive(letter.id)
    assert (await letters.show(letter.id)).deliveries == delivered + 1
    assert await letters.redrive_all() == (0, 1)
    broken = False
    assert await letters.redrive(letter.id)
    assert await harness.effects_of(person) == [2, 1]
    assert await letters.list() == []
    assert [found.id for found in await letters.list(resolved=True)] == [letter.id]
    assert not await letters.redrive(letter.id), "a second time has no second effect"
    assert await harness.effects_of(person) == [2, 1]


async def test_all_dead_letters_are_driven_again_at_once(harness: Harness) -> None:
    everyone = people(3)
    harness.effects.fail = lambda *_: conflict("BROKEN", "It is broken.")
    async with harness.relay(), harness.subscriber():
        await harness.record(*map(certified, everyone))
        await until(harness.is_settled)
    assert await harness.letters() == 3
    harness.effects.fail = lambda *_: None
    letters = DeadLetters(harness.database, {CONSUMER: harness.effects.handlers})
    assert await letters.redrive_all() == (3, 0)
    assert await harness.count_effects() == 3


async def test_a_replay_that_succeeds_closes_the_dead_letter(harness: Harness) -> None:
    harness.effects.fail = lambda *_: conflict("BROKEN", "It is broken.")
    async with harness.relay(), harness.subscriber():
        await harness.record(certified(new_id()))
        await until(harness.is_settled)
        assert await harness.letters() == 1
        harness.effects.fail = lambda *_: None
        await replay(harness.database, harness.owner, LONG_AGO)
        await until(harness.is_settled)
    assert await harness.letters() == 0
    assert await harness.count_effects() == 1


async def test_no_such_dead_letter_is_said(database: Database) -> None:
    with pytest.raises(ServiceError) as caught:
        await DeadLetters(database, {}).redrive(new_id())
    assert caught.value.reason == "NOT_FOUND"


async def test_of_two_relays_one_works_and_the_other_takes_over(
    harness: Harness, postgres: Postgres
) -> None:
    person = new_id()
    async with harness.relay() as first:
        await until(lambda: first.is_active)
        async with harness.relay() as second:
            await harness.record(*(certified(person, nth) for nth in range(1, 101)))
            await until(harness.is_published)
            assert (first.is_active, second.is_active) == (True, False)
            await cut(
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


async def cut(postgres: Postgres, harness: Harness, which: str = "true") -> None:
    """Ends connections of the harness's database from the server's side."""
    superuser = await postgres.connect()
    name = harness.database.url.rpartition("/")[2]
    ended = await superuser.fetch(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND {which}",
        name,
    )
    await superuser.close()
    assert ended


async def test_a_database_that_goes_away_for_a_moment_delays_events(
    harness: Harness, postgres: Postgres
) -> None:
    person = new_id()
    async with harness.relay(), harness.subscriber():
        await harness.record(certified(person, 1))
        await until(harness.is_settled)
        await cut(postgres, harness)
        await until(lambda: recorded(harness, certified(person, 2)))
        await until(harness.is_settled)
    assert await harness.effects_of(person) == [1, 2]


async def recorded(harness: Harness, event: PersonCertified) -> bool:
    """Tries as a client does: what is unavailable is asked again."""
    try:
        await harness.record(event)
    except ServiceError as error:
        return error.kind is not Kind.UNAVAILABLE
    return True


async def test_a_missing_stream_is_said_and_waited_for(bare_harness: Harness) -> None:
    harness, person = bare_harness, new_id()
    with capture_logs() as logs:
        async with harness.relay():
            await harness.record(certified(person))
            await until(lambda: said(logs, "stream_missing"))
            await harness.declare()
            await until(harness.is_published)
    assert len(said(logs, "stream_missing")) == 1, "said once, not at each look"
    assert await harness.in_stream() == 1


async def test_a_missing_consumer_is_said_and_waited_for(bare_harness: Harness) -> None:
    harness, person = bare_harness, new_id()
    with capture_logs() as logs:
        async with harness.relay(), harness.subscriber() as subscriber:
            await until(lambda: said(logs, "consumer_missing"))
            assert not subscriber.is_consuming
            await harness.declare()
            await until(lambda: subscriber.is_consuming)
            await harness.record(certified(person))
            await until(harness.is_settled)
    assert await harness.effects_of(person) == [1]


async def test_a_consumer_that_is_removed_is_missed_at_once(harness: Harness) -> None:
    person = new_id()
    with capture_logs() as logs:
        async with harness.relay(), harness.subscriber() as subscriber:
            await until(lambda: subscriber.is_consuming)
            client = await harness.tester.connected()
            await client.jetstream().delete_consumer(STREAM, CONSUMER)
            await until(lambda: said(logs, "consumer_missing"))
            await harness.declare()
            await harness.record(certified(person))
            await until(harness.is_settled)
    assert await harness.effects_of(person) == [1]


def said(logs: Sequence[Mapping[str, object]], event: str) -> list[Mapping[str, object]]:
    return [line for line in logs if line["event"] == event]


async def test_what_passes_by_itself_is_tried_more_often_than_what_fails(harness: Harness) -> None:
    person = new_id()
    harness.effects.fail = lambda event, metadata: (
        unavailable("AWAY", "away") if metadata.deliveries < 12 else None
    )
    async with harness.relay(), harness.subscriber():
        await harness.record(certified(person))
        await until(harness.is_settled)
    assert await harness.letters() == 0
    assert await harness.effects_of(person) == [1]


async def test_a_broker_that_was_never_there_can_be_closed(
    free_port: Callable[[], int],
) -> None:
    broker = Broker(f"nats://127.0.0.1:{free_port()}", BrokerIdentity("sample"))
    broker.start()
    await asyncio.sleep(0)
    assert not broker.is_connected
    await broker.close()

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

from .world import CONSUMER, STREAM, World, certified, people, until

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


async def run_until_it_dies(world: World, who: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "libs.common.tests.events.die",
        who,
        world.database.url,
        world.nats.url,
        str(world.nats.certificates),
    )
    async with asyncio.timeout(60):
        assert await process.wait() == -signal.SIGKILL


async def test_a_relay_killed_between_publish_and_mark_loses_and_doubles_nothing(
    world: World,
) -> None:
    person = new_id()
    await world.record(*(certified(person, nth) for nth in range(1, 6)))
    await run_until_it_dies(world, "relay")
    assert await world.in_stream() == 5
    assert await world.unpublished() == 5
    async with world.relay(), world.subscriber():
        await world.record(certified(person, 6))
        await until(world.is_settled)
    assert await world.in_stream() == 6, "the broker knows what it has by the message id"
    assert await world.effects_of(person) == [1, 2, 3, 4, 5, 6]


async def test_even_after_the_brokers_window_a_second_publishing_has_no_second_effect(
    world: World,
) -> None:
    person = new_id()
    await world.record(certified(person))
    await run_until_it_dies(world, "relay")
    client = await world.tester.connected()
    jetstream = client.jetstream()
    config = (await jetstream.stream_info(STREAM)).config
    await jetstream.update_stream(config.evolve(duplicate_window=0.1))
    await world.forgets()
    windows = cycle((0.2, 0.1))

    async def forgets() -> bool:
        # A server that is slow applies a window only after it has planned its next clean-up by the window before: so
        # another one is set.
        await jetstream.update_stream(config.evolve(duplicate_window=next(windows)))
        return await world.forgets()

    await until(forgets)
    async with world.relay(), world.subscriber():
        await until(world.is_settled)
    assert await world.in_stream() == 4, "the event twice, and two that were only to see"
    assert await world.effects_of(person) == [1]


async def test_a_subscriber_killed_between_effect_and_ack_has_its_effect_once(
    world: World,
) -> None:
    person = new_id()
    async with world.relay():
        await world.record(certified(person, 1), certified(person, 2))
        await until(world.is_published)
    await run_until_it_dies(world, "subscriber")
    assert await world.effects_of(person) == [1]
    assert await world.unacknowledged() == 2
    async with world.subscriber():
        await until(world.is_settled)
    assert await world.effects_of(person) == [1, 2]


async def test_a_broker_that_is_away_for_a_while_delays_events_and_nothing_else(
    world: World,
) -> None:
    person = new_id()
    async with world.relay(), world.subscriber():
        await world.record(certified(person, 1))
        await until(world.is_settled)
        await world.nats.stop()
        for nth in range(2, 6):
            await world.record(certified(person, nth))
        assert await world.unpublished() == 4
        await world.nats.start()
        await world.record(certified(person, 6))
        await until(world.is_settled)
    assert await world.effects_of(person) == [1, 2, 3, 4, 5, 6]


async def test_a_broker_killed_under_load_costs_no_event(world: World) -> None:
    everyone = people(3)
    async with world.relay(), world.subscriber():
        for nth in range(1, 31):
            await world.record(*(certified(person, nth) for person in everyone))
            if nth in {10, 20}:
                await world.nats.kill()
                await world.nats.start()
        await until(world.is_settled)
    for person in everyone:
        assert sorted(await world.effects_of(person)) == list(range(1, 31))


async def test_relay_and_subscriber_start_before_their_broker(world: World) -> None:
    await world.nats.stop()
    person = new_id()
    async with world.relay(), world.subscriber():
        await world.record(certified(person))
        await world.nats.start()
        await until(world.is_settled)
    assert await world.effects_of(person) == [1]


async def test_a_broker_that_lost_everything_is_filled_again_by_replay(world: World) -> None:
    person, other = people(2)
    async with world.relay():
        async with world.subscriber():
            await world.record(certified(person, 1), certified(person, 2))
            await until(world.is_settled)
        await world.record(certified(person, 3), certified(other, 4))
        await until(world.is_published)
        await world.nats.wipe()
        await world.declare()
        async with world.subscriber():
            assert await world.in_stream() == 0
            told: list[int] = []
            assert await replay(world.database, world.owner, LONG_AGO, progress=told.append) == 4
            assert told == [4]
            await until(world.is_settled)
            await world.record(certified(person, 5))
            await until(world.is_settled)
    assert await world.effects_of(person) == [1, 2, 3, 5]
    assert await world.effects_of(other) == [4]
    assert {metadata.position: metadata.replayed for metadata in world.effects.metadata} == {
        1: False,
        2: False,
        3: True,
        4: True,
        5: False,
    }


async def test_replay_sends_what_occurred_since_and_nothing_older(world: World) -> None:
    async with world.relay():
        await world.record(certified(new_id()))
        await until(world.is_published)
    later = datetime.now(UTC) + timedelta(hours=1)
    assert await replay(world.database, world.owner, later) == 0
    assert await replay(world.database, world.owner, LONG_AGO) == 1
    assert await world.in_stream() == 2


async def test_replay_says_when_the_broker_does_not_take_it(world: World) -> None:
    async with world.relay():
        await world.record(certified(new_id()))
        await until(world.is_published)
    await world.nats.wipe()
    with pytest.raises(ServiceError) as caught:
        await replay(world.database, world.owner, LONG_AGO)
    assert caught.value.reason == "DEPENDENCY_UNAVAILABLE"


async def test_a_poison_message_is_a_dead_letter_at_once_and_holds_nobody_up(
    world: World,
) -> None:
    person = new_id()
    async with world.relay(), world.subscriber():
        client = await world.tester.connected()
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
        await world.record(certified(person, 3))
        await until(world.is_settled)
    letters = await DeadLetters(world.database, {}).list()
    assert [(letter.reason, letter.deliveries) for letter in letters] == [
        ("UnreadableError", 1)
    ] * 2
    assert letters[0].body == b"\xff\xff\xff"
    assert letters[0].event_id == UUID(headers["ce-id"])
    assert await world.effects_of(person) == [3]


async def test_an_event_nobody_handles_yet_is_kept_as_a_dead_letter(world: World) -> None:
    async with world.relay(), world.subscriber():
        async with world.database.transaction() as transaction:
            transaction.record(PersonCreated(person_id=str(new_id())))
        await until(world.is_settled)
    (letter,) = await DeadLetters(world.database, {}).list()
    assert (letter.reason, letter.deliveries) == ("MissingHandlerError", 8)


async def test_what_keeps_failing_becomes_a_dead_letter_and_can_be_driven_again(
    world: World,
) -> None:
    person = new_id()
    broken = True

    def fail(event: PersonCertified, _: EventMetadata) -> Exception | None:
        first = event.certified_until_time.seconds == 1
        return conflict("BROKEN", "It is broken.") if broken and first else None

    world.effects.fail = fail
    async with world.relay(), world.subscriber():
        await world.record(certified(person, 1), certified(person, 2))
        await until(world.is_settled)
    assert await world.effects_of(person) == [2]
    letters = DeadLetters(world.database, {CONSUMER: world.effects.handlers})
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
    assert await world.effects_of(person) == [2, 1]
    assert await letters.list() == []
    assert [found.id for found in await letters.list(resolved=True)] == [letter.id]
    assert not await letters.redrive(letter.id), "a second time has no second effect"
    assert await world.effects_of(person) == [2, 1]


async def test_all_dead_letters_are_driven_again_at_once(world: World) -> None:
    everyone = people(3)
    world.effects.fail = lambda *_: conflict("BROKEN", "It is broken.")
    async with world.relay(), world.subscriber():
        await world.record(*map(certified, everyone))
        await until(world.is_settled)
    assert await world.letters() == 3
    world.effects.fail = lambda *_: None
    letters = DeadLetters(world.database, {CONSUMER: world.effects.handlers})
    assert await letters.redrive_all() == (3, 0)
    assert await world.count_effects() == 3


async def test_a_replay_that_succeeds_closes_the_dead_letter(world: World) -> None:
    world.effects.fail = lambda *_: conflict("BROKEN", "It is broken.")
    async with world.relay(), world.subscriber():
        await world.record(certified(new_id()))
        await until(world.is_settled)
        assert await world.letters() == 1
        world.effects.fail = lambda *_: None
        await replay(world.database, world.owner, LONG_AGO)
        await until(world.is_settled)
    assert await world.letters() == 0
    assert await world.count_effects() == 1


async def test_no_such_dead_letter_is_said(database: Database) -> None:
    with pytest.raises(ServiceError) as caught:
        await DeadLetters(database, {}).redrive(new_id())
    assert caught.value.reason == "NOT_FOUND"


async def test_of_two_relays_one_works_and_the_other_takes_over(
    world: World, postgres: Postgres
) -> None:
    person = new_id()
    async with world.relay() as first:
        await until(lambda: first.is_active)
        async with world.relay() as second:
            await world.record(*(certified(person, nth) for nth in range(1, 101)))
            await until(world.is_published)
            assert (first.is_active, second.is_active) == (True, False)
            await cut(
                postgres, world, "pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')"
            )
            await until(lambda: second.is_active)
            await world.record(*(certified(person, nth) for nth in range(101, 201)))
            await until(world.is_published)
            await until(lambda: not first.is_active)
    assert await world.in_stream() == 200
    async with world.subscriber():
        await until(world.is_settled)
    assert await world.effects_of(person) == list(range(1, 201))


async def cut(postgres: Postgres, world: World, which: str = "true") -> None:
    """Ends connections of the world's database from the server's side."""
    superuser = await postgres.connect()
    name = world.database.url.rpartition("/")[2]
    ended = await superuser.fetch(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND {which}",
        name,
    )
    await superuser.close()
    assert ended


async def test_a_database_that_goes_away_for_a_moment_delays_events(
    world: World, postgres: Postgres
) -> None:
    person = new_id()
    async with world.relay(), world.subscriber():
        await world.record(certified(person, 1))
        await until(world.is_settled)
        await cut(postgres, world)
        await until(lambda: recorded(world, certified(person, 2)))
        await until(world.is_settled)
    assert await world.effects_of(person) == [1, 2]


async def recorded(world: World, event: PersonCertified) -> bool:
    """Tries as a client does: what is unavailable is asked again."""
    try:
        await world.record(event)
    except ServiceError as error:
        return error.kind is not Kind.UNAVAILABLE
    return True


async def test_a_missing_stream_is_said_and_waited_for(bare_world: World) -> None:
    world, person = bare_world, new_id()
    with capture_logs() as logs:
        async with world.relay():
            await world.record(certified(person))
            await until(lambda: said(logs, "stream_missing"))
            await world.declare()
            await until(world.is_published)
    assert len(said(logs, "stream_missing")) == 1, "said once, not at each look"
    assert await world.in_stream() == 1


async def test_a_missing_consumer_is_said_and_waited_for(bare_world: World) -> None:
    world, person = bare_world, new_id()
    with capture_logs() as logs:
        async with world.relay(), world.subscriber() as subscriber:
            await until(lambda: said(logs, "consumer_missing"))
            assert not subscriber.is_consuming
            await world.declare()
            await until(lambda: subscriber.is_consuming)
            await world.record(certified(person))
            await until(world.is_settled)
    assert await world.effects_of(person) == [1]


async def test_a_consumer_that_is_removed_is_missed_at_once(world: World) -> None:
    person = new_id()
    with capture_logs() as logs:
        async with world.relay(), world.subscriber() as subscriber:
            await until(lambda: subscriber.is_consuming)
            client = await world.tester.connected()
            await client.jetstream().delete_consumer(STREAM, CONSUMER)
            await until(lambda: said(logs, "consumer_missing"))
            await world.declare()
            await world.record(certified(person))
            await until(world.is_settled)
    assert await world.effects_of(person) == [1]


def said(logs: Sequence[Mapping[str, object]], event: str) -> list[Mapping[str, object]]:
    return [line for line in logs if line["event"] == event]


async def test_what_passes_by_itself_is_tried_more_often_than_what_fails(world: World) -> None:
    person = new_id()
    world.effects.fail = lambda event, metadata: (
        unavailable("AWAY", "away") if metadata.deliveries < 12 else None
    )
    async with world.relay(), world.subscriber():
        await world.record(certified(person))
        await until(world.is_settled)
    assert await world.letters() == 0
    assert await world.effects_of(person) == [1]


async def test_a_broker_that_was_never_there_can_be_closed(
    free_port: Callable[[], int],
) -> None:
    broker = Broker(f"nats://127.0.0.1:{free_port()}", BrokerIdentity("sample"))
    broker.start()
    await asyncio.sleep(0)
    assert not broker.is_connected
    await broker.close()

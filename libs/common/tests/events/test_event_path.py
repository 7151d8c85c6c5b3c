"""From the commit to the effect: once, in order per aggregate, side by side over aggregates."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from itertools import pairwise

import pytest
from nats.js.api import ConsumerConfig
from sqlalchemy import select

from proctorium.assessment.events.v1.events_pb2 import AttemptCreated
from proctorium.enrollment.events.v1.events_pb2 import PersonCertified, PersonCreated
from proctorium_common.errors import unavailable
from proctorium_common.events.handling import EventMetadata, Handlers
from proctorium_common.events.publishing import OutboxRow, publish
from proctorium_common.events.subscriber import RetryPolicy, Subscriber
from proctorium_common.ids import new_id
from proctorium_common.storage.tables import outbox
from proctorium_devstack.testing.waiting import until

from .harness import ACK_WAIT, CONSUMER, QUICK, STREAM, Harness, certified, people


async def test_an_event_has_its_effect_and_both_sides_know_it(harness: Harness) -> None:
    person = new_id()
    async with harness.relay(), harness.subscriber():
        (event_id,) = await harness.record(certified(person))
        await until(harness.count_effects)
        await until(harness.is_settled)
    (metadata,) = harness.effects.metadata
    async with harness.database.transaction() as transaction:
        row = (await transaction.execute(select(outbox))).one()
    assert metadata == EventMetadata(
        event_id=event_id,
        subject=f"evt.enrollment.person.certified.v1.{person}",
        occurred_at=row.occurred_at,
        position=row.position,
        deliveries=1,
    )
    assert row.published_at is not None
    assert await harness.marks() == 1


async def test_events_of_one_aggregate_are_handled_in_their_order(harness: Harness) -> None:
    everyone = people(5)
    shuffled = random.Random(7)
    numbers = dict.fromkeys(everyone, 0)
    async with harness.relay(), harness.subscriber():
        for _ in range(40):
            events = []
            for person in shuffled.choices(everyone, k=5):
                numbers[person] += 1
                events.append(certified(person, numbers[person]))
            await harness.record(*events)
        await until(harness.is_settled)
    for person in everyone:
        assert await harness.effects_of(person) == list(range(1, numbers[person] + 1))


async def test_the_order_holds_when_some_fail_for_a_while(harness: Harness) -> None:
    everyone = people(4)
    failing = random.Random(11)
    harness.effects.fail = lambda event, metadata: (
        unavailable("AWAY", "away") if failing.random() < 0.3 else None
    )
    async with harness.relay(), harness.subscriber():
        for nth in range(1, 16):
            await harness.record(*(certified(person, nth) for person in everyone))
        await until(harness.is_settled)
    assert await harness.letters() == 0
    for person in everyone:
        assert await harness.effects_of(person) == list(range(1, 16))


async def test_a_slow_aggregate_holds_up_its_own_events_only(harness: Harness) -> None:
    slow, quick = people(2)
    harness.effects.gates[str(slow)] = asyncio.Event()
    async with harness.relay(), harness.subscriber():
        await harness.record(certified(slow, 1), certified(slow, 2), certified(quick, 1))
        await until(harness.count_effects)
        assert (await harness.effects_of(slow), await harness.effects_of(quick)) == ([], [1])
        assert (str(slow), 2) not in harness.effects.seen
        harness.effects.gates[str(slow)].set()
        await until(harness.is_settled)
    assert await harness.effects_of(slow) == [1, 2]


async def test_no_more_handlers_run_at_once_than_was_said(harness: Harness) -> None:
    everyone = people(6)
    for person in everyone:
        harness.effects.gates[str(person)] = asyncio.Event()
    async with harness.relay(), harness.subscriber(concurrency=2):
        await harness.record(*map(certified, everyone))
        await harness.effects.until_seen(2)
        await until(lambda: harness.has_in_hand(6))
        assert len(harness.effects.seen) == 2
        for gate in harness.effects.gates.values():
            gate.set()
        await until(harness.is_settled)
    assert await harness.count_effects() == 6


async def test_more_events_than_fit_in_hand_all_get_their_turn(harness: Harness) -> None:
    everyone = people(50)
    async with harness.relay(), harness.subscriber():
        for nth in range(1, 11):
            await harness.record(*(certified(person, nth) for person in everyone))
        await until(harness.is_settled)
    assert await harness.count_effects() == 500


async def test_what_fails_is_brought_again_later_and_later(harness: Harness) -> None:
    person = new_id()
    times: list[float] = []

    def fail(event: PersonCertified, metadata: EventMetadata) -> Exception | None:
        times.append(asyncio.get_running_loop().time())
        return unavailable("AWAY", "away") if metadata.deliveries < 4 else None

    harness.effects.fail = fail
    slower = RetryPolicy(initial_delay=timedelta(milliseconds=100), max_delay=timedelta(seconds=1))
    async with harness.relay(), harness.subscriber(retry=slower):
        await harness.record(certified(person))
        await until(harness.is_settled)
    assert [metadata.deliveries for metadata in harness.effects.metadata] == [1, 2, 3, 4]
    pauses = [after - before for before, after in pairwise(times)]
    assert [pause >= least for pause, least in zip(pauses, (0.1, 0.2, 0.4), strict=True)] == [
        True
    ] * 3
    assert await harness.effects_of(person) == [1]


async def test_later_events_wait_behind_one_that_failed_and_are_not_blamed(
    harness: Harness,
) -> None:
    person, other = people(2)
    harness.effects.fail = lambda event, metadata: (
        unavailable("AWAY", "away")
        if event.certified_until_time.seconds == 1 and metadata.deliveries < 6
        else None
    )
    async with harness.relay(), harness.subscriber():
        await harness.record(certified(person, 1), certified(person, 2), certified(other, 7))
        await until(harness.is_settled)
    assert await harness.effects_of(person) == [1, 2]
    later = [
        metadata.deliveries
        for metadata, (_, nth) in zip(harness.effects.metadata, harness.effects.seen, strict=True)
        if nth == 2
    ]
    assert later == [1], "being held back is no failure of its own"


async def test_a_second_delivery_of_what_was_handled_changes_nothing(harness: Harness) -> None:
    person = new_id()
    async with harness.relay(), harness.subscriber():
        await harness.record(certified(person))
        await until(harness.is_settled)
        client = await harness.tester.connected()
        stored = await client.jetstream().get_msg("ENROLLMENT", 1)
        headers = {**(stored.headers or {}), "Nats-Msg-Id": "another"}
        await client.jetstream().publish(stored.subject or "", stored.data or b"", headers=headers)
        await until(harness.is_settled)
        assert await harness.in_stream() == 2
    assert await harness.effects_of(person) == [1]
    assert len(harness.effects.seen) == 1


async def test_stopping_lets_handlers_end_and_gives_the_rest_back(harness: Harness) -> None:
    first, second = people(2)
    for person in (first, second):
        harness.effects.gates[str(person)] = asyncio.Event()
    async with harness.relay():
        async with harness.subscriber(concurrency=1) as subscriber:
            await harness.record(certified(first), certified(second))
            await harness.effects.until_seen(1)
            await until(lambda: harness.has_in_hand(2))
            subscriber.stop()
            harness.effects.gates[str(first)].set()
        assert await harness.effects_of() == [1], "what was begun ended, and nothing else began"
        harness.effects.gates[str(second)].set()
        async with harness.subscriber():
            await until(harness.is_settled)
    assert sorted(await harness.effects_of()) == [1, 1]


async def test_an_event_of_another_message_type_has_a_handler_of_its_own(harness: Harness) -> None:
    created: list[str] = []

    async def on_created(_: object, event: PersonCreated, __: EventMetadata) -> None:
        created.append(event.person_id)

    person = new_id()
    handlers: Handlers = {PersonCreated: on_created, **harness.effects.handlers}
    async with harness.relay(), harness.subscriber(handlers):
        async with harness.database.transaction() as transaction:
            transaction.record(PersonCreated(person_id=str(person)))
            transaction.record(certified(person, 2))
        await until(harness.is_settled)
    assert created == [str(person)]
    assert await harness.effects_of(person) == [2]


def test_a_consumer_listens_to_one_owner(harness: Harness) -> None:
    async def ignore(*_: object) -> None:
        return

    with pytest.raises(ValueError, match="one owner"):
        Subscriber(
            harness.database,
            harness.broker,
            CONSUMER,
            {PersonCreated: ignore, AttemptCreated: ignore},
            retry=QUICK,
        )


async def test_what_takes_longer_than_the_brokers_patience_is_not_brought_twice(
    harness: Harness,
) -> None:
    person = new_id()
    harness.effects.gates[str(person)] = asyncio.Event()
    async with harness.relay(), harness.subscriber():
        await harness.record(certified(person))
        await harness.effects.until_seen(1)
        await until_brought_again(harness, times=3)
        harness.effects.gates[str(person)].set()
        await until(harness.is_settled)
    assert await harness.delivered() == 1
    assert await harness.effects_of(person) == [1]


async def until_brought_again(harness: Harness, times: int) -> None:
    """Count the redeliveries to a consumer that never acknowledges, each after the broker's timeout."""
    jetstream = (await harness.tester.connected()).jetstream()
    patience = ConsumerConfig(durable_name="mute", ack_wait=ACK_WAIT.total_seconds())
    await jetstream.add_consumer(STREAM, patience)
    mute = await jetstream.pull_subscribe_bind("mute", STREAM)
    for _ in range(times):
        await mute.fetch(timeout=10 * ACK_WAIT.total_seconds())
    await jetstream.delete_consumer(STREAM, "mute")


async def test_behind_a_row_that_cannot_be_published_its_aggregate_waits_and_others_do_not(
    harness: Harness,
) -> None:
    stuck, free = (str(person) for person in people(2))
    rows = [
        row(1, stuck, f"evt.nobody.person.certified.v1.{stuck}"),
        row(2, stuck, f"evt.enrollment.person.certified.v1.{stuck}"),
        row(3, free, f"evt.enrollment.person.certified.v1.{free}"),
    ]
    jetstream = (await harness.tester.connected()).jetstream()
    outcome = await publish(jetstream, rows)
    assert outcome.published == [3]
    assert [(failure.row.position, failure.stream_is_missing) for failure in outcome.failures] == [
        (1, True)
    ]
    assert await harness.in_stream() == 1


def row(position: int, aggregate_id: str, subject: str) -> OutboxRow:
    return OutboxRow(position, str(new_id()), "enrollment.person", aggregate_id, subject, {}, b"")

"""Test events from commit to effect: handled once, in order within an aggregate, concurrently across aggregates."""

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


async def test_event_has_its_effect_and_is_marked_in_outbox_and_inbox(harness: Harness) -> None:
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
    assert await harness.inbox_rows() == 1


async def test_events_of_an_aggregate_are_handled_in_order(harness: Harness) -> None:
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


async def test_order_is_preserved_when_some_events_fail_temporarily(harness: Harness) -> None:
    everyone = people(4)
    failing = random.Random(11)
    harness.effects.fail = lambda event, metadata: (
        unavailable("UNREACHABLE", "unreachable") if failing.random() < 0.3 else None
    )
    async with harness.relay(), harness.subscriber():
        for nth in range(1, 16):
            await harness.record(*(certified(person, nth) for person in everyone))
        await until(harness.is_settled)
    assert await harness.dead_letters() == 0
    for person in everyone:
        assert await harness.effects_of(person) == list(range(1, 16))


async def test_slow_aggregate_delays_only_its_events(harness: Harness) -> None:
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


async def test_concurrency_of_handlers_is_limited(harness: Harness) -> None:
    everyone = people(6)
    for person in everyone:
        harness.effects.gates[str(person)] = asyncio.Event()
    async with harness.relay(), harness.subscriber(concurrency=2):
        await harness.record(*map(certified, everyone))
        await harness.effects.until_seen(2)
        await until(lambda: harness.has_pending_acks(6))
        assert len(harness.effects.seen) == 2
        for gate in harness.effects.gates.values():
            gate.set()
        await until(harness.is_settled)
    assert await harness.count_effects() == 6


async def test_more_events_than_the_pending_limit_are_all_handled(harness: Harness) -> None:
    everyone = people(50)
    async with harness.relay(), harness.subscriber():
        for nth in range(1, 11):
            await harness.record(*(certified(person, nth) for person in everyone))
        await until(harness.is_settled)
    assert await harness.count_effects() == 500


async def test_failed_event_is_redelivered_with_backoff(harness: Harness) -> None:
    person = new_id()
    times: list[float] = []

    def fail(event: PersonCertified, metadata: EventMetadata) -> Exception | None:
        times.append(asyncio.get_running_loop().time())
        return unavailable("UNREACHABLE", "unreachable") if metadata.deliveries < 4 else None

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


async def test_events_behind_a_failed_one_wait_without_counting_as_failed(
    harness: Harness,
) -> None:
    person, other = people(2)
    harness.effects.fail = lambda event, metadata: (
        unavailable("UNREACHABLE", "unreachable")
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
    assert later == [1], "waiting does not count as a failed delivery"


async def test_duplicate_message_has_no_second_effect(harness: Harness) -> None:
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


async def test_stop_waits_for_running_handlers_and_returns_the_rest(harness: Harness) -> None:
    first, second = people(2)
    for person in (first, second):
        harness.effects.gates[str(person)] = asyncio.Event()
    async with harness.relay():
        async with harness.subscriber(concurrency=1) as subscriber:
            await harness.record(certified(first), certified(second))
            await harness.effects.until_seen(1)
            await until(lambda: harness.has_pending_acks(2))
            subscriber.stop()
            harness.effects.gates[str(first)].set()
        assert await harness.effects_of() == [1], "the running handler ended, and no other started"
        harness.effects.gates[str(second)].set()
        async with harness.subscriber():
            await until(harness.is_settled)
    assert sorted(await harness.effects_of()) == [1, 1]


async def test_each_event_type_has_its_handler(harness: Harness) -> None:
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


def test_consumer_of_several_owners_is_refused(harness: Harness) -> None:
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


async def test_slow_handler_causes_no_redelivery(
    harness: Harness,
) -> None:
    person = new_id()
    harness.effects.gates[str(person)] = asyncio.Event()
    async with harness.relay(), harness.subscriber():
        await harness.record(certified(person))
        await harness.effects.until_seen(1)
        await wait_for_redeliveries(harness, times=3)
        harness.effects.gates[str(person)].set()
        await until(harness.is_settled)
    assert await harness.delivered() == 1
    assert await harness.effects_of(person) == [1]


async def wait_for_redeliveries(harness: Harness, times: int) -> None:
    """Wait for as long as the broker needs to deliver a message `times` times.

    The broker redelivers the message whenever the acknowledgement timeout has passed, because the consumer `mute` never
    acknowledges.
    """
    jetstream = (await harness.tester.connected()).jetstream()
    config = ConsumerConfig(durable_name="mute", ack_wait=ACK_WAIT.total_seconds())
    await jetstream.add_consumer(STREAM, config)
    mute = await jetstream.pull_subscribe_bind("mute", STREAM)
    for _ in range(times):
        await mute.fetch(timeout=10 * ACK_WAIT.total_seconds())
    await jetstream.delete_consumer(STREAM, "mute")


async def test_unpublishable_event_blocks_only_its_aggregate(
    harness: Harness,
) -> None:
    blocked, other = (str(person) for person in people(2))
    rows = [
        row(1, blocked, f"evt.nobody.person.certified.v1.{blocked}"),
        row(2, blocked, f"evt.enrollment.person.certified.v1.{blocked}"),
        row(3, other, f"evt.enrollment.person.certified.v1.{other}"),
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

"""Tests of events through the broker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest_asyncio
from google.protobuf.message import Message

from proctorium.assessment.events.v1 import events_pb2
from proctorium_common.clock import utc_now
from proctorium_common.events.envelope import MESSAGE_ID, POSITION, name_of, wrap
from proctorium_common.ids import new_id
from proctorium_devstack.components.nats import Nats
from proctorium_devstack.testing import TESTER

from ..builders import assessment_proto
from ..waiting import eventually
from .world import World
from .world import world as running_world


@pytest_asyncio.fixture
async def connected(
    migrated_database: Callable[[str], str], own_nats: Nats
) -> AsyncIterator[World]:
    await own_nats.declare()
    async with running_world(migrated_database("proctorium_assessment"), own_nats) as started:
        yield started


async def publish(nats: Nats, *events: Message) -> None:
    """Publish each event twice, as another service's relay does after a crash."""
    for position, event in enumerate(events, start=1):
        client = await nats.connect(name_of(event.DESCRIPTOR).owner)
        envelope = wrap(event, new_id(), utc_now())
        for delivery in ("first", "again"):
            headers = {**envelope.headers, POSITION: str(position)}
            headers[MESSAGE_ID] = f"{envelope.event_id}-{delivery}"
            await client.jetstream().publish(envelope.subject, envelope.body, headers=headers)
        await client.close()


async def test_events_pass_through_the_broker_once(connected: World, own_nats: Nats) -> None:
    published = await connected.publish(assessment_proto())
    seat = connected.seat(published.assessment_id)
    await publish(own_nats, seat.scheduled(), seat.joined(), seat.authorized())

    async def authorized() -> str:
        return "".join(
            attempt.attempt_id
            for attempt in await connected.attempts_of(seat)
            if attempt.state == 2
        )

    seat.attempt_id = await eventually(authorized)
    await seat.start()
    await seat.save(seat.change(1, 0))
    await publish(own_nats, seat.ended())

    client = await own_nats.connect(TESTER)
    subscription = await client.jetstream().subscribe(
        "evt.assessment.result.released.v1.>", ordered_consumer=True
    )
    message = await subscription.next_msg(timeout=15)
    released = events_pb2.ResultReleased.FromString(message.data)
    assert released.attempt_id == seat.attempt_id
    await client.close()
    assert len(await connected.events("attempt.created")) == 1
    assert len(await connected.sql("SELECT 1 FROM results")) == 1
    assert not await connected.sql("SELECT 1 FROM dead_letters")

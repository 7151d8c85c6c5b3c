"""Tests of events that the service receives and publishes through the broker."""

from __future__ import annotations

from proctorium.assessment.events.v1 import events_pb2
from proctorium_devstack.testing import TESTER
from proctorium_devstack.testing.waiting import until

from ..builders import assessment_proto
from .harness import Harness


async def test_events_pass_through_the_broker_once(connected: Harness) -> None:
    published = await connected.publish_assessment(assessment_proto())
    seat = connected.seat(published.assessment_id)
    await connected.publish(seat.scheduled(), seat.joined(), seat.authorized(), times=2)

    async def authorized() -> str:
        return "".join(
            attempt.attempt_id
            for attempt in await connected.attempts_of(seat)
            if attempt.state == 2
        )

    seat.attempt_id = await until(authorized)
    await seat.start()
    await seat.save(seat.change(1, 0))
    await connected.publish(seat.ended(), times=2)

    client = await connected.nats.connect(TESTER)
    subscription = await client.jetstream().subscribe(
        "evt.assessment.result.released.v1.>", ordered_consumer=True
    )
    message = await subscription.next_msg(timeout=15)
    released = events_pb2.ResultReleased.FromString(message.data)
    assert released.attempt_id == seat.attempt_id
    await client.close()
    assert len(await connected.events(events_pb2.AttemptCreated)) == 1
    assert len(await connected.rows("SELECT 1 FROM results")) == 1
    assert not await connected.rows("SELECT 1 FROM dead_letters")

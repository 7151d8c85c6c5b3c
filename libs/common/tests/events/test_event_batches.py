"""Test batch handlers: each event is handled once and in order, and an event that fails does not delay other events."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import insert

from proctorium.enrollment.events.v1.events_pb2 import PersonCertified
from proctorium_common.events.handling import Batched, EventMetadata, Handlers
from proctorium_common.events.replay import replay
from proctorium_common.ids import new_id
from proctorium_common.storage.database import Transaction
from proctorium_devstack.testing.waiting import until

from ..sample.storage.tables import effects
from .harness import Harness, certified, people
from .test_event_failures import LONG_AGO


class BatchEffects:
    """A batch handler that writes an effect for each event, but raises for events of the aggregate `poisoned`."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.poisoned: UUID | None = None
        self.first_may_end = asyncio.Event()

    async def __call__(
        self, transaction: Transaction, events: Sequence[tuple[PersonCertified, EventMetadata]]
    ) -> None:
        self.sizes.append(len(events))
        if len(self.sizes) == 1:
            await self.first_may_end.wait()
        for event, _ in events:
            values = {"what": event.person_id, "nth": event.certified_until_time.seconds}
            await transaction.execute(insert(effects), values)
        if str(self.poisoned) in {event.person_id for event, _ in events}:
            raise LookupError

    @property
    def handlers(self) -> Handlers:
        """The mapping that registers this object as the batch handler of the events that `certified` returns."""
        return {PersonCertified: Batched(self)}


async def test_events_received_during_a_commit_share_the_next_one(harness: Harness) -> None:
    handler, everybody = BatchEffects(), people(9)
    async with harness.relay(), harness.subscriber(handler.handlers):
        await harness.record(*(certified(person, nth) for nth in (1, 2) for person in everybody))

        async def all_delivered() -> bool:
            return await harness.has_pending_acks(18)

        await until(all_delivered)
        handler.first_may_end.set()
        await until(harness.is_settled)
    assert sum(handler.sizes) == 18
    assert max(handler.sizes) > 1
    for person in everybody:
        assert await harness.effects_of(person) == [1, 2]
    assert await harness.inbox_rows() == 18


async def test_failing_event_delays_only_its_aggregate(harness: Harness) -> None:
    handler, everybody = BatchEffects(), people(5)
    handler.first_may_end.set()
    handler.poisoned = everybody[2]
    async with harness.relay(), harness.subscriber(handler.handlers):
        await harness.record(*(certified(person, nth) for nth in (1, 2) for person in everybody))

        async def dead_lettered() -> bool:
            return await harness.dead_letters() == 2

        await until(dead_lettered)
        await until(harness.is_settled)
    for person in everybody:
        assert await harness.effects_of(person) == ([] if person == handler.poisoned else [1, 2])
    assert await harness.inbox_rows() == 8


async def test_redelivered_event_has_no_second_effect(harness: Harness) -> None:
    handler, person = BatchEffects(), new_id()
    handler.first_may_end.set()
    async with harness.relay(), harness.subscriber(handler.handlers):
        await harness.record(certified(person, 1))
        await until(harness.is_settled)
        await replay(harness.database, harness.owner, LONG_AGO)
        await until(harness.is_settled)
    assert await harness.effects_of(person) == [1]
    assert handler.sizes == [1]

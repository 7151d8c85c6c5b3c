"""Tests of the metrics of saving and of live delivery."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta
from typing import cast
from uuid import UUID

import pytest

from proctorium_assessment.operations.attempts import AttemptOverview
from proctorium_assessment.operations.published_assessments import PublishedAssessments
from proctorium_assessment.operations.saving import AnswerSaver, SentAnswer
from proctorium_assessment.operations.watch import AttemptWatch
from proctorium_common.errors import ServiceError
from proctorium_common.storage.database import Database
from proctorium_common.storage.listen import Listener
from proctorium_devstack.testing.metrics import ReadableMetrics
from proctorium_devstack.testing.waiting import TIMEOUT

from ..builders import RIGHT
from .harness import Harness, Seat

DURATION = "assessment.save.duration"


def sent(seat: Seat, sequence: int) -> SentAnswer:
    """Return the correct answer to the first item as a change."""
    answer = RIGHT[0].SerializeToString(deterministic=True)
    return SentAnswer(sequence, seat.items[0].item_id, answer, None)


async def test_save_is_recorded_as_saved_or_refused(harness: Harness) -> None:
    seat, other = await harness.started(), await harness.started()
    metrics = ReadableMetrics()
    saver = AnswerSaver(harness.database, PublishedAssessments(), harness.clock, metrics)
    for sequence in (1, 2):
        await saver.save(seat.learner.person_id, seat.attempt_id, [sent(seat, sequence)])
    with pytest.raises(ServiceError, match="NOT_YOUR_ATTEMPT"):
        await saver.save(other.learner.person_id, seat.attempt_id, [sent(seat, 3)])
    await saver.close()
    counts = {
        outcome: metrics.count(DURATION, outcome=outcome)
        for outcome in ("saved", "refused", "failed", "cancelled")
    }
    assert counts == {"saved": 2, "refused": 1, "failed": 0, "cancelled": 0}


async def test_save_without_a_database_is_recorded_as_failed(harness: Harness) -> None:
    seat = await harness.started()
    metrics = ReadableMetrics()
    database = Database("postgresql://nobody@127.0.0.1:1/nothing")
    saver = AnswerSaver(database, PublishedAssessments(), harness.clock, metrics)
    with pytest.raises(ServiceError, match="DATABASE_UNAVAILABLE"):
        await saver.save(seat.learner.person_id, seat.attempt_id, [sent(seat, 1)])
    assert metrics.count(DURATION, outcome="failed") == 1
    await saver.close()
    await database.close()


async def test_delivery_of_a_change_to_a_watch_is_recorded(harness: Harness) -> None:
    seat = await harness.joined()
    metrics, listener = ReadableMetrics(), Listener(harness.database)
    watch = AttemptWatch(
        harness.database, PublishedAssessments(), listener, timedelta(minutes=5), metrics
    )
    views = cast(
        "AsyncGenerator[AttemptOverview, None]",
        watch.watch(seat.learner.person_id, UUID(seat.attempt_id)),
    )
    async with asyncio.timeout(TIMEOUT), aclosing(views):
        first = await anext(views)
        assert metrics.count("live.fan_out.duration") == 0, "the first view is not a change"
        await harness.handle(seat.authorized())
        second = await anext(views)
        assert second.attempt.version > first.attempt.version
        await seat.start()
        await anext(views)
    assert metrics.count("live.fan_out.duration") == 1, "the last view may not be sent yet"
    await watch.close()
    await listener.close()

"""Tests that accommodations extend the time limits of attempts. Enrollment publishes them as events."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError

from proctorium.assessment.v1 import attempts_pb2 as pb
from proctorium.enrollment.events.v1.events_pb2 import PersonAccommodationsChanged
from proctorium_devstack.testing.waiting import next_response

from ..builders import assessment_proto
from .harness import Harness, Seat
from .test_watching import watch

LIMIT = timedelta(hours=1)


def changed(seat: Seat, percent: int, revision: int = 1) -> PersonAccommodationsChanged:
    return PersonAccommodationsChanged(
        person_id=seat.learner.id, revision=revision, extra_time_percent=percent
    )


def remaining(attempt: pb.Attempt) -> timedelta:
    return attempt.deadline_time.ToDatetime() - attempt.start_time.ToDatetime()


async def test_accommodation_extends_attempts_that_are_started_later(harness: Harness) -> None:
    seat = await harness.authorized()
    await harness.handle(changed(seat, 25))
    assert (await seat.attempt()).time_limit.ToTimedelta() == 1.25 * LIMIT
    started = await seat.start()
    assert remaining(started) == 1.25 * LIMIT
    assert started.time_limit.ToTimedelta() == 1.25 * LIMIT
    assert not started.HasField("extra_time")


async def test_accommodation_of_a_learner_who_joins_later_counts(harness: Harness) -> None:
    published = await harness.publish_assessment(assessment_proto())
    seat = harness.seat(published.assessment_id)
    await harness.handle(changed(seat, 50))
    for event in (seat.scheduled(), seat.joined(), seat.authorized()):
        await harness.handle(event)
    seat.attempt_id = (await harness.attempts_of(seat))[0].attempt_id
    assert remaining(await seat.start()) == 1.5 * LIMIT


async def test_changed_accommodation_applies_to_a_running_attempt_at_once(harness: Harness) -> None:
    seat = await harness.started()
    call = watch(seat)
    await next_response(call)
    await harness.handle(changed(seat, 25))
    assert remaining((await next_response(call)).attempt) == 1.25 * LIMIT
    await harness.handle(changed(seat, 0, revision=2))
    assert remaining(await seat.attempt()) == 1.25 * LIMIT


@pytest.mark.parametrize("order", [(1, 2), (2, 1), (1, 1, 2, 2)])
async def test_order_and_repetition_of_the_events_do_not_matter(
    harness: Harness, order: tuple[int, ...]
) -> None:
    seat = await harness.started()
    for revision in order:
        await harness.handle(changed(seat, 10 * revision, revision))
    assert remaining(await seat.attempt()) == 1.2 * LIMIT


async def test_last_revision_counts_although_the_clock_was_ahead_at_an_earlier_one(
    harness: Harness,
) -> None:
    seat = await harness.authorized()
    harness.clock.move(timedelta(seconds=2))
    await harness.handle(changed(seat, 0))
    harness.clock.move(timedelta(seconds=-1))
    await harness.handle(changed(seat, 50, revision=2))
    assert (await seat.attempt()).time_limit.ToTimedelta() == 1.5 * LIMIT
    harness.clock.move(timedelta(seconds=2))
    assert remaining(await seat.start()) == 1.5 * LIMIT


async def test_reduction_that_arrives_after_the_start_leaves_the_time_of_the_attempt(
    harness: Harness,
) -> None:
    seat = await harness.authorized()
    await harness.handle(changed(seat, 50))
    harness.clock.move(timedelta(seconds=2))
    await seat.start()
    harness.clock.move(timedelta(seconds=-1))
    await harness.handle(changed(seat, 0, revision=2))
    assert remaining(await seat.attempt()) == 1.5 * LIMIT
    await harness.handle(changed(seat, 60, revision=3))
    assert remaining(await seat.attempt()) == 1.6 * LIMIT


async def test_accommodations_of_others_change_nothing(harness: Harness) -> None:
    seat, other = await harness.started(), await harness.started()
    await harness.handle(changed(other, 25))
    assert remaining(await seat.attempt()) == LIMIT


async def test_start_and_change_at_the_same_time_extend_the_attempt(harness: Harness) -> None:
    seat = await harness.authorized()
    await asyncio.gather(seat.start(), harness.handle(changed(seat, 25)))
    assert remaining(await seat.attempt()) == 1.25 * LIMIT


async def test_database_refuses_changes_of_accommodations(harness: Harness) -> None:
    seat = await harness.authorized()
    await harness.handle(changed(seat, 25))
    for statement in (
        "UPDATE accommodations SET extra_time_percent = 50 WHERE person_id = :person",
        "DELETE FROM accommodations WHERE person_id = :person",
    ):
        with pytest.raises(DBAPIError):
            await harness.rows(statement, person=UUID(seat.learner.id))

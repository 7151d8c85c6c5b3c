"""Tests that a second attempt at an assessment is refused (`A10`)."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError

from proctorium.assessment.v1 import attempts_pb2
from proctorium_common.errors import Kind, ServiceError
from proctorium_devstack.testing.refusals import refusal

from .harness import Harness, Seat

VOIDED = attempts_pb2.ATTEMPT_STATE_VOIDED
RELEASED = attempts_pb2.ATTEMPT_STATE_RELEASED


async def in_another_session(harness: Harness, seat: Seat) -> Seat:
    """Return a seat of the same learner in a session of another course.

    The learner is authorised for the same assessment.
    """
    again = harness.seat(str(seat.assessment_id), learner=seat.learner)
    for event in (again.scheduled(), again.joined(), again.authorized()):
        await harness.handle(event)
    again.attempt_id = (await harness.attempts_of(again))[0].attempt_id
    return again


async def test_submitted_assessment_cannot_be_started_in_another_session(harness: Harness) -> None:
    seat = await harness.started()
    await seat.submit()
    again = await in_another_session(harness, seat)

    error = await harness.refused(again.start)
    assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "ATTEMPT_ALREADY_TAKEN")
    assert "its result is permanent" in error.message

    for session in (again, seat):
        await harness.handle(session.ended())
    assert (await again.attempt()).state == VOIDED
    assert (await seat.attempt()).state == RELEASED
    assert len(await harness.rows("SELECT 1 FROM results")) == 1


async def test_started_assessment_cannot_be_started_in_another_session(harness: Harness) -> None:
    seat = await harness.started()
    again = await in_another_session(harness, seat)
    assert (await harness.refused(again.start)).reason == "ATTEMPT_ALREADY_TAKEN"
    assert (await seat.start()).state == attempts_pb2.ATTEMPT_STATE_IN_PROGRESS, "as it was"
    for session in (again, seat):
        await harness.handle(session.ended())
    assert (await seat.attempt()).state == RELEASED
    assert (await again.attempt()).state == VOIDED


async def test_unstarted_attempt_does_not_prevent_another(harness: Harness) -> None:
    seat = await harness.authorized()
    await harness.handle(seat.ended())
    again = await in_another_session(harness, seat)
    assert (await again.start()).state == attempts_pb2.ATTEMPT_STATE_IN_PROGRESS


async def test_only_one_of_concurrent_starts_succeeds(harness: Harness) -> None:
    seat = await harness.authorized()
    seats = [seat, *[await in_another_session(harness, seat) for _ in range(5)]]

    async def try_to_start(each: Seat) -> str:
        try:
            await each.start()
        except Exception:  # noqa: BLE001 - checked below
            return "refused"
        return "started"

    outcomes = await asyncio.gather(*(try_to_start(each) for each in seats))
    assert sorted(outcomes) == ["refused"] * 5 + ["started"]
    errors: list[ServiceError] = [
        await refusal(each.start())
        for each, outcome in zip(seats, outcomes, strict=True)
        if outcome == "refused"
    ]
    assert {each.reason for each in errors} == {"ATTEMPT_ALREADY_TAKEN"}


async def test_another_learner_can_take_the_same_assessment(harness: Harness) -> None:
    seat = await harness.started()
    await seat.submit()
    neighbour = harness.seat(str(seat.assessment_id))
    for event in (neighbour.joined(), neighbour.authorized()):
        await harness.handle(event)
    neighbour.attempt_id = (await harness.attempts_of(neighbour))[0].attempt_id
    assert (await neighbour.start()).items


@pytest.mark.parametrize("submit", [False, True], ids=["in progress", "submitted"])
async def test_database_refuses_a_second_started_attempt(harness: Harness, submit: bool) -> None:
    seat = await harness.started()
    if submit:
        await seat.submit()
    again = await in_another_session(harness, seat)
    with pytest.raises(DBAPIError, match="uq_attempts_started"):
        await harness.rows(
            "UPDATE attempts SET state = 'in_progress', started_at = now() WHERE attempt_id = :id",
            id=UUID(again.attempt_id),
        )

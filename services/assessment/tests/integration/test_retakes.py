"""Nobody sits an assessment twice without approval (`A10`)."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from proctorium.assessment.v1 import attempts_pb2
from proctorium_common.errors import Kind, ServiceError
from proctorium_devstack.testing.refusals import refusal

from .world import Seat, World, refused

VOIDED = attempts_pb2.ATTEMPT_STATE_VOIDED
RELEASED = attempts_pb2.ATTEMPT_STATE_RELEASED


async def in_another_session(world: World, seat: Seat) -> Seat:
    """The same learner, authorised for the same assessment in a session of another course."""
    again = world.seat(str(seat.assessment_id), learner=seat.learner)
    for event in (again.scheduled(), again.joined(), again.authorized()):
        await world.handle(event)
    again.attempt_id = (await world.attempts_of(again))[0].attempt_id
    return again


async def test_a_handed_in_assessment_is_not_begun_again_in_another_session(world: World) -> None:
    seat = await world.begun()
    await seat.submit()
    again = await in_another_session(world, seat)

    told = await refused(world, again.begin())
    assert (told.kind, told.reason) == (Kind.INVALID_STATE_TRANSITION, "ATTEMPT_ALREADY_TAKEN")
    assert "its result is permanent" in told.message

    await world.handle(again.ended())
    assert (await again.attempt()).state == VOIDED
    assert (await seat.attempt()).state == RELEASED
    assert len(await world.sql("SELECT 1 FROM results")) == 1


async def test_what_is_begun_in_one_session_is_not_begun_in_another(world: World) -> None:
    seat = await world.begun()
    again = await in_another_session(world, seat)
    assert (await refused(world, again.begin())).reason == "ATTEMPT_ALREADY_TAKEN"
    assert (await seat.begin()).state == attempts_pb2.ATTEMPT_STATE_IN_PROGRESS, "as it was"
    for session in (again, seat):
        await world.handle(session.ended())
    assert (await seat.attempt()).state == RELEASED
    assert (await again.attempt()).state == VOIDED


async def test_an_attempt_that_was_never_begun_stands_in_nobodys_way(world: World) -> None:
    seat = await world.authorized()
    await world.handle(seat.ended())
    again = await in_another_session(world, seat)
    assert (await again.begin()).state == attempts_pb2.ATTEMPT_STATE_IN_PROGRESS


async def test_of_two_begun_at_once_one_is_refused(world: World) -> None:
    seat = await world.authorized()
    seats = [seat, *[await in_another_session(world, seat) for _ in range(5)]]

    async def try_to_start(each: Seat) -> str:
        try:
            await each.begin()
        except Exception:  # noqa: BLE001 - told below, by asking again
            return "refused"
        return "begun"

    outcomes = await asyncio.gather(*(try_to_start(each) for each in seats))
    assert sorted(outcomes) == ["begun"] + ["refused"] * 5
    told: list[ServiceError] = [
        await refusal(each.begin())
        for each, outcome in zip(seats, outcomes, strict=True)
        if outcome == "refused"
    ]
    assert {each.reason for each in told} == {"ATTEMPT_ALREADY_TAKEN"}


async def test_another_learner_takes_the_same_assessment(world: World) -> None:
    seat = await world.begun()
    await seat.submit()
    neighbour = world.seat(str(seat.assessment_id))
    for event in (neighbour.joined(), neighbour.authorized()):
        await world.handle(event)
    neighbour.attempt_id = (await world.attempts_of(neighbour))[0].attempt_id
    assert (await neighbour.begin()).items


@pytest.mark.parametrize("submit", [False, True], ids=["in progress", "submitted"])
async def test_the_database_keeps_one_begun_attempt_of_a_person_at_an_assessment(
    world: World, submit: bool
) -> None:
    seat = await world.begun()
    if submit:
        await seat.submit()
    again = await in_another_session(world, seat)
    with pytest.raises(asyncpg.UniqueViolationError, match="uq_attempts_started"):
        await world.sql(
            "UPDATE attempts SET state = 'in_progress', started_at = now() WHERE attempt_id = $1",
            again.attempt_id,
        )

"""Tests of the release of removed learners' results by administrators."""

from __future__ import annotations

from collections.abc import Awaitable
from uuid import UUID

import pytest

from proctorium.assessment.events.v1 import events_pb2
from proctorium.assessment.v1 import attempts_pb2, grading_pb2, results_pb2
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal

from .world import Person, Seat, World, refused

WHY = "The camera had failed; nothing was against the rules."


def release(
    who: Person, *attempt_ids: str, request_id: str = "", why: str = WHY
) -> Awaitable[grading_pb2.ReleaseResultsResponse]:
    return who.grading.ReleaseResults(
        grading_pb2.ReleaseResultsRequest(
            request_id=request_id, attempt_ids=attempt_ids, release_reason=why
        )
    )


async def removed(world: World, answered: int = 4) -> Seat:
    """Return a learner who was removed from the session after a number of correct answers."""
    seat = await world.started()
    if answered:
        await seat.save(*(seat.change(item + 1, item) for item in range(answered)))
    await world.handle(seat.removed())
    return seat


async def seen(seat: Seat) -> results_pb2.Result:
    request = results_pb2.GetResultRequest(attempt_id=seat.attempt_id)
    return (await seat.learner.results.GetResult(request)).result


async def test_released_result_is_visible_to_its_learner(world: World) -> None:
    seat = await removed(world)
    [released] = (await release(world.administrator, seat.attempt_id)).results
    assert (released.attempt_id, released.points, released.passed) == (seat.attempt_id, 8, True)
    assert released.HasField("release_time")

    assert (await seat.attempt()).state == attempts_pb2.ATTEMPT_STATE_RELEASED
    shown = await seen(seat)
    assert (shown.result_id, shown.version) == (released.result_id, 1)
    [published] = [
        events_pb2.ResultReleased.FromString(b) for b in await world.events("result.released")
    ]
    assert (published.result_id, published.person_id, published.passed) == (
        released.result_id,
        str(seat.learner.person_id),
        True,
    )
    assert published.course_id == str(seat.course_id)
    [row] = await world.sql("SELECT * FROM releases")
    assert (row["attempt_id"], row["released_by"], row["release_reason"]) == (
        UUID(seat.attempt_id),
        world.administrator.person_id,
        WHY,
    )


async def test_failed_result_can_be_released(world: World) -> None:
    seat = await removed(world, answered=0)
    [released] = (await release(world.administrator, seat.attempt_id)).results
    assert not released.passed
    assert len(await world.events("result.released")) == 1
    assert not (await seen(seat)).passed


async def test_repeated_release_changes_nothing(world: World) -> None:
    seat = await removed(world)
    first = await release(world.administrator, seat.attempt_id, request_id="once")
    before = await world.state()
    assert await release(world.administrator, seat.attempt_id, request_id="once") == first
    again = await release(world.person("administrator"), seat.attempt_id, why="Me too.")
    assert again == first
    assert await world.state() == before
    assert len(await world.events("result.released")) == 1


async def test_release_of_an_automatically_released_result_returns_it(world: World) -> None:
    seat = await world.started()
    await seat.submit()
    before = await world.state()
    [shown] = (await release(world.administrator, seat.attempt_id)).results
    assert shown.HasField("release_time")
    assert await world.state() == before
    assert len(await world.events("result.released")) == 1


async def test_released_results_are_in_the_order_of_the_request(world: World) -> None:
    seats = [await removed(world), await removed(world, answered=1)]
    ids = [seat.attempt_id for seat in reversed(seats)]
    released = (await release(world.administrator, *ids)).results
    assert [each.attempt_id for each in released] == ids
    assert [each.points for each in released] == [2, 8]


async def test_release_is_refused_as_a_whole(world: World) -> None:
    seat = await removed(world)
    for unfit, reason in (
        (str(new_id()), "NOT_FOUND"),
        ((await world.authorized()).attempt_id, "INVALID_STATE_TRANSITION"),
        ((await world.started()).attempt_id, "INVALID_STATE_TRANSITION"),
    ):
        error = await refused(world, release(world.administrator, seat.attempt_id, unfit))
        assert (error.reason, error.metadata["attempt_id"]) == (reason, unfit)
    assert await world.events("result.released") == []


@pytest.mark.parametrize("role", ["learner", "proctor"])
async def test_release_by_others_than_administrators_is_refused(world: World, role: str) -> None:
    seat = await removed(world)
    who = seat.learner if role == "learner" else world.person("proctor", person_id=seat.proctor_id)
    assert (await refused(world, release(who, seat.attempt_id))).reason == "NOT_ALLOWED"


async def test_release_of_the_own_result_is_refused(world: World) -> None:
    seat, other = await removed(world), await removed(world)
    both = world.person("learner", "administrator", person_id=seat.learner.person_id)
    for ids in ([seat.attempt_id], [other.attempt_id, seat.attempt_id]):
        error = await refused(world, release(both, *ids))
        assert (error.reason, "your own" in error.message) == ("NOT_ALLOWED", True)
    [shown] = (await release(world.administrator, seat.attempt_id)).results
    assert list((await release(both, seat.attempt_id)).results) == [shown]
    [freed] = (await release(both, other.attempt_id)).results
    assert freed.HasField("release_time")


async def test_release_without_reason_or_attempts_is_invalid(world: World) -> None:
    seat = await removed(world)
    for call in (
        release(world.administrator, seat.attempt_id, why=""),
        release(world.administrator),
        release(world.administrator, seat.attempt_id, seat.attempt_id),
        release(world.administrator, "x"),
    ):
        assert (await refusal(call)).reason == "INVALID_REQUEST"

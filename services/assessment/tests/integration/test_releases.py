"""Tests that administrators release the results of removed learners."""

from __future__ import annotations

from collections.abc import Awaitable
from uuid import UUID

import pytest

from proctorium.assessment.events.v1 import events_pb2
from proctorium.assessment.v1 import attempts_pb2, grading_pb2, results_pb2
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal

from .harness import Harness, Person, Seat

WHY = "The camera had failed; nothing was against the rules."


def release(
    who: Person, *attempt_ids: str, request_id: str = "", why: str = WHY
) -> Awaitable[grading_pb2.ReleaseResultsResponse]:
    return who.grading.ReleaseResults(
        grading_pb2.ReleaseResultsRequest(
            request_id=request_id, attempt_ids=attempt_ids, release_reason=why
        )
    )


async def removed(harness: Harness, answered: int = 4) -> Seat:
    """Return the seat of a learner who gave `answered` correct answers, and was removed when the session ended."""
    seat = await harness.started()
    if answered:
        await seat.save(*(seat.change(item + 1, item) for item in range(answered)))
    await harness.handle(seat.removed())
    await harness.handle(seat.ended(removed=True))
    return seat


async def seen(seat: Seat) -> results_pb2.Result:
    request = results_pb2.GetResultRequest(attempt_id=seat.attempt_id)
    return (await seat.learner.results.GetResult(request)).result


async def test_released_result_is_visible_to_its_learner(harness: Harness) -> None:
    seat = await removed(harness)
    [released] = (await release(harness.administrator, seat.attempt_id)).results
    assert (released.attempt_id, released.points, released.passed) == (seat.attempt_id, 8, True)
    assert released.HasField("release_time")

    assert (await seat.attempt()).state == attempts_pb2.ATTEMPT_STATE_RELEASED
    shown = await seen(seat)
    assert (shown.result_id, shown.version) == (released.result_id, 1)
    [published] = await harness.events(events_pb2.ResultReleased)
    assert (published.result_id, published.person_id, published.passed) == (
        released.result_id,
        str(seat.learner.person_id),
        True,
    )
    assert published.course_id == str(seat.course_id)
    [row] = await harness.rows("SELECT * FROM releases")
    assert (row.attempt_id, row.released_by, row.release_reason) == (
        UUID(seat.attempt_id),
        harness.administrator.person_id,
        WHY,
    )


async def test_failed_result_can_be_released(harness: Harness) -> None:
    seat = await removed(harness, answered=0)
    [released] = (await release(harness.administrator, seat.attempt_id)).results
    assert not released.passed
    assert len(await harness.events(events_pb2.ResultReleased)) == 1
    assert not (await seen(seat)).passed


async def test_repeated_release_changes_nothing(harness: Harness) -> None:
    seat = await removed(harness)
    first = await release(harness.administrator, seat.attempt_id, request_id="once")
    before = await harness.state()
    assert await release(harness.administrator, seat.attempt_id, request_id="once") == first
    again = await release(harness.person("administrator"), seat.attempt_id, why="Me too.")
    assert again == first
    assert await harness.state() == before
    assert len(await harness.events(events_pb2.ResultReleased)) == 1


async def test_release_of_an_automatically_released_result_returns_it(harness: Harness) -> None:
    seat = await harness.started()
    await harness.submit_and_end(seat)
    before = await harness.state()
    [shown] = (await release(harness.administrator, seat.attempt_id)).results
    assert shown.HasField("release_time")
    assert await harness.state() == before
    assert len(await harness.events(events_pb2.ResultReleased)) == 1


async def test_released_results_are_in_the_order_of_the_request(harness: Harness) -> None:
    seats = [await removed(harness), await removed(harness, answered=1)]
    ids = [seat.attempt_id for seat in reversed(seats)]
    released = (await release(harness.administrator, *ids)).results
    assert [each.attempt_id for each in released] == ids
    assert [each.points for each in released] == [2, 8]


async def test_release_is_refused_as_a_whole(harness: Harness) -> None:
    seat = await removed(harness)
    early = await harness.started()
    await early.submit()
    for unfit, reason in (
        (str(new_id()), "NOT_FOUND"),
        ((await harness.authorized()).attempt_id, "INVALID_STATE_TRANSITION"),
        ((await harness.started()).attempt_id, "INVALID_STATE_TRANSITION"),
        (early.attempt_id, "INVALID_STATE_TRANSITION"),
    ):
        error = await harness.refused(release, harness.administrator, seat.attempt_id, unfit)
        assert (error.reason, error.metadata["attempt_id"]) == (reason, unfit)
    assert await harness.events(events_pb2.ResultReleased) == []


@pytest.mark.parametrize("role", ["learner", "proctor"])
async def test_release_by_others_than_administrators_is_refused(
    harness: Harness, role: str
) -> None:
    seat = await removed(harness)
    who = (
        seat.learner if role == "learner" else harness.person("proctor", person_id=seat.proctor_id)
    )
    assert (await harness.refused(release, who, seat.attempt_id)).reason == "NOT_ALLOWED"


async def test_release_of_the_own_result_is_refused(harness: Harness) -> None:
    seat, other = await removed(harness), await removed(harness)
    both = harness.person("learner", "administrator", person_id=seat.learner.person_id)
    for ids in ([seat.attempt_id], [other.attempt_id, seat.attempt_id]):
        error = await harness.refused(release, both, *ids)
        assert (error.reason, "your own" in error.message) == ("NOT_ALLOWED", True)
    [shown] = (await release(harness.administrator, seat.attempt_id)).results
    assert list((await release(both, seat.attempt_id)).results) == [shown]
    [freed] = (await release(both, other.attempt_id)).results
    assert freed.HasField("release_time")


async def test_release_without_reason_or_attempts_is_invalid(harness: Harness) -> None:
    seat = await removed(harness)
    for call in (
        release(harness.administrator, seat.attempt_id, why=""),
        release(harness.administrator),
        release(harness.administrator, seat.attempt_id, seat.attempt_id),
        release(harness.administrator, "x"),
    ):
        assert (await refusal(call)).reason == "INVALID_REQUEST"

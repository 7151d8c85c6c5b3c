"""Tests that withdrawals of authorisations may arrive in any order, before or after the start of the attempt."""

from __future__ import annotations

from itertools import permutations
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError

from proctorium.assessment.events.v1 import events_pb2
from proctorium.assessment.v1 import attempts_pb2 as pb
from proctorium_devstack.testing.waiting import next_response

from .harness import Harness, Seat
from .test_watching import watch

WAITING = pb.ATTEMPT_STATE_AWAITING_AUTHORIZATION
AUTHORIZED = pb.ATTEMPT_STATE_AUTHORIZED
IN_PROGRESS = pb.ATTEMPT_STATE_IN_PROGRESS


async def withdrawals(harness: Harness, seat: Seat) -> list[int]:
    """Return the revisions of the published withdrawals."""
    return [
        each.authorization_revision
        for each in await harness.events(events_pb2.AttemptAuthorizationWithdrawn)
        if each.attempt_id == seat.attempt_id
    ]


async def test_withdrawal_before_the_start_prevents_the_start(harness: Harness) -> None:
    seat = await harness.authorized()
    call = watch(seat)
    await next_response(call)
    for _ in range(2):
        await harness.handle(seat.withdrawn(2))
    assert (await next_response(call)).attempt.state == WAITING
    error = await harness.refused(
        seat.learner.attempts.StartAttempt, pb.StartAttemptRequest(attempt_id=seat.attempt_id)
    )
    assert error.reason == "ATTEMPT_NOT_AUTHORIZED"
    assert set(await withdrawals(harness, seat)) == {2}
    await harness.handle(seat.authorized(3))
    assert (await seat.start()).state == IN_PROGRESS


async def test_late_withdrawal_does_not_change_a_started_attempt(harness: Harness) -> None:
    seat = await harness.started()
    await harness.handle(seat.withdrawn(2))
    assert (await seat.attempt()).state == IN_PROGRESS
    assert not await withdrawals(harness, seat)


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
@pytest.mark.parametrize("is_joined", [True, False])
async def test_authorisation_with_the_greatest_revision_counts_in_any_order(
    harness: Harness, order: tuple[int, ...], is_joined: bool
) -> None:
    seat = await harness.joined()
    if not is_joined:
        session_id, seat = seat.session_id, harness.seat(str(seat.assessment_id))
        seat.session_id = session_id
    events = [seat.authorized(1), seat.withdrawn(2), seat.authorized(3)]
    for number in (*order, *order):
        await harness.handle(events[number])
    (state,) = [each.state for each in await harness.attempts_of(seat) if is_own(seat, each)]
    assert state == AUTHORIZED


@pytest.mark.parametrize("order", list(permutations(range(2))), ids=str)
async def test_withdrawal_has_a_result_in_any_order(
    harness: Harness, order: tuple[int, ...]
) -> None:
    seat = await harness.joined()
    events = [seat.authorized(1), seat.withdrawn(2)]
    for number in (*order, *order):
        await harness.handle(events[number])
    (attempt,) = [each for each in await harness.attempts_of(seat) if is_own(seat, each)]
    assert attempt.state == WAITING
    published = await harness.events(events_pb2.AttemptAuthorizationWithdrawn)
    revisions = [
        each.authorization_revision for each in published if each.attempt_id == attempt.attempt_id
    ]
    assert 2 in revisions


def is_own(seat: Seat, attempt: pb.Attempt) -> bool:
    return attempt.person_id == str(seat.learner.person_id)


async def test_database_refuses_an_older_authorisation(harness: Harness) -> None:
    seat = await harness.authorized()
    with pytest.raises(DBAPIError, match="RestrictViolation"):
        await harness.rows(
            "UPDATE attempts SET authorization_revision = 0 WHERE attempt_id = :id",
            id=UUID(seat.attempt_id),
        )

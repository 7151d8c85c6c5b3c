"""Tests that attempts continue after the end of the session for their participant was undone."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from proctorium.assessment.events.v1 import events_pb2
from proctorium.assessment.v1 import attempts_pb2 as pb
from proctorium_devstack.testing.refusals import refusal

from .harness import Harness, Seat
from .test_provisional import save_late
from .test_results import result
from .test_time_events import start_of, utc

LIMIT = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


async def end_for(harness: Harness, seat: Seat, *, removed: bool = False) -> datetime:
    ended_at = harness.clock()
    await harness.handle(seat.ended_for(at=ended_at, removed=removed))
    return ended_at


async def test_attempt_continues_and_its_clock_stood_still(harness: Harness) -> None:
    seat = await harness.started()
    began = await start_of(seat)
    ended_at = await end_for(harness, seat)
    assert (await seat.attempt()).state == pb.ATTEMPT_STATE_SUBMITTED
    harness.clock.move(2 * MINUTE)
    await save_late(seat, 1, 0)
    undone_at = harness.clock()
    await harness.handle(seat.end_undone(ended_at, undone_at))

    attempt = await seat.attempt()
    assert (attempt.state, attempt.clock_state) == (
        pb.ATTEMPT_STATE_IN_PROGRESS,
        pb.CLOCK_STATE_RUNNING,
    )
    assert attempt.deadline_time.ToDatetime() == utc(began + LIMIT + (undone_at - ended_at))
    assert (attempt.answered_count, attempt.late_count) == (0, 1)
    await seat.save(seat.change(2, 1))
    [reopened] = await harness.events(events_pb2.AttemptReopened)
    assert reopened.attempt_id == seat.attempt_id
    await seat.submit()
    await harness.handle(seat.ended(harness.clock(), own_events=1))
    assert (await result(seat.learner, seat)).points == 2


@pytest.mark.parametrize("is_authorized", [True, False], ids=["authorised", "not authorised"])
async def test_attempt_that_was_not_started_is_restored(
    harness: Harness, is_authorized: bool
) -> None:
    seat = await (harness.authorized() if is_authorized else harness.joined())
    before = (await seat.attempt()).state
    ended_at = await end_for(harness, seat)
    await harness.handle(seat.end_undone(ended_at, harness.clock()))
    assert (await seat.attempt()).state == before


async def test_attempt_that_its_learner_submitted_stays_submitted(harness: Harness) -> None:
    seat = await harness.started()
    await seat.submit()
    ended_at = await end_for(harness, seat)
    await harness.handle(seat.end_undone(ended_at, harness.clock()))
    assert (await seat.attempt()).state == pb.ATTEMPT_STATE_SUBMITTED


async def test_removed_learner_is_paused_until_the_readmission(harness: Harness) -> None:
    seat = await harness.started()
    await harness.handle(seat.removed(harness.clock()))
    ended_at = await end_for(harness, seat, removed=True)
    await harness.handle(seat.end_undone(ended_at, harness.clock()))
    assert (await seat.attempt()).clock_state == pb.CLOCK_STATE_PAUSED
    await harness.handle(seat.readmitted(harness.clock()))
    assert (await seat.attempt()).clock_state == pb.CLOCK_STATE_RUNNING


async def test_end_that_arrives_after_it_was_undone_changes_nothing(harness: Harness) -> None:
    seat = await harness.started()
    ended_at = harness.clock()
    ended, undone = seat.ended_for(at=ended_at), seat.end_undone(ended_at, ended_at + MINUTE)
    harness.clock.move(2 * MINUTE)
    await harness.handle(undone)
    first = await seat.attempt()
    harness.rewind()
    await harness.handle(ended)
    again = await seat.attempt()
    assert first.state == again.state == pb.ATTEMPT_STATE_IN_PROGRESS
    assert first.deadline_time == again.deadline_time


async def test_undo_that_arrives_after_the_end_of_the_session_counts_late_answers(
    harness: Harness,
) -> None:
    seat = await harness.started()
    ended_at = await end_for(harness, seat)
    harness.clock.move(MINUTE)
    undone_at = harness.clock()
    harness.clock.move(MINUTE)
    await save_late(seat, 1, 0)
    harness.clock.move(MINUTE)
    await harness.handle(seat.ended(harness.clock(), own_events=1))
    assert (await refusal(result(seat.learner, seat))).reason == "RESULT_NOT_RELEASED"
    await harness.handle(seat.end_undone(ended_at, undone_at))
    attempt = await seat.attempt()
    assert attempt.submit_cause == pb.SUBMIT_CAUSE_SESSION_ENDED
    assert (attempt.answered_count, attempt.late_count) == (1, 0)
    assert (await result(seat.learner, seat)).points == 2


async def test_unstarted_attempt_stays_voided_if_the_session_has_ended_meanwhile(
    harness: Harness,
) -> None:
    seat = await harness.authorized()
    ended_at = await end_for(harness, seat)
    await harness.handle(seat.ended(harness.clock(), own_events=1))
    await harness.handle(seat.end_undone(ended_at, ended_at))
    assert (await seat.attempt()).state == pb.ATTEMPT_STATE_VOIDED


async def test_session_ends_for_the_learner_again(harness: Harness) -> None:
    seat = await harness.started()
    for _ in range(2):
        ended_at = await end_for(harness, seat)
        harness.clock.move(MINUTE)
        await harness.handle(seat.end_undone(ended_at, harness.clock()))
        assert (await seat.attempt()).state == pb.ATTEMPT_STATE_IN_PROGRESS
    await end_for(harness, seat)
    assert (await seat.attempt()).submit_cause == pb.SUBMIT_CAUSE_ENDED_BY_PROCTOR

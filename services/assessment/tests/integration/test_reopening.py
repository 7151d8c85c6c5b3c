"""Tests that a reopened session continues its attempts, and that results are held while it can be reopened."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError

from proctorium.assessment.events.v1 import events_pb2
from proctorium.assessment.v1 import attempts_pb2 as pb
from proctorium_devstack.testing.refusals import refusal
from proctorium_devstack.testing.waiting import until

from .harness import Harness, Seat
from .test_outages import Outage
from .test_provisional import save_late
from .test_releases import release
from .test_results import result
from .test_time_events import Pause, start_of, utc

LIMIT = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
WINDOW = 5 * MINUTE


async def end(harness: Harness, seat: Seat, **fields: object) -> datetime:
    """End the session now, so that its proctors can reopen it, and return the time of the end."""
    ended_at = harness.clock()
    await harness.handle(seat.ended(ended_at, reopen_until=ended_at + WINDOW, **fields))  # type: ignore[arg-type]
    return ended_at


async def reopen(harness: Harness, seat: Seat, ended_at: datetime) -> datetime:
    """Reopen the session now, and return the time of the reopening."""
    reopened_at = harness.clock()
    await harness.handle(seat.reopened(ended_at, reopened_at))
    return reopened_at


async def test_attempt_continues_and_its_clock_stood_still_while_the_session_was_over(
    harness: Harness,
) -> None:
    seat = await harness.started()
    await seat.save(seat.change(1, 0))
    began = await start_of(seat)
    ended_at = await end(harness, seat)
    assert (await seat.attempt()).state == pb.ATTEMPT_STATE_SUBMITTED
    harness.clock.move(2 * MINUTE)
    await save_late(seat, 2, 1)
    reopened_at = harness.clock()
    harness.clock.move(MINUTE)
    await save_late(seat, 3, 2)
    await harness.handle(seat.reopened(ended_at, reopened_at))

    attempt = await seat.attempt()
    assert (attempt.state, attempt.clock_state) == (
        pb.ATTEMPT_STATE_IN_PROGRESS,
        pb.CLOCK_STATE_RUNNING,
    )
    assert attempt.deadline_time.ToDatetime() == utc(began + LIMIT + (reopened_at - ended_at))
    assert not attempt.HasField("submit_time")
    # The answer from the time in which the session was over stays late, and the answer after the reopening counts.
    assert [each.sequence for each in attempt.answers] == [1, 3]
    assert attempt.late_count == 1
    await seat.save(seat.change(4, 3))
    [reopened] = await harness.events(events_pb2.AttemptReopened)
    assert reopened.attempt_id == seat.attempt_id
    [changed] = await harness.events(events_pb2.AttemptTimeChanged)
    assert changed.deadline_time == attempt.deadline_time

    await harness.handle(seat.ended(harness.clock(), common_events=1))
    scored = await result(seat.learner, seat)
    assert scored.points == 6


@pytest.mark.parametrize("is_outage_first", [False, True], ids=["in order", "outage first"])
async def test_clock_of_a_learner_who_is_away_stands_still_after_the_reopening(
    harness: Harness, is_outage_first: bool
) -> None:
    seat = await harness.started()
    began = await start_of(seat)
    ended_at = await end(harness, seat)
    harness.clock.move(2 * MINUTE)
    reopened_at = harness.clock()
    outage = Outage(seat, reopened_at, 10 * MINUTE)
    events = [seat.reopened(ended_at, reopened_at), outage.started()]
    for event in reversed(events) if is_outage_first else events:
        await harness.handle(event)
    assert (await seat.attempt()).clock_state == pb.CLOCK_STATE_STOPPED
    harness.clock.move(3 * MINUTE)
    await harness.handle(outage.ended(3 * MINUTE))
    attempt = await seat.attempt()
    stood_still = reopened_at - ended_at + 3 * MINUTE
    assert attempt.deadline_time.ToDatetime() == utc(began + LIMIT + stood_still)
    assert attempt.returned_time.ToTimedelta() == 3 * MINUTE


async def test_late_answers_from_the_time_of_the_end_never_count(harness: Harness) -> None:
    seat = await harness.started()
    ended_at = await end(harness, seat)
    harness.clock.move(MINUTE)
    await save_late(seat, 1, 0)
    await reopen(harness, seat, ended_at)
    pause = Pause(seat, harness.clock())
    await harness.handle(pause.paused())
    await harness.handle(pause.resumed(MINUTE))
    harness.clock.move(2 * MINUTE)
    attempt = await seat.submit()
    assert (attempt.answered_count, attempt.late_count) == (0, 1)


async def test_attempt_that_its_learner_submitted_stays_submitted(harness: Harness) -> None:
    seat = await harness.started()
    await seat.submit()
    await reopen(harness, seat, await end(harness, seat))
    attempt = await seat.attempt()
    assert attempt.state == pb.ATTEMPT_STATE_SUBMITTED
    assert attempt.submit_cause == pb.SUBMIT_CAUSE_LEARNER
    assert await harness.events(events_pb2.AttemptReopened) == []


@pytest.mark.parametrize("is_authorized", [True, False])
async def test_attempt_that_was_not_started_is_restored(
    harness: Harness, is_authorized: bool
) -> None:
    seat = await (harness.authorized() if is_authorized else harness.joined())
    ended_at = await end(harness, seat)
    assert (await seat.attempt()).state == pb.ATTEMPT_STATE_VOIDED
    await reopen(harness, seat, ended_at)
    expected = (
        pb.ATTEMPT_STATE_AUTHORIZED if is_authorized else pb.ATTEMPT_STATE_AWAITING_AUTHORIZATION
    )
    assert (await seat.attempt()).state == expected
    [restored] = await harness.events(events_pb2.AttemptRestored)
    assert (restored.attempt_id, restored.authorized) == (seat.attempt_id, is_authorized)
    if is_authorized:
        assert (await seat.start()).remaining_time.ToTimedelta() > LIMIT - MINUTE


async def test_learner_for_whom_the_session_was_ended_earlier_does_not_continue(
    harness: Harness,
) -> None:
    seat = await harness.started()
    await harness.handle(seat.ended_for())
    await reopen(harness, seat, await end(harness, seat))
    assert (await seat.attempt()).state == pb.ATTEMPT_STATE_SUBMITTED


async def test_removed_learner_is_paused_until_the_readmission(harness: Harness) -> None:
    seat = await harness.started()
    removed_at = harness.clock()
    await harness.handle(seat.removed(removed_at))
    ended_at = await end(harness, seat, removed=True)
    harness.clock.move(MINUTE)
    await reopen(harness, seat, ended_at)
    attempt = await seat.attempt()
    assert (attempt.state, attempt.clock_state) == (
        pb.ATTEMPT_STATE_IN_PROGRESS,
        pb.CLOCK_STATE_PAUSED,
    )
    await harness.handle(seat.readmitted(harness.clock()))
    assert (await seat.attempt()).clock_state == pb.CLOCK_STATE_RUNNING


async def test_result_is_held_until_the_proctors_can_no_longer_reopen_the_session(
    harness: Harness,
) -> None:
    seat = await harness.started()
    await seat.submit()
    await end(harness, seat)
    assert (await refusal(result(seat.learner, seat))).reason == "RESULT_NOT_RELEASED"
    assert not (await seat.attempt()).items, (
        "questions stay hidden while the session can be reopened"
    )
    refused = await refusal(release(harness.administrator, seat.attempt_id))
    assert refused.reason == "INVALID_STATE_TRANSITION"
    assert refused.metadata["attempt_id"] == seat.attempt_id

    await harness.handle(seat.finalized())
    assert (await result(seat.learner, seat)).points == 0
    assert len((await seat.attempt()).items) == 4


async def test_administrator_releases_a_result_if_the_event_about_the_window_is_lost(
    harness: Harness,
) -> None:
    seat = await harness.started()
    await seat.submit()
    await end(harness, seat)
    harness.clock.move(WINDOW + MINUTE)
    await release(harness.administrator, seat.attempt_id)
    assert (await result(seat.learner, seat)).points == 0


async def test_older_events_change_nothing_after_a_reopening(harness: Harness) -> None:
    seat = await harness.started()
    ended_at = harness.clock()
    ended, reopened = (
        seat.ended(ended_at, reopen_until=ended_at + WINDOW),
        seat.reopened(ended_at, ended_at + MINUTE),
    )
    harness.clock.move(2 * MINUTE)
    await harness.handle(reopened)
    first = await seat.attempt()
    assert first.state == pb.ATTEMPT_STATE_IN_PROGRESS
    harness.rewind()
    await harness.handle(ended)
    again = await seat.attempt()
    assert (again.state, again.deadline_time) == (first.state, first.deadline_time)


async def test_session_ends_and_is_reopened_twice(harness: Harness) -> None:
    seat = await harness.started()
    began = await start_of(seat)
    gaps = timedelta()
    for _ in range(2):
        harness.clock.move(MINUTE)
        ended_at = await end(harness, seat)
        harness.clock.move(MINUTE)
        gaps += await reopen(harness, seat, ended_at) - ended_at
    attempt = await seat.attempt()
    assert attempt.deadline_time.ToDatetime() == utc(began + LIMIT + gaps)
    await harness.handle(seat.ended(harness.clock(), common_events=2))
    assert (await result(seat.learner, seat)).points == 0


async def test_results_wait_for_the_event_about_the_reopening(harness: Harness) -> None:
    seat = await harness.started()
    await seat.submit()
    await harness.handle(seat.ended(harness.clock(), common_events=1))
    assert (await refusal(result(seat.learner, seat))).reason == "RESULT_NOT_RELEASED"


async def test_deadline_during_the_end_is_moved(harness: Harness) -> None:
    seat = await harness.started()
    harness.clock.move(LIMIT - MINUTE)
    ended_at = await end(harness, seat)
    harness.clock.move(3 * MINUTE)
    await reopen(harness, seat, ended_at)
    attempt = await seat.attempt()
    assert attempt.state == pb.ATTEMPT_STATE_IN_PROGRESS
    harness.clock.move(2 * MINUTE)

    async def is_submitted() -> bool:
        return (await seat.attempt()).state == pb.ATTEMPT_STATE_SUBMITTED

    assert await until(is_submitted)
    assert (await seat.attempt()).submit_cause == pb.SUBMIT_CAUSE_TIME_LIMIT_EXCEEDED


@pytest.mark.parametrize(
    "state", ["authorized", "in_progress"], ids=["another state", "a started state"]
)
async def test_database_restores_a_voided_attempt_only_as_it_was(
    harness: Harness, state: str
) -> None:
    seat = await harness.joined()
    ended_at = await end(harness, seat)
    statement = "UPDATE attempts SET state = :state, voided_from = NULL WHERE attempt_id = :id"
    identity = UUID(seat.attempt_id)
    with pytest.raises(DBAPIError):
        await harness.rows(statement, state="awaiting_authorization", id=identity)
    await harness.rows("UPDATE sessions SET ended_at = NULL, held_until = NULL")
    with pytest.raises(DBAPIError):
        await harness.rows(statement, state=state, id=identity)
    assert ended_at is not None


async def test_database_keeps_reopenings(harness: Harness) -> None:
    seat = await harness.started()
    await reopen(harness, seat, await end(harness, seat))
    for statement in ("UPDATE reopenings SET ended_at = now()", "DELETE FROM reopenings"):
        with pytest.raises(DBAPIError):
            await harness.rows(statement)

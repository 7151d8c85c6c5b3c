"""Tests that a submission at the deadline is provisional, and that results wait for the end of the session."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from proctorium.assessment.events.v1 import events_pb2
from proctorium.assessment.v1 import attempts_pb2 as pb
from proctorium.enrollment.events.v1 import events_pb2 as enrollment_events
from proctorium.options.v1 import options_pb2
from proctorium.session.events.v1 import events_pb2 as session_events
from proctorium_assessment.subscribers import sessions
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal
from proctorium_devstack.testing.waiting import next_response, until

from .harness import Harness, Seat
from .test_receipts import kept_receipt, verdict
from .test_releases import release
from .test_results import result
from .test_time_events import Pause, extra, start_of, utc
from .test_watching import watch

LIMIT = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def times(seat: Seat, began: datetime, after: timedelta, length: timedelta) -> tuple[Any, Any]:
    """Return the events of a pause that began at `after` in the attempt and took `length`."""
    pause = Pause(seat, began + after)
    return pause.paused(), pause.resumed(length)


async def submitted_at_deadline(harness: Harness, seat: Seat, after: timedelta) -> datetime:
    """Move the clock to the time `after` the deadline, wait for the submission, and return the start."""
    began = await start_of(seat)
    harness.clock.move(LIMIT + after)

    async def is_submitted() -> bool:
        return (await seat.attempt()).state == pb.ATTEMPT_STATE_SUBMITTED

    assert await until(is_submitted)
    return began


async def save_late(seat: Seat, sequence: int, item: int) -> None:
    error = await refusal(seat.save(seat.change(sequence, item)))
    assert error.metadata["stored"] == "true"


async def test_pause_that_arrives_after_the_deadline_reopens_the_attempt(
    harness: Harness,
) -> None:
    seat = await harness.started()
    first = seat.change(1, 0)
    receipts = [kept_receipt(await seat.save(first), first)]
    began = await submitted_at_deadline(harness, seat, MINUTE)
    await save_late(seat, 2, 1)
    call = watch(seat)
    assert (await next_response(call)).attempt.state == pb.ATTEMPT_STATE_SUBMITTED

    paused, resumed = times(seat, began, 50 * MINUTE, 5 * MINUTE)
    await harness.handle(paused)
    stopped = (await next_response(call)).attempt
    assert (stopped.state, stopped.clock_state) == (
        pb.ATTEMPT_STATE_IN_PROGRESS,
        pb.CLOCK_STATE_PAUSED,
    )
    assert stopped.remaining_time.ToTimedelta() == 10 * MINUTE
    assert not stopped.HasField("submit_time")
    await harness.handle(resumed)
    running = (await next_response(call)).attempt
    assert running.clock_state == pb.CLOCK_STATE_RUNNING
    assert running.deadline_time.ToDatetime() == utc(began + LIMIT + 5 * MINUTE)
    assert (running.answered_count, running.late_count) == (2, 0)
    assert len((await seat.attempt()).items) == 4

    late, new = seat.change(2, 1), seat.change(3, 2)
    receipts.append(kept_receipt(await seat.save(new), new))
    receipts.append(kept_receipt(await seat.save(late), late))
    stored = {"attempt_id": seat.attempt_id, "receipts": receipts}
    assert verdict(stored) == "All 3 changes are as they were acknowledged."
    [reopened] = await harness.events(events_pb2.AttemptReopened)
    assert (reopened.attempt_id, reopened.participant_id) == (
        seat.attempt_id,
        str(seat.participant_id),
    )
    await harness.submit_and_end(seat)
    assert (await result(seat.learner, seat)).points == 6


async def test_late_answers_count_up_to_the_new_deadline(harness: Harness) -> None:
    seat = await harness.started()
    began = await submitted_at_deadline(harness, seat, 10 * SECOND)
    await save_late(seat, 1, 0)
    harness.clock.move(MINUTE)
    await save_late(seat, 2, 0)
    await save_late(seat, 3, 1)
    for event in times(seat, began, 50 * MINUTE, 30 * SECOND):
        await harness.handle(event)

    async def again() -> bool:
        return len(await harness.events(events_pb2.AttemptSubmitted)) == 2

    assert await until(again)
    attempt = await seat.attempt()
    assert (attempt.answered_count, attempt.late_count) == (1, 2)
    assert attempt.submit_cause == pb.SUBMIT_CAUSE_TIME_LIMIT_EXCEEDED
    assert attempt.submit_time.ToDatetime() == utc(began + LIMIT + 30 * SECOND)
    assert [each.sequence for each in attempt.answers] == [1]


async def test_attempt_is_reopened_more_than_once(harness: Harness) -> None:
    seat = await harness.started()
    began = await submitted_at_deadline(harness, seat, 10 * SECOND)
    for after in (MINUTE, 2 * MINUTE):
        for event in times(seat, began, after, SECOND):
            await harness.handle(event)
    await save_late(seat, 1, 0)
    await harness.handle(extra(seat, MINUTE, began))
    attempt = await seat.attempt()
    assert attempt.state == pb.ATTEMPT_STATE_IN_PROGRESS
    assert attempt.deadline_time.ToDatetime() == utc(began + LIMIT + MINUTE + 2 * SECOND)
    assert (attempt.answered_count, attempt.late_count) == (1, 0)


async def test_accommodations_that_arrive_late_reopen_the_attempt(harness: Harness) -> None:
    seat = await harness.started()
    began = await start_of(seat)
    event = enrollment_events.PersonAccommodationsChanged(
        person_id=seat.learner.id, revision=1, extra_time_percent=25
    )
    # The time of the accommodations is the time of the event, which the harness takes from the clock.
    harness.clock.move(LIMIT)
    assert (await seat.attempt()).state == pb.ATTEMPT_STATE_IN_PROGRESS
    entry_time = harness.clock()
    harness.clock.move(10 * SECOND)

    async def is_submitted() -> bool:
        return (await seat.attempt()).state == pb.ATTEMPT_STATE_SUBMITTED

    assert await until(is_submitted)
    harness.clock.move(entry_time - harness.clock() - SECOND)
    await harness.handle(event)
    attempt = await seat.attempt()
    assert attempt.state == pb.ATTEMPT_STATE_IN_PROGRESS
    assert attempt.deadline_time.ToDatetime() == utc(began + 1.25 * LIMIT)


async def test_events_that_do_not_move_the_deadline_reopen_nothing(harness: Harness) -> None:
    seat = await harness.started()
    began = await submitted_at_deadline(harness, seat, MINUTE)
    before = await seat.attempt()
    await harness.handle(extra(seat, 5 * MINUTE, began + LIMIT + SECOND))
    await harness.handle(Pause(seat, began + LIMIT + SECOND).paused())
    after = await seat.attempt()
    assert (after.state, after.submit_time) == (pb.ATTEMPT_STATE_SUBMITTED, before.submit_time)
    assert await harness.events(events_pb2.AttemptReopened) == []


async def test_submission_by_the_learner_is_final(harness: Harness) -> None:
    seat = await harness.started()
    began = await start_of(seat)
    await seat.submit()
    for event in times(seat, began, timedelta(), 5 * MINUTE):
        await harness.handle(event)
    assert (await seat.attempt()).state == pb.ATTEMPT_STATE_SUBMITTED
    with pytest.raises(DBAPIError, match="RestrictViolation"):
        await harness.rows(
            "UPDATE attempts SET state = 'in_progress', submitted_at = NULL, submit_cause = NULL"
        )


ORDERS = list(permutations(range(5)))


@pytest.mark.parametrize("order", ORDERS[:: len(ORDERS) // 10], ids=str)
async def test_result_waits_for_the_last_counted_event(
    harness: Harness, order: tuple[int, ...]
) -> None:
    seat = await harness.started()
    began = await submitted_at_deadline(harness, seat, MINUTE)
    await save_late(seat, 1, 0)
    harness.clock.move(10 * MINUTE)
    await save_late(seat, 2, 1)
    everybody = Pause(seat, began + 20 * MINUTE, seat_only=False)
    events = [
        *times(seat, began, 50 * MINUTE, 5 * MINUTE),
        everybody.paused(),
        everybody.resumed(MINUTE),
        seat.ended(harness.clock() - SECOND, own_events=2, common_events=2),
    ]
    # A redelivered event has the position that it had before.
    first = harness.position + 1
    for number in order[:-1]:
        await harness.handle(events[number], first + number)
        assert await harness.rows("SELECT 1 FROM results") == []
        error = await refusal(result(seat.learner, seat))
        assert error.reason == "RESULT_NOT_RELEASED"
    await harness.handle(events[order[-1]], first + order[-1])
    assert (await seat.attempt()).state == pb.ATTEMPT_STATE_RELEASED
    assert (await result(seat.learner, seat)).points == 2
    assert len(await harness.events(events_pb2.ResultReleased)) == 1
    before = await harness.state()
    for number, event in enumerate(events):
        await harness.handle(event, first + number)
    assert await harness.state() == before


async def test_redelivered_event_counts_once(harness: Harness) -> None:
    seat = await harness.started()
    paused, resumed = times(seat, await start_of(seat), MINUTE, MINUTE)
    await harness.handle(seat.ended(own_events=2))
    metadata = EventMetadata(new_id(), "paused", harness.clock(), 1, 1)
    for _ in range(2):
        async with harness.database.transaction() as tx:
            await sessions.on_participant_paused(tx, paused, metadata)
    assert (await seat.attempt()).state == pb.ATTEMPT_STATE_SUBMITTED
    await harness.handle(resumed)
    assert (await seat.attempt()).state == pb.ATTEMPT_STATE_RELEASED


async def test_late_pause_after_the_end_of_the_session_counts_answers_until_the_end(
    harness: Harness,
) -> None:
    seat = await harness.started()
    began = await submitted_at_deadline(harness, seat, MINUTE)
    await save_late(seat, 1, 0)
    harness.clock.move(MINUTE)
    ended_at = harness.clock()
    harness.clock.move(SECOND)
    await save_late(seat, 2, 1)
    paused, resumed = times(seat, began, 50 * MINUTE, 5 * MINUTE)
    await harness.handle(seat.ended(ended_at, own_events=2))
    await harness.handle(paused)
    attempt = await seat.attempt()
    assert (attempt.state, attempt.submit_cause) == (
        pb.ATTEMPT_STATE_SUBMITTED,
        pb.SUBMIT_CAUSE_SESSION_ENDED,
    )
    assert attempt.submit_time.ToDatetime() == utc(ended_at)
    assert (attempt.answered_count, attempt.late_count) == (1, 1)
    await harness.handle(resumed)
    assert (await result(seat.learner, seat)).points == 2


async def test_other_learners_do_not_wait_for_the_events_of_one(harness: Harness) -> None:
    seat = await harness.started()
    other = harness.seat(str(seat.assessment_id))
    other.session_id, other.course_id = seat.session_id, seat.course_id
    for event in (other.joined(), other.authorized()):
        await harness.handle(event)
    (other.attempt_id,) = {each.attempt_id for each in await harness.attempts_of(seat)} - {
        seat.attempt_id
    }
    await other.start()
    began = await start_of(seat)
    await harness.handle(seat.ended(own_events=2))
    assert (await other.attempt()).state == pb.ATTEMPT_STATE_RELEASED
    assert (await seat.attempt()).state == pb.ATTEMPT_STATE_SUBMITTED
    for event in times(seat, began, timedelta(), MINUTE):
        await harness.handle(event)
    assert (await seat.attempt()).state == pb.ATTEMPT_STATE_RELEASED


async def test_result_of_a_removed_learner_waits_and_is_then_held(harness: Harness) -> None:
    seat = await harness.started()
    began = await start_of(seat)
    await harness.handle(seat.removed())
    await harness.handle(seat.ended(removed=True, own_events=3))
    assert (await seat.attempt()).state == pb.ATTEMPT_STATE_SUBMITTED
    for event in times(seat, began, timedelta(), MINUTE):
        await harness.handle(event)
    assert (await seat.attempt()).state == pb.ATTEMPT_STATE_SCORED
    await release(harness.administrator, seat.attempt_id)
    assert (await seat.attempt()).state == pb.ATTEMPT_STATE_RELEASED


async def test_result_is_held_if_the_removal_arrives_after_the_end_of_the_session(
    harness: Harness,
) -> None:
    seat = await harness.started()
    began = await submitted_at_deadline(harness, seat, MINUTE)
    await harness.handle(seat.ended(removed=True, own_events=2))
    await harness.handle(times(seat, began, 50 * MINUTE, MINUTE)[0])
    attempt = await seat.attempt()
    assert (attempt.state, attempt.submit_cause) == (
        pb.ATTEMPT_STATE_SUBMITTED,
        pb.SUBMIT_CAUSE_SESSION_ENDED,
    )
    await harness.handle(seat.removed())
    assert (await seat.attempt()).state == pb.ATTEMPT_STATE_SCORED


async def test_administrator_can_release_a_result_although_an_event_was_lost(
    harness: Harness,
) -> None:
    seat = await harness.started()
    await seat.save(seat.change(1, 0))
    began = await start_of(seat)
    await seat.submit()
    error = await harness.refused(release, harness.administrator, seat.attempt_id)
    assert error.reason == "INVALID_STATE_TRANSITION"
    await harness.handle(seat.ended(own_events=3))
    assert (await seat.attempt()).state == pb.ATTEMPT_STATE_SUBMITTED

    [released] = (await release(harness.administrator, seat.attempt_id)).results
    assert released.points == 2
    assert (await seat.attempt()).state == pb.ATTEMPT_STATE_RELEASED
    assert (await result(seat.learner, seat)).points == 2
    assert len(await harness.rows("SELECT 1 FROM releases")) == 1
    for event in times(seat, began, MINUTE, MINUTE):
        await harness.handle(event)
    assert (await seat.attempt()).state == pb.ATTEMPT_STATE_RELEASED
    assert len(await harness.events(events_pb2.ResultReleased)) == 1


async def test_attempt_of_a_learner_whose_session_a_proctor_ended_is_not_reopened(
    harness: Harness,
) -> None:
    seat = await harness.started()
    began = await submitted_at_deadline(harness, seat, MINUTE)
    await harness.handle(seat.ended_for())
    before = await seat.attempt()
    for event in times(seat, began, 50 * MINUTE, 5 * MINUTE):
        await harness.handle(event)
    after = await seat.attempt()
    assert (after.state, after.submit_time) == (pb.ATTEMPT_STATE_SUBMITTED, before.submit_time)
    assert await harness.events(events_pb2.AttemptReopened) == []
    with pytest.raises(DBAPIError, match="RestrictViolation"):
        await harness.rows(
            "UPDATE attempts SET state = 'in_progress', submitted_at = NULL, submit_cause = NULL"
        )


async def test_database_refuses_scores_before_the_session_is_settled(harness: Harness) -> None:
    seat = await harness.started()
    await seat.submit()
    for own, common in ((1, 0), (0, 1)):
        for state in ("scored", "released"):
            with pytest.raises(DBAPIError, match="RestrictViolation"):
                await harness.rows(
                    "UPDATE attempts SET state = :state, released_at ="
                    " CASE :state WHEN 'released' THEN now() END",
                    state=state,
                )
        await harness.handle(seat.ended(own_events=own, common_events=common))


async def test_database_allows_late_answers_only_to_count(harness: Harness) -> None:
    seat = await harness.started()
    await seat.save(seat.change(1, 0))
    await seat.submit()
    await save_late(seat, 2, 1)
    counted = "late = false, position = 2, head = sha256(''), counted_at = now()"
    for changes in (
        "answer = ''",
        "received_at = now() - interval '1 day'",
        f"{counted}, answer = ''",
        "late = false, position = 2, head = sha256('')",
    ):
        with pytest.raises(DBAPIError, match="RestrictViolation"):
            await harness.rows(f"UPDATE answer_revisions SET {changes} WHERE sequence = 2")
    with pytest.raises(DBAPIError, match="RestrictViolation"):
        await harness.rows(f"UPDATE answer_revisions SET {counted} WHERE sequence = 1")


def test_each_event_that_moves_time_is_counted() -> None:
    names = {
        message.name
        for message in session_events.DESCRIPTOR.message_types_by_name.values()
        if message.GetOptions().Extensions[options_pb2.event].moves_time
    }
    assert len(names) >= 5
    handlers = {name: getattr(sessions, "on_" + _snake(name)) for name in names}
    assert [name for name, each in handlers.items() if not hasattr(each, "__wrapped__")] == []


def _snake(name: str) -> str:
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in name).lstrip("_")


async def test_removal_after_the_deadline_holds_the_result(harness: Harness) -> None:
    seat = await harness.started()
    await submitted_at_deadline(harness, seat, MINUTE)
    await harness.handle(seat.removed(harness.clock()))
    await harness.handle(seat.ended(harness.clock(), removed=True))
    attempt = await seat.attempt()
    assert attempt.submit_cause == pb.SUBMIT_CAUSE_TIME_LIMIT_EXCEEDED
    assert attempt.state == pb.ATTEMPT_STATE_SCORED
    assert await harness.events(events_pb2.ResultReleased) == []

"""Tests of the events which report that participants were removed or readmitted, or that the session ended for them."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest

from proctorium.assessment.events.v1 import events_pb2
from proctorium.assessment.v1 import attempts_pb2 as pb
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_devstack.testing.waiting import next_response

from .harness import Harness, Seat
from .test_time_events import LIMIT, MINUTE, Pause, start_of, utc
from .test_watching import watch


async def states(harness: Harness, seat: Seat) -> list[int]:
    return [int(attempt.state) for attempt in await harness.attempts_of(seat)]


async def test_removal_stops_the_clock_and_hides_the_questions_and_submits_nothing(
    harness: Harness,
) -> None:
    seat = await harness.started()
    await seat.save(seat.change(1, 0))
    began = await start_of(seat)
    await harness.handle(seat.removed(began + 10 * MINUTE))
    removed = await seat.attempt()
    assert removed.state == pb.ATTEMPT_STATE_IN_PROGRESS
    assert removed.clock_state == pb.CLOCK_STATE_PAUSED
    assert not removed.items
    assert removed.remaining_time.ToTimedelta() == LIMIT - 10 * MINUTE
    assert await harness.events(events_pb2.AttemptSubmitted) == []

    await harness.handle(seat.readmitted(began + 25 * MINUTE))
    back = await seat.attempt()
    assert (back.clock_state, len(back.items)) == (pb.CLOCK_STATE_RUNNING, 4)
    assert back.deadline_time.ToDatetime() == utc(began + LIMIT + 15 * MINUTE)
    assert [each.sequence for each in back.answers] == [1]


async def test_watch_of_the_attempt_shows_the_removal_without_questions(harness: Harness) -> None:
    seat = await harness.started()
    call = watch(seat)
    await next_response(call)
    await harness.handle(seat.removed())
    view = (await next_response(call)).attempt
    assert (view.clock_state, len(view.items)) == (pb.CLOCK_STATE_PAUSED, 0)


async def test_answers_of_a_removed_learner_are_saved_and_the_submission_is_refused(
    harness: Harness,
) -> None:
    seat = await harness.started()
    began = await start_of(seat)
    await harness.handle(seat.removed(began))
    harness.clock.move(2 * LIMIT)
    await seat.save(seat.change(1, 0))
    error = await harness.refused(seat.submit)
    assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "PARTICIPANT_REMOVED")
    await harness.handle(seat.readmitted(harness.clock()))
    submitted = await seat.submit()
    assert (submitted.answered_count, submitted.late_count) == (1, 0)
    assert submitted.submit_cause == pb.SUBMIT_CAUSE_LEARNER


async def test_attempt_cannot_be_started_by_a_removed_learner(harness: Harness) -> None:
    seat = await harness.authorized()
    await harness.handle(seat.removed(harness.clock()))
    assert (await harness.refused(seat.start)).reason == "PARTICIPANT_REMOVED"
    await harness.handle(seat.readmitted(harness.clock()))
    assert (await seat.start()).clock_state == pb.CLOCK_STATE_RUNNING


async def test_pause_continues_after_the_readmission_and_the_overlap_counts_once(
    harness: Harness,
) -> None:
    seat = await harness.started()
    began = await start_of(seat)
    pause = Pause(seat, began + 5 * MINUTE, seat_only=False)
    await harness.handle(seat.removed(began + 2 * MINUTE))
    await harness.handle(pause.paused())
    await harness.handle(seat.readmitted(began + 8 * MINUTE))
    assert (await seat.attempt()).clock_state == pb.CLOCK_STATE_PAUSED
    await harness.handle(pause.resumed(10 * MINUTE))
    # The stops from minute 2 to minute 8 and from minute 5 to minute 15 overlap.
    deadline = (await seat.attempt()).deadline_time.ToDatetime()
    assert deadline == utc(began + LIMIT + 13 * MINUTE)


ORDERS = list(permutations(range(4)))


@pytest.mark.parametrize("order", ORDERS[::3], ids=str)
async def test_order_and_repetition_of_removals_do_not_matter(
    harness: Harness, order: tuple[int, ...]
) -> None:
    seat = await harness.started()
    began = await start_of(seat)
    first, second = new_id(), new_id()
    events = [
        seat.removed(began + MINUTE, first),
        seat.readmitted(began + 3 * MINUTE, first),
        seat.removed(began + 4 * MINUTE, second),
        seat.readmitted(began + 9 * MINUTE, second),
    ]
    base = harness.position
    for number in (*order, *order):
        # Each event keeps its position in the stream, however late it arrives.
        harness.position = base + number
        await harness.handle(events[number])
    harness.position = base + len(events)
    attempt = await seat.attempt()
    assert attempt.deadline_time.ToDatetime() == utc(began + LIMIT + 7 * MINUTE)
    assert (await seat.submit()).state >= pb.ATTEMPT_STATE_SUBMITTED


async def test_end_of_the_session_submits_and_holds_the_result_of_a_removed_learner(
    harness: Harness,
) -> None:
    seat = await harness.started()
    await seat.save(seat.change(1, 0))
    await harness.handle(seat.ended(removed=True))
    # The removal may arrive after the end of the session.
    await harness.handle(seat.removed())
    ended = await seat.attempt()
    assert (ended.state, ended.submit_cause) == (
        pb.ATTEMPT_STATE_SCORED,
        pb.SUBMIT_CAUSE_REMOVED,
    )
    assert ended.answered_count == 1


async def test_removal_concerns_only_its_learner(harness: Harness) -> None:
    seat = await harness.started()
    neighbour = harness.seat(str(seat.assessment_id))
    neighbour.session_id = seat.session_id
    await harness.handle(neighbour.joined())
    await harness.handle(neighbour.authorized())
    await harness.handle(seat.removed())
    await harness.handle(seat.ended_for(removed=True))
    assert sorted(await states(harness, seat)) == sorted(
        (pb.ATTEMPT_STATE_SUBMITTED, pb.ATTEMPT_STATE_AUTHORIZED)
    )


async def test_removal_that_arrives_before_the_join_counts(harness: Harness) -> None:
    seat = await harness.joined()
    early = harness.seat(str(seat.assessment_id))
    early.session_id = seat.session_id
    await harness.handle(early.removed(harness.clock()))
    await harness.handle(early.joined(identity_required=False))
    await harness.handle(early.authorized())
    (own,) = [
        each
        for each in await harness.attempts_of(seat)
        if each.person_id == str(early.learner.person_id)
    ]
    assert own.clock_state == pb.CLOCK_STATE_PAUSED
    early.attempt_id = own.attempt_id
    await harness.handle(early.readmitted(harness.clock()))
    assert (await early.start()).clock_state == pb.CLOCK_STATE_RUNNING


async def test_removal_event_of_an_earlier_version_stops_the_clock(harness: Harness) -> None:
    seat = await harness.started()
    event = seat.removed()
    event.ClearField("removal_id")
    event.ClearField("removal_time")
    await harness.handle(event)
    assert (await seat.attempt()).clock_state == pb.CLOCK_STATE_PAUSED
    await harness.handle(seat.readmitted(harness.clock() + timedelta(minutes=1)))
    assert (await seat.attempt()).clock_state == pb.CLOCK_STATE_RUNNING


async def test_end_for_a_learner_submits_started_attempts_and_voids_others(
    harness: Harness,
) -> None:
    seat, waiting = await harness.started(), await harness.authorized()
    await seat.save(seat.change(1, 0))
    for each in (seat, waiting):
        await harness.handle(each.ended_for())
        await harness.handle(each.ended_for())
    ended = await seat.attempt()
    assert ended.submit_cause == pb.SUBMIT_CAUSE_ENDED_BY_PROCTOR
    assert ended.answered_count == 1
    assert await states(harness, waiting) == [pb.ATTEMPT_STATE_VOIDED]
    (submission,) = await harness.events(events_pb2.AttemptSubmitted)
    assert submission.cause == pb.SUBMIT_CAUSE_ENDED_BY_PROCTOR


async def test_no_attempt_is_created_after_the_end_for_the_learner(harness: Harness) -> None:
    seat = await harness.joined()
    late = harness.seat(str(seat.assessment_id))
    await harness.handle(late.ended_for())
    await harness.handle(late.joined())
    await harness.handle(late.authorized())
    assert await states(harness, late) == []

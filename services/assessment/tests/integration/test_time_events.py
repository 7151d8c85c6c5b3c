"""Tests of the events of session orchestration about pauses and extra time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from uuid import UUID

import pytest
from google.protobuf.message import Message
from sqlalchemy.exc import DBAPIError

from proctorium.assessment.v1 import attempts_pb2 as pb
from proctorium.session.events.v1 import events_pb2
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_devstack.testing.waiting import next_response, until

from .harness import Harness, Seat
from .test_watching import watch

LIMIT = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def utc(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(tzinfo=None)


class Pause:
    """The events of a pause of a participant, or of the whole session if `seat_only` is False."""

    def __init__(
        self, seat: Seat, at: datetime, *, seat_only: bool = True, questions_shown: bool = False
    ) -> None:
        self.seat, self.at, self.seat_only = seat, at, seat_only
        self.questions_shown = questions_shown
        self.pause_id = str(new_id())

    def paused(self) -> Message:
        kind = events_pb2.ParticipantPaused if self.seat_only else events_pb2.SessionPaused
        event = kind(
            session_id=str(self.seat.session_id),
            pause_id=self.pause_id,
            questions_shown=self.questions_shown,
        )
        if isinstance(event, events_pb2.ParticipantPaused):
            event.participant_id = str(self.seat.participant_id)
        event.pause_time.FromDatetime(self.at)
        return event

    def resumed(self, after: timedelta) -> Message:
        kind = events_pb2.ParticipantResumed if self.seat_only else events_pb2.SessionResumed
        event = kind(session_id=str(self.seat.session_id), pause_id=self.pause_id)
        if isinstance(event, events_pb2.ParticipantResumed):
            event.participant_id = str(self.seat.participant_id)
        event.resume_time.FromDatetime(self.at + after)
        return event


class Break:
    """The events of a break of a participant."""

    def __init__(
        self, seat: Seat, at: datetime, length: timedelta, *, clock_stops: bool = True
    ) -> None:
        self.seat, self.at, self.length, self.clock_stops = seat, at, length, clock_stops
        self.break_id = str(new_id())

    def started(self) -> events_pb2.BreakStarted:
        event = events_pb2.BreakStarted(
            session_id=str(self.seat.session_id),
            participant_id=str(self.seat.participant_id),
            break_id=self.break_id,
            clock_stops=self.clock_stops,
        )
        event.start_time.FromDatetime(self.at)
        event.length.FromTimedelta(self.length)
        return event

    def returned(self, after: timedelta) -> events_pb2.BreakReturned:
        event = events_pb2.BreakReturned(
            session_id=str(self.seat.session_id),
            participant_id=str(self.seat.participant_id),
            break_id=self.break_id,
        )
        event.return_time.FromDatetime(self.at + after)
        return event


def extra(seat: Seat, amount: timedelta, at: datetime) -> events_pb2.ParticipantExtraTimeGranted:
    event = events_pb2.ParticipantExtraTimeGranted(
        session_id=str(seat.session_id),
        participant_id=str(seat.participant_id),
        grant_id=str(new_id()),
    )
    event.amount.FromTimedelta(amount)
    event.grant_time.FromDatetime(at)
    return event


async def start_of(seat: Seat) -> datetime:
    return (await seat.attempt()).start_time.ToDatetime(tzinfo=UTC)


async def test_pause_hides_the_questions_and_stops_the_clock(harness: Harness) -> None:
    seat = await harness.started()
    await seat.save(seat.change(1, 0))
    began = await start_of(seat)
    pause = Pause(seat, began + 10 * MINUTE)
    await harness.handle(pause.paused())
    paused = await seat.attempt()
    assert paused.clock_state == pb.CLOCK_STATE_PAUSED
    assert not paused.items
    assert [each.sequence for each in paused.answers] == [1]
    assert not paused.HasField("deadline_time")
    assert paused.remaining_time.ToTimedelta() == LIMIT - 10 * MINUTE
    again = pb.StartAttemptRequest(attempt_id=seat.attempt_id)
    assert not (await seat.learner.attempts.StartAttempt(again)).attempt.items

    await harness.handle(pause.resumed(5 * MINUTE))
    resumed = await seat.attempt()
    assert resumed.clock_state == pb.CLOCK_STATE_RUNNING
    assert len(resumed.items) == 4
    assert resumed.deadline_time.ToDatetime() == utc(began + LIMIT + 5 * MINUTE)


@pytest.mark.parametrize("seat_only", [True, False], ids=["participant", "session"])
async def test_questions_stay_visible_during_a_pause_only_if_no_other_stop_hides_them(
    harness: Harness, seat_only: bool
) -> None:
    seat = await harness.started()
    began = await start_of(seat)
    pause = Pause(seat, began + MINUTE, seat_only=seat_only, questions_shown=True)
    await harness.handle(pause.paused())
    paused = await seat.attempt()
    assert (paused.clock_state, paused.questions_hidden) == (pb.CLOCK_STATE_PAUSED, False)
    assert paused.items
    taken = Break(seat, began + 2 * MINUTE, 5 * MINUTE)
    await harness.handle(taken.started())
    on_break = await seat.attempt()
    assert (on_break.questions_hidden, len(on_break.items)) == (True, 0)
    await harness.handle(taken.returned(MINUTE))
    assert (await seat.attempt()).items
    hiding = Pause(seat, began + 4 * MINUTE, seat_only=not seat_only)
    await harness.handle(hiding.paused())
    both = await seat.attempt()
    assert (both.questions_hidden, len(both.items)) == (True, 0)


async def test_database_refuses_an_entry_other_than_a_stop_that_shows_the_questions(
    harness: Harness,
) -> None:
    seat = await harness.started()
    await harness.handle(Pause(seat, await start_of(seat)).paused())
    with pytest.raises(DBAPIError, match="ck_time_events_hides_questions"):
        await harness.rows(
            "INSERT INTO time_events (entry_id, kind, session_id, at, hides_questions)"
            " SELECT gen_random_uuid(), 'resumed', session_id, at, false FROM time_events"
        )


async def test_watch_reports_pauses_and_extra_time(harness: Harness) -> None:
    seat = await harness.started()
    began = await start_of(seat)
    call = watch(seat)
    await next_response(call)
    pause = Pause(seat, began, seat_only=False)
    await harness.handle(pause.paused())
    view = (await next_response(call)).attempt
    assert (view.clock_state, view.remaining_time.ToTimedelta()) == (pb.CLOCK_STATE_PAUSED, LIMIT)
    await harness.handle(extra(seat, 5 * MINUTE, began))
    view = (await next_response(call)).attempt
    assert view.remaining_time.ToTimedelta() == LIMIT + 5 * MINUTE
    assert view.extra_time.ToTimedelta() == 5 * MINUTE
    await harness.handle(pause.resumed(MINUTE))
    view = (await next_response(call)).attempt
    assert view.deadline_time.ToDatetime() == utc(began + LIMIT + 6 * MINUTE)
    assert not view.items


async def test_attempt_cannot_be_started_during_a_pause(harness: Harness) -> None:
    seat = await harness.authorized()
    pause = Pause(seat, datetime.now(UTC), seat_only=False)
    await harness.handle(pause.paused())
    assert (await seat.attempt()).clock_state == pb.CLOCK_STATE_PAUSED
    request = pb.StartAttemptRequest(attempt_id=seat.attempt_id)
    error = await harness.refused(seat.learner.attempts.StartAttempt, request)
    assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "ATTEMPT_PAUSED")
    assert "you lose no time" in error.message
    await harness.handle(pause.resumed(MINUTE))
    assert (await seat.start()).clock_state == pb.CLOCK_STATE_RUNNING


async def test_answers_that_are_saved_during_a_pause_count(harness: Harness) -> None:
    seat = await harness.started()
    await harness.handle(Pause(seat, await start_of(seat)).paused())
    harness.clock.move(2 * LIMIT)
    await seat.save(seat.change(1, 0))
    submitted = await seat.submit()
    assert (submitted.answered_count, submitted.late_count) == (1, 0)
    assert submitted.submit_cause == pb.SUBMIT_CAUSE_LEARNER
    assert submitted.clock_state == pb.CLOCK_STATE_ENDED


async def test_paused_attempt_is_not_submitted_at_its_old_deadline(harness: Harness) -> None:
    async with harness.replica(deadline_grace=0) as replica:
        paused, running = await replica.started(), await replica.started()
        await replica.handle(Pause(paused, await start_of(paused)).paused())
        replica.clock.move(2 * LIMIT)

        async def is_submitted() -> bool:
            return (await running.attempt()).state >= pb.ATTEMPT_STATE_SUBMITTED

        await until(is_submitted)
        assert (await paused.attempt()).state == pb.ATTEMPT_STATE_IN_PROGRESS


ORDERS = list(permutations(range(4)))


@pytest.mark.parametrize("order", ORDERS[:: len(ORDERS) // 8], ids=str)
@pytest.mark.parametrize("seat_only", [True, False])
async def test_order_repetition_and_delay_of_events_do_not_matter(
    harness: Harness, order: tuple[int, ...], seat_only: bool
) -> None:
    seat = await harness.started()
    began = await start_of(seat)
    pause = Pause(seat, began + MINUTE, seat_only=seat_only)
    events = [
        pause.paused(),
        pause.resumed(2 * MINUTE),
        extra(seat, 5 * MINUTE, began + 2 * MINUTE),
        extra(seat, -3 * MINUTE, began + 4 * MINUTE),
    ]
    for number in (*order, *order):
        await harness.handle(events[number])
    attempt = await seat.attempt()
    assert attempt.deadline_time.ToDatetime() == utc(began + LIMIT + 4 * MINUTE)
    assert attempt.extra_time.ToTimedelta() == 2 * MINUTE


async def test_break_hides_the_questions_and_stops_the_clock_for_its_length(
    harness: Harness,
) -> None:
    seat = await harness.started()
    await seat.save(seat.change(1, 0))
    began = await start_of(seat)
    taken = Break(seat, began, 10 * MINUTE)
    await harness.handle(taken.started())
    attempt = await seat.attempt()
    assert (attempt.clock_state, attempt.questions_hidden) == (pb.CLOCK_STATE_STOPPED, True)
    assert not attempt.items
    assert attempt.remaining_time.ToTimedelta() == LIMIT
    assert attempt.clock_resume_time.ToDatetime() == utc(began + 10 * MINUTE)
    assert attempt.deadline_time.ToDatetime() == utc(began + LIMIT + 10 * MINUTE)
    await seat.save(seat.change(2, 1))

    # After its length, the break is an overrun: the clock runs, and the questions stay hidden.
    harness.clock.move(20 * MINUTE)
    attempt = await seat.attempt()
    assert (attempt.clock_state, attempt.questions_hidden) == (pb.CLOCK_STATE_RUNNING, True)
    assert not attempt.items
    assert not attempt.HasField("clock_resume_time")
    assert attempt.remaining_time.ToTimedelta() < LIMIT - 9 * MINUTE
    await harness.handle(taken.returned(20 * MINUTE))
    attempt = await seat.attempt()
    assert (len(attempt.items), attempt.answered_count) == (4, 2)
    assert not attempt.questions_hidden
    assert attempt.deadline_time.ToDatetime() == utc(began + LIMIT + 10 * MINUTE)


async def test_break_with_a_running_clock_only_hides_the_questions(harness: Harness) -> None:
    seat = await harness.started()
    began = await start_of(seat)
    taken = Break(seat, began, 10 * MINUTE, clock_stops=False)
    await harness.handle(taken.started())
    attempt = await seat.attempt()
    assert (attempt.clock_state, attempt.questions_hidden) == (pb.CLOCK_STATE_RUNNING, True)
    assert not attempt.items
    assert attempt.deadline_time.ToDatetime() == utc(began + LIMIT)
    await harness.handle(taken.returned(5 * MINUTE))
    assert len((await seat.attempt()).items) == 4


async def test_early_return_stops_the_clock_only_until_the_return(harness: Harness) -> None:
    seat = await harness.started()
    began = await start_of(seat)
    taken = Break(seat, began + MINUTE, 10 * MINUTE)
    # The events of a break can arrive in any order and repeatedly.
    for event in (taken.returned(4 * MINUTE), taken.started(), taken.returned(4 * MINUTE)):
        await harness.handle(event)
    attempt = await seat.attempt()
    assert attempt.deadline_time.ToDatetime() == utc(began + LIMIT + 4 * MINUTE)
    assert not attempt.questions_hidden


async def test_break_and_pause_that_overlap_count_once(harness: Harness) -> None:
    seat = await harness.started()
    began = await start_of(seat)
    taken, pause = Break(seat, began, 10 * MINUTE), Pause(seat, began + 5 * MINUTE, seat_only=False)
    await harness.handle(taken.started())
    await harness.handle(pause.paused())
    await harness.handle(taken.returned(8 * MINUTE))
    attempt = await seat.attempt()
    assert (attempt.clock_state, attempt.questions_hidden) == (pb.CLOCK_STATE_PAUSED, True)
    await harness.handle(pause.resumed(10 * MINUTE))
    attempt = await seat.attempt()
    assert attempt.deadline_time.ToDatetime() == utc(began + LIMIT + 15 * MINUTE)


async def test_attempt_is_submitted_at_its_deadline_during_an_overrun(harness: Harness) -> None:
    async with harness.replica(deadline_grace=0) as replica:
        seat = await replica.started()
        await seat.save(seat.change(1, 0))
        await replica.handle(Break(seat, await start_of(seat), 10 * MINUTE).started())
        replica.clock.move(LIMIT + 5 * MINUTE)
        assert (await seat.attempt()).state == pb.ATTEMPT_STATE_IN_PROGRESS
        replica.clock.move(10 * MINUTE)

        async def is_submitted() -> bool:
            return (await seat.attempt()).state >= pb.ATTEMPT_STATE_SUBMITTED

        await until(is_submitted)
        attempt = await seat.attempt()
        assert attempt.submit_cause == pb.SUBMIT_CAUSE_TIME_LIMIT_EXCEEDED
        assert attempt.answered_count == 1


async def test_attempt_cannot_be_started_during_a_break(harness: Harness) -> None:
    seat = await harness.authorized()
    taken = Break(seat, datetime.now(UTC), 10 * MINUTE)
    await harness.handle(taken.started())
    request = pb.StartAttemptRequest(attempt_id=seat.attempt_id)
    error = await harness.refused(seat.learner.attempts.StartAttempt, request)
    assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "ATTEMPT_ON_BREAK")
    await harness.handle(taken.returned(MINUTE))
    assert (await seat.start()).clock_state == pb.CLOCK_STATE_RUNNING


async def test_database_refuses_limits_of_other_entries(harness: Harness) -> None:
    seat = await harness.started()
    for kind, participant, limit in (
        ("resumed", f"'{seat.participant_id}'", "1 minute"),
        ("paused", "NULL", "1 minute"),
        ("paused", f"'{seat.participant_id}'", "-1 minute"),
    ):
        with pytest.raises(DBAPIError, match="stop_limit"):
            await harness.rows(
                "INSERT INTO time_events (entry_id, kind, session_id, participant_id, at, stop_limit)"
                f" VALUES (gen_random_uuid(), '{kind}', :id, {participant}, now(), '{limit}')",
                id=seat.session_id,
            )


async def test_events_that_arrive_before_the_learner_count(harness: Harness) -> None:
    seat = await harness.joined()
    early = harness.seat(str(seat.assessment_id))
    early.session_id, early.proctor_id = seat.session_id, seat.proctor_id
    pause = Pause(early, datetime.now(UTC), seat_only=False)
    await harness.handle(pause.paused())
    await harness.handle(extra(early, 5 * MINUTE, datetime.now(UTC)))
    await harness.handle(early.authorized())
    (own,) = [
        each
        for each in await harness.attempts_of(seat)
        if each.person_id == str(early.learner.person_id)
    ]
    assert (own.clock_state, own.extra_time.ToTimedelta()) == (pb.CLOCK_STATE_PAUSED, 5 * MINUTE)
    await harness.handle(pause.resumed(timedelta()))
    early.attempt_id = own.attempt_id
    started = await early.start()
    began = started.start_time.ToDatetime()
    assert started.deadline_time.ToDatetime() == began + LIMIT + 5 * MINUTE


async def test_pauses_of_the_session_and_of_a_participant_are_separate(harness: Harness) -> None:
    seat, other = await harness.started(), await harness.started()
    began = await start_of(seat)
    everybody, own = Pause(seat, began + MINUTE, seat_only=False), Pause(seat, began + 2 * MINUTE)
    await harness.handle(everybody.paused())
    await harness.handle(own.paused())
    await harness.handle(everybody.resumed(4 * MINUTE))
    assert (await seat.attempt()).clock_state == pb.CLOCK_STATE_PAUSED
    await harness.handle(own.resumed(5 * MINUTE))
    # The stops from minute 1 to minute 5 and from minute 2 to minute 7 overlap.
    deadline = (await seat.attempt()).deadline_time.ToDatetime()
    assert deadline == utc(began + LIMIT + 6 * MINUTE)
    assert (await other.attempt()).clock_state == pb.CLOCK_STATE_RUNNING


async def test_only_unused_extra_time_is_taken_back(harness: Harness) -> None:
    seat = await harness.started()
    began = await start_of(seat)
    await harness.handle(extra(seat, 20 * MINUTE, began))
    await harness.handle(extra(seat, -20 * MINUTE, began + LIMIT + 5 * MINUTE))
    attempt = await seat.attempt()
    assert attempt.extra_time.ToTimedelta() == 5 * MINUTE
    assert attempt.deadline_time.ToDatetime() == utc(began + LIMIT + 5 * MINUTE)


async def test_end_of_the_session_during_a_pause_submits(harness: Harness) -> None:
    seat = await harness.started()
    await harness.handle(Pause(seat, await start_of(seat), seat_only=False).paused())
    await seat.save(seat.change(1, 0))
    await harness.handle(seat.ended())
    ended = await seat.attempt()
    assert (ended.submit_cause, ended.answered_count) == (pb.SUBMIT_CAUSE_SESSION_ENDED, 1)
    assert len(ended.items) == 4


async def test_database_refuses_another_start_and_a_deadline_during_a_pause(
    harness: Harness,
) -> None:
    seat = await harness.started()
    await harness.handle(Pause(seat, await start_of(seat)).paused())
    for changes, error in (
        ("started_at = started_at - interval '1 minute'", "RestrictViolation"),
        ("deadline_at = now()", "CheckViolation"),
    ):
        with pytest.raises(DBAPIError, match=error):
            await harness.rows(
                f"UPDATE attempts SET {changes} WHERE attempt_id = :id", id=UUID(seat.attempt_id)
            )

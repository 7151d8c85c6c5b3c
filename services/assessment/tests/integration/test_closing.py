"""Tests of the closing and the end of sessions, and the published changes of the time of attempts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from google.protobuf.message import Message

from proctorium.assessment.events.v1 import events_pb2
from proctorium.assessment.v1 import attempts_pb2
from proctorium.session.events.v1 import events_pb2 as session_events
from proctorium_common.errors import Kind

from .harness import Harness, Seat
from .test_time_events import MINUTE, Pause, extra, start_of


def closing(seat: Seat) -> session_events.SessionClosing:
    return session_events.SessionClosing(session_id=str(seat.session_id))


def cancelled(seat: Seat) -> session_events.SessionClosingCancelled:
    return session_events.SessionClosingCancelled(session_id=str(seat.session_id))


async def deliver(harness: Harness, *events: tuple[Message, int]) -> None:
    """Deliver events, each with its position among the events of session orchestration."""
    for event, position in events:
        await harness.handle(event, position=position)


async def test_attempt_cannot_be_started_while_the_session_is_closing(harness: Harness) -> None:
    seat = await harness.authorized()
    await harness.handle(closing(seat))
    error = await harness.refused(seat.start)
    assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "SESSION_CLOSING")


async def test_started_attempt_can_be_saved_and_submitted_while_closing(harness: Harness) -> None:
    seat = await harness.started()
    await harness.handle(closing(seat))
    await seat.save(seat.change(1, 0))
    assert (await seat.start()).start_time == (await seat.attempt()).start_time
    await seat.submit()


async def test_attempt_can_be_started_after_the_closing_was_cancelled(harness: Harness) -> None:
    seat = await harness.authorized()
    await deliver(harness, (closing(seat), 7), (cancelled(seat), 8))
    await seat.start()


async def test_delayed_and_repeated_events_do_not_replace_newer_ones(harness: Harness) -> None:
    open_again, closing_again = await harness.authorized(), await harness.authorized()
    await deliver(
        harness,
        (cancelled(open_again), 8),
        (closing(open_again), 7),
        (cancelled(open_again), 8),
        (closing(closing_again), 9),
        (cancelled(closing_again), 8),
        (closing(closing_again), 7),
    )
    await open_again.start()
    assert (await harness.refused(closing_again.start)).reason == "SESSION_CLOSING"


async def test_closing_of_another_session_changes_nothing(harness: Harness) -> None:
    seat, other = await harness.authorized(), await harness.authorized()
    await harness.handle(closing(other))
    await seat.start()


async def test_automatic_end_submits_no_attempt_before_its_deadline(harness: Harness) -> None:
    seat = await harness.started()
    ended = seat.ended()
    ended.ended_by = ""
    await harness.handle(ended)
    await seat.save(seat.change(1, 0))
    assert (await seat.attempt()).state == attempts_pb2.ATTEMPT_STATE_IN_PROGRESS
    assert (await seat.submit()).submit_cause == attempts_pb2.SUBMIT_CAUSE_LEARNER


async def test_automatic_end_submits_attempts_after_their_deadline(harness: Harness) -> None:
    seat = await harness.started()
    ended = seat.ended()
    ended.ended_by = ""
    ended.end_time.FromDatetime(await start_of(seat) + timedelta(hours=2))
    await harness.handle(ended)
    assert (await seat.attempt()).state == attempts_pb2.ATTEMPT_STATE_RELEASED


async def test_changes_of_the_time_are_published(harness: Harness) -> None:
    seat = await harness.started()
    began = await start_of(seat)
    pause = Pause(seat, began + 10 * MINUTE)
    await harness.handle(pause.paused())
    await harness.handle(pause.paused())
    await harness.handle(pause.resumed(5 * MINUTE))
    await harness.handle(extra(seat, 20 * MINUTE, began + 30 * MINUTE))
    paused, resumed, extended = await harness.events(events_pb2.AttemptTimeChanged)
    assert paused.attempt_id == seat.attempt_id
    assert paused.stopped
    assert paused.stopped_remaining.ToTimedelta() == 50 * MINUTE
    assert not paused.HasField("deadline_time")
    assert not resumed.stopped
    assert not resumed.HasField("stopped_remaining")
    assert deadline(resumed) == began + 65 * MINUTE
    assert deadline(extended) == began + 85 * MINUTE


async def test_time_of_an_attempt_that_is_not_started_is_not_published(harness: Harness) -> None:
    seat = await harness.authorized()
    await harness.handle(extra(seat, timedelta(minutes=20), datetime.now(UTC)))
    assert await harness.events(events_pb2.AttemptTimeChanged) == []


def deadline(event: events_pb2.AttemptTimeChanged) -> datetime:
    return event.deadline_time.ToDatetime(tzinfo=UTC)

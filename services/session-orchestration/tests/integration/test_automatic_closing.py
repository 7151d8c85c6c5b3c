"""Tests of the automatic closing of sessions after the planned end, and the times of attempts that it waits for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from proctorium.assessment.events.v1 import events_pb2 as assessment
from proctorium.options.v1.options_pb2 import ROLE_UNSPECIFIED
from proctorium.session.events.v1 import events_pb2
from proctorium_common.storage.database import Database
from proctorium_devstack.testing.waiting import until
from proctorium_session.operations.closing import close_overdue_sessions, end_closed_sessions
from proctorium_session.workers.closing import ClosingWorker

from .closing import CLOSING, ENDED, IN_PROGRESS, NO_TIME, SHORT, Room, room, stamp
from .harness import Harness, end, roster
from .test_live import connected, watch


async def run_worker(harness: Harness) -> None:
    """Run the worker of another replica, which does everything that is due."""
    database = Database(harness.database_url)
    try:
        await end_closed_sessions(database)
        await close_overdue_sessions(database)
    finally:
        await database.close()


async def stored_state(made: Room) -> str:
    rows = await made.harness.rows(
        "SELECT state FROM sessions WHERE session_id = :id", id=UUID(made.session_id)
    )
    return str(rows[0][0])


async def move_record(made: Room, by: int) -> None:
    """Change the number of the last record entry in the row of the session."""
    await made.harness.rows(
        "UPDATE sessions SET record_number = record_number + CAST(:by AS bigint) WHERE session_id = :id",
        by=by,
        id=UUID(made.session_id),
    )


async def test_session_closes_automatically_after_its_planned_end(harness: Harness) -> None:
    made = await room(harness, countdown=SHORT, auto_close_after=timedelta(minutes=5))
    await made.pass_planned_end(timedelta(minutes=5))
    ended = await made.until_state(ENDED)
    assert ended.ended_by == ""
    (closing,) = await made.events(events_pb2.SessionClosing)
    (event,) = await made.events(events_pb2.SessionEnded)
    assert (closing.closed_by, closing.acting_role) == ("", ROLE_UNSPECIFIED)
    assert (event.ended_by, event.acting_role) == ("", ROLE_UNSPECIFIED)
    assert event.end_time == closing.end_time
    assert await made.recorded() == ["session.closing", "session.ended"]


async def test_session_does_not_close_before_the_configured_time(harness: Harness) -> None:
    made = await room(harness, auto_close_after=timedelta(minutes=5))
    await made.pass_planned_end(timedelta(minutes=4))
    await run_worker(harness)
    assert (await made.shown()).state == IN_PROGRESS


async def test_session_does_not_close_before_the_deadline_of_an_attempt(harness: Harness) -> None:
    made = await room(harness, countdown=NO_TIME, auto_close_after=NO_TIME)
    await made.start_attempt(datetime.now(UTC) + timedelta(hours=2))
    await made.pass_planned_end()
    await run_worker(harness)
    shown = await made.shown()
    assert shown.state == IN_PROGRESS
    assert not shown.HasField("overdue_time")
    await made.harness.deliver(made.attempt(assessment.AttemptSubmitted))
    await made.until_state(ENDED)


async def test_attempt_without_time_limit_does_not_prevent_the_closing(harness: Harness) -> None:
    made = await room(harness, countdown=NO_TIME, auto_close_after=NO_TIME)
    await made.start_attempt()
    await made.pass_planned_end()
    await made.until_state(ENDED)


async def test_extra_time_during_the_countdown_stops_the_automatic_closing(
    harness: Harness,
) -> None:
    made = await room(harness, countdown=timedelta(seconds=1), auto_close_after=NO_TIME)
    await made.start_attempt(datetime.now(UTC))
    await made.pass_planned_end()
    await made.until_state(CLOSING)
    await made.change_time(datetime.now(UTC) + timedelta(hours=2))
    await made.until_state(IN_PROGRESS)
    assert await made.recorded() == ["session.closing", "session.closing-cancelled"]
    (event,) = await made.events(events_pb2.SessionClosingCancelled)
    assert (event.cancelled_by, event.acting_role) == ("", ROLE_UNSPECIFIED)


async def test_paused_attempt_prevents_the_closing_and_alarms_the_proctors(
    harness: Harness,
) -> None:
    made = await room(harness, countdown=NO_TIME, auto_close_after=NO_TIME)
    await made.start_attempt(datetime.now(UTC))
    await made.change_time(None, stopped=True)
    await made.pass_planned_end()

    async def is_overdue() -> bool:
        return (await made.shown()).HasField("overdue_time")

    await until(is_overdue)
    await run_worker(harness)
    assert await made.recorded() == ["session.overdue"]
    assert (await roster(made.proctor, made.session_id)).session.HasField("overdue_time")
    call = watch(made.learner, made.session_id)
    assert not (await connected(call)).session.HasField("overdue_time")

    await made.change_time(datetime.now(UTC) - timedelta(seconds=1))
    await made.until_state(ENDED)
    assert await made.recorded() == ["session.overdue", "session.ended"]


async def test_alarm_ends_when_the_clock_of_the_attempt_runs_again(harness: Harness) -> None:
    made = await room(harness, auto_close_after=NO_TIME)
    await made.start_attempt(datetime.now(UTC))
    await made.change_time(None, stopped=True)
    await made.pass_planned_end()

    async def is_overdue() -> bool:
        return (await made.shown()).HasField("overdue_time")

    async def is_not_overdue() -> bool:
        return not await is_overdue()

    await until(is_overdue)
    await made.change_time(datetime.now(UTC) + timedelta(hours=1))
    await until(is_not_overdue)
    assert (await made.shown()).state == IN_PROGRESS


async def test_expected_end_follows_the_latest_deadline(harness: Harness) -> None:
    made = await room(harness)
    planned = (await made.shown()).plan.start_time.ToDatetime(UTC) + timedelta(hours=1)
    assert (await made.shown()).expected_end_time.ToDatetime(UTC) == planned
    late = datetime.now(UTC).replace(second=10, microsecond=0) + timedelta(hours=3)
    await made.start_attempt(late)
    shown = await roster(made.proctor, made.session_id)
    assert shown.participants[0].assessments[0].deadline_time.ToDatetime(UTC) == late
    rounded = late.replace(second=0) + timedelta(minutes=1)
    assert shown.session.expected_end_time.ToDatetime(UTC) == rounded
    await made.harness.deliver(made.attempt(assessment.AttemptSubmitted))
    assert (await made.shown()).expected_end_time.ToDatetime(UTC) == planned


async def test_delayed_event_does_not_replace_a_newer_time(harness: Harness) -> None:
    made = await room(harness)
    late = datetime.now(UTC) + timedelta(hours=3)
    newer = made.attempt(assessment.AttemptTimeChanged, stopped=True)
    newer.stopped_remaining.FromTimedelta(timedelta(minutes=7))
    older = made.attempt(assessment.AttemptStarted, deadline_time=stamp(late))
    for event, position in ((newer, 9), (older, 8), (newer, 9)):
        await harness.handle(event, position=position)
    (participant,) = (await roster(made.proctor, made.session_id)).participants
    progress = participant.assessments[0]
    assert progress.stopped_remaining.ToTimedelta() == timedelta(minutes=7)
    assert not progress.HasField("deadline_time")


async def test_session_that_cannot_end_does_not_stop_the_others(harness: Harness) -> None:
    broken, intact = await room(harness), await room(harness)
    automatic = await room(harness, countdown=NO_TIME, auto_close_after=NO_TIME)
    for made in (broken, intact):
        await end(made.proctor, made.session_id)
    # The next entry of this session's record has the number of an existing entry, so the session cannot change.
    await move_record(broken, -1)
    try:
        await automatic.pass_planned_end()
        for made, ago in ((broken, 2 * SHORT), (intact, SHORT)):
            await harness.rows(
                "UPDATE sessions SET closing_end_at = now() - CAST(:ago AS interval)"
                " WHERE session_id = :id",
                ago=ago,
                id=UUID(made.session_id),
            )
        database = Database(harness.database_url)
        try:
            with pytest.raises(ExceptionGroup, match="automatic changes failed"):
                await ClosingWorker(database).run()
        finally:
            await database.close()
        states = [await stored_state(each) for each in (broken, intact, automatic)]
        assert states == ["closing", "ended", "ended"]
    finally:
        await move_record(broken, 1)
    await broken.until_state(ENDED)


async def test_person_who_cancels_an_automatic_closing_gains_time(harness: Harness) -> None:
    made = await room(harness, auto_close_after=NO_TIME)
    await made.pass_planned_end()
    await made.until_state(CLOSING)
    assert (await made.cancel()).state == IN_PROGRESS
    await run_worker(harness)
    assert (await made.shown()).state == IN_PROGRESS
    for minutes, state in ((9, IN_PROGRESS), (10, CLOSING)):
        await harness.rows(
            "UPDATE sessions SET closing_cancelled_at = now() - make_interval(mins => :minutes)"
            " WHERE session_id = :id",
            minutes=minutes,
            id=UUID(made.session_id),
        )
        await run_worker(harness)
        assert (await made.shown()).state == state

"""Tests of the reports of changes of answers that were received during stops."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from proctorium.assessment.events.v1 import events_pb2

from .harness import Harness, Seat
from .test_provisional import save_late
from .test_reopening import end, reopen
from .test_time_events import Break, Pause, start_of

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


async def reported(harness: Harness, seat: Seat) -> list[tuple[str, int]]:
    """Return the stops that were reported for the attempt of the seat, each with the number of changes."""
    published = await harness.events(events_pb2.AttemptSavedDuringStop)
    return [
        (each.stop_id, each.change_count)
        for each in published
        if each.attempt_id == seat.attempt_id
    ]


@pytest.mark.parametrize("seat_only", [True, False], ids=["participant", "session"])
@pytest.mark.parametrize("shown", [False, True], ids=["hidden", "shown"])
async def test_end_of_a_pause_reports_the_changes_that_were_received_during_it(
    harness: Harness, seat_only: bool, shown: bool
) -> None:
    seat = await harness.started()
    pause = Pause(seat, await start_of(seat), seat_only=seat_only, questions_shown=shown)
    # The first change is received after the command, but before its event.
    await seat.save(seat.change(1, 0))
    await harness.handle(pause.paused())
    await seat.save(seat.change(2, 1), seat.change(3, 2))
    assert await reported(harness, seat) == []
    for _ in range(2):
        await harness.handle(pause.resumed(HOUR))
    assert await reported(harness, seat) == [(pause.pause_id, 3)]


async def test_break_is_reported_and_a_pause_without_changes_is_not(harness: Harness) -> None:
    seat = await harness.started()
    began = await start_of(seat)
    earlier = Pause(seat, began - 2 * MINUTE)
    taken = Break(seat, began, 5 * MINUTE, clock_stops=False)
    await harness.handle(earlier.paused())
    await harness.handle(earlier.resumed(MINUTE))
    await harness.handle(taken.started())
    await seat.save(seat.change(1, 0))
    await harness.handle(taken.returned(HOUR))
    assert await reported(harness, seat) == [(taken.break_id, 1)]


async def test_pause_whose_events_arrive_in_the_wrong_order_is_reported_once(
    harness: Harness,
) -> None:
    seat = await harness.started()
    pause = Pause(seat, await start_of(seat))
    await seat.save(seat.change(1, 0))
    for event in (pause.resumed(HOUR), pause.paused(), pause.resumed(HOUR)):
        await harness.handle(event)
    assert await reported(harness, seat) == [(pause.pause_id, 1)]


async def test_submission_during_a_stop_reports_its_changes_before_the_submission(
    harness: Harness,
) -> None:
    seat = await harness.started()
    began = await start_of(seat)
    pause, other = Pause(seat, began), Pause(seat, began + HOUR, seat_only=False)
    await harness.handle(pause.paused())
    await harness.handle(other.paused())
    await seat.save(seat.change(1, 0))
    await seat.submit()
    await harness.handle(pause.resumed(2 * HOUR))
    assert await reported(harness, seat) == [(pause.pause_id, 1)]
    names = await harness.published(seat.attempt_id)
    assert names.index("attempt.saved-during-stop") < names.index("attempt.submitted")


async def test_change_is_reported_once_if_the_session_is_reopened_during_the_stop(
    harness: Harness,
) -> None:
    seat = await harness.started()
    pause = Pause(seat, await start_of(seat))
    await harness.handle(pause.paused())
    await seat.save(seat.change(1, 0), seat.change(2, 1))
    harness.clock.move(MINUTE)
    ended_at = await end(harness, seat)
    assert await reported(harness, seat) == [(pause.pause_id, 2)]
    harness.clock.move(MINUTE)
    await save_late(seat, 3, 0)
    await reopen(harness, seat, ended_at)
    harness.clock.move(MINUTE)
    await seat.save(seat.change(4, 2))
    await harness.handle(pause.resumed(HOUR))
    assert await reported(harness, seat) == [(pause.pause_id, 2), (pause.pause_id, 1)]


async def test_change_during_overlapping_stops_is_reported_once(harness: Harness) -> None:
    seat = await harness.started()
    began = await start_of(seat)
    own, common = Pause(seat, began), Pause(seat, began, seat_only=False)
    await harness.handle(own.paused())
    await harness.handle(common.paused())
    await seat.save(seat.change(1, 0))
    await harness.handle(common.resumed(HOUR))
    await harness.handle(own.resumed(HOUR))
    assert await reported(harness, seat) == [(common.pause_id, 1)]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO changes_during_stops SELECT attempt_id, sequence, gen_random_uuid() FROM changes_during_stops",
        "UPDATE changes_during_stops SET stop_id = gen_random_uuid()",
        "DELETE FROM changes_during_stops",
        "TRUNCATE changes_during_stops",
    ],
    ids=["second stop", "updated", "deleted", "truncated"],
)
async def test_database_keeps_which_changes_were_reported(harness: Harness, statement: str) -> None:
    seat = await harness.started()
    pause = Pause(seat, await start_of(seat))
    await harness.handle(pause.paused())
    await seat.save(seat.change(1, 0))
    await harness.handle(pause.resumed(HOUR))
    with pytest.raises(DBAPIError, match=r"UniqueViolation|RestrictViolation|permission denied"):
        await harness.rows(statement)

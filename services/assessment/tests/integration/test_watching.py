"""Tests of watching attempts."""

from __future__ import annotations

import asyncio
from typing import Any

from proctorium.assessment.events.v1 import events_pb2
from proctorium.assessment.v1 import attempts_pb2
from proctorium_devstack.testing.refusals import refusal
from proctorium_devstack.testing.waiting import next_response, until

from .harness import Harness, Seat


def watch(seat: Seat) -> Any:
    return seat.learner.attempts.WatchAttempt(
        attempts_pb2.WatchAttemptRequest(attempt_id=seat.attempt_id)
    )


async def ends(call: Any) -> None:
    """Assert that the stream has no further response."""
    async with asyncio.timeout(10):
        assert [each async for each in call] == []


async def test_watch_reports_each_change_and_ends(harness: Harness) -> None:
    seat = await harness.joined()
    call = watch(seat)
    states = [(await next_response(call)).attempt.state]
    await harness.handle(seat.authorized())
    states.append((await next_response(call)).attempt.state)
    await seat.start()
    working = await next_response(call)
    states.append(working.attempt.state)
    assert working.attempt.HasField("deadline_time")
    assert not working.attempt.items
    await seat.save(seat.change(1, 0))
    await seat.submit()
    done = await next_response(call)
    states.append(done.attempt.state)
    assert done.attempt.answered_count == 1
    await harness.handle(seat.ended())
    states.append((await next_response(call)).attempt.state)
    assert states == [
        attempts_pb2.ATTEMPT_STATE_AWAITING_AUTHORIZATION,
        attempts_pb2.ATTEMPT_STATE_AUTHORIZED,
        attempts_pb2.ATTEMPT_STATE_IN_PROGRESS,
        attempts_pb2.ATTEMPT_STATE_SUBMITTED,
        attempts_pb2.ATTEMPT_STATE_RELEASED,
    ]
    await ends(call)


async def test_watch_sends_heartbeats(harness: Harness) -> None:
    async with harness.replica(watch_heartbeat=0.1) as replica:
        seat = await replica.started()
        call = watch(seat)
        first = await next_response(call)
        for _ in range(3):
            again = await next_response(call)
            assert again.attempt.server_time != first.attempt.server_time
            again.attempt.server_time.CopyFrom(first.attempt.server_time)
            assert again.attempt.remaining_time != first.attempt.remaining_time
            again.attempt.remaining_time.CopyFrom(first.attempt.remaining_time)
            assert again == first
        # The stream still sends a change after it has sent heartbeats.
        await seat.submit()
        while (view := await next_response(call)).cursor == first.cursor:
            pass
        assert view.attempt.state >= attempts_pb2.ATTEMPT_STATE_SUBMITTED


async def test_watch_shows_that_the_attempt_is_voided(harness: Harness) -> None:
    seat = await harness.joined()
    call = watch(seat)
    await next_response(call)
    await harness.handle(seat.ended())
    assert (await next_response(call)).attempt.state == attempts_pb2.ATTEMPT_STATE_VOIDED
    call.cancel()


async def test_watch_of_anothers_attempt_is_refused(harness: Harness) -> None:
    seat = await harness.joined()
    stranger = harness.person().attempts.WatchAttempt(
        attempts_pb2.WatchAttemptRequest(attempt_id=seat.attempt_id)
    )
    assert (await refusal(next_response(stranger))).reason == "NOT_YOUR_ATTEMPT"


async def test_progress_is_published_less_often_than_saves(harness: Harness) -> None:
    seat = await harness.started()
    for number in range(1, 41):
        await seat.save(seat.change(number, number % 4))

    async def last() -> events_pb2.AttemptProgressed | None:
        events = await harness.events(events_pb2.AttemptProgressed)
        return events[-1] if events and events[-1].answered_count == 4 else None

    newest = await until(last)
    assert newest is not None
    assert (newest.item_count, newest.participant_id) == (4, str(seat.participant_id))
    assert len(await harness.events(events_pb2.AttemptProgressed)) < 20
    (row,) = await harness.rows("SELECT chain_length, progress_published_length FROM attempts")
    assert row.chain_length == 40

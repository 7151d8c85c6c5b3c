"""Tests of the outages of learners, which session orchestration reports as events about lost and new connections."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import permutations

import pytest
from google.protobuf.message import Message

from proctorium.assessment.events.v1.events_pb2 import AttemptTimeChanged
from proctorium.assessment.v1 import attempts_pb2 as pb
from proctorium.session.events.v1.events_pb2 import (
    ParticipantConnected,
    ParticipantDisconnected,
    ParticipantReturnAdmitted,
    ParticipantReturnRequested,
)
from proctorium_common.ids import new_id

from .harness import Harness, Seat
from .test_time_events import LIMIT, MINUTE, Pause, start_of, utc


class Outage:
    """The events of an outage of a participant."""

    def __init__(self, seat: Seat, at: datetime, returned_limit: timedelta | None) -> None:
        self.seat, self.at, self.returned_limit = seat, at, returned_limit
        self.outage_id = str(new_id())

    def started(self) -> ParticipantDisconnected:
        event = ParticipantDisconnected(
            session_id=str(self.seat.session_id),
            participant_id=str(self.seat.participant_id),
            outage_id=self.outage_id,
        )
        event.outage_start_time.FromDatetime(self.at)
        if self.returned_limit is not None:
            event.returned_limit.FromTimedelta(self.returned_limit)
        return event

    def ended(self, after: timedelta) -> ParticipantConnected:
        event = ParticipantConnected(
            session_id=str(self.seat.session_id),
            participant_id=str(self.seat.participant_id),
            outage_id=self.outage_id,
        )
        event.outage_end_time.FromDatetime(self.at + after)
        return event


async def test_outage_is_given_back_with_the_questions_shown(harness: Harness) -> None:
    seat = await harness.started()
    lost = await start_of(seat) + timedelta(milliseconds=1)
    outage = Outage(seat, lost, 10 * MINUTE)
    await harness.handle(outage.started())
    during = await seat.attempt()
    assert during.clock_state == pb.CLOCK_STATE_STOPPED
    assert not during.questions_hidden
    assert len(during.items) == 4
    assert during.clock_resume_time.ToDatetime() == utc(lost + 10 * MINUTE)
    assert during.deadline_time.ToDatetime() == utc(await start_of(seat) + LIMIT + 10 * MINUTE)

    await harness.handle(outage.ended(4 * MINUTE))
    after = await seat.attempt()
    assert after.deadline_time.ToDatetime() == utc(await start_of(seat) + LIMIT + 4 * MINUTE)
    assert after.returned_time.ToTimedelta() == 4 * MINUTE
    changes = await harness.events(AttemptTimeChanged)
    (last,) = [each for each in changes if each.attempt_id == seat.attempt_id][-1:]
    assert last.returned_time.ToTimedelta() == 4 * MINUTE


async def test_all_outages_together_are_given_back_up_to_the_limit(harness: Harness) -> None:
    seat = await harness.started()
    began = await start_of(seat)
    for minute in (5, 20, 40):
        outage = Outage(seat, began + minute * MINUTE, 7 * MINUTE)
        await harness.handle(outage.started())
        await harness.handle(outage.ended(3 * MINUTE))
    after = await seat.attempt()
    assert after.returned_time.ToTimedelta() == 7 * MINUTE
    assert after.deadline_time.ToDatetime() == utc(began + LIMIT + 7 * MINUTE)


async def test_clock_runs_if_the_policy_gives_nothing_back(harness: Harness) -> None:
    seat = await harness.started()
    before = await seat.attempt()
    outage = Outage(seat, await start_of(seat) + MINUTE, None)
    await harness.handle(outage.started())
    await harness.handle(outage.ended(4 * MINUTE))
    after = await seat.attempt()
    assert after.deadline_time == before.deadline_time
    assert not after.HasField("returned_time")


async def test_connection_outside_of_an_outage_changes_nothing(harness: Harness) -> None:
    seat = await harness.started()
    before = await seat.attempt()
    session_id, participant_id = str(seat.session_id), str(seat.participant_id)
    for event in (ParticipantDisconnected, ParticipantConnected):
        await harness.handle(event(session_id=session_id, participant_id=participant_id))
    assert (await seat.attempt()).deadline_time == before.deadline_time


@pytest.mark.parametrize("order", [*permutations(range(4))][::3], ids=str)
async def test_order_of_an_outage_and_a_pause_does_not_matter(
    harness: Harness, order: Sequence[int]
) -> None:
    seat = await harness.started()
    began = await start_of(seat)
    outage = Outage(seat, began + 10 * MINUTE, 5 * MINUTE)
    pause = Pause(seat, began + 12 * MINUTE)
    events: list[Message] = [
        outage.started(),
        outage.ended(20 * MINUTE),
        pause.paused(),
        pause.resumed(10 * MINUTE),
    ]
    for each in order:
        await harness.handle(events[each])
        await harness.handle(events[each])
    after = await seat.attempt()
    # Two minutes before the pause, ten minutes of the pause, and three minutes after it.
    assert after.deadline_time.ToDatetime() == utc(began + LIMIT + 15 * MINUTE)
    assert after.returned_time.ToTimedelta() == 5 * MINUTE


async def test_clock_stands_still_until_a_proctor_lets_the_learner_back_in(
    harness: Harness,
) -> None:
    seat = await harness.started()
    returned = await start_of(seat) + 10 * MINUTE
    session_id, participant_id = str(seat.session_id), str(seat.participant_id)
    request_id = str(new_id())
    requested = ParticipantReturnRequested(
        session_id=session_id, participant_id=participant_id, return_request_id=request_id
    )
    requested.request_time.FromDatetime(returned)
    await harness.handle(requested)
    waiting = await seat.attempt()
    assert (waiting.clock_state, waiting.questions_hidden) == (pb.CLOCK_STATE_PAUSED, True)
    assert waiting.remaining_time.ToTimedelta() == LIMIT - 10 * MINUTE
    await seat.save(seat.change(1, 0))

    admitted = ParticipantReturnAdmitted(
        session_id=session_id, participant_id=participant_id, return_request_id=request_id
    )
    admitted.admit_time.FromDatetime(returned + 3 * MINUTE)
    await harness.handle(admitted)
    back = await seat.attempt()
    assert (len(back.items), len(back.answers)) == (4, 1)
    assert back.deadline_time.ToDatetime() == utc(returned + LIMIT - 7 * MINUTE)

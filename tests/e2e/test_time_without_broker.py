"""Test pauses and extra time while the broker is down: commands are accepted, and the clock is exact afterwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from google.protobuf.duration_pb2 import Duration

from e2e.clients import LearnerClient, ProctorClient
from e2e.scenario import Scenario
from e2e.supervising import pause_all, resume_all
from proctorium.assessment.v1.attempts_pb2 import (
    CLOCK_STATE_PAUSED,
    CLOCK_STATE_RUNNING,
)
from proctorium.session.v1.lobby_pb2 import PARTICIPANT_STATE_PAUSED
from proctorium.session.v1.supervision_pb2 import GrantExtraTimeRequest
from proctorium_devstack.stack import Stack

_ALARM = "The fire alarm rang."
_EXTRA = 300


async def test_time_is_exact_after_the_broker_was_down(stack: Stack, scenario: Scenario) -> None:
    learner, proctor = LearnerClient(scenario.learners[0], scenario), ProctorClient(scenario)
    await learner.join()
    proctor.watch()
    await proctor.verify(await learner.send_evidence())
    await proctor.start()
    await proctor.authorize(learner)
    attempt = await learner.start()
    before = attempt.deadline_time.ToDatetime()

    await stack.stop("nats")
    try:
        pause = await pause_all(proctor, _ALARM)
        assert learner.lobby is not None
        await learner.lobby.until(
            lambda view: view.participant.state == PARTICIPANT_STATE_PAUSED, "the learner paused"
        )
        await learner.answer_all(attempt)
        await grant_extra_time(proctor)
        running = await learner.read_attempt()
        assert running.clock_state == CLOCK_STATE_RUNNING
        assert running.deadline_time == attempt.deadline_time
    finally:
        await stack.start("nats")

    assert learner.exam is not None
    await learner.exam.until(
        lambda view: (
            view.attempt.clock_state == CLOCK_STATE_PAUSED
            and view.attempt.extra_time.seconds == _EXTRA
        ),
        "the clock paused and the extra time",
    )
    paused = await learner.read_attempt()
    remaining = before - pause.pause_time.ToDatetime() + timedelta(seconds=_EXTRA)
    assert paused.remaining_time.ToTimedelta() == remaining
    assert not paused.items
    assert (paused.answered_count, paused.late_count) == (len(attempt.items), 0)

    await resume_all(proctor)
    with_extra = before + timedelta(seconds=_EXTRA)
    await learner.exam.until(
        lambda view: view.attempt.deadline_time.ToDatetime() > with_extra, "the clock running"
    )
    resumed_at = (await proctor.last_entry("session.resumed")).time.ToDatetime(tzinfo=UTC)
    deadline = (await learner.read_attempt()).deadline_time.ToDatetime(tzinfo=UTC)
    assert deadline == resumed_at + remaining
    assert deadline > datetime.now(UTC)
    await learner.close()
    await proctor.close()


async def grant_extra_time(proctor: ProctorClient) -> None:
    request = GrantExtraTimeRequest(
        session_id=proctor.scenario.session_id,
        amount=Duration(seconds=_EXTRA),
        extra_time_reason=_ALARM,
    )
    await proctor.proctor.supervision.GrantExtraTime(request)

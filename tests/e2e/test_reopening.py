"""Test over the edge that learners continue after a session is reopened, and that results are held until then."""

from __future__ import annotations

from datetime import UTC, timedelta

from e2e.clients import LearnerClient, ProctorClient, correct_answer
from e2e.scenario import create_scenario
from proctorium.assessment.v1.attempts_pb2 import (
    ATTEMPT_STATE_IN_PROGRESS,
    ATTEMPT_STATE_SUBMITTED,
)
from proctorium.session.events.v1.events_pb2 import SessionReopened
from proctorium.session.v1.lobby_pb2 import PARTICIPANT_STATE_IN_SESSION
from proctorium.session.v1.sessions_pb2 import SESSION_STATE_IN_PROGRESS
from proctorium_devstack.stack import Stack
from proctorium_devstack.testing.refusals import refusal

_WINDOW = timedelta(seconds=10)


async def test_learner_continues_after_the_session_is_reopened(stack: Stack) -> None:
    scenario = await create_scenario(stack.address("edge"), reopen_window=_WINDOW)
    learner, proctor = LearnerClient(scenario.learners[0], scenario), ProctorClient(scenario)
    await learner.join()
    proctor.watch()
    await proctor.verify(await learner.send_evidence())
    await proctor.start()
    await learner.open_lesson_eventually()
    await proctor.authorize(learner)
    attempt = await learner.start()
    before = attempt.deadline_time.ToDatetime(tzinfo=UTC)
    await learner.save(attempt.items[0], correct_answer(attempt.items[0]))
    await proctor.end()
    assert learner.lobby is not None
    assert learner.exam is not None
    await learner.exam.until(
        lambda view: view.attempt.state == ATTEMPT_STATE_SUBMITTED, "the submission"
    )
    seen, seen_exam = len(learner.lobby.received), len(learner.exam.received)

    assert (await proctor.reopen()).state == SESSION_STATE_IN_PROGRESS
    await learner.lobby.until(
        lambda view: view.participant.state == PARTICIPANT_STATE_IN_SESSION,
        "the reopening",
        after=seen,
    )
    await learner.exam.until(
        lambda view: view.attempt.state == ATTEMPT_STATE_IN_PROGRESS,
        "the attempt in progress",
        after=seen_exam,
    )
    reopened = SessionReopened.FromString((await proctor.last_entry("session.reopened")).body)
    stopped = reopened.reopen_time.ToDatetime() - reopened.end_time.ToDatetime()
    continued = await learner.read_attempt()
    assert continued.deadline_time.ToDatetime(tzinfo=UTC) - before == stopped
    await learner.open_lesson_eventually()
    await learner.answer_all(continued)
    await learner.submit()
    await proctor.end()
    result = await learner.wait_for_result()
    assert result.points == result.points_possible
    error = await refusal(proctor.reopen())
    assert error.reason in {"REOPENING_EXPIRED", "RESULT_RELEASED"}
    await learner.close()
    await proctor.close()
    await scenario.close()

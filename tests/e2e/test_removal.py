"""Test over the edge that the clock is stopped exactly from a removal to the readmission."""

from __future__ import annotations

from datetime import UTC

from e2e.clients import LearnerClient, ProctorClient
from e2e.scenario import Scenario
from proctorium.assessment.v1.attempts_pb2 import CLOCK_STATE_PAUSED, CLOCK_STATE_RUNNING
from proctorium.session.events.v1.events_pb2 import ParticipantReadmitted, ParticipantRemoved
from proctorium.session.v1.lobby_pb2 import (
    PARTICIPANT_STATE_IN_SESSION,
    PARTICIPANT_STATE_REMOVED,
)
from proctorium.session.v1.supervision_pb2 import (
    ReadmitParticipantsRequest,
    RemoveParticipantsRequest,
)

_REASON = "A phone rang in the room."


async def test_clock_is_exact_after_a_removal_and_a_readmission(scenario: Scenario) -> None:
    learner, proctor = LearnerClient(scenario.learners[0], scenario), ProctorClient(scenario)
    await learner.join()
    proctor.watch()
    await proctor.verify(await learner.send_evidence())
    await proctor.start()
    await proctor.authorize(learner)
    attempt = await learner.start()
    before = attempt.deadline_time.ToDatetime(tzinfo=UTC)
    supervision = proctor.proctor.supervision

    await supervision.RemoveParticipants(
        RemoveParticipantsRequest(
            session_id=scenario.session_id,
            participant_ids=[learner.participant_id],
            removal_reason=_REASON,
        )
    )
    assert learner.lobby is not None
    assert learner.exam is not None
    await learner.lobby.until(
        lambda view: (
            view.participant.state == PARTICIPANT_STATE_REMOVED
            and view.participant.removal_reason == _REASON
        ),
        "the removal with its reason",
    )
    await learner.exam.until(
        lambda view: view.attempt.clock_state == CLOCK_STATE_PAUSED, "the clock stopped"
    )
    assert not (await learner.read_attempt()).items

    # Earlier messages show the learner in the session, with the clock running.
    shown, received = len(learner.lobby.received), len(learner.exam.received)
    await supervision.ReadmitParticipants(
        ReadmitParticipantsRequest(
            session_id=scenario.session_id, participant_ids=[learner.participant_id]
        )
    )
    await learner.lobby.until(
        lambda view: view.participant.state == PARTICIPANT_STATE_IN_SESSION,
        "the readmission",
        after=shown,
    )
    await learner.exam.until(
        lambda view: view.attempt.clock_state == CLOCK_STATE_RUNNING,
        "the clock running",
        after=received,
    )
    removed = ParticipantRemoved.FromString((await proctor.last_entry("participant.removed")).body)
    readmitted = ParticipantReadmitted.FromString(
        (await proctor.last_entry("participant.readmitted")).body
    )
    stopped = readmitted.readmission_time.ToDatetime() - removed.removal_time.ToDatetime()
    back = await learner.read_attempt()
    assert back.deadline_time.ToDatetime(tzinfo=UTC) == before + stopped
    assert len(back.items) == len(attempt.items)
    await learner.close()
    await proctor.close()

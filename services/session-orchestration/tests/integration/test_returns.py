"""Tests of approval after an outage: a learner who returns is paused until a proctor lets them back in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from google.protobuf.duration_pb2 import Duration
from sqlalchemy.exc import DBAPIError

from proctorium.options.v1.options_pb2 import ROLE_PROCTOR
from proctorium.session.events.v1 import events_pb2
from proctorium.session.v1 import lobby_pb2, sessions_pb2
from proctorium.session.v1 import supervision_pb2 as pb
from proctorium_devstack.testing.refusals import refusal
from proctorium_devstack.testing.waiting import until

from .harness import Harness, Person, end, join, plan, roster, start
from .test_live import connected, watch
from .test_outages import is_open
from .test_reports import report_of

IN_SESSION = lobby_pb2.PARTICIPANT_STATE_IN_SESSION
PAUSED = lobby_pb2.PARTICIPANT_STATE_PAUSED
REASON = "Come to the front desk first."


@dataclass
class Room:
    """A session in progress whose plan requires approval after outages, and a learner in it."""

    harness: Harness
    proctor: Person
    learner: Person
    session_id: str
    participant_id: str

    async def return_after_outage(self) -> None:
        """Connect the learner, lose the connection, and connect again until the roster shows it."""
        call = watch(self.learner, self.session_id)
        await connected(call)
        call.cancel()
        await until(lambda: is_open(self.harness, self.participant_id))
        call = watch(self.learner, self.session_id)
        await connected(call)
        call.cancel()

    async def shown(self) -> lobby_pb2.Participant:
        (participant,) = (await roster(self.proctor, self.session_id)).participants
        return participant

    async def admit(self) -> pb.ParticipantOutcome:
        request = pb.AdmitParticipantsRequest(
            session_id=self.session_id, participant_ids=[self.participant_id]
        )
        (outcome,) = (await self.proctor.supervision.AdmitParticipants(request)).outcomes
        return outcome

    async def deny(self, reason: str = REASON) -> pb.ParticipantOutcome:
        request = pb.DenyParticipantsRequest(
            session_id=self.session_id, participant_ids=[self.participant_id], denial_reason=reason
        )
        (outcome,) = (await self.proctor.supervision.DenyParticipants(request)).outcomes
        return outcome


async def room(
    harness: Harness,
    *,
    grace: timedelta = timedelta(),
    requires_approval: bool = True,
    countdown: timedelta = timedelta(),
) -> Room:
    proctor, learner = harness.proctor(), harness.learner()
    planned = plan([proctor], closing_countdown=countdown)
    planned.disconnect_policy.requires_approval = requires_approval
    planned.disconnect_policy.approval_grace.FromTimedelta(grace)
    session = await harness.scheduled(planned)
    participant = (await join(learner, session.session_id)).participant
    await start(proctor, session.session_id)
    return Room(harness, proctor, learner, session.session_id, participant.participant_id)


async def test_report_counts_the_decisions_about_returns(harness: Harness) -> None:
    place = await room(harness)
    for _ in range(2):
        await place.return_after_outage()
        await place.deny()
        await place.admit()
    report = await report_of(place.proctor, place.session_id)
    (learner,) = report.learners
    assert (learner.admitted_return_count, learner.denied_return_count) == (2, 2)


async def test_learner_who_returns_is_paused_until_a_proctor_admits_them(harness: Harness) -> None:
    place = await room(harness)
    await place.return_after_outage()
    waiting = await place.shown()
    assert waiting.state == PAUSED
    assert waiting.return_request.request_time == waiting.latest_outage.end_time
    assert not waiting.return_request.denial_reason

    outcome = await place.admit()
    assert outcome.participant.state == IN_SESSION
    assert not (await place.shown()).HasField("return_request")
    about = [
        each
        for each in await harness.events(events_pb2.ParticipantReturnAdmitted)
        if each.session_id == place.session_id
    ]
    (requested,) = [
        each
        for each in await harness.events(events_pb2.ParticipantReturnRequested)
        if each.session_id == place.session_id
    ]
    assert [each.return_request_id for each in about] == [requested.return_request_id]
    assert (about[0].admitted_by, about[0].acting_role) == (place.proctor.id, ROLE_PROCTOR)
    assert requested.request_time == waiting.return_request.request_time
    await place.admit()
    recorded = await harness.recorded(place.session_id)
    assert recorded.count("participant.return-admitted") == 1


async def test_denied_return_keeps_the_learner_paused_with_the_reason(harness: Harness) -> None:
    place = await room(harness)
    await place.return_after_outage()
    assert (await place.deny()).participant.state == PAUSED
    await place.deny("Another reason")
    denied = await place.shown()
    assert (denied.state, denied.return_request.denial_reason) == (PAUSED, REASON)
    assert (await place.admit()).participant.state == IN_SESSION
    recorded = await harness.recorded(place.session_id)
    assert recorded.count("participant.return-denied") == 1


async def test_second_outage_makes_no_second_request(harness: Harness) -> None:
    place = await room(harness)
    await place.return_after_outage()
    first = (await place.shown()).return_request
    await place.return_after_outage()
    assert (await place.shown()).return_request == first


@pytest.mark.parametrize(
    ("requires_approval", "grace"),
    [(False, timedelta()), (True, timedelta(minutes=10))],
    ids=["no approval in the plan", "short outage"],
)
async def test_no_approval_is_needed(
    harness: Harness, requires_approval: bool, grace: timedelta
) -> None:
    place = await room(harness, requires_approval=requires_approval, grace=grace)
    await place.return_after_outage()
    shown = await place.shown()
    assert (shown.state, shown.HasField("return_request")) == (IN_SESSION, False)


async def test_resume_does_not_let_a_learner_back_in(harness: Harness) -> None:
    place = await room(harness)
    await place.return_after_outage()
    await place.proctor.supervision.ResumeParticipants(
        pb.ResumeParticipantsRequest(
            session_id=place.session_id, participant_ids=[place.participant_id]
        )
    )
    assert (await place.shown()).state == PAUSED


async def test_learner_can_be_let_back_in_while_the_session_is_closing(harness: Harness) -> None:
    place = await room(harness, countdown=timedelta(minutes=5))
    await place.return_after_outage()
    session = await end(place.proctor, place.session_id)
    assert session.state == sessions_pb2.SESSION_STATE_CLOSING
    assert (await place.admit()).participant.state == IN_SESSION
    assert (await refusal(place.admit())).reason == "SESSION_CLOSING"


@pytest.mark.parametrize("is_denied", [False, True], ids=["undecided", "denied"])
async def test_readmission_also_lets_a_learner_back_in_who_waited_before_the_removal(
    harness: Harness, is_denied: bool
) -> None:
    place = await room(harness)
    await place.return_after_outage()
    if is_denied:
        await place.deny()
    session_id, ids = place.session_id, [place.participant_id]
    await place.proctor.supervision.RemoveParticipants(
        pb.RemoveParticipantsRequest(
            session_id=session_id, participant_ids=ids, removal_reason=REASON
        )
    )
    request = pb.ReadmitParticipantsRequest(session_id=session_id, participant_ids=ids)
    (outcome,) = (await place.proctor.supervision.ReadmitParticipants(request)).outcomes
    assert outcome.participant.state == IN_SESSION
    shown = await place.shown()
    assert (shown.state, shown.HasField("return_request")) == (IN_SESSION, False)
    recorded = await harness.recorded(place.session_id)
    assert recorded[-2:] == ["participant.readmitted", "participant.return-admitted"]


async def test_policy_is_stored_with_its_defaults(harness: Harness) -> None:
    planned = plan([harness.proctor()])
    planned.disconnect_policy.requires_approval = True
    policy = (await harness.scheduled(planned)).plan.disconnect_policy
    assert policy.requires_approval
    assert policy.approval_grace == Duration(seconds=30)
    assert policy.returned_limit == Duration()


async def test_database_refuses_changes_of_return_requests(harness: Harness) -> None:
    place = await room(harness)
    await place.return_after_outage()
    for statement in (
        "DELETE FROM return_requests",
        "UPDATE return_requests SET requested_at = requested_at - interval '1 minute'",
        "UPDATE return_requests SET admitted_at = now()",
        "INSERT INTO return_requests SELECT gen_random_uuid(), session_id, participant_id FROM return_requests",
    ):
        with pytest.raises(DBAPIError):
            await harness.rows(statement)
    rows = await harness.rows(
        "SELECT count(*) FROM return_requests WHERE participant_id = :id",
        id=UUID(place.participant_id),
    )
    assert rows == [(1,)]

"""Tests of late entry with approval: waiting, admission, denial, and the end of the session."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError

from proctorium.options.v1.options_pb2 import ROLE_ADMINISTRATOR, ROLE_PROCTOR
from proctorium.session.events.v1 import events_pb2
from proctorium.session.v1 import hands_pb2, lobby_pb2, messages_pb2, sessions_pb2
from proctorium.session.v1 import supervision_pb2 as pb
from proctorium_common.ids import new_id
from proctorium_devstack.testing.waiting import next_response

from .harness import Harness, Person, end, join, plan, roster, start
from .test_live import connected, seen_as, watch, watch_roster

AWAITING = lobby_pb2.PARTICIPANT_STATE_AWAITING_APPROVAL
DENIED = lobby_pb2.PARTICIPANT_STATE_DENIED
IN_SESSION = lobby_pb2.PARTICIPANT_STATE_IN_SESSION
PAUSED = lobby_pb2.PARTICIPANT_STATE_PAUSED
NO_SHOW = lobby_pb2.PARTICIPANT_STATE_NO_SHOW
REASON = "You are 40 minutes late."


@dataclass
class Door:
    """A session in progress whose plan requires approval, and learners who joined after the start."""

    harness: Harness
    proctor: Person
    learners: list[Person]
    session_id: str
    ids: list[str]

    def admitting(self, *participant_ids: str) -> pb.AdmitParticipantsRequest:
        return pb.AdmitParticipantsRequest(
            session_id=self.session_id, participant_ids=participant_ids
        )

    def denying(self, *participant_ids: str, reason: str = REASON) -> pb.DenyParticipantsRequest:
        return pb.DenyParticipantsRequest(
            session_id=self.session_id, participant_ids=participant_ids, denial_reason=reason
        )

    async def admit(self, *participant_ids: str) -> pb.AdmitParticipantsResponse:
        return await self.proctor.supervision.AdmitParticipants(self.admitting(*participant_ids))

    async def deny(self, *participant_ids: str) -> pb.DenyParticipantsResponse:
        return await self.proctor.supervision.DenyParticipants(self.denying(*participant_ids))

    async def states(self) -> list[int]:
        shown = await roster(self.proctor, self.session_id)
        return [int(each.state) for each in shown.participants]


async def door(harness: Harness, *, late: int = 2, capacity: int = 10) -> Door:
    proctor = harness.proctor()
    approval = sessions_pb2.LATE_ENTRY_APPROVAL
    session = await harness.scheduled(plan([proctor], late_entry=approval, capacity=capacity))
    assert session.plan.late_entry == approval
    assert not session.plan.HasField("late_entry_limit")
    await join(harness.learner(), session.session_id)
    await start(proctor, session.session_id)
    learners = [harness.learner() for _ in range(late)]
    joined = [await join(each, session.session_id) for each in learners]
    ids = [each.participant.participant_id for each in joined]
    return Door(harness, proctor, learners, session.session_id, ids)


async def test_late_learner_waits_until_a_proctor_admits_them(harness: Harness) -> None:
    room = await door(harness, late=1)
    call = watch(room.learners[0], room.session_id)
    assert (await connected(call)).participant.state == AWAITING
    supervision = watch_roster(room.proctor, room.session_id)
    shown = (await next_response(supervision)).snapshot.participants
    assert [each.state for each in shown] == [IN_SESSION, AWAITING]
    (joined,) = [
        each
        for each in await harness.events(events_pb2.ParticipantJoined)
        if each.participant_id == room.ids[0]
    ]
    assert joined.awaiting_approval

    (outcome,) = (await room.admit(*room.ids)).outcomes
    assert outcome.participant.state == IN_SESSION
    assert (await seen_as(call, IN_SESSION)).participant.participant_id == room.ids[0]
    (admitted,) = [
        each
        for each in await harness.events(events_pb2.ParticipantAdmitted)
        if each.session_id == room.session_id
    ]
    assert (admitted.admitted_by, admitted.acting_role) == (room.proctor.id, ROLE_PROCTOR)
    assert admitted.person_id == room.learners[0].id
    assert admitted.HasField("admit_time")
    session = await end(room.proctor, room.session_id)
    (ended,) = [
        each
        for each in await harness.events(events_pb2.SessionEnded)
        if each.session_id == session.session_id
    ]
    assert all(each.attended for each in ended.attendances)


async def test_denied_learner_reads_the_reason_and_can_be_admitted_later(harness: Harness) -> None:
    room = await door(harness, late=1)
    call = watch(room.learners[0], room.session_id)
    await connected(call)
    (outcome,) = (await room.deny(*room.ids)).outcomes
    assert (outcome.participant.state, outcome.participant.denial_reason) == (DENIED, "")
    view = await seen_as(call, DENIED)
    assert view.participant.denial_reason == REASON
    rejoined = await join(room.learners[0], room.session_id)
    assert (rejoined.rejoin, rejoined.participant.state) == (True, DENIED)
    (denied,) = [
        each
        for each in await harness.events(events_pb2.ParticipantDenied)
        if each.session_id == room.session_id
    ]
    assert (denied.denied_by, denied.acting_role) == (room.proctor.id, ROLE_PROCTOR)
    assert REASON.encode() not in denied.SerializeToString()

    await room.admit(*room.ids)
    view = await seen_as(call, IN_SESSION)
    assert view.participant.denial_reason == ""


async def test_two_proctors_who_decide_at_once_never_overwrite_each_other(
    harness: Harness,
) -> None:
    made = await door(harness, late=1)
    other = harness.administrator().supervision
    first, second = await asyncio.gather(
        made.admit(made.ids[0]), other.AdmitParticipants(made.admitting(made.ids[0]))
    )
    states = [each.outcomes[0].participant.state for each in (first, second)]
    assert states == [IN_SESSION, IN_SESSION]
    assert (await harness.recorded(made.session_id)).count("participant.admitted") == 1
    denied = await made.deny(made.ids[0])
    assert denied.outcomes[0].error.reason == "PARTICIPANT_NOT_AWAITING_APPROVAL"


async def test_repeated_decisions_change_nothing(harness: Harness) -> None:
    room = await door(harness)
    first = await room.deny(room.ids[0])
    again = await room.proctor.supervision.DenyParticipants(
        room.denying(room.ids[0], reason="Another reason.")
    )
    assert again.outcomes == first.outcomes
    shown = await roster(room.proctor, room.session_id)
    assert shown.participants[1].denial_reason == REASON
    admitted = await room.admit(*room.ids)
    assert (await room.admit(*room.ids)).outcomes == admitted.outcomes
    names = await harness.recorded(room.session_id)
    assert names.count("participant.denied") == 1
    assert names.count("participant.admitted") == 2


async def test_each_participant_has_an_outcome(harness: Harness) -> None:
    room = await door(harness)
    await room.admit(room.ids[0])
    unknown = str(new_id())
    outcomes = (await room.deny(unknown, *room.ids)).outcomes
    assert [(each.participant_id, each.error.reason) for each in outcomes] == [
        (unknown, "NOT_FOUND"),
        (room.ids[0], "PARTICIPANT_NOT_AWAITING_APPROVAL"),
        (room.ids[1], ""),
    ]
    removal = pb.RemoveParticipantsRequest(
        session_id=room.session_id, participant_ids=[room.ids[0]], removal_reason="A phone."
    )
    await room.proctor.supervision.RemoveParticipants(removal)
    (outcome,) = (await room.admit(room.ids[0])).outcomes
    assert outcome.error.reason == "PARTICIPANT_NOT_AWAITING_APPROVAL"


async def test_waiting_learners_take_seats_and_miss_the_session(harness: Harness) -> None:
    room = await door(harness, capacity=3)
    await room.deny(room.ids[0])
    error = await harness.refused(
        harness.learner().lobby.JoinSession, lobby_pb2.JoinSessionRequest(code=room.session_id)
    )
    assert error.reason == "SESSION_FULL"
    await end(room.proctor, room.session_id)
    assert (await room.states())[1:] == [NO_SHOW, NO_SHOW]
    shown = await roster(room.proctor, room.session_id)
    assert shown.participants[1].denial_reason == REASON
    names = await harness.recorded(room.session_id)
    assert names.count("participant.missed") == 2


async def test_pause_of_the_session_holds_for_admitted_learners(harness: Harness) -> None:
    room = await door(harness, late=1)
    await room.proctor.supervision.PauseParticipants(
        pb.PauseParticipantsRequest(session_id=room.session_id, pause_reason="The alarm rang.")
    )
    assert (await room.states())[1] == AWAITING
    (outcome,) = (await room.admit(*room.ids)).outcomes
    assert outcome.participant.state == PAUSED


async def test_waiting_learner_can_write_but_not_raise_a_hand(harness: Harness) -> None:
    room = await door(harness, late=1)
    (learner,) = room.learners
    message = messages_pb2.SendMessageRequest(
        session_id=room.session_id, participant_id=room.ids[0], text="The bus was late."
    )
    await learner.messages.SendMessage(message)
    raising = hands_pb2.RaiseHandRequest(session_id=room.session_id, kind=hands_pb2.HAND_KIND_HELP)
    error = await harness.refused(learner.hands.RaiseHand, raising)
    assert error.reason == "PARTICIPANT_NOT_IN_SESSION"
    authorizing = pb.AuthorizeAssessmentRequest(
        session_id=room.session_id,
        assessment_id=(await roster(room.proctor, room.session_id)).session.plan.assessment_ids[0],
        participant_ids=room.ids,
    )
    answer = await room.proctor.supervision.AuthorizeAssessment(authorizing)
    assert answer.outcomes[0].error.reason == "PARTICIPANT_NOT_IN_SESSION"


async def test_decisions_are_refused_to_others_and_outside_the_session(harness: Harness) -> None:
    room = await door(harness, late=1)
    stranger = harness.proctor().supervision
    error = await harness.refused(stranger.AdmitParticipants, room.admitting(*room.ids))
    assert error.reason == "NOT_YOUR_SESSION"
    error = await harness.refused(stranger.DenyParticipants, room.denying(*room.ids))
    assert error.reason == "NOT_YOUR_SESSION"
    supervision = room.proctor.supervision
    for request in (room.admitting(), room.admitting(*room.ids, *room.ids)):
        error = await harness.refused(supervision.AdmitParticipants, request)
        assert error.reason == "INVALID_REQUEST"
    for reason in ("", "x" * 1001, "a\u0000b"):
        denying = room.denying(*room.ids, reason=reason)
        error = await harness.refused(supervision.DenyParticipants, denying)
        assert error.reason == "INVALID_REQUEST"
    await harness.administrator().supervision.DenyParticipants(room.denying(*room.ids))
    denied = await harness.events(events_pb2.ParticipantDenied)
    assert denied[-1].acting_role == ROLE_ADMINISTRATOR
    await end(room.proctor, room.session_id)
    error = await harness.refused(supervision.AdmitParticipants, room.admitting(*room.ids))
    assert (error.reason, error.metadata["from"]) == ("INVALID_STATE_TRANSITION", "ended")


@pytest.mark.parametrize(
    "change",
    [
        "state = 'denied'",
        "denial_reason = 'late'",
        "state = 'in_session', denial_reason = 'late'",
        "state = 'denied', denial_reason = repeat('x', 1001)",
    ],
    ids=["no reason", "waiting with reason", "admitted with reason", "too long"],
)
async def test_database_refuses_a_reason_that_does_not_fit_the_state(
    harness: Harness, change: str
) -> None:
    room = await door(harness, late=1)
    statement = f"UPDATE participants SET {change} WHERE participant_id = :id"
    with pytest.raises(DBAPIError, match="CheckViolation"):
        await harness.rows(statement, id=UUID(room.ids[0]))


async def test_learners_who_are_not_admitted_cannot_be_removed_or_ended(harness: Harness) -> None:
    room = await door(harness)
    await room.deny(room.ids[1])
    supervision = room.proctor.supervision
    removing = pb.RemoveParticipantsRequest(
        session_id=room.session_id, participant_ids=room.ids, removal_reason=REASON
    )
    outcomes = (await supervision.RemoveParticipants(removing)).outcomes
    assert {each.error.reason for each in outcomes} == {"PARTICIPANT_NOT_IN_SESSION"}
    ending = pb.EndForParticipantsRequest(
        session_id=room.session_id, participant_ids=room.ids, end_reason=REASON
    )
    outcomes = (await supervision.EndForParticipants(ending)).outcomes
    assert {each.error.reason for each in outcomes} == {"PARTICIPANT_NOT_IN_SESSION"}
    assert (await room.states())[1:] == [AWAITING, DENIED]

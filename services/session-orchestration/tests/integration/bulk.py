"""Helpers for the tests of all methods for several participants."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.duration_pb2 import Duration

from proctorium.session.v1 import sessions_pb2
from proctorium.session.v1 import supervision_pb2 as pb

from .harness import Person, join
from .test_pauses import Room
from .test_removals import end_for, remove

REASON = "The fire alarm rang."

METHODS = sorted(
    method.name
    for method in pb.DESCRIPTOR.services_by_name["SupervisionService"].methods
    if "participant_ids" in method.input_type.fields_by_name
)
"""The names of all methods for several participants."""


async def in_session(room: Room) -> str:
    return room.ids[0]


async def authorized(room: Room) -> str:
    await call(room.proctor, "AuthorizeAssessment", room, room.ids[0])
    return room.ids[0]


async def late(room: Room) -> str:
    joined = await join(room.harness.learner(), room.session_id)
    return joined.participant.participant_id


async def paused(room: Room) -> str:
    await room.pause(room.ids[0])
    return room.ids[0]


async def removed(room: Room) -> str:
    await remove(room, room.ids[0])
    return room.ids[0]


async def ended(room: Room) -> str:
    await end_for(room, room.ids[0])
    return room.ids[0]


@dataclass(frozen=True)
class Bulk:
    """The event of a method, the function that returns a participant for whom the method succeeds, and fields."""

    event: str
    participant: Callable[[Room], Awaitable[str]] = in_session
    fields: Mapping[str, object] = field(default_factory=dict)


BULK = {
    "AuthorizeAssessment": Bulk("participant.assessment-authorized"),
    "WithdrawAuthorization": Bulk("participant.authorization-withdrawn", authorized),
    "RequestIdentityCheck": Bulk(
        "participant.identity-check-requested", fields={"identity_check_reason": REASON}
    ),
    "AdmitParticipants": Bulk("participant.admitted", late),
    "DenyParticipants": Bulk("participant.denied", late, {"denial_reason": REASON}),
    "RemoveParticipants": Bulk("participant.removed", fields={"removal_reason": REASON}),
    "ReadmitParticipants": Bulk("participant.readmitted", removed),
    "EndForParticipants": Bulk("participant.ended", fields={"end_reason": REASON}),
    "UndoEndForParticipants": Bulk("participant.end-undone", ended),
    "PauseParticipants": Bulk("participant.paused", fields={"pause_reason": REASON}),
    "ResumeParticipants": Bulk("participant.resumed", paused),
    "GrantExtraTime": Bulk(
        "participant.extra-time-granted",
        fields={"amount": Duration(seconds=300), "extra_time_reason": REASON},
    ),
}


async def request_for(method: str, room: Room, *participant_ids: str) -> Any:
    """Return a valid request of the method for the participants."""
    request = getattr(pb, f"{method}Request")(
        session_id=room.session_id, participant_ids=participant_ids, **BULK[method].fields
    )
    if "assessment_id" in request.DESCRIPTOR.fields_by_name:
        getting = sessions_pb2.GetSessionRequest(session_id=room.session_id)
        session = (await room.proctor.sessions.GetSession(getting)).session
        request.assessment_id = session.plan.assessment_ids[0]
    return request


async def call(
    person: Person, method: str, room: Room, *participant_ids: str
) -> list[pb.ParticipantOutcome]:
    """Call the method for the participants as `person`."""
    request = await request_for(method, room, *participant_ids)
    return list((await getattr(person.supervision, method)(request)).outcomes)

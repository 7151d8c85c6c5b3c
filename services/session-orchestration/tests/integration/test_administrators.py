"""Tests that administrators act in sessions as proctors do, and that the session record contains their acting role."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from proctorium.enrollment.events.v1 import events_pb2 as enrollment_events
from proctorium.options.v1.options_pb2 import ROLE_ADMINISTRATOR, ROLE_PROCTOR, ROLE_UNSPECIFIED
from proctorium.session.events.v1 import events_pb2
from proctorium.session.v1 import lobby_pb2, sessions_pb2, supervision_pb2
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_devstack.testing.waiting import until

from .harness import Harness, Person, end, join, plan, roster, start

_ACTS: dict[str, type[Message]] = {
    "session.lobby-opened": events_pb2.SessionLobbyOpened,
    "session.started": events_pb2.SessionStarted,
    "participant.assessment-authorized": events_pb2.ParticipantAssessmentAuthorized,
    "participant.removed": events_pb2.ParticipantRemoved,
    "session.ended": events_pb2.SessionEnded,
    "session.cancelled": events_pb2.SessionCancelled,
}


async def acts(reader: Person, session_id: str) -> list[tuple[str, str, int]]:
    """Return the event, the actor and the acting role of each session record entry that was caused by a person."""
    request = supervision_pb2.GetRecordRequest(session_id=session_id)
    entries = (await reader.record.GetRecord(request)).entries
    return [
        (each.event, each.actor, _ACTS[each.event].FromString(each.body).acting_role)  # type: ignore[attr-defined]
        for each in entries
        if each.event in _ACTS
    ]


async def open_lobby(person: Person, session_id: str) -> None:
    await person.sessions.OpenLobby(sessions_pb2.OpenLobbyRequest(session_id=session_id))


async def authorize(person: Person, session: sessions_pb2.Session) -> None:
    await person.supervision.AuthorizeAssessment(
        supervision_pb2.AuthorizeAssessmentRequest(
            session_id=session.session_id, assessment_id=session.plan.assessment_ids[0]
        )
    )


async def remove(person: Person, session_id: str, participant_id: str) -> None:
    await person.supervision.RemoveParticipants(
        supervision_pb2.RemoveParticipantsRequest(
            session_id=session_id,
            participant_ids=[participant_id],
            removal_reason="A phone was used.",
        )
    )


async def run_session(harness: Harness, person: Person, proctors: list[Person]) -> str:
    """Run a session as `person`, from opening the lobby to the end. Return the id of the session."""
    session = await harness.scheduled(plan(proctors, starts_in=timedelta(hours=5)))
    await open_lobby(person, session.session_id)
    first = (await join(harness.learner(), session.session_id)).participant
    await start(person, session.session_id)
    await authorize(person, session)
    await remove(person, session.session_id, first.participant_id)
    shown = await roster(person, session.session_id)
    assert shown.participants[0].state == lobby_pb2.PARTICIPANT_STATE_REMOVED
    await end(person, session.session_id)
    return session.session_id


_RUN = [
    "session.lobby-opened",
    "session.started",
    "participant.assessment-authorized",
    "participant.removed",
    "session.ended",
]


async def test_administrator_runs_any_session_and_is_recorded_as_administrator(
    harness: Harness,
) -> None:
    administrator = harness.administrator()
    session_id = await run_session(harness, administrator, [harness.proctor()])
    assert await acts(administrator, session_id) == [
        (event, administrator.id, ROLE_ADMINISTRATOR) for event in _RUN
    ]


async def test_proctor_is_recorded_as_proctor(harness: Harness) -> None:
    proctor = harness.proctor()
    session_id = await run_session(harness, proctor, [proctor])
    assert await acts(proctor, session_id) == [(event, proctor.id, ROLE_PROCTOR) for event in _RUN]


async def test_automatic_actions_have_no_acting_role(harness: Harness) -> None:
    proctor = harness.proctor()
    session = await harness.scheduled(plan([proctor]))
    await join(harness.learner(), session.session_id)
    opened = ("session.lobby-opened", "session", ROLE_UNSPECIFIED)
    assert await acts(proctor, session.session_id) == [opened]


async def test_cancellation_is_recorded_as_by_an_administrator(
    harness: Harness,
) -> None:
    administrator = harness.administrator()
    session = await harness.scheduled(plan([harness.proctor()], starts_in=timedelta(hours=5)))
    request = sessions_pb2.CancelSessionRequest(session_id=session.session_id)
    await administrator.sessions.CancelSession(request)
    cancelled = ("session.cancelled", administrator.id, ROLE_ADMINISTRATOR)
    assert await acts(administrator, session.session_id) == [cancelled]


@pytest.mark.parametrize("certified", [True, False], ids=["certified", "lapsed"])
async def test_proctor_with_both_roles_acts_as_proctor_while_certified(
    harness: Harness, *, certified: bool
) -> None:
    proctor = harness.proctor()
    both = harness.person("proctor", "administrator", person_id=proctor.person_id)
    session = await harness.scheduled(plan([proctor], starts_in=timedelta(hours=5)))
    if not certified:
        await lapse(harness, proctor)
    await open_lobby(both, session.session_id)
    await start(both, session.session_id)
    role = ROLE_PROCTOR if certified else ROLE_ADMINISTRATOR
    assert await acts(both, session.session_id) == [
        ("session.lobby-opened", both.id, role),
        ("session.started", both.id, role),
    ]


async def lapse(harness: Harness, proctor: Person) -> None:
    """Publish that the proctor's certification has expired, and wait until the service has stored the expiry."""
    now = datetime.now(UTC)
    over = Timestamp()
    over.FromDatetime(now - timedelta(days=1))
    event = enrollment_events.PersonCertified(person_id=proctor.id, certified_until_time=over)
    await harness.publish(event, time=now + timedelta(seconds=1))

    async def stored() -> bool:
        statement = "SELECT 1 FROM certifications WHERE person_id = :id AND certified_until < now()"
        return bool(await harness.rows(statement, id=proctor.person_id))

    await until(stored)


async def test_administrator_cannot_run_a_session_as_its_participant(
    harness: Harness,
) -> None:
    proctor, person_id = harness.proctor(), new_id()
    both = harness.person("administrator", "learner", person_id=person_id)
    session = await harness.scheduled(plan([proctor]))
    own = (await join(both, session.session_id)).participant
    await start(proctor, session.session_id)
    authorizing = supervision_pb2.AuthorizeAssessmentRequest(
        session_id=session.session_id,
        assessment_id=session.plan.assessment_ids[0],
        participant_ids=[own.participant_id],
    )
    error = await harness.refused(both.supervision.AuthorizeAssessment, authorizing)
    assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "NOT_YOUR_SESSION")
    assert "take part" in error.message
    ending = sessions_pb2.EndSessionRequest(session_id=session.session_id)
    error = await harness.refused(both.sessions.EndSession, ending)
    assert error.reason == "NOT_YOUR_SESSION"


async def test_administrator_invited_as_learner_cannot_run_the_session(
    harness: Harness,
) -> None:
    both = harness.person("administrator", "learner", person_id=new_id())
    session = await harness.scheduled(plan([harness.proctor()], [both]))
    starting = sessions_pb2.StartSessionRequest(session_id=session.session_id)
    error = await harness.refused(both.sessions.StartSession, starting)
    assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "NOT_YOUR_SESSION")


async def test_unknown_session_is_not_found_for_administrators(harness: Harness) -> None:
    administrator, nowhere = harness.administrator(), str(new_id())
    starting = sessions_pb2.StartSessionRequest(session_id=nowhere)
    error = await harness.refused(administrator.sessions.StartSession, starting)
    assert error.reason == "NOT_FOUND"
    authorizing = supervision_pb2.AuthorizeAssessmentRequest(
        session_id=nowhere, assessment_id=str(new_id())
    )
    error = await harness.refused(administrator.supervision.AuthorizeAssessment, authorizing)
    assert error.reason == "NOT_FOUND"

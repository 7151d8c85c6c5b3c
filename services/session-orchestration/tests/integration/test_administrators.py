"""Tests that administrators act in sessions as proctors do, and that the session record contains their acting role."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from proctorium.enrollment.events.v1 import events_pb2 as enrollment_events
from proctorium.options.v1.options_pb2 import ROLE_ADMINISTRATOR, ROLE_PROCTOR, ROLE_UNSPECIFIED
from proctorium.session.v1 import lobby_pb2, sessions_pb2, supervision_pb2
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_devstack.testing.waiting import until

from . import test_incidents as incidents
from .breaks import decide, grant_of, policy, refusal_of, request
from .bulk import BULK, METHODS, REASON, call
from .harness import Harness, Person, end, join, plan, roster, start
from .life import parsed
from .test_conversations import Scene, announce, in_progress
from .test_hands import answer, lower, raise_hand
from .test_reopening import in_progress as room_in_progress


async def acts(reader: Person, session_id: str) -> list[tuple[str, str, int]]:
    """Return the event, the actor and the acting role of each session record entry whose event has an acting role."""
    request = supervision_pb2.GetRecordRequest(session_id=session_id)
    entries = (await reader.record.GetRecord(request)).entries
    events = [parsed(each.event, each.body) for each in entries]
    return [
        (entry.event, entry.actor, event.acting_role)
        for entry, event in zip(entries, events, strict=True)
        if "acting_role" in event.DESCRIPTOR.fields_by_name
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


@pytest.mark.parametrize("method", METHODS)
async def test_administrator_is_recorded_for_each_method_for_several_participants(
    harness: Harness, method: str
) -> None:
    room, administrator = await room_in_progress(harness), harness.administrator()
    participant_id = await BULK[method].participant(room)
    (outcome,) = await call(administrator, method, room, participant_id)
    assert outcome.HasField("participant")
    act = (BULK[method].event, administrator.id, ROLE_ADMINISTRATOR)
    assert (await acts(administrator, room.session_id))[-1] == act


async def pause(person: Person, scene: Scene) -> None:
    await person.supervision.PauseParticipants(
        supervision_pb2.PauseParticipantsRequest(session_id=scene.session_id, pause_reason=REASON)
    )


async def resume(person: Person, scene: Scene) -> None:
    await pause(scene.proctor, scene)
    await person.supervision.ResumeParticipants(
        supervision_pb2.ResumeParticipantsRequest(session_id=scene.session_id)
    )


async def grant_break(person: Person, scene: Scene) -> None:
    await decide(person, grant_of(await request(scene.learner, scene)))


async def refuse_break(person: Person, scene: Scene) -> None:
    await decide(person, refusal_of(await request(scene.learner, scene)))


async def answer_hand(person: Person, scene: Scene) -> None:
    await answer(person, await raise_hand(scene.learner, scene))


async def lower_hand(person: Person, scene: Scene) -> None:
    await lower(person, await raise_hand(scene.learner, scene))


async def write_announcement(person: Person, scene: Scene) -> None:
    await announce(person, scene.announcement())


async def create_incident(person: Person, scene: Scene) -> None:
    about = incidents.Scene(scene.proctor, scene.learner, scene.session_id, scene.participant_id)
    await incidents.create(person, about.created())


async def reopen(person: Person, scene: Scene) -> None:
    await end(scene.proctor, scene.session_id)
    await person.sessions.ReopenSession(
        sessions_pb2.ReopenSessionRequest(session_id=scene.session_id)
    )


@pytest.mark.parametrize(
    ("command", "event"),
    [
        (pause, "session.paused"),
        (resume, "session.resumed"),
        (grant_break, "break.granted"),
        (refuse_break, "break.refused"),
        (answer_hand, "hand.answered"),
        (lower_hand, "hand.lowered"),
        (write_announcement, "message.sent"),
        (create_incident, "incident.created"),
        (reopen, "session.reopened"),
    ],
)
async def test_administrator_is_recorded_for_each_other_command(
    harness: Harness, command: Callable[[Person, Scene], Awaitable[None]], event: str
) -> None:
    scene, administrator = await in_progress(harness, policy()), harness.administrator()
    await command(administrator, scene)
    act = (event, administrator.id, ROLE_ADMINISTRATOR)
    assert (await acts(administrator, scene.session_id))[-1] == act


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

"""Tests of the entries of the session record that a learner reads about themselves."""

from __future__ import annotations

import pytest

from proctorium.session.v1 import incidents_pb2, supervision_pb2
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal

from .harness import Harness, Person, end, join, plan, start

LEARNER = supervision_pb2.RECORD_ACTOR_LEARNER
STAFF = supervision_pb2.RECORD_ACTOR_STAFF
SERVICE = supervision_pb2.RECORD_ACTOR_SERVICE


async def own_record(person: Person, session_id: str) -> list[supervision_pb2.OwnRecordEntry]:
    """Return all entries that concern the person, read in pages of two."""
    entries: list[supervision_pb2.OwnRecordEntry] = []
    request = supervision_pb2.GetMyRecordRequest(session_id=session_id, page_size=2)
    while True:
        page = await person.record.GetMyRecord(request)
        entries += page.entries
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return entries


async def report(proctor: Person, session_id: str, participant_id: str = "") -> None:
    """Write an incident about a participant, or about the whole session if `participant_id` is empty."""
    await proctor.incidents.CreateIncident(
        incidents_pb2.CreateIncidentRequest(
            session_id=session_id,
            participant_id=participant_id,
            category_id="environment.noise",
            severity=incidents_pb2.INCIDENT_SEVERITY_NOTE,
            note="Loud music in the room",
        )
    )


async def test_learner_reads_own_entries_and_entries_about_the_whole_session(
    harness: Harness,
) -> None:
    proctor, learner, other = harness.proctor(), harness.learner(), harness.learner()
    session = await harness.scheduled(plan([proctor]))
    session_id = session.session_id
    joined = await join(learner, session_id)
    await join(other, session_id)
    await report(proctor, session_id, joined.participant.participant_id)
    await report(proctor, session_id)
    await start(proctor, session_id)
    await end(proctor, session_id)
    entries = await own_record(learner, session_id)
    assert [(each.event, each.actor, each.own) for each in entries] == [
        ("session.scheduled", STAFF, False),
        ("session.lobby-opened", SERVICE, False),
        ("participant.joined", LEARNER, True),
        ("incident.created", STAFF, True),
        ("session.started", STAFF, False),
        ("participant.left", SERVICE, True),
        ("session.ended", STAFF, False),
    ]
    assert [each.number for each in entries] == sorted({each.number for each in entries})
    assert all(each.HasField("time") for each in entries)


async def test_record_of_a_session_that_the_learner_has_not_joined_is_not_found(
    harness: Harness,
) -> None:
    proctor, learner = harness.proctor(), harness.learner()
    session = await harness.scheduled(plan([proctor]))
    for session_id in (session.session_id, str(new_id())):
        error = await refusal(own_record(learner, session_id))
        assert (error.kind, error.reason) == (Kind.NOT_FOUND, "NOT_FOUND")


async def test_page_token_of_another_learner_is_refused(harness: Harness) -> None:
    proctor, learner, other = harness.proctor(), harness.learner(), harness.learner()
    session = await harness.scheduled(plan([proctor]))
    for each in (learner, other):
        await join(each, session.session_id)
    request = supervision_pb2.GetMyRecordRequest(session_id=session.session_id, page_size=1)
    request.page_token = (await learner.record.GetMyRecord(request)).next_page_token
    error = await refusal(other.record.GetMyRecord(request))
    assert error.reason == "INVALID_PAGE_TOKEN"


@pytest.mark.parametrize("session_id", ["", "x", "0" * 36])
async def test_invalid_session_id_is_refused(harness: Harness, session_id: str) -> None:
    error = await refusal(own_record(harness.learner(), session_id))
    assert (error.kind, [each.field for each in error.violations]) == (
        Kind.INVALID,
        ["session_id"],
    )

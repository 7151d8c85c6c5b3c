"""Tests of incidents.

The supervisors of a session create, update and read incidents. The learners of the session cannot read them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy.exc import DBAPIError

from proctorium.options.v1.options_pb2 import ROLE_ADMINISTRATOR, ROLE_PROCTOR
from proctorium.session.events.v1 import events_pb2
from proctorium.session.v1 import incidents_pb2 as pb
from proctorium.session.v1 import sessions_pb2, supervision_pb2
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal
from proctorium_session.operations import incidents as operations

from .harness import Harness, Person, end, join, plan, start

ALARM = "The fire alarm rang; everybody left the room for ten minutes."


@dataclass
class Scene:
    """A session in progress, with its proctor and a learner."""

    proctor: Person
    learner: Person
    session_id: str
    participant_id: str

    def created(self, **fields: object) -> pb.CreateIncidentRequest:
        """Return a valid request to create an incident, in which `fields` replace the default values."""
        request = pb.CreateIncidentRequest(
            session_id=self.session_id,
            category_id="environment.interruption",
            severity=pb.INCIDENT_SEVERITY_WARNING,
            note=ALARM,
        )
        for name, value in fields.items():
            setattr(request, name, value)
        return request


async def in_progress(harness: Harness) -> Scene:
    proctor, learner = harness.proctor(), harness.learner()
    session = await harness.scheduled(plan([proctor]))
    joined = await join(learner, session.session_id)
    await start(proctor, session.session_id)
    return Scene(proctor, learner, session.session_id, joined.participant.participant_id)


async def create(person: Person, request: pb.CreateIncidentRequest) -> pb.Incident:
    return (await person.incidents.CreateIncident(request)).incident


async def listed(person: Person, session_id: str, participant_id: str = "") -> list[pb.Incident]:
    """Read the incidents of the session in pages of two, and return them."""
    found: list[pb.Incident] = []
    token = ""
    while True:
        page = await person.incidents.ListIncidents(
            pb.ListIncidentsRequest(
                session_id=session_id,
                participant_id=participant_id,
                page_size=2,
                page_token=token,
            )
        )
        found += page.incidents
        token = page.next_page_token
        if not token:
            return found


async def test_incident_is_created_recorded_and_listed(harness: Harness) -> None:
    scene = await in_progress(harness)
    created = await create(scene.proctor, scene.created(participant_id=scene.participant_id))
    assert (created.note, created.revision, created.etag) == (ALARM, 1, "v1")
    assert (created.written_by, created.acting_role) == (scene.proctor.id, ROLE_PROCTOR)
    assert await listed(scene.proctor, scene.session_id) == [created]
    assert (await harness.recorded(scene.session_id))[-1] == "incident.created"
    assert (await harness.published(scene.session_id))[-1] == "incident.created"


async def test_event_has_a_hash_of_the_note_and_not_its_text(harness: Harness) -> None:
    scene = await in_progress(harness)
    created = await create(scene.proctor, scene.created())
    rows = await harness.rows("SELECT body FROM outbox ORDER BY position DESC LIMIT 1")
    body = rows[0][0]
    assert isinstance(body, bytes)
    assert b"alarm" not in body
    event = events_pb2.IncidentCreated.FromString(body)
    assert (event.incident_id, event.category_id) == (created.incident_id, created.category_id)
    assert len(event.note_hash) == 32


async def test_incident_changes_no_state(harness: Harness) -> None:
    scene = await in_progress(harness)
    states = (
        "SELECT session_id, state FROM sessions WHERE session_id = :id"
        " UNION ALL SELECT participant_id, state FROM participants WHERE session_id = :id ORDER BY 1"
    )
    session_id = UUID(scene.session_id)
    before = await harness.rows(states, id=session_id)
    await create(scene.proctor, scene.created(severity=pb.INCIDENT_SEVERITY_SERIOUS))
    assert len(before) > 1
    assert await harness.rows(states, id=session_id) == before


async def test_update_keeps_the_earlier_revisions(harness: Harness) -> None:
    scene = await in_progress(harness)
    created = await create(scene.proctor, scene.created())
    administrator = harness.administrator()
    changed = pb.Incident(
        incident_id=created.incident_id, note="It was a test alarm.", etag=created.etag
    )
    updated = (
        await administrator.incidents.UpdateIncident(pb.UpdateIncidentRequest(incident=changed))
    ).incident
    assert (updated.note, updated.category_id) == ("It was a test alarm.", created.category_id)
    assert (updated.revision, updated.acting_role) == (2, ROLE_ADMINISTRATOR)
    revisions = await scene.proctor.incidents.ListIncidentRevisions(
        pb.ListIncidentRevisionsRequest(incident_id=created.incident_id)
    )
    assert list(revisions.revisions) == [updated, created]
    assert await listed(scene.proctor, scene.session_id) == [updated]
    assert (await harness.recorded(scene.session_id))[-2:] == [
        "incident.created",
        "incident.updated",
    ]


async def test_mask_names_the_fields_of_an_update(harness: Harness) -> None:
    scene = await in_progress(harness)
    created = await create(scene.proctor, scene.created())
    incident = pb.Incident(
        incident_id=created.incident_id,
        note="Not named by the mask",
        severity=pb.INCIDENT_SEVERITY_SERIOUS,
    )
    updated = (
        await scene.proctor.incidents.UpdateIncident(
            pb.UpdateIncidentRequest(incident=incident, update_mask=FieldMask(paths=["severity"]))
        )
    ).incident
    assert (updated.note, updated.severity) == (ALARM, pb.INCIDENT_SEVERITY_SERIOUS)


async def test_update_without_a_new_value_changes_nothing(harness: Harness) -> None:
    scene = await in_progress(harness)
    created = await create(scene.proctor, scene.created())
    before = await harness.state()
    same = pb.Incident(incident_id=created.incident_id, note=ALARM)
    updated = await scene.proctor.incidents.UpdateIncident(pb.UpdateIncidentRequest(incident=same))
    assert updated.incident == created
    assert await harness.state() == before


async def test_second_of_two_concurrent_changes_is_refused(harness: Harness) -> None:
    scene = await in_progress(harness)
    created = await create(scene.proctor, scene.created())
    administrator = harness.administrator()

    def changed(note: str) -> pb.UpdateIncidentRequest:
        return pb.UpdateIncidentRequest(
            incident=pb.Incident(incident_id=created.incident_id, note=note, etag=created.etag)
        )

    await scene.proctor.incidents.UpdateIncident(changed("First"))
    refused = await harness.refused(administrator.incidents.UpdateIncident, changed("Second"))
    assert refused.reason == "STALE_ETAG"


async def test_incidents_of_one_participant_are_listed_newest_first(harness: Harness) -> None:
    scene = await in_progress(harness)
    of_session = [await create(scene.proctor, scene.created(note=f"Alarm {n}")) for n in range(3)]
    of_learner = [
        await create(
            scene.proctor,
            scene.created(
                note=f"Looked away {n}",
                category_id="learner.conduct",
                participant_id=scene.participant_id,
            ),
        )
        for n in range(3)
    ]
    newest_first = [*reversed(of_learner), *reversed(of_session)]
    assert await listed(scene.proctor, scene.session_id) == newest_first
    of_participant = await listed(scene.proctor, scene.session_id, scene.participant_id)
    assert of_participant == newest_first[:3]


async def test_repetition_creates_one_incident(harness: Harness) -> None:
    scene = await in_progress(harness)
    request = scene.created(request_id=str(new_id()))
    first = await create(scene.proctor, request)
    assert await create(scene.proctor, request) == first
    assert len(await listed(scene.proctor, scene.session_id)) == 1


def at(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"category_id": "environment"}, "INCIDENT_CATEGORY_UNKNOWN", "category_id"),
        ({"category_id": ""}, "INVALID_REQUEST", "category_id"),
        ({"note": ""}, "INVALID_REQUEST", "note"),
        ({"note": " \n\t"}, "INVALID_REQUEST", "note"),
        ({"note": "x" * 2001}, "INVALID_REQUEST", "note"),
        ({"note": "bell\x07"}, "INVALID_REQUEST", "note"),
        ({"note": "\u202egnorw"}, "INVALID_REQUEST", "note"),
        ({"severity": pb.INCIDENT_SEVERITY_UNSPECIFIED}, "INVALID_REQUEST", "severity"),
        ({"severity": 9}, "INVALID_REQUEST", "severity"),
        ({"participant_id": "somebody"}, "INVALID_REQUEST", "participant_id"),
        ({"participant_id": str(new_id())}, "NOT_FOUND", None),
    ],
)
async def test_invalid_incident_is_refused_at_its_field(
    harness: Harness, fields: dict[str, object], reason: str, field: str | None
) -> None:
    scene = await in_progress(harness)
    refused = await harness.refused(scene.proctor.incidents.CreateIncident, scene.created(**fields))
    assert refused.reason == reason
    if field is not None:
        assert [each.field for each in refused.violations] == [field]


async def test_markup_is_stored_as_it_was_written(harness: Harness) -> None:
    scene = await in_progress(harness)
    note = "<b>bold</b> & 'quoted'\nsecond line"
    assert (await create(scene.proctor, scene.created(note=note))).note == note


@pytest.mark.parametrize("shift", [timedelta(minutes=5), timedelta(days=-1)])
async def test_time_outside_of_the_session_is_refused(harness: Harness, shift: timedelta) -> None:
    scene = await in_progress(harness)
    request = scene.created()
    request.occurrence_time.CopyFrom(at(datetime.now(UTC) + shift))
    refused = await harness.refused(scene.proctor.incidents.CreateIncident, request)
    assert refused.reason == "OCCURRENCE_TIME_INVALID"


async def test_participant_of_another_session_is_refused(harness: Harness) -> None:
    scene, other = await in_progress(harness), await in_progress(harness)
    request = scene.created(participant_id=other.participant_id)
    refused = await harness.refused(scene.proctor.incidents.CreateIncident, request)
    assert refused.reason == "NOT_FOUND"


async def test_scheduled_and_cancelled_sessions_have_no_incidents(harness: Harness) -> None:
    proctor = harness.proctor()
    session = await harness.scheduled(
        plan([proctor], starts_in=timedelta(days=1), lobby_lead=timedelta(minutes=5))
    )
    scene = Scene(proctor, harness.learner(), session.session_id, "")
    refused = await refusal(proctor.incidents.CreateIncident(scene.created()))
    assert refused.reason == "LOBBY_NOT_OPEN"
    await harness.administrator().sessions.CancelSession(
        sessions_pb2.CancelSessionRequest(session_id=session.session_id)
    )
    refused = await refusal(proctor.incidents.CreateIncident(scene.created()))
    assert refused.reason == "SESSION_CANCELLED"


async def test_incident_is_written_after_the_end_of_the_session(harness: Harness) -> None:
    scene = await in_progress(harness)
    await end(scene.proctor, scene.session_id)
    await create(scene.proctor, scene.created())
    assert (await harness.recorded(scene.session_id))[-1] == "incident.created"


async def test_proctors_have_no_access_long_after_the_end(harness: Harness) -> None:
    scene = await in_progress(harness)
    created = await create(scene.proctor, scene.created())
    await end(scene.proctor, scene.session_id)
    await harness.rows("UPDATE sessions SET end_time = end_time - interval '25 hours'")
    service = scene.proctor.incidents
    calls = (
        service.CreateIncident(scene.created()),
        service.ListIncidents(pb.ListIncidentsRequest(session_id=scene.session_id)),
        service.ListIncidentRevisions(
            pb.ListIncidentRevisionsRequest(incident_id=created.incident_id)
        ),
        service.UpdateIncident(
            pb.UpdateIncidentRequest(
                incident=pb.Incident(incident_id=created.incident_id, note="Later")
            )
        ),
    )
    for call in calls:
        assert (await refusal(call)).reason == "RECORD_CLOSED"
    assert await listed(harness.administrator(), scene.session_id) == [created]


async def test_others_have_no_access(harness: Harness) -> None:
    scene = await in_progress(harness)
    created = await create(scene.proctor, scene.created(participant_id=scene.participant_id))
    revisions = pb.ListIncidentRevisionsRequest(incident_id=created.incident_id)
    incidents = pb.ListIncidentsRequest(session_id=scene.session_id)
    for person, reason in ((harness.proctor(), "NOT_YOUR_SESSION"), (scene.learner, "NOT_ALLOWED")):
        service = person.incidents
        for call in (
            service.CreateIncident(scene.created()),
            service.ListIncidents(incidents),
            service.ListIncidentRevisions(revisions),
        ):
            assert (await refusal(call)).reason == reason


async def test_administrator_who_is_a_learner_of_the_session_has_no_access(
    harness: Harness,
) -> None:
    scene = await in_progress(harness)
    created = await create(scene.proctor, scene.created(participant_id=scene.participant_id))
    both = harness.person("learner", "administrator", person_id=scene.learner.person_id)
    calls = (
        both.incidents.CreateIncident(scene.created()),
        both.incidents.ListIncidents(pb.ListIncidentsRequest(session_id=scene.session_id)),
        both.incidents.ListIncidentRevisions(
            pb.ListIncidentRevisionsRequest(incident_id=created.incident_id)
        ),
    )
    for call in calls:
        assert (await refusal(call)).reason == "NOT_YOUR_SESSION"


async def test_invalid_update_is_refused_at_the_field_of_the_incident(harness: Harness) -> None:
    scene = await in_progress(harness)
    created = await create(scene.proctor, scene.created())
    changed = pb.Incident(incident_id=created.incident_id, category_id="environment")
    refused = await harness.refused(
        scene.proctor.incidents.UpdateIncident, pb.UpdateIncidentRequest(incident=changed)
    )
    assert refused.reason == "INCIDENT_CATEGORY_UNKNOWN"
    assert [each.field for each in refused.violations] == ["incident.category_id"]


async def test_reports_and_changes_of_a_session_are_limited_together(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "MAX_SESSION_REVISIONS", 2)
    scene, other = await in_progress(harness), await in_progress(harness)
    created = await create(scene.proctor, scene.created())
    await create(scene.proctor, scene.created())
    changed = pb.Incident(incident_id=created.incident_id, note="Later")
    refused = await harness.refused(scene.proctor.incidents.CreateIncident, scene.created())
    assert refused.reason == "INCIDENT_LIMIT_REACHED"
    refused = await harness.refused(
        scene.proctor.incidents.UpdateIncident, pb.UpdateIncidentRequest(incident=changed)
    )
    assert refused.reason == "INCIDENT_LIMIT_REACHED"
    await create(other.proctor, other.created())


async def test_unknown_incident_looks_like_one_of_another_session(harness: Harness) -> None:
    scene = await in_progress(harness)
    created = await create(scene.proctor, scene.created())
    stranger = harness.proctor().incidents
    errors = [
        await refusal(
            stranger.ListIncidentRevisions(pb.ListIncidentRevisionsRequest(incident_id=each))
        )
        for each in (created.incident_id, str(new_id()))
    ]
    assert {each.reason for each in errors} == {"NOT_YOUR_SESSION"}
    assert errors[0].message == errors[1].message


async def test_reading_is_logged_as_an_access_to_the_record(harness: Harness) -> None:
    scene = await in_progress(harness)
    await listed(scene.proctor, scene.session_id)
    accesses = await harness.administrator().record.ListRecordAccesses(
        supervision_pb2.ListRecordAccessesRequest(session_id=scene.session_id)
    )
    assert {each.person_id for each in accesses.accesses} == {scene.proctor.id}


async def test_database_refuses_to_change_an_incident(harness: Harness) -> None:
    scene = await in_progress(harness)
    await create(scene.proctor, scene.created())
    for statement in (
        "UPDATE incidents SET participant_id = NULL",
        "DELETE FROM incidents",
        "UPDATE incident_revisions SET note = 'Nothing happened.'",
        "DELETE FROM incident_revisions",
    ):
        with pytest.raises(DBAPIError):
            await harness.rows(statement)


async def test_database_refuses_a_gap_and_a_strangers_participant(harness: Harness) -> None:
    scene, other = await in_progress(harness), await in_progress(harness)
    created = await create(scene.proctor, scene.created())
    copied = (
        "INSERT INTO incident_revisions SELECT incident_id, 3, category_id, severity, note, note_key,"
        " occurred_at, written_by, acting_role, written_at FROM incident_revisions"
    )
    with pytest.raises(DBAPIError, match="no revision before it"):
        await harness.rows(copied)
    with pytest.raises(DBAPIError, match="in another session"):
        await harness.rows(
            "INSERT INTO incidents VALUES (:id, :session, :participant)",
            id=new_id(),
            session=UUID(created.session_id),
            participant=UUID(other.participant_id),
        )


async def test_categories_are_listed_as_a_tree(harness: Harness) -> None:
    response = await harness.proctor().incidents.ListIncidentCategories(
        pb.ListIncidentCategoriesRequest()
    )
    assert [each.category_id for each in response.categories] == [
        "environment",
        "learner",
        "staff",
        "technical",
        "other",
    ]
    for category in response.categories:
        assert category.subcategories
        for each in category.subcategories:
            assert each.category_id.startswith(f"{category.category_id}.")

"""Tests of the rules for incidents."""

from __future__ import annotations

import hmac
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from proctorium_common.errors import ServiceError
from proctorium_common.ids import new_id
from proctorium_session.domain.incidents import (
    CATEGORIES,
    MAX_REVISIONS,
    Incident,
    IncidentChanges,
    IncidentSeverity,
    check_incident,
    require_incidents,
    update_incident,
)
from proctorium_session.domain.session_states import SessionState
from proctorium_session.domain.sessions import ActingRole, Actor

from .builders import NOON, make_session

AUTHOR = Actor(new_id(), ActingRole.PROCTOR)
OTHER = Actor(new_id(), ActingRole.ADMINISTRATOR)
LOBBY_OPEN = replace(make_session(), lobby_open_time=NOON)
LATER = NOON + timedelta(minutes=30)
INCIDENT = Incident(
    incident_id=new_id(),
    session_id=LOBBY_OPEN.session_id,
    participant_id=None,
    category_id="environment.noise",
    severity=IncidentSeverity.NOTE,
    note="Somebody mowed the lawn.",
    occurred_at=LATER,
    revision=1,
    note_key=b"first",
    author=AUTHOR,
    written_at=LATER,
)


def updated(
    changes: IncidentChanges, etag: str = "", incident: Incident = INCIDENT
) -> Incident | None:
    return update_incident(
        incident, changes, etag, OTHER, now=LATER + timedelta(hours=1), note_key=b"second"
    )


def test_every_subcategory_is_a_category_of_incidents() -> None:
    ids = [each.category_id for category in CATEGORIES for each in category.subcategories]
    assert len(ids) == len(set(ids))
    for category_id in ids:
        check_incident(LOBBY_OPEN, replace(INCIDENT, category_id=category_id))


@pytest.mark.parametrize("category_id", ["environment", "environment.party", "", "other.noise"])
def test_other_categories_are_refused_at_their_field(category_id: str) -> None:
    with pytest.raises(ServiceError) as caught:
        check_incident(LOBBY_OPEN, replace(INCIDENT, category_id=category_id))
    assert caught.value.reason == "INCIDENT_CATEGORY_UNKNOWN"
    assert caught.value.violations[0].field == "category_id"


@pytest.mark.parametrize(
    ("occurred_at", "is_valid"),
    [
        (NOON, True),
        (NOON - timedelta(seconds=1), False),
        (LATER + timedelta(seconds=59), True),
        (LATER + timedelta(minutes=2), False),
    ],
)
def test_incident_occurs_between_the_lobby_opening_and_now(
    occurred_at: datetime, is_valid: bool
) -> None:
    incident = replace(INCIDENT, occurred_at=occurred_at)
    if is_valid:
        check_incident(LOBBY_OPEN, incident)
        return
    with pytest.raises(ServiceError) as caught:
        check_incident(LOBBY_OPEN, incident)
    assert caught.value.reason == "OCCURRENCE_TIME_INVALID"


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (SessionState.SCHEDULED, "LOBBY_NOT_OPEN"),
        (SessionState.LOBBY_OPEN, None),
        (SessionState.IN_PROGRESS, None),
        (SessionState.ENDED, None),
        (SessionState.CANCELLED, "SESSION_CANCELLED"),
    ],
)
def test_incidents_are_written_in_some_states_only(state: SessionState, reason: str | None) -> None:
    of_state = replace(LOBBY_OPEN, state=state)
    if reason is None:
        require_incidents(of_state)
        return
    with pytest.raises(ServiceError) as caught:
        require_incidents(of_state)
    assert caught.value.reason == reason


def test_update_is_a_new_revision_by_its_author() -> None:
    after = updated(IncidentChanges(note="It was a chain saw.", severity=IncidentSeverity.WARNING))
    assert after is not None
    assert (after.revision, after.etag, after.author) == (2, "v2", OTHER)
    assert (after.note, after.severity) == ("It was a chain saw.", IncidentSeverity.WARNING)
    assert (after.category_id, after.occurred_at) == (INCIDENT.category_id, INCIDENT.occurred_at)


def test_only_a_new_note_has_a_new_key() -> None:
    with_note = updated(IncidentChanges(note="It was a chain saw."))
    with_severity = updated(IncidentChanges(severity=IncidentSeverity.SERIOUS))
    assert with_note is not None
    assert with_severity is not None
    assert (with_note.note_key, with_severity.note_key) == (b"second", b"first")
    assert with_severity.note_hash == INCIDENT.note_hash
    assert with_note.note_hash == hmac.digest(b"second", b"It was a chain saw.", "sha256")


def test_update_without_a_new_value_changes_nothing() -> None:
    assert updated(IncidentChanges()) is None
    assert updated(IncidentChanges(note=INCIDENT.note, severity=IncidentSeverity.NOTE)) is None


def test_stale_etag_is_refused() -> None:
    assert updated(IncidentChanges(note="New"), etag="v1") is not None
    with pytest.raises(ServiceError) as caught:
        updated(IncidentChanges(note="New"), etag="v2")
    assert caught.value.reason == "STALE_ETAG"


def test_revisions_are_limited() -> None:
    last = replace(INCIDENT, revision=MAX_REVISIONS)
    with pytest.raises(ServiceError) as caught:
        updated(IncidentChanges(note="Once more"), incident=last)
    assert caught.value.reason == "INCIDENT_LIMIT_REACHED"
    assert updated(IncidentChanges(note=last.note), incident=last) is None

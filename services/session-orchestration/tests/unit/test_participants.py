from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta

import pytest

from proctorium_session.domain.identity import IdentityState
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import Participant, ParticipantView, after_start
from proctorium_session.domain.progress import Progress
from proctorium_session.domain.session_states import SessionState

from .builders import ASSESSMENT, NOON, make_session, make_view


def make_waiting_view() -> ParticipantView:
    """Return a waiting participant whose optional fields have values other than the defaults."""
    participant = replace(
        make_view(1, ParticipantState.WAITING, IdentityState.VERIFIED).participant,
        connected=True,
        identity_position=4,
        join_time=NOON - timedelta(minutes=9),
        ready_time=NOON - timedelta(minutes=3),
        revision=5,
        finished_unit_count=2,
    )
    return ParticipantView(participant, {ASSESSMENT: Progress(ASSESSMENT)})


def test_start_changes_only_state_time_and_revision_of_a_waiting_participant() -> None:
    session = replace(make_session(SessionState.IN_PROGRESS), session_revision=8)
    before = make_waiting_view()
    after = after_start(before, session)
    assert after.assessments is before.assessments
    changed = {
        field.name
        for field in fields(Participant)
        if getattr(after.participant, field.name) != getattr(before.participant, field.name)
    }
    assert changed == {"state", "entered_time", "revision"}
    assert after.participant.state is ParticipantState.IN_SESSION
    assert (after.participant.entered_time, after.participant.revision) == (NOON, 8)


@pytest.mark.parametrize(
    "state", [each for each in ParticipantState if each is not ParticipantState.WAITING]
)
def test_start_does_not_change_participants_who_are_not_waiting(state: ParticipantState) -> None:
    view = make_view(1, state)
    assert after_start(view, make_session(SessionState.IN_PROGRESS)) is view

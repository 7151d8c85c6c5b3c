"""Tests of the rules for readmissions and for ends for single participants."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from proctorium_common.errors import ServiceError
from proctorium_session.domain.outcomes import NOT_IN_SESSION
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import Ending, ParticipantView
from proctorium_session.domain.progress import Progress, ProgressState
from proctorium_session.domain.removals import (
    after_ending,
    ending_refusal,
    readmission_refusal,
    readmitted_state,
    require_endable,
    require_readmission,
)
from proctorium_session.domain.session_states import SessionState

from .builders import ASSESSMENT, NOON, make_session, make_view

ENDING = Ending(UUID(int=9), NOON, "Ill")
STARTED = {ASSESSMENT: Progress(ASSESSMENT, state=ProgressState.IN_PROGRESS)}
OVER = {ParticipantState.COMPLETED, ParticipantState.LEFT, ParticipantState.NO_SHOW}


def ended(view: ParticipantView) -> ParticipantView:
    return replace(view, participant=replace(view.participant, ending=ENDING))


@pytest.mark.parametrize("state", ParticipantState)
def test_participant_can_be_readmitted_unless_the_session_is_over_for_them(
    state: ParticipantState,
) -> None:
    refused = readmission_refusal(make_view(state=state))
    assert (refused is not None) == (state in OVER)
    assert refused is None or refused.reason == "PARTICIPANT_ENDED"


def test_removed_participant_cannot_be_readmitted_after_the_end_for_them() -> None:
    refused = readmission_refusal(ended(make_view(state=ParticipantState.REMOVED)))
    assert refused is not None
    assert refused.reason == "PARTICIPANT_ENDED"


def test_readmitted_participant_waits_until_the_session_is_in_progress() -> None:
    lobby, started = make_session(), make_session(SessionState.IN_PROGRESS)
    assert readmitted_state(lobby) is ParticipantState.WAITING
    assert readmitted_state(started) is ParticipantState.IN_SESSION


@pytest.mark.parametrize("state", ParticipantState)
def test_session_can_be_ended_for_those_in_it_and_for_removed_ones(state: ParticipantState) -> None:
    may = state in {ParticipantState.IN_SESSION, ParticipantState.REMOVED}
    assert ending_refusal(make_view(state=state)) is (None if may else NOT_IN_SESSION)
    assert ending_refusal(ended(make_view(state=state))) is None, "a repetition"


@pytest.mark.parametrize(
    ("state", "has_started", "after"),
    [
        (ParticipantState.IN_SESSION, True, ParticipantState.COMPLETED),
        (ParticipantState.IN_SESSION, False, ParticipantState.LEFT),
        (ParticipantState.REMOVED, True, ParticipantState.REMOVED),
    ],
)
def test_end_for_a_participant_depends_on_what_they_started(
    state: ParticipantState, has_started: bool, after: ParticipantState
) -> None:
    session = make_session(SessionState.IN_PROGRESS)
    view = replace(make_view(state=state), assessments=STARTED if has_started else {})
    over = after_ending(view, session, ENDING).participant
    assert (over.state, over.ending, over.revision) == (after, ENDING, session.next_revision)


@pytest.mark.parametrize("state", SessionState)
def test_state_of_the_session_limits_readmissions_and_ends(state: SessionState) -> None:
    session = make_session(state)
    if state is SessionState.LOBBY_OPEN or state.is_running:
        require_readmission(session)
    else:
        with pytest.raises(ServiceError, match="readmitted only"):
            require_readmission(session)
    if state.is_running:
        require_endable(session)
    else:
        with pytest.raises(ServiceError, match="single learners"):
            require_endable(session)

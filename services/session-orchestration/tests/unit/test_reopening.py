"""Tests of the rules for reopening a session."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from proctorium_common.errors import ServiceError
from proctorium_common.ids import new_id
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import Ending
from proctorium_session.domain.progress import Progress, ProgressState
from proctorium_session.domain.reopening import continued_state, require_reopenable
from proctorium_session.domain.session_states import SessionState
from proctorium_session.domain.sessions import ActingRole, Actor, Session

from .builders import NOON, make_session, make_view

PROCTOR = Actor(new_id(), ActingRole.PROCTOR)
ADMINISTRATOR = Actor(new_id(), ActingRole.ADMINISTRATOR)
MINUTE = timedelta(minutes=1)


def ended(reopen_for: timedelta | None = 5 * MINUTE) -> Session:
    session = make_session(SessionState.ENDED)
    return replace(session, reopen_until=None if reopen_for is None else NOON + reopen_for)


def refusal(session: Session, actor: Actor, after: timedelta, state: ProgressState) -> str:
    view = make_view(1)
    assessment_id = new_id()
    view = replace(view, assessments={assessment_id: Progress(assessment_id, new_id(), state)})
    try:
        require_reopenable(session, [view], actor, NOON + after)
    except ServiceError as error:
        return error.reason
    return ""


@pytest.mark.parametrize(
    ("actor", "after", "reason"),
    [
        (PROCTOR, 4 * MINUTE, ""),
        (PROCTOR, 5 * MINUTE, "REOPENING_EXPIRED"),
        (ADMINISTRATOR, 5 * MINUTE, ""),
        (ADMINISTRATOR, timedelta(days=3), ""),
    ],
    ids=["proctor in time", "proctor too late", "administrator", "administrator days later"],
)
def test_proctors_reopen_a_session_within_the_time_of_its_plan(
    actor: Actor, after: timedelta, reason: str
) -> None:
    assert refusal(ended(), actor, after, ProgressState.SUBMITTED) == reason


@pytest.mark.parametrize("actor", [PROCTOR, ADMINISTRATOR], ids=["proctor", "administrator"])
def test_released_result_prevents_a_reopening(actor: Actor) -> None:
    assert refusal(ended(), actor, MINUTE, ProgressState.RELEASED) == "RESULT_RELEASED"


def test_proctors_cannot_reopen_a_session_whose_plan_has_no_time_for_it() -> None:
    reason = refusal(ended(None), PROCTOR, timedelta(), ProgressState.SUBMITTED)
    assert reason == "REOPENING_EXPIRED"


@pytest.mark.parametrize(
    ("state", "denial_reason", "expected"),
    [
        (ParticipantState.COMPLETED, "", ParticipantState.IN_SESSION),
        (ParticipantState.LEFT, "", ParticipantState.IN_SESSION),
        (ParticipantState.NO_SHOW, "", ParticipantState.AWAITING_APPROVAL),
        (ParticipantState.NO_SHOW, "Too late.", ParticipantState.DENIED),
        (ParticipantState.REMOVED, "", None),
    ],
    ids=["completed", "left", "waited for approval", "denied", "removed"],
)
def test_state_that_the_end_changed_is_restored(
    state: ParticipantState, denial_reason: str, expected: ParticipantState | None
) -> None:
    participant = replace(make_view(1).participant, state=state, denial_reason=denial_reason)
    assert continued_state(participant) is expected


@pytest.mark.parametrize(
    "state", [ParticipantState.COMPLETED, ParticipantState.LEFT], ids=["completed", "left"]
)
def test_learner_for_whom_the_session_was_ended_does_not_continue(state: ParticipantState) -> None:
    ending = Ending(new_id(), NOON, "You felt ill.")
    participant = replace(make_view(1).participant, state=state, ending=ending)
    assert continued_state(participant) is None

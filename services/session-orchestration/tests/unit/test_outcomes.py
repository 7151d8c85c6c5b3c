"""Tests of the outcomes of a request for several participants."""

from __future__ import annotations

from uuid import UUID

from proctorium_session.domain.identity import IdentityState
from proctorium_session.domain.outcomes import (
    NOT_IN_SESSION,
    UNKNOWN_PARTICIPANT,
    Outcome,
    outcomes_of,
)
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import ParticipantView

from .builders import make_view

VIEWS = [
    make_view(number, state, IdentityState.NOT_REQUIRED)
    for number, state in enumerate([ParticipantState.IN_SESSION, ParticipantState.WAITING])
]
FIRST, SECOND = (view.participant.participant_id for view in VIEWS)
UNKNOWN = UUID(int=999)


def change(view: ParticipantView) -> Outcome:
    return view if view.participant.state is ParticipantState.IN_SESSION else NOT_IN_SESSION


def test_each_listed_participant_has_an_outcome_in_the_order_of_the_request() -> None:
    outcomes = outcomes_of([UNKNOWN, SECOND, FIRST], VIEWS, change)
    assert list(outcomes.items()) == [
        (UNKNOWN, UNKNOWN_PARTICIPANT),
        (SECOND, NOT_IN_SESSION),
        (FIRST, VIEWS[0]),
    ]


def test_without_listed_participants_all_views_have_an_outcome() -> None:
    assert list(outcomes_of([], VIEWS, change)) == [FIRST, SECOND]

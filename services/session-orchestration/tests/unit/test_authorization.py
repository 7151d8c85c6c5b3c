from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctorium_common.errors import ServiceError
from proctorium_session.domain.authorization import (
    authorization_of,
    cannot_authorize,
    require_authorizable,
)
from proctorium_session.domain.identity import IdentityPolicy, IdentityState
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.progress import Progress, ProgressState
from proctorium_session.domain.session_states import SessionState

from .builders import ASSESSMENT, make_session, make_view


@given(
    people=st.lists(
        st.tuples(st.sampled_from(ParticipantState), st.sampled_from(IdentityState)), max_size=8
    ),
    policy=st.sampled_from(IdentityPolicy),
)
def test_authorisation_needs_in_session_and_the_identity_policy(
    people: list[tuple[ParticipantState, IdentityState]], policy: IdentityPolicy
) -> None:
    views = [make_view(n, state, identity) for n, (state, identity) in enumerate(people)]
    authorization = authorization_of(views, ASSESSMENT, policy)
    assert len(authorization.to_authorize) + len(authorization.not_authorized) == len(views)
    for view in authorization.to_authorize:
        assert view.participant.state is ParticipantState.IN_SESSION
        if policy is IdentityPolicy.BEFORE_ASSESSMENT:
            assert view.participant.identity is IdentityState.VERIFIED
    by_id = {each.participant.participant_id: each.participant for each in views}
    for not_authorized in authorization.not_authorized:
        in_session = by_id[not_authorized.participant_id].state is ParticipantState.IN_SESSION
        assert not_authorized.reason == (
            "IDENTITY_NOT_VERIFIED" if in_session else "PARTICIPANT_NOT_IN_SESSION"
        )


@pytest.mark.parametrize(
    ("identity", "sentence"),
    [
        (IdentityState.REQUESTED, "have not sent their photos yet"),
        (IdentityState.SUBMITTED, "Decide their identity check"),
        (IdentityState.REJECTED, "was rejected"),
        (IdentityState.RESUBMISSION_REQUESTED, "asked for new photos"),
    ],
)
def test_refusal_describes_the_missing_step(identity: IdentityState, sentence: str) -> None:
    view = make_view(identity=identity)
    error = cannot_authorize(view.participant.participant_id, view, "IDENTITY_NOT_VERIFIED")
    assert (error.reason, sentence in error.message) == ("IDENTITY_NOT_VERIFIED", True)


@pytest.mark.parametrize("state", ProgressState, ids=lambda state: state.name)
def test_repeated_authorisation_succeeds_until_the_start(state: ProgressState) -> None:
    progress = Progress(ASSESSMENT, state=state)
    view = replace(make_view(), assessments={ASSESSMENT: progress})
    authorization = authorization_of([view], ASSESSMENT, IdentityPolicy.NONE)
    assert (view in authorization.to_authorize) == (state is ProgressState.AWAITING_AUTHORIZATION)
    assert (view in authorization.authorized) == (state is ProgressState.AUTHORIZED)
    assert not authorization.not_authorized


@pytest.mark.parametrize(
    "state", [each for each in SessionState if each is not SessionState.IN_PROGRESS], ids=str
)
def test_assessments_are_authorised_only_while_the_session_is_in_progress(
    state: SessionState,
) -> None:
    with pytest.raises(ServiceError) as refused:
        require_authorizable(make_session(state), ASSESSMENT)
    assert refused.value.reason == "INVALID_STATE_TRANSITION"


def test_only_assessments_of_the_session_are_authorised() -> None:
    with pytest.raises(ServiceError) as refused:
        require_authorizable(make_session(SessionState.IN_PROGRESS), UUID(int=5))
    assert refused.value.reason == "ASSESSMENT_NOT_IN_SESSION"


def test_refusal_contains_participant_and_state() -> None:
    view = make_view(1, ParticipantState.WAITING)
    who = view.participant.participant_id
    error = cannot_authorize(who, view, "PARTICIPANT_NOT_IN_SESSION")
    assert error.metadata == {"participant_id": str(who), "state": "waiting"}

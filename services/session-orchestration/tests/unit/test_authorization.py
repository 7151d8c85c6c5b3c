from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctorium_common.errors import ServiceError
from proctorium_session.domain.authorization import authorization_refusal, require_authorizable
from proctorium_session.domain.identity import IdentityPolicy, IdentityState
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.session_states import SessionState

from .builders import ASSESSMENT, make_plan, make_session, make_view


@given(
    state=st.sampled_from(ParticipantState),
    identity=st.sampled_from(IdentityState),
    policy=st.sampled_from(IdentityPolicy),
)
def test_authorisation_needs_in_session_and_the_identity_policy(
    state: ParticipantState, identity: IdentityState, policy: IdentityPolicy
) -> None:
    session = make_session(SessionState.IN_PROGRESS, make_plan(identity_policy=policy))
    refused = authorization_refusal(session, make_view(1, state, identity))
    if state is not ParticipantState.IN_SESSION:
        expected: str | None = "PARTICIPANT_NOT_IN_SESSION"
    elif policy is IdentityPolicy.BEFORE_ASSESSMENT and identity is not IdentityState.VERIFIED:
        expected = "IDENTITY_NOT_VERIFIED"
    else:
        expected = None
    assert (refused.reason if refused is not None else None) == expected


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
    plan = make_plan(identity_policy=IdentityPolicy.BEFORE_ASSESSMENT)
    session = make_session(SessionState.IN_PROGRESS, plan)
    refused = authorization_refusal(session, make_view(identity=identity))
    assert refused is not None
    assert sentence in refused.message


@pytest.mark.parametrize(
    "state", [each for each in SessionState if each is not SessionState.IN_PROGRESS], ids=str
)
def test_assessments_are_authorised_only_while_the_session_is_in_progress(
    state: SessionState,
) -> None:
    with pytest.raises(ServiceError) as refused:
        require_authorizable(make_session(state), ASSESSMENT)
    is_closing = state is SessionState.CLOSING
    assert refused.value.reason == ("SESSION_CLOSING" if is_closing else "INVALID_STATE_TRANSITION")


def test_only_assessments_of_the_session_are_authorised() -> None:
    with pytest.raises(ServiceError) as refused:
        require_authorizable(make_session(SessionState.IN_PROGRESS), UUID(int=5))
    assert refused.value.reason == "ASSESSMENT_NOT_IN_SESSION"

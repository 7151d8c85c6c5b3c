from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctorium_common.errors import ServiceError
from proctorium_session.domain.authorization import check_assessment, decide, refusal
from proctorium_session.domain.identity import IdentityPolicy, IdentityState
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.progress import Progress, ProgressState
from proctorium_session.domain.session_states import SessionState

from .builders import ASSESSMENT, a_session, a_standing


@given(
    people=st.lists(
        st.tuples(st.sampled_from(ParticipantState), st.sampled_from(IdentityState)), max_size=8
    ),
    policy=st.sampled_from(IdentityPolicy),
)
def test_only_those_in_session_with_what_the_policy_demands_are_authorised(
    people: list[tuple[ParticipantState, IdentityState]], policy: IdentityPolicy
) -> None:
    standings = [a_standing(n, state, identity) for n, (state, identity) in enumerate(people)]
    decision = decide(standings, ASSESSMENT, policy)
    assert len(decision.fresh) + len(decision.left_out) == len(standings)
    for standing in decision.fresh:
        assert standing.participant.state is ParticipantState.IN_SESSION
        if policy is IdentityPolicy.BEFORE_ASSESSMENT:
            assert standing.participant.identity is IdentityState.VERIFIED
    by_id = {each.participant.participant_id: each.participant for each in standings}
    for left_out in decision.left_out:
        in_session = by_id[left_out.participant_id].state is ParticipantState.IN_SESSION
        assert left_out.reason == (
            "IDENTITY_NOT_VERIFIED" if in_session else "PARTICIPANT_NOT_IN_SESSION"
        )


@pytest.mark.parametrize(
    ("identity", "said"),
    [
        (IdentityState.REQUESTED, "have not sent their photos yet"),
        (IdentityState.SUBMITTED, "Decide their identity check"),
        (IdentityState.REJECTED, "was rejected"),
        (IdentityState.RESUBMISSION_REQUESTED, "asked for new photos"),
    ],
)
def test_the_refusal_names_what_has_to_happen_first(identity: IdentityState, said: str) -> None:
    standing = a_standing(identity=identity)
    error = refusal(standing.participant.participant_id, standing, "IDENTITY_NOT_VERIFIED")
    assert (error.reason, said in error.message) == ("IDENTITY_NOT_VERIFIED", True)


@pytest.mark.parametrize("state", ProgressState, ids=lambda state: state.name)
def test_who_was_authorised_before_may_begin_until_they_have(state: ProgressState) -> None:
    progress = Progress(ASSESSMENT, state=state)
    standing = replace(a_standing(), assessments={ASSESSMENT: progress})
    decision = decide([standing], ASSESSMENT, IdentityPolicy.NONE)
    assert (standing in decision.fresh) == (state is ProgressState.AWAITING_AUTHORIZATION)
    assert (standing in decision.before) == (state is ProgressState.AUTHORIZED)
    assert not decision.left_out


@pytest.mark.parametrize(
    "state", [each for each in SessionState if each is not SessionState.IN_PROGRESS], ids=str
)
def test_assessments_are_authorised_only_while_the_session_is_in_progress(
    state: SessionState,
) -> None:
    with pytest.raises(ServiceError) as refused:
        check_assessment(a_session(state), ASSESSMENT)
    assert refused.value.reason == "INVALID_STATE_TRANSITION"


def test_only_assessments_of_the_session_are_authorised() -> None:
    with pytest.raises(ServiceError) as refused:
        check_assessment(a_session(SessionState.IN_PROGRESS), UUID(int=5))
    assert refused.value.reason == "ASSESSMENT_NOT_IN_SESSION"


def test_a_refusal_names_the_participant_and_where_they_stand() -> None:
    standing = a_standing(1, ParticipantState.WAITING)
    who = standing.participant.participant_id
    error = refusal(who, standing, "PARTICIPANT_NOT_IN_SESSION")
    assert error.metadata == {"participant_id": str(who), "state": "waiting"}

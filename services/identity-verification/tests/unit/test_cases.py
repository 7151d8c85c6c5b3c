"""Tests of the state machine of cases."""

from itertools import product
from pathlib import Path
from uuid import uuid4

import pytest

from proctorium_common.errors import ServiceError
from proctorium_devstack.testing.states import check_states
from proctorium_identity.domain.cases import (
    CASE_STATES,
    UNDECIDED,
    Case,
    CaseAction,
    CaseState,
    Decision,
    next_state,
    require_reason,
)
from proctorium_identity.domain.evidence import EVIDENCE_NEEDED

README = Path(__file__).parents[2] / "README.md"


def case_in(state: CaseState) -> Case:
    return Case(uuid4(), uuid4(), uuid4(), uuid4(), state)


def test_states_are_consistent_and_documented() -> None:
    check_states(CASE_STATES, README)
    assert CASE_STATES.final == {CaseState.REJECTED, CaseState.EXPIRED}


@pytest.mark.parametrize(
    ("state", "action"), list(product(sorted(CASE_STATES.final), CaseAction)), ids=str
)
def test_final_state_allows_only_a_repetition(state: CaseState, action: CaseAction) -> None:
    repetition = {
        CaseAction.REJECT: "rejected",
        CaseAction.EXPIRE: "expired",
    }
    if repetition.get(action) == state:
        assert next_state(case_in(state), action) is None
        return
    with pytest.raises(ServiceError) as refused:
        next_state(case_in(state), action)
    assert refused.value.reason == "CASE_CLOSED"
    assert refused.value.metadata == {"state": state}


@pytest.mark.parametrize("action", CaseAction, ids=str)
def test_verified_case_allows_only_another_check(action: CaseAction) -> None:
    case = case_in(CaseState.VERIFIED)
    if action is CaseAction.REQUEST_RESUBMISSION:
        assert next_state(case, action) is CaseState.RESUBMISSION_REQUESTED
    elif action is CaseAction.VERIFY:
        assert next_state(case, action) is None
    else:
        with pytest.raises(ServiceError) as refused:
            next_state(case, action)
        assert refused.value.reason == "CASE_CLOSED"


@pytest.mark.parametrize("state", sorted(UNDECIDED), ids=str)
def test_undecided_case_can_be_rejected_resubmitted_and_expire(state: CaseState) -> None:
    case = case_in(state)
    assert next_state(case, CaseAction.REJECT) is CaseState.REJECTED
    assert next_state(case, CaseAction.REQUEST_RESUBMISSION) is CaseState.RESUBMISSION_REQUESTED
    assert next_state(case, CaseAction.EXPIRE) is CaseState.EXPIRED


@pytest.mark.parametrize("state", sorted(UNDECIDED - {CaseState.SUBMITTED}), ids=str)
def test_only_a_submitted_case_can_be_verified(state: CaseState) -> None:
    assert next_state(case_in(state), CaseAction.SUBMIT) is CaseState.SUBMITTED
    with pytest.raises(ServiceError) as refused:
        next_state(case_in(state), CaseAction.VERIFY)
    assert refused.value.reason == "EVIDENCE_MISSING"
    assert refused.value.metadata == {"missing": ",".join(sorted(EVIDENCE_NEEDED))}
    assert next_state(case_in(CaseState.SUBMITTED), CaseAction.VERIFY) is CaseState.VERIFIED


def test_image_of_a_submitted_case_does_not_change_its_state() -> None:
    assert next_state(case_in(CaseState.SUBMITTED), CaseAction.SUBMIT) is None


def test_every_decision_is_an_action() -> None:
    assert [CaseAction(each) for each in Decision] == [CaseAction.VERIFY, CaseAction.REJECT]


def test_rejection_needs_a_reason() -> None:
    require_reason(Decision.REJECT, "The name is different.")
    require_reason(Decision.VERIFY, "")
    with pytest.raises(ServiceError, match="INVALID_REQUEST") as refused:
        require_reason(Decision.REJECT, "  ")
    assert [each.field for each in refused.value.violations] == ["decision_reason"]

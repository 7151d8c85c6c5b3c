"""Tests of the state machine of cases."""

from dataclasses import replace
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
    CaseKind,
    CaseState,
    Decision,
    next_state,
    require_images,
    require_reason,
)
from proctorium_identity.domain.evidence import EVIDENCE_NEEDED

README = Path(__file__).parents[2] / "README.md"


def case_in(state: CaseState) -> Case:
    return Case(uuid4(), uuid4(), uuid4(), uuid4(), state)


def test_states_are_consistent_and_documented() -> None:
    check_states(CASE_STATES, README)
    assert CASE_STATES.final == {CaseState.REJECTED}


_RESTORATIONS = {
    CaseAction.RESTORE_REQUESTED: CaseState.REQUESTED,
    CaseAction.RESTORE_SUBMITTED: CaseState.SUBMITTED,
    CaseAction.RESTORE_RESUBMISSION: CaseState.RESUBMISSION_REQUESTED,
}


@pytest.mark.parametrize(
    ("state", "action"),
    list(product([CaseState.REJECTED, CaseState.EXPIRED], CaseAction)),
    ids=str,
)
def test_closed_case_allows_only_a_repetition_and_a_restoration(
    state: CaseState, action: CaseAction
) -> None:
    repetition = {
        CaseAction.REJECT: "rejected",
        CaseAction.EXPIRE: "expired",
    }
    if repetition.get(action) == state:
        assert next_state(case_in(state), action) is None
        return
    if state is CaseState.EXPIRED and action in _RESTORATIONS:
        assert next_state(case_in(state), action) is _RESTORATIONS[action]
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
    elif action is CaseAction.REQUEST_ALTERNATIVE:
        assert next_state(case, action) is CaseState.SUBMITTED
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


@pytest.mark.parametrize(
    ("kind", "decision", "needs_reason"),
    [
        (CaseKind.IMAGES, Decision.VERIFY, False),
        (CaseKind.IMAGES, Decision.REJECT, True),
        (CaseKind.ALTERNATIVE, Decision.VERIFY, True),
        (CaseKind.ALTERNATIVE, Decision.REJECT, True),
    ],
)
def test_rejection_and_decision_without_images_need_a_reason(
    kind: CaseKind, decision: Decision, needs_reason: bool
) -> None:
    require_reason(kind, decision, "The name is different.")
    if not needs_reason:
        require_reason(kind, decision, "  ")
        return
    with pytest.raises(ServiceError, match="INVALID_REQUEST") as refused:
        require_reason(kind, decision, "  ")
    assert [each.field for each in refused.value.violations] == ["decision_reason"]


def test_only_a_case_with_images_accepts_requests_about_images() -> None:
    case = case_in(CaseState.SUBMITTED)
    require_images(case, "No photos.")
    with pytest.raises(ServiceError, match="No photos") as refused:
        require_images(replace(case, kind=CaseKind.ALTERNATIVE), "No photos.")
    assert refused.value.reason == "ALTERNATIVE_CHECK"

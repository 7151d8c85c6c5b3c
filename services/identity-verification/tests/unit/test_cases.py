from itertools import product
from uuid import uuid4

import pytest

from proctorium_common.errors import ServiceError
from proctorium_identity.domain.cases import (
    MOVES,
    OPEN,
    Case,
    CaseState,
    Move,
    decided_alike,
    moved,
    require_reason,
)
from proctorium_identity.domain.evidence import EVIDENCE_NEEDED

FINAL = frozenset(CaseState) - OPEN


def case_in(state: CaseState) -> Case:
    return Case(uuid4(), uuid4(), uuid4(), uuid4(), state)


def reason_of(state: CaseState, move: Move) -> str:
    with pytest.raises(ServiceError) as refused:
        moved(case_in(state), move)
    return refused.value.reason


def test_every_state_is_in_the_table() -> None:
    assert set(MOVES) == set(CaseState)
    assert {CaseState.VERIFIED, CaseState.REJECTED, CaseState.EXPIRED} == FINAL


@pytest.mark.parametrize(("state", "move"), list(product(sorted(FINAL), Move)), ids=str)
def test_a_final_state_stays(state: CaseState, move: Move) -> None:
    assert reason_of(state, move) == "CASE_CLOSED"


@pytest.mark.parametrize("state", sorted(OPEN), ids=str)
def test_an_open_case_can_be_completed_rejected_asked_again_and_expire(state: CaseState) -> None:
    case = case_in(state)
    assert moved(case, Move.COMPLETE) is CaseState.SUBMITTED
    assert moved(case, Move.REJECT) is CaseState.REJECTED
    assert moved(case, Move.ASK_AGAIN) is CaseState.RESUBMISSION_REQUESTED
    assert moved(case, Move.EXPIRE) is CaseState.EXPIRED


@pytest.mark.parametrize("state", [CaseState.REQUESTED, CaseState.RESUBMISSION_REQUESTED], ids=str)
def test_only_what_was_submitted_can_be_verified(state: CaseState) -> None:
    assert reason_of(state, Move.VERIFY) == "EVIDENCE_MISSING"
    assert moved(case_in(CaseState.SUBMITTED), Move.VERIFY) is CaseState.VERIFIED


def test_the_same_decision_again_is_recognised_and_another_is_not() -> None:
    assert decided_alike(case_in(CaseState.VERIFIED), Move.VERIFY)
    assert decided_alike(case_in(CaseState.REJECTED), Move.REJECT)
    assert not decided_alike(case_in(CaseState.VERIFIED), Move.REJECT)
    assert not decided_alike(case_in(CaseState.SUBMITTED), Move.VERIFY)


def test_a_rejection_says_why() -> None:
    require_reason(Move.REJECT, "The name is another.")
    require_reason(Move.VERIFY, "")
    with pytest.raises(ServiceError, match="INVALID_REQUEST") as refused:
        require_reason(Move.REJECT, "  ")
    assert [each.field for each in refused.value.violations] == ["decision_reason"]


def test_missing_pictures_are_named() -> None:
    with pytest.raises(ServiceError) as refused:
        moved(case_in(CaseState.REQUESTED), Move.VERIFY)
    assert refused.value.metadata == {"missing": ",".join(sorted(EVIDENCE_NEEDED))}

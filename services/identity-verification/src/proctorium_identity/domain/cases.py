"""A case: whether one learner of one session is who they say (`I1`). A person decides; the states and moves are one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from proctorium_common.errors import Kind, ServiceError, Violation, invalid, not_allowed, not_found
from proctorium_identity.domain.evidence import EVIDENCE_NEEDED, EvidenceKind


class CaseState(StrEnum):
    """Where a case stands."""

    REQUESTED = "requested"
    SUBMITTED = "submitted"
    VERIFIED = "verified"
    REJECTED = "rejected"
    RESUBMISSION_REQUESTED = "resubmission_requested"
    EXPIRED = "expired"


class ActingRole(StrEnum):
    """The role in which a person acts on a case."""

    PROCTOR = "proctor"
    """A proctor of the case's session."""
    ADMINISTRATOR = "administrator"
    """An administrator, unless they act as a certified proctor of the session."""


class Move(StrEnum):
    """What can happen to a case, and who does it."""

    COMPLETE = "complete"
    """The learner has sent every picture that is needed."""
    VERIFY = "verify"
    """The learner is who they say they are."""
    REJECT = "reject"
    """The learner is somebody else, or the pictures do not show who they are."""
    ASK_AGAIN = "ask_again"
    """The learner has to send new pictures."""
    EXPIRE = "expire"
    """The session ended or was cancelled, or the learner was removed from it."""


_OPEN: Mapping[Move, CaseState] = {
    Move.COMPLETE: CaseState.SUBMITTED,
    Move.REJECT: CaseState.REJECTED,
    Move.ASK_AGAIN: CaseState.RESUBMISSION_REQUESTED,
    Move.EXPIRE: CaseState.EXPIRED,
}

MOVES: Mapping[CaseState, Mapping[Move, CaseState]] = {
    CaseState.REQUESTED: _OPEN,
    CaseState.SUBMITTED: {**_OPEN, Move.VERIFY: CaseState.VERIFIED},
    CaseState.RESUBMISSION_REQUESTED: _OPEN,
    CaseState.VERIFIED: {},
    CaseState.REJECTED: {},
    CaseState.EXPIRED: {},
}
"""The moves of each state and where they lead. The states without moves are final; a trigger holds them too."""

WAITING = frozenset({CaseState.SUBMITTED})
"""States in which a proctor or an administrator has to decide."""

_BY_DECIDER = frozenset({Move.VERIFY, Move.REJECT, Move.ASK_AGAIN})
OPEN = frozenset(state for state, moves in MOVES.items() if moves)
"""States in which the case is undecided."""


@dataclass(frozen=True, slots=True)
class Case:
    """The identity check of one learner in one session. `evidence` are the pictures that are there now."""

    case_id: UUID
    session_id: UUID
    participant_id: UUID
    person_id: UUID
    state: CaseState
    evidence: frozenset[EvidenceKind] = frozenset()
    submitted_at: datetime | None = None
    decided_by: UUID | None = None
    decided_as: ActingRole | None = None
    decided_at: datetime | None = None
    decision_reason: str = ""


def moved(case: Case, move: Move) -> CaseState:
    """Where `move` leads from here. Raises CASE_CLOSED in a final state, EVIDENCE_MISSING where there is nothing to verify."""
    possible = MOVES[case.state]
    if move in possible:
        return possible[move]
    if possible:
        raise evidence_missing(EVIDENCE_NEEDED - case.evidence)
    raise _decided_already(case.state) if move in _BY_DECIDER else case_closed(case.state)


def decided_alike(case: Case, decision: Move) -> bool:
    """Whether the case is already decided as `decision` would: deciding the same again changes nothing."""
    return (case.state, decision) in {
        (CaseState.VERIFIED, Move.VERIFY),
        (CaseState.REJECTED, Move.REJECT),
    }


def require_reason(decision: Move, reason: str) -> None:
    """Raises INVALID_REQUEST for a rejection that does not say why: the learner reads it."""
    if decision is Move.REJECT and not reason.strip():
        sentence = "Please say why: the learner reads it and can act on it."
        raise invalid(
            "INVALID_REQUEST",
            sentence,
            violations=[Violation("decision_reason", "decision_reason.missing", sentence)],
        )


def not_your_case() -> ServiceError:
    """Return the error that does not reveal whether the case exists."""
    return not_allowed(
        "NOT_YOUR_CASE",
        "You have no access to this identity check, or it does not exist. "
        "If you supervise the session, ask an administrator to assign you to it.",
    )


def no_case() -> ServiceError:
    """Return the error for a caller who may see the session, in which this learner has no case."""
    return not_found(
        "NOT_FOUND",
        "There is no identity check of this learner in this session. It is opened when the learner joins a session that asks for it.",
    )


def _decided_already(state: CaseState) -> ServiceError:
    """Return the error for a decision on a closed case; another person may have decided first."""
    sentence = (
        "The session is over for this learner, and this identity check with it."
        if state is CaseState.EXPIRED
        else f"This identity check was already decided: {state}. A decision cannot be changed."
    )
    return ServiceError(
        Kind.INVALID_STATE_TRANSITION, "CASE_CLOSED", sentence, metadata={"state": state}
    )


def case_closed(state: CaseState) -> ServiceError:
    """Return the error for a learner whose case accepts nothing more."""
    sentence = {
        CaseState.VERIFIED: "This identity is verified already; nothing more is needed.",
        CaseState.REJECTED: "This identity check was rejected. If you have questions, ask your administrator.",
        CaseState.EXPIRED: "The session is over for you, and this identity check with it. Please contact the administrator.",
    }
    return ServiceError(
        Kind.INVALID_STATE_TRANSITION,
        "CASE_CLOSED",
        sentence.get(state, "This identity check is closed."),
        metadata={"state": state},
    )


def evidence_missing(kinds: frozenset[EvidenceKind]) -> ServiceError:
    """There is no such picture (any more): the learner has to send it first."""
    missing = ",".join(sorted(kinds))
    return ServiceError(
        Kind.INVALID_STATE_TRANSITION,
        "EVIDENCE_MISSING",
        f"The learner has not sent everything yet; missing: {missing.replace(',', ', ')}. "
        "Ask the learner to send it, then look again.",
        metadata={"missing": missing},
    )

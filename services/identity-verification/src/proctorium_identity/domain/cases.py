"""Cases (`I1`). A case is the identity verification of one learner in one session. A person decides each case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from proctorium_common.errors import Kind, ServiceError, Violation, invalid, not_allowed, not_found
from proctorium_common.states import StateMachine, Transition
from proctorium_identity.domain.evidence import EVIDENCE_NEEDED, EvidenceKind


class CaseKind(StrEnum):
    """The kinds of cases."""

    IMAGES = "images"
    """The learner submits images, and a person decides on the images."""
    ALTERNATIVE = "alternative"
    """A person checks the identity without images, because the learner's accommodations say so (`P2`)."""


class CaseState(StrEnum):
    """The states of a case."""

    REQUESTED = "requested"
    SUBMITTED = "submitted"
    VERIFIED = "verified"
    REJECTED = "rejected"
    RESUBMISSION_REQUESTED = "resubmission_requested"
    EXPIRED = "expired"


class CaseAction(StrEnum):
    """The actions that change the state of a case."""

    SUBMIT = "submit"
    VERIFY = "verify"
    REJECT = "reject"
    REQUEST_RESUBMISSION = "request_resubmission"
    REQUEST_ALTERNATIVE = "request_alternative"
    EXPIRE = "expire"
    RESTORE_REQUESTED = "restore_requested"
    RESTORE_SUBMITTED = "restore_submitted"
    RESTORE_RESUBMISSION = "restore_resubmission"


class Decision(StrEnum):
    """The decisions that a person can make about a case. Each decision is also a `CaseAction` with the same value."""

    VERIFY = "verify"
    REJECT = "reject"


class ActingRole(StrEnum):
    """The role in which a person acts on a case."""

    PROCTOR = "proctor"
    """A proctor of the case's session."""
    ADMINISTRATOR = "administrator"
    """An administrator who does not act as a certified proctor of the case's session."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A person who acts on a case, and the acting role of the person."""

    person_id: UUID
    role: ActingRole


@dataclass(frozen=True, slots=True)
class Case:
    """The identity verification of one learner in one session.

    `evidence` contains the kinds of the current images. `expired_from` is the state in which the case expired.
    """

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
    expired_from: CaseState | None = None
    kind: CaseKind = CaseKind.IMAGES


UNDECIDED = frozenset({CaseState.REQUESTED, CaseState.SUBMITTED, CaseState.RESUBMISSION_REQUESTED})
"""The states in which a case can still be decided."""

_DECIDERS = frozenset({"proctor", "administrator"})

_SENTENCES = {
    CaseState.REQUESTED: "The learner has not sent a photo of the document and a selfie yet.",
    CaseState.SUBMITTED: "This identity check waits for a decision.",
    CaseState.RESUBMISSION_REQUESTED: "The learner has not sent the new photos yet.",
    CaseState.VERIFIED: "This identity is verified already; nothing more is needed.",
    CaseState.REJECTED: "This identity check was rejected. If you have questions, ask your administrator.",
    CaseState.EXPIRED: "The session is over for you, and this identity check with it. Please contact the administrator.",
}


def _case_closed(state: CaseState, action: CaseAction) -> ServiceError | None:
    """Return the error CASE_CLOSED if the case was decided or has expired, or None otherwise.

    The sentence of the error is written for the person who requested `action`: the learner, or a proctor or
    administrator.
    """
    if state in UNDECIDED:
        return None
    if action is CaseAction.SUBMIT:
        sentence = _SENTENCES[state]
    elif state is CaseState.EXPIRED:
        sentence = "The session is over for this learner, and this identity check with it."
    else:
        sentence = (
            f"This identity check was already decided: {state}. A decision cannot be changed."
        )
    return ServiceError(
        Kind.INVALID_STATE_TRANSITION, "CASE_CLOSED", sentence, metadata={"state": state}
    )


CASE_STATES: StateMachine[CaseState, CaseAction] = StateMachine(
    "case",
    CaseState,
    {CaseState.REQUESTED},
    (
        Transition(
            CaseAction.SUBMIT,
            frozenset({CaseState.REQUESTED, CaseState.RESUBMISSION_REQUESTED}),
            CaseState.SUBMITTED,
            frozenset({"learner"}),
            "The last image that was needed is stored; the case joins the queue of its session.",
        ),
        Transition(
            CaseAction.VERIFY,
            frozenset({CaseState.SUBMITTED}),
            CaseState.VERIFIED,
            _DECIDERS,
            "The learner can be authorised.",
        ),
        Transition(
            CaseAction.REJECT,
            UNDECIDED,
            CaseState.REJECTED,
            _DECIDERS,
            "The learner reads the reason and cannot be authorised.",
        ),
        Transition(
            CaseAction.REQUEST_RESUBMISSION,
            # A proctor or an administrator can check a verified identity again until the session ends.
            UNDECIDED | {CaseState.VERIFIED},
            CaseState.RESUBMISSION_REQUESTED,
            _DECIDERS,
            "The current images no longer count; the learner reads the reason and submits new ones.",
        ),
        Transition(
            CaseAction.REQUEST_ALTERNATIVE,
            UNDECIDED | {CaseState.VERIFIED},
            CaseState.SUBMITTED,
            _DECIDERS | {"system"},
            "The learner's accommodations contain the alternative identity check. The case has no images any more;"
            " it joins the queue of its session.",
        ),
        Transition(
            CaseAction.EXPIRE,
            UNDECIDED,
            CaseState.EXPIRED,
            frozenset({"system"}),
            "The session ended or was cancelled.",
        ),
        Transition(
            CaseAction.RESTORE_REQUESTED,
            frozenset({CaseState.EXPIRED}),
            CaseState.REQUESTED,
            frozenset({"system"}),
            "The session was reopened. The case had expired in this state.",
        ),
        Transition(
            CaseAction.RESTORE_SUBMITTED,
            frozenset({CaseState.EXPIRED}),
            CaseState.SUBMITTED,
            frozenset({"system"}),
            "The session was reopened. The case had expired in this state.",
        ),
        Transition(
            CaseAction.RESTORE_RESUBMISSION,
            frozenset({CaseState.EXPIRED}),
            CaseState.RESUBMISSION_REQUESTED,
            frozenset({"system"}),
            "The session was reopened. The case had expired in this state.",
        ),
    ),
    _SENTENCES,
    _case_closed,
)
"""The state machine of cases. A trigger on the table `cases` allows the same transitions."""


def next_state(case: Case, action: CaseAction) -> CaseState | None:
    """Return the state of the case after `action`, or None if `action` repeats an earlier action.

    Raises CASE_CLOSED if the state of the case is final. Raises EVIDENCE_MISSING if `action` is VERIFY and the case is
    not submitted.
    """
    if action is CaseAction.VERIFY and case.state in UNDECIDED - {CaseState.SUBMITTED}:
        raise evidence_missing(EVIDENCE_NEEDED - case.evidence)
    return CASE_STATES.target(case.state, action)


_RESTORE_ACTIONS = {
    CaseState.REQUESTED: CaseAction.RESTORE_REQUESTED,
    CaseState.SUBMITTED: CaseAction.RESTORE_SUBMITTED,
    CaseState.RESUBMISSION_REQUESTED: CaseAction.RESTORE_RESUBMISSION,
}


def restored_state(case: Case) -> CaseState:
    """Return the state of an expired case after its session was reopened, which is the state in which it expired."""
    expired_from = case.expired_from or CaseState.REQUESTED
    target = CASE_STATES.target(case.state, _RESTORE_ACTIONS[expired_from])
    assert target is not None, "the case is expired"
    return target


def case_closed(case: Case) -> ServiceError:
    """Return the error for another identity check after the session has ended or was cancelled."""
    return ServiceError(
        Kind.INVALID_STATE_TRANSITION,
        "CASE_CLOSED",
        "The session is over, so no further identity check can be requested.",
        metadata={"state": case.state},
    )


def require_reason(kind: CaseKind, decision: Decision, reason: str) -> None:
    """Raise INVALID_REQUEST if the decision requires a reason and has none.

    A rejection requires a reason, because the learner needs the reason. A verification without images requires a
    reason, because no image shows later how the identity was checked.
    """
    if reason.strip() or (decision is Decision.VERIFY and kind is CaseKind.IMAGES):
        return
    sentence = "Please say why: the learner reads it and can act on it."
    if decision is Decision.VERIFY:
        sentence = "Please say how you checked the identity, because there are no photos of it."
    raise invalid(
        "INVALID_REQUEST",
        sentence,
        violations=[Violation("decision_reason", "decision_reason.missing", sentence)],
    )


def require_images(case: Case, sentence: str) -> None:
    """Raise ALTERNATIVE_CHECK with the sentence if the identity is checked without images."""
    if case.kind is CaseKind.ALTERNATIVE:
        raise ServiceError(
            Kind.INVALID_STATE_TRANSITION,
            "ALTERNATIVE_CHECK",
            sentence,
            metadata={"state": case.state},
        )


def not_your_case() -> ServiceError:
    """Return the error for a caller without access to the case. The error does not reveal whether the case exists."""
    return not_allowed(
        "NOT_YOUR_CASE",
        "You have no access to this identity check, or it does not exist. "
        "If you supervise the session, ask an administrator to assign you to it.",
    )


def no_case() -> ServiceError:
    """Return the error for reading the case of a learner who has no case in the session.

    Only a caller who may see the session receives this error.
    """
    return not_found(
        "NOT_FOUND",
        "There is no identity check of this learner in this session. It is opened when the learner joins a session that asks for it.",
    )


def evidence_missing(kinds: frozenset[EvidenceKind]) -> ServiceError:
    """Return the error for a case that has no current images of the given kinds."""
    missing = ",".join(sorted(kinds))
    return ServiceError(
        Kind.INVALID_STATE_TRANSITION,
        "EVIDENCE_MISSING",
        f"The learner has not sent everything yet; missing: {missing.replace(',', ', ')}. "
        "Ask the learner to send it, then look again.",
        metadata={"missing": missing},
    )

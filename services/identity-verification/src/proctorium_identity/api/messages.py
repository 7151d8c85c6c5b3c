"""Domain values as messages, and back."""

from __future__ import annotations

from collections.abc import Mapping

from proctorium.identity.v1 import verification_pb2 as pb
from proctorium_common.rpc.access import ROLE_NUMBERS
from proctorium_identity.domain.cases import Case, CaseState, Move
from proctorium_identity.domain.evidence import EvidenceKind
from proctorium_identity.storage.looks import REGISTRATION, Access

_STATES: Mapping[CaseState, pb.CaseState.ValueType] = {
    CaseState.REQUESTED: pb.CASE_STATE_REQUESTED,
    CaseState.SUBMITTED: pb.CASE_STATE_SUBMITTED,
    CaseState.VERIFIED: pb.CASE_STATE_VERIFIED,
    CaseState.REJECTED: pb.CASE_STATE_REJECTED,
    CaseState.RESUBMISSION_REQUESTED: pb.CASE_STATE_RESUBMISSION_REQUESTED,
    CaseState.EXPIRED: pb.CASE_STATE_EXPIRED,
}
KINDS: Mapping[pb.EvidenceKind.ValueType, EvidenceKind] = {
    pb.EVIDENCE_KIND_DOCUMENT: EvidenceKind.DOCUMENT,
    pb.EVIDENCE_KIND_SELFIE: EvidenceKind.SELFIE,
}
DECISIONS: Mapping[pb.Decision.ValueType, Move] = {
    pb.DECISION_VERIFY: Move.VERIFY,
    pb.DECISION_REJECT: Move.REJECT,
}

_SUBJECTS: Mapping[str, pb.EvidenceAccessSubject.ValueType] = {
    EvidenceKind.DOCUMENT: pb.EVIDENCE_ACCESS_SUBJECT_DOCUMENT,
    EvidenceKind.SELFIE: pb.EVIDENCE_ACCESS_SUBJECT_SELFIE,
    REGISTRATION: pb.EVIDENCE_ACCESS_SUBJECT_REGISTRATION,
}


def case_message(case: Case) -> pb.Case:
    """The case as its readers get it."""
    message = pb.Case(
        case_id=str(case.case_id),
        session_id=str(case.session_id),
        participant_id=str(case.participant_id),
        person_id=str(case.person_id),
        state=_STATES[case.state],
        evidence=[kind for kind, known in KINDS.items() if known in case.evidence],
        decided_by=str(case.decided_by) if case.decided_by else "",
        decision_reason=case.decision_reason,
    )
    if case.decided_as is not None:
        message.decided_as = ROLE_NUMBERS[case.decided_as]
    if case.submitted_at is not None:
        message.submit_time.FromDatetime(case.submitted_at)
    if case.decided_at is not None:
        message.decide_time.FromDatetime(case.decided_at)
    return message


def access_message(access: Access) -> pb.EvidenceAccess:
    """An access to evidence or registration."""
    message = pb.EvidenceAccess(
        person_id=str(access.looked_by),
        subject=_SUBJECTS[access.subject],
        learner_id=str(access.learner_id),
        case_id=str(access.case_id),
    )
    if access.looked_as is not None:
        message.acting_role = ROLE_NUMBERS[access.looked_as]
    message.access_time.FromDatetime(access.looked_at)
    return message

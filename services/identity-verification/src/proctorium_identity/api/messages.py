"""Conversions between domain values and protobuf messages."""

from __future__ import annotations

from proctorium.identity.v1 import verification_pb2 as pb
from proctorium.options.v1.options_pb2 import ROLE_UNSPECIFIED
from proctorium_common.messages import EnumConversion, id_text, to_timestamp
from proctorium_common.rpc.access import ROLE_NUMBERS
from proctorium_identity.domain.cases import Case, CaseKind, CaseState, Decision
from proctorium_identity.domain.evidence import AccessSubject, EvidenceKind
from proctorium_identity.storage.evidence_accesses import EvidenceAccess

CASE_KINDS = EnumConversion(CaseKind, pb.CaseKind, "CASE_KIND_")
CASE_STATES = EnumConversion(CaseState, pb.CaseState, "CASE_STATE_")
EVIDENCE_KINDS = EnumConversion(EvidenceKind, pb.EvidenceKind, "EVIDENCE_KIND_")
DECISIONS = EnumConversion(Decision, pb.Decision, "DECISION_")
ACCESS_SUBJECTS = EnumConversion(
    AccessSubject, pb.EvidenceAccessSubject, "EVIDENCE_ACCESS_SUBJECT_"
)


def case_message(case: Case) -> pb.Case:
    """Return the case as a protobuf message."""
    return pb.Case(
        case_id=str(case.case_id),
        session_id=str(case.session_id),
        participant_id=str(case.participant_id),
        person_id=str(case.person_id),
        state=CASE_STATES.to_proto(case.state),
        evidence=[EVIDENCE_KINDS.to_proto(kind) for kind in EvidenceKind if kind in case.evidence],
        submit_time=to_timestamp(case.submitted_at),
        decided_by=id_text(case.decided_by),
        decide_time=to_timestamp(case.decided_at),
        decision_reason=case.decision_reason,
        kind=CASE_KINDS.to_proto(case.kind),
        decided_as=ROLE_NUMBERS[case.decided_as] if case.decided_as else ROLE_UNSPECIFIED,
    )


def access_message(access: EvidenceAccess) -> pb.EvidenceAccess:
    """Return an entry of the evidence access log as a protobuf message."""
    return pb.EvidenceAccess(
        person_id=str(access.accessed_by),
        acting_role=ROLE_NUMBERS[access.acting_role],
        subject=ACCESS_SUBJECTS.to_proto(access.subject),
        learner_id=str(access.learner_id),
        case_id=str(access.case_id),
        access_time=to_timestamp(access.accessed_at),
    )

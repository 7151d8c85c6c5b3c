"""The events that identity verification publishes. No event contains an image or information from an image."""

from __future__ import annotations

from typing import TypedDict

from proctorium.identity.events.v1 import events_pb2 as pb
from proctorium_common.rpc.access import ROLE_NUMBERS
from proctorium_identity.domain.cases import Actor, Case


class _Ids(TypedDict):
    case_id: str
    session_id: str
    participant_id: str
    person_id: str


def _ids(case: Case) -> _Ids:
    return {
        "case_id": str(case.case_id),
        "session_id": str(case.session_id),
        "participant_id": str(case.participant_id),
        "person_id": str(case.person_id),
    }


def case_opened(case: Case) -> pb.CaseOpened:
    """Return the event for an opened case."""
    return pb.CaseOpened(**_ids(case))


def case_submitted(case: Case) -> pb.CaseSubmitted:
    """Return the event for a submitted case, which waits for a decision."""
    return pb.CaseSubmitted(**_ids(case))


def case_verified(case: Case, actor: Actor) -> pb.CaseVerified:
    """Return the event for a case that `actor` verified."""
    return pb.CaseVerified(
        **_ids(case), decided_by=str(actor.person_id), acting_role=ROLE_NUMBERS[actor.role]
    )


def case_rejected(case: Case, actor: Actor) -> pb.CaseRejected:
    """Return the event for a case that `actor` rejected."""
    return pb.CaseRejected(
        **_ids(case), decided_by=str(actor.person_id), acting_role=ROLE_NUMBERS[actor.role]
    )


def resubmission_requested(case: Case, actor: Actor) -> pb.CaseResubmissionRequested:
    """Return the event for a resubmission that `actor` requested."""
    return pb.CaseResubmissionRequested(
        **_ids(case), requested_by=str(actor.person_id), acting_role=ROLE_NUMBERS[actor.role]
    )


def alternative_check_requested(
    case: Case, actor: Actor | None
) -> pb.CaseAlternativeCheckRequested:
    """Return the event for a case that waits for a decision without images.

    `actor` requested another check; None means that the learner's accommodations apply.
    """
    if actor is None:
        return pb.CaseAlternativeCheckRequested(**_ids(case))
    return pb.CaseAlternativeCheckRequested(
        **_ids(case), requested_by=str(actor.person_id), acting_role=ROLE_NUMBERS[actor.role]
    )


def case_restored(case: Case) -> pb.CaseRestored:
    """Return the event for an expired case that is undecided again."""
    return pb.CaseRestored(**_ids(case))


def case_expired(case: Case) -> pb.CaseExpired:
    """Return the event for an expired case."""
    return pb.CaseExpired(**_ids(case))

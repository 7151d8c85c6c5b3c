"""The handlers of the subscription `session--identity`. Events may be delayed, redelivered or reordered."""

from __future__ import annotations

from proctorium.identity.events.v1 import events_pb2 as events
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import parse_id
from proctorium_common.storage.database import Transaction
from proctorium_session.domain.identity import IdentityState
from proctorium_session.operations.participants import CaseEvent, update_identity

CaseMessage = (
    events.CaseOpened
    | events.CaseSubmitted
    | events.CaseVerified
    | events.CaseRejected
    | events.CaseResubmissionRequested
    | events.CaseAlternativeCheckRequested
)


async def on_case_opened(
    tx: Transaction, event: events.CaseOpened, metadata: EventMetadata
) -> None:
    """Set the participant's identity state to evidence requested."""
    await _update(tx, event, metadata, IdentityState.REQUESTED)


async def on_case_submitted(
    tx: Transaction, event: events.CaseSubmitted, metadata: EventMetadata
) -> None:
    """Set the participant's identity state to evidence submitted."""
    await _update(tx, event, metadata, IdentityState.SUBMITTED, event.person_id)


async def on_case_verified(
    tx: Transaction, event: events.CaseVerified, metadata: EventMetadata
) -> None:
    """Set the participant's identity state to verified."""
    await _update(tx, event, metadata, IdentityState.VERIFIED, event.decided_by)


async def on_case_rejected(
    tx: Transaction, event: events.CaseRejected, metadata: EventMetadata
) -> None:
    """Set the participant's identity state to rejected."""
    await _update(tx, event, metadata, IdentityState.REJECTED, event.decided_by)


async def on_case_resubmission_requested(
    tx: Transaction, event: events.CaseResubmissionRequested, metadata: EventMetadata
) -> None:
    """Set the participant's identity state to resubmission requested."""
    await _update(tx, event, metadata, IdentityState.RESUBMISSION_REQUESTED, event.requested_by)


async def on_case_alternative_check_requested(
    tx: Transaction, event: events.CaseAlternativeCheckRequested, metadata: EventMetadata
) -> None:
    """Set the participant's identity state to submitted, because the case waits for a decision without evidence."""
    await _update(tx, event, metadata, IdentityState.SUBMITTED, event.requested_by)


async def _update(
    tx: Transaction,
    event: CaseMessage,
    metadata: EventMetadata,
    state: IdentityState,
    actor: str = "",
) -> None:
    await update_identity(
        tx,
        CaseEvent(
            message=event,
            session_id=parse_id(event.session_id, "session_id"),
            participant_id=parse_id(event.participant_id, "participant_id"),
            state=state,
            actor=actor or "identity",
            occurred_at=metadata.occurred_at,
            position=metadata.position,
        ),
    )

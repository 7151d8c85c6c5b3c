"""`session--identity`: how far the identity checks of participants are."""

from __future__ import annotations

from proctorium.identity.events.v1 import events_pb2 as events
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import parse_id
from proctorium_common.storage.database import Transaction
from proctorium_session.domain.identity import IdentityState
from proctorium_session.operations.identity import IdentityNews, told

_OWNER = "identity"

CaseEvent = (
    events.CaseOpened
    | events.CaseSubmitted
    | events.CaseVerified
    | events.CaseRejected
    | events.CaseResubmissionRequested
)


async def on_case_opened(
    tx: Transaction, event: events.CaseOpened, metadata: EventMetadata
) -> None:
    """The learner has to send a document and a selfie."""
    await _told(tx, event, metadata, IdentityState.REQUESTED, _OWNER)


async def on_case_submitted(
    tx: Transaction, event: events.CaseSubmitted, metadata: EventMetadata
) -> None:
    """The learner sent them."""
    await _told(tx, event, metadata, IdentityState.SUBMITTED, event.person_id)


async def on_case_verified(
    tx: Transaction, event: events.CaseVerified, metadata: EventMetadata
) -> None:
    """A proctor verified the learner's identity."""
    await _told(tx, event, metadata, IdentityState.VERIFIED, event.decided_by)


async def on_case_rejected(
    tx: Transaction, event: events.CaseRejected, metadata: EventMetadata
) -> None:
    """A proctor rejected the evidence."""
    await _told(tx, event, metadata, IdentityState.REJECTED, event.decided_by)


async def on_case_resubmission_requested(
    tx: Transaction, event: events.CaseResubmissionRequested, metadata: EventMetadata
) -> None:
    """A proctor asked for new pictures."""
    await _told(tx, event, metadata, IdentityState.RESUBMISSION_REQUESTED, event.requested_by)


async def _told(
    tx: Transaction,
    event: CaseEvent,
    metadata: EventMetadata,
    state: IdentityState,
    actor: str,
) -> None:
    await told(
        tx,
        IdentityNews(
            event=event,
            session_id=parse_id(event.session_id, "session_id"),
            participant_id=parse_id(event.participant_id, "participant_id"),
            state=state,
            actor=actor or _OWNER,
            time=metadata.occurred_at,
            position=metadata.position,
        ),
    )

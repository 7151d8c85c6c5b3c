"""`session--attempts`: how far participants are with their assessments. Self-paced attempts belong to no session."""

from __future__ import annotations

from proctorium.assessment.events.v1 import events_pb2 as events
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import parse_id
from proctorium_common.storage.database import Transaction
from proctorium_session.domain.progress import ProgressState, Told
from proctorium_session.operations.progress import AttemptNews, attempt_told

AttemptEvent = (
    events.AttemptCreated
    | events.AttemptAuthorized
    | events.AttemptStarted
    | events.AttemptProgressed
    | events.AttemptSubmitted
    | events.AttemptVoided
    | events.ResultReleased
)


async def on_attempt_created(
    tx: Transaction, event: events.AttemptCreated, metadata: EventMetadata
) -> None:
    """The attempt is there."""
    await _told(
        tx,
        event,
        metadata,
        ProgressState.AWAITING_AUTHORIZATION,
        item_count=event.item_count,
    )


async def on_attempt_authorized(
    tx: Transaction, event: events.AttemptAuthorized, metadata: EventMetadata
) -> None:
    """The learner may begin."""
    await _told(tx, event, metadata, ProgressState.AUTHORIZED)


async def on_attempt_started(
    tx: Transaction, event: events.AttemptStarted, metadata: EventMetadata
) -> None:
    """The learner began."""
    await _told(tx, event, metadata, ProgressState.IN_PROGRESS)


async def on_attempt_progressed(
    tx: Transaction, event: events.AttemptProgressed, metadata: EventMetadata
) -> None:
    """Answers were saved: shown, and not recorded, since it is told every few seconds."""
    await _told(
        tx,
        event,
        metadata,
        ProgressState.IN_PROGRESS,
        answered_count=event.answered_count,
        item_count=event.item_count,
        recorded=False,
    )


async def on_attempt_submitted(
    tx: Transaction, event: events.AttemptSubmitted, metadata: EventMetadata
) -> None:
    """The attempt was submitted."""
    await _told(
        tx,
        event,
        metadata,
        ProgressState.SUBMITTED,
        answered_count=event.answered_count,
        item_count=event.item_count,
    )


async def on_attempt_voided(
    tx: Transaction, event: events.AttemptVoided, metadata: EventMetadata
) -> None:
    """Handle an attempt that was closed before it was started."""
    await _told(tx, event, metadata, ProgressState.VOIDED)


async def on_result_released(
    tx: Transaction, event: events.ResultReleased, metadata: EventMetadata
) -> None:
    """The learner can see the result."""
    await _told(tx, event, metadata, ProgressState.RELEASED)


async def _told(
    tx: Transaction,
    event: AttemptEvent,
    metadata: EventMetadata,
    state: ProgressState,
    *,
    answered_count: int | None = None,
    item_count: int | None = None,
    recorded: bool = True,
) -> None:
    if not event.session_id:
        return
    news = Told(
        attempt_id=parse_id(event.attempt_id, "attempt_id"),
        state=state,
        position=metadata.position,
        answered_count=answered_count,
        item_count=item_count,
    )
    await attempt_told(
        tx,
        AttemptNews(
            event=event,
            session_id=parse_id(event.session_id, "session_id"),
            participant_id=parse_id(event.participant_id, "participant_id"),
            assessment_id=parse_id(event.assessment_id, "assessment_id"),
            told=news,
            time=metadata.occurred_at,
            recorded=recorded,
        ),
    )

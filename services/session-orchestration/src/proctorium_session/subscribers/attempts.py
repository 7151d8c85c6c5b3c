"""The handlers of the subscription `session--attempts`. Events may be delayed, redelivered or reordered."""

from __future__ import annotations

from datetime import datetime

from proctorium.assessment.events.v1 import events_pb2 as events
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import parse_id
from proctorium_common.messages import from_timestamp
from proctorium_common.storage.database import Transaction
from proctorium_session.domain.progress import AttemptTime, AttemptUpdate, ProgressState
from proctorium_session.operations.participants import AttemptEvent, update_progress

AttemptMessage = (
    events.AttemptCreated
    | events.AttemptAuthorized
    | events.AttemptAuthorizationWithdrawn
    | events.AttemptStarted
    | events.AttemptTimeChanged
    | events.AttemptProgressed
    | events.AttemptSavedDuringStop
    | events.AttemptEntered
    | events.AttemptSavedOnOlderDevice
    | events.AttemptSubmitted
    | events.AttemptReopened
    | events.AttemptVoided
    | events.AttemptRestored
    | events.ResultReleased
)


async def on_attempt_created(
    tx: Transaction, event: events.AttemptCreated, metadata: EventMetadata
) -> None:
    """Add the attempt to the participant's progress."""
    await _update(
        tx,
        event,
        metadata,
        ProgressState.AWAITING_AUTHORIZATION,
        item_count=event.item_count,
    )


async def on_attempt_authorized(
    tx: Transaction, event: events.AttemptAuthorized, metadata: EventMetadata
) -> None:
    """Set the participant's progress to authorised."""
    await _update(
        tx,
        event,
        metadata,
        ProgressState.AUTHORIZED,
        authorization_revision=event.authorization_revision,
    )


async def on_attempt_authorization_withdrawn(
    tx: Transaction, event: events.AttemptAuthorizationWithdrawn, metadata: EventMetadata
) -> None:
    """Set the participant's progress back to awaiting authorisation, unless a later authorisation is known."""
    await _update(
        tx,
        event,
        metadata,
        ProgressState.AWAITING_AUTHORIZATION,
        authorization_revision=event.authorization_revision,
    )


async def on_attempt_started(
    tx: Transaction, event: events.AttemptStarted, metadata: EventMetadata
) -> None:
    """Set the participant's progress to in progress."""
    time = AttemptTime(_deadline(event))
    await _update(tx, event, metadata, ProgressState.IN_PROGRESS, time=time)


async def on_attempt_time_changed(
    tx: Transaction, event: events.AttemptTimeChanged, metadata: EventMetadata
) -> None:
    """Update the time of the participant's attempt.

    The event is not appended to the session record, because the record contains the event that changed the time.
    """
    remaining = event.stopped_remaining.ToTimedelta()
    time = AttemptTime(
        _deadline(event),
        event.stopped,
        remaining if event.HasField("stopped_remaining") else None,
        event.returned_time.ToTimedelta(),
    )
    await _update(tx, event, metadata, ProgressState.IN_PROGRESS, time=time, is_recorded=False)


async def on_attempt_progressed(
    tx: Transaction, event: events.AttemptProgressed, metadata: EventMetadata
) -> None:
    """Update the participant's number of answers.

    The event is not appended to the session record, because the number changes every few seconds.
    """
    await _update(
        tx,
        event,
        metadata,
        ProgressState.IN_PROGRESS,
        answered_count=event.answered_count,
        item_count=event.item_count,
        is_recorded=False,
    )


async def on_attempt_saved_during_stop(
    tx: Transaction, event: events.AttemptSavedDuringStop, metadata: EventMetadata
) -> None:
    """Append to the session record how many changes of answers were received during a stop."""
    await _update(tx, event, metadata, ProgressState.IN_PROGRESS)


async def on_attempt_entered(
    tx: Transaction, event: events.AttemptEntered, metadata: EventMetadata
) -> None:
    """Append to the session record that the learner continues on another device."""
    await _update(tx, event, metadata, ProgressState.IN_PROGRESS)


async def on_attempt_saved_on_older_device(
    tx: Transaction, event: events.AttemptSavedOnOlderDevice, metadata: EventMetadata
) -> None:
    """Append to the session record how many changes of an older device were received."""
    await _update(tx, event, metadata, ProgressState.IN_PROGRESS)


async def on_attempt_submitted(
    tx: Transaction, event: events.AttemptSubmitted, metadata: EventMetadata
) -> None:
    """Set the participant's progress to submitted."""
    await _update(
        tx,
        event,
        metadata,
        ProgressState.SUBMITTED,
        answered_count=event.answered_count,
        item_count=event.item_count,
    )


async def on_attempt_reopened(
    tx: Transaction, event: events.AttemptReopened, metadata: EventMetadata
) -> None:
    """Set the participant's progress back to in progress.

    The deadline of the submitted attempt has moved, or the session was reopened.
    """
    await _update(tx, event, metadata, ProgressState.IN_PROGRESS)


async def on_attempt_voided(
    tx: Transaction, event: events.AttemptVoided, metadata: EventMetadata
) -> None:
    """Set the participant's progress to voided. The attempt was closed before it was started."""
    await _update(tx, event, metadata, ProgressState.VOIDED)


async def on_attempt_restored(
    tx: Transaction, event: events.AttemptRestored, metadata: EventMetadata
) -> None:
    """Set the participant's progress back to the state before the attempt was voided."""
    state = ProgressState.AUTHORIZED if event.authorized else ProgressState.AWAITING_AUTHORIZATION
    await _update(tx, event, metadata, state, is_restored=True)


async def on_result_released(
    tx: Transaction, event: events.ResultReleased, metadata: EventMetadata
) -> None:
    """Set the participant's progress to released. The learner can now see the result."""
    await _update(tx, event, metadata, ProgressState.RELEASED)


def _deadline(event: events.AttemptStarted | events.AttemptTimeChanged) -> datetime | None:
    return from_timestamp(event.deadline_time) if event.HasField("deadline_time") else None


async def _update(
    tx: Transaction,
    event: AttemptMessage,
    metadata: EventMetadata,
    state: ProgressState,
    *,
    answered_count: int | None = None,
    item_count: int | None = None,
    authorization_revision: int | None = None,
    time: AttemptTime | None = None,
    is_restored: bool = False,
    is_recorded: bool = True,
) -> None:
    """Update the participant's progress. Ignore attempts that do not belong to a session."""
    if not event.session_id:
        return
    await update_progress(
        tx,
        AttemptEvent(
            message=event,
            session_id=parse_id(event.session_id, "session_id"),
            participant_id=parse_id(event.participant_id, "participant_id"),
            assessment_id=parse_id(event.assessment_id, "assessment_id"),
            update=AttemptUpdate(
                attempt_id=parse_id(event.attempt_id, "attempt_id"),
                state=state,
                position=metadata.position,
                answered_count=answered_count,
                item_count=item_count,
                authorization_revision=authorization_revision,
                time=time,
                is_restored=is_restored,
            ),
            occurred_at=metadata.occurred_at,
            is_recorded=is_recorded,
        ),
    )

"""The handlers of events from session orchestration. The subscriber `assessment--sessions` receives the events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import wraps
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium.session.events.v1 import events_pb2 as pb
from proctorium_assessment.domain.time_ledger import EntryKind, LedgerEntry
from proctorium_assessment.operations import reopening, sessions, time_events
from proctorium_assessment.operations.scoring import count_time_event
from proctorium_assessment.storage.time_events import Reopening
from proctorium_common.events.handling import EventMetadata
from proctorium_common.messages import from_timestamp, optional_id
from proctorium_common.storage.database import Transaction

E = TypeVar("E", bound=Message)


def _time_event(
    handler: Callable[[Transaction, E, EventMetadata], Awaitable[None]],
) -> Callable[[Transaction, E, EventMetadata], Awaitable[None]]:
    """Return the handler of an event that can move the time of attempts. The returned handler also counts the event.

    The end of the session has the number of these events. Results are released after the last of them.
    """

    @wraps(handler)
    async def handle(tx: Transaction, event: E, metadata: EventMetadata) -> None:
        await handler(tx, event, metadata)
        participant_id = optional_id(getattr(event, "participant_id", ""), "participant_id")
        session_id = UUID(getattr(event, "session_id"))  # noqa: B009 - `Message` has no fields
        await count_time_event(tx, metadata.event_id, session_id, participant_id)

    return handle


async def on_session_scheduled(
    tx: Transaction, event: pb.SessionScheduled, metadata: EventMetadata
) -> None:
    """Store the course and the proctors of the session."""
    course_id = optional_id(event.course_id, "course_id")
    await sessions.store_course(tx, UUID(event.session_id), course_id)
    await on_proctors_changed(tx, event, metadata)


async def on_proctors_changed(
    tx: Transaction,
    event: pb.SessionScheduled | pb.SessionTaken | pb.SessionHandedOver,
    metadata: EventMetadata,
) -> None:
    """Store the proctors of the session, unless the stored proctors come from a later event."""
    proctor_ids = [UUID(proctor_id) for proctor_id in event.proctor_ids]
    await sessions.store_proctors(
        tx, UUID(event.session_id), proctor_ids, position=metadata.position
    )


async def on_session_closing(
    tx: Transaction, event: pb.SessionClosing, metadata: EventMetadata
) -> None:
    """Store that the session is closing, so that no attempt of the session can be started."""
    await sessions.store_closing(
        tx, UUID(event.session_id), is_closing=True, position=metadata.position
    )


async def on_session_closing_cancelled(
    tx: Transaction, event: pb.SessionClosingCancelled, metadata: EventMetadata
) -> None:
    """Store that the session is in progress again."""
    await sessions.store_closing(
        tx, UUID(event.session_id), is_closing=False, position=metadata.position
    )


async def on_participant_joined(
    tx: Transaction, event: pb.ParticipantJoined, _metadata: EventMetadata
) -> None:
    """Create the participant's attempts.

    If the session requires no identity verification, also store that the participant meets the session's policy.
    """
    if not event.identity_required:
        await sessions.store_ready_participant(tx, UUID(event.participant_id))
    await sessions.create_attempts(
        tx,
        session_id=UUID(event.session_id),
        participant_id=UUID(event.participant_id),
        person_id=UUID(event.person_id),
        course_id=optional_id(event.course_id, "course_id"),
        assessment_ids=[UUID(assessment_id) for assessment_id in event.assessment_ids],
    )


async def on_participant_ready(
    tx: Transaction, event: pb.ParticipantReady, _metadata: EventMetadata
) -> None:
    """Store that the participant meets the session's policy."""
    await sessions.store_ready_participant(tx, UUID(event.participant_id))


async def on_participant_assessment_authorized(
    tx: Transaction, event: pb.ParticipantAssessmentAuthorized, _metadata: EventMetadata
) -> None:
    """Authorise the participant's attempt."""
    await sessions.authorize_attempt(
        tx,
        session_id=UUID(event.session_id),
        participant_id=UUID(event.participant_id),
        person_id=UUID(event.person_id),
        assessment_id=UUID(event.assessment_id),
        revision=event.authorization_revision,
    )


async def on_participant_authorization_withdrawn(
    tx: Transaction, event: pb.ParticipantAuthorizationWithdrawn, _metadata: EventMetadata
) -> None:
    """Withdraw the authorisation of the participant's attempt."""
    await sessions.withdraw_authorization(
        tx,
        session_id=UUID(event.session_id),
        participant_id=UUID(event.participant_id),
        person_id=UUID(event.person_id),
        assessment_id=UUID(event.assessment_id),
        revision=event.authorization_revision,
    )


@_time_event
async def on_participant_removed(
    tx: Transaction, event: pb.ParticipantRemoved, metadata: EventMetadata
) -> None:
    """Stop the clocks of the removed participant's attempts, and refuse their start and submission."""
    at = from_timestamp(event.removal_time) if event.removal_id else metadata.occurred_at
    # Events of earlier versions have no id of the removal.
    entry = LedgerEntry(UUID(event.removal_id or event.participant_id), EntryKind.PAUSED, at)
    await sessions.store_removal(
        tx, UUID(event.session_id), UUID(event.participant_id), is_removed=True, metadata=metadata
    )
    await time_events.add_entry(tx, UUID(event.session_id), UUID(event.participant_id), entry)


@_time_event
async def on_participant_readmitted(
    tx: Transaction, event: pb.ParticipantReadmitted, metadata: EventMetadata
) -> None:
    """End a removal of the participant."""
    at = from_timestamp(event.readmission_time)
    entry = LedgerEntry(UUID(event.removal_id), EntryKind.RESUMED, at)
    await sessions.store_removal(
        tx, UUID(event.session_id), UUID(event.participant_id), is_removed=False, metadata=metadata
    )
    await time_events.add_entry(tx, UUID(event.session_id), UUID(event.participant_id), entry)


async def on_participant_ended(
    tx: Transaction, event: pb.ParticipantEnded, metadata: EventMetadata
) -> None:
    """Close the attempts of a participant for whom the session was ended."""
    await sessions.close_attempts_of_participant(
        tx,
        session_id=UUID(event.session_id),
        participant_id=UUID(event.participant_id),
        is_removed=event.removed,
        position=metadata.position,
    )


@_time_event
async def on_participant_end_undone(
    tx: Transaction, event: pb.ParticipantEndUndone, metadata: EventMetadata
) -> None:
    """Continue the attempts of the participant for whom the session had been ended."""
    await reopening.undo_end(
        tx,
        Reopening(
            UUID(event.ending_id),
            UUID(event.session_id),
            UUID(event.participant_id),
            from_timestamp(event.end_time),
            from_timestamp(event.undo_time),
        ),
        position=metadata.position,
    )


@_time_event
async def on_participant_paused(
    tx: Transaction, event: pb.ParticipantPaused, _metadata: EventMetadata
) -> None:
    """Stop the clocks of the participant's attempts."""
    entry = _pause_entry(event)
    await time_events.add_entry(tx, UUID(event.session_id), UUID(event.participant_id), entry)


def _pause_entry(event: pb.SessionPaused | pb.ParticipantPaused) -> LedgerEntry:
    return LedgerEntry(
        UUID(event.pause_id),
        EntryKind.PAUSED,
        from_timestamp(event.pause_time),
        hides_questions=not event.questions_shown,
    )


@_time_event
async def on_participant_resumed(
    tx: Transaction, event: pb.ParticipantResumed, _metadata: EventMetadata
) -> None:
    """End a pause of the participant."""
    entry = LedgerEntry(UUID(event.pause_id), EntryKind.RESUMED, from_timestamp(event.resume_time))
    await time_events.add_entry(tx, UUID(event.session_id), UUID(event.participant_id), entry)


@_time_event
async def on_session_paused(
    tx: Transaction, event: pb.SessionPaused, _metadata: EventMetadata
) -> None:
    """Stop the clocks of all attempts of the session."""
    await time_events.add_entry(tx, UUID(event.session_id), None, _pause_entry(event))


@_time_event
async def on_session_resumed(
    tx: Transaction, event: pb.SessionResumed, _metadata: EventMetadata
) -> None:
    """End a pause of the whole session."""
    entry = LedgerEntry(UUID(event.pause_id), EntryKind.RESUMED, from_timestamp(event.resume_time))
    await time_events.add_entry(tx, UUID(event.session_id), None, entry)


@_time_event
async def on_break_started(
    tx: Transaction, event: pb.BreakStarted, _metadata: EventMetadata
) -> None:
    """Hide the questions of the participant's attempts. Stop the clocks if the policy of the session stops them."""
    entry = LedgerEntry(
        UUID(event.break_id),
        EntryKind.PAUSED,
        from_timestamp(event.start_time),
        limit=event.length.ToTimedelta() if event.clock_stops else timedelta(),
    )
    await time_events.add_entry(tx, UUID(event.session_id), UUID(event.participant_id), entry)


@_time_event
async def on_break_returned(
    tx: Transaction, event: pb.BreakReturned, _metadata: EventMetadata
) -> None:
    """End a break of the participant."""
    entry = LedgerEntry(UUID(event.break_id), EntryKind.RESUMED, from_timestamp(event.return_time))
    await time_events.add_entry(tx, UUID(event.session_id), UUID(event.participant_id), entry)


@_time_event
async def on_participant_disconnected(
    tx: Transaction, event: pb.ParticipantDisconnected, _metadata: EventMetadata
) -> None:
    """Stop the clocks of the participant's attempts during the outage, if the policy of the session stops them."""
    if not event.HasField("returned_limit"):
        return
    entry = LedgerEntry(
        UUID(event.outage_id),
        EntryKind.OUTAGE,
        from_timestamp(event.outage_start_time),
        limit=event.returned_limit.ToTimedelta(),
    )
    await time_events.add_entry(tx, UUID(event.session_id), UUID(event.participant_id), entry)


@_time_event
async def on_participant_connected(
    tx: Transaction, event: pb.ParticipantConnected, _metadata: EventMetadata
) -> None:
    """End an outage of the participant."""
    if not event.outage_id:
        return
    at = from_timestamp(event.outage_end_time)
    entry = LedgerEntry(UUID(event.outage_id), EntryKind.RESUMED, at)
    await time_events.add_entry(tx, UUID(event.session_id), UUID(event.participant_id), entry)


@_time_event
async def on_participant_return_requested(
    tx: Transaction, event: pb.ParticipantReturnRequested, _metadata: EventMetadata
) -> None:
    """Stop the clocks of a participant who returned from an outage, until a proctor lets them back in."""
    entry = LedgerEntry(
        UUID(event.return_request_id), EntryKind.PAUSED, from_timestamp(event.request_time)
    )
    await time_events.add_entry(tx, UUID(event.session_id), UUID(event.participant_id), entry)


@_time_event
async def on_participant_return_admitted(
    tx: Transaction, event: pb.ParticipantReturnAdmitted, _metadata: EventMetadata
) -> None:
    """End the stop of a participant who was let back in after an outage."""
    entry = LedgerEntry(
        UUID(event.return_request_id), EntryKind.RESUMED, from_timestamp(event.admit_time)
    )
    await time_events.add_entry(tx, UUID(event.session_id), UUID(event.participant_id), entry)


@_time_event
async def on_participant_extra_time_granted(
    tx: Transaction, event: pb.ParticipantExtraTimeGranted, _metadata: EventMetadata
) -> None:
    """Grant extra time in the participant's attempts, or take it back."""
    entry = LedgerEntry(
        UUID(event.grant_id),
        EntryKind.EXTRA_TIME,
        from_timestamp(event.grant_time),
        event.amount.ToTimedelta(),
    )
    await time_events.add_entry(tx, UUID(event.session_id), UUID(event.participant_id), entry)


async def on_session_ended(
    tx: Transaction, event: pb.SessionEnded, metadata: EventMetadata
) -> None:
    """Close the attempts of the session that ended, and store the numbers of its time events."""
    await sessions.close_attempts_of_session(
        tx,
        session_id=UUID(event.session_id),
        course_id=optional_id(event.course_id, "course_id"),
        ended_at=from_timestamp(event.end_time)
        if event.HasField("end_time")
        else metadata.occurred_at,
        held_until=from_timestamp(event.reopen_end_time)
        if event.HasField("reopen_end_time")
        else None,
        removed_ids={UUID(each.participant_id) for each in event.attendances if each.removed},
        is_automatic=not event.ended_by,
        counts=sessions.TimeEventCounts(
            event.time_event_count,
            {
                UUID(each.participant_id): each.time_event_count
                for each in event.attendances
                if each.time_event_count
            },
        ),
        position=metadata.position,
    )


@_time_event
async def on_session_reopened(
    tx: Transaction, event: pb.SessionReopened, metadata: EventMetadata
) -> None:
    """Continue the attempts that the end of the session closed."""
    await reopening.reopen_session(
        tx,
        Reopening(
            UUID(event.reopening_id),
            UUID(event.session_id),
            None,
            from_timestamp(event.end_time),
            from_timestamp(event.reopen_time),
        ),
        position=metadata.position,
    )


async def on_session_finalized(
    tx: Transaction, event: pb.SessionFinalized, metadata: EventMetadata
) -> None:
    """Release the results of a session that its proctors can no longer reopen."""
    await reopening.finalize_session(tx, UUID(event.session_id), position=metadata.position)

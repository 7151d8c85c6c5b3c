"""The handlers of events from session orchestration. The subscriber `notification--sessions` receives the events."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from proctorium.session.events.v1 import events_pb2
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import parse_id
from proctorium_common.messages import from_timestamp
from proctorium_common.storage.database import Transaction
from proctorium_notification.domain.deliveries import Cause
from proctorium_notification.domain.topics import Session, Topic
from proctorium_notification.operations import alarms, notifying
from proctorium_notification.operations.notifying import notify


async def on_session_scheduled(
    tx: Transaction, event: events_pb2.SessionScheduled, metadata: EventMetadata
) -> None:
    """Store the plan of the session and notify the proctors.

    The learners are notified later, when a code for the session is issued.
    """
    session = Session(
        session_id=parse_id(event.session_id, "session_id"),
        title=event.title,
        start_at=from_timestamp(event.start_time),
        duration=event.duration.ToTimedelta(),
    )
    await notifying.schedule_session(tx, session)
    cause = Cause(metadata.event_id, Topic.SESSION_SCHEDULED, session.session_id)
    await notify(tx, cause, _person_ids(event.proctor_ids))


async def on_session_cancelled(
    tx: Transaction, event: events_pb2.SessionCancelled, metadata: EventMetadata
) -> None:
    """Store that the session was cancelled, and notify the proctors and the learners of the session."""
    session_id = parse_id(event.session_id, "session_id")
    await notifying.cancel_session(tx, session_id, metadata.occurred_at)
    await alarms.record_covered(tx, session_id, position=metadata.position)
    cause = Cause(metadata.event_id, Topic.SESSION_CANCELLED, session_id)
    await notify(tx, cause, _person_ids(event.person_ids))


async def on_session_ended(
    tx: Transaction, event: events_pb2.SessionEnded, metadata: EventMetadata
) -> None:
    """Store that the session has ended, and notify the learners who attended the session."""
    session_id = parse_id(event.session_id, "session_id")
    await notifying.end_session(
        tx, session_id, from_timestamp(event.end_time), position=metadata.position
    )
    await alarms.record_covered(tx, session_id, position=metadata.position)
    attended = [each.person_id for each in event.attendances if each.attended]
    cause = Cause(metadata.event_id, Topic.SESSION_ENDED, session_id)
    await notify(tx, cause, _person_ids(attended))


async def on_session_reopened(
    tx: Transaction, event: events_pb2.SessionReopened, metadata: EventMetadata
) -> None:
    """Store that the session was reopened, and notify the learners who are in the session again."""
    session_id = parse_id(event.session_id, "session_id")
    await notifying.reopen_session(tx, session_id, position=metadata.position)
    cause = Cause(metadata.event_id, Topic.SESSION_REOPENED, session_id)
    await notify(tx, cause, _person_ids(event.person_ids))


async def on_session_uncovered(
    tx: Transaction, event: events_pb2.SessionUncovered, metadata: EventMetadata
) -> None:
    """Store that the session is uncovered. The worker for alarms notifies proctors and administrators."""
    session_id = parse_id(event.session_id, "session_id")
    await alarms.record_uncovered(
        tx,
        session_id,
        metadata.event_id,
        _person_ids(event.proctor_ids),
        position=metadata.position,
    )


async def on_session_covered(
    tx: Transaction, event: events_pb2.SessionCovered, metadata: EventMetadata
) -> None:
    """Store that the session is covered again."""
    session_id = parse_id(event.session_id, "session_id")
    await alarms.record_covered(tx, session_id, position=metadata.position)


async def on_session_taken(
    tx: Transaction, event: events_pb2.SessionTaken, metadata: EventMetadata
) -> None:
    """Notify the former lead proctor."""
    session_id = parse_id(event.session_id, "session_id")
    cause = Cause(metadata.event_id, Topic.SESSION_TAKEN, session_id)
    await notify(tx, cause, _person_ids([event.former_lead_proctor_id]))


async def on_session_handed_over(
    tx: Transaction, event: events_pb2.SessionHandedOver, metadata: EventMetadata
) -> None:
    """Notify the new lead proctor, who is the first proctor in the event."""
    session_id = parse_id(event.session_id, "session_id")
    cause = Cause(metadata.event_id, Topic.SESSION_HANDED_OVER, session_id)
    await notify(tx, cause, _person_ids(event.proctor_ids[:1]))


async def on_participant_identity_check_requested(
    tx: Transaction,
    event: events_pb2.ParticipantIdentityCheckRequested,
    metadata: EventMetadata,
) -> None:
    """Notify the learner that a proctor requested an identity check."""
    session_id = parse_id(event.session_id, "session_id")
    cause = Cause(metadata.event_id, Topic.IDENTITY_CHECK_REQUESTED, session_id)
    await notify(tx, cause, _person_ids([event.person_id]))


async def on_participant_removed(
    tx: Transaction, event: events_pb2.ParticipantRemoved, metadata: EventMetadata
) -> None:
    """Notify the learner of the removal from the session."""
    session_id = parse_id(event.session_id, "session_id")
    cause = Cause(metadata.event_id, Topic.PARTICIPANT_REMOVED, session_id)
    await notify(tx, cause, _person_ids([event.person_id]))


async def on_participant_readmitted(
    tx: Transaction, event: events_pb2.ParticipantReadmitted, metadata: EventMetadata
) -> None:
    """Notify the learner of the readmission to the session."""
    session_id = parse_id(event.session_id, "session_id")
    cause = Cause(metadata.event_id, Topic.PARTICIPANT_READMITTED, session_id)
    await notify(tx, cause, _person_ids([event.person_id]))


async def on_participant_ended(
    tx: Transaction, event: events_pb2.ParticipantEnded, metadata: EventMetadata
) -> None:
    """Notify the learner that the session was ended for them."""
    session_id = parse_id(event.session_id, "session_id")
    cause = Cause(metadata.event_id, Topic.PARTICIPANT_ENDED, session_id)
    await notify(tx, cause, _person_ids([event.person_id]))


async def on_participant_end_undone(
    tx: Transaction, event: events_pb2.ParticipantEndUndone, metadata: EventMetadata
) -> None:
    """Notify the learner that the end of the session for them was undone, unless the learner is removed."""
    if event.removed:
        return
    session_id = parse_id(event.session_id, "session_id")
    cause = Cause(metadata.event_id, Topic.PARTICIPANT_END_UNDONE, session_id)
    await notify(tx, cause, _person_ids([event.person_id]))


def _person_ids(texts: Iterable[str]) -> list[UUID]:
    return [parse_id(text, "person_id") for text in texts]

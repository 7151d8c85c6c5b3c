"""The handlers of events from session orchestration."""

from __future__ import annotations

from collections.abc import Sequence

from proctorium.session.events.v1 import events_pb2
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import parse_id
from proctorium_common.messages import from_timestamp
from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain.sessions import SessionState
from proctorium_enrollment.operations import sessions
from proctorium_enrollment.operations.code_resolution import CodeResolution
from proctorium_enrollment.operations.codes import Codes
from proctorium_enrollment.operations.sessions import Schedule
from proctorium_enrollment.storage.sessions import Join


class SessionEvents:
    """The handlers of events about sessions and their participants."""

    def __init__(self, codes: Codes, resolution: CodeResolution) -> None:
        self._codes = codes
        self._resolution = resolution

    async def on_session_scheduled(
        self, tx: Transaction, event: events_pb2.SessionScheduled, metadata: EventMetadata
    ) -> None:
        """Store the session, and issue its shared code."""
        schedule = Schedule(
            session_id=parse_id(event.session_id, "session_id"),
            course_id=parse_id(event.course_id, "course_id"),
            lobby_open_at=from_timestamp(event.lobby_open_time),
            planned_end_at=from_timestamp(event.start_time) + event.duration.ToTimedelta(),
            proctor_ids=[parse_id(text, "proctor_ids") for text in event.proctor_ids],
            learner_ids=[parse_id(text, "learner_ids") for text in event.learner_ids],
            scheduled_at=metadata.occurred_at,
        )
        await sessions.record_schedule(tx, self._codes, schedule)

    async def on_proctors_changed(
        self,
        tx: Transaction,
        event: events_pb2.SessionTaken | events_pb2.SessionHandedOver,
        metadata: EventMetadata,
    ) -> None:
        """Store the proctors of the session."""
        proctor_ids = [parse_id(text, "proctor_ids") for text in event.proctor_ids]
        await sessions.record_proctors(tx, parse_id(event.session_id, "session_id"), proctor_ids)

    async def on_session_cancelled(
        self, tx: Transaction, event: events_pb2.SessionCancelled, _: EventMetadata
    ) -> None:
        """Store that the session was cancelled."""
        session_id = parse_id(event.session_id, "session_id")
        await sessions.record_state(tx, session_id, SessionState.CANCELLED)

    async def on_session_started(
        self, tx: Transaction, event: events_pb2.SessionStarted, _: EventMetadata
    ) -> None:
        """Store that the session is in progress, so that the content of its course is open to its learners (`P5`)."""
        session_id = parse_id(event.session_id, "session_id")
        course_id = parse_id(event.course_id, "course_id")
        await sessions.record_state(tx, session_id, SessionState.IN_PROGRESS, course_id)

    async def on_session_ended(
        self, tx: Transaction, event: events_pb2.SessionEnded, metadata: EventMetadata
    ) -> None:
        """Store that the session ended, so that the content of its course is closed to its learners."""
        session_id = parse_id(event.session_id, "session_id")
        course_id = parse_id(event.course_id, "course_id")
        await sessions.record_end(
            tx, session_id, SessionState.ENDED, course_id, position=metadata.position
        )

    async def on_session_reopened(
        self, tx: Transaction, event: events_pb2.SessionReopened, metadata: EventMetadata
    ) -> None:
        """Store that the session is in progress again, so that the content is open to its learners."""
        session_id = parse_id(event.session_id, "session_id")
        await sessions.record_end(
            tx, session_id, SessionState.IN_PROGRESS, position=metadata.position
        )

    async def on_participants_joined(
        self,
        tx: Transaction,
        batch: Sequence[tuple[events_pb2.ParticipantJoined, EventMetadata]],
    ) -> None:
        """Store that learners joined, and delete the counts of their failed code entries.

        A learner who waits for approval is stored when they are admitted, because the content is closed to them until
        then.
        """
        await sessions.record_joins(
            tx, [_join(event) for event, _ in batch if not event.awaiting_approval]
        )
        people = {parse_id(event.person_id, "person_id") for event, _ in batch}
        await self._resolution.clear_failures(tx, people)

    async def on_participant_admitted(
        self, tx: Transaction, event: events_pb2.ParticipantAdmitted, _: EventMetadata
    ) -> None:
        """Store that a learner who waited for approval joined, so that the content is open to them."""
        await sessions.record_joins(tx, [_join(event)])

    async def on_participant_excluded(
        self,
        tx: Transaction,
        event: events_pb2.ParticipantRemoved | events_pb2.ParticipantEnded,
        metadata: EventMetadata,
    ) -> None:
        """Close the content to a learner who was removed, or for whom the session was ended."""
        await _record_removal(tx, event, metadata, is_removed=True)

    async def on_participant_readmitted(
        self, tx: Transaction, event: events_pb2.ParticipantReadmitted, metadata: EventMetadata
    ) -> None:
        """Open the content to a learner who was readmitted."""
        await _record_removal(tx, event, metadata, is_removed=False)

    async def on_participant_end_undone(
        self, tx: Transaction, event: events_pb2.ParticipantEndUndone, metadata: EventMetadata
    ) -> None:
        """Open the content to a learner for whom the end was undone, unless the learner is removed."""
        await _record_removal(tx, event, metadata, is_removed=event.removed)


async def _record_removal(
    tx: Transaction,
    event: events_pb2.ParticipantRemoved
    | events_pb2.ParticipantEnded
    | events_pb2.ParticipantEndUndone
    | events_pb2.ParticipantReadmitted,
    metadata: EventMetadata,
    *,
    is_removed: bool,
) -> None:
    await sessions.record_removal(
        tx,
        parse_id(event.session_id, "session_id"),
        parse_id(event.person_id, "person_id"),
        is_removed=is_removed,
        position=metadata.position,
    )


def _join(event: events_pb2.ParticipantJoined | events_pb2.ParticipantAdmitted) -> Join:
    return Join(
        parse_id(event.session_id, "session_id"),
        parse_id(event.course_id, "course_id"),
        parse_id(event.person_id, "person_id"),
    )

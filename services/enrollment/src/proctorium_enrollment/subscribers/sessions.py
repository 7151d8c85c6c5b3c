"""Events of sessions and participants."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from proctorium.session.events.v1 import events_pb2
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import parse_id
from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain.sessions import SessionState
from proctorium_enrollment.operations import sessions
from proctorium_enrollment.operations.code_resolution import CodeResolution
from proctorium_enrollment.operations.codes import Codes
from proctorium_enrollment.operations.sessions import Plan
from proctorium_enrollment.storage.sessions import Join


class SessionEvents:
    """Handlers of what session orchestration tells."""

    def __init__(self, codes: Codes, resolution: CodeResolution) -> None:
        self._codes = codes
        self._resolution = resolution

    async def on_scheduled(
        self, tx: Transaction, event: events_pb2.SessionScheduled, metadata: EventMetadata
    ) -> None:
        """A session was planned: its code is issued."""
        planned_end = event.start_time.ToDatetime(UTC) + event.duration.ToTimedelta()
        plan = Plan(
            session_id=parse_id(event.session_id, "session_id"),
            course_id=parse_id(event.course_id, "course_id"),
            lobby_open_time=event.lobby_open_time.ToDatetime(UTC),
            planned_end_time=planned_end,
            proctor_ids=[parse_id(text, "proctor_ids") for text in event.proctor_ids],
            learner_ids=[parse_id(text, "learner_ids") for text in event.learner_ids],
            planned_at=metadata.occurred_at,
        )
        await sessions.schedule(tx, self._codes, plan)

    async def on_cancelled(
        self, tx: Transaction, event: events_pb2.SessionCancelled, _: EventMetadata
    ) -> None:
        """A session was called off: its codes say so."""
        session_id = parse_id(event.session_id, "session_id")
        await sessions.move(tx, session_id, SessionState.CANCELLED)

    async def on_started(
        self, tx: Transaction, event: events_pb2.SessionStarted, _: EventMetadata
    ) -> None:
        """A session began: its content is open to its learners (`P5`)."""
        session_id = parse_id(event.session_id, "session_id")
        course_id = parse_id(event.course_id, "course_id")
        await sessions.move(tx, session_id, SessionState.IN_PROGRESS, course_id)

    async def on_ended(
        self, tx: Transaction, event: events_pb2.SessionEnded, _: EventMetadata
    ) -> None:
        """A session is over: its content is closed."""
        session_id = parse_id(event.session_id, "session_id")
        course_id = parse_id(event.course_id, "course_id")
        await sessions.move(tx, session_id, SessionState.ENDED, course_id)

    async def on_joined(
        self,
        tx: Transaction,
        joined: Sequence[tuple[events_pb2.ParticipantJoined, EventMetadata]],
    ) -> None:
        """Handle learners who joined: note that they did, and forget their failed code entries."""
        joins = [
            Join(
                parse_id(event.session_id, "session_id"),
                parse_id(event.course_id, "course_id"),
                parse_id(event.person_id, "person_id"),
            )
            for event, _ in joined
        ]
        await sessions.join(tx, joins)
        await self._resolution.forget_failures(tx, {each.person_id for each in joins})

    async def on_removed(
        self, tx: Transaction, event: events_pb2.ParticipantRemoved, _: EventMetadata
    ) -> None:
        """A learner was removed."""
        await sessions.remove(
            tx,
            parse_id(event.session_id, "session_id"),
            parse_id(event.person_id, "person_id"),
        )

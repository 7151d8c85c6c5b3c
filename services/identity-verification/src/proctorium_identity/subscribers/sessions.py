"""What session orchestration tells: who supervises, who joined, what is over."""

from __future__ import annotations

from datetime import UTC

from proctorium.session.events.v1 import events_pb2
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import parse_id
from proctorium_common.storage.database import Transaction
from proctorium_identity.operations import cases
from proctorium_identity.storage.encryption import CaseKeys


class SessionEvents:
    """Handlers of `identity--sessions`. Each may come late, again, or in any order."""

    def __init__(self, case_keys: CaseKeys) -> None:
        self._case_keys = case_keys

    async def on_scheduled(
        self, tx: Transaction, event: events_pb2.SessionScheduled, metadata: EventMetadata
    ) -> None:
        """Learns who supervises."""
        proctors = [parse_id(proctor, "proctor_ids") for proctor in event.proctor_ids]
        await cases.plan_session(tx, parse_id(event.session_id, "session_id"), proctors)

    async def on_joined(
        self, tx: Transaction, event: events_pb2.ParticipantJoined, metadata: EventMetadata
    ) -> None:
        """Opens the learner's case where the session asks for one."""
        if event.identity_required:
            await cases.open_case(
                tx,
                self._case_keys,
                session_id=parse_id(event.session_id, "session_id"),
                participant_id=parse_id(event.participant_id, "participant_id"),
                person_id=parse_id(event.person_id, "person_id"),
            )

    async def on_cancelled(
        self, tx: Transaction, event: events_pb2.SessionCancelled, metadata: EventMetadata
    ) -> None:
        """Let what is undecided expire: nobody takes part any more."""
        session_id = parse_id(event.session_id, "session_id")
        await cases.end_session(tx, session_id, metadata.occurred_at)

    async def on_removed(
        self, tx: Transaction, event: events_pb2.ParticipantRemoved, metadata: EventMetadata
    ) -> None:
        """Let the learner's case expire where it is undecided."""
        await cases.remove_participant(
            tx,
            parse_id(event.session_id, "session_id"),
            parse_id(event.participant_id, "participant_id"),
        )

    async def on_ended(
        self, tx: Transaction, event: events_pb2.SessionEnded, metadata: EventMetadata
    ) -> None:
        """Lets what is undecided expire."""
        ended_at = event.end_time.ToDatetime(UTC)
        await cases.end_session(tx, parse_id(event.session_id, "session_id"), ended_at)

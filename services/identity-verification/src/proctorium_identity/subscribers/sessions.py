"""The handlers of the events from session orchestration."""

from __future__ import annotations

from proctorium.session.events.v1 import events_pb2
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import parse_id
from proctorium_common.messages import from_timestamp
from proctorium_common.storage.database import Transaction
from proctorium_identity.operations import cases
from proctorium_identity.storage.encryption import CaseKeys


class SessionEvents:
    """The handlers of the consumer `identity--sessions`. Events may arrive late, repeatedly and in any order."""

    def __init__(self, case_keys: CaseKeys) -> None:
        self._case_keys = case_keys

    async def on_proctors_changed(
        self,
        tx: Transaction,
        event: events_pb2.SessionScheduled | events_pb2.SessionTaken | events_pb2.SessionHandedOver,
        metadata: EventMetadata,
    ) -> None:
        """Set the proctors of the session, unless a later event has set them."""
        proctor_ids = [parse_id(each, "proctor_ids") for each in event.proctor_ids]
        session_id = parse_id(event.session_id, "session_id")
        await cases.set_proctors(tx, session_id, proctor_ids, position=metadata.position)

    async def on_participant_joined(
        self, tx: Transaction, event: events_pb2.ParticipantJoined, metadata: EventMetadata
    ) -> None:
        """Open the learner's case if the session requires identity verification."""
        if event.identity_required:
            await cases.open_case(
                tx,
                self._case_keys,
                session_id=parse_id(event.session_id, "session_id"),
                participant_id=parse_id(event.participant_id, "participant_id"),
                person_id=parse_id(event.person_id, "person_id"),
            )

    async def on_participant_identity_check_requested(
        self,
        tx: Transaction,
        event: events_pb2.ParticipantIdentityCheckRequested,
        metadata: EventMetadata,
    ) -> None:
        """Open the case of a learner from whom a proctor requested an identity check."""
        await cases.open_case(
            tx,
            self._case_keys,
            session_id=parse_id(event.session_id, "session_id"),
            participant_id=parse_id(event.participant_id, "participant_id"),
            person_id=parse_id(event.person_id, "person_id"),
        )

    async def on_session_cancelled(
        self, tx: Transaction, event: events_pb2.SessionCancelled, metadata: EventMetadata
    ) -> None:
        """Expire the undecided cases of the session."""
        session_id = parse_id(event.session_id, "session_id")
        await cases.expire_cases_of_session(
            tx, session_id, metadata.occurred_at, position=metadata.position
        )

    async def on_session_ended(
        self, tx: Transaction, event: events_pb2.SessionEnded, metadata: EventMetadata
    ) -> None:
        """Expire the undecided cases of the session."""
        session_id = parse_id(event.session_id, "session_id")
        await cases.expire_cases_of_session(
            tx, session_id, from_timestamp(event.end_time), position=metadata.position
        )

    async def on_session_reopened(
        self, tx: Transaction, event: events_pb2.SessionReopened, metadata: EventMetadata
    ) -> None:
        """Restore the expired cases of the session."""
        session_id = parse_id(event.session_id, "session_id")
        await cases.restore_cases_of_session(tx, session_id, position=metadata.position)

"""Updates of participants by events about identity verification (`I1`) and about attempts (`S7`)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from google.protobuf.message import Message

from proctorium_common.storage.database import Transaction
from proctorium_session.domain.closing import late_end
from proctorium_session.domain.errors import no_participant, no_session
from proctorium_session.domain.identity import IdentityState, is_ready
from proctorium_session.domain.participant_states import (
    PARTICIPANT_STATES,
    ParticipantAction,
    ParticipantState,
)
from proctorium_session.domain.participants import ParticipantView
from proctorium_session.domain.progress import AttemptUpdate, apply_update
from proctorium_session.domain.sessions import Session
from proctorium_session.events import participant_events
from proctorium_session.operations.changes import (
    SYSTEM_ACTOR,
    ReceivedEvent,
    RecordedEvent,
    save_change,
)
from proctorium_session.storage import closing, participants, sessions


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """An event about a participant's identity case.

    `position` is the position of the event among the events of identity verification.
    """

    message: Message
    session_id: UUID
    participant_id: UUID
    state: IdentityState
    actor: UUID | str
    occurred_at: datetime
    position: int


@dataclass(frozen=True, slots=True)
class AttemptEvent:
    """An event about an attempt in a session.

    `is_recorded` is False for an event that only updates the number of answers. Such an event is not appended to the
    session record.
    """

    message: Message
    session_id: UUID
    participant_id: UUID
    assessment_id: UUID
    update: AttemptUpdate
    occurred_at: datetime
    is_recorded: bool = True


async def update_identity(tx: Transaction, event: CaseEvent) -> None:
    """Append the event to the session record, and update the participant. Raises NOT_FOUND.

    The participant does not change if a newer event was handled before.
    """
    session, view = await _lock_participant(tx, event.session_id, event.participant_id)
    participant = view.participant
    recorded: list[RecordedEvent | ReceivedEvent] = [
        ReceivedEvent(event.message, event.actor, event.participant_id, event.occurred_at)
    ]
    if event.position > participant.identity_position:
        # A participant who has met the policy stays ready, even if the state of their identity case changes later.
        becomes_ready = participant.ready_time is None and is_ready(
            session.plan.identity_policy, event.state
        )
        updated = replace(
            participant,
            identity=event.state,
            identity_position=event.position,
            ready_time=tx.now if becomes_ready else participant.ready_time,
            revision=session.next_revision,
        )
        await participants.update_participant(tx, updated)
        if becomes_ready:
            ready = participant_events.participant_ready(updated)
            recorded.append(RecordedEvent(ready, SYSTEM_ACTOR, event.participant_id))
    await save_change(tx, session, recorded)


async def update_progress(tx: Transaction, event: AttemptEvent) -> None:
    """Append the event to the session record if `is_recorded`, and update the participant's progress.

    The progress returns to an earlier state only if an authorisation is withdrawn, or if an attempt is reopened or
    restored. If the state or the time of the attempt changed, the expected end of the session is computed again. Raises
    NOT_FOUND.
    """
    session, view = await _lock_participant(tx, event.session_id, event.participant_id)
    before = view.progress(event.assessment_id)
    after = apply_update(before, event.update)
    if after != before:
        await participants.upsert_progress(tx, [(event.participant_id, after)])
        await participants.update_revision(tx, [event.participant_id], session.next_revision)
        if (after.state, after.time) != (before.state, before.time):
            session = await _with_expected_end(tx, session)
    recorded: list[RecordedEvent | ReceivedEvent] = []
    if event.is_recorded:
        recorded.append(
            ReceivedEvent(event.message, "assessment", event.participant_id, event.occurred_at)
        )
    if view.participant.state is ParticipantState.LEFT and after.state.is_started:
        # The attempt was started before the session ended, but the event about its start arrives only now.
        target = PARTICIPANT_STATES.target(view.participant.state, ParticipantAction.COMPLETE)
        assert target is not None
        completed = replace(view.participant, state=target, revision=session.next_revision)
        await participants.update_participant(tx, completed)
        completion = participant_events.participant_completed(completed)
        recorded.append(RecordedEvent(completion, SYSTEM_ACTOR, event.participant_id))
    if recorded or after != before:
        await save_change(tx, session, recorded)


async def _with_expected_end(tx: Transaction, session: Session) -> Session:
    """Return the session with the end that is expected from the times of its attempts."""
    if not session.state.is_running:
        return session
    open_times = await closing.list_open_times(tx, session.session_id)
    expected = late_end(session.plan.planned_end, open_times)
    if expected == session.late_end:
        return session
    return replace(session, late_end=expected, session_revision=session.next_revision)


async def _lock_participant(
    tx: Transaction, session_id: UUID, participant_id: UUID
) -> tuple[Session, ParticipantView]:
    """Lock the session, and return the session and the participant. Raises NOT_FOUND."""
    session = await sessions.lock_session(tx, session_id)
    if session is None:
        raise no_session()
    view = await participants.get_view(tx, session_id, participant_id)
    if view is None:
        raise no_participant(participant_id)
    return session, view

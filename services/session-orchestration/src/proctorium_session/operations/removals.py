"""Removing and readmitting participants, and ending the session for single participants (`S12`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder
from proctorium_session.domain.outages import ReturnRequest
from proctorium_session.domain.outcomes import Outcome, outcomes_of
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import Ending, Participant, ParticipantView, Removal
from proctorium_session.domain.removals import (
    after_ending,
    after_removal,
    after_undo,
    ending_refusal,
    readmission_refusal,
    readmitted_state,
    removal_refusal,
    require_endable,
    require_readmission,
    require_undoable,
    undo_refusal,
)
from proctorium_session.domain.sessions import Actor, Session
from proctorium_session.events import participant_events
from proctorium_session.operations.changes import SYSTEM_ACTOR, RecordedEvent, save_change
from proctorium_session.operations.closing import lock_current
from proctorium_session.operations.open_requests import close_breaks, lower_hands
from proctorium_session.operations.returns import ReturnDecision, save_returns
from proctorium_session.operations.supervision import BulkResult
from proctorium_session.storage import participants, removals

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class _Readmission:
    """A readmitted participant, the removal that ended, and the return request that was open during the removal."""

    participant: Participant
    removal: Removal
    request: ReturnRequest | None


async def remove(
    database: Database,
    caller: Caller,
    session_id: UUID,
    participant_ids: Sequence[UUID],
    reason: str,
    responder: Responder[BulkResult, M],
) -> M:
    """Remove participants. A participant who is already removed does not change.

    Raises NOT_YOUR_SESSION, NOT_FOUND.
    """

    async def run(tx: Transaction) -> BulkResult:
        session, actor = await lock_current(tx, session_id, caller)
        views = await participants.list_views(tx, session_id, only=participant_ids)
        removed: list[Participant] = []

        def change(view: ParticipantView) -> Outcome:
            refused = removal_refusal(view)
            if refused is not None or view.participant.removal is not None:
                return refused or view
            view = after_removal(view, session, Removal(new_id(), tx.now, reason))
            removed.append(view.participant)
            return view

        outcomes = outcomes_of(participant_ids, views, change)
        if removed:
            session = await _save_removals(tx, session, removed, actor)
        return BulkResult(session, outcomes)

    return await database.respond(responder, run)


async def readmit(
    database: Database,
    caller: Caller,
    session_id: UUID,
    participant_ids: Sequence[UUID],
    responder: Responder[BulkResult, M],
) -> M:
    """Readmit removed participants. A participant who is not removed does not change.

    If a participant waited for approval after an outage at the time of the removal, the participant is let back in.

    Raises NOT_YOUR_SESSION, NOT_FOUND, INVALID_STATE_TRANSITION.
    """

    async def run(tx: Transaction) -> BulkResult:
        session, actor = await lock_current(tx, session_id, caller)
        require_readmission(session)
        views = await participants.list_views(tx, session_id, only=participant_ids)
        readmitted: list[_Readmission] = []

        def change(view: ParticipantView) -> Outcome:
            refused = readmission_refusal(view)
            removal = view.participant.removal
            if refused is not None or removal is None:
                return refused or view
            request = view.participant.return_request
            view = _readmitted(view, session, tx)
            readmitted.append(_Readmission(view.participant, removal, request))
            return view

        outcomes = outcomes_of(participant_ids, views, change)
        if readmitted:
            session = await _save_readmissions(tx, session, readmitted, actor)
        return BulkResult(session, outcomes)

    return await database.respond(responder, run)


async def end_for(
    database: Database,
    caller: Caller,
    session_id: UUID,
    participant_ids: Sequence[UUID],
    reason: str,
    responder: Responder[BulkResult, M],
) -> M:
    """End the session for participants. A participant for whom the session was already ended does not change.

    Raises NOT_YOUR_SESSION, NOT_FOUND, INVALID_STATE_TRANSITION.
    """

    async def run(tx: Transaction) -> BulkResult:
        session, actor = await lock_current(tx, session_id, caller)
        require_endable(session)
        views = await participants.list_views(tx, session_id, only=participant_ids)
        ended: list[ParticipantView] = []

        def change(view: ParticipantView) -> Outcome:
            refused = ending_refusal(view)
            if refused is not None or view.participant.ending is not None:
                return refused or view
            view = after_ending(view, session, Ending(new_id(), tx.now, reason))
            ended.append(view)
            return view

        outcomes = outcomes_of(participant_ids, views, change)
        if ended:
            session = await _save_endings(tx, session, [each.participant for each in ended], actor)
        return BulkResult(session, outcomes)

    return await database.respond(responder, run)


async def undo_end_for(
    database: Database,
    caller: Caller,
    session_id: UUID,
    participant_ids: Sequence[UUID],
    responder: Responder[BulkResult, M],
) -> M:
    """Undo the end of the session for participants. A participant for whom it was not ended does not change.

    Raises NOT_YOUR_SESSION, NOT_FOUND, INVALID_STATE_TRANSITION.
    """

    async def run(tx: Transaction) -> BulkResult:
        session, actor = await lock_current(tx, session_id, caller)
        require_undoable(session)
        views = await participants.list_views(tx, session_id, only=participant_ids)
        undone: list[tuple[Participant, Ending]] = []

        def change(view: ParticipantView) -> Outcome:
            ending = view.participant.ending
            if ending is None:
                return view
            refused = undo_refusal(session, ending, actor, tx.now)
            if refused is not None:
                return refused
            view = after_undo(view, session)
            undone.append((view.participant, ending))
            return view

        outcomes = outcomes_of(participant_ids, views, change)
        if undone:
            session = await _save_undone(tx, session, undone, actor)
        return BulkResult(session, outcomes)

    return await database.respond(responder, run)


def _readmitted(view: ParticipantView, session: Session, tx: Transaction) -> ParticipantView:
    state = readmitted_state(session)
    entered_time = view.participant.entered_time
    if state is ParticipantState.IN_SESSION and entered_time is None:
        entered_time = tx.now
    changed = replace(
        view.participant,
        state=state,
        entered_time=entered_time,
        removal=None,
        return_request=None,
        revision=session.next_revision,
    )
    return replace(view, participant=changed)


async def _save_removals(
    tx: Transaction, session: Session, removed: Sequence[Participant], actor: Actor
) -> Session:
    new = {each.participant_id: each.removal for each in removed if each.removal is not None}
    recorded = await lower_hands(tx, list(new)) + await close_breaks(tx, list(new))
    await removals.insert_removals(tx, session.session_id, new, actor)
    await participants.remove(tx, new, session.next_revision)
    for participant in removed:
        participant_id = participant.participant_id
        event = participant_events.participant_removed(participant, new[participant_id], actor)
        recorded.append(RecordedEvent(event, actor.person_id, participant_id))
    return await save_change(tx, session, recorded)


async def _save_readmissions(
    tx: Transaction, session: Session, of: Sequence[_Readmission], actor: Actor
) -> Session:
    ids = [each.participant.participant_id for each in of]
    await removals.end_removals(tx, ids, tx.now, actor.person_id)
    await participants.readmit(tx, ids, readmitted_state(session), session.next_revision)
    recorded = [
        RecordedEvent(
            participant_events.participant_readmitted(
                each.participant, each.removal, max(tx.now, each.removal.removed_at), actor
            ),
            actor.person_id,
            each.participant.participant_id,
        )
        for each in of
    ]
    # Readmitting a learner also admits the return request that was open at the removal.
    returns = [
        ReturnDecision(each.participant, each.request) for each in of if each.request is not None
    ]
    recorded += await save_returns(tx, session, actor, returns)
    return await save_change(tx, session, recorded)


async def _save_endings(
    tx: Transaction, session: Session, ended: Sequence[Participant], actor: Actor
) -> Session:
    targets = {each.participant_id: each.state for each in ended}
    recorded = await lower_hands(tx, list(targets)) + await close_breaks(tx, list(targets))
    await participants.update_states(tx, targets, session.next_revision)
    endings = {each.participant_id: each.ending for each in ended if each.ending is not None}
    await removals.insert_endings(tx, session.session_id, endings, actor)
    for participant in ended:
        ending, participant_id = endings[participant.participant_id], participant.participant_id
        event = participant_events.participant_ended(participant, ending, actor)
        recorded.append(RecordedEvent(event, actor.person_id, participant_id))
        if participant.state is not ParticipantState.REMOVED:
            closed = (
                participant_events.participant_completed(participant)
                if participant.state is ParticipantState.COMPLETED
                else participant_events.participant_left(participant)
            )
            recorded.append(RecordedEvent(closed, SYSTEM_ACTOR, participant_id))
    return await save_change(tx, session, recorded)


async def _save_undone(
    tx: Transaction, session: Session, of: Sequence[tuple[Participant, Ending]], actor: Actor
) -> Session:
    # The trigger on `participants` allows the states to change back only after the ends were undone.
    await removals.undo_endings(tx, [each.participant_id for each, _ in of], tx.now, actor)
    targets = {each.participant_id: each.state for each, _ in of}
    await participants.continue_participants(tx, targets, tx.now, session.next_revision)
    recorded = [
        RecordedEvent(
            participant_events.participant_end_undone(
                each, ending, max(tx.now, ending.ended_at), actor
            ),
            actor.person_id,
            each.participant_id,
        )
        for each, ending in of
    ]
    return await save_change(tx, session, recorded)

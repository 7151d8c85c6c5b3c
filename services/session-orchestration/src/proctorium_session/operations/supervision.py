"""Authorisation of assessments for participants (`S11`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder
from proctorium_session.domain.authorization import (
    authorization_refusal,
    require_authorizable,
    withdrawal_refusal,
)
from proctorium_session.domain.outcomes import Outcome, outcomes_of
from proctorium_session.domain.participants import Participant, ParticipantView
from proctorium_session.domain.progress import Progress, ProgressState, authorize, withdraw
from proctorium_session.domain.sessions import Actor, Session
from proctorium_session.events import participant_events
from proctorium_session.operations.changes import RecordedEvent, save_change
from proctorium_session.operations.closing import lock_current
from proctorium_session.storage import participants

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class BulkResult:
    """The session, and the outcomes by participant id, after a request for several participants."""

    session: Session
    outcomes: Mapping[UUID, Outcome]


async def authorize_assessment(
    database: Database,
    caller: Caller,
    session_id: UUID,
    assessment_id: UUID,
    participant_ids: Sequence[UUID],
    responder: Responder[BulkResult, M],
) -> M:
    """Authorise an assessment for participants.

    If `participant_ids` is empty, authorises the assessment for all participants who have not started the assessment.
    The result contains a refusal for each participant who cannot be authorised. Raises NOT_YOUR_SESSION, NOT_FOUND,
    INVALID_STATE_TRANSITION, ASSESSMENT_NOT_IN_SESSION.
    """

    async def run(tx: Transaction) -> BulkResult:
        session, actor = await lock_current(tx, session_id, caller)
        require_authorizable(session, assessment_id)
        views = [
            view
            for view in await participants.list_views(tx, session_id, only=participant_ids)
            if participant_ids or not view.progress(assessment_id).state.is_started
        ]
        authorized: list[ParticipantView] = []

        def change(view: ParticipantView) -> Outcome:
            refused = authorization_refusal(session, view)
            if refused is not None:
                return refused
            before = view.progress(assessment_id)
            after = authorize(before, session.next_revision)
            if after != before:
                view = _with_progress(view, after)
                authorized.append(view)
            return view

        outcomes = outcomes_of(participant_ids, views, change)
        recorded = [
            _recorded(
                view,
                participant_events.participant_assessment_authorized,
                assessment_id,
                actor,
                session,
            )
            for view in authorized
        ]
        session = await _save_progress(tx, session, authorized, assessment_id, recorded)
        return BulkResult(session, outcomes)

    return await database.respond(responder, run)


async def withdraw_authorization(
    database: Database,
    caller: Caller,
    session_id: UUID,
    assessment_id: UUID,
    participant_ids: Sequence[UUID],
    responder: Responder[BulkResult, M],
) -> M:
    """Withdraw the authorisation of an assessment from participants.

    If `participant_ids` is empty, withdraws it from all participants who are authorised and have not started. The
    withdrawal is pending until the assessment service decides. Raises NOT_YOUR_SESSION, NOT_FOUND, SESSION_CLOSING,
    INVALID_STATE_TRANSITION, ASSESSMENT_NOT_IN_SESSION.
    """

    async def run(tx: Transaction) -> BulkResult:
        session, actor = await lock_current(tx, session_id, caller)
        require_authorizable(session, assessment_id, "withdraw_authorization")
        views = [
            view
            for view in await participants.list_views(tx, session_id, only=participant_ids)
            if participant_ids or view.progress(assessment_id).state is ProgressState.AUTHORIZED
        ]
        withdrawn: list[ParticipantView] = []

        def change(view: ParticipantView) -> Outcome:
            refused = withdrawal_refusal(view, assessment_id)
            if refused is not None:
                return refused
            before = view.progress(assessment_id)
            after = withdraw(before, session.next_revision)
            if after != before:
                view = _with_progress(view, after)
                withdrawn.append(view)
            return view

        outcomes = outcomes_of(participant_ids, views, change)
        withdrawal = partial(
            participant_events.participant_authorization_withdrawn, withdrawn_at=tx.now
        )
        recorded = [
            _recorded(view, withdrawal, assessment_id, actor, session) for view in withdrawn
        ]
        session = await _save_progress(tx, session, withdrawn, assessment_id, recorded)
        return BulkResult(session, outcomes)

    return await database.respond(responder, run)


def _with_progress(view: ParticipantView, progress: Progress) -> ParticipantView:
    return replace(view, assessments={**view.assessments, progress.assessment_id: progress})


def _recorded(
    view: ParticipantView,
    make_event: Callable[[Participant, UUID, Actor, int], Message],
    assessment_id: UUID,
    actor: Actor,
    session: Session,
) -> RecordedEvent:
    event = make_event(view.participant, assessment_id, actor, session.next_revision)
    return RecordedEvent(event, actor.person_id, view.participant.participant_id)


async def _save_progress(
    tx: Transaction,
    session: Session,
    views: Sequence[ParticipantView],
    assessment_id: UUID,
    recorded: Sequence[RecordedEvent],
) -> Session:
    """Save the progress of the participants and the events. If there are no participants, nothing changes."""
    if not views:
        return session
    ids = [view.participant.participant_id for view in views]
    await participants.upsert_progress(
        tx, [(view.participant.participant_id, view.progress(assessment_id)) for view in views]
    )
    await participants.update_revision(tx, ids, session.next_revision)
    return await save_change(tx, session, recorded)

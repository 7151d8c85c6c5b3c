"""Authorisation of assessments for participants, and removal of participants (`S11`, `S12`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder
from proctorium_session import events
from proctorium_session.domain.authorization import authorization_refusal, require_authorizable
from proctorium_session.domain.errors import no_participant
from proctorium_session.domain.outcomes import Outcome, outcomes_of
from proctorium_session.domain.participant_states import PARTICIPANT_STATES, ParticipantAction
from proctorium_session.domain.participants import ParticipantView
from proctorium_session.domain.progress import ProgressState, authorize
from proctorium_session.domain.sessions import Actor, Session
from proctorium_session.operations.actors import lock_supervised
from proctorium_session.operations.changes import RecordedEvent, save_change
from proctorium_session.operations.hands import lower_hands
from proctorium_session.storage import participants

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class BulkResult:
    """The session, and the outcomes by participant id, after a request for several participants."""

    session: Session
    outcomes: Mapping[UUID, Outcome]


@dataclass(frozen=True, slots=True)
class RemovalResult:
    """A participant who was removed from a session."""

    session: Session
    view: ParticipantView


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
    The result has a refusal for each participant who cannot be authorised. Raises NOT_YOUR_SESSION, NOT_FOUND,
    INVALID_STATE_TRANSITION, ASSESSMENT_NOT_IN_SESSION.
    """

    async def run(tx: Transaction) -> BulkResult:
        session, actor = await lock_supervised(tx, session_id, caller)
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
            if view.progress(assessment_id).state is ProgressState.AWAITING_AUTHORIZATION:
                view = _with_authorization(view, assessment_id)
                authorized.append(view)
            return view

        outcomes = outcomes_of(participant_ids, views, change)
        if authorized:
            session = await _save_authorizations(tx, session, authorized, assessment_id, actor)
        return BulkResult(session, outcomes)

    return await database.respond(responder, run)


async def remove_participant(
    database: Database,
    caller: Caller,
    session_id: UUID,
    participant_id: UUID,
    reason: str,
    responder: Responder[RemovalResult, M],
) -> M:
    """Remove a participant, and store the reason of the removal, which the participant can read.

    Raises NOT_YOUR_SESSION, NOT_FOUND, INVALID_STATE_TRANSITION.
    """

    async def run(tx: Transaction) -> RemovalResult:
        session, actor = await lock_supervised(tx, session_id, caller)
        view = await participants.get_view(tx, session_id, participant_id)
        if view is None:
            raise no_participant(participant_id)
        target = PARTICIPANT_STATES.target(view.participant.state, ParticipantAction.REMOVE)
        if target is None:
            return RemovalResult(session, view)
        removed = replace(
            view.participant,
            state=target,
            removal_reason=reason,
            hand=None,
            revision=session.next_revision,
        )
        lowered = await lower_hands(tx, [participant_id])
        await participants.update_participant(tx, removed)
        event = RecordedEvent(
            events.participant_removed(removed, actor), actor.person_id, participant_id
        )
        session = await save_change(tx, session, [*lowered, event])
        return RemovalResult(session, replace(view, participant=removed))

    return await database.respond(responder, run)


def _with_authorization(view: ParticipantView, assessment_id: UUID) -> ParticipantView:
    progress = authorize(view.progress(assessment_id))
    return replace(view, assessments={**view.assessments, assessment_id: progress})


async def _save_authorizations(
    tx: Transaction,
    session: Session,
    views: Sequence[ParticipantView],
    assessment_id: UUID,
    actor: Actor,
) -> Session:
    ids = [view.participant.participant_id for view in views]
    await participants.upsert_progress(
        tx, [(view.participant.participant_id, view.progress(assessment_id)) for view in views]
    )
    await participants.update_revision(tx, ids, session.next_revision)
    recorded = [
        RecordedEvent(
            events.participant_assessment_authorized(view.participant, assessment_id, actor),
            actor.person_id,
            view.participant.participant_id,
        )
        for view in views
    ]
    return await save_change(tx, session, recorded)

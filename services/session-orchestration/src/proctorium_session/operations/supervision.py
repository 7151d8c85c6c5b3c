"""Supervising participants: authorising assessments and removing learners (`S11`, `S12`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder
from proctorium_session import events
from proctorium_session.domain.authorization import (
    Authorization,
    NotAuthorized,
    authorization_of,
    cannot_authorize,
    require_authorizable,
)
from proctorium_session.domain.errors import no_participant
from proctorium_session.domain.participant_states import PARTICIPANT_STATES, ParticipantAction
from proctorium_session.domain.participants import ParticipantView
from proctorium_session.domain.progress import authorize
from proctorium_session.domain.sessions import Actor, Session
from proctorium_session.operations.actors import lock_supervised
from proctorium_session.operations.changes import RecordedEvent, save_change
from proctorium_session.storage import participants

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class AuthorizationResult:
    """The participants who may start an assessment, and those who may not."""

    session: Session
    authorized: tuple[ParticipantView, ...]
    not_authorized: tuple[NotAuthorized, ...]


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
    responder: Responder[AuthorizationResult, M],
) -> M:
    """Authorise an assessment for all of the named participants, or if none is named for all who can be authorised.

    Raises NOT_YOUR_SESSION, NOT_FOUND, INVALID_STATE_TRANSITION, ASSESSMENT_NOT_IN_SESSION, and for named participants
    IDENTITY_NOT_VERIFIED, PARTICIPANT_NOT_IN_SESSION.
    """

    async def run(tx: Transaction) -> AuthorizationResult:
        session, actor = await lock_supervised(tx, session_id, caller)
        require_authorizable(session, assessment_id)
        views = await participants.list_views(tx, session_id, only=participant_ids)
        authorization = authorization_of(views, assessment_id, session.plan.identity_policy)
        if participant_ids:
            _require_all(participant_ids, views, authorization)
        authorized = tuple(
            _with_authorization(view, assessment_id) for view in authorization.to_authorize
        )
        if authorized:
            session = await _save_authorizations(tx, session, authorized, assessment_id, actor)
        return AuthorizationResult(
            session, (*authorized, *authorization.authorized), authorization.not_authorized
        )

    return await database.respond(responder, run)


async def remove_participant(
    database: Database,
    caller: Caller,
    session_id: UUID,
    participant_id: UUID,
    reason: str,
    responder: Responder[RemovalResult, M],
) -> M:
    """Remove a participant, who can read the reason. Raises NOT_YOUR_SESSION, NOT_FOUND, INVALID_STATE_TRANSITION."""

    async def run(tx: Transaction) -> RemovalResult:
        session, actor = await lock_supervised(tx, session_id, caller)
        view = await participants.get_view(tx, session_id, participant_id)
        if view is None:
            raise no_participant(participant_id)
        target = PARTICIPANT_STATES.target(view.participant.state, ParticipantAction.REMOVE)
        if target is None:
            return RemovalResult(session, view)
        removed = replace(
            view.participant, state=target, removal_reason=reason, revision=session.next_revision
        )
        await participants.update_participant(tx, removed)
        event = RecordedEvent(
            events.participant_removed(removed, actor), actor.person_id, participant_id
        )
        session = await save_change(tx, session, [event])
        return RemovalResult(session, replace(view, participant=removed))

    return await database.respond(responder, run)


def _require_all(
    participant_ids: Sequence[UUID], views: Sequence[ParticipantView], authorization: Authorization
) -> None:
    """Raise for the first named participant who cannot be authorised or is not in the session."""
    views_by_id = {view.participant.participant_id: view for view in views}
    reasons = {each.participant_id: each.reason for each in authorization.not_authorized}
    for participant_id in participant_ids:
        if participant_id not in views_by_id or participant_id in reasons:
            reason = reasons.get(participant_id, "PARTICIPANT_NOT_IN_SESSION")
            raise cannot_authorize(participant_id, views_by_id.get(participant_id), reason)


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

"""What those who supervise do with participants: authorise an assessment, remove (`S11`, `S12`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Transaction
from proctorium_session.domain.authorization import (
    Decision,
    LeftOut,
    check_assessment,
    decide,
    refusal,
)
from proctorium_session.domain.participant_states import ParticipantMove, target_of
from proctorium_session.domain.participants import Standing
from proctorium_session.domain.progress import authorized
from proctorium_session.domain.refusals import no_participant
from proctorium_session.domain.sessions import Session
from proctorium_session.operations import announcements
from proctorium_session.operations.access import Actor, lock_supervised
from proctorium_session.operations.recording import Happened, change
from proctorium_session.storage import participants


@dataclass(frozen=True, slots=True)
class Authorized:
    """Who may begin, and who was left out."""

    session: Session
    standings: tuple[Standing, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class Removed:
    """A participant who was removed."""

    session: Session
    standing: Standing


async def authorize(
    tx: Transaction,
    caller: Caller,
    session_id: UUID,
    assessment_id: UUID,
    participant_ids: Sequence[UUID],
) -> Authorized:
    """Authorises an assessment for the named participants, all or none; for everybody who can be where none is named.

    Raises NOT_YOUR_SESSION, NOT_FOUND, INVALID_STATE_TRANSITION, ASSESSMENT_NOT_IN_SESSION, IDENTITY_NOT_VERIFIED, PARTICIPANT_NOT_IN_SESSION.
    """
    session, actor = await lock_supervised(tx, session_id, caller)
    check_assessment(session, assessment_id)
    standings = await participants.of_session(tx, session_id, only=participant_ids)
    decision = decide(standings, assessment_id, session.plan.identity_policy)
    if participant_ids:
        _check_all(participant_ids, standings, decision)
    fresh = tuple(_with_authorization(each, assessment_id) for each in decision.fresh)
    if fresh:
        session = await _save(tx, session, fresh, assessment_id, actor)
    return Authorized(session, (*fresh, *decision.before), decision.left_out)


async def remove(
    tx: Transaction, caller: Caller, session_id: UUID, participant_id: UUID, reason: str
) -> Removed:
    """Removes a participant, for a reason that they can read. Raises NOT_YOUR_SESSION, NOT_FOUND, INVALID_STATE_TRANSITION."""
    session, actor = await lock_supervised(tx, session_id, caller)
    standing = await participants.one(tx, session_id, participant_id)
    if standing is None:
        raise no_participant(participant_id)
    target = target_of(standing.participant.state, ParticipantMove.REMOVE)
    if target is None:
        return Removed(session, standing)
    removed = replace(
        standing.participant, state=target, removal_reason=reason, revision=session.next_revision
    )
    await participants.save(tx, removed)
    happened = Happened(announcements.removed(removed, actor), actor.person_id, participant_id)
    session = await change(tx, session, [happened])
    return Removed(session, replace(standing, participant=removed))


def _check_all(
    participant_ids: Sequence[UUID], standings: Sequence[Standing], decision: Decision
) -> None:
    """Raises for the first named participant who cannot be authorised, or is not of the session."""
    found = {each.participant.participant_id: each for each in standings}
    against = {each.participant_id: each.reason for each in decision.left_out}
    for participant_id in participant_ids:
        if participant_id not in found or participant_id in against:
            reason = against.get(participant_id, "PARTICIPANT_NOT_IN_SESSION")
            raise refusal(participant_id, found.get(participant_id), reason)


def _with_authorization(standing: Standing, assessment_id: UUID) -> Standing:
    progress = authorized(standing.progress(assessment_id))
    return replace(standing, assessments={**standing.assessments, assessment_id: progress})


async def _save(
    tx: Transaction,
    session: Session,
    standings: Sequence[Standing],
    assessment_id: UUID,
    actor: Actor,
) -> Session:
    ids = [each.participant.participant_id for each in standings]
    await participants.save_progress(
        tx, [(each.participant.participant_id, each.progress(assessment_id)) for each in standings]
    )
    await participants.touch(tx, ids, session.next_revision)
    happened = [
        Happened(
            announcements.assessment_authorized(each.participant, assessment_id, actor),
            actor.person_id,
            each.participant.participant_id,
        )
        for each in standings
    ]
    return await change(tx, session, happened)

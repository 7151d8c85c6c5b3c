"""How far the identity checks of participants are, as identity verification tells it (`I1`)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from google.protobuf.message import Message

from proctorium_common.storage.database import Transaction
from proctorium_session.domain.identity import IdentityState, is_ready
from proctorium_session.domain.participants import Participant
from proctorium_session.domain.refusals import no_participant, no_session
from proctorium_session.domain.sessions import Session
from proctorium_session.operations import announcements
from proctorium_session.operations.recording import OURSELVES, Happened, Heard, change
from proctorium_session.storage import participants, sessions


@dataclass(frozen=True, slots=True)
class IdentityNews:
    """What one event tells: whose check is where, whose doing it is, and its place among the events of its service."""

    event: Message
    session_id: UUID
    participant_id: UUID
    state: IdentityState
    actor: UUID | str
    time: datetime
    position: int


async def told(tx: Transaction, news: IdentityNews) -> None:
    """Keeps the news in the record, and shows them unless newer ones were shown before. Raises NOT_FOUND."""
    session = await sessions.lock(tx, news.session_id)
    if session is None:
        raise no_session()
    standing = await participants.one(tx, news.session_id, news.participant_id)
    if standing is None:
        raise no_participant(news.participant_id)
    happened: list[Happened | Heard] = [
        Heard(news.event, news.actor, news.participant_id, news.time)
    ]
    if news.position > standing.participant.identity_position:
        after = _shown(tx, session, standing.participant, news)
        await participants.save(tx, after)
        if after.ready_time != standing.participant.ready_time:
            ready = announcements.ready(after)
            happened.append(Happened(ready, OURSELVES, news.participant_id))
    await change(tx, session, happened)


def _shown(
    tx: Transaction, session: Session, participant: Participant, news: IdentityNews
) -> Participant:
    """Ready once is ready: a later doubt speaks through the state of the check."""
    ready_time = participant.ready_time
    if ready_time is None and is_ready(session.plan.identity_policy, news.state):
        ready_time = tx.now
    return replace(
        participant,
        identity=news.state,
        identity_position=news.position,
        ready_time=ready_time,
        revision=session.next_revision,
    )

"""How far participants are with their assessments, as assessment tells it (`S7`)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from google.protobuf.message import Message

from proctorium_common.storage.database import Transaction
from proctorium_session.domain.participant_states import (
    ParticipantMove,
    ParticipantState,
    target_of,
)
from proctorium_session.domain.participants import Participant
from proctorium_session.domain.progress import Told, told
from proctorium_session.domain.refusals import no_participant, no_session
from proctorium_session.domain.sessions import Session
from proctorium_session.operations import announcements
from proctorium_session.operations.recording import OURSELVES, Happened, Heard, change
from proctorium_session.storage import participants, sessions


@dataclass(frozen=True, slots=True)
class AttemptNews:
    """What one event tells of an attempt in a session. `recorded` is False for counts, which are no event of the session."""

    event: Message
    session_id: UUID
    participant_id: UUID
    assessment_id: UUID
    told: Told
    time: datetime
    recorded: bool = True


async def attempt_told(tx: Transaction, news: AttemptNews) -> None:
    """Keeps the news in the record and shows them; nothing that is shown goes backwards. Raises NOT_FOUND."""
    session = await sessions.lock(tx, news.session_id)
    if session is None:
        raise no_session()
    standing = await participants.one(tx, news.session_id, news.participant_id)
    if standing is None:
        raise no_participant(news.participant_id)
    known = standing.progress(news.assessment_id)
    after = told(known, news.told)
    if after != known:
        await participants.save_progress(tx, [(news.participant_id, after)])
        await participants.touch(tx, [news.participant_id], session.next_revision)
    happened: list[Happened | Heard] = []
    if news.recorded:
        happened.append(Heard(news.event, "assessment", news.participant_id, news.time))
    if standing.participant.state is ParticipantState.LEFT and after.state.started:
        happened.append(await _complete(tx, session, standing.participant))
    if happened or after != known:
        await change(tx, session, happened)


async def _complete(tx: Transaction, session: Session, participant: Participant) -> Happened:
    """Correct the state of a participant whose attempt was started before the end and became known after it."""
    target = target_of(participant.state, ParticipantMove.COMPLETE)
    assert target is not None
    completed = replace(participant, state=target, revision=session.next_revision)
    await participants.save(tx, completed)
    return Happened(announcements.completed(completed), OURSELVES, participant.participant_id)

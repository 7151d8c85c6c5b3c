"""Starting and ending a session (`S3`, `S4`, `S16`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from google.protobuf.message import Message

from proctorium_access.certifications import certified_until
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Transaction
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import Participant, closed
from proctorium_session.domain.schedule import check_certified
from proctorium_session.domain.session_states import Mover, SessionMove
from proctorium_session.domain.sessions import Session, moved
from proctorium_session.operations import announcements
from proctorium_session.operations.access import lock_supervised
from proctorium_session.operations.lobby import with_lobby_due
from proctorium_session.operations.recording import OURSELVES, Happened, change
from proctorium_session.storage import participants, sessions


async def start(tx: Transaction, caller: Caller, session_id: UUID) -> Session:
    """Start a session: every waiting learner is In Session. Calls no other service: certifications are stored here.

    Raises NOT_YOUR_SESSION, NOT_FOUND, PROCTOR_NOT_CERTIFIED, INVALID_STATE_TRANSITION.
    """
    session, actor = await lock_supervised(tx, session_id, caller)
    session = await with_lobby_due(tx, session)
    after = moved(session, SessionMove.START, tx.now, actor.person_id)
    if after is None:
        return session
    if actor.role is Mover.PROCTOR:
        check_certified(actor.person_id, await certified_until(tx, actor.person_id), tx.now)
    await participants.admit_waiting(tx, session_id)
    started = Happened(announcements.started(after, actor), actor.person_id)
    return await change(tx, after, [started])


async def end(tx: Transaction, caller: Caller, session_id: UUID) -> Session:
    """End a session: participants who were in it have completed it or left, those who only waited or never came are no-shows.

    Raises NOT_YOUR_SESSION, NOT_FOUND, INVALID_STATE_TRANSITION.
    """
    session, actor = await lock_supervised(tx, session_id, caller)
    after = moved(session, SessionMove.END, tx.now, actor.person_id)
    if after is None:
        return session
    everybody = await participants.of_session(tx, session_id)
    absent = await sessions.absent_learner_ids(tx, session_id)
    targets = {each.participant.participant_id: closed(each, session) for each in everybody}
    await participants.close(tx, session_id, targets, session.next_revision)
    people = [each.participant for each in everybody]
    ended = Happened(announcements.ended(after, people, absent, actor.role), actor.person_id)
    return await change(tx, after, [*_farewells(people, targets), ended])


def _farewells(
    people: Sequence[Participant], targets: Mapping[UUID, ParticipantState]
) -> list[Happened]:
    """Return how the session ended for each who was still in it."""
    farewells = []
    for participant in people:
        target = targets[participant.participant_id]
        if target is not participant.state:
            event = _FAREWELLS[target](participant)
            farewells.append(Happened(event, OURSELVES, participant.participant_id))
    return farewells


_FAREWELLS: Mapping[ParticipantState, Callable[[Participant], Message]] = {
    ParticipantState.COMPLETED: announcements.completed,
    ParticipantState.LEFT: announcements.left,
    ParticipantState.NO_SHOW: announcements.no_show,
}

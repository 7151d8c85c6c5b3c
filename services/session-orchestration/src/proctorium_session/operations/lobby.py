"""The lobby: opened by the clock or by hand, entered by code (`S4`, `C3`, `C5`)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.telemetry.traces import annotate
from proctorium_session.domain.admission import Places, admitted_as, check_own, check_rejoin
from proctorium_session.domain.identity import first_state, is_ready
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import Participant, Standing
from proctorium_session.domain.refusals import no_session
from proctorium_session.domain.session_states import SessionMove
from proctorium_session.domain.sessions import Session, moved
from proctorium_session.operations import announcements
from proctorium_session.operations.access import lock_supervised, person_of
from proctorium_session.operations.recording import OURSELVES, Happened, change
from proctorium_session.storage import participants, sessions

_LOBBIES_IN_ONE_TURN = 100


@dataclass(frozen=True, slots=True)
class Joined:
    """A learner is in; `rejoin` where they were before."""

    session: Session
    standing: Standing
    rejoin: bool


async def join(tx: Transaction, caller: Caller, session_id: UUID) -> Joined:
    """Lets a learner in whose code was good for the session. Joining again finds the same participant.

    Raises SESSION_FULL, SESSION_ENDED, SESSION_CANCELLED, LOBBY_NOT_OPEN, LATE_ENTRY_CLOSED, REMOVED, NOT_ALLOWED (who supervises it).
    """
    person_id = person_of(caller)
    session = await sessions.lock(tx, session_id)
    if session is None:
        raise no_session()
    standing = await participants.of_person(tx, session_id, person_id)
    if standing is not None:
        annotate(session_id=session_id, participant_id=standing.participant.participant_id)
        check_rejoin(session, standing.participant.state)
        return Joined(session, standing, rejoin=True)
    check_own(session, person_id)
    session, opened = _opened_if_due(tx, session)
    state = admitted_as(session, await _places(tx, session, person_id), tx.now)
    participant = _newcomer(tx, session, person_id, state)
    annotate(session_id=session_id, participant_id=participant.participant_id)
    await participants.add(tx, participant)
    after = await change(tx, session, [*opened, *_arrival(session, participant)])
    counted = replace(after, participant_count=session.participant_count + 1)
    return Joined(counted, Standing(participant, {}), rejoin=False)


async def open_lobby(tx: Transaction, caller: Caller, session_id: UUID) -> Session:
    """Opens the lobby before its time. Raises NOT_YOUR_SESSION, NOT_FOUND, ILLEGAL_MOVE."""
    session = await lock_supervised(tx, session_id, caller)
    after = moved(session, SessionMove.OPEN_LOBBY, tx.now, person_of(caller))
    if after is None:
        return session
    return await change(tx, after, [Happened(announcements.lobby_opened(after), person_of(caller))])


async def open_due(database: Database) -> int:
    """Opens every lobby whose time has come, each in a transaction of its own; how many."""
    async with database.transaction() as tx:
        due = await sessions.due_lobbies(tx, _LOBBIES_IN_ONE_TURN)
    for session_id in due:
        async with database.transaction() as tx:
            await _open_by_clock(tx, session_id)
    return len(due)


async def with_lobby_due(tx: Transaction, session: Session) -> Session:
    """The locked session with its lobby open, where its time has come and the clock's turn has not."""
    session, opened = _opened_if_due(tx, session)
    return await change(tx, session, opened) if opened else session


async def _open_by_clock(tx: Transaction, session_id: UUID) -> None:
    session = await sessions.lock(tx, session_id)
    if session is not None:
        await with_lobby_due(tx, session)


def _opened_if_due(tx: Transaction, session: Session) -> tuple[Session, list[Happened]]:
    """Nobody is turned away for the second between the lobby's time and the clock's next turn."""
    if not session.is_lobby_due(tx.now):
        return session, []
    after = moved(session, SessionMove.OPEN_LOBBY, tx.now, None)
    assert after is not None
    return after, [Happened(announcements.lobby_opened(after), OURSELVES)]


async def _places(tx: Transaction, session: Session, person_id: UUID) -> Places:
    """Places are kept for expected learners, so that nobody who is on the list finds theirs gone."""
    taken, capacity = session.participant_count, session.plan.capacity
    if await sessions.is_expected(tx, session.session_id, person_id):
        return Places(capacity, taken)
    return Places(capacity, taken, await sessions.absent_count(tx, session.session_id))


def _newcomer(
    tx: Transaction, session: Session, person_id: UUID, state: ParticipantState
) -> Participant:
    policy = session.plan.identity_policy
    identity = first_state(policy)
    return Participant(
        participant_id=new_id(),
        session_id=session.session_id,
        person_id=person_id,
        state=state,
        connected=False,
        identity=identity,
        identity_position=0,
        join_time=tx.now,
        entered_time=tx.now if state is ParticipantState.IN_SESSION else None,
        ready_time=tx.now if is_ready(policy, identity) else None,
        removal_reason="",
        revision=session.next_revision,
    )


def _arrival(session: Session, participant: Participant) -> list[Happened]:
    actor, who = participant.person_id, participant.participant_id
    arrival = [Happened(announcements.joined(session, participant), actor, who)]
    if participant.ready_time is not None:
        arrival.append(Happened(announcements.ready(participant), OURSELVES, who))
    return arrival

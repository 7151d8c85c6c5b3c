"""Joining by code (`S4`, `C3`, `C5`): learners who come while a commit is under way share the next one.

All that decides is read after the sessions' rows are locked, so nobody gets the place that another has just taken, whichever replica
they came to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from google.protobuf.message import Message
from opentelemetry.trace import SpanContext

from proctorium_common.errors import ServiceError
from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.batcher import Batcher
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Key, answered_before
from proctorium_common.telemetry.traces import current_trace_context
from proctorium_session.domain.admission import Places, admitted_as, check_own, check_rejoin
from proctorium_session.domain.identity import first_state, is_ready
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import Participant, Standing
from proctorium_session.domain.refusals import no_session
from proctorium_session.domain.sessions import Session
from proctorium_session.operations import announcements
from proctorium_session.operations.access import person_of
from proctorium_session.operations.enrollment import Redeemed
from proctorium_session.operations.lobby import opened_if_due
from proctorium_session.operations.recording import OURSELVES, Change, Happened, change_all
from proctorium_session.storage import participants, sessions

M = TypeVar("M", bound=Message)

_AT_ONCE = 3
_ENOUGH = 4
"""Groups under way side by side, and how many learners are worth one more."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A learner is in; `rejoin` where they were before."""

    session: Session
    standing: Standing
    rejoin: bool


@dataclass(frozen=True, slots=True)
class Coming:
    """A learner whose code was good for the session, and the place in a trace of the call that says so.

    `newcomer_refusal` is enrollment's error for a learner who has not joined yet; None if the code admits them too.
    """

    session_id: UUID
    person_id: UUID
    trace: SpanContext | None = None
    newcomer_refusal: ServiceError | None = None

    @property
    def place(self) -> tuple[UUID, UUID]:
        """What identifies a participant before they are one."""
        return self.session_id, self.person_id


class Joining(Generic[M]):
    """Lets learners in. One for each process, made when it is wired; close it before the database."""

    def __init__(
        self, database: Database, answer: Callable[[Joined], M], response: type[M]
    ) -> None:
        """`answer` makes the response, which is kept for whoever asks again with the same request id."""
        self._database = database
        self._answer = answer
        self._response = response
        self._group: Batcher[tuple[Key | None, Coming], M | ServiceError] = Batcher(
            self._flush, at_once=_AT_ONCE, enough=_ENOUGH, key=lambda asked: asked[1].session_id
        )

    async def join(self, caller: Caller, redeemed: Redeemed, key: Key | None) -> M:
        """Lets a learner in whose code was good for the session. Joining again finds the same participant.

        Raises enrollment's refusal of newcomers, SESSION_FULL, SESSION_ENDED, SESSION_CANCELLED, LOBBY_NOT_OPEN, LATE_ENTRY_CLOSED, PARTICIPANT_REMOVED, NOT_ALLOWED (who supervises
        it), REQUEST_ID_REUSED.
        """
        coming = Coming(
            redeemed.session_id,
            person_of(caller),
            current_trace_context(),
            redeemed.newcomer_refusal,
        )
        outcome = await self._group.submit((key, coming))
        if isinstance(outcome, ServiceError):
            raise outcome
        return outcome

    async def answered_before(self, request: Message) -> M | None:
        """The stored answer of a request that was done, whatever its code is good for now. Raises REQUEST_ID_REUSED."""
        async with self._database.transaction() as tx:
            return await answered_before(tx, request, self._response)

    async def close(self) -> None:
        """Returns when all that was taken is answered; what comes later is refused."""
        await self._group.close()

    async def _flush(self, batch: list[tuple[Key | None, Coming]]) -> list[M | ServiceError]:
        return await self._database.once_each(batch, self._run, self._response)

    async def _run(self, tx: Transaction, coming: Sequence[Coming]) -> list[M | ServiceError]:
        outcomes = await join_all(tx, coming)
        return [o if isinstance(o, ServiceError) else self._answer(o) for o in outcomes]


async def join_all(tx: Transaction, coming: Sequence[Coming]) -> list[Joined | ServiceError]:
    """What becomes of each, in the order in which they come; who is refused changes nothing."""
    locked = await sessions.lock_all(tx, {each.session_id for each in coming})
    standings = await participants.of_people(tx, {each.place for each in coming})
    expected = await sessions.expected_of(
        tx, {each.place for each in coming if each.place not in standings}
    )
    doors = {session_id: _Door(session, tx.now) for session_id, session in locked.items()}
    unexpected = {each.place for each in coming} - standings.keys() - expected
    for session_id in {session_id for session_id, _ in unexpected} & doors.keys():
        doors[session_id].kept = await sessions.absent_count(tx, session_id)
    outcomes = [
        _outcome(doors.get(each.session_id), each, standings, is_expected=each.place in expected)
        for each in coming
    ]
    entered = [door for door in doors.values() if door.newcomers]
    if entered:
        await participants.add(tx, [each for door in entered for each in door.newcomers])
        await change_all(tx, [Change(door.session, door.happened) for door in entered])
    return outcomes


def _outcome(
    door: _Door | None,
    coming: Coming,
    standings: dict[tuple[UUID, UUID], Standing],
    *,
    is_expected: bool,
) -> Joined | ServiceError:
    """What becomes of one; notes their standing."""
    try:
        if door is None:
            raise no_session()
        standing = standings.get(coming.place)
        if standing is not None:
            check_rejoin(door.session, standing.participant.state)
            return Joined(door.session_after, standing, rejoin=True)
        if coming.newcomer_refusal is not None:
            raise coming.newcomer_refusal
        # Who comes twice in one group is in when they come again.
        standing = standings[coming.place] = door.let_in(coming, is_expected=is_expected)
        return Joined(door.session_after, standing, rejoin=False)
    except ServiceError as refusal:
        return refusal


class _Door:
    """A locked session, and who has come in by this transaction."""

    def __init__(self, session: Session, now: datetime) -> None:
        self._now = now
        self._as_found = session
        self.session, self.happened = opened_if_due(session, now)
        self._taken = session.participant_count
        self.kept = 0  # places of those who are expected and absent, where that was asked for
        self.newcomers: list[Participant] = []

    @property
    def session_after(self) -> Session:
        """As those who are in see it."""
        found = self.session if self.newcomers else self._as_found
        return replace(found, participant_count=self._taken)

    def let_in(self, coming: Coming, *, is_expected: bool) -> Standing:
        """Lets somebody in. Places are kept for expected learners, so that nobody who is on the list finds theirs gone."""
        check_own(self.session, coming.person_id)
        kept = 0 if is_expected else self.kept
        places = Places(self.session.plan.capacity, self._taken, kept)
        state = admitted_as(self.session, places, self._now)
        participant = _newcomer(self.session, coming.person_id, state, self._now)
        self._taken += 1
        self.kept = max(0, self.kept - is_expected)
        self.newcomers.append(participant)
        self.happened += _arrival(self.session, participant, coming.trace)
        return Standing(participant, {})


def _newcomer(
    session: Session, person_id: UUID, state: ParticipantState, now: datetime
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
        join_time=now,
        entered_time=now if state is ParticipantState.IN_SESSION else None,
        ready_time=now if is_ready(policy, identity) else None,
        removal_reason="",
        revision=session.next_revision,
    )


def _arrival(
    session: Session, participant: Participant, place: SpanContext | None
) -> list[Happened]:
    actor, who = participant.person_id, participant.participant_id
    arrival = [Happened(announcements.joined(session, participant), actor, who, place)]
    if participant.ready_time is not None:
        arrival.append(Happened(announcements.ready(participant), OURSELVES, who, place))
    return arrival

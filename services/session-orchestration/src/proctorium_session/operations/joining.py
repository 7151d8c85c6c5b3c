"""Joining by code (`S4`, `C3`, `C5`): learners who join during a commit share the next one.

All that decides is read after the sessions' rows are locked, so nobody gets a seat that another replica has just given away.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from google.protobuf.message import Message
from opentelemetry.trace import SpanContext

from proctorium_common.errors import ServiceError
from proctorium_common.ids import new_id
from proctorium_common.storage.batcher import Batcher
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Key, reused, store_responses, stored_responses
from proctorium_common.telemetry.traces import current_trace_context
from proctorium_session.domain.admission import Refusal, Seats, admit
from proctorium_session.domain.codes import CodeResolution
from proctorium_session.domain.identity import first_state, is_ready
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import Participant, Standing
from proctorium_session.domain.sessions import Session
from proctorium_session.operations import announcements
from proctorium_session.operations.enrollment import CodeEntry, Enrollment
from proctorium_session.operations.lobby import opened_if_due
from proctorium_session.operations.recording import OURSELVES, Change, Happened, change_all
from proctorium_session.storage import participants, sessions

M = TypeVar("M", bound=Message)

_AT_ONCE = 3
_ENOUGH = 4
"""Batches in progress at the same time, and how many learners are worth one more."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A learner is in the session; `rejoin` if they had joined before."""

    session: Session
    standing: Standing
    rejoin: bool


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """A learner who entered a code, what enrollment says about it, and the trace context of the call."""

    person_id: UUID
    resolution: CodeResolution
    key: Key | None = None
    trace: SpanContext | None = None

    @property
    def session_id(self) -> UUID | None:
        """The session of the code."""
        return None if self.resolution.code is None else self.resolution.code.session_id


class Joining(Generic[M]):
    """Lets learners join. One for each process, made when it is wired; close it before the database."""

    def __init__(
        self,
        database: Database,
        enrollment: Enrollment,
        respond: Callable[[Joined], M],
        response: type[M],
    ) -> None:
        """`respond` makes the response, which is stored for a repetition of the same request."""
        self._database = database
        self._enrollment = enrollment
        self._respond = respond
        self._response = response
        self._batches: Batcher[JoinRequest, M | Refusal | None] = Batcher(
            self._flush,
            at_once=_AT_ONCE,
            enough=_ENOUGH,
            key=lambda request: request.session_id or request.person_id,
        )

    async def join(self, entry: CodeEntry, key: Key | None) -> M:
        """Let a learner join by a code. Joining again finds the same participant.

        Raises DEPENDENCY_UNAVAILABLE, REQUEST_ID_REUSED, and what `domain.admission` refuses.
        """
        try:
            resolution = await self._enrollment.resolve_code(entry)
        except ServiceError:
            # A repetition of a request that was done gets the same response, also while enrollment does not answer.
            if key is None or (stored := await self._stored(key)) is None:
                raise
            return stored
        request = JoinRequest(entry.person_id, resolution, key, current_trace_context())
        outcome = await self._batches.submit(request)
        if isinstance(outcome, Refusal):
            raise outcome.error()
        return self._checked(key, outcome)

    async def close(self) -> None:
        """Return when all requests that were taken have their response; later ones are refused."""
        await self._batches.close()

    async def _stored(self, key: Key) -> M | None:
        async with self._database.transaction() as tx:
            stored = await stored_responses(tx, [key], self._response)
        return self._checked(key, stored[key]) if key in stored else None

    def _checked(self, key: Key | None, response: M | None) -> M:
        """Return the response; None stands for a key that was used for another request."""
        if response is None:
            assert key is not None
            raise reused(key)
        return response

    async def _flush(self, batch: list[JoinRequest]) -> list[M | Refusal | None]:
        async with self._database.transaction() as tx:
            locked = await sessions.lock_all(tx, {i for each in batch if (i := each.session_id)})
            keys = {each.key for each in batch if each.key is not None}
            stored = await stored_responses(tx, keys, self._response)
            first = _first_of_each_key(batch, stored)
            outcomes = await join_all(tx, locked, [batch[nth] for nth in first])
            responses = {
                nth: outcome if isinstance(outcome, Refusal) else self._respond(outcome)
                for nth, outcome in zip(first, outcomes, strict=True)
            }
            by_key = {key: responses[nth] for nth in first if (key := batch[nth].key)}
            await store_responses(
                tx, {key: each for key, each in by_key.items() if not isinstance(each, Refusal)}
            )
        of_keys: dict[Key, M | Refusal | None] = {**stored, **by_key}
        return [
            responses[nth] if each.key is None else of_keys[each.key]
            for nth, each in enumerate(batch)
        ]


def _first_of_each_key(batch: Sequence[JoinRequest], stored: Collection[Key]) -> list[int]:
    """Return the places of the requests to decide: all without a key, and the first with each key that is not stored."""
    seen = set(stored)
    first: list[int] = []
    for nth, each in enumerate(batch):
        if each.key is None or each.key not in seen:
            first.append(nth)
        if each.key is not None:
            seen.add(each.key)
    return first


async def join_all(
    tx: Transaction, locked: Mapping[UUID, Session], requests: Sequence[JoinRequest]
) -> list[Joined | Refusal]:
    """Decide each request in their order, and store what changes; a refused learner changes nothing."""
    places = {
        (session_id, each.person_id)
        for each in requests
        if (session_id := each.session_id) in locked and session_id is not None
    }
    invited, present = await participants.find_relations(tx, places)
    standings = await participants.of_people(tx, present) if present else {}
    admissions = {session_id: _Admission(session, tx.now) for session_id, session in locked.items()}
    for session_id in {session_id for session_id, _ in places - invited - present}:
        admissions[session_id].reserved = await sessions.absent_count(tx, session_id)
    outcomes = [
        _join(
            request,
            None if request.session_id is None else admissions.get(request.session_id),
            standings,
            tx.now,
            invited=(request.session_id, request.person_id) in invited,
        )
        for request in requests
    ]
    changed = [each for each in admissions.values() if each.newcomers]
    if changed:
        await change_all(
            tx, [Change(each.session, each.happened, each.newcomers) for each in changed]
        )
    return outcomes


def _join(
    request: JoinRequest,
    admission: _Admission | None,
    standings: dict[tuple[UUID, UUID], Standing],
    now: datetime,
    *,
    invited: bool,
) -> Joined | Refusal:
    if admission is None:
        refusal = admit(request.resolution, request.person_id, None, None, Seats(0, 0), now)
        assert isinstance(refusal, Refusal), "there is no session to be admitted to"
        return refusal
    place = admission.session.session_id, request.person_id
    standing = standings.get(place)
    outcome = admission.admit(request, standing, invited=invited)
    if isinstance(outcome, Refusal):
        return outcome
    if standing is not None:
        return Joined(admission.session_after, standing, rejoin=True)
    # A second request of the same learner in this batch is a rejoin.
    standings[place] = outcome
    return Joined(admission.session_after, outcome, rejoin=False)


class _Admission:
    """A locked session, and the learners who join it in this transaction."""

    def __init__(self, session: Session, now: datetime) -> None:
        self._now = now
        self._as_found = session
        self.session, self.happened = opened_if_due(session, now)
        self._taken = session.participant_count
        self.reserved = 0
        self.newcomers: list[Participant] = []

    @property
    def session_after(self) -> Session:
        """The session as the learners who have joined it see it."""
        found = self.session if self.newcomers else self._as_found
        return replace(found, participant_count=self._taken)

    def admit(
        self, request: JoinRequest, standing: Standing | None, *, invited: bool
    ) -> Standing | Refusal:
        """Decide, and take a seat for a newcomer. The seats of invited learners are reserved for them."""
        seats = Seats(self.session.plan.capacity, self._taken, 0 if invited else self.reserved)
        present = None if standing is None else standing.participant.state
        state = admit(
            request.resolution, request.person_id, self.session, present, seats, self._now
        )
        if isinstance(state, Refusal):
            return state
        if standing is not None:
            return standing
        participant = _newcomer(self.session, request.person_id, state, self._now)
        self._taken += 1
        self.reserved = max(0, self.reserved - invited)
        self.newcomers.append(participant)
        self.happened += _arrival(self.session, participant, request.trace)
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
    session: Session, participant: Participant, trace: SpanContext | None
) -> list[Happened]:
    actor, who = participant.person_id, participant.participant_id
    arrival = [Happened(announcements.joined(session, participant), actor, who, trace)]
    if participant.ready_time is not None:
        arrival.append(Happened(announcements.ready(participant), OURSELVES, who, trace))
    return arrival

"""Joining of sessions by code (`S4`, `C3`, `C5`).

Requests to join are processed in batches. While batches are being committed, the requests of further learners collect
in the next batch. All data that decide about an admission are read after the rows of the sessions are locked, so that
no seat is taken twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from google.protobuf.message import Message
from opentelemetry.trace import SpanContext

from proctorium_common.errors import Kind, ServiceError
from proctorium_common.ids import new_id
from proctorium_common.storage.batcher import Batcher
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Key, reused, store_responses, stored_responses
from proctorium_session.domain.admission import Refusal, Seats, admit
from proctorium_session.domain.codes import CodeResolution
from proctorium_session.domain.identity import first_state, is_ready
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import Participant, ParticipantView
from proctorium_session.domain.sessions import Session
from proctorium_session.events import participant_events
from proctorium_session.operations.changes import Change, RecordedEvent, save_changes
from proctorium_session.operations.enrollment import CodeEntry, Enrollment
from proctorium_session.operations.lobby import with_due_lobby
from proctorium_session.storage import participants, sessions

M = TypeVar("M", bound=Message)

_CONCURRENT_BATCHES = 4
_MIN_REQUESTS = 16
"""`_CONCURRENT_BATCHES` is the maximum number of concurrent batches.

While batches are running, another batch is started when `_MIN_REQUESTS` requests are waiting.
"""
_LINGER = 0.003
"""The time in seconds for which a batch waits for more requests after the previous batch."""


@dataclass(frozen=True, slots=True)
class JoinResult:
    """A learner who is in the session. `rejoin` says whether the learner had joined before this request."""

    session: Session
    view: ParticipantView
    rejoin: bool


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """A learner who entered a code, with the resolution of the code and the trace context of the call."""

    person_id: UUID
    resolution: CodeResolution
    trace_context: SpanContext | None = None

    @property
    def session_id(self) -> UUID | None:
        """The ID of the session to which the entered code belongs, or None if the code does not exist."""
        return None if self.resolution.code is None else self.resolution.code.session_id


@dataclass(slots=True, eq=False)
class _Entry:
    """A code entry in a batch, and the idempotency key of the request."""

    code: CodeEntry
    key: Key | None
    resolution: CodeResolution | None = None
    """The resolution of the code, or None until the code is resolved.

    The resolution is stored, because resolving the code again would count a failed entry twice.
    """


class Joining(Generic[M]):
    """Processes requests to join in batches.

    There is one instance for each process. Close the instance before the database is closed.
    """

    def __init__(
        self,
        database: Database,
        enrollment: Enrollment,
        make_response: Callable[[JoinResult], M],
        response: type[M],
    ) -> None:
        """Create an instance without requests.

        `make_response` converts a result to a response of the type `response`. The response is stored under the
        idempotency key of the request.
        """
        self._database = database
        self._enrollment = enrollment
        self._make_response = make_response
        self._response = response
        self._batches: Batcher[_Entry, M | Refusal | None] = Batcher(
            self._flush,
            concurrency=_CONCURRENT_BATCHES,
            min_items=_MIN_REQUESTS,
            key=lambda entry: entry.code.person_id,
            one_per_key=True,
            linger=_LINGER,
        )

    async def join(self, entry: CodeEntry, key: Key | None) -> M:
        """Let a learner join a session with a code. A learner who joins again stays the same participant.

        Raises DEPENDENCY_UNAVAILABLE, REQUEST_ID_REUSED, and the errors of the refusals in `domain.admission`.
        """
        outcome = await self._batches.submit(_Entry(entry, key))
        if isinstance(outcome, Refusal):
            raise outcome.error()
        if outcome is None:
            assert key is not None, "only a request with a key repeats another"
            raise reused(key)
        return outcome

    async def close(self) -> None:
        """Refuse new requests, and wait until all accepted requests have their responses."""
        await self._batches.close()

    async def _flush(self, batch: list[_Entry]) -> list[M | Refusal | None]:
        """Resolve the codes of the batch, then decide all requests in one transaction.

        Returns the response or the refusal of each request, or None if the idempotency key of the request belongs to a
        different request.
        """
        keys = {each.key for each in batch if each.key is not None}
        try:
            requests = await self._resolve(batch)
        except ServiceError as error:
            if error.kind is not Kind.UNAVAILABLE:
                raise
            # New requests are refused while enrollment is unavailable, but a repeated request receives its stored
            # response.
            unavailable = Refusal.from_error(error)
            async with self._database.transaction() as tx:
                stored = await stored_responses(tx, keys, self._response)
            return [
                unavailable if each.key is None else stored.get(each.key, unavailable)
                for each in batch
            ]
        async with self._database.transaction() as tx:
            locked = await sessions.lock_sessions(
                tx, {i for each in requests if (i := each.session_id)}
            )
            stored = await stored_responses(tx, keys, self._response)
            new = [
                index
                for index, each in enumerate(batch)
                if each.key is None or each.key not in stored
            ]
            outcomes = await join_all(tx, locked, [requests[index] for index in new])
            responses: dict[int, M | Refusal] = {
                index: outcome if isinstance(outcome, Refusal) else self._make_response(outcome)
                for index, outcome in zip(new, outcomes, strict=True)
            }
            to_store = {
                key: response
                for index, response in responses.items()
                if (key := batch[index].key) is not None and not isinstance(response, Refusal)
            }
            await store_responses(tx, to_store)
        return [
            responses[index] if each.key is None or each.key not in stored else stored[each.key]
            for index, each in enumerate(batch)
        ]

    async def _resolve(self, batch: Sequence[_Entry]) -> list[JoinRequest]:
        """Resolve the codes of the batch, and return the requests to join.

        If the transaction of a batch fails, the batch is flushed again. Codes that are already resolved are not
        resolved again.
        """
        unresolved = [each for each in batch if each.resolution is None]
        if unresolved:
            resolutions = await self._enrollment.resolve_codes([each.code for each in unresolved])
            for each, resolution in zip(unresolved, resolutions, strict=True):
                each.resolution = resolution
        return [
            JoinRequest(each.code.person_id, each.resolution, each.code.trace_context)
            for each in batch
            if each.resolution is not None
        ]


async def join_all(
    tx: Transaction, locked: Mapping[UUID, Session], requests: Sequence[JoinRequest]
) -> list[JoinResult | Refusal]:
    """Decide the requests in order, save the changes, and return the results.

    A refused request changes nothing.
    """
    pairs = {
        (session_id, each.person_id)
        for each in requests
        if (session_id := each.session_id) in locked and session_id is not None
    }
    invited, joined = await participants.list_relations(tx, pairs)
    views = await participants.get_views_of_people(tx, joined) if joined else {}
    admissions = {session_id: _Admission(session, tx.now) for session_id, session in locked.items()}
    for session_id in {session_id for session_id, _ in pairs - invited - joined}:
        admissions[session_id].reserved = await sessions.count_absent_learners(tx, session_id)
    outcomes = [
        _join(
            request,
            None if request.session_id is None else admissions.get(request.session_id),
            views,
            tx.now,
            invited=(request.session_id, request.person_id) in invited,
        )
        for request in requests
    ]
    changed = [each for each in admissions.values() if each.newcomers]
    if changed:
        await save_changes(
            tx, [Change(each.session, each.recorded, each.newcomers) for each in changed]
        )
    return outcomes


def _join(
    request: JoinRequest,
    admission: _Admission | None,
    views: dict[tuple[UUID, UUID], ParticipantView],
    now: datetime,
    *,
    invited: bool,
) -> JoinResult | Refusal:
    if admission is None:
        refusal = admit(request.resolution, request.person_id, None, None, Seats(0, 0), now)
        assert isinstance(refusal, Refusal), "there is no session to be admitted to"
        return refusal
    pair = admission.session.session_id, request.person_id
    view = views.get(pair)
    outcome = admission.admit(request, view, invited=invited)
    if isinstance(outcome, Refusal):
        return outcome
    if view is not None:
        return JoinResult(admission.session_after, view, rejoin=True)
    # If the same learner has a later request in this batch, that request is a rejoin.
    views[pair] = outcome
    return JoinResult(admission.session_after, outcome, rejoin=False)


class _Admission:
    """Admits learners to one session. The transaction has locked the session's row."""

    def __init__(self, session: Session, now: datetime) -> None:
        self._now = now
        self._before = session
        self.session, self.recorded = with_due_lobby(session, now)
        self._taken = session.participant_count
        self.reserved = 0
        self.newcomers: list[Participant] = []

    @property
    def session_after(self) -> Session:
        """The session that the responses contain.

        The number of participants of this session includes the learners who join in this transaction.
        """
        session = self.session if self.newcomers else self._before
        return replace(session, participant_count=self._taken)

    def admit(
        self, request: JoinRequest, view: ParticipantView | None, *, invited: bool
    ) -> ParticipantView | Refusal:
        """Return the new or existing participant, or the refusal. A learner who joins for the first time takes a seat.

        A learner who is not invited cannot take a seat that is reserved for an invited learner.
        """
        seats = Seats(self.session.plan.capacity, self._taken, 0 if invited else self.reserved)
        present = None if view is None else view.participant.state
        state = admit(
            request.resolution, request.person_id, self.session, present, seats, self._now
        )
        if isinstance(state, Refusal):
            return state
        if view is not None:
            return view
        participant = _newcomer(self.session, request.person_id, state, self._now)
        self._taken += 1
        self.reserved = max(0, self.reserved - invited)
        self.newcomers.append(participant)
        joined = participant_events.participant_joined(self.session, participant)
        self.recorded.append(
            RecordedEvent(
                joined, participant.person_id, participant.participant_id, request.trace_context
            )
        )
        return ParticipantView(participant, {})


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
        revision=session.next_revision,
    )

"""Joining by code (`S4`, `C3`, `C5`): learners who join during a commit share the next one.

All that decides is read after the sessions' rows are locked, so nobody gets a seat that another replica has just given away.
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
from proctorium_session.domain.participants import Participant, Standing
from proctorium_session.domain.sessions import Session
from proctorium_session.operations import announcements
from proctorium_session.operations.enrollment import CodeEntry, Enrollment
from proctorium_session.operations.lobby import opened_if_due
from proctorium_session.operations.recording import OURSELVES, Change, Happened, change_all
from proctorium_session.storage import participants, sessions

M = TypeVar("M", bound=Message)

_AT_ONCE = 4
_ENOUGH = 16
"""Batches in progress at the same time, and how many learners are worth one more."""
_LINGER = 0.003
"""Seconds for which learners wait for each other after a batch: measured, it lets learners who arrive together share one."""


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
        self._batches: Batcher[tuple[CodeEntry, Key | None], M | Refusal | None] = Batcher(
            self._flush,
            at_once=_AT_ONCE,
            enough=_ENOUGH,
            key=lambda item: item[0].person_id,
            one_per_key=True,
            linger=_LINGER,
        )

    async def join(self, entry: CodeEntry, key: Key | None) -> M:
        """Let a learner join by a code. Joining again finds the same participant.

        Raises DEPENDENCY_UNAVAILABLE, REQUEST_ID_REUSED, and what `domain.admission` refuses.
        """
        outcome = await self._batches.submit((entry, key))
        if isinstance(outcome, Refusal):
            raise outcome.error()
        if outcome is None:
            assert key is not None, "only a request with a key repeats another"
            raise reused(key)
        return outcome

    async def close(self) -> None:
        """Return when all requests that were taken have their response; later ones are refused."""
        await self._batches.close()

    async def _flush(self, batch: list[tuple[CodeEntry, Key | None]]) -> list[M | Refusal | None]:
        """Resolve the codes, and answer every request of the batch in one transaction; None for a key of another request."""
        keys = {key for _, key in batch if key is not None}
        try:
            resolutions = await self._enrollment.resolve_codes([entry for entry, _ in batch])
        except ServiceError as failure:
            if failure.kind is not Kind.UNAVAILABLE:
                raise
            # Repetitions of requests that were done get the same response, also while enrollment does not answer.
            away = Refusal.of(failure)
            async with self._database.transaction() as tx:
                known = await stored_responses(tx, keys, self._response)
            return [known.get(key, away) if key is not None else away for _, key in batch]
        requests = [
            JoinRequest(entry.person_id, resolution, entry.trace)
            for (entry, _), resolution in zip(batch, resolutions, strict=True)
        ]
        async with self._database.transaction() as tx:
            locked = await sessions.lock_all(tx, {i for each in requests if (i := each.session_id)})
            known = await stored_responses(tx, keys, self._response)
            new = [nth for nth, (_, key) in enumerate(batch) if key is None or key not in known]
            outcomes = await join_all(tx, locked, [requests[nth] for nth in new])
            responses: dict[int, M | Refusal] = {
                nth: outcome if isinstance(outcome, Refusal) else self._respond(outcome)
                for nth, outcome in zip(new, outcomes, strict=True)
            }
            stored = {
                key: response
                for nth, response in responses.items()
                if (key := batch[nth][1]) is not None and not isinstance(response, Refusal)
            }
            await store_responses(tx, stored)
        return [
            responses[nth] if key is None or key not in known else known[key]
            for nth, (_, key) in enumerate(batch)
        ]


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

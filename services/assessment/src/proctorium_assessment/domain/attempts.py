"""The states of an attempt (`A4`) as a table, and the refusals that follow from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

from proctorium_assessment.domain import receipts, time_ledger
from proctorium_common.errors import Kind, ServiceError, invalid_transition, not_allowed


class State(Enum):
    """Where an attempt stands. Kept in the database by value."""

    AWAITING_AUTHORIZATION = "awaiting-authorization"
    AUTHORIZED = "authorized"
    IN_PROGRESS = "in-progress"
    SUBMITTED = "submitted"
    SCORED = "scored"
    RELEASED = "released"
    VOIDED = "voided"


class Move(Enum):
    """What can happen to an attempt."""

    AUTHORIZE = "authorize"
    BEGIN = "begin"
    SUBMIT = "submit"
    SCORE = "score"
    RELEASE = "release"
    VOID = "void"


class SubmitCause(Enum):
    """What handed an attempt in. Kept in the database by value."""

    LEARNER = "learner"
    TIME_LIMIT_EXCEEDED = "time-over"
    SESSION_ENDED = "session-ended"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the table: who makes the move, and where it leads."""

    to: State
    who: str


MOVES: Mapping[tuple[State, Move], Step] = {
    (State.AWAITING_AUTHORIZATION, Move.AUTHORIZE): Step(State.AUTHORIZED, "proctor"),
    (State.AUTHORIZED, Move.BEGIN): Step(State.IN_PROGRESS, "learner"),
    (State.IN_PROGRESS, Move.SUBMIT): Step(
        State.SUBMITTED, "learner, or time, session end, removal"
    ),
    (State.SUBMITTED, Move.SCORE): Step(State.SCORED, "the service, at once"),
    (State.SCORED, Move.RELEASE): Step(
        State.RELEASED, "the service, at once; an administrator where the learner was removed"
    ),
    (State.AWAITING_AUTHORIZATION, Move.VOID): Step(State.VOIDED, "session end, removal"),
    (State.AUTHORIZED, Move.VOID): Step(State.VOIDED, "session end, removal"),
}
"""Every move there is; what is not here is refused."""

NEVER_STARTED = frozenset({State.AWAITING_AUTHORIZATION, State.AUTHORIZED})
HANDED_IN = frozenset({State.SUBMITTED, State.SCORED, State.RELEASED})
BEGUN = HANDED_IN | {State.IN_PROGRESS}


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt, without its answers. `version` counts the changes that watchers are told of."""

    attempt_id: UUID
    assessment_id: UUID
    person_id: UUID
    session_id: UUID | None
    participant_id: UUID | None
    state: State
    created_at: datetime
    started_at: datetime | None = None
    time_limit: timedelta | None = None
    deadline_at: datetime | None = None
    submitted_at: datetime | None = None
    submit_cause: SubmitCause | None = None
    released_at: datetime | None = None
    version: int = 1
    last_sequence: int = 0

    @classmethod
    def in_session(
        cls,
        attempt_id: UUID,
        *,
        assessment_id: UUID,
        person_id: UUID,
        session_id: UUID,
        participant_id: UUID,
        now: datetime,
    ) -> Attempt:
        """A new attempt of a participant, which a proctor has to authorise."""
        state = State.AWAITING_AUTHORIZATION
        return cls(attempt_id, assessment_id, person_id, session_id, participant_id, state, now)

    @classmethod
    def self_paced(
        cls, attempt_id: UUID, *, assessment_id: UUID, person_id: UUID, now: datetime
    ) -> Attempt:
        """A new attempt that its learner may begin at will."""
        return cls(attempt_id, assessment_id, person_id, None, None, State.AUTHORIZED, now)

    @property
    def first_head(self) -> bytes:
        """The head of its chain while nothing is saved."""
        return receipts.genesis(self.attempt_id)

    def authorized(self) -> Attempt:
        """After a proctor authorised it."""
        return self._moved(Move.AUTHORIZE)

    def begun(self, time_limit: timedelta | None, ledger: Sequence[time_ledger.Entry]) -> Attempt:
        """After the learner began; the ledger says when, and the deadline follows from it."""
        return replace(
            self._moved(Move.BEGIN),
            started_at=ledger[0].at,
            time_limit=time_limit,
            deadline_at=time_ledger.deadline(time_limit, ledger),
        )

    def handed_in(self, cause: SubmitCause, now: datetime) -> Attempt:
        """After it was submitted."""
        return replace(self._moved(Move.SUBMIT), submitted_at=now, submit_cause=cause)

    def scored(self) -> Attempt:
        """After its answers were scored."""
        return self._moved(Move.SCORE)

    def released(self, now: datetime) -> Attempt:
        """After its result was released to the learner."""
        return replace(self._moved(Move.RELEASE), released_at=now)

    def voided(self) -> Attempt:
        """After its session was over without it."""
        return self._moved(Move.VOID)

    def _moved(self, move: Move) -> Attempt:
        return replace(self, state=after(self.state, move), version=self.version + 1)


def after(state: State, move: Move) -> State:
    """The state after `move`. Raises INVALID_STATE_TRANSITION, or the reason that the field has for it."""
    step = MOVES.get((state, move))
    if step is not None:
        return step.to
    if state in HANDED_IN and move in (Move.BEGIN, Move.SUBMIT):
        raise submitted(state, kept=False)
    if state in (State.AWAITING_AUTHORIZATION, State.VOIDED) and move is Move.BEGIN:
        raise _cannot_begin(state)
    if state not in BEGUN and move is Move.SUBMIT:
        raise not_started(state)
    raise invalid_transition(
        "This attempt is not in a state that allows it.",
        from_state=state.value,
        asked=move.value,
        possible=possible(state),
    )


def possible(state: State) -> list[str]:
    """The moves that `state` allows."""
    return [move.value for from_state, move in MOVES if from_state is state]


def submit_cause(deadline: datetime | None, now: datetime) -> SubmitCause:
    """Who submitted when the learner pressed the button at `now`: past the deadline it was the time (`A8`)."""
    return (
        SubmitCause.TIME_LIMIT_EXCEEDED
        if deadline is not None and now > deadline
        else SubmitCause.LEARNER
    )


def released_by_itself(cause: SubmitCause) -> bool:
    """Whether the machine releases the result: of somebody who was removed for cause a person decides."""
    return cause is not SubmitCause.REMOVED


def _cannot_begin(state: State) -> ServiceError:
    sentence = (
        "The session is over, so this assessment cannot be begun any more. If you have questions, ask your administrator."
        if state is State.VOIDED
        else "This assessment has not been authorised for you yet. Please wait; tell your proctor if it takes long."
    )
    return invalid_transition(
        sentence,
        from_state=state.value,
        asked=Move.BEGIN.value,
        possible=possible(state),
        reason="ATTEMPT_NOT_AUTHORIZED",
    )


def not_verified_yet() -> ServiceError:
    """Return the refusal to start for a learner whose identity must be verified first: what stands before the authorisation."""
    return invalid_transition(
        "Your identity has to be verified first. Send the photos that your session's page asks for, if you have not sent them yet. "
        "Once your identity is verified, this assessment can be authorised for you.",
        from_state=State.AWAITING_AUTHORIZATION.value,
        asked=Move.BEGIN.value,
        possible=possible(State.AWAITING_AUTHORIZATION),
        reason="ATTEMPT_NOT_AUTHORIZED",
    )


def not_started(state: State) -> ServiceError:
    """Nothing can be saved or submitted before the learner has begun."""
    return invalid_transition(
        "You have not begun this assessment yet. Begin it first; tell your proctor if you cannot.",
        from_state=state.value,
        asked="save",
        possible=possible(state),
        reason="ATTEMPT_NOT_STARTED",
    )


def submitted(state: State, *, kept: bool) -> ServiceError:
    """Return ATTEMPT_SUBMITTED; `kept` says that what was sent is stored as a late answer (`A6`)."""
    return _late(
        "ATTEMPT_SUBMITTED",
        "This assessment has been submitted and does not change any more.",
        kept,
    )


def time_limit_exceeded(*, kept: bool) -> ServiceError:
    """Return TIME_LIMIT_EXCEEDED, for what came after the deadline; `kept` as for `submitted`."""
    return _late("TIME_LIMIT_EXCEEDED", "Your time for this assessment is over.", kept)


def _late(reason: str, sentence: str, kept: bool) -> ServiceError:
    more = (
        " What you just sent is stored as a late answer, which does not count; tell your proctor about it."
        if kept
        else " What was saved before counts; ask your proctor if you have a question."
    )
    return ServiceError(
        Kind.INVALID_STATE_TRANSITION,
        reason,
        sentence + more,
        metadata={"kept": "true"} if kept else {},
    )


def not_yours() -> ServiceError:
    """The attempt is another learner's, or there is none: nobody learns which."""
    return not_allowed(
        "NOT_YOUR_ATTEMPT",
        "This attempt is not yours, or it might not exist. Go back to your course and open the assessment from there.",
    )

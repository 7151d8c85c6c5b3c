"""Breaks of learners (`S10`): policies, allowances, states, and the rules for requesting and granting a break."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from proctorium_common.errors import ServiceError, not_found
from proctorium_common.states import StateMachine, Transition
from proctorium_session.domain.errors import failed_precondition, invalid_at, not_your_session
from proctorium_session.domain.pace import Pace
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.session_states import SessionState

BREAK_PACE = Pace(
    5,
    timedelta(minutes=1),
    "TOO_MANY_BREAK_REQUESTS",
    "You have requested a break many times. Wait a minute, then request it again.",
)
"""The pace at which a learner may request breaks."""

_NO_TIME = timedelta()


class BreakState(StrEnum):
    """The states of a break."""

    REQUESTED = "requested"
    GRANTED = "granted"
    REFUSED = "refused"
    STARTED = "started"
    RETURNED = "returned"
    CANCELLED = "cancelled"


class BreakAction(StrEnum):
    """The actions that change the state of a break."""

    GRANT = "grant"
    REFUSE = "refuse"
    START = "start"
    RETURN = "return"
    CANCEL = "cancel"


OPEN_STATES = frozenset({BreakState.REQUESTED, BreakState.GRANTED, BreakState.STARTED})
"""The states of open breaks. A participant has at most one open break."""

BREAK_STATES: StateMachine[BreakState, BreakAction] = StateMachine(
    "break",
    BreakState,
    {BreakState.REQUESTED},
    (
        Transition(
            BreakAction.GRANT,
            frozenset({BreakState.REQUESTED}),
            BreakState.GRANTED,
            frozenset({"proctor", "administrator"}),
            "The learner can start the break.",
        ),
        Transition(
            BreakAction.REFUSE,
            frozenset({BreakState.REQUESTED}),
            BreakState.REFUSED,
            frozenset({"proctor", "administrator"}),
            "The learner reads the reason, and can request another break.",
        ),
        Transition(
            BreakAction.START,
            frozenset({BreakState.GRANTED}),
            BreakState.STARTED,
            frozenset({"learner"}),
            "The questions are hidden. If the policy stops the clock, it is stopped for at most the granted length.",
        ),
        Transition(
            BreakAction.RETURN,
            frozenset({BreakState.STARTED}),
            BreakState.RETURNED,
            frozenset({"learner", "system"}),
            "The learner continues. The system ends a break when the learner is removed or the session ends for the learner.",
        ),
        Transition(
            BreakAction.CANCEL,
            frozenset({BreakState.REQUESTED, BreakState.GRANTED}),
            BreakState.CANCELLED,
            frozenset({"learner", "system"}),
            "The break does not count. The system cancels a break when the learner is removed or the session ends for the learner.",
        ),
    ),
    {
        BreakState.REQUESTED: "The break was requested, and nobody has decided yet.",
        BreakState.GRANTED: "The break was already granted, and the learner has not started it.",
        BreakState.REFUSED: "The break was already refused. Request another one if you still need it.",
        BreakState.STARTED: "The learner is on this break. It ends when the learner returns.",
        BreakState.RETURNED: "This break is over.",
        BreakState.CANCELLED: "This break was cancelled.",
    },
)
"""The state machine of breaks. A trigger on the table `breaks` allows the same transitions."""


@dataclass(frozen=True, slots=True)
class BreakPolicy:
    """The breaks that each learner of a session may take.

    `count` is the number of breaks, `length` the maximum length of one break, and `total` the maximum length of all
    breaks together. `clock_stops` says whether the clock is stopped during a break.
    """

    count: int = 0
    length: timedelta = _NO_TIME
    total: timedelta = _NO_TIME
    clock_stops: bool = False


NO_BREAKS = BreakPolicy()
"""The policy of a session without breaks."""


@dataclass(frozen=True, slots=True)
class Break:
    """A break of a participant.

    `length` is the granted length, or None before the decision. `closed_at` is the time at which the break was refused
    or cancelled, or at which it ended. `overrun_at` is the time at which the overrun was recorded.
    """

    break_id: UUID
    session_id: UUID
    participant_id: UUID
    state: BreakState
    requested_at: datetime
    length: timedelta | None = None
    refusal_reason: str = ""
    started_at: datetime | None = None
    closed_at: datetime | None = None
    overrun_at: datetime | None = None

    @property
    def due_at(self) -> datetime | None:
        """The time at which the granted length ends, or None if the break was not started."""
        if self.started_at is None or self.length is None:
            return None
        return self.started_at + self.length


@dataclass(frozen=True, slots=True)
class BreakUse:
    """The breaks of a participant.

    `latest` is the newest break. `count` and `time` are the number and the total time of the breaks that were granted
    and not cancelled. A break that is not over counts with its granted length. `extra` is the extra break time of the
    learner's accommodations.
    """

    latest: Break | None = None
    count: int = 0
    time: timedelta = _NO_TIME
    extra: timedelta = _NO_TIME


NOTHING_USED = BreakUse()
"""The breaks of a participant who has requested no break and has no extra break time."""


@dataclass(frozen=True, slots=True)
class BreakAllowance:
    """The breaks that a participant can still take.

    `count` is None if the number of breaks is not limited. `longest` is the maximum length that can be granted for the
    next break.
    """

    count: int | None
    time: timedelta
    longest: timedelta


def allowance_of(policy: BreakPolicy, use: BreakUse) -> BreakAllowance | None:
    """Return the breaks that a participant can still take, or None if the session has no breaks for the participant.

    The extra break time of accommodations makes both the total and each break longer, and removes the limit on the
    number of breaks. Otherwise, a learner who has taken all breaks could not use the extra time.
    """
    if not policy.count and not use.extra:
        return None
    count = None if use.extra else max(policy.count - use.count, 0)
    time = max(policy.total + use.extra - use.time, _NO_TIME)
    longest = _NO_TIME if count == 0 else min(policy.length + use.extra, time)
    return BreakAllowance(count, time, longest)


def require_valid_policy(policy: BreakPolicy) -> None:
    """Raise BREAK_POLICY_INVALID if the limits of a policy contradict each other."""
    if not policy.count:
        if policy.length or policy.total:
            raise _invalid_policy("count", "Enter the number of breaks, or leave out the limits.")
    elif not policy.length:
        raise _invalid_policy("length", "Enter the maximum length of a break.")
    elif not policy.length <= policy.total <= policy.count * policy.length:
        raise _invalid_policy(
            "total",
            f"All breaks together must be between {_minutes(policy.length)} and "
            f"{_minutes(policy.count * policy.length)} long.",
        )


def _invalid_policy(field: str, sentence: str) -> ServiceError:
    return invalid_at(f"plan.break_policy.{field}", "BREAK_POLICY_INVALID", sentence)


def require_requestable(
    session_state: SessionState, state: ParticipantState, policy: BreakPolicy, use: BreakUse
) -> None:
    """Raise an error unless a participant can request a break.

    Raises SESSION_ENDED, SESSION_CANCELLED, PARTICIPANT_REMOVED, PARTICIPANT_NOT_IN_SESSION, BREAK_ALREADY_OPEN or
    BREAKS_EXHAUSTED.
    """
    _require_in_session(session_state, state)
    if use.latest is not None and use.latest.state in OPEN_STATES:
        raise failed_precondition(
            "BREAK_ALREADY_OPEN",
            "You already have a break that is not over. Start it, return from it or cancel it first.",
            break_id=str(use.latest.break_id),
            state=use.latest.state.value,
        )
    _require_left(policy, use)


def _require_in_session(session_state: SessionState, state: ParticipantState) -> None:
    if session_state is SessionState.CANCELLED:
        raise failed_precondition("SESSION_CANCELLED", "The session was cancelled.")
    if session_state is SessionState.ENDED:
        raise failed_precondition(
            "SESSION_ENDED", "This session is over. If you have questions, ask your administrator."
        )
    if state is ParticipantState.REMOVED:
        raise failed_precondition(
            "PARTICIPANT_REMOVED",
            "You were removed from this session. If you have questions, ask your administrator.",
        )
    if state is not ParticipantState.IN_SESSION:
        raise failed_precondition(
            "PARTICIPANT_NOT_IN_SESSION",
            "You are not in the session, so you cannot take a break. If you have questions, write a message to your proctors.",
        )


def _require_left(policy: BreakPolicy, use: BreakUse) -> BreakAllowance:
    """Return the remaining allowance. Raise BREAKS_EXHAUSTED if no break remains."""
    left = allowance_of(policy, use)
    if left is not None and left.longest > _NO_TIME:
        return left
    if left is None:
        sentence = "This session has no breaks."
    elif left.count == 0:
        sentence = (
            f"{_all_breaks(policy.count)} used, so no break is left. "
            f"{_minutes(left.time)} of the break time remained unused."
        )
    else:
        sentence = f"All {_minutes(policy.total + use.extra)} of break time are used, so 0 minutes are left."
    raise failed_precondition(
        "BREAKS_EXHAUSTED",
        f"{sentence} Raise your hand if you need a proctor.",
        remaining_seconds=str(int(left.time.total_seconds()) if left else 0),
    )


def require_length(policy: BreakPolicy, use: BreakUse, length: timedelta) -> None:
    """Raise BREAKS_EXHAUSTED or BREAK_LENGTH_EXCEEDED unless a break of this length can be granted."""
    left = _require_left(policy, use)
    if length > left.longest:
        raise failed_precondition(
            "BREAK_LENGTH_EXCEEDED",
            f"The break would be too long. This learner can have up to {_minutes(left.longest)} now. Grant a shorter break.",
            longest_seconds=str(int(left.longest.total_seconds())),
        )


def after_close(old: Break, action: BreakAction, now: datetime) -> Break:
    """Return the break after its end or cancellation. No break ends before its start, even if a clock is set back."""
    target = BREAK_STATES.target(old.state, action)
    assert target is not None
    closed_at = now if old.started_at is None else max(now, old.started_at)
    return replace(old, state=target, closed_at=closed_at)


def no_break(*, supervises: bool) -> ServiceError:
    """Return the error for an unknown break.

    If `supervises` is true, the error is the same as for a break of another session, so that a proctor cannot tell
    whether the break exists.
    """
    if supervises:
        return not_your_session()
    return not_found("NOT_FOUND", "There is no such break. Reload the page.")


def _all_breaks(count: int) -> str:
    return (
        "The only break of this session is"
        if count == 1
        else f"All {count} breaks of this session are"
    )


def _minutes(time: timedelta) -> str:
    """Return a duration as text: in minutes, or in seconds if it is not a whole number of minutes."""
    seconds = int(time.total_seconds())
    if seconds % 60:
        return f"{seconds} seconds"
    return "1 minute" if seconds == 60 else f"{seconds // 60} minutes"

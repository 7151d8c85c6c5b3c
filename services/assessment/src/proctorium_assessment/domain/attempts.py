"""Attempts, their states and transitions, and the errors for refused actions (`A4`)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from proctorium_assessment.domain import receipts
from proctorium_assessment.domain.time_ledger import LedgerEntry, TimeBalance, compute_balance
from proctorium_common.errors import Kind, ServiceError, invalid_transition, not_allowed
from proctorium_common.states import StateMachine, Transition


class AttemptState(StrEnum):
    """The states of an attempt."""

    AWAITING_AUTHORIZATION = "awaiting_authorization"
    AUTHORIZED = "authorized"
    IN_PROGRESS = "in_progress"
    SUBMITTED = "submitted"
    SCORED = "scored"
    RELEASED = "released"
    VOIDED = "voided"


class AttemptAction(StrEnum):
    """The actions that change the state of an attempt."""

    AUTHORIZE = "authorize"
    WITHDRAW = "withdraw"
    START = "start"
    SUBMIT = "submit"
    REOPEN = "reopen"
    SCORE = "score"
    RELEASE = "release"
    VOID = "void"
    RESTORE = "restore"
    RESTORE_AUTHORIZED = "restore_authorized"


class SubmitCause(StrEnum):
    """The causes of a submission."""

    LEARNER = "learner"
    TIME_LIMIT_EXCEEDED = "time_limit_exceeded"
    SESSION_ENDED = "session_ended"
    REMOVED = "removed"
    ENDED_BY_PROCTOR = "ended_by_proctor"


UNSTARTED_STATES = frozenset({AttemptState.AWAITING_AUTHORIZATION, AttemptState.AUTHORIZED})
"""The states of attempts that can still be started."""

SUBMITTED_STATES = frozenset({AttemptState.SUBMITTED, AttemptState.SCORED, AttemptState.RELEASED})
"""The states of submitted attempts."""

STARTED_STATES = SUBMITTED_STATES | {AttemptState.IN_PROGRESS}
"""The states of started attempts. Submitted attempts are included."""

_SENTENCES = {
    AttemptState.AWAITING_AUTHORIZATION: "This attempt waits for a proctor's authorisation.",
    AttemptState.AUTHORIZED: "This attempt has not been started yet.",
    AttemptState.IN_PROGRESS: "The learner is working on this attempt.",
    AttemptState.SUBMITTED: "This attempt has been submitted and is being scored.",
    AttemptState.SCORED: "This attempt has been scored, and its result has not been released yet.",
    AttemptState.RELEASED: "The result of this attempt has been released.",
    AttemptState.VOIDED: "This attempt was closed before it was started.",
}


def _refusal(state: AttemptState, action: AttemptAction) -> ServiceError | None:
    """Return the error for a learner who cannot start or submit an attempt in `state`.

    Return None if `action` is neither the start nor the submission.
    """
    if action not in (AttemptAction.START, AttemptAction.SUBMIT):
        return None
    if state in SUBMITTED_STATES:
        return _already_submitted(state, action)
    if action is AttemptAction.SUBMIT:
        return attempt_not_started(state, action)
    return _not_authorized(state)


ATTEMPT_STATES: StateMachine[AttemptState, AttemptAction] = StateMachine(
    "attempt",
    AttemptState,
    {AttemptState.AWAITING_AUTHORIZATION, AttemptState.AUTHORIZED},
    (
        Transition(
            AttemptAction.AUTHORIZE,
            frozenset({AttemptState.AWAITING_AUTHORIZATION}),
            AttemptState.AUTHORIZED,
            frozenset({"proctor"}),
            "The learner can start. A self-paced attempt is authorised from its creation.",
        ),
        Transition(
            AttemptAction.WITHDRAW,
            frozenset({AttemptState.AUTHORIZED}),
            AttemptState.AWAITING_AUTHORIZATION,
            frozenset({"proctor"}),
            "The learner cannot start until the attempt is authorised again.",
        ),
        Transition(
            AttemptAction.START,
            frozenset({AttemptState.AUTHORIZED}),
            AttemptState.IN_PROGRESS,
            frozenset({"learner"}),
            "The clock runs; the learner reads the questions and saves answers.",
        ),
        Transition(
            AttemptAction.SUBMIT,
            frozenset({AttemptState.IN_PROGRESS}),
            AttemptState.SUBMITTED,
            frozenset({"learner", "system"}),
            "The attempt accepts no more answers. The system submits at the deadline, and at the end of the session or the earlier end for this learner.",
        ),
        Transition(
            AttemptAction.REOPEN,
            frozenset({AttemptState.SUBMITTED}),
            AttemptState.IN_PROGRESS,
            frozenset({"system"}),
            "The deadline at which the attempt was submitted has moved, or the session was reopened. Late answers before the new deadline count.",
        ),
        Transition(
            AttemptAction.SCORE,
            frozenset({AttemptState.SUBMITTED}),
            AttemptState.SCORED,
            frozenset({"system"}),
            "The result is permanent. In a session, this waits until the session is settled.",
        ),
        Transition(
            AttemptAction.RELEASE,
            frozenset({AttemptState.SCORED}),
            AttemptState.RELEASED,
            frozenset({"administrator", "system"}),
            "The learner sees the result. The system releases it with the score, unless the learner is removed.",
        ),
        Transition(
            AttemptAction.VOID,
            UNSTARTED_STATES,
            AttemptState.VOIDED,
            frozenset({"system"}),
            "The session ended, or was ended for this learner, before the start.",
        ),
        Transition(
            AttemptAction.RESTORE,
            frozenset({AttemptState.VOIDED}),
            AttemptState.AWAITING_AUTHORIZATION,
            frozenset({"system"}),
            "The session was reopened.",
        ),
        Transition(
            AttemptAction.RESTORE_AUTHORIZED,
            frozenset({AttemptState.VOIDED}),
            AttemptState.AUTHORIZED,
            frozenset({"system"}),
            "The session was reopened, and the attempt was authorised before it was voided.",
        ),
    ),
    _SENTENCES,
    _refusal,
)
"""The state machine of attempts.

A trigger on the table `attempts` allows the same transitions. The trigger also allows one update to skip states after
in_progress or submitted, because one update submits a self-paced attempt, scores it and releases the result.
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt without its answers.

    `version` increases with each change that the watches of the attempt (streams of `WatchAttempt`) receive.
    `is_paused` is True while a stop without a limit is open. `stopped_remaining` is then the remaining time, if the
    attempt is started and has a time limit. `is_on_break` is True while a bounded stop is open, even after its limit
    has passed. `are_questions_shown` is True while stops are open, none of which hides the questions. `stopped_until`
    is the time at which the limits of all open stops of a started attempt have passed, so that the clock runs again. It
    is None if no stop is open, or if a stop without a limit is open. `returned_time` is the time that was given back
    for outages: the total time, until the last entry of the time ledger, in which the clock was stopped by outages of
    the learner and by nothing else. `extra_time` is the extra time that was granted and not taken back.
    `extra_time_percent` is the extra time of the learner's accommodations in per cent of the time limit. `time_limit`
    does not include extra time. `writer_epoch` is the newest epoch that `enter` has issued, for the device
    `writer_device` at the time `entered_at`. `authorization_revision` is the revision of the session in which the
    proctor last authorised the assessment or withdrew the authorisation. `voided_from` is the state in which the
    attempt was voided.
    """

    attempt_id: UUID
    assessment_id: UUID
    person_id: UUID
    session_id: UUID | None
    participant_id: UUID | None
    state: AttemptState
    created_at: datetime
    started_at: datetime | None = None
    time_limit: timedelta | None = None
    deadline_at: datetime | None = None
    submitted_at: datetime | None = None
    submit_cause: SubmitCause | None = None
    released_at: datetime | None = None
    version: int = 1
    last_sequence: int = 0
    is_paused: bool = False
    stopped_remaining: timedelta | None = None
    extra_time: timedelta = timedelta()
    extra_time_percent: int = 0
    stopped_until: datetime | None = None
    is_on_break: bool = False
    are_questions_shown: bool = False
    authorization_revision: int = 0
    returned_time: timedelta = timedelta()
    voided_from: AttemptState | None = None
    writer_epoch: int = 0
    writer_device: UUID | None = None
    entered_at: datetime | None = None

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
        """Return a new attempt of a participant. The learner may start the attempt after a proctor authorises it."""
        state = AttemptState.AWAITING_AUTHORIZATION
        return cls(attempt_id, assessment_id, person_id, session_id, participant_id, state, now)

    @classmethod
    def self_paced(
        cls, attempt_id: UUID, *, assessment_id: UUID, person_id: UUID, now: datetime
    ) -> Attempt:
        """Return a new attempt outside a session. The learner may start the attempt at any time."""
        return cls(attempt_id, assessment_id, person_id, None, None, AttemptState.AUTHORIZED, now)

    @property
    def are_questions_hidden(self) -> bool:
        """Whether the questions are hidden from the learner.

        They are also hidden during a break in which the clock runs.
        """
        return (self.is_paused or self.is_on_break) and not self.are_questions_shown

    @property
    def is_provisional(self) -> bool:
        """Whether the attempt was submitted at its deadline and is not scored. The deadline can still move."""
        return (
            self.state is AttemptState.SUBMITTED
            and self.submit_cause is SubmitCause.TIME_LIMIT_EXCEEDED
        )

    @property
    def genesis_head(self) -> bytes:
        """The head of the attempt's hash chain before the first revision."""
        return receipts.genesis(self.attempt_id)

    def authorize(self, revision: int = 0) -> Attempt:
        """Return the attempt after a proctor has authorised it in this revision of the session."""
        return self._with_authorization(AttemptAction.AUTHORIZE, revision)

    def withdraw_authorization(self, revision: int) -> Attempt:
        """Return the attempt after a proctor has withdrawn the authorisation in this revision of the session."""
        return self._with_authorization(AttemptAction.WITHDRAW, revision)

    def start(
        self, time_limit: timedelta | None, now: datetime, entries: Collection[LedgerEntry] = ()
    ) -> Attempt:
        """Return the attempt after its start. `entries` are the entries of the attempt's time ledger."""
        started = replace(self._after(AttemptAction.START), started_at=now, time_limit=time_limit)
        return _timed(started, compute_balance(time_limit, now, entries))

    def with_time(self, entries: Collection[LedgerEntry]) -> Attempt:
        """Return the attempt with its time after `entries`, which are all entries of its time ledger.

        Return the same attempt if nothing changes. A provisional attempt changes only if its deadline is now after its
        submission, and is then in progress again. The time of a started attempt is not reduced by accommodations that
        were changed before the start and arrive after it.
        """
        balance = compute_balance(self.time_limit, self.started_at, entries)
        if balance.is_started and balance.percent < self.extra_time_percent:
            balance = compute_balance(
                self.time_limit, self.started_at, entries, self.extra_time_percent
            )
        timed = _timed(self, balance)
        if self.is_provisional:
            return timed.reopen() if _is_after(timed.deadline_at, self.submitted_at) else self
        return self if timed == self else replace(timed, version=self.version + 1)

    def remaining(self, now: datetime) -> timedelta | None:
        """Return the remaining time at `now`, or None if the attempt has no time limit or is not in progress."""
        if self.state is not AttemptState.IN_PROGRESS:
            return None
        if self.deadline_at is None:
            return self.stopped_remaining
        runs_from = now if self.stopped_until is None else max(now, self.stopped_until)
        return max(self.deadline_at - runs_from, timedelta())

    def is_stopped(self, now: datetime) -> bool:
        """Return whether a stop with a limit stops the clock at `now`."""
        return self.stopped_until is not None and now < self.stopped_until

    def enter(self, device_id: UUID, now: datetime) -> Attempt:
        """Return the attempt after it was entered on a device. Raises ATTEMPT_NOT_STARTED, ATTEMPT_SUBMITTED."""
        if self.state in SUBMITTED_STATES:
            raise _already_submitted(self.state, "enter")
        if self.state is not AttemptState.IN_PROGRESS:
            raise attempt_not_started(self.state, "enter")
        return replace(
            self,
            writer_epoch=self.writer_epoch + 1,
            writer_device=device_id,
            entered_at=now,
            version=self.version + 1,
        )

    def submit(self, cause: SubmitCause, now: datetime) -> Attempt:
        """Return the attempt after its submission."""
        return replace(self._after(AttemptAction.SUBMIT), submitted_at=now, submit_cause=cause)

    def reopen(self) -> Attempt:
        """Return the attempt after its submission was taken back."""
        return replace(self._after(AttemptAction.REOPEN), submitted_at=None, submit_cause=None)

    def score(self) -> Attempt:
        """Return the attempt after its answers were scored."""
        return self._after(AttemptAction.SCORE)

    def release(self, now: datetime) -> Attempt:
        """Return the attempt after its result was released to the learner."""
        return replace(self._after(AttemptAction.RELEASE), released_at=now)

    def void(self) -> Attempt:
        """Return the attempt in the state voided. An attempt is voided if it is closed before it is started."""
        return replace(self._after(AttemptAction.VOID), voided_from=self.state)

    def restore(self) -> Attempt:
        """Return a voided attempt in the state in which it was voided."""
        is_authorized = self.voided_from is AttemptState.AUTHORIZED
        action = AttemptAction.RESTORE_AUTHORIZED if is_authorized else AttemptAction.RESTORE
        return replace(self._after(action), voided_from=None)

    def _with_authorization(self, action: AttemptAction, revision: int) -> Attempt:
        """Return the attempt after the action, or the same attempt if the action no longer applies.

        The action does not apply to an attempt that is started or voided. The events of the actions can arrive in any
        order, so the action with the greatest revision counts.
        """
        if self.state not in UNSTARTED_STATES or revision < self.authorization_revision:
            return self
        return replace(self._after(action), authorization_revision=revision)

    def _after(self, action: AttemptAction) -> Attempt:
        state = ATTEMPT_STATES.target(self.state, action)
        return self if state is None else replace(self, state=state, version=self.version + 1)


def _timed(attempt: Attempt, balance: TimeBalance) -> Attempt:
    is_stopped = balance.is_paused and balance.is_started
    return replace(
        attempt,
        is_paused=balance.is_paused,
        extra_time=balance.granted,
        extra_time_percent=balance.percent,
        deadline_at=balance.deadline,
        stopped_remaining=balance.unspent if is_stopped else None,
        stopped_until=balance.stopped_until,
        is_on_break=balance.is_on_break,
        are_questions_shown=bool(balance.open_stops) and not balance.are_questions_hidden,
        returned_time=balance.returned,
    )


def _is_after(deadline: datetime | None, submitted_at: datetime | None) -> bool:
    """Return whether the deadline of an attempt is after its submission. A stopped clock has no deadline yet."""
    return deadline is None or (submitted_at is not None and deadline > submitted_at)


def submit_cause(deadline: datetime | None, now: datetime) -> SubmitCause:
    """Return the cause of a learner's submission at `now` (`A8`).

    The cause is the learner until the deadline, and the time limit after the deadline.
    """
    return (
        SubmitCause.TIME_LIMIT_EXCEEDED
        if deadline is not None and now > deadline
        else SubmitCause.LEARNER
    )


def is_released_automatically(attempt: Attempt, is_removed: bool) -> bool:
    """Return whether the system releases the result when the attempt is scored.

    Return False if the learner was in the state removed when the session ended, either for everybody or for this
    learner. An administrator then decides about the release. If the removal arrives after the end of the session, or
    after the deadline of the attempt, only `is_removed` shows it. A removal after the learner's own submission does not
    hold the result.
    """
    if attempt.submit_cause in {SubmitCause.SESSION_ENDED, SubmitCause.TIME_LIMIT_EXCEEDED}:
        return not is_removed
    return attempt.submit_cause is not SubmitCause.REMOVED


_CLOSED = (
    "This assessment was closed before you started it, because the session is over for you. "
    "If you have questions, ask your administrator."
)


def _not_authorized(state: AttemptState) -> ServiceError:
    sentence = (
        _CLOSED
        if state is AttemptState.VOIDED
        else "This assessment has not been authorised for you yet. Please wait; tell your proctor if it takes a long time."
    )
    return _start_refused(state, sentence)


def identity_not_verified() -> ServiceError:
    """Return the error for starting an attempt before the learner's identity is verified."""
    return _start_refused(
        AttemptState.AWAITING_AUTHORIZATION,
        "Your identity has to be verified first. Send the photos that your session's page asks for, if you have not sent them yet. "
        "Once your identity is verified, this assessment can be authorised for you.",
    )


def _start_refused(state: AttemptState, sentence: str) -> ServiceError:
    return invalid_transition(
        sentence,
        from_state=state,
        action=AttemptAction.START,
        possible=ATTEMPT_STATES.actions(state),
        reason="ATTEMPT_NOT_AUTHORIZED",
    )


def attempt_paused(state: AttemptState) -> ServiceError:
    """Return the error for starting an attempt during a pause."""
    return invalid_transition(
        "Your proctor has paused the session for you, so this assessment cannot be started now. "
        "Wait until your proctor resumes it, then start; you lose no time.",
        from_state=state,
        action=AttemptAction.START,
        possible=ATTEMPT_STATES.actions(state),
        reason="ATTEMPT_PAUSED",
    )


def attempt_on_break(state: AttemptState) -> ServiceError:
    """Return the error for starting an attempt during a break."""
    return invalid_transition(
        "You are on a break, so this assessment cannot be started now. Return from your break first, then start.",
        from_state=state,
        action=AttemptAction.START,
        possible=ATTEMPT_STATES.actions(state),
        reason="ATTEMPT_ON_BREAK",
    )


def participant_removed(state: AttemptState, action: AttemptAction) -> ServiceError:
    """Return the error for starting or submitting an attempt while the learner is removed from the session."""
    return invalid_transition(
        "You were removed from the session. What you saved before is kept. "
        "If you think that this is a mistake, contact your administrator.",
        from_state=state,
        action=action,
        possible=ATTEMPT_STATES.actions(state),
        reason="PARTICIPANT_REMOVED",
    )


def session_closing(state: AttemptState) -> ServiceError:
    """Return the error for starting an attempt while its session is closing."""
    return invalid_transition(
        "The session is about to end, so this assessment cannot be started any more. "
        "If the closing is cancelled, you can start it.",
        from_state=state,
        action=AttemptAction.START,
        possible=ATTEMPT_STATES.actions(state),
        reason="SESSION_CLOSING",
    )


def attempt_not_started(state: AttemptState, action: str = "save") -> ServiceError:
    """Return the error for saving or submitting before the attempt is started."""
    sentence = (
        _CLOSED
        if state is AttemptState.VOIDED
        else "You have not started this assessment yet. Start it first; tell your proctor if you cannot."
    )
    return invalid_transition(
        sentence,
        from_state=state,
        action=action,
        possible=ATTEMPT_STATES.actions(state),
        reason="ATTEMPT_NOT_STARTED",
    )


_SUBMITTED = "This assessment has been submitted and does not change any more."


def _already_submitted(state: AttemptState, action: str) -> ServiceError:
    return invalid_transition(
        f"{_SUBMITTED} What was saved before counts; ask your proctor if you have a question.",
        from_state=state,
        action=action,
        possible=ATTEMPT_STATES.actions(state),
        reason="ATTEMPT_SUBMITTED",
    )


def attempt_submitted() -> ServiceError:
    """Return the error for a change that is received after the submission.

    The change is stored as a late answer (`A6`).
    """
    return _late("ATTEMPT_SUBMITTED", _SUBMITTED)


def time_limit_exceeded() -> ServiceError:
    """Return the error for a change that is received after the deadline.

    The change is stored as a late answer (`A6`).
    """
    return _late("TIME_LIMIT_EXCEEDED", "Your time for this assessment is over.")


def _late(reason: str, sentence: str) -> ServiceError:
    return ServiceError(
        Kind.INVALID_STATE_TRANSITION,
        reason,
        f"{sentence} What you just sent is stored as a late answer, which does not count; tell your proctor about it.",
        metadata={"stored": "true"},
    )


def not_your_attempt() -> ServiceError:
    """Return the error for a caller without access to an attempt.

    The error does not reveal whether the attempt exists.
    """
    return not_allowed(
        "NOT_YOUR_ATTEMPT",
        "This attempt is not yours, or it might not exist. Go back to your course and open the assessment from there.",
    )

"""The world of the stateful test: a session in a real database, and the state that follows from its record."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from google.protobuf.empty_pb2 import Empty

from proctorium.session.events.v1 import events_pb2 as pb
from proctorium_access.certifications import store_missing_certifications
from proctorium_common.errors import Kind, ServiceError
from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.states import StateMachine
from proctorium_common.storage.database import Database
from proctorium_common.storage.idempotency import Responder
from proctorium_devstack.testing.clock import MovableClock
from proctorium_session.domain.breaks import BREAK_STATES, BreakAction, BreakPolicy, BreakState
from proctorium_session.domain.codes import CodeResolution, CodeValidity, ResolvedCode
from proctorium_session.domain.hands import HAND_STATES, HandAction, HandState
from proctorium_session.domain.identity import IdentityPolicy
from proctorium_session.domain.participant_states import (
    PARTICIPANT_STATES,
    ParticipantAction,
    ParticipantState,
)
from proctorium_session.domain.participants import ParticipantView
from proctorium_session.domain.record import Entry
from proctorium_session.domain.session_states import SESSION_STATES, SessionAction, SessionState
from proctorium_session.domain.sessions import LateEntry, Plan, Session, new_session
from proctorium_session.operations.changes import save_change
from proctorium_session.operations.joining import JoinRequest, join_all
from proctorium_session.storage import participants, record, sessions

START = datetime(2027, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LEARNERS = 3

_SESSION_ACTIONS = {
    "session.lobby-opened": SessionAction.OPEN_LOBBY,
    "session.started": SessionAction.START,
    "session.closing": SessionAction.CLOSE,
    "session.closing-cancelled": SessionAction.CANCEL_CLOSING,
    "session.ended": SessionAction.END,
    "session.cancelled": SessionAction.CANCEL,
}
_PARTICIPANT_ACTIONS = {
    "participant.admitted": ParticipantAction.APPROVE,
    "participant.denied": ParticipantAction.DENY,
    "participant.removed": ParticipantAction.REMOVE,
    "participant.completed": ParticipantAction.COMPLETE,
    "participant.left": ParticipantAction.LEAVE,
    "participant.missed": ParticipantAction.MISS,
}
_HAND_ACTIONS = {"hand.answered": HandAction.ANSWER, "hand.lowered": HandAction.LOWER}
_BREAK_ACTIONS = {
    "break.granted": BreakAction.GRANT,
    "break.refused": BreakAction.REFUSE,
    "break.started": BreakAction.START,
    "break.returned": BreakAction.RETURN,
    "break.cancelled": BreakAction.CANCEL,
}


def after(machine: StateMachine[Any, Any], state: Any, action: Any) -> Any:
    """Return the state after the action. A recorded action that changes nothing is an error."""
    target = machine.target(state, action)
    assert target is not None, f"{action} was recorded in the state {state}"
    return target


@dataclass
class Learner:
    """The state of a participant that follows from the record."""

    state: ParticipantState
    pause_id: str = ""
    extra_time: timedelta = timedelta()
    hands: dict[str, HandState] = field(default_factory=dict)
    breaks: dict[str, BreakState] = field(default_factory=dict)

    @property
    def raised(self) -> list[str]:
        return [each for each, state in self.hands.items() if state is HandState.RAISED]

    @property
    def open_breaks(self) -> list[str]:
        final = BREAK_STATES.final
        return [each for each, state in self.breaks.items() if state not in final]


@dataclass
class Recorded:
    """The state of a session that follows from its record. Each entry must be a documented transition."""

    state: SessionState = SessionState.SCHEDULED
    pause_id: str = ""
    learners: dict[UUID, Learner] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> Recorded:
        recorded = cls()
        for entry in entries:
            recorded.add(entry)
        return recorded

    def add(self, entry: Entry) -> None:
        content = entry.content
        if content.participant_id is None:
            self._add_of_session(content.event, content.body)
        elif content.event == "participant.joined":
            assert content.participant_id not in self.learners
            self.learners[content.participant_id] = Learner(self._first_state(content.body))
        else:
            learner = self.learners[content.participant_id]
            self._add_of_learner(learner, content.event, content.body)

    def _first_state(self, body: bytes) -> ParticipantState:
        if self.state is SessionState.LOBBY_OPEN:
            return ParticipantState.WAITING
        joined = pb.ParticipantJoined.FromString(body)
        if joined.awaiting_approval:
            return ParticipantState.AWAITING_APPROVAL
        return ParticipantState.IN_SESSION

    def _add_of_session(self, event: str, body: bytes) -> None:
        if event in _SESSION_ACTIONS:
            self.state = after(SESSION_STATES, self.state, _SESSION_ACTIONS[event])
        if event == "session.started":
            for learner in self.learners.values():
                if learner.state is ParticipantState.WAITING:
                    learner.state = ParticipantState.IN_SESSION
        elif event == "session.paused":
            assert (self.pause_id, self.state.is_running) == ("", True)
            self.pause_id = pb.SessionPaused.FromString(body).pause_id
        elif event == "session.resumed":
            assert self.pause_id == pb.SessionResumed.FromString(body).pause_id
            self.pause_id = ""

    def _add_of_learner(self, learner: Learner, event: str, body: bytes) -> None:
        kind, _, _ = event.partition(".")
        if event in _PARTICIPANT_ACTIONS:
            action = _PARTICIPANT_ACTIONS[event]
            learner.state = after(PARTICIPANT_STATES, learner.state, action)
        elif event == "participant.readmitted":
            is_lobby = self.state is SessionState.LOBBY_OPEN
            action = ParticipantAction.READMIT_TO_LOBBY if is_lobby else ParticipantAction.READMIT
            learner.state = after(PARTICIPANT_STATES, learner.state, action)
        elif event == "participant.paused":
            assert (learner.pause_id, learner.state) == ("", ParticipantState.IN_SESSION)
            learner.pause_id = pb.ParticipantPaused.FromString(body).pause_id
        elif event == "participant.resumed":
            assert learner.pause_id == pb.ParticipantResumed.FromString(body).pause_id
            learner.pause_id = ""
        elif event == "participant.extra-time-granted":
            grant = pb.ParticipantExtraTimeGranted.FromString(body)
            learner.extra_time += grant.amount.ToTimedelta()
            assert learner.extra_time >= timedelta()
        elif kind == "hand":
            self._add_hand(learner, event, body)
        elif kind == "break":
            self._add_break(learner, event, body)

    def _add_hand(self, learner: Learner, event: str, body: bytes) -> None:
        hand_id = pb.HandLowered.FromString(body).hand_id
        if event == "hand.raised":
            assert learner.raised == []
            learner.hands[hand_id] = HandState.RAISED
        else:
            state = learner.hands[hand_id]
            learner.hands[hand_id] = after(HAND_STATES, state, _HAND_ACTIONS[event])

    def _add_break(self, learner: Learner, event: str, body: bytes) -> None:
        break_id = pb.BreakRequested.FromString(body).break_id
        if event == "break.requested":
            assert learner.open_breaks == []
            learner.breaks[break_id] = BreakState.REQUESTED
        elif event == "break.overrun":
            assert learner.breaks[break_id] is BreakState.STARTED
        else:
            state = learner.breaks[break_id]
            learner.breaks[break_id] = after(BREAK_STATES, state, _BREAK_ACTIONS[event])


@dataclass(frozen=True)
class Stored:
    """The rows of the session and of its participants, and the session record."""

    session: Session
    views: Sequence[ParticipantView]
    entries: Sequence[Entry]

    @property
    def digest(self) -> tuple[int, int]:
        """The numbers that every change increases: the revision, and the number of entries."""
        return self.session.revision, len(self.entries)


class World:
    """A session with two proctors, an administrator and learners, in a database with a movable clock."""

    def __init__(self, runner: asyncio.Runner, url: str) -> None:
        self.runner = runner
        self.clock = MovableClock(START - 40 * MINUTE)
        self.database = Database(url, clock=self.clock)
        self.staff = [
            *(Caller(new_id(), frozenset({"proctor"})) for _ in range(2)),
            Caller(new_id(), frozenset({"administrator"})),
        ]
        self.learners = [Caller(new_id(), frozenset({"learner"})) for _ in range(LEARNERS)]
        self.session_id = new_id()

    def run(self, awaitable: Awaitable[Any]) -> Any:
        async def wait() -> Any:
            return await awaitable

        return self.runner.run(wait())

    async def schedule(self, late_entry: LateEntry, countdown: timedelta) -> None:
        """Insert the session, as scheduling does after its calls of the other services."""
        proctor_ids = [caller.require_person() for caller in self.staff[:2]]
        plan = Plan(
            course_id=new_id(),
            assessment_ids=(new_id(),),
            title="Fire safety, supervised",
            start_time=START,
            duration=60 * MINUTE,
            proctor_ids=tuple(proctor_ids),
            capacity=LEARNERS - 1,
            lobby_lead=30 * MINUTE,
            late_entry=late_entry,
            late_entry_limit=60 * MINUTE if late_entry is LateEntry.UNTIL else timedelta(),
            identity_policy=IdentityPolicy.NONE,
            closing_countdown=countdown,
            auto_close_after=10 * MINUTE,
            break_policy=BreakPolicy(2, 10 * MINUTE, 15 * MINUTE, clock_stops=True),
        )
        session = new_session(self.session_id, plan)
        async with self.database.transaction() as tx:
            certified_until = dict.fromkeys(proctor_ids, START + timedelta(days=1))
            await store_missing_certifications(tx, certified_until)
            await sessions.insert_session(tx, session, ())
            await save_change(tx, session)

    async def join(self, index: int) -> None:
        """Let a learner join. Raises the error of the refusal."""
        code = ResolvedCode(
            new_id(), self.session_id, None, CodeValidity.VALID, None, None, registered=True
        )
        request = JoinRequest(self.learners[index].require_person(), CodeResolution(code))
        async with self.database.transaction() as tx:
            locked = await sessions.lock_sessions(tx, [self.session_id])
            await join_all(tx, locked, [request])

    async def read(self) -> Stored:
        async with self.database.transaction(repeatable_read=True) as tx:
            session = await sessions.get_session(tx, self.session_id)
            assert session is not None
            views = await participants.list_views(tx, self.session_id)
            entries = await record.list_entries(tx, self.session_id, after=0, limit=10_000)
        return Stored(session, views, entries)

    def attempt(self, *commands: Callable[[], Awaitable[object]]) -> list[ServiceError | None]:
        """Run the commands at once. Return the error of each refused command, and None for each accepted one.

        A command may be refused for a reason of its contract, but it must not fail in any other way.
        """

        async def one(command: Callable[[], Awaitable[object]]) -> ServiceError | None:
            try:
                await command()
            except ServiceError as error:
                if error.kind is Kind.UNAVAILABLE:
                    raise
                return error
            return None

        async def all_at_once() -> list[ServiceError | None]:
            return list(await asyncio.gather(*(one(each) for each in commands)))

        outcomes: list[ServiceError | None] = self.runner.run(all_at_once())
        return outcomes


def responder() -> Responder[Any, Empty]:
    """Return a responder that ignores the result."""
    return Responder(Empty(), Empty, lambda _: Empty())

"""The world of the stateful test: a session in a real database, and the state that follows from its record."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from google.protobuf.empty_pb2 import Empty

from proctorium.options.v1 import options_pb2
from proctorium.session.events.v1 import events_pb2 as pb
from proctorium_access.certifications import store_missing_certifications
from proctorium_common.errors import Kind, ServiceError
from proctorium_common.events.envelope import name_of
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
from proctorium_session.domain.outages import DisconnectPolicy
from proctorium_session.domain.participant_states import (
    PARTICIPANT_STATES,
    ParticipantAction,
    ParticipantState,
)
from proctorium_session.domain.participants import ParticipantView
from proctorium_session.domain.record import Entry
from proctorium_session.domain.session_states import SESSION_STATES, SessionAction, SessionState
from proctorium_session.domain.sessions import LateEntry, Plan, Session, new_session
from proctorium_session.operations import presence
from proctorium_session.operations.changes import save_change
from proctorium_session.operations.joining import JoinRequest, join_all
from proctorium_session.storage import participants, record, sessions
from proctorium_session.storage.presence import ConnectionChange

_SET_CONNECTED = "UPDATE participants SET connected = $2, revision = $3 WHERE participant_id = $1"

START = datetime(2027, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LEARNERS = 3

_SESSION_ACTIONS = {
    "session.lobby-opened": SessionAction.OPEN_LOBBY,
    "session.started": SessionAction.START,
    "session.closing": SessionAction.CLOSE,
    "session.closing-cancelled": SessionAction.CANCEL_CLOSING,
    "session.ended": SessionAction.END,
    "session.reopened": SessionAction.REOPEN,
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
_RETURN_EVENTS = {
    "participant.return-requested",
    "participant.return-denied",
    "participant.return-admitted",
}
_HAND_ACTIONS = {"hand.answered": HandAction.ANSWER, "hand.lowered": HandAction.LOWER}
_BREAK_ACTIONS = {
    "break.granted": BreakAction.GRANT,
    "break.refused": BreakAction.REFUSE,
    "break.started": BreakAction.START,
    "break.returned": BreakAction.RETURN,
    "break.cancelled": BreakAction.CANCEL,
}

_TYPES: dict[str, Any] = {
    name_of(descriptor).short.removeprefix("session."): getattr(pb, message)
    for message, descriptor in pb.DESCRIPTOR.message_types_by_name.items()
    if descriptor.GetOptions().HasExtension(options_pb2.event)
}
"""The type of each event of session orchestration, by the name of the event in the record."""


def parsed(event: str, body: bytes) -> Any:
    """Return the event in an entry. Events of one subject have their fields in different places."""
    return _TYPES[event].FromString(body)


def after(machine: StateMachine[Any, Any], state: Any, action: Any) -> Any:
    """Return the state after the action. A recorded action that changes nothing is an error."""
    target = machine.target(state, action)
    assert target is not None, f"{action} was recorded in the state {state}"
    return target


@dataclass
class Learner:
    """The state of a participant that follows from the record."""

    person_id: str
    state: ParticipantState
    state_before_miss: ParticipantState | None = None
    ending_id: str = ""
    outage_id: str = ""
    return_request_id: str = ""
    return_denied: bool = False
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

    def continue_after_reopening(self) -> None:
        """Restore the state before the end of the session, unless the session was ended earlier for this learner."""
        if self.state is ParticipantState.NO_SHOW:
            is_denied = self.state_before_miss is ParticipantState.DENIED
            action = ParticipantAction.DENY_AGAIN if is_denied else ParticipantAction.AWAIT_AGAIN
            self.state = after(PARTICIPANT_STATES, self.state, action)
            assert self.state is self.state_before_miss
        elif self.state is not ParticipantState.REMOVED and not self.ending_id:
            self.state = after(PARTICIPANT_STATES, self.state, ParticipantAction.CONTINUE)


@dataclass
class Recorded:
    """The state of a session that follows from its record. Each entry must be a documented transition."""

    state: SessionState = SessionState.SCHEDULED
    is_final: bool = False
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
            person_id = pb.ParticipantJoined.FromString(content.body).person_id
            self.learners[content.participant_id] = Learner(
                person_id, self._first_state(content.body)
            )
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
        elif event == "session.finalized":
            assert (self.state, self.is_final) == (SessionState.ENDED, False)
            self.is_final = True
        elif event == "session.reopened":
            self._reopen(pb.SessionReopened.FromString(body))
        elif event == "session.paused":
            assert (self.pause_id, self.state.is_running) == ("", True)
            self.pause_id = pb.SessionPaused.FromString(body).pause_id
        elif event == "session.resumed":
            assert self.pause_id == pb.SessionResumed.FromString(body).pause_id
            self.pause_id = ""

    def _reopen(self, event: pb.SessionReopened) -> None:
        self.is_final = False
        for learner in self.learners.values():
            before = learner.state
            learner.continue_after_reopening()
            is_present = learner.state is not before and (
                learner.state is ParticipantState.IN_SESSION
            )
            assert is_present == (learner.person_id in event.person_ids)

    def _add_of_learner(self, learner: Learner, event: str, body: bytes) -> None:
        kind, _, _ = event.partition(".")
        if event in _PARTICIPANT_ACTIONS:
            action = _PARTICIPANT_ACTIONS[event]
            if action is ParticipantAction.MISS:
                learner.state_before_miss = learner.state
            learner.state = after(PARTICIPANT_STATES, learner.state, action)
        elif event == "participant.readmitted":
            is_lobby = self.state is SessionState.LOBBY_OPEN
            action = ParticipantAction.READMIT_TO_LOBBY if is_lobby else ParticipantAction.READMIT
            learner.state = after(PARTICIPANT_STATES, learner.state, action)
        elif event in {"participant.ended", "participant.end-undone"}:
            self._add_ending(learner, event, body)
        elif event in {"participant.disconnected", "participant.connected"}:
            self._add_connection(learner, event, body)
        elif event in _RETURN_EVENTS:
            self._add_return(learner, event, body)
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

    def _add_ending(self, learner: Learner, event: str, body: bytes) -> None:
        assert self.state.is_running
        is_removed = learner.state is ParticipantState.REMOVED
        if event == "participant.ended":
            ended = pb.ParticipantEnded.FromString(body)
            assert (learner.ending_id, ended.removed) == ("", is_removed)
            learner.ending_id = ended.ending_id
            return
        undone = pb.ParticipantEndUndone.FromString(body)
        assert (learner.ending_id, undone.removed) == (undone.ending_id, is_removed)
        learner.ending_id = ""
        if not is_removed:
            learner.state = after(PARTICIPANT_STATES, learner.state, ParticipantAction.CONTINUE)

    def _add_connection(self, learner: Learner, event: str, body: bytes) -> None:
        if event == "participant.connected":
            assert learner.outage_id == pb.ParticipantConnected.FromString(body).outage_id
            learner.outage_id = ""
            return
        assert learner.outage_id == ""
        learner.outage_id = pb.ParticipantDisconnected.FromString(body).outage_id
        is_in_session = learner.state is ParticipantState.IN_SESSION
        assert bool(learner.outage_id) == (self.state.is_running and is_in_session)

    def _add_return(self, learner: Learner, event: str, body: bytes) -> None:
        request_id = parsed(event, body).return_request_id
        if event == "participant.return-requested":
            assert learner.return_request_id == ""
            assert (self.state.is_running, learner.state) == (True, ParticipantState.IN_SESSION)
            learner.return_request_id = request_id
            return
        assert learner.return_request_id == request_id
        if event == "participant.return-denied":
            assert not learner.return_denied
            learner.return_denied = True
        else:
            learner.return_request_id, learner.return_denied = "", False

    def _add_hand(self, learner: Learner, event: str, body: bytes) -> None:
        hand_id = parsed(event, body).hand_id
        if event == "hand.raised":
            assert learner.raised == []
            learner.hands[hand_id] = HandState.RAISED
        else:
            state = learner.hands[hand_id]
            learner.hands[hand_id] = after(HAND_STATES, state, _HAND_ACTIONS[event])

    def _add_break(self, learner: Learner, event: str, body: bytes) -> None:
        break_id = parsed(event, body).break_id
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

    async def schedule(
        self, late_entry: LateEntry, countdown: timedelta, *, requires_approval: bool
    ) -> None:
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
            reopen_window=10 * MINUTE,
            break_policy=BreakPolicy(2, 10 * MINUTE, 15 * MINUTE, clock_stops=True),
            disconnect_policy=DisconnectPolicy(5 * MINUTE, requires_approval, MINUTE),
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

    async def change_connection(self, index: int, *, connected: bool) -> None:
        """Connect or disconnect a learner, as the worker of presence does, with the times of the movable clock.

        The worker itself reads the clock of the database, which does not move. Does nothing if the learner has not
        joined or the session is over.
        """
        person_id = self.learners[index].require_person()
        async with self.database.transaction() as tx:
            session = await sessions.lock_session(tx, self.session_id)
            view = await participants.get_view_of_person(tx, self.session_id, person_id)
            assert session is not None
            if session.state.is_over or view is None or view.participant.connected == connected:
                return
            participant_id = view.participant.participant_id
            await tx.fetch(_SET_CONNECTED, participant_id, connected, session.next_revision)
            change = ConnectionChange(participant_id, None if connected else tx.now, tx.now)
            await save_change(tx, session, await presence._record(tx, session, [change]))

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

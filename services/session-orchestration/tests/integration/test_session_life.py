"""A stateful test: random commands of proctors and learners against a real database, and the invariants of a session.

The variable PROCTORIUM_LIFE_EXAMPLES sets the number of examples, which are then random. Without it, the test has few
examples, which are the same in each run.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from google.protobuf.empty_pb2 import Empty
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.idempotency import Responder
from proctorium_devstack.testing import MigratedDatabase
from proctorium_session.domain.breaks import BreakAction
from proctorium_session.domain.hands import HandAction, HandKind
from proctorium_session.domain.incidents import Incident, IncidentChanges, IncidentSeverity
from proctorium_session.domain.participant_states import ParticipantState
from proctorium_session.domain.participants import ParticipantView, ShownState, shown_state
from proctorium_session.domain.record import first_invalid_entry
from proctorium_session.domain.session_states import SessionState
from proctorium_session.domain.sessions import LateEntry, Pause
from proctorium_session.operations import (
    approval,
    breaks,
    closing,
    conduct,
    extra_time,
    hands,
    lobby,
    pauses,
    planning,
    removals,
    reopening,
)
from proctorium_session.operations.breaks import BreakDecision
from proctorium_session.operations.extra_time import ExtraTime
from proctorium_session.operations.incidents import Incidents, NewIncident

from .life import LEARNERS, MINUTE, Recorded, Stored, World, responder

EXAMPLES = int(os.environ.get("PROCTORIUM_LIFE_EXAMPLES", "8"))
REASON = "The fire alarm rang."
ANYBODY = st.integers(0, LEARNERS - 1)
STAFF = st.integers(0, 2)

OVER = {ParticipantState.COMPLETED, ParticipantState.LEFT, ParticipantState.REMOVED}
"""The states of a participant for whom the session was ended."""

Command = Callable[[], Awaitable[object]]


class SessionLife(RuleBasedStateMachine):
    """Commands of two proctors, an administrator and learners. Each step is followed by all invariants."""

    runner: asyncio.Runner
    url: str

    @initialize(
        late_entry=st.sampled_from([LateEntry.UNTIL, LateEntry.APPROVAL]),
        countdown=st.sampled_from([timedelta(), MINUTE]),
        requires_approval=st.sampled_from([True, True, False]),
        is_started=st.sampled_from([True, True, False]),
    )
    def schedule(
        self, late_entry: LateEntry, countdown: timedelta, requires_approval: bool, is_started: bool
    ) -> None:
        self.world = World(self.runner, self.url)
        self.incidents = Incidents(self.world.database, access_period=timedelta(hours=24))
        self.world.run(
            self.world.schedule(late_entry, countdown, requires_approval=requires_approval)
        )
        self.stored: Stored = self.world.run(self.world.read())
        if is_started:
            # Most commands need a session in progress, which random commands rarely reach with learners.
            self.world.clock.move(minutes=40)
            self.perform(*(self._joining(index) for index in range(LEARNERS)))
            self.perform(self._conduct("start", self.world.staff[0]))
            self.perform(*(self._connecting(index) for index in range(LEARNERS)))

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.run(self.world.database.close())

    def perform(self, *commands: Command) -> None:
        """Perform the commands at once. A single refused command must change nothing."""
        before = self.stored.digest
        errors = self.world.attempt(*commands)
        self.stored = self.world.run(self.world.read())
        if all(errors):
            assert self.stored.digest == before
        assert self.stored.digest >= before

    def view(self, index: int) -> ParticipantView | None:
        """Return the participant, or None if the learner has not joined."""
        person_id = self.world.learners[index].person_id
        return next(
            (view for view in self.stored.views if view.participant.person_id == person_id), None
        )

    def ids(self, index: int) -> list[UUID]:
        """Return the id of a participant, or of nobody if the learner has not joined."""
        view = self.view(index)
        return [UUID(int=index + 1) if view is None else view.participant.participant_id]

    # Time and workers.

    @rule(minutes=st.sampled_from([1, 2, 5, 15, 40]))
    def wait(self, minutes: int) -> None:
        self.world.clock.move(minutes=minutes)

    @rule()
    def run_workers(self) -> None:
        database = self.world.database
        for command in (
            lambda: lobby.open_due_lobbies(database),
            lambda: closing.end_closed_sessions(database),
            lambda: closing.close_overdue_sessions(database),
            lambda: reopening.finalize_sessions(database),
            lambda: breaks.record_overruns(database),
        ):
            self.perform(command, command)

    # Connections.

    def _connecting(self, index: int, *, connected: bool = True) -> Command:
        return lambda: self.world.change_connection(index, connected=connected)

    @rule(index=ANYBODY, connected=st.booleans())
    def change_connection(self, index: int, connected: bool) -> None:
        self.perform(self._connecting(index, connected=connected))

    @rule(
        index=ANYBODY,
        minutes=st.sampled_from([2, 2, 1]),
        name=st.sampled_from(["admit", "deny", "remove", "end_for"]),
    )
    def return_from_an_outage(self, index: int, minutes: int, name: str) -> None:
        """The learner returns from an outage, and a proctor acts at the same time."""
        self.perform(self._connecting(index))
        self.perform(self._connecting(index, connected=False))
        self.wait(minutes)
        decision = self._supervise(name, self.world.staff[0], self.ids(index))
        self.perform(self._connecting(index), decision)

    # The session.

    @rule(index=ANYBODY)
    def join(self, index: int) -> None:
        self.perform(self._joining(index), self._joining(index))

    def _joining(self, index: int) -> Command:
        return lambda: self.world.join(index)

    def _conduct(self, name: str, caller: Caller) -> Command:
        database, session_id = self.world.database, self.world.session_id
        commands: dict[str, Command] = {
            "open": lambda: lobby.open_lobby(database, caller, session_id, responder()),
            "start": lambda: conduct.start(database, caller, session_id, responder()),
            "end": lambda: closing.end(database, caller, session_id, responder(), end_now=False),
            "end_now": lambda: closing.end(database, caller, session_id, responder(), end_now=True),
            "cancel_closing": lambda: closing.cancel_closing(
                database, caller, session_id, responder()
            ),
            "reopen": lambda: reopening.reopen(database, caller, session_id, responder()),
        }
        return commands[name]

    @rule(
        name=st.sampled_from(
            ["open", "start", "start", "end", "cancel_closing", "cancel_closing", "reopen"]
        ),
        staff=STAFF,
    )
    def conduct(self, name: str, staff: int) -> None:
        self.perform(self._conduct(name, self.world.staff[staff]))

    @rule(
        names=st.lists(
            st.sampled_from(["start", "end", "end_now", "cancel_closing", "reopen"]),
            min_size=2,
            max_size=3,
        )
    )
    def conduct_at_once(self, names: list[str]) -> None:
        pairs = zip(names, self.world.staff, strict=False)
        self.perform(*(self._conduct(name, caller) for name, caller in pairs))

    @rule(confirmed=st.integers(0, 9))
    def cancel(self, confirmed: int) -> None:
        if confirmed == 0:  # Otherwise, most sessions would be cancelled early.
            world = self.world
            self.perform(
                lambda: planning.cancel(
                    world.database, world.staff[2], world.session_id, responder()
                )
            )

    # The participants.

    def _supervise(self, name: str, caller: Caller, ids: list[UUID]) -> Command:
        arguments = self.world.database, caller, self.world.session_id, ids
        commands: dict[str, Command] = {
            "pause": lambda: pauses.pause(*arguments, REASON, responder()),
            "resume": lambda: pauses.resume(*arguments, responder()),
            "remove": lambda: removals.remove(*arguments, REASON, responder()),
            "readmit": lambda: removals.readmit(*arguments, responder()),
            "end_for": lambda: removals.end_for(*arguments, REASON, responder()),
            "undo_end_for": lambda: removals.undo_end_for(*arguments, responder()),
            "admit": lambda: approval.admit(*arguments, responder()),
            "deny": lambda: approval.deny(*arguments, REASON, responder()),
            "grant": lambda: extra_time.grant(
                *arguments, ExtraTime(5 * MINUTE, REASON), responder()
            ),
            "take_back": lambda: extra_time.grant(
                *arguments, ExtraTime(-5 * MINUTE, REASON), responder()
            ),
        }
        return commands[name]

    @rule(
        name=st.sampled_from(
            [
                "pause",
                "resume",
                "remove",
                "readmit",
                "end_for",
                "undo_end_for",
                "admit",
                "deny",
                "grant",
                "take_back",
            ]
        ),
        staff=STAFF,
        index=ANYBODY,
    )
    def supervise(self, name: str, staff: int, index: int) -> None:
        self.perform(self._supervise(name, self.world.staff[staff], self.ids(index)))

    @rule(name=st.sampled_from(["pause", "resume", "grant"]), staff=STAFF)
    def supervise_all(self, name: str, staff: int) -> None:
        self.perform(self._supervise(name, self.world.staff[staff], []))

    @rule(
        names=st.lists(
            st.sampled_from(
                [
                    "pause",
                    "resume",
                    "remove",
                    "readmit",
                    "end_for",
                    "undo_end_for",
                    "admit",
                    "deny",
                    "take_back",
                ]
            ),
            min_size=2,
            max_size=3,
        ),
        index=ANYBODY,
    )
    def supervise_at_once(self, names: list[str], index: int) -> None:
        ids = self.ids(index)
        pairs = zip(names, self.world.staff, strict=False)
        self.perform(*(self._supervise(name, caller, ids) for name, caller in pairs))

    # Hands and breaks.

    @rule(index=ANYBODY, kind=st.sampled_from(HandKind))
    def raise_hand(self, index: int, kind: HandKind) -> None:
        world, learner = self.world, self.world.learners[index]
        self.perform(
            lambda: hands.raise_hand(world.database, learner, world.session_id, kind, responder())
        )

    @rule(index=ANYBODY, staff=STAFF)
    def close_hand_at_once(self, index: int, staff: int) -> None:
        view = self.view(index)
        if view is None or view.participant.hand is None:
            return
        database, hand_id = self.world.database, view.participant.hand.hand_id
        person, learner = self.world.staff[staff], self.world.learners[index]
        answer, lower = HandAction.ANSWER, HandAction.LOWER
        self.perform(
            lambda: hands.close_hand(database, person, hand_id, answer, responder()),
            lambda: hands.close_hand(database, learner, hand_id, lower, responder()),
        )

    @rule(index=ANYBODY)
    def request_break(self, index: int) -> None:
        world, learner = self.world, self.world.learners[index]
        self.perform(
            lambda: breaks.request_break(world.database, learner, world.session_id, responder())
        )

    @rule(
        index=ANYBODY,
        steps=st.lists(
            st.sampled_from(["grant", "grant", "start", "refuse", "return", "cancel"]),
            min_size=1,
            max_size=2,
        ),
        staff=STAFF,
    )
    def change_break(self, index: int, steps: list[str], staff: int) -> None:
        view = self.view(index)
        if view is None or view.participant.breaks.latest is None:
            return
        break_id = view.participant.breaks.latest.break_id
        self.perform(*(self._change_break(each, index, staff, break_id) for each in steps))

    def _change_break(self, step: str, index: int, staff: int, break_id: UUID) -> Command:
        database, person = self.world.database, self.world.staff[staff]
        learner = self.world.learners[index]
        granted, refused = BreakDecision(5 * MINUTE), BreakDecision(None, REASON)
        commands: dict[str, Command] = {
            "grant": lambda: breaks.decide_break(database, person, break_id, granted, responder()),
            "refuse": lambda: breaks.decide_break(database, person, break_id, refused, responder()),
            "start": lambda: breaks.start_break(database, learner, break_id, responder()),
            "return": lambda: breaks.close_break(
                database, learner, break_id, BreakAction.RETURN, responder()
            ),
            "cancel": lambda: breaks.close_break(
                database, learner, break_id, BreakAction.CANCEL, responder()
            ),
        }
        return commands[step]

    # Incidents.

    @rule(index=ANYBODY)
    def report_and_change_an_incident_at_once(self, index: int) -> None:
        world = self.world
        created: list[Incident] = []
        new = NewIncident(self.ids(index)[0], "environment.noise", IncidentSeverity.NOTE, "A", None)

        def keep(incident: Incident) -> Empty:
            created.append(incident)
            return Empty()

        self.perform(
            lambda: self.incidents.create(
                world.staff[0], world.session_id, new, Responder(Empty(), Empty, keep)
            )
        )
        if not created:
            return
        (incident,) = created
        before = len(self.stored.entries)

        def change(staff: int, note: str) -> Command:
            changes = IncidentChanges(note=note)
            return lambda: self.incidents.update(
                world.staff[staff], incident.incident_id, changes, incident.etag, responder()
            )

        self.perform(change(0, "B"), change(1, "C"))
        assert len(self.stored.entries) == before + 1, "the second change has an outdated etag"

    # Invariants.

    @invariant()
    def record_verifies(self) -> None:
        session, entries = self.stored.session, self.stored.entries
        assert first_invalid_entry(session.session_id, entries) is None
        assert session.head.number == len(entries)

    @invariant()
    def rows_follow_from_the_transitions_in_the_record(self) -> None:
        session, recorded = self.stored.session, Recorded.of(self.stored.entries)
        assert session.state is recorded.state
        assert id_of(session.pause) == recorded.pause_id
        assert len(self.stored.views) == len(recorded.learners) == session.participant_count
        for view in self.stored.views:
            participant = view.participant
            learner = recorded.learners[participant.participant_id]
            assert participant.state is learner.state
            assert id_of(participant.pause) == learner.pause_id
            assert participant.extra_time == learner.extra_time
            assert [str(participant.hand.hand_id)] if participant.hand else learner.raised == []
            latest = participant.breaks.latest
            is_open = latest is not None and str(latest.break_id) in learner.open_breaks
            assert is_open == bool(learner.open_breaks)

    @invariant()
    def endings_and_outages_follow_from_the_record(self) -> None:
        recorded = Recorded.of(self.stored.entries)
        for view in self.stored.views:
            participant = view.participant
            learner = recorded.learners[participant.participant_id]
            ending, outage = participant.ending, participant.outage
            assert learner.ending_id == ("" if ending is None else str(ending.ending_id))
            has_outage = outage is not None and outage.is_open
            assert learner.outage_id == (str(outage.outage_id) if outage and has_outage else "")
            request = participant.return_request
            request_id = "" if request is None else str(request.request_id)
            assert learner.return_request_id == request_id
            assert learner.return_denied == (request is not None and request.denial_reason != "")

    @invariant()
    def learner_with_an_outage_is_not_connected(self) -> None:
        for view in self.stored.views:
            outage = view.participant.outage
            assert not (view.participant.connected and outage is not None and outage.is_open)

    @invariant()
    def session_is_over_for_a_learner_for_whom_it_was_ended(self) -> None:
        for view in self.stored.views:
            if view.participant.ending is not None:
                assert view.participant.state in OVER

    @invariant()
    def only_a_session_that_has_ended_and_is_not_final_can_be_reopened_by_proctors(self) -> None:
        session, recorded = self.stored.session, Recorded.of(self.stored.entries)
        is_reopenable = session.state is SessionState.ENDED and not recorded.is_final
        assert (session.reopen_until is not None) == is_reopenable

    @invariant()
    def nobody_is_in_session_before_the_start(self) -> None:
        if self.stored.session.actual_start_time is None:
            states = {view.participant.state for view in self.stored.views}
            assert ParticipantState.IN_SESSION not in states

    @invariant()
    def session_that_is_over_has_no_open_hand_or_break(self) -> None:
        session = self.stored.session
        if session.state not in {SessionState.ENDED, SessionState.CANCELLED}:
            return
        assert session.closing is None
        recorded = Recorded.of(self.stored.entries)
        for learner in recorded.learners.values():
            assert learner.raised == []
            if session.state is SessionState.ENDED:
                assert learner.open_breaks == []
                assert learner.state is not ParticipantState.IN_SESSION

    @invariant()
    def state_paused_is_shown_during_every_pause(self) -> None:
        session = self.stored.session
        for view in self.stored.views:
            participant = view.participant
            if participant.state is ParticipantState.IN_SESSION:
                stops = session.pause, participant.pause, participant.return_request
                shown = shown_state(session, participant)
                assert (shown is ShownState.PAUSED) == any(each is not None for each in stops)


def id_of(pause: Pause | None) -> str:
    return "" if pause is None else str(pause.pause_id)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


def test_session_life(migrated_database: MigratedDatabase, runner: asyncio.Runner) -> None:
    SessionLife.runner, SessionLife.url = runner, migrated_database("proctorium_session")
    run_state_machine_as_test(
        SessionLife,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=30,
            deadline=None,
            # Commands that run at once can interleave in another way when an example is repeated.
            database=None,
            derandomize="PROCTORIUM_LIFE_EXAMPLES" not in os.environ,
            suppress_health_check=list(HealthCheck),
        ),
    )

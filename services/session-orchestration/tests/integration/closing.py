"""Helpers for the tests of closing: rooms, which are sessions in progress, and events about a learner's attempt."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, TypeVar, cast
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from proctorium.assessment.events.v1 import events_pb2 as assessment
from proctorium.session.v1 import sessions_pb2
from proctorium_common.ids import new_id
from proctorium_devstack.testing.waiting import until

from .harness import Harness, Person, join, plan, start

M = TypeVar("M", bound=Any)

LONG = timedelta(minutes=10)
SHORT = timedelta(milliseconds=300)
NO_TIME = timedelta()
CLOSING = sessions_pb2.SESSION_STATE_CLOSING
IN_PROGRESS = sessions_pb2.SESSION_STATE_IN_PROGRESS
ENDED = sessions_pb2.SESSION_STATE_ENDED


class Room:
    """A session in progress with a proctor and a learner, and the events about the learner's attempt."""

    def __init__(self, harness: Harness, proctor: Person, learner: Person, session_id: str) -> None:
        self.harness, self.proctor, self.learner = harness, proctor, learner
        self.session_id = session_id
        self.attempt_id = str(new_id())
        self.participant_id = ""
        self.assessment_id = ""

    @property
    def ending(self) -> sessions_pb2.EndSessionRequest:
        return sessions_pb2.EndSessionRequest(session_id=self.session_id)

    @property
    def cancelling(self) -> sessions_pb2.CancelClosingRequest:
        return sessions_pb2.CancelClosingRequest(session_id=self.session_id)

    async def cancel(self, person: Person | None = None) -> sessions_pb2.Session:
        caller = person or self.proctor
        return (await caller.sessions.CancelClosing(self.cancelling)).session

    async def shown(self) -> sessions_pb2.Session:
        request = sessions_pb2.GetSessionRequest(session_id=self.session_id)
        return (await self.proctor.sessions.GetSession(request)).session

    async def until_state(self, state: sessions_pb2.SessionState.ValueType) -> sessions_pb2.Session:
        async def reached() -> bool:
            return (await self.shown()).state == state

        await until(reached)
        return await self.shown()

    async def events(self, kind: type[M]) -> list[M]:
        """Return the published events of a type that belong to the session."""
        published = await self.harness.events(kind)
        return [each for each in published if each.session_id == self.session_id]

    async def recorded(self) -> list[str]:
        """Return the names of the recorded events about the end of the session, in order."""
        names = {"session.closing", "session.closing-cancelled", "session.ended", "session.overdue"}
        return [each for each in await self.harness.recorded(self.session_id) if each in names]

    def attempt(self, kind: type[M], **fields: object) -> M:
        return cast(
            M,
            kind(
                attempt_id=self.attempt_id,
                session_id=self.session_id,
                participant_id=self.participant_id,
                assessment_id=self.assessment_id,
                **fields,
            ),
        )

    async def start_attempt(self, deadline: datetime | None = None) -> None:
        """Deliver the event which reports that the learner started the attempt."""
        started = self.attempt(assessment.AttemptStarted, deadline_time=stamp(deadline))
        await self.harness.deliver(started)

    async def change_time(self, deadline: datetime | None, *, stopped: bool = False) -> None:
        changed = self.attempt(
            assessment.AttemptTimeChanged, deadline_time=stamp(deadline), stopped=stopped
        )
        await self.harness.deliver(changed)

    async def pass_planned_end(self, by: timedelta = NO_TIME) -> None:
        """Move the session into the past, so that its planned end was `by` ago."""
        await self.harness.rows(
            "UPDATE sessions SET start_time = now() - duration - CAST(:by AS interval)"
            " WHERE session_id = :id",
            by=by,
            id=UUID(self.session_id),
        )


def stamp(time: datetime | None) -> Timestamp | None:
    if time is None:
        return None
    message = Timestamp()
    message.FromDatetime(time)
    return message


async def room(
    harness: Harness,
    *,
    countdown: timedelta = LONG,
    auto_close_after: timedelta = timedelta(hours=1),
    started: bool = True,
    breaks: sessions_pb2.BreakPolicy | None = None,
) -> Room:
    """Return a room. If `started` is true, its session is in progress."""
    proctor, learner = harness.proctor(), harness.learner()
    session = await harness.scheduled(
        plan(
            [proctor],
            closing_countdown=countdown,
            auto_close_after=auto_close_after,
            late_entry=sessions_pb2.LATE_ENTRY_UNTIL,
            breaks=breaks,
        )
    )
    made = Room(harness, proctor, learner, session.session_id)
    joined = await join(learner, session.session_id)
    made.participant_id = joined.participant.participant_id
    made.assessment_id = session.plan.assessment_ids[0]
    if started:
        await start(proctor, session.session_id)
    return made

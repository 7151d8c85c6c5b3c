"""The harness of the integration tests.

It runs the service, creates the people who call it, and plans and joins sessions.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from proctorium.session.v1 import (
    breaks_pb2_grpc,
    hands_pb2_grpc,
    incidents_pb2_grpc,
    lobby_pb2,
    lobby_pb2_grpc,
    messages_pb2_grpc,
    reports_pb2_grpc,
    sessions_pb2,
    sessions_pb2_grpc,
    supervision_pb2,
    supervision_pb2_grpc,
)
from proctorium_common.ids import new_id
from proctorium_devstack.testing import Servers
from proctorium_devstack.testing import harness as testing
from proctorium_devstack.testing.assessment import FakeAssessment
from proctorium_devstack.testing.enrollment import FakeEnrollment, assessments_of
from proctorium_devstack.testing.waiting import next_response, until
from proctorium_session.__main__ import build
from proctorium_session.settings import Settings


class Person(testing.Person):
    """A person, with stubs that call the service with the credentials of the person."""

    def __init__(self, harness: Harness, *roles: str, person_id: UUID | None = None) -> None:
        super().__init__(harness, *roles, person_id=person_id)
        self.sessions = sessions_pb2_grpc.SessionServiceStub(self.channel)
        self.lobby = lobby_pb2_grpc.LobbyServiceStub(self.channel)
        self.supervision = supervision_pb2_grpc.SupervisionServiceStub(self.channel)
        self.record = supervision_pb2_grpc.RecordServiceStub(self.channel)
        self.incidents = incidents_pb2_grpc.IncidentServiceStub(self.channel)
        self.reports = reports_pb2_grpc.ReportServiceStub(self.channel)
        self.hands = hands_pb2_grpc.HandServiceStub(self.channel)
        self.breaks = breaks_pb2_grpc.BreakServiceStub(self.channel)
        self.messages = messages_pb2_grpc.MessageServiceStub(self.channel)


class Harness(testing.ServiceHarness[Settings]):
    """The service with short intervals, and fakes of enrollment and of the assessment service."""

    rows_of_calls = (
        "SELECT (SELECT count(*) FROM sessions), (SELECT sum(revision) FROM sessions),"
        " (SELECT count(*) FROM participants), (SELECT count(*) FROM participant_assessments),"
        " (SELECT count(*) FROM session_record), (SELECT count(*) FROM outbox),"
        " (SELECT count(*) FROM idempotency_keys), (SELECT count(*) FROM session_proctors),"
        " (SELECT count(*) FROM incidents), (SELECT count(*) FROM incident_revisions),"
        " (SELECT count(*) FROM messages), (SELECT count(*) FROM hands),"
        " (SELECT count(*) FROM breaks), (SELECT sum(revision) FROM break_allowances),"
        " (SELECT sum(finished_unit_count) FROM course_progress)"
    )

    def __init__(
        self, servers: Servers, enrollment: FakeEnrollment, assessment: FakeAssessment
    ) -> None:
        super().__init__(
            Settings,
            build,
            servers,
            [enrollment, assessment],
            presence_lease=1,
            presence_linger=0.2,
            presence_every=0.05,
            presence_reconnect=2,
            lobby_every=0.05,
            closing_every=0.05,
            overrun_every=0.05,
            course_progress_every=0.05,
            # Only the tests of coverage run a replica that updates the coverage of sessions.
            coverage_every=timedelta(hours=1),
        )
        self.enrollment = enrollment
        self.assessment = assessment

    def person(self, *roles: str, person_id: UUID | None = None) -> Person:
        return Person(self, *roles, person_id=person_id)

    def learner(self) -> Person:
        return self.person("learner")

    def administrator(self) -> Person:
        return self.person("administrator")

    def proctor(self, certified_for: timedelta = timedelta(days=365)) -> Person:
        """Return a proctor whose certification ends after `certified_for`."""
        proctor = self.person("proctor")
        self.enrollment.certified_until[proctor.person_id] = datetime.now(UTC) + certified_for
        return proctor

    async def certified(self) -> Person:
        """Return a proctor who has no session, and store the proctor's certification."""
        proctor = self.proctor()
        until = self.enrollment.certified_until[proctor.person_id]
        await self.rows(
            "INSERT INTO certifications VALUES (:id, :until, 0)", id=proctor.person_id, until=until
        )
        return proctor

    async def scheduled(
        self, plan: sessions_pb2.SessionPlan, code: str = ""
    ) -> sessions_pb2.Session:
        """Plan and return a session. Its code is `code`, or the session's id if `code` is empty."""
        request = sessions_pb2.ScheduleSessionRequest(plan=plan)
        session = (await self.administrator().sessions.ScheduleSession(request)).session
        self.enrollment.codes[code or session.session_id] = UUID(session.session_id)
        return session

    async def recorded(self, session_id: str) -> list[str]:
        """Return the names of the events in the session record, in order."""
        rows = await self.rows(
            "SELECT event FROM session_record WHERE session_id = :id ORDER BY number",
            id=UUID(session_id),
        )
        return [str(row[0]) for row in rows]

    async def is_quiet(self) -> bool:
        """Return whether no worker changes data soon, no lease is valid and no participant is connected."""
        return not await self.rows(
            "SELECT 1 FROM sessions WHERE state = 'scheduled'"
            " AND lobby_open_time < now() + interval '1 second'"
            " UNION ALL SELECT 1 FROM sessions WHERE closing_end_at < now() + interval '1 second'"
            " UNION ALL SELECT 1 FROM sessions WHERE reopen_until < now() + interval '1 second'"
            " UNION ALL SELECT 1 FROM breaks WHERE state = 'started' AND overrun_at IS NULL"
            " AND started_at + length < now() + interval '1 second'"
            " UNION ALL SELECT 1 FROM presence WHERE expires_at > now()"
            " UNION ALL SELECT 1 FROM participants WHERE connected"
            " UNION ALL SELECT 1 FROM course_progress WHERE pending"
        )

    async def leases_are_stored(self) -> None:
        """Wait until the replica has stored the leases of all streams that are open now."""
        # The first run may have read the open streams before now. The second run reads them later.
        for _ in range(2):
            now = (await self.rows("SELECT clock_timestamp()"))[0][0]
            await self.until_row("SELECT 1 FROM presence_replicas WHERE seen_at > :now", now=now)

    async def state(self) -> list[Any]:
        """Wait until automatic changes are finished. Return counts and versions of all data that a call can change."""
        await self.leases_are_stored()
        await until(self.is_quiet)
        return await super().state()


def plan(
    proctors: Iterable[Person],
    learners: Iterable[Person] = (),
    *,
    starts_in: timedelta = timedelta(minutes=10),
    duration: timedelta = timedelta(hours=1),
    capacity: int = 10,
    assessments: int = 1,
    late_entry: sessions_pb2.LateEntry.ValueType = sessions_pb2.LATE_ENTRY_CLOSED,
    late_entry_limit: timedelta | None = None,
    lobby_lead: timedelta | None = None,
    identity: sessions_pb2.IdentityPolicy.ValueType = sessions_pb2.IDENTITY_POLICY_NONE,
    uncovered_after: timedelta | None = None,
    closing_countdown: timedelta = timedelta(),
    reopen_window: timedelta = timedelta(),
    auto_close_after: timedelta | None = None,
    breaks: sessions_pb2.BreakPolicy | None = None,
    questions_shown_while_paused: bool = False,
    returned_limit: timedelta = timedelta(),
) -> sessions_pb2.SessionPlan:
    """Return a valid plan.

    By default, its lobby is due, no identity verification is required, and the session ends without a countdown and
    cannot be reopened by its proctors.
    """
    course_id = str(new_id())
    made = sessions_pb2.SessionPlan(
        course_id=course_id,
        assessment_ids=assessments_of(course_id)[:assessments],
        title="Fire safety, supervised",
        proctor_ids=[each.id for each in proctors],
        learner_ids=[each.id for each in learners],
        capacity=capacity,
        late_entry=late_entry,
        identity_policy=identity,
        break_policy=breaks,
        questions_shown_while_paused=questions_shown_while_paused,
    )
    made.start_time.FromDatetime(datetime.now(UTC) + starts_in)
    made.duration.FromTimedelta(duration)
    made.closing_countdown.FromTimedelta(closing_countdown)
    if returned_limit:
        made.disconnect_policy.returned_limit.FromTimedelta(returned_limit)
    made.reopen_window.FromTimedelta(reopen_window)
    if auto_close_after is not None:
        made.auto_close_after.FromTimedelta(auto_close_after)
    if late_entry_limit is not None:
        made.late_entry_limit.FromTimedelta(late_entry_limit)
    if uncovered_after is not None:
        made.uncovered_after.FromTimedelta(uncovered_after)
    if lobby_lead is not None:
        made.lobby_lead.FromTimedelta(lobby_lead)
    return made


async def join(person: Person, session_id: str) -> lobby_pb2.JoinSessionResponse:
    """Join the session with its id, which is also its code unless the test has set another code."""
    return await person.lobby.JoinSession(lobby_pb2.JoinSessionRequest(code=session_id))


async def start(person: Person, session_id: str) -> sessions_pb2.Session:
    """Start the session."""
    request = sessions_pb2.StartSessionRequest(session_id=session_id)
    return (await person.sessions.StartSession(request)).session


async def end(person: Person, session_id: str) -> sessions_pb2.Session:
    """End the session."""
    request = sessions_pb2.EndSessionRequest(session_id=session_id)
    return (await person.sessions.EndSession(request)).session


async def roster(person: Person, session_id: str) -> supervision_pb2.RosterSnapshot:
    """Return the current roster."""
    request = supervision_pb2.WatchRosterRequest(session_id=session_id)
    call = person.supervision.WatchRoster(request)
    try:
        return (await next_response(call)).snapshot
    finally:
        call.cancel()

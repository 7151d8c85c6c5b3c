"""Tests of planning sessions: proctors, learners, overlaps, cancellation, lobbies and constraints of the database."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import grpc
import pytest
from sqlalchemy.exc import DBAPIError

from proctorium.session.events.v1 import events_pb2
from proctorium.session.v1 import sessions_pb2
from proctorium_common.errors import Kind, ServiceError
from proctorium_common.ids import new_id
from proctorium_common.rpc.status import error_of
from proctorium_common.storage.migrations import differences
from proctorium_devstack.testing.refusals import refusal
from proctorium_devstack.testing.waiting import until

from .harness import Harness, Person, end, join, plan, start

HOUR = timedelta(hours=1)


def schedule(
    planned: sessions_pb2.SessionPlan, request_id: str = ""
) -> sessions_pb2.ScheduleSessionRequest:
    return sessions_pb2.ScheduleSessionRequest(plan=planned, request_id=request_id)


def fields_of(error: ServiceError) -> list[str]:
    return [violation.field for violation in error.violations]


async def state_of(person: Person, session_id: str) -> sessions_pb2.SessionState.ValueType:
    request = sessions_pb2.GetSessionRequest(session_id=session_id)
    return (await person.sessions.GetSession(request)).session.state


async def test_migrations_match_the_tables(harness: Harness) -> None:
    assert await differences(harness.database_url, "proctorium_session") == []


async def test_scheduled_session_has_its_plan(harness: Harness) -> None:
    proctor, learner = harness.proctor(), harness.learner()
    wanted = plan([proctor], [learner], starts_in=3 * HOUR)
    session = await harness.scheduled(wanted)
    wanted.lobby_lead.FromTimedelta(timedelta(minutes=30))
    wanted.uncovered_after.FromTimedelta(timedelta(seconds=30))
    wanted.auto_close_after.FromTimedelta(timedelta(minutes=30))
    assert session.plan == wanted
    assert session.state == sessions_pb2.SESSION_STATE_SCHEDULED
    opens = wanted.start_time.ToDatetime(tzinfo=UTC) - timedelta(minutes=30)
    assert session.lobby_open_time.ToDatetime(tzinfo=UTC) == opens
    assert await harness.recorded(session.session_id) == ["session.scheduled"]
    assert await harness.published(session.session_id) == ["session.scheduled"]


async def test_repeated_request_schedules_one_session(harness: Harness) -> None:
    administrator, planned = harness.administrator(), plan([harness.proctor()])
    request = schedule(planned, request_id="once")
    first = await administrator.sessions.ScheduleSession(request)
    assert await administrator.sessions.ScheduleSession(request) == first


@pytest.mark.parametrize(
    "certified_for",
    [timedelta(0), timedelta(hours=2)],
    ids=["not any more", "not when the session begins"],
)
async def test_only_certified_proctors_can_be_assigned(
    harness: Harness, certified_for: timedelta
) -> None:
    proctor, administrator = harness.proctor(certified_for), harness.administrator()
    planned = plan([harness.proctor(), proctor], starts_in=3 * HOUR)
    error = await harness.refused(administrator.sessions.ScheduleSession, schedule(planned))
    assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "PROCTOR_NOT_CERTIFIED")
    until = datetime.fromisoformat(error.metadata["certified_until"])
    assert error.metadata["person_id"] == proctor.id
    assert until < planned.start_time.ToDatetime(tzinfo=UTC)
    (violation,) = error.violations
    assert violation.field == "plan.proctor_ids[1]"
    assert f"until {until:%Y-%m-%d %H:%M} UTC" in violation.description


async def test_unknown_course_is_refused(harness: Harness) -> None:
    administrator, planned = harness.administrator(), plan([harness.proctor()])
    harness.enrollment.unknown_courses.add(planned.course_id)
    error = await harness.refused(administrator.sessions.ScheduleSession, schedule(planned))
    assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "COURSE_UNKNOWN")
    assert fields_of(error) == ["plan.course_id"]
    assert error.metadata == {"course_id": planned.course_id}


async def test_unpublished_course_is_refused(harness: Harness) -> None:
    administrator, planned = harness.administrator(), plan([harness.proctor()])
    harness.enrollment.drafts.add(planned.course_id)
    error = await harness.refused(administrator.sessions.ScheduleSession, schedule(planned))
    assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "COURSE_NOT_PUBLISHED")
    assert fields_of(error) == ["plan.course_id"]


@pytest.mark.parametrize("field", ["learner_ids", "proctor_ids", "assessment_ids"])
async def test_duplicate_ids_in_a_plan_are_refused(harness: Harness, field: str) -> None:
    administrator = harness.administrator()
    planned = plan([harness.proctor()], [harness.learner()], assessments=1)
    ids = getattr(planned, field)
    ids.append(ids[0].upper())
    error = await harness.refused(administrator.sessions.ScheduleSession, schedule(planned))
    assert (error.kind, error.reason) == (Kind.INVALID, "INVALID_REQUEST")
    assert [each.field for each in error.violations] == [f"plan.{field}[1]"]


async def test_more_learners_than_seats_are_refused(harness: Harness) -> None:
    administrator, learners = harness.administrator(), [harness.learner() for _ in range(3)]
    error = await harness.refused(
        administrator.sessions.ScheduleSession,
        schedule(plan([harness.proctor()], learners, capacity=2)),
    )
    assert (error.kind, error.reason) == (Kind.INVALID, "TOO_MANY_LEARNERS")
    assert error.metadata == {"learners": "3", "capacity": "2"}
    assert fields_of(error) == ["plan.capacity"]
    await harness.scheduled(plan([harness.proctor()], learners, capacity=3))


async def test_unknown_learner_is_refused(harness: Harness) -> None:
    administrator, stranger = harness.administrator(), harness.learner()
    harness.enrollment.unknown_people.add(stranger.id)
    planned = plan([harness.proctor()], [harness.learner(), stranger])
    error = await harness.refused(administrator.sessions.ScheduleSession, schedule(planned))
    assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "LEARNER_UNKNOWN")
    assert fields_of(error) == ["plan.learner_ids"]
    assert error.metadata == {"learner_id": stranger.id}
    harness.enrollment.unknown_people.clear()
    await harness.scheduled(planned)


async def test_assessment_that_is_not_in_the_course_is_refused(harness: Harness) -> None:
    administrator, planned = harness.administrator(), plan([harness.proctor()], assessments=2)
    stranger = str(new_id())
    planned.assessment_ids.append(stranger)
    error = await harness.refused(administrator.sessions.ScheduleSession, schedule(planned))
    assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "ASSESSMENT_NOT_IN_COURSE")
    assert fields_of(error) == ["plan.assessment_ids[2]"]
    assert error.metadata == {"course_id": planned.course_id, "assessment_id": stranger}
    await harness.scheduled(plan([harness.proctor()], assessments=0))


async def test_unusable_assessments_are_refused_with_their_field(
    harness: Harness,
) -> None:
    administrator, planned = harness.administrator(), plan([harness.proctor()], assessments=2)
    wrong = planned.assessment_ids[1]
    for known, reason in (
        (harness.assessment.unknown, "ASSESSMENT_UNKNOWN"),
        (harness.assessment.drafts, "ASSESSMENT_NOT_PUBLISHED"),
    ):
        known.add(wrong)
        error = await harness.refused(administrator.sessions.ScheduleSession, schedule(planned))
        assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, reason)
        assert error.metadata == {"assessment_id": wrong}
        assert [each.field for each in error.violations] == ["plan.assessment_ids[1]"]
        known.clear()
    await harness.scheduled(planned)


async def test_scheduling_fails_while_assessment_is_unavailable(harness: Harness) -> None:
    administrator, planned = harness.administrator(), plan([harness.proctor()])
    async with harness.without(harness.assessment):
        error = await harness.refused(administrator.sessions.ScheduleSession, schedule(planned))
        await harness.scheduled(plan([harness.proctor()], assessments=0))
    assert (error.kind, error.reason) == (Kind.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE")
    assert error.metadata["dependency"] == "assessment"


async def test_start_in_the_past_is_refused(harness: Harness) -> None:
    administrator, planned = harness.administrator(), plan([harness.proctor()], starts_in=-HOUR)
    error = await harness.refused(administrator.sessions.ScheduleSession, schedule(planned))
    assert (error.kind, error.reason) == (Kind.INVALID, "START_TIME_IN_PAST")
    assert fields_of(error) == ["plan.start_time"]


async def test_scheduling_fails_while_enrollment_is_unavailable(harness: Harness) -> None:
    administrator, planned = harness.administrator(), plan([harness.proctor()])
    async with harness.without(harness.enrollment):
        error = await harness.refused(administrator.sessions.ScheduleSession, schedule(planned))
    assert (error.kind, error.reason) == (Kind.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE")
    assert "Nothing was changed" in error.message


async def test_overlapping_sessions_of_a_proctor_are_refused(harness: Harness) -> None:
    proctor, administrator = harness.proctor(), harness.administrator()
    first = await harness.scheduled(plan([harness.proctor(), proctor], starts_in=2 * HOUR))
    planned = plan([harness.proctor(), proctor], starts_in=2 * HOUR + timedelta(minutes=59))
    error = await harness.refused(administrator.sessions.ScheduleSession, schedule(planned))
    assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "PROCTOR_OVERLAP")
    assert error.metadata == {"person_id": proctor.id, "session_id": first.session_id}
    assert fields_of(error) == ["plan.proctor_ids[1]"]


async def test_learner_cannot_be_proctor_of_the_same_session(harness: Harness) -> None:
    person, administrator = harness.proctor(), harness.administrator()
    planned = plan([harness.proctor(), person], [harness.learner(), person])
    error = await harness.refused(administrator.sessions.ScheduleSession, schedule(planned))
    assert (error.kind, error.reason) == (Kind.INVALID, "INVALID_REQUEST")
    assert error.metadata == {"person_id": person.id}
    assert fields_of(error) == ["plan.proctor_ids[1]"]


async def test_one_of_several_concurrent_overlapping_schedules_succeeds(harness: Harness) -> None:
    proctor, other, administrator = harness.proctor(), harness.proctor(), harness.administrator()
    # The concurrent plans list the same proctors in different orders. This must not cause a deadlock.
    plans = [plan([proctor, other] if n % 2 else [other, proctor]) for n in range(8)]
    results = await asyncio.gather(
        *(administrator.sessions.ScheduleSession(schedule(each)) for each in plans),
        return_exceptions=True,
    )
    refused = [each for each in results if isinstance(each, grpc.aio.AioRpcError)]
    assert len(refused) == len(plans) - 1
    assert {error_of(each).reason for each in refused} == {"PROCTOR_OVERLAP"}


async def test_database_refuses_an_overlap(harness: Harness) -> None:
    proctor = harness.proctor()
    await harness.scheduled(plan([proctor], starts_in=2 * HOUR))
    other = await harness.scheduled(plan([harness.proctor()], starts_in=2 * HOUR))
    statement = "INSERT INTO session_proctors (session_id, proctor_id, ordinal) VALUES (:session, :proctor, 1)"
    with pytest.raises(DBAPIError, match="ex_session_proctors_overlap"):
        await harness.rows(statement, session=UUID(other.session_id), proctor=proctor.person_id)


async def test_database_refuses_an_update_that_causes_an_overlap(harness: Harness) -> None:
    proctor = harness.proctor()
    await harness.scheduled(plan([proctor], starts_in=2 * HOUR))
    later = await harness.scheduled(plan([proctor], starts_in=4 * HOUR))
    statement = (
        "UPDATE sessions SET start_time = start_time - interval '2 hours' WHERE session_id = :id"
    )
    with pytest.raises(DBAPIError, match="ex_session_proctors_overlap"):
        await harness.rows(statement, id=UUID(later.session_id))


async def test_proctors_of_a_session_that_is_over_are_available(harness: Harness) -> None:
    proctor, administrator = harness.proctor(), harness.administrator()
    cancelled = await harness.scheduled(plan([proctor]))
    await administrator.sessions.CancelSession(
        sessions_pb2.CancelSessionRequest(session_id=cancelled.session_id)
    )
    ended = await harness.scheduled(plan([proctor]))
    await start(proctor, ended.session_id)
    await end(proctor, ended.session_id)
    await harness.scheduled(plan([proctor]))


async def test_lobby_opens_automatically(harness: Harness) -> None:
    proctor = harness.proctor()
    lead = timedelta(hours=2) - timedelta(seconds=1)
    session = await harness.scheduled(plan([proctor], starts_in=2 * HOUR, lobby_lead=lead))
    assert session.state == sessions_pb2.SESSION_STATE_SCHEDULED

    async def is_open() -> bool:
        state = await state_of(proctor, session.session_id)
        return state == sessions_pb2.SESSION_STATE_LOBBY_OPEN

    await until(is_open)
    opened_at = (
        await harness.rows(
            "SELECT time FROM session_record WHERE session_id = :id AND event = 'session.lobby-opened'",
            id=UUID(session.session_id),
        )
    )[0][0]
    assert isinstance(opened_at, datetime)
    assert opened_at >= session.lobby_open_time.ToDatetime(tzinfo=UTC)
    rows = await harness.rows(
        "SELECT actor FROM session_record WHERE session_id = :id ORDER BY number",
        id=UUID(session.session_id),
    )
    assert rows[1] == ("session",)


async def test_proctor_opens_the_lobby_early_once(harness: Harness) -> None:
    proctor = harness.proctor()
    session = await harness.scheduled(plan([proctor], starts_in=5 * HOUR))
    request = sessions_pb2.OpenLobbyRequest(session_id=session.session_id)
    opened = (await proctor.sessions.OpenLobby(request)).session
    assert opened.state == sessions_pb2.SESSION_STATE_LOBBY_OPEN
    assert opened.lobby_open_time.ToDatetime() < session.lobby_open_time.ToDatetime()
    assert (await harness.administrator().sessions.OpenLobby(request)).session == opened
    assert await harness.recorded(session.session_id) == [
        "session.scheduled",
        "session.lobby-opened",
    ]


async def test_others_cannot_open_the_lobby_or_detect_the_session(
    harness: Harness,
) -> None:
    session = await harness.scheduled(plan([harness.proctor()], starts_in=5 * HOUR))
    stranger = harness.proctor()
    for session_id in (session.session_id, str(new_id())):
        error = await harness.refused(
            stranger.sessions.OpenLobby, sessions_pb2.OpenLobbyRequest(session_id=session_id)
        )
        assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "NOT_YOUR_SESSION")
    unknown = sessions_pb2.OpenLobbyRequest(session_id=str(new_id()))
    error = await refusal(harness.administrator().sessions.OpenLobby(unknown))
    assert error.kind is Kind.NOT_FOUND


async def test_cancellation_is_published_once_with_all_people_concerned(harness: Harness) -> None:
    proctor, invited, waiting = harness.proctor(), harness.learner(), harness.learner()
    administrator = harness.administrator()
    session = await harness.scheduled(plan([proctor], [invited]))
    await join(waiting, session.session_id)
    request = sessions_pb2.CancelSessionRequest(session_id=session.session_id)
    cancelled = (await administrator.sessions.CancelSession(request)).session
    assert cancelled.state == sessions_pb2.SESSION_STATE_CANCELLED
    assert (await administrator.sessions.CancelSession(request)).session == cancelled
    assert (await harness.recorded(session.session_id)).count("session.cancelled") == 1
    rows = await harness.rows(
        "SELECT body FROM session_record WHERE session_id = :id AND event = 'session.cancelled'",
        id=UUID(session.session_id),
    )
    body = rows[0][0]
    assert isinstance(body, bytes)
    event = events_pb2.SessionCancelled.FromString(body)
    assert sorted(event.person_ids) == sorted([proctor.id, invited.id, waiting.id])


async def test_session_in_progress_cannot_be_cancelled(harness: Harness) -> None:
    proctor, administrator = harness.proctor(), harness.administrator()
    session = await harness.scheduled(plan([proctor]))
    await start(proctor, session.session_id)
    request = sessions_pb2.CancelSessionRequest(session_id=session.session_id)
    error = await harness.refused(administrator.sessions.CancelSession, request)
    assert error.reason == "INVALID_STATE_TRANSITION"
    assert error.metadata == {"from": "in_progress", "action": "cancel", "possible": "close,end"}


async def test_only_administrators_can_schedule(harness: Harness) -> None:
    planned = plan([harness.proctor()])
    for person in (harness.learner(), harness.proctor()):
        error = await harness.refused(person.sessions.ScheduleSession, schedule(planned))
        assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "NOT_ALLOWED")


@pytest.mark.parametrize(
    ("column", "value", "refused"),
    [
        ("state", "'ended'", "cannot change"),
        ("state", "'in_progress'", "cannot change"),
        ("participant_count", "11", "ck_sessions_capacity"),
        ("actual_start_time", "now()", "ck_sessions_started"),
    ],
    ids=["to the end", "to the start", "too many", "started without starting"],
)
async def test_database_refuses_inconsistent_sessions(
    harness: Harness, column: str, value: str, refused: str
) -> None:
    session = await harness.scheduled(plan([harness.proctor()], starts_in=5 * HOUR))
    with pytest.raises(DBAPIError, match=refused):
        await harness.rows(
            f"UPDATE sessions SET {column} = {value} WHERE session_id = :id",
            id=UUID(session.session_id),
        )

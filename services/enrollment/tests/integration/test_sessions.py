"""Tests of the sessions that enrollment stores when events are reordered or redelivered."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import pytest
from google.protobuf.message import Message
from sqlalchemy import select, update

from proctorium.enrollment.events.v1.events_pb2 import CodeIssued
from proctorium.enrollment.v1.codes_pb2 import ListCodesRequest
from proctorium.enrollment.v1.courses_pb2 import GetLessonRequest
from proctorium.enrollment.v1.people_pb2 import BatchGetNamesRequest
from proctorium.session.events.v1 import events_pb2 as session_events
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal
from proctorium_enrollment.storage.tables import session_members, sessions

from .harness import (
    Harness,
    Scheduled,
    admitted_event,
    awaiting_event,
    cancelled_event,
    ended_event,
    ended_for_event,
    joined_event,
    readmitted_event,
    removed_event,
    scheduled_event,
    started_event,
)


async def planned(harness: Harness) -> tuple[Scheduled, str, dict[str, Message]]:
    """Return a session that enrollment has not stored, the id of its learner, and the events of the session by name."""
    course = await harness.course()
    learner_id = await harness.registered_learner(course.course_id)
    scheduled = scheduled_event(course.course_id, harness.clock.now, learner_ids=[learner_id])
    session = Scheduled(scheduled.session_id, course, "", (learner_id,), "")
    return (
        session,
        learner_id,
        {
            "scheduled": scheduled,
            "joined": joined_event(session, learner_id),
            "awaiting": awaiting_event(session, learner_id),
            "admitted": admitted_event(session, learner_id),
            "started": started_event(session),
            "removed": removed_event(session, learner_id),
            "readmitted": readmitted_event(session, learner_id),
            "ended_for": ended_for_event(session, learner_id),
            "end_undone": session_events.ParticipantEndUndone(
                participant_id=str(new_id()), session_id=session.session_id, person_id=learner_id
            ),
            "ended": ended_event(session),
            "reopened": session_events.SessionReopened(session_id=session.session_id),
            "cancelled": cancelled_event(session),
        },
    )


async def is_open(harness: Harness, session: Scheduled, learner_id: str) -> bool:
    request = GetLessonRequest(unit_id=session.course.units[0].unit_id)
    call = harness.learner(learner_id).courses.GetLesson(request)
    try:
        await call
    except Exception:  # noqa: BLE001 - the refusal is checked below
        call = harness.learner(learner_id).courses.GetLesson(request)
        assert (await refusal(call)).reason == "PARTICIPANT_NOT_IN_SESSION"
        return False
    return True


async def outcome_of(harness: Harness, order: Sequence[str]) -> tuple[bool, str, int]:
    """Deliver the events in the order `order`, and return the stored outcome.

    The outcome is whether the learner can open the content, the state of the session, and the number of issued codes.
    """
    session, learner_id, events = await planned(harness)
    before = len(await harness.events(CodeIssued))
    for name in order:
        await harness.deliver(events[name])
    (row,) = await harness.rows(select(sessions).where(sessions.c.session_id == session.session_id))
    issued = len(await harness.events(CodeIssued)) - before
    return await is_open(harness, session, learner_id), row.state, issued


@pytest.mark.parametrize(
    "order", list(permutations(["scheduled", "joined", "started"])), ids="-".join
)
async def test_content_opens_in_any_order_of_events(harness: Harness, order: Sequence[str]) -> None:
    assert await outcome_of(harness, order) == (True, "in_progress", 1)


async def test_content_is_closed_to_a_learner_who_waits_for_approval(harness: Harness) -> None:
    order = ["scheduled", "started", "awaiting"]
    assert await outcome_of(harness, order) == (False, "in_progress", 1)


@pytest.mark.parametrize(
    "order", list(permutations(["started", "awaiting", "admitted"])), ids="-".join
)
async def test_content_opens_when_the_learner_is_admitted(
    harness: Harness, order: Sequence[str]
) -> None:
    assert await outcome_of(harness, ["scheduled", *order]) == (True, "in_progress", 1)


@pytest.mark.parametrize(
    "order",
    [
        ["scheduled", "joined", "ended", "started"],
        ["ended", "started", "joined", "scheduled"],
        ["joined", "started", "ended", "scheduled"],
    ],
    ids="-".join,
)
async def test_ended_session_stays_ended(harness: Harness, order: Sequence[str]) -> None:
    is_open, state, issued = await outcome_of(harness, order)
    assert (is_open, state) == (False, "ended")
    assert issued == (1 if order[0] == "scheduled" else 0)


@pytest.mark.parametrize(
    "order",
    [
        ["scheduled", "joined", "started", "ended", "reopened"],
        ["scheduled", "joined", "started", "ended", "reopened", "started"],
        ["reopened", "joined", "started", "scheduled"],
    ],
    ids="-".join,
)
async def test_content_is_open_again_after_a_reopening(
    harness: Harness, order: Sequence[str]
) -> None:
    assert await outcome_of(harness, order) == (True, "in_progress", 1)


async def test_reopened_session_ends_again(harness: Harness) -> None:
    order = ["scheduled", "joined", "started", "ended", "reopened", "ended"]
    assert await outcome_of(harness, order) == (False, "ended", 1)


@pytest.mark.parametrize(
    ("before", "late", "state"),
    [
        (["ended", "reopened"], "ended", "in_progress"),
        (["ended", "reopened", "ended"], "reopened", "ended"),
    ],
    ids=["end", "reopening"],
)
async def test_end_or_reopening_that_arrives_late_changes_nothing(
    harness: Harness, before: Sequence[str], late: str, state: str
) -> None:
    session, learner_id, events = await planned(harness)
    for name in ("scheduled", "joined", "started", *before):
        await harness.deliver(events[name])
    await harness.rows(
        update(sessions)
        .where(sessions.c.session_id == session.session_id)
        .values(end_position=2**40)
    )
    await harness.deliver(events[late])
    assert await is_open(harness, session, learner_id) == (state == "in_progress")


@pytest.mark.parametrize(
    "order",
    [
        ["scheduled", "started", "removed", "joined"],
        ["removed", "joined", "scheduled", "started"],
        ["scheduled", "joined", "removed", "started"],
        ["scheduled", "joined", "started", "ended_for"],
        ["ended_for", "joined", "scheduled", "started"],
    ],
    ids="-".join,
)
async def test_content_stays_closed_after_a_removal_and_after_the_end_for_the_learner(
    harness: Harness, order: Sequence[str]
) -> None:
    assert await outcome_of(harness, order) == (False, "in_progress", 1)


@pytest.mark.parametrize(
    "order",
    [
        ["scheduled", "joined", "started", "removed", "readmitted"],
        ["removed", "readmitted", "joined", "scheduled", "started"],
        ["scheduled", "joined", "started", "ended_for", "end_undone"],
    ],
    ids="-".join,
)
async def test_content_is_open_to_a_readmitted_learner(
    harness: Harness, order: Sequence[str]
) -> None:
    assert await outcome_of(harness, order) == (True, "in_progress", 1)


async def test_removal_that_arrives_after_its_readmission_changes_nothing(
    harness: Harness,
) -> None:
    session, learner_id, events = await planned(harness)
    for name in ("scheduled", "joined", "started", "readmitted"):
        await harness.deliver(events[name])
    await harness.rows(
        update(session_members)
        .where(session_members.c.session_id == session.session_id)
        .values(removal_position=2**40)
    )
    await harness.deliver(events["removed"])
    assert await is_open(harness, session, learner_id)


async def test_cancelled_session_stays_cancelled(harness: Harness) -> None:
    order = ["scheduled", "cancelled", "started", "joined", "ended"]
    assert await outcome_of(harness, order) == (False, "cancelled", 1)


async def test_repeated_events_change_nothing(harness: Harness) -> None:
    session, learner_id, events = await planned(harness)
    for name in ("scheduled", "joined", "started"):
        for _ in range(2):
            await harness.deliver(events[name])
    assert await is_open(harness, session, learner_id)
    members = await harness.rows(
        select(session_members).where(session_members.c.session_id == session.session_id)
    )
    assert [(row.role, row.joined, row.removed) for row in members] == [("learner", True, False)]
    assert len(await harness.events(CodeIssued)) == 1


async def test_new_lead_proctors_list_codes_and_see_names(harness: Harness) -> None:
    session = await harness.session()
    taker, receiver = await harness.person("proctor"), await harness.person("proctor")
    former_id = session.proctor_id
    events = (
        session_events.SessionTaken(
            session_id=session.session_id, proctor_ids=[taker.person_id, former_id]
        ),
        session_events.SessionHandedOver(
            session_id=session.session_id,
            proctor_ids=[receiver.person_id, taker.person_id, former_id],
        ),
    )
    # The second event arrives first, and the first event arrives twice.
    for event in (events[1], events[0], events[0]):
        await harness.deliver(event)
    for person_id in (former_id, taker.person_id, receiver.person_id):
        client = harness.client(person_id, "proctor")
        assert (
            len(
                (
                    await client.codes.ListCodes(ListCodesRequest(session_id=session.session_id))
                ).codes
            )
            == 1
        )
        names = await client.people.BatchGetNames(
            BatchGetNamesRequest(person_ids=[session.learner_ids[0]])
        )
        assert len(names.names) == 1

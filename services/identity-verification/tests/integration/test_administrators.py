"""Tests that administrators may act on cases as proctors do, and that their acting role is recorded."""

from __future__ import annotations

from functools import partial
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError

from proctorium.identity.events.v1 import events_pb2
from proctorium.identity.v1 import verification_pb2 as pb
from proctorium.options.v1.options_pb2 import ROLE_ADMINISTRATOR, ROLE_PROCTOR
from proctorium_common.errors import Kind
from proctorium_devstack.testing.waiting import next_response

from .harness import (
    DOCUMENT,
    SELFIE,
    Harness,
    Person,
    case_of,
    decide,
    request_resubmission,
    submit_both,
    verify,
    view_image,
)

REJECT = pb.DECISION_REJECT


async def open_case(harness: Harness, *proctors: Person) -> tuple[Person, str, str]:
    """Return a learner with a case in a session, the id of the session, and the id of the case."""
    learner = harness.learner()
    session_id = await harness.session(*(proctors or [harness.proctor()]))
    return learner, session_id, await harness.case(session_id, learner)


async def last_event(harness: Harness, session_id: str) -> bytes:
    rows = await harness.rows(
        "SELECT body FROM outbox WHERE position(convert_to(:id, 'utf8') in body) > 0"
        " ORDER BY position DESC LIMIT 1",
        id=session_id,
    )
    body = rows[0][0]
    assert isinstance(body, bytes)
    return body


async def logged_accesses(harness: Harness, case_id: str) -> list[tuple[object, ...]]:
    return await harness.rows(
        "SELECT accessed_by, acting_role, subject FROM evidence_access_log WHERE case_id = :id ORDER BY access_id",
        id=UUID(case_id),
    )


async def test_administrator_decision_is_recorded_with_its_role(harness: Harness) -> None:
    administrator = harness.person("administrator")
    learner, session_id, case_id = await open_case(harness)
    await submit_both(learner, case_id)
    queue = administrator.stub.WatchQueue(pb.WatchQueueRequest(session_id=session_id))
    assert [case.case_id for case in (await next_response(queue)).cases] == [case_id]
    queue.cancel()
    assert (await case_of(administrator, case_id)).state == pb.CASE_STATE_SUBMITTED
    of_learner = pb.GetCaseRequest(
        learner=pb.LearnerInSession(session_id=session_id, person_id=learner.id)
    )
    assert (await administrator.stub.GetCase(of_learner)).case.case_id == case_id
    decided = await verify(administrator, case_id)
    assert (decided.state, decided.decided_by, decided.decided_as) == (
        pb.CASE_STATE_VERIFIED,
        administrator.id,
        ROLE_ADMINISTRATOR,
    )
    event = events_pb2.CaseVerified.FromString(await last_event(harness, session_id))
    assert (event.decided_by, event.acting_role) == (administrator.id, ROLE_ADMINISTRATOR)
    assert await logged_accesses(harness, case_id) == [
        (administrator.person_id, "administrator", "document"),
        (administrator.person_id, "administrator", "selfie"),
    ]


async def test_administrator_requests_resubmission_and_rejects(harness: Harness) -> None:
    administrator = harness.person("administrator")
    learner, session_id, case_id = await open_case(harness)
    await submit_both(learner, case_id)
    asked = await request_resubmission(administrator, case_id)
    assert asked.state == pb.CASE_STATE_RESUBMISSION_REQUESTED
    event = events_pb2.CaseResubmissionRequested.FromString(await last_event(harness, session_id))
    assert (event.requested_by, event.acting_role) == (administrator.id, ROLE_ADMINISTRATOR)
    await decide(administrator, case_id, REJECT, "It is somebody else.")
    rejected = events_pb2.CaseRejected.FromString(await last_event(harness, session_id))
    assert (rejected.decided_by, rejected.acting_role) == (administrator.id, ROLE_ADMINISTRATOR)


async def test_administrator_must_view_images_before_verifying(harness: Harness) -> None:
    administrator, proctor = harness.person("administrator"), harness.proctor()
    learner, _, case_id = await open_case(harness, proctor)
    await submit_both(learner, case_id)
    for kind in (DOCUMENT, SELFIE):
        await view_image(proctor, case_id, kind)
    error = await harness.refused(decide, administrator, case_id)
    assert error.reason == "EVIDENCE_NOT_VIEWED"


async def test_administrator_who_is_a_proctor_of_the_session_acts_as_proctor(
    harness: Harness,
) -> None:
    both = harness.person("administrator", "proctor")
    learner, session_id, case_id = await open_case(harness, both)
    await submit_both(learner, case_id)
    assert (await verify(both, case_id)).decided_as == ROLE_PROCTOR
    event = events_pb2.CaseVerified.FromString(await last_event(harness, session_id))
    assert event.acting_role == ROLE_PROCTOR
    assert {row[1] for row in await logged_accesses(harness, case_id)} == {"proctor"}


async def test_administrator_with_own_case_cannot_act_on_the_session(
    harness: Harness,
) -> None:
    both = harness.person("administrator", "learner")
    learner, session_id, case_id = await open_case(harness)
    own = await harness.case(session_id, both)
    await submit_both(learner, case_id)
    await submit_both(both, own)
    for call in (
        partial(decide, both, own),
        partial(decide, both, case_id, REJECT, "No."),
        partial(request_resubmission, both, case_id),
        partial(view_image, both, case_id),
        partial(view_image, both, own),
        partial(case_of, both, case_id),
    ):
        error = await harness.refused(call)
        assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "NOT_YOUR_CASE")
    assert (await case_of(both, own)).state == pb.CASE_STATE_SUBMITTED


async def test_database_refuses_to_change_the_role_of_a_decision(harness: Harness) -> None:
    administrator = harness.person("administrator")
    learner, _, case_id = await open_case(harness)
    await submit_both(learner, case_id)
    await verify(administrator, case_id)
    with pytest.raises(DBAPIError, match="cannot change"):
        await harness.rows(
            "UPDATE cases SET decided_as = 'proctor' WHERE case_id = :id", id=UUID(case_id)
        )

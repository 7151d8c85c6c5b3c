"""Tests that proctors can view evidence and registration data only while they are certified."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import pytest

from proctorium.enrollment.events.v1 import events_pb2 as enrollment_events
from proctorium.identity.v1 import verification_pb2 as pb
from proctorium.options.v1.options_pb2 import ROLE_ADMINISTRATOR, ROLE_PROCTOR
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_devstack.testing.waiting import until

from .harness import Harness, Person, scheduled, submit_both, verify, view_image


async def open_case(harness: Harness, proctor: Person) -> tuple[Person, str]:
    """Return a learner with a case in a session of the proctor, and the id of the case."""
    learner = harness.learner()
    return learner, await harness.case(await harness.session(proctor), learner)


async def assert_closed(harness: Harness, proctor: Person, case_id: str) -> None:
    request = pb.GetRegistrationRequest(case_id=case_id)
    for call in (
        partial(view_image, proctor, case_id),
        partial(proctor.stub.GetRegistration, request),
    ):
        error = await harness.refused(call)
        assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "CERTIFICATION_ENDED")


async def test_evidence_is_closed_after_the_certification_expires(harness: Harness) -> None:
    proctor, now = harness.proctor(), datetime.now(UTC)
    learner, case_id = await open_case(harness, proctor)
    await submit_both(learner, case_id)
    assert (await view_image(proctor, case_id)).image
    # The time of this event is an hour ago, as if the publisher's clock were behind.
    await harness.certify(proctor, now - timedelta(seconds=1), now - timedelta(hours=1))
    await assert_closed(harness, proctor, case_id)
    # An event with an earlier position changes nothing, although the time of the event is later.
    event = enrollment_events.PersonCertified(person_id=proctor.id)
    event.certified_until_time.FromDatetime(now + timedelta(days=1))
    other = harness.proctor()
    await harness.publish(event, time=now, position=1)
    await harness.certify(other)
    await assert_closed(harness, proctor, case_id)
    await harness.certify(proctor, now + timedelta(days=1), now + timedelta(seconds=2))
    assert (await view_image(proctor, case_id)).image


async def test_evidence_is_closed_after_the_role_is_revoked(harness: Harness) -> None:
    proctor = harness.proctor()
    learner, case_id = await open_case(harness, proctor)
    await submit_both(learner, case_id)
    event = enrollment_events.PersonRoleRevoked(
        person_id=proctor.id, role=ROLE_PROCTOR, roles=[], access_version=0
    )
    await harness.publish(event)

    async def stored_as_expired() -> bool:
        certified_until = await harness.certified_until(proctor)
        return isinstance(certified_until, datetime) and certified_until <= datetime.now(UTC)

    await until(stored_as_expired)
    await assert_closed(harness, proctor, case_id)


async def test_proctor_without_stored_certification_is_refused(harness: Harness) -> None:
    proctor, learner, session_id = harness.proctor(), harness.learner(), new_id()
    await harness.publish(scheduled(session_id, [proctor.person_id]))
    await harness.until_row(
        "SELECT 1 FROM sessions WHERE session_id = :id AND proctor_ids IS NOT NULL", id=session_id
    )
    case_id = await harness.case(str(session_id), learner)
    await submit_both(learner, case_id)
    await assert_closed(harness, proctor, case_id)


@pytest.mark.parametrize("certified", [True, False], ids=["certified", "expired"])
async def test_administrator_acts_as_proctor_of_the_session_while_certified(
    harness: Harness, *, certified: bool
) -> None:
    both, now = harness.person("administrator", "proctor"), datetime.now(UTC)
    learner, case_id = await open_case(harness, both)
    await submit_both(learner, case_id)
    if not certified:
        await harness.certify(both, now - timedelta(days=1), now + timedelta(seconds=1))
    decided = await verify(both, case_id)
    assert decided.decided_as == (ROLE_PROCTOR if certified else ROLE_ADMINISTRATOR)
    rows = await harness.rows(
        "SELECT DISTINCT acting_role FROM evidence_access_log WHERE case_id = :id", id=UUID(case_id)
    )
    assert rows == [("proctor" if certified else "administrator",)]

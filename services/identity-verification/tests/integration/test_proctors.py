"""Tests that the proctors of a session change when the session is taken or handed over."""

from __future__ import annotations

from uuid import UUID

from proctorium.identity.v1 import verification_pb2 as pb
from proctorium.options.v1.options_pb2 import ROLE_PROCTOR
from proctorium.session.events.v1 import events_pb2 as session_events

from .harness import Harness, Person, scheduled, submit_both, verify


async def until_proctors(harness: Harness, session_id: str, *proctors: Person) -> None:
    await harness.until_row(
        "SELECT 1 FROM sessions WHERE session_id = :id AND proctor_ids = :proctors",
        id=UUID(session_id),
        proctors=[each.person_id for each in proctors],
    )


async def test_new_lead_proctor_decides_the_cases_of_the_session(harness: Harness) -> None:
    former, new = harness.proctor(), harness.proctor()
    await harness.certify(new)
    session_id, learner = await harness.session(former), harness.learner()
    case_id = await harness.case(session_id, learner)
    await submit_both(learner, case_id)
    request = pb.GetCaseRequest(case_id=case_id)
    assert (await harness.refused(new.stub.GetCase, request)).reason == "NOT_YOUR_CASE"
    await harness.publish(
        session_events.SessionTaken(session_id=session_id, proctor_ids=[new.id, former.id])
    )
    await until_proctors(harness, session_id, new, former)
    assert (await verify(new, case_id)).decided_as == ROLE_PROCTOR
    assert (await former.stub.GetCase(request)).case.case_id == case_id


async def test_older_event_does_not_replace_newer_proctors(harness: Harness) -> None:
    first, second, third = (harness.proctor() for _ in range(3))
    session_id = await harness.session(first)
    scheduled_at = harness.position
    taken = session_events.SessionTaken(session_id=session_id, proctor_ids=[second.id, first.id])
    handed_over = session_events.SessionHandedOver(
        session_id=session_id, proctor_ids=[third.id, second.id, first.id]
    )
    newer = scheduled_at + 2
    await harness.publish(handed_over, position=newer)
    await until_proctors(harness, session_id, third, second, first)
    await harness.publish(taken, taken, position=newer - 1)
    await harness.publish(scheduled(UUID(session_id), [first.person_id]), position=scheduled_at)
    # The events of a session are handled in order. Therefore, when the next event has been handled, the earlier
    # events have been handled too.
    await harness.publish(
        session_events.SessionEnded(session_id=session_id), position=harness.position + 10
    )
    await harness.until_row(
        "SELECT 1 FROM sessions WHERE session_id = :id AND ended_at IS NOT NULL",
        id=UUID(session_id),
    )
    await until_proctors(harness, session_id, third, second, first)

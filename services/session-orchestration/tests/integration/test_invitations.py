"""Tests of invitations of learners who receive a code after the session was planned.

These learners are invited like the learners in the plan.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from proctorium.enrollment.events.v1 import events_pb2 as enrollment
from proctorium.session.events.v1.events_pb2 import SessionCancelled
from proctorium.session.v1 import sessions_pb2
from proctorium_common.events.envelope import name_of
from proctorium_common.ids import new_id
from proctorium_common.storage.tables import outbox
from proctorium_devstack.testing.waiting import until

from .harness import Harness, Person, end, join, plan, roster, start


def issued(session_id: str, *recipients: Person) -> enrollment.CodeIssued:
    return enrollment.CodeIssued(
        code_id=str(new_id()),
        session_id=session_id,
        recipient_ids=[each.id for each in recipients],
    )


async def invited(harness: Harness, session_id: str) -> set[str]:
    rows = await harness.rows(
        "SELECT person_id FROM session_learners WHERE session_id = :id", id=UUID(session_id)
    )
    return {str(row[0]) for row in rows}


async def test_learner_who_is_sent_a_code_is_on_the_roster_and_notified_of_a_cancellation(
    harness: Harness,
) -> None:
    proctor, planned, newcomer = harness.proctor(), harness.learner(), harness.learner()
    session = await harness.scheduled(plan([proctor], [planned]))
    event = issued(session.session_id, planned, newcomer)
    await harness.publish(event)
    everybody = {planned.id, newcomer.id}

    async def listed() -> bool:
        snapshot = await roster(proctor, session.session_id)
        return set(snapshot.session.plan.learner_ids) == everybody

    await until(listed)
    await harness.publish(event)
    await harness.administrator().sessions.CancelSession(
        sessions_pb2.CancelSessionRequest(session_id=session.session_id)
    )
    subject = name_of(SessionCancelled.DESCRIPTOR).subject(session.session_id)
    async with harness.database.transaction() as tx:
        statement = select(outbox.c.body).where(outbox.c.subject == subject)
        cancelled = SessionCancelled.FromString((await tx.execute(statement)).scalar_one())
    assert set(cancelled.person_ids) == {*everybody, proctor.id}


async def test_seats_of_planned_learners_stay_reserved(harness: Harness) -> None:
    proctor = harness.proctor()
    planned, first, second = harness.learner(), harness.learner(), harness.learner()
    session = await harness.scheduled(plan([proctor], [planned], capacity=2))
    await harness.publish(issued(session.session_id, first, second))

    async def stored() -> bool:
        return await invited(harness, session.session_id) == {planned.id, first.id}

    await until(stored)
    await join(first, session.session_id)
    await join(planned, session.session_id)


async def test_code_invites_neither_to_a_session_that_is_over_nor_its_proctor(
    harness: Harness,
) -> None:
    proctor, learner, newcomer = harness.proctor(), harness.learner(), harness.learner()
    session = await harness.scheduled(plan([proctor], [learner]))
    await join(learner, session.session_id)
    await start(proctor, session.session_id)
    await harness.handle(issued(session.session_id, proctor))
    await end(proctor, session.session_id)
    await harness.handle(issued(session.session_id, newcomer))
    assert await invited(harness, session.session_id) == {learner.id}

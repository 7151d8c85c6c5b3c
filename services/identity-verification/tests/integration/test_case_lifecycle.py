"""Tests of opening, expiring and reading cases."""

from __future__ import annotations

from itertools import permutations
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError

from proctorium.identity.v1 import verification_pb2 as pb
from proctorium.session.events.v1 import events_pb2 as session_events
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal
from proctorium_devstack.testing.waiting import until

from .harness import (
    Harness,
    Person,
    cancelled,
    case_of,
    decide,
    ended,
    joined,
    scheduled,
    submit,
    submit_both,
    verify,
)


def of_session(session_id: str, person_id: str = "") -> pb.GetCaseRequest:
    return pb.GetCaseRequest(
        learner=pb.LearnerInSession(session_id=session_id, person_id=person_id)
    )


async def states(harness: Harness, session_id: UUID) -> list[object]:
    rows = await harness.rows("SELECT state FROM cases WHERE session_id = :id", id=session_id)
    return [row[0] for row in rows]


async def test_case_opens_when_a_learner_joins(harness: Harness) -> None:
    learner, proctor = harness.learner(), harness.proctor()
    session_id = await harness.session(proctor)
    case_id = await harness.case(session_id, learner)
    case = await case_of(learner, case_id)
    assert case.state == pb.CASE_STATE_REQUESTED
    assert (case.session_id, case.person_id, list(case.evidence)) == (session_id, learner.id, [])
    assert await harness.published(session_id) == ["case.opened"]
    assert (await learner.stub.GetCase(of_session(session_id))).case == case
    assert (await proctor.stub.GetCase(of_session(session_id, learner.id))).case == case


async def test_case_opens_when_a_proctor_requests_a_check(harness: Harness) -> None:
    learner, proctor = harness.learner(), harness.proctor()
    session_id = await harness.session(proctor)
    not_required = joined(UUID(session_id), learner, identity_required=False)
    requested = session_events.ParticipantIdentityCheckRequested(
        participant_id=not_required.participant_id,
        session_id=session_id,
        person_id=learner.id,
        requested_by=proctor.id,
    )
    for event in (not_required, requested, requested):
        await harness.handle(event)
    case = (await learner.stub.GetCase(of_session(session_id))).case
    assert case.state == pb.CASE_STATE_REQUESTED
    assert await harness.published(session_id) == ["case.opened"]


async def test_no_case_opens_without_identity_requirement(harness: Harness) -> None:
    learner, proctor = harness.learner(), harness.proctor()
    session_id = await harness.session(proctor)
    other = harness.learner()
    await harness.publish(joined(UUID(session_id), learner, identity_required=False))
    # When the case of `other` exists, the earlier event of `learner` has been handled too.
    await harness.case(session_id, other)
    error = await refusal(learner.stub.GetCase(of_session(session_id)))
    assert (error.kind, error.reason) == (Kind.NOT_FOUND, "NOT_FOUND")
    error = await refusal(proctor.stub.GetCase(of_session(session_id, learner.id)))
    assert error.reason == "NOT_FOUND"


async def test_rejoin_opens_no_second_case(harness: Harness) -> None:
    learner, session_id = harness.learner(), new_id()
    event, event_id = joined(session_id, learner), new_id()
    await harness.publish(event, event, event_id=event_id)
    await harness.publish(event, joined(session_id, learner))
    last = harness.learner()
    await harness.case(str(session_id), last)
    assert len(await states(harness, session_id)) == 2
    assert await harness.published(str(session_id)) == ["case.opened", "case.opened"]


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
async def test_order_and_repetition_of_events_do_not_matter(
    harness: Harness, order: tuple[int, ...]
) -> None:
    learner, proctor, session_id = harness.learner(), harness.proctor(), new_id()
    events = [
        scheduled(session_id, [proctor.person_id]),
        joined(session_id, learner),
        ended(session_id),
    ]
    for index in order:
        await harness.publish(events[index], events[index])

    async def settled() -> bool:
        known = await harness.rows(
            "SELECT 1 FROM sessions WHERE session_id = :id AND proctor_ids IS NOT NULL",
            id=session_id,
        )
        return bool(known) and await states(harness, session_id) == ["expired"]

    await until(settled)
    assert await harness.published(str(session_id)) == ["case.opened", "case.expired"]
    seen = (await proctor.stub.GetCase(of_session(str(session_id), learner.id))).case
    assert seen.state == pb.CASE_STATE_EXPIRED


async def test_end_of_session_expires_undecided_cases_only(harness: Harness) -> None:
    proctor, decided, undecided = harness.proctor(), harness.learner(), harness.learner()
    session_id = await harness.session(proctor)
    case_id = await harness.case(session_id, decided)
    await harness.case(session_id, undecided)
    await submit_both(decided, case_id)
    await verify(proctor, case_id)
    await harness.publish(ended(UUID(session_id)))

    async def over() -> bool:
        return sorted(map(str, await states(harness, UUID(session_id)))) == ["expired", "verified"]

    await until(over)
    assert (await harness.published(session_id))[-1] == "case.expired"


async def test_reopening_restores_the_expired_cases(harness: Harness) -> None:
    proctor, decided, submitted, requested = (
        harness.proctor(),
        *(harness.learner() for _ in range(3)),
    )
    session_id = await harness.session(proctor)
    cases = [await harness.case(session_id, each) for each in (decided, submitted, requested)]
    for learner, case_id in ((decided, cases[0]), (submitted, cases[1])):
        await submit_both(learner, case_id)
    await verify(proctor, cases[0])
    await harness.publish(ended(UUID(session_id)))
    await until_states(harness, UUID(session_id), ["expired", "expired", "verified"])
    await harness.publish(session_events.SessionReopened(session_id=session_id))
    await until_states(harness, UUID(session_id), ["requested", "submitted", "verified"])
    assert (await harness.published(session_id)).count("case.restored") == 2
    await verify(proctor, cases[1])
    await submit_both(requested, cases[2])
    await harness.publish(ended(UUID(session_id)))
    await until_states(harness, UUID(session_id), ["expired", "verified", "verified"])


async def test_case_is_opened_after_a_reopening(harness: Harness) -> None:
    session_id, learner = await harness.session(harness.proctor()), harness.learner()
    await harness.publish(
        ended(UUID(session_id)), session_events.SessionReopened(session_id=session_id)
    )
    await harness.publish(joined(UUID(session_id), learner))
    await until_states(harness, UUID(session_id), ["requested"])


async def test_database_restores_a_case_only_as_it_expired(harness: Harness) -> None:
    session_id, learner = await harness.session(harness.proctor()), harness.learner()
    case_id = await harness.case(session_id, learner)
    await harness.publish(ended(UUID(session_id)))
    await until_states(harness, UUID(session_id), ["expired"])
    with pytest.raises(DBAPIError, match="cannot change"):
        await harness.rows(
            "UPDATE cases SET state = 'resubmission_requested', expired_from = NULL"
            " WHERE case_id = :id",
            id=UUID(case_id),
        )


async def test_cancelled_session_expires_its_cases(harness: Harness) -> None:
    learner = harness.learner()
    session_id = await harness.session(harness.proctor())
    case_id = await harness.case(session_id, learner)
    await harness.publish(cancelled(UUID(session_id)))
    await until_states(harness, UUID(session_id), ["expired"])
    error = await harness.refused(submit, learner, case_id, pb.EVIDENCE_KIND_SELFIE)
    assert error.reason == "CASE_CLOSED"
    late = harness.learner()
    await harness.publish(joined(UUID(session_id), late))
    await until_states(harness, UUID(session_id), ["expired", "expired"])


async def until_states(harness: Harness, session_id: UUID, expected: list[str]) -> None:
    async def reached() -> bool:
        return sorted(map(str, await states(harness, session_id))) == expected

    await until(reached)


@pytest.mark.parametrize("whose", ["another learner", "another proctor"])
async def test_case_of_another_person_looks_like_a_missing_case(
    harness: Harness, whose: str
) -> None:
    learner, proctor = harness.learner(), harness.proctor()
    case_id = await harness.case(await harness.session(proctor), learner)
    stranger = harness.person(whose.removeprefix("another "), "learner")
    there = await harness.refused(case_of, stranger, case_id)
    nowhere = await harness.refused(case_of, stranger, str(new_id()))
    assert (there.kind, there.reason, there.message) == (
        nowhere.kind,
        nowhere.reason,
        nowhere.message,
    )
    assert (there.kind, there.reason) == (Kind.NOT_ALLOWED, "NOT_YOUR_CASE")


async def test_only_proctors_of_a_session_learn_whether_a_learner_is_in_it(
    harness: Harness,
) -> None:
    learner, stranger = harness.learner(), harness.proctor()
    session_id = await harness.session(harness.proctor())
    await harness.case(session_id, learner)
    for person_id in (learner.id, str(new_id())):
        error = await refusal(stranger.stub.GetCase(of_session(session_id, person_id)))
        assert error.reason == "NOT_YOUR_CASE"


async def test_proctor_cannot_decide_their_own_case(harness: Harness) -> None:
    both = harness.person("learner", "proctor")
    session_id = await harness.session(both)
    case_id = await harness.case(session_id, both)
    await submit_both(both, case_id)
    assert (await case_of(both, case_id)).state == pb.CASE_STATE_SUBMITTED
    error = await harness.refused(decide, both, case_id)
    assert error.reason == "NOT_YOUR_CASE"


@pytest.mark.parametrize("text", ["", "not an id", "00000000"], ids=repr)
async def test_invalid_id_is_refused_with_its_field(harness: Harness, text: str) -> None:
    error = await refusal(harness.learner().stub.GetCase(of_session(text)))
    assert (error.kind, error.reason) == (Kind.INVALID, "INVALID_REQUEST")
    assert [each.field for each in error.violations] == ["learner.session_id"]


async def test_request_without_a_case_is_refused(harness: Harness) -> None:
    error = await refusal(harness.learner().stub.GetCase(pb.GetCaseRequest()))
    assert (error.kind, error.reason) == (Kind.INVALID, "INVALID_REQUEST")
    assert [each.field for each in error.violations] == ["by"]


async def test_learner_cannot_decide_a_case(harness: Harness) -> None:
    learner: Person = harness.learner()
    error = await harness.refused(decide, learner, str(new_id()))
    assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "NOT_ALLOWED")

"""Opening, expiring and reading cases."""

from __future__ import annotations

from itertools import permutations
from uuid import UUID

import pytest

from proctorium.identity.v1 import verification_pb2 as pb
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal

from .world import (
    Person,
    World,
    cancelled,
    case_of,
    decide,
    ended,
    joined,
    refused_without_change,
    removed,
    scheduled,
    submit,
    submit_both,
    until,
    verify,
)


def of_session(session_id: str, person_id: str = "") -> pb.GetCaseRequest:
    return pb.GetCaseRequest(
        learner=pb.LearnerInSession(session_id=session_id, person_id=person_id)
    )


async def states(world: World, session_id: UUID) -> list[object]:
    rows = await world.rows("SELECT state FROM cases WHERE session_id = :id", id=session_id)
    return [row[0] for row in rows]


async def test_case_opens_when_a_learner_joins(world: World) -> None:
    learner, proctor = world.learner(), world.proctor()
    session_id = await world.session(proctor)
    case_id = await world.case(session_id, learner)
    case = await case_of(learner, case_id)
    assert case.state == pb.CASE_STATE_REQUESTED
    assert (case.session_id, case.person_id, list(case.evidence)) == (session_id, learner.id, [])
    assert await world.published_actions(session_id) == ["opened"]
    assert (await learner.stub.GetCase(of_session(session_id))).case == case
    assert (await proctor.stub.GetCase(of_session(session_id, learner.id))).case == case


async def test_no_case_opens_without_identity_requirement(world: World) -> None:
    learner, proctor = world.learner(), world.proctor()
    session_id = await world.session(proctor)
    other = world.learner()
    await world.publish(joined(UUID(session_id), learner, identity_required=False))
    await world.case(session_id, other)  # by then the event before it was handled
    error = await refusal(learner.stub.GetCase(of_session(session_id)))
    assert (error.kind, error.reason) == (Kind.NOT_FOUND, "NOT_FOUND")
    error = await refusal(proctor.stub.GetCase(of_session(session_id, learner.id)))
    assert error.reason == "NOT_FOUND"


async def test_rejoin_opens_no_second_case(world: World) -> None:
    learner, session_id = world.learner(), new_id()
    event, event_id = joined(session_id, learner), new_id()
    await world.publish(event, event, event_id=event_id)
    await world.publish(event, joined(session_id, learner))
    last = world.learner()
    await world.case(str(session_id), last)
    assert len(await states(world, session_id)) == 2
    assert await world.published_actions(str(session_id)) == ["opened", "opened"]


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
async def test_order_and_repetition_of_events_do_not_matter(
    world: World, order: tuple[int, ...]
) -> None:
    learner, proctor, session_id = world.learner(), world.proctor(), new_id()
    events = [
        scheduled(session_id, [proctor.person_id]),
        joined(session_id, learner),
        ended(session_id),
    ]
    for index in order:
        await world.publish(events[index], events[index])

    async def settled() -> bool:
        known = await world.rows(
            "SELECT 1 FROM sessions WHERE session_id = :id AND proctor_ids IS NOT NULL",
            id=session_id,
        )
        return bool(known) and await states(world, session_id) == ["expired"]

    await until(settled)
    assert await world.published_actions(str(session_id)) == ["opened", "expired"]
    seen = (await proctor.stub.GetCase(of_session(str(session_id), learner.id))).case
    assert seen.state == pb.CASE_STATE_EXPIRED


async def test_end_of_session_expires_undecided_cases_only(world: World) -> None:
    proctor, decided, undecided = world.proctor(), world.learner(), world.learner()
    session_id = await world.session(proctor)
    case_id = await world.case(session_id, decided)
    await world.case(session_id, undecided)
    await submit_both(decided, case_id)
    await verify(proctor, case_id)
    await world.publish(ended(UUID(session_id)))

    async def over() -> bool:
        return sorted(map(str, await states(world, UUID(session_id)))) == ["expired", "verified"]

    await until(over)
    assert (await world.published_actions(session_id))[-1] == "expired"


async def test_cancelled_session_expires_its_cases(world: World) -> None:
    learner = world.learner()
    session_id = await world.session(world.proctor())
    case_id = await world.case(session_id, learner)
    await world.publish(cancelled(UUID(session_id)))
    await until_states(world, UUID(session_id), ["expired"])
    error = await refused_without_change(world, submit(learner, case_id, pb.EVIDENCE_KIND_SELFIE))
    assert error.reason == "CASE_CLOSED"
    late = world.learner()
    await world.publish(joined(UUID(session_id), late))
    await until_states(world, UUID(session_id), ["expired", "expired"])


async def test_removal_expires_the_case_of_the_removed_learner_only(world: World) -> None:
    proctor, gone, stays = world.proctor(), world.learner(), world.learner()
    session_id = UUID(await world.session(proctor))
    arrival = joined(session_id, gone)
    await world.publish(arrival, joined(session_id, stays))
    await until_states(world, session_id, ["requested", "requested"])
    await world.publish(removed(session_id, arrival.participant_id))
    await until_states(world, session_id, ["expired", "requested"])
    seen = (await proctor.stub.GetCase(of_session(str(session_id), gone.id))).case
    assert seen.state == pb.CASE_STATE_EXPIRED
    error = await refused_without_change(world, submit(gone, seen.case_id, pb.EVIDENCE_KIND_SELFIE))
    assert error.reason == "CASE_CLOSED"


async def test_removal_before_join_expires_the_case(world: World) -> None:
    session_id = UUID(await world.session(world.proctor()))
    arrival = joined(session_id, world.learner())
    await world.publish(removed(session_id, arrival.participant_id), arrival)
    await until_states(world, session_id, ["expired"])


async def until_states(world: World, session_id: UUID, expected: list[str]) -> None:
    async def reached() -> bool:
        return sorted(map(str, await states(world, session_id))) == expected

    await until(reached)


@pytest.mark.parametrize("whose", ["another learner", "another proctor"])
async def test_case_of_another_person_looks_like_a_missing_case(world: World, whose: str) -> None:
    learner, proctor = world.learner(), world.proctor()
    case_id = await world.case(await world.session(proctor), learner)
    stranger = world.person(whose.removeprefix("another "), "learner")
    there = await refused_without_change(world, case_of(stranger, case_id))
    nowhere = await refused_without_change(world, case_of(stranger, str(new_id())))
    assert (there.kind, there.reason, there.message) == (
        nowhere.kind,
        nowhere.reason,
        nowhere.message,
    )
    assert (there.kind, there.reason) == (Kind.NOT_ALLOWED, "NOT_YOUR_CASE")


async def test_only_proctors_of_a_session_learn_whether_a_learner_is_in_it(world: World) -> None:
    learner, stranger = world.learner(), world.proctor()
    session_id = await world.session(world.proctor())
    await world.case(session_id, learner)
    for person_id in (learner.id, str(new_id())):
        error = await refusal(stranger.stub.GetCase(of_session(session_id, person_id)))
        assert error.reason == "NOT_YOUR_CASE"


async def test_proctor_cannot_decide_their_own_case(world: World) -> None:
    both = world.person("learner", "proctor")
    session_id = await world.session(both)
    case_id = await world.case(session_id, both)
    await submit_both(both, case_id)
    assert (await case_of(both, case_id)).state == pb.CASE_STATE_SUBMITTED
    error = await refused_without_change(world, decide(both, case_id))
    assert error.reason == "NOT_YOUR_CASE"


@pytest.mark.parametrize("text", ["", "not an id", "00000000"], ids=repr)
async def test_an_id_that_is_none_is_named(world: World, text: str) -> None:
    error = await refusal(world.learner().stub.GetCase(of_session(text)))
    assert (error.kind, error.reason) == (Kind.INVALID, "INVALID_REQUEST")
    assert [each.field for each in error.violations] == ["learner.session_id"]


async def test_a_request_that_identifies_no_case_is_refused(world: World) -> None:
    error = await refusal(world.learner().stub.GetCase(pb.GetCaseRequest()))
    assert (error.kind, error.reason) == (Kind.INVALID, "INVALID_REQUEST")
    assert [each.field for each in error.violations] == ["by"]


async def test_learner_cannot_decide_a_case(world: World) -> None:
    learner: Person = world.learner()
    error = await refused_without_change(world, decide(learner, str(new_id())))
    assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "NOT_ALLOWED")

"""A proctor decides, or asks again; the queue shows it at once."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import timedelta
from uuid import UUID

import pytest

from proctorium.identity.v1 import verification_pb2 as pb
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.migrations import differences
from proctorium_devstack.testing.refusals import refusal
from proctorium_identity.operations import queue

from .test_evidence import opened
from .world import (
    DOCUMENT,
    PATIENCE,
    SELFIE,
    World,
    ask_again,
    case_of,
    decide,
    ended,
    look,
    next_of,
    refused_without_change,
    submit,
    submit_both,
    verify,
)

REJECT = pb.DECISION_REJECT


async def test_a_proctor_verifies(world: World) -> None:
    learner, proctor, session_id, case_id = await opened(world)
    await submit_both(learner, case_id)
    decided = await verify(proctor, case_id, reason="  As on the document. ")
    assert decided.state == pb.CASE_STATE_VERIFIED
    assert (decided.decided_by, decided.decision_reason) == (proctor.id, "As on the document.")
    assert decided.HasField("decide_time")
    assert await case_of(learner, case_id) == decided
    assert await world.published(session_id) == ["opened", "submitted", "verified"]


@pytest.mark.parametrize("sent", [[], [DOCUMENT], [DOCUMENT, SELFIE]], ids=["none", "one", "both"])
async def test_a_proctor_rejects_whatever_was_sent_and_says_why(
    world: World, sent: list[pb.EvidenceKind.ValueType]
) -> None:
    learner, proctor, session_id, case_id = await opened(world)
    for kind in sent:
        await submit(learner, case_id, kind)
    error = await refused_without_change(world, decide(proctor, case_id, REJECT, " "))
    assert (error.kind, error.reason) == (Kind.INVALID, "INVALID_REQUEST")
    decided = await decide(proctor, case_id, REJECT, "It is somebody else.")
    assert (decided.state, decided.decision_reason) == (
        pb.CASE_STATE_REJECTED,
        "It is somebody else.",
    )
    assert (await world.published(session_id))[-1] == "rejected"


async def test_deciding_the_same_again_is_fine_and_another_way_is_not(world: World) -> None:
    learner, proctor, session_id, case_id = await opened(world)
    await submit_both(learner, case_id)
    decided = await verify(proctor, case_id)
    assert await decide(proctor, case_id, reason="Once more.") == decided
    error = await refused_without_change(world, decide(proctor, case_id, REJECT, "Oh."))
    assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "CASE_CLOSED")
    assert "A decision cannot be changed." in error.message
    assert "talk to the proctor" not in error.message
    assert error.metadata == {"state": "verified"}
    error = await refused_without_change(world, ask_again(proctor, case_id))
    assert error.reason == "CASE_CLOSED"
    assert await world.published(session_id) == ["opened", "submitted", "verified"]


async def test_the_same_request_again_answers_the_same(world: World) -> None:
    learner, proctor, _, case_id = await opened(world)
    await submit_both(learner, case_id)
    request_id = str(new_id())
    decided = await verify(proctor, case_id, request_id=request_id)
    assert await decide(proctor, case_id, request_id=request_id) == decided
    error = await refusal(decide(proctor, case_id, REJECT, "Oh.", request_id=request_id))
    assert error.reason == "REQUEST_ID_REUSED"


async def test_two_proctors_at_the_same_moment_decide_once(world: World) -> None:
    learner, first, second = world.learner(), world.proctor(), world.proctor()
    session_id = await world.session(first, second)
    case_id = await world.case(session_id, learner)
    await submit_both(learner, case_id)
    answers = await asyncio.gather(
        verify(first, case_id), decide(second, case_id, REJECT, "No."), return_exceptions=True
    )
    assert sum(isinstance(answer, pb.Case) for answer in answers) == 1
    assert len(await world.published(session_id)) == 3


async def test_what_is_not_there_cannot_be_verified(world: World) -> None:
    learner, proctor, _, case_id = await opened(world)
    error = await refused_without_change(world, decide(proctor, case_id))
    assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "EVIDENCE_MISSING")
    assert error.metadata == {"missing": "document,selfie"}
    await submit(learner, case_id, SELFIE)
    error = await refused_without_change(world, decide(proctor, case_id))
    assert error.metadata == {"missing": "document"}


async def test_nobody_is_verified_by_pictures_that_nobody_has_seen(world: World) -> None:
    learner, proctor, _, case_id = await opened(world)
    await submit_both(learner, case_id)
    error = await refused_without_change(world, decide(proctor, case_id))
    assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "EVIDENCE_NOT_VIEWED")
    assert error.metadata == {"kinds": "document,selfie"}
    await look(proctor, case_id, DOCUMENT)
    error = await refused_without_change(world, decide(proctor, case_id))
    assert error.metadata == {"kinds": "selfie"}


async def test_a_picture_that_was_swapped_after_the_look_is_not_verified_unseen(
    world: World,
) -> None:
    learner, proctor, _, case_id = await opened(world)
    await submit_both(learner, case_id)
    await look(proctor, case_id, DOCUMENT)
    await look(proctor, case_id, SELFIE)
    await submit(learner, case_id, SELFIE)
    error = await refused_without_change(world, decide(proctor, case_id))
    assert (error.kind, error.reason) == (Kind.CONFLICT, "EVIDENCE_REPLACED")
    assert error.metadata == {"kinds": "selfie"}
    await look(proctor, case_id, SELFIE)
    assert (await decide(proctor, case_id)).state == pb.CASE_STATE_VERIFIED


async def test_only_a_proctor_of_the_session_decides(world: World) -> None:
    learner, _, _, case_id = await opened(world)
    await submit_both(learner, case_id)
    stranger = world.proctor()
    for call in (
        decide(stranger, case_id),
        decide(stranger, case_id, REJECT, "No."),
        ask_again(stranger, case_id),
        decide(stranger, str(new_id())),
    ):
        error = await refused_without_change(world, call)
        assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "NOT_YOUR_CASE")


async def test_asked_again_the_learner_sends_both_anew(world: World) -> None:
    learner, proctor, session_id, case_id = await opened(world)
    await submit_both(learner, case_id)
    asked = await ask_again(proctor, case_id, "The document is blurred.")
    assert asked.state == pb.CASE_STATE_RESUBMISSION_REQUESTED
    assert (list(asked.evidence), asked.decision_reason) == ([], "The document is blurred.")
    assert not asked.HasField("submit_time")
    assert asked.decided_by == ""
    error = await refusal(look(proctor, case_id))
    assert error.reason == "EVIDENCE_MISSING"
    assert (await submit(learner, case_id, DOCUMENT)).state == pb.CASE_STATE_RESUBMISSION_REQUESTED
    assert (await submit(learner, case_id, SELFIE)).state == pb.CASE_STATE_SUBMITTED
    assert await world.published(session_id) == [
        "opened",
        "submitted",
        "resubmission-requested",
        "submitted",
    ]


async def test_the_queue_is_told_at_once_and_after_every_change_longest_wait_first(
    world: World,
) -> None:
    proctor, first, second = world.proctor(), world.learner(), world.learner()
    session_id = await world.session(proctor)
    first_case = await world.case(session_id, first)
    second_case = await world.case(session_id, second)
    call = proctor.stub.WatchQueue(pb.WatchQueueRequest(session_id=session_id))

    async def queue() -> list[str]:
        return [case.case_id for case in (await next_of(call)).cases]

    try:
        assert await queue() == []
        await submit_both(second, second_case)
        assert await queue() == [second_case]
        await submit_both(first, first_case)
        assert await queue() == [second_case, first_case]
        await verify(proctor, second_case)
        assert await queue() == [first_case]
        await world.tell(ended(UUID(session_id)))
        assert await queue() == []
    finally:
        call.cancel()


async def test_a_queue_on_which_nothing_happens_is_shown_again(world: World) -> None:
    proctor, learner = world.proctor(), world.learner()
    session_id = await world.session(proctor)
    case_id = await world.case(session_id, learner)
    service, caller = world.service, Caller(proctor.person_id, frozenset({"proctor"}))
    views = queue.watch_queue(
        service.database,
        service.listener,
        caller,
        UUID(session_id),
        heartbeat=timedelta(milliseconds=50),
    )
    async with asyncio.timeout(PATIENCE), aclosing(views):
        for _ in range(4):
            assert await anext(views) == []
        await submit_both(learner, case_id)
        while not (waiting := await anext(views)):
            pass
        assert [str(case.case_id) for case in waiting] == [case_id]
        assert await anext(views) == waiting


async def test_only_a_proctor_of_the_session_watches_its_queue(world: World) -> None:
    session_id = await world.session(world.proctor())
    for asked in (session_id, str(new_id())):
        call = world.proctor().stub.WatchQueue(pb.WatchQueueRequest(session_id=asked))
        error = await refusal(next_of(call))
        assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "NOT_YOUR_CASE")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("state = 'requested'", "stays so"),
        ("decided_by = gen_random_uuid()", "stays so"),
        ("decision_reason = 'other'", "stays so"),
        ("person_id = gen_random_uuid()", "its session and learner"),
    ],
    ids=["state", "who", "why", "whose"],
)
async def test_the_database_itself_keeps_what_was_decided(
    world: World, change: str, said: str
) -> None:
    learner, proctor, _, case_id = await opened(world)
    await submit_both(learner, case_id)
    await verify(proctor, case_id)
    with pytest.raises(Exception, match=said):
        await world.rows(f"UPDATE cases SET {change} WHERE case_id = :id", id=UUID(case_id))


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("state = 'verified'", "decided_by_a_person"),
        ("state = 'verified', decided_by = person_id, decided_at = now()", "decided_by_another"),
        (
            "state = 'rejected', decided_by = gen_random_uuid(), decided_at = now()",
            "rejected_with_reason",
        ),
        ("state = 'submitted'", "submitted_first"),
        ("state = 'in_between'", "ck_cases_state"),
    ],
    ids=["nobody decided", "decided oneself", "no reason", "nothing submitted", "no such state"],
)
async def test_the_database_itself_refuses_what_must_never_be(
    world: World, change: str, constraint: str
) -> None:
    _, _, _, case_id = await opened(world)
    with pytest.raises(Exception, match=constraint):
        await world.rows(f"UPDATE cases SET {change} WHERE case_id = :id", id=UUID(case_id))


async def test_one_learner_has_one_case_in_a_session_and_one_current_picture_of_a_kind(
    world: World,
) -> None:
    learner, _, _, case_id = await opened(world)
    await submit(learner, case_id, DOCUMENT)
    with pytest.raises(Exception, match="uq_cases_session_id_person_id"):
        await world.rows(
            "INSERT INTO cases SELECT gen_random_uuid(), session_id, participant_id, person_id, state,"
            " wrapped_key, opened_at FROM cases WHERE case_id = :id",
            id=UUID(case_id),
        )
    with pytest.raises(Exception, match="uq_evidence_current"):
        await world.rows(
            "INSERT INTO evidence SELECT gen_random_uuid(), case_id, kind, 'elsewhere', media_type, width,"
            " height, submitted_at FROM evidence WHERE case_id = :id",
            id=UUID(case_id),
        )


async def test_the_migrated_database_is_what_the_tables_say(world: World) -> None:
    assert await differences(world.service.settings.database_url, "proctorium_identity") == []

"""Tests of decisions, resubmission requests and the queue."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest
from sqlalchemy.exc import DBAPIError

from proctorium.identity.v1 import verification_pb2 as pb
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.migrations import differences
from proctorium_devstack.testing.refusals import refusal
from proctorium_devstack.testing.states import check_trigger
from proctorium_devstack.testing.waiting import TIMEOUT, next_response
from proctorium_identity.domain.cases import CASE_STATES, UNDECIDED, CaseState
from proctorium_identity.operations import queue

from .harness import (
    DOCUMENT,
    SELFIE,
    Harness,
    case_of,
    decide,
    ended,
    request_resubmission,
    submit,
    submit_both,
    verify,
    view_image,
)
from .test_evidence import open_case

REJECT = pb.DECISION_REJECT


async def test_proctor_verifies(harness: Harness) -> None:
    learner, proctor, session_id, case_id = await open_case(harness)
    await submit_both(learner, case_id)
    decided = await verify(proctor, case_id, reason="  As on the document. ")
    assert decided.state == pb.CASE_STATE_VERIFIED
    assert (decided.decided_by, decided.decision_reason) == (proctor.id, "As on the document.")
    assert decided.HasField("decide_time")
    assert await case_of(learner, case_id) == decided
    assert await harness.published(session_id) == ["case.opened", "case.submitted", "case.verified"]


@pytest.mark.parametrize("sent", [[], [DOCUMENT], [DOCUMENT, SELFIE]], ids=["none", "one", "both"])
async def test_proctor_rejects_with_a_reason_in_any_undecided_state(
    harness: Harness, sent: list[pb.EvidenceKind.ValueType]
) -> None:
    learner, proctor, session_id, case_id = await open_case(harness)
    for kind in sent:
        await submit(learner, case_id, kind)
    error = await harness.refused(decide, proctor, case_id, REJECT, " ")
    assert (error.kind, error.reason) == (Kind.INVALID, "INVALID_REQUEST")
    decided = await decide(proctor, case_id, REJECT, "It is somebody else.")
    assert (decided.state, decided.decision_reason) == (
        pb.CASE_STATE_REJECTED,
        "It is somebody else.",
    )
    assert (await harness.published(session_id))[-1] == "case.rejected"


async def test_repeated_decision_is_accepted_and_another_is_refused(harness: Harness) -> None:
    learner, proctor, session_id, case_id = await open_case(harness)
    await submit_both(learner, case_id)
    decided = await verify(proctor, case_id)
    assert await decide(proctor, case_id, reason="Again.") == decided
    error = await harness.refused(decide, proctor, case_id, REJECT, "Oh.")
    assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "CASE_CLOSED")
    assert "A decision cannot be changed." in error.message
    assert "talk to the proctor" not in error.message
    assert error.metadata == {"state": "verified"}
    assert await harness.published(session_id) == ["case.opened", "case.submitted", "case.verified"]


async def test_verified_identity_can_be_checked_again_during_the_session(harness: Harness) -> None:
    learner, proctor, session_id, case_id = await open_case(harness)
    await submit_both(learner, case_id)
    await verify(proctor, case_id)
    requested = await request_resubmission(proctor, case_id)
    assert requested.state == pb.CASE_STATE_RESUBMISSION_REQUESTED
    assert (requested.decided_by, list(requested.evidence)) == ("", [])
    assert requested.decision_reason != ""
    assert await case_of(learner, case_id) == requested
    await submit_both(learner, case_id)
    error = await harness.refused(decide, proctor, case_id)
    assert error.reason == "EVIDENCE_REPLACED"
    assert (await verify(proctor, case_id)).state == pb.CASE_STATE_VERIFIED
    assert (await harness.published(session_id))[2:] == [
        "case.verified",
        "case.resubmission-requested",
        "case.submitted",
        "case.verified",
    ]


async def test_rejected_identity_cannot_be_checked_again(harness: Harness) -> None:
    _, proctor, _, case_id = await open_case(harness)
    await decide(proctor, case_id, REJECT, "It is somebody else.")
    error = await harness.refused(request_resubmission, proctor, case_id)
    assert (error.reason, error.metadata) == ("CASE_CLOSED", {"state": "rejected"})


async def test_verified_identity_cannot_be_checked_again_after_the_session(
    harness: Harness,
) -> None:
    learner, proctor, session_id, case_id = await open_case(harness)
    await submit_both(learner, case_id)
    await verify(proctor, case_id)
    await harness.publish(ended(UUID(session_id)))
    error = await harness.refused(request_resubmission, proctor, case_id)
    assert (error.reason, error.metadata) == ("CASE_CLOSED", {"state": "verified"})
    assert (await case_of(learner, case_id)).state == pb.CASE_STATE_VERIFIED


async def test_repeated_request_returns_the_first_response(harness: Harness) -> None:
    learner, proctor, _, case_id = await open_case(harness)
    await submit_both(learner, case_id)
    request_id = str(new_id())
    decided = await verify(proctor, case_id, request_id=request_id)
    assert await decide(proctor, case_id, request_id=request_id) == decided
    error = await refusal(decide(proctor, case_id, REJECT, "Oh.", request_id=request_id))
    assert error.reason == "REQUEST_ID_REUSED"


async def test_concurrent_decisions_decide_once(harness: Harness) -> None:
    learner, first, second = harness.learner(), harness.proctor(), harness.proctor()
    session_id = await harness.session(first, second)
    case_id = await harness.case(session_id, learner)
    await submit_both(learner, case_id)
    results = await asyncio.gather(
        verify(first, case_id), decide(second, case_id, REJECT, "No."), return_exceptions=True
    )
    assert sum(isinstance(result, pb.Case) for result in results) == 1
    assert len(await harness.published(session_id)) == 3


async def test_verification_without_evidence_is_refused(harness: Harness) -> None:
    learner, proctor, _, case_id = await open_case(harness)
    error = await harness.refused(decide, proctor, case_id)
    assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "EVIDENCE_MISSING")
    assert error.metadata == {"missing": "document,selfie"}
    await submit(learner, case_id, SELFIE)
    error = await harness.refused(decide, proctor, case_id)
    assert error.metadata == {"missing": "document"}


async def test_verification_without_viewing_every_image_is_refused(harness: Harness) -> None:
    learner, proctor, _, case_id = await open_case(harness)
    await submit_both(learner, case_id)
    error = await harness.refused(decide, proctor, case_id)
    assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "EVIDENCE_NOT_VIEWED")
    assert error.metadata == {"kinds": "document,selfie"}
    await view_image(proctor, case_id, DOCUMENT)
    error = await harness.refused(decide, proctor, case_id)
    assert error.metadata == {"kinds": "selfie"}


async def test_image_replaced_after_viewing_must_be_viewed_again(
    harness: Harness,
) -> None:
    learner, proctor, _, case_id = await open_case(harness)
    await submit_both(learner, case_id)
    await view_image(proctor, case_id, DOCUMENT)
    await view_image(proctor, case_id, SELFIE)
    await submit(learner, case_id, SELFIE)
    error = await harness.refused(decide, proctor, case_id)
    assert (error.kind, error.reason) == (Kind.CONFLICT, "EVIDENCE_REPLACED")
    assert error.metadata == {"kinds": "selfie"}
    await view_image(proctor, case_id, SELFIE)
    assert (await decide(proctor, case_id)).state == pb.CASE_STATE_VERIFIED


async def test_proctor_of_another_session_cannot_decide(harness: Harness) -> None:
    learner, _, _, case_id = await open_case(harness)
    await submit_both(learner, case_id)
    stranger = harness.proctor()
    for call in (
        partial(decide, stranger, case_id),
        partial(decide, stranger, case_id, REJECT, "No."),
        partial(request_resubmission, stranger, case_id),
        partial(decide, stranger, str(new_id())),
    ):
        error = await harness.refused(call)
        assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "NOT_YOUR_CASE")


async def test_resubmission_needs_both_images_again(harness: Harness) -> None:
    learner, proctor, session_id, case_id = await open_case(harness)
    await submit_both(learner, case_id)
    case = await request_resubmission(proctor, case_id, "The document is blurred.")
    assert case.state == pb.CASE_STATE_RESUBMISSION_REQUESTED
    assert (list(case.evidence), case.decision_reason) == ([], "The document is blurred.")
    assert not case.HasField("submit_time")
    assert case.decided_by == ""
    error = await refusal(view_image(proctor, case_id))
    assert error.reason == "EVIDENCE_MISSING"
    assert (await submit(learner, case_id, DOCUMENT)).state == pb.CASE_STATE_RESUBMISSION_REQUESTED
    assert (await submit(learner, case_id, SELFIE)).state == pb.CASE_STATE_SUBMITTED
    assert await harness.published(session_id) == [
        "case.opened",
        "case.submitted",
        "case.resubmission-requested",
        "case.submitted",
    ]


async def test_queue_is_sent_at_once_and_after_every_change(
    harness: Harness,
) -> None:
    proctor, first, second = harness.proctor(), harness.learner(), harness.learner()
    session_id = await harness.session(proctor)
    first_case = await harness.case(session_id, first)
    second_case = await harness.case(session_id, second)
    call = proctor.stub.WatchQueue(pb.WatchQueueRequest(session_id=session_id))

    async def queue() -> list[str]:
        return [case.case_id for case in (await next_response(call)).cases]

    try:
        assert await queue() == []
        await submit_both(second, second_case)
        assert await queue() == [second_case]
        await submit_both(first, first_case)
        assert await queue() == [second_case, first_case]
        await verify(proctor, second_case)
        assert await queue() == [first_case]
        await harness.publish(ended(UUID(session_id)))
        assert await queue() == []
    finally:
        call.cancel()


async def test_unchanged_queue_is_sent_again_after_the_heartbeat(harness: Harness) -> None:
    proctor, learner = harness.proctor(), harness.learner()
    session_id = await harness.session(proctor)
    case_id = await harness.case(session_id, learner)
    service, caller = harness.service, Caller(proctor.person_id, frozenset({"proctor"}))
    queues = queue.watch_queue(
        service.database,
        service.listener,
        caller,
        UUID(session_id),
        heartbeat=timedelta(milliseconds=50),
    )
    async with asyncio.timeout(TIMEOUT), aclosing(queues):
        for _ in range(4):
            assert await anext(queues) == []
        await submit_both(learner, case_id)
        while not (waiting := await anext(queues)):
            pass
        assert [str(case.case_id) for case in waiting] == [case_id]
        assert await anext(queues) == waiting


async def test_proctor_of_another_session_cannot_watch_the_queue(harness: Harness) -> None:
    session_id = await harness.session(harness.proctor())
    for each in (session_id, str(new_id())):
        call = harness.proctor().stub.WatchQueue(pb.WatchQueueRequest(session_id=each))
        error = await refusal(next_response(call))
        assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "NOT_YOUR_CASE")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("state = 'requested'", "cannot change"),
        ("decided_by = gen_random_uuid()", "cannot change"),
        ("decision_reason = 'other'", "cannot change"),
        ("person_id = gen_random_uuid()", "cannot move"),
    ],
    ids=["state", "decider", "reason", "learner"],
)
async def test_database_refuses_to_change_a_decided_case(
    harness: Harness, change: str, message: str
) -> None:
    learner, proctor, _, case_id = await open_case(harness)
    await submit_both(learner, case_id)
    await verify(proctor, case_id)
    with pytest.raises(Exception, match=message):
        await harness.rows(f"UPDATE cases SET {change} WHERE case_id = :id", id=UUID(case_id))


async def test_database_allows_exactly_the_transitions_of_the_state_machine(
    harness: Harness,
) -> None:
    session_id = UUID(await harness.session())

    async def allows(origin: CaseState, target: CaseState) -> bool:
        [[case_id]] = await harness.rows(
            "INSERT INTO cases (case_id, session_id, participant_id, person_id, state, encrypted_key, opened_at,"
            " submitted_at, decided_by, decided_as, decided_at, decision_reason, expired_from)"
            " VALUES (gen_random_uuid(), :session_id, gen_random_uuid(), gen_random_uuid(), :state, '', now(),"
            " now(), gen_random_uuid(), 'proctor', now(), 'any', :expired_from) RETURNING case_id",
            session_id=session_id,
            state=origin.value,
            # An expired case is restored only to the state in which it expired.
            expired_from=target.value
            if origin is CaseState.EXPIRED and target in UNDECIDED
            else None,
        )
        # A verified case is submitted again only as a case of the kind alternative.
        kind = "alternative" if target is CaseState.SUBMITTED else "images"
        try:
            await harness.rows(
                "UPDATE cases SET state = :state, kind = :kind, expired_from = NULL WHERE case_id = :id",
                state=target.value,
                kind=kind,
                id=case_id,
            )
        except DBAPIError as refused:
            assert "cannot change" in str(refused)  # noqa: PT017 - another error must fail the test
            return False
        return True

    await check_trigger(CASE_STATES, allows)


LEARNER, PROCTOR = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"
DECIDED = {"decided_by": PROCTOR, "decided_as": "proctor", "decided_at": "2026-03-01T12:00:00Z"}


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [
        ({"state": "verified"}, "decided_by_person"),
        ({**DECIDED, "state": "verified", "decided_as": None}, "decided_by_person"),
        ({**DECIDED, "state": "verified", "decided_by": LEARNER}, "decided_by_other_person"),
        ({**DECIDED, "state": "rejected"}, "rejection_reason"),
        ({"state": "submitted", "submitted_at": None}, "submitted_at"),
        ({"state": "in_between"}, "ck_cases_state"),
        (
            {**DECIDED, "state": "rejected", "decision_reason": "any", "kind": "other"},
            "ck_cases_kind",
        ),
        ({"kind": "alternative"}, "alternative_state"),
        ({**DECIDED, "state": "verified", "kind": "alternative"}, "alternative_reason"),
    ],
    ids=[
        "no decider",
        "no role",
        "own case",
        "no reason",
        "nothing submitted",
        "unknown state",
        "unknown kind",
        "waiting for images without images",
        "no reason without images",
    ],
)
async def test_database_refuses_inconsistent_cases(
    harness: Harness, columns: dict[str, str | None], constraint: str
) -> None:
    _, _, _, case_id = await open_case(harness)
    row = {
        "case_id": str(new_id()),
        "person_id": LEARNER,
        "submitted_at": "2026-03-01T11:00:00Z",
        **columns,
    }
    with pytest.raises(DBAPIError, match=constraint):
        await harness.rows(
            "INSERT INTO cases SELECT (jsonb_populate_record(cases, CAST(:row AS jsonb))).*"
            " FROM cases WHERE case_id = :id",
            id=UUID(case_id),
            row=json.dumps(row),
        )


async def test_database_refuses_second_case_and_second_current_image(
    harness: Harness,
) -> None:
    learner, _, _, case_id = await open_case(harness)
    await submit(learner, case_id, DOCUMENT)
    with pytest.raises(Exception, match="uq_cases_session_id_person_id"):
        await harness.rows(
            "INSERT INTO cases SELECT gen_random_uuid(), session_id, participant_id, person_id, state,"
            " encrypted_key, opened_at FROM cases WHERE case_id = :id",
            id=UUID(case_id),
        )
    with pytest.raises(Exception, match="uq_evidence_current"):
        await harness.rows(
            "INSERT INTO evidence SELECT gen_random_uuid(), case_id, kind, 'elsewhere', media_type, width,"
            " height, submitted_at FROM evidence WHERE case_id = :id",
            id=UUID(case_id),
        )


async def test_migrations_create_the_tables(harness: Harness) -> None:
    assert await differences(harness.database_url, "proctorium_identity") == []

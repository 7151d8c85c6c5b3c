"""Tests of joining and rejoining with a code.

The rules of the session and enrollment's resolution of the code decide whether a learner may join.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from google.protobuf.duration_pb2 import Duration
from sqlalchemy.exc import DBAPIError

from proctorium.enrollment.v1 import codes_pb2
from proctorium.session.v1 import lobby_pb2, sessions_pb2, supervision_pb2
from proctorium_common.errors import Kind, ServiceError, Violation
from proctorium_common.ids import new_id
from proctorium_devstack.testing.refusals import refusal

from .harness import Harness, Person, end, join, plan, start

UNTIL = sessions_pb2.LATE_ENTRY_UNTIL


def joining(code: str, request_id: str = "") -> lobby_pb2.JoinSessionRequest:
    return lobby_pb2.JoinSessionRequest(code=code, request_id=request_id)


async def refused(harness: Harness, person: Person, code: str) -> ServiceError:
    return await harness.refused(person.lobby.JoinSession, joining(code))


async def test_code_is_resolved_with_the_learners_id_and_address(harness: Harness) -> None:
    learner = harness.learner()
    session = await harness.scheduled(plan([harness.proctor()]), code="Abc23456")
    # The callers in these tests use the certificate of the edge, so the service trusts the client address in their
    # header.
    await learner.lobby.JoinSession(
        joining("Abc23456"), metadata=[("x-forwarded-for", "192.0.2.7")]
    )
    entry = harness.enrollment.entries[-1]
    assert (entry.text, entry.person_id, entry.client_address) == (
        "Abc23456",
        learner.id,
        "192.0.2.7",
    )
    assert (await harness.recorded(session.session_id))[-1] == "participant.joined"


NOON = datetime(2027, 1, 1, 12, tzinfo=UTC)


def resolution(
    code: codes_pb2.ResolvedCode, validity: codes_pb2.CodeValidity.ValueType, **fields: Any
) -> codes_pb2.CodeResolution:
    """Return a resolution of a code with this validity."""
    code.validity = validity
    code.valid_from_time.FromDatetime(NOON)
    code.valid_until_time.FromDatetime(NOON + timedelta(hours=1))
    return codes_pb2.CodeResolution(code=code, **fields)


@pytest.mark.parametrize(
    ("validity", "reason", "metadata"),
    [
        (
            codes_pb2.CODE_VALIDITY_NOT_YET_VALID,
            "CODE_NOT_YET_VALID",
            {"valid_from": NOON.isoformat()},
        ),
        (
            codes_pb2.CODE_VALIDITY_EXPIRED,
            "CODE_EXPIRED",
            {"valid_until": (NOON + timedelta(hours=1)).isoformat()},
        ),
        (codes_pb2.CODE_VALIDITY_REVOKED, "CODE_REVOKED", {}),
        (codes_pb2.CODE_VALIDITY_REPLACED, "CODE_REPLACED", {}),
    ],
    ids=["not yet valid", "expired", "revoked", "replaced"],
)
async def test_invalid_code_admits_only_participants(
    harness: Harness,
    validity: codes_pb2.CodeValidity.ValueType,
    reason: str,
    metadata: dict[str, str],
) -> None:
    early, late = harness.learner(), harness.learner()
    session = await harness.scheduled(plan([harness.proctor()]))
    await join(early, session.session_id)
    code = harness.enrollment.resolved(session.session_id)
    harness.enrollment.resolutions[session.session_id] = resolution(code, validity)
    error = await refused(harness, late, session.session_id)
    assert (error.kind, error.reason, dict(error.metadata)) == (
        Kind.INVALID_STATE_TRANSITION,
        reason,
        metadata,
    )
    assert (await join(early, session.session_id)).rejoin


async def test_throttled_learner_can_only_rejoin(harness: Harness) -> None:
    early, late = harness.learner(), harness.learner()
    session = await harness.scheduled(plan([harness.proctor()]))
    await join(early, session.session_id)
    delay = Duration(seconds=17)
    code = harness.enrollment.resolved(session.session_id)
    throttled = codes_pb2.CodeResolution(code=code, retry_delay=delay)
    harness.enrollment.resolutions[session.session_id] = throttled
    unknown = codes_pb2.CodeResolution(unknown=codes_pb2.UnknownCode(), retry_delay=delay)
    harness.enrollment.resolutions["Throttled"] = unknown
    for person, text in ((late, session.session_id), (late, "Throttled"), (early, "Throttled")):
        error = await refused(harness, person, text)
        assert (error.kind, error.reason) == (Kind.EXHAUSTED, "TOO_MANY_FAILED_CODE_ENTRIES")
        assert error.retry_after == timedelta(seconds=17)
        assert "17 seconds" in error.message
    assert (await join(early, session.session_id)).rejoin


async def test_code_of_another_learner_and_missing_registration_have_the_same_refusal(
    harness: Harness,
) -> None:
    learner = harness.learner()
    session = await harness.scheduled(plan([harness.proctor()]))
    code = harness.enrollment.resolved(session.session_id)
    code.registered = False
    harness.enrollment.resolutions["NotRegistered"] = codes_pb2.CodeResolution(code=code)
    code = harness.enrollment.resolved(session.session_id)
    code.person_id = str(new_id())
    harness.enrollment.resolutions["Anothers"] = codes_pb2.CodeResolution(code=code)
    error = [await refused(harness, learner, text) for text in ("NotRegistered", "Anothers")]
    assert {(each.kind, each.reason) for each in error} == {
        (Kind.INVALID_STATE_TRANSITION, "NOT_YOUR_CODE")
    }
    assert error[0].message == error[1].message
    await join(learner, session.session_id)
    assert (await join(learner, "NotRegistered")).rejoin
    assert (await refused(harness, learner, "Anothers")).reason == "NOT_YOUR_CODE"


async def test_personal_code_admits_its_learner(harness: Harness) -> None:
    learner = harness.learner()
    session = await harness.scheduled(plan([harness.proctor()]))
    code = harness.enrollment.resolved(session.session_id)
    code.person_id = learner.id
    harness.enrollment.resolutions["Mine"] = codes_pb2.CodeResolution(code=code)
    assert not (await join(learner, "Mine")).rejoin


async def test_malformed_code_is_refused_with_its_field(
    harness: Harness,
) -> None:
    sentence = "An enrollment code has 6 to 8 letters and digits. This text has 5."
    malformed = codes_pb2.MalformedCode(description=sentence)
    harness.enrollment.resolutions["Short"] = codes_pb2.CodeResolution(malformed=malformed)
    error = await refused(harness, harness.learner(), "Short")
    assert (error.kind, error.reason) == (Kind.INVALID, "CODE_MALFORMED")
    assert error.violations == (Violation("code", "code.text", sentence),)


async def test_unknown_code_is_refused(harness: Harness) -> None:
    error = await refused(harness, harness.learner(), "Wrong123")
    assert (error.kind, error.reason) == (Kind.NOT_FOUND, "CODE_INVALID")


async def test_join_fails_while_enrollment_is_unavailable(harness: Harness) -> None:
    session = await harness.scheduled(plan([harness.proctor()]))
    async with harness.without(harness.enrollment):
        error = await refused(harness, harness.learner(), session.session_id)
    assert (error.kind, error.reason) == (Kind.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE")


async def test_refusal_before_the_lobby_opens_contains_its_opening_time(harness: Harness) -> None:
    session = await harness.scheduled(plan([harness.proctor()], starts_in=timedelta(hours=5)))
    error = await refused(harness, harness.learner(), session.session_id)
    assert error.reason == "LOBBY_NOT_OPEN"
    opens = session.lobby_open_time.ToJsonString().removesuffix("Z")
    assert error.metadata["lobby_open_time"].startswith(opens[:19])


async def test_join_of_a_full_session_is_refused(harness: Harness) -> None:
    session = await harness.scheduled(plan([harness.proctor()], capacity=1))
    await join(harness.learner(), session.session_id)
    error = await refused(harness, harness.learner(), session.session_id)
    assert (error.kind, error.reason) == (Kind.EXHAUSTED, "SESSION_FULL")


async def test_seats_of_invited_learners_are_reserved(harness: Harness) -> None:
    invited = harness.learner()
    session = await harness.scheduled(plan([harness.proctor()], [invited], capacity=2))
    await join(harness.learner(), session.session_id)
    assert (await refused(harness, harness.learner(), session.session_id)).reason == "SESSION_FULL"
    joined = await join(invited, session.session_id)
    assert joined.session.participant_count == 2


async def test_concurrent_joins_do_not_exceed_the_capacity(
    harness: Harness,
) -> None:
    session = await harness.scheduled(plan([harness.proctor()], capacity=5))
    results = await asyncio.gather(
        *(join(harness.learner(), session.session_id) for _ in range(12)), return_exceptions=True
    )
    assert sum(not isinstance(each, BaseException) for each in results) == 5
    rows = await harness.rows(
        "SELECT s.participant_count, count(*) FROM sessions s JOIN participants USING (session_id) "
        "WHERE session_id = :id GROUP BY 1",
        id=UUID(session.session_id),
    )
    assert rows == [(5, 5)]


async def test_database_refuses_a_participant_over_capacity(harness: Harness) -> None:
    session = await harness.scheduled(plan([harness.proctor()], capacity=1))
    await join(harness.learner(), session.session_id)
    with pytest.raises(DBAPIError, match="ck_sessions_capacity"):
        await harness.rows(
            "INSERT INTO participants (participant_id, session_id, person_id, state, identity, "
            "join_time, revision) VALUES (:new, :id, :new, 'waiting', 'not_required', now(), 9)",
            new=new_id(),
            id=UUID(session.session_id),
        )


async def test_late_entry_defaults_to_15_minutes(
    harness: Harness,
) -> None:
    proctor = harness.proctor()
    unsaid = sessions_pb2.LATE_ENTRY_UNSPECIFIED
    for late_entry in (unsaid, UNTIL):
        session = await harness.scheduled(plan([proctor], late_entry=late_entry))
        assert session.plan.late_entry == UNTIL
        assert session.plan.late_entry_limit.ToTimedelta() == timedelta(minutes=15)
        await start(proctor, session.session_id)
        joined = await join(harness.learner(), session.session_id)
        assert joined.participant.state == lobby_pb2.PARTICIPANT_STATE_IN_SESSION
        await end(proctor, session.session_id)


async def test_closed_late_entry_admits_only_participants(harness: Harness) -> None:
    proctor, early = harness.proctor(), harness.learner()
    session = await harness.scheduled(plan([proctor]))
    joined = await join(early, session.session_id)
    await start(proctor, session.session_id)
    assert (
        await refused(harness, harness.learner(), session.session_id)
    ).reason == "LATE_ENTRY_CLOSED"
    back = await join(early, session.session_id)
    assert back.rejoin
    assert back.participant.participant_id == joined.participant.participant_id
    assert back.participant.state == lobby_pb2.PARTICIPANT_STATE_IN_SESSION


async def test_late_learner_is_in_session_immediately(harness: Harness) -> None:
    proctor, late = harness.proctor(), harness.learner()
    limit = timedelta(minutes=15)
    session = await harness.scheduled(plan([proctor], late_entry=UNTIL, late_entry_limit=limit))
    await start(proctor, session.session_id)
    joined = await join(late, session.session_id)
    assert joined.participant.state == lobby_pb2.PARTICIPANT_STATE_IN_SESSION
    await end(proctor, session.session_id)
    error = await refused(harness, late, session.session_id)
    assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "SESSION_ENDED")


async def test_join_after_the_late_entry_limit_is_refused(harness: Harness) -> None:
    proctor = harness.proctor()
    session = await harness.scheduled(
        plan([proctor], late_entry=UNTIL, late_entry_limit=timedelta(0))
    )
    await start(proctor, session.session_id)
    assert (
        await refused(harness, harness.learner(), session.session_id)
    ).reason == "LATE_ENTRY_CLOSED"


async def test_join_of_a_cancelled_session_is_refused(harness: Harness) -> None:
    session = await harness.scheduled(plan([harness.proctor()]))
    await harness.administrator().sessions.CancelSession(
        sessions_pb2.CancelSessionRequest(session_id=session.session_id)
    )
    assert (
        await refused(harness, harness.learner(), session.session_id)
    ).reason == "SESSION_CANCELLED"


async def test_rejoin_returns_the_same_participant_and_records_nothing(
    harness: Harness,
) -> None:
    learner = harness.learner()
    session = await harness.scheduled(plan([harness.proctor()]))
    results = await asyncio.gather(*(join(learner, session.session_id) for _ in range(8)))
    assert len({each.participant.participant_id for each in results}) == 1
    assert sorted(each.rejoin for each in results) == [False, *[True] * 7]
    assert (await harness.recorded(session.session_id)).count("participant.joined") == 1
    assert results[0].session.participant_count == 1


async def test_repeated_request_has_the_same_response(harness: Harness) -> None:
    learner = harness.learner()
    session = await harness.scheduled(plan([harness.proctor()]))
    request = joining(session.session_id, request_id="join-once")
    first = await learner.lobby.JoinSession(request)
    assert not first.rejoin
    assert await learner.lobby.JoinSession(request) == first


async def test_repeated_request_has_the_same_response_after_its_code_became_invalid(
    harness: Harness,
) -> None:
    learner = harness.learner()
    session = await harness.scheduled(plan([harness.proctor()]))
    request = joining(session.session_id, request_id="join-before-the-end")
    first = await learner.lobby.JoinSession(request)
    del harness.enrollment.codes[session.session_id]
    assert await learner.lobby.JoinSession(request) == first
    for others in (learner, harness.learner()):
        again = joining(session.session_id, request_id="join-after-the-end")
        assert (await refusal(others.lobby.JoinSession(again))).reason == "CODE_INVALID"
    async with harness.without(harness.enrollment):
        assert await learner.lobby.JoinSession(request) == first


async def test_request_id_cannot_be_reused_with_another_code(harness: Harness) -> None:
    learner = harness.learner()
    first, second = [await harness.scheduled(plan([harness.proctor()])) for _ in range(2)]
    await learner.lobby.JoinSession(joining(first.session_id, request_id="one"))
    error = await refusal(learner.lobby.JoinSession(joining(second.session_id, request_id="one")))
    assert (error.kind, error.reason) == (Kind.INVALID, "REQUEST_ID_REUSED")


async def test_repeated_request_in_one_batch_has_the_same_response(harness: Harness) -> None:
    """Repetitions of a refused request are also refused, although no response is stored for a refusal."""
    session = await harness.scheduled(plan([harness.proctor()], capacity=1))
    learners = [harness.learner() for _ in range(3)]
    joins = [
        learner.lobby.JoinSession(joining(session.session_id, request_id="mine"))
        for learner in learners * 4
    ]
    results = await asyncio.gather(*joins, return_exceptions=True)
    answered = [each for each in results if isinstance(each, lobby_pb2.JoinSessionResponse)]
    assert len(answered) == 4
    assert all(each == answered[0] for each in answered)
    assert not answered[0].rejoin
    callers = await harness.rows(
        "SELECT caller FROM idempotency_keys WHERE caller = ANY(:callers) AND request_id = 'mine'",
        callers=[f"person:{learner.id}" for learner in learners],
    )
    assert callers == [(f"person:{answered[0].participant.person_id}",)]


async def test_rejoin_after_removal_returns_the_reason_and_readmits_nobody(
    harness: Harness,
) -> None:
    proctor, learner = harness.proctor(), harness.learner()
    session = await harness.scheduled(plan([proctor]))
    joined = await join(learner, session.session_id)
    await proctor.supervision.RemoveParticipants(
        supervision_pb2.RemoveParticipantsRequest(
            session_id=session.session_id,
            participant_ids=[joined.participant.participant_id],
            removal_reason="Came with somebody else's code.",
        )
    )
    again = await join(learner, session.session_id)
    assert again.rejoin
    assert again.participant.participant_id == joined.participant.participant_id
    assert again.participant.state == lobby_pb2.PARTICIPANT_STATE_REMOVED
    assert again.participant.removal_reason == "Came with somebody else's code."
    assert again.session.participant_count == 1, "the seat stays taken"


async def test_only_learners_can_join(harness: Harness) -> None:
    session = await harness.scheduled(plan([harness.proctor()]))
    for person in (harness.proctor(), harness.administrator()):
        error = await refused(harness, person, session.session_id)
        assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "NOT_ALLOWED")

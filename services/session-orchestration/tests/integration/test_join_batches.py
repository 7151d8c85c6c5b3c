"""Tests of batches of requests to join.

The result of a batch is the same as if the learners joined one after the other. Each event contains the trace context
of the call that caused the event.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from uuid import UUID

from opentelemetry.trace import SpanContext, TraceFlags

from proctorium.session.v1 import lobby_pb2
from proctorium_common.errors import unavailable
from proctorium_common.ids import new_id
from proctorium_session.api.lobby import join_response
from proctorium_session.domain.admission import Refusal
from proctorium_session.domain.codes import CodeResolution, CodeValidity, ResolvedCode
from proctorium_session.operations.enrollment import CodeEntry, GrpcEnrollment
from proctorium_session.operations.joining import Joining, JoinRequest, JoinResult, join_all
from proctorium_session.storage import sessions

from .harness import Harness, plan


def request(session_id: UUID, person_id: UUID, trace: SpanContext | None = None) -> JoinRequest:
    """Return a request of a learner with a valid shared code of the session."""
    code = ResolvedCode(new_id(), session_id, None, CodeValidity.VALID, None, None, registered=True)
    return JoinRequest(person_id, CodeResolution(code), trace_context=trace)


async def join_batch(harness: Harness, *requests: JoinRequest) -> list[str]:
    """Decide the requests in one batch, and return the result of each request."""
    async with harness.database.transaction() as tx:
        session_ids = {each.session_id for each in requests if each.session_id}
        outcomes = await join_all(tx, await sessions.lock_sessions(tx, session_ids), requests)
    return [each.reason if isinstance(each, Refusal) else _in(each) for each in outcomes]


def _in(joined: JoinResult) -> str:
    return "rejoined" if joined.rejoin else "in"


async def test_reserved_seat_is_used_when_the_invited_learner_joins(
    harness: Harness,
) -> None:
    invited = harness.learner()
    session = await harness.scheduled(plan([harness.proctor()], [invited], capacity=2))
    session_id = UUID(session.session_id)
    first, second, third = (
        request(session_id, person_id) for person_id in (invited.person_id, new_id(), new_id())
    )
    assert await join_batch(harness, first, second, third) == ["in", "in", "SESSION_FULL"]


async def test_seat_of_an_invited_learner_stays_reserved(harness: Harness) -> None:
    invited = harness.learner()
    session = await harness.scheduled(plan([harness.proctor()], [invited], capacity=2))
    session_id = UUID(session.session_id)
    first, second, third = (
        request(session_id, person_id) for person_id in (new_id(), new_id(), invited.person_id)
    )
    assert await join_batch(harness, first, second, third) == ["in", "SESSION_FULL", "in"]


async def test_learner_twice_in_a_batch_joins_once(harness: Harness) -> None:
    session = await harness.scheduled(plan([harness.proctor()], capacity=2))
    once = request(UUID(session.session_id), new_id())
    assert await join_batch(harness, once, once) == ["in", "rejoined"]
    found = await harness.rows(
        "SELECT participant_count FROM sessions WHERE session_id = :id", id=once.session_id
    )
    assert found == [(1,)]


async def test_event_of_each_learner_is_in_the_trace_of_their_call(harness: Harness) -> None:
    session = await harness.scheduled(plan([harness.proctor()]))
    places = [
        SpanContext(secrets.randbits(128) | 1, secrets.randbits(64) | 1, True, TraceFlags(1))
        for _ in range(2)
    ]
    await join_batch(
        harness, *(request(UUID(session.session_id), new_id(), place) for place in places)
    )
    rows = await harness.rows(
        "SELECT headers::json ->> 'traceparent' FROM outbox "
        "WHERE subject LIKE 'evt.session.participant.joined.%' ORDER BY position DESC LIMIT 2"
    )
    assert [str(row[0]).split("-")[1] for row in reversed(rows)] == [
        f"{place.trace_id:032x}" for place in places
    ]


class Resolving(GrpcEnrollment):
    """A fake of enrollment that resolves every code to one session, and records the number of codes in each call."""

    def __init__(self, session_id: UUID) -> None:
        self._session_id = session_id
        self.calls: list[int] = []

    async def resolve_codes(self, entries: Sequence[CodeEntry]) -> list[CodeResolution]:
        self.calls.append(len(entries))
        return [request(self._session_id, each.person_id).resolution for each in entries]


async def test_concurrent_joins_share_a_call_with_one_entry_per_learner(
    harness: Harness,
) -> None:
    session = await harness.scheduled(plan([harness.proctor()], capacity=40))
    enrollment = Resolving(UUID(session.session_id))
    joining = Joining(harness.database, enrollment, join_response, lobby_pb2.JoinSessionResponse)
    everybody = [new_id() for _ in range(30)]
    entries = [CodeEntry("Kf7Q2mXa", each, "") for each in (*everybody, everybody[0])]
    responses = await asyncio.gather(*(joining.join(each, None) for each in entries))
    assert enrollment.calls == [30, 1]
    assert [each.rejoin for each in responses] == [False] * 30 + [True]
    await joining.close()


async def test_codes_are_resolved_once_if_the_transaction_of_a_batch_fails(
    harness: Harness,
) -> None:
    session = await harness.scheduled(plan([harness.proctor()], capacity=40))
    enrollment = Resolving(UUID(session.session_id))
    responses_made = 0

    def make_response(result: JoinResult) -> lobby_pb2.JoinSessionResponse:
        nonlocal responses_made
        responses_made += 1
        if responses_made == 1:
            raise unavailable("DATABASE_UNAVAILABLE", "The connection was lost.")
        return join_response(result)

    joining = Joining(harness.database, enrollment, make_response, lobby_pb2.JoinSessionResponse)
    entries = [CodeEntry("Kf7Q2mXa", new_id(), "") for _ in range(4)]
    responses = await asyncio.gather(*(joining.join(each, None) for each in entries))
    assert [each.rejoin for each in responses] == [False] * 4
    assert enrollment.calls == [4]
    await joining.close()

"""Tests of the session record. It is ordered, has no gaps, never changes, and can be verified by everybody."""

from __future__ import annotations

import asyncio
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from proctorium.session.events.v1 import events_pb2
from proctorium.session.v1 import supervision_pb2
from proctorium_cli.record_chain import broken
from proctorium_common.ids import new_id
from proctorium_devstack.testing import AsOwner
from proctorium_devstack.testing.refusals import refusal

from .harness import Harness, Person, end, join, plan, start


async def record_of(person: Person, session_id: str) -> list[supervision_pb2.RecordEntry]:
    """Read the session record in pages of two, and return all entries."""
    entries: list[supervision_pb2.RecordEntry] = []
    token = ""
    while True:
        page = await person.record.GetRecord(
            supervision_pb2.GetRecordRequest(session_id=session_id, page_size=2, page_token=token)
        )
        entries += page.entries
        token = page.next_page_token
        if not token:
            return entries


async def finished_session(harness: Harness) -> tuple[Person, Person, str]:
    proctor, learner = harness.proctor(), harness.learner()
    session = await harness.scheduled(plan([proctor]))
    await join(learner, session.session_id)
    await start(proctor, session.session_id)
    await end(proctor, session.session_id)
    return proctor, learner, session.session_id


async def test_record_contains_events_in_order_with_their_actors(harness: Harness) -> None:
    proctor, learner, session_id = await finished_session(harness)
    for reader in (proctor, harness.administrator()):
        entries = await record_of(reader, session_id)
        assert [each.number for each in entries] == list(range(1, len(entries) + 1))
        assert [(each.event, each.actor) for each in entries[1:]] == [
            ("session.lobby-opened", "session"),
            ("participant.joined", learner.id),
            ("session.started", proctor.id),
            ("participant.left", "session"),
            ("session.ended", proctor.id),
        ]
    joined = events_pb2.ParticipantJoined.FromString(entries[2].body)
    assert joined.participant_id == entries[2].participant_id


async def test_verifier_of_the_command_line_accepts_the_record(harness: Harness) -> None:
    proctor, _, session_id = await finished_session(harness)
    entries = await record_of(proctor, session_id)
    assert broken(session_id, entries) is None
    assert broken(str(new_id()), entries) == 1
    assert broken(session_id, [*entries[:2], *entries[3:]]) == 3


@pytest.mark.parametrize(
    "change",
    [
        "actor = 'somebody else'",
        "event = 'participant.removed'",
        "time = time + interval '1 microsecond'",
        "participant_id = session_id",
        "body = body || '\\x00'::bytea",
    ],
    ids=["actor", "event", "time", "participant", "body"],
)
async def test_changed_row_is_detected(harness: Harness, as_owner: AsOwner, change: str) -> None:
    proctor, _, session_id = await finished_session(harness)
    # Change the record as the owner of the table, because a trigger refuses changes by everybody else.
    url = harness.database_url
    await as_owner(url, "ALTER TABLE session_record DISABLE TRIGGER forbid_changes")
    try:
        await as_owner(
            url,
            f"UPDATE session_record SET {change} WHERE session_id = $1 AND number = 4",
            UUID(session_id),
        )
    finally:
        await as_owner(url, "ALTER TABLE session_record ENABLE ALWAYS TRIGGER forbid_changes")
    entries = await record_of(proctor, session_id)
    assert broken(session_id, entries) == 4


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE session_record SET actor = 'me' WHERE session_id = $1",
        "DELETE FROM session_record WHERE session_id = $1",
        "TRUNCATE session_record",
    ],
    ids=["update", "delete", "truncate"],
)
async def test_database_refuses_changes_of_the_record(
    harness: Harness, as_owner: AsOwner, statement: str
) -> None:
    _, _, session_id = await finished_session(harness)
    given = [UUID(session_id)] if "$1" in statement else []
    with pytest.raises(asyncpg.PostgresError, match="permanent"):
        await as_owner(harness.database_url, statement, *given)


async def test_database_refuses_a_gap(harness: Harness) -> None:
    _, _, session_id = await finished_session(harness)
    with pytest.raises(DBAPIError, match="has no entry before it"):
        await harness.rows(
            "INSERT INTO session_record VALUES (:id, 99, 'x', now(), 'x', NULL, '', '')",
            id=UUID(session_id),
        )


async def test_concurrent_entries_cause_no_gap_and_no_fork(harness: Harness) -> None:
    proctor = harness.proctor()
    session = await harness.scheduled(plan([proctor], capacity=20))
    await asyncio.gather(*(join(harness.learner(), session.session_id) for _ in range(15)))
    entries = await record_of(proctor, session.session_id)
    assert len([each for each in entries if each.event == "participant.joined"]) == 15
    assert broken(session.session_id, entries) is None
    assert await harness.published(session.session_id) == [each.event for each in entries]


async def test_page_token_of_another_record_is_refused(harness: Harness) -> None:
    proctor, _, session_id = await finished_session(harness)
    other = await harness.scheduled(plan([proctor]))
    page = await proctor.record.GetRecord(
        supervision_pb2.GetRecordRequest(session_id=session_id, page_size=1)
    )
    call = proctor.record.GetRecord(
        supervision_pb2.GetRecordRequest(
            session_id=other.session_id, page_token=page.next_page_token
        )
    )
    assert (await refusal(call)).reason == "INVALID_PAGE_TOKEN"

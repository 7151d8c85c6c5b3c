"""Tests of the access to the session record, the access period, and the access log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from proctorium.enrollment.events.v1 import events_pb2 as enrollment_events
from proctorium.options.v1.options_pb2 import ROLE_ADMINISTRATOR, ROLE_PROCTOR
from proctorium.session.v1 import sessions_pb2, supervision_pb2
from proctorium_common.errors import Kind
from proctorium_common.ids import new_id
from proctorium_devstack.testing import AsOwner
from proctorium_devstack.testing.refusals import refusal
from proctorium_devstack.testing.waiting import until

from .harness import Harness, Person, end, plan, start


async def read(person: Person, session_id: str) -> int:
    """Read a page of the session record, and return the number of its entries."""
    request = supervision_pb2.GetRecordRequest(session_id=session_id)
    return len((await person.record.GetRecord(request)).entries)


async def accesses(harness: Harness, session_id: str) -> list[tuple[str, int]]:
    """Return the reader and the acting role of each access to the session record, newest first."""
    request = supervision_pb2.ListRecordAccessesRequest(session_id=session_id)
    found = (await harness.administrator().record.ListRecordAccesses(request)).accesses
    return [(each.person_id, each.acting_role) for each in found]


async def ended_session(harness: Harness, proctor: Person, *, ago: timedelta) -> str:
    """Create a session, end it, and set its end time to a time in the past."""
    session = await harness.scheduled(plan([proctor]))
    await start(proctor, session.session_id)
    await end(proctor, session.session_id)
    await harness.rows(
        "UPDATE sessions SET end_time = end_time - CAST(:ago AS interval) WHERE session_id = :id",
        ago=ago,
        id=UUID(session.session_id),
    )
    return session.session_id


async def certified(
    harness: Harness, person: Person, until_time: datetime, published_at: datetime
) -> None:
    """Publish a certification, and wait until the service has stored it."""
    stamp = Timestamp()
    stamp.FromDatetime(until_time)
    event = enrollment_events.PersonCertified(person_id=person.id, certified_until_time=stamp)
    await harness.publish(event, time=published_at)

    async def stored() -> bool:
        return bool(
            await harness.rows(
                "SELECT 1 FROM certifications WHERE person_id = :id AND certified_until = :until",
                id=person.person_id,
                until=until_time,
            )
        )

    await until(stored)


async def test_record_is_closed_to_proctors_a_day_after_the_end(
    harness: Harness,
) -> None:
    proctor, administrator = harness.proctor(), harness.administrator()
    session_id = await ended_session(harness, proctor, ago=timedelta(hours=23))
    assert await read(proctor, session_id)
    later = await ended_session(harness, proctor, ago=timedelta(hours=25))
    error = await refusal(read(proctor, later))
    assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "RECORD_CLOSED")
    assert await read(administrator, later)
    assert await accesses(harness, later) == [(administrator.id, ROLE_ADMINISTRATOR)]


async def test_record_of_a_cancelled_session_is_closed_to_proctors_a_day_later(
    harness: Harness, as_owner: AsOwner
) -> None:
    proctor = harness.proctor()
    session = await harness.scheduled(plan([proctor], starts_in=timedelta(hours=5)))
    request = sessions_pb2.CancelSessionRequest(session_id=session.session_id)
    await harness.administrator().sessions.CancelSession(request)
    assert await read(proctor, session.session_id)
    # Only the owner of the table can set the times of a session record to the past, because a trigger refuses changes.
    url = harness.database_url
    await as_owner(url, "ALTER TABLE session_record DISABLE TRIGGER forbid_changes")
    try:
        await as_owner(
            url,
            "UPDATE session_record SET time = time - interval '25 hours' WHERE session_id = $1",
            UUID(session.session_id),
        )
    finally:
        await as_owner(url, "ALTER TABLE session_record ENABLE ALWAYS TRIGGER forbid_changes")
    assert (await refusal(read(proctor, session.session_id))).reason == "RECORD_CLOSED"


async def test_record_is_closed_to_a_proctor_whose_certification_ended(harness: Harness) -> None:
    proctor = harness.proctor()
    session = await harness.scheduled(plan([proctor]))
    assert await read(proctor, session.session_id)
    now = datetime.now(UTC)
    await certified(harness, proctor, now - timedelta(days=1), now + timedelta(seconds=1))
    error = await refusal(read(proctor, session.session_id))
    assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "CERTIFICATION_ENDED")
    await certified(harness, proctor, now + timedelta(days=1), now + timedelta(seconds=2))
    assert await read(proctor, session.session_id)


async def test_proctor_with_both_roles_reads_a_closed_record_as_administrator(
    harness: Harness,
) -> None:
    proctor = harness.proctor()
    both = harness.person("proctor", "administrator", person_id=proctor.person_id)
    open_id = await ended_session(harness, proctor, ago=timedelta(hours=1))
    closed_id = await ended_session(harness, proctor, ago=timedelta(hours=25))
    for session_id in (open_id, closed_id):
        await read(both, session_id)
    assert await accesses(harness, open_id) == [(both.id, ROLE_PROCTOR)]
    assert await accesses(harness, closed_id) == [(both.id, ROLE_ADMINISTRATOR)]


@pytest.fixture
async def read_session(harness: Harness) -> str:
    session = await harness.scheduled(plan([harness.proctor()]))
    return session.session_id


async def test_reading_many_pages_writes_a_bounded_number_of_rows(
    harness: Harness, read_session: str
) -> None:
    administrator = harness.administrator()
    start = datetime.now(UTC)
    for _ in range(30):
        await read(administrator, read_session)
    minutes = (datetime.now(UTC) - start) // timedelta(minutes=1) + 2
    rows = await harness.rows(
        "SELECT 1 FROM record_accesses WHERE session_id = :id", id=UUID(read_session)
    )
    assert 1 <= len(rows) <= minutes


async def test_accesses_are_paged_newest_first(harness: Harness, read_session: str) -> None:
    for age in range(5):
        await harness.rows(
            "INSERT INTO record_accesses VALUES"
            " (:id, date_trunc('minute', now()) - make_interval(mins => :age), :who, 'proctor')",
            id=UUID(read_session),
            age=age,
            who=new_id(),
        )
    administrator, token, times = harness.administrator(), "", []
    while True:
        request = supervision_pb2.ListRecordAccessesRequest(
            session_id=read_session, page_size=2, page_token=token
        )
        page = await administrator.record.ListRecordAccesses(request)
        assert len(page.accesses) <= 2
        times += [each.access_time.seconds for each in page.accesses]
        token = page.next_page_token
        if not token:
            break
    assert len(times) == 5
    assert times == sorted(times, reverse=True)


async def test_only_administrators_list_accesses(harness: Harness, read_session: str) -> None:
    request = supervision_pb2.ListRecordAccessesRequest(session_id=read_session)
    for person in (harness.proctor(), harness.learner()):
        error = await refusal(person.record.ListRecordAccesses(request))
        assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, "NOT_ALLOWED")
    nowhere = supervision_pb2.ListRecordAccessesRequest(session_id=str(new_id()))
    error = await refusal(harness.administrator().record.ListRecordAccesses(nowhere))
    assert error.reason == "NOT_FOUND"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE record_accesses SET acting_role = 'proctor' WHERE session_id = $1",
        "DELETE FROM record_accesses WHERE session_id = $1",
        "TRUNCATE record_accesses",
    ],
    ids=["update", "delete", "truncate"],
)
async def test_database_refuses_changes_of_the_access_log(
    harness: Harness, as_owner: AsOwner, read_session: str, statement: str
) -> None:
    await read(harness.administrator(), read_session)
    given = [UUID(read_session)] if "$1" in statement else []
    with pytest.raises(asyncpg.PostgresError, match="permanent"):
        await as_owner(harness.database_url, statement, *given)


async def test_administrator_who_is_a_learner_of_the_session_has_no_access(
    harness: Harness,
) -> None:
    proctor, learner = harness.proctor(), harness.learner()
    session = await harness.scheduled(plan([proctor], [learner]))
    both = harness.person("learner", "administrator", person_id=learner.person_id)
    request = supervision_pb2.GetRecordRequest(session_id=session.session_id)
    refused = await refusal(both.record.GetRecord(request))
    assert refused.reason == "NOT_YOUR_SESSION"
    assert await accesses(harness, session.session_id) == []

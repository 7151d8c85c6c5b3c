"""Tests of taking and handing over sessions. The former lead proctors stay co-proctors."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy.exc import IntegrityError

from proctorium.options.v1.options_pb2 import ROLE_ADMINISTRATOR, ROLE_PROCTOR
from proctorium.session.events.v1 import events_pb2
from proctorium.session.v1 import sessions_pb2, supervision_pb2
from proctorium_common.errors import Kind, ServiceError
from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Database
from proctorium_devstack.testing.refusals import refusal
from proctorium_session.api.cursors import NO_REVISION
from proctorium_session.operations.live import LiveSession
from proctorium_session.operations.roster import supervised_snapshot

from .harness import Harness, Person, end, join, plan, roster, start
from .test_coverage import about


def taking(session_id: str, **fields: str) -> supervision_pb2.TakeSessionRequest:
    return supervision_pb2.TakeSessionRequest(session_id=session_id, **fields)


async def take(person: Person, session_id: str, **fields: str) -> sessions_pb2.Session:
    return (await person.supervision.TakeSession(taking(session_id, **fields))).session


def handing_over(
    session_id: str, to: Person, **fields: str
) -> supervision_pb2.HandOverSessionRequest:
    return supervision_pb2.HandOverSessionRequest(
        session_id=session_id, to_person_id=to.id, **fields
    )


async def hand_over(
    person: Person, session_id: str, to: Person, **fields: str
) -> sessions_pb2.Session:
    request = handing_over(session_id, to, **fields)
    return (await person.supervision.HandOverSession(request)).session


async def session_with(harness: Harness, *proctors: Person, starts_in: float = 10) -> str:
    """Return the id of a session whose lobby is open."""
    session = await harness.scheduled(plan(proctors, starts_in=timedelta(minutes=starts_in)))
    request = sessions_pb2.OpenLobbyRequest(session_id=session.session_id)
    await harness.administrator().sessions.OpenLobby(request)
    return session.session_id


async def uncover(harness: Harness, session_id: str) -> None:
    await harness.rows(
        "UPDATE sessions SET absent_at = now(), uncovered_at = now() WHERE session_id = :id",
        id=UUID(session_id),
    )


async def proctor_ids(harness: Harness, session_id: str) -> list[str]:
    rows = await harness.rows(
        "SELECT proctor_id FROM session_proctors WHERE session_id = :id ORDER BY ordinal",
        id=UUID(session_id),
    )
    return [str(row[0]) for row in rows]


async def test_certified_proctor_takes_an_uncovered_session(harness: Harness) -> None:
    ada, ben = harness.proctor(), await harness.certified()
    session_id = await session_with(harness, ada)
    await uncover(harness, session_id)
    session = await take(ben, session_id)
    assert session.plan.proctor_ids == [ben.id, ada.id]
    assert session.coverage.present_person_ids == [ben.id]
    assert not session.coverage.HasField("uncovered_time")
    assert (await harness.recorded(session_id))[-2:] == ["session.taken", "session.covered"]
    event = (await harness.events(events_pb2.SessionTaken))[-1]
    assert event == events_pb2.SessionTaken(
        session_id=session_id,
        taken_by=ben.id,
        acting_role=ROLE_PROCTOR,
        former_lead_proctor_id=ada.id,
        proctor_ids=[ben.id, ada.id],
    )
    assert (await roster(ben, session_id)).session.plan.proctor_ids == [ben.id, ada.id]
    await start(ben, session_id)
    # The former lead proctor can still supervise the session.
    assert (await roster(ada, session_id)).session.plan.proctor_ids[0] == ben.id
    await end(ada, session_id)


async def test_roster_opens_at_once_after_a_take_over_that_the_replica_has_not_read(
    harness: Harness,
) -> None:
    ben, stranger = await harness.certified(), harness.proctor()
    session_id = await session_with(harness, harness.proctor())
    await uncover(harness, session_id)
    database = Database(harness.database_url)
    live = LiveSession(database, UUID(session_id))  # it receives no notifications
    await live.read()
    await take(ben, session_id)
    as_proctor = Caller(ben.person_id, frozenset({"proctor"}))
    snapshot = await supervised_snapshot(live, as_proctor, NO_REVISION)
    assert snapshot.session.plan.proctor_ids[0] == ben.person_id
    with pytest.raises(ServiceError) as error:
        await supervised_snapshot(
            live, Caller(stranger.person_id, frozenset({"proctor"})), NO_REVISION
        )
    assert error.value.reason == "NOT_YOUR_SESSION"
    await database.close()


async def test_covered_session_is_taken_only_by_its_proctors_and_administrators(
    harness: Harness,
) -> None:
    ada, ben, stranger = harness.proctor(), harness.proctor(), await harness.certified()
    session_id = await session_with(harness, ada, ben)
    error = await harness.refused(stranger.supervision.TakeSession, taking(session_id))
    assert (error.kind, error.reason) == (Kind.INVALID_STATE_TRANSITION, "SESSION_COVERED")
    unknown = await harness.refused(stranger.supervision.TakeSession, taking(str(new_id())))
    assert (unknown.reason, unknown.message) == (error.reason, error.message)
    assert (await take(ben, session_id)).plan.proctor_ids == [ben.id, ada.id]
    administrator = harness.administrator()
    taken = await take(administrator, session_id)
    assert taken.plan.proctor_ids == [administrator.id, ben.id, ada.id]
    event = (await harness.events(events_pb2.SessionTaken))[-1]
    assert event.acting_role == ROLE_ADMINISTRATOR
    error = await harness.refused(administrator.supervision.TakeSession, taking(str(new_id())))
    assert error.reason == "NOT_FOUND"


async def test_session_is_taken_before_its_lobby_opens(harness: Harness) -> None:
    ada, ben = harness.proctor(), harness.proctor()
    scheduled = await harness.scheduled(plan((ada, ben), starts_in=timedelta(hours=2)))
    session = await take(ben, scheduled.session_id)
    assert session.plan.proctor_ids == [ben.id, ada.id]
    assert not session.coverage.present_person_ids


async def test_taking_again_changes_nothing(harness: Harness) -> None:
    ada, ben = harness.proctor(), harness.proctor()
    session_id = await session_with(harness, ada, ben)
    await take(ben, session_id, request_id="one")
    state = await harness.state()
    await take(ben, session_id, request_id="one")
    await take(ben, session_id)
    assert await harness.state() == state
    await take(ada, session_id)
    await take(ben, session_id, request_id="one")
    assert await proctor_ids(harness, session_id) == [ada.id, ben.id]
    error = await harness.refused(
        ben.supervision.TakeSession, taking(str(new_id()), request_id="one")
    )
    assert error.reason == "REQUEST_ID_REUSED"


async def test_second_of_two_concurrent_takers_is_refused(harness: Harness) -> None:
    takers = [await harness.certified() for _ in range(4)]
    session_id = await session_with(harness, harness.proctor())
    await uncover(harness, session_id)
    results = await asyncio.gather(
        *(take(each, session_id) for each in takers), return_exceptions=True
    )
    assert sum(isinstance(each, sessions_pb2.Session) for each in results) == 1
    assert (await harness.recorded(session_id)).count("session.taken") == 1


async def test_concurrent_changes_of_the_lead_lose_no_proctor(harness: Harness) -> None:
    ada, successor = harness.proctor(), await harness.certified()
    session_id = await session_with(harness, ada)
    takers = [harness.administrator() for _ in range(6)]
    await asyncio.gather(
        *(take(each, session_id) for each in takers),
        hand_over(harness.administrator(), session_id, successor),
    )
    expected = {each.id for each in (ada, successor, *takers)}
    assert set(await proctor_ids(harness, session_id)) == expected
    changes: list[events_pb2.SessionTaken | events_pb2.SessionHandedOver] = [
        *(await about(harness, events_pb2.SessionTaken, session_id)),
        *(await about(harness, events_pb2.SessionHandedOver, session_id)),
    ]
    # Each change continues the list of the previous change.
    assert sorted(len(each.proctor_ids) for each in changes) == list(range(2, 9))
    assert all(each.proctor_ids[1] == each.former_lead_proctor_id for each in changes)


async def test_only_one_of_concurrent_takers_replaces_the_expected_lead(harness: Harness) -> None:
    session_id = await session_with(harness, ada := harness.proctor())
    takers = [harness.administrator() for _ in range(6)]
    results = await asyncio.gather(
        *(take(each, session_id, expected_lead_proctor_id=ada.id) for each in takers),
        return_exceptions=True,
    )
    assert sum(isinstance(each, sessions_pb2.Session) for each in results) == 1
    assert (await harness.recorded(session_id)).count("session.taken") == 1


async def test_change_of_the_lead_since_the_caller_read_it_is_a_conflict(harness: Harness) -> None:
    ada, ben, cleo = harness.proctor(), harness.proctor(), harness.proctor()
    session_id = await session_with(harness, ada, ben, cleo)
    await take(ben, session_id, expected_lead_proctor_id=ada.id)
    administrator = harness.administrator()
    for refused in (
        harness.refused(
            cleo.supervision.TakeSession, taking(session_id, expected_lead_proctor_id=ada.id)
        ),
        harness.refused(
            administrator.supervision.HandOverSession,
            handing_over(session_id, cleo, expected_lead_proctor_id=ada.id),
        ),
    ):
        error = await refused
        assert (error.kind, error.reason) == (Kind.CONFLICT, "LEAD_PROCTOR_CHANGED")
        assert error.metadata["lead_proctor_id"] == ben.id


async def test_proctor_without_certification_does_not_take_a_session(harness: Harness) -> None:
    lapsed = harness.person("proctor")
    ada, ben = harness.proctor(), harness.proctor()
    session_id = await session_with(harness, ada, ben)
    await harness.rows("DELETE FROM certifications WHERE person_id = :id", id=ben.person_id)
    await uncover(harness, session_id)
    for person in (lapsed, ben):
        error = await harness.refused(person.supervision.TakeSession, taking(session_id))
        assert error.reason == "PROCTOR_NOT_CERTIFIED"


async def test_proctor_of_another_session_at_the_same_time_does_not_take_it(
    harness: Harness,
) -> None:
    busy = await harness.certified()
    other = await session_with(harness, busy, starts_in=30)
    session_id = await session_with(harness, ada := harness.proctor())
    await uncover(harness, session_id)
    error = await harness.refused(busy.supervision.TakeSession, taking(session_id))
    assert (error.reason, error.metadata["session_id"]) == ("PROCTOR_OVERLAP", other)
    error = await harness.refused(ada.supervision.HandOverSession, handing_over(session_id, busy))
    assert (error.reason, error.metadata["session_id"]) == ("PROCTOR_OVERLAP", other)
    with pytest.raises(IntegrityError, match="ex_session_proctors_overlap"):
        await harness.rows(
            "INSERT INTO session_proctors (session_id, proctor_id, ordinal) VALUES (:id, :busy, 7)",
            id=UUID(session_id),
            busy=busy.person_id,
        )
    await start(busy, other)
    await end(busy, other)
    assert (await take(busy, session_id)).plan.proctor_ids[0] == busy.id


async def test_proctor_takes_only_one_of_two_uncovered_sessions(harness: Harness) -> None:
    ben = await harness.certified()
    ids = [await session_with(harness, harness.proctor()) for _ in range(2)]
    for session_id in ids:
        await uncover(harness, session_id)
    results = await asyncio.gather(*(take(ben, each) for each in ids), return_exceptions=True)
    assert sum(isinstance(each, sessions_pb2.Session) for each in results) == 1


async def test_learner_of_the_session_does_not_take_it(harness: Harness) -> None:
    both = harness.person("proctor", "learner")
    manager = harness.person("administrator", "learner")
    session_id = await session_with(harness, ada := harness.proctor())
    await join(both, session_id)
    await join(manager, session_id)
    await uncover(harness, session_id)
    for person in (both, manager):
        error = await harness.refused(person.supervision.TakeSession, taking(session_id))
        assert error.reason == "NOT_YOUR_SESSION"
    error = await harness.refused(ada.supervision.HandOverSession, handing_over(session_id, both))
    assert error.reason == "INVALID_REQUEST"
    assert error.violations[0].field == "to_person_id"


async def test_lead_proctor_hands_the_session_over(harness: Harness) -> None:
    ada, ben = harness.proctor(), await harness.certified()
    session_id = await session_with(harness, ada)
    session = await hand_over(ada, session_id, ben, request_id="hand over")
    assert session.plan.proctor_ids == [ben.id, ada.id]
    assert await hand_over(ada, session_id, ben, request_id="hand over") == session
    assert (await harness.recorded(session_id))[-1] == "session.handed-over"
    event = (await harness.events(events_pb2.SessionHandedOver))[-1]
    assert event == events_pb2.SessionHandedOver(
        session_id=session_id,
        handed_over_by=ada.id,
        acting_role=ROLE_PROCTOR,
        former_lead_proctor_id=ada.id,
        proctor_ids=[ben.id, ada.id],
    )
    state = await harness.state()
    await hand_over(ben, session_id, ben)
    assert await harness.state() == state
    await start(ben, session_id)


async def test_administrator_hands_the_session_over(harness: Harness) -> None:
    ada, ben = harness.proctor(), await harness.certified()
    session_id = await session_with(harness, ada)
    await hand_over(harness.administrator(), session_id, ben)
    assert await proctor_ids(harness, session_id) == [ben.id, ada.id]
    event = (await harness.events(events_pb2.SessionHandedOver))[-1]
    assert event.acting_role == ROLE_ADMINISTRATOR


async def test_only_the_lead_proctor_and_administrators_hand_over(harness: Harness) -> None:
    ada, ben, stranger = harness.proctor(), harness.proctor(), await harness.certified()
    session_id = await session_with(harness, ada, ben)
    cases = ((ben, "NOT_LEAD_PROCTOR"), (stranger, "NOT_YOUR_SESSION"))
    for person, reason in cases:
        error = await harness.refused(
            person.supervision.HandOverSession, handing_over(session_id, stranger)
        )
        assert (error.kind, error.reason) == (Kind.NOT_ALLOWED, reason)


async def test_session_is_handed_over_only_to_a_certified_proctor(harness: Harness) -> None:
    ada = harness.proctor()
    session_id = await session_with(harness, ada)
    error = await harness.refused(
        ada.supervision.HandOverSession, handing_over(session_id, harness.proctor())
    )
    assert error.reason == "PROCTOR_NOT_CERTIFIED"


async def test_session_that_is_over_has_no_new_lead(harness: Harness) -> None:
    ada, ben = harness.proctor(), harness.proctor()
    ended = await session_with(harness, ada, ben)
    await start(ada, ended)
    await end(ada, ended)
    cancelled = await session_with(harness, ada, ben)
    await harness.administrator().sessions.CancelSession(
        sessions_pb2.CancelSessionRequest(session_id=cancelled)
    )
    for session_id, reason in ((ended, "SESSION_ENDED"), (cancelled, "SESSION_CANCELLED")):
        error = await harness.refused(ben.supervision.TakeSession, taking(session_id))
        assert error.reason == reason
        error = await harness.refused(
            ada.supervision.HandOverSession, handing_over(session_id, ben)
        )
        assert error.reason == reason


async def test_session_has_a_maximum_number_of_proctors(harness: Harness) -> None:
    session_id = await session_with(harness, harness.proctor())
    await harness.rows(
        "INSERT INTO session_proctors (session_id, proctor_id, ordinal)"
        " SELECT :id, gen_random_uuid(), number FROM generate_series(1, 49) AS number",
        id=UUID(session_id),
    )
    error = await harness.refused(
        harness.administrator().supervision.TakeSession, taking(session_id)
    )
    assert (error.kind, error.reason) == (Kind.EXHAUSTED, "PROCTOR_LIMIT_REACHED")


@pytest.mark.parametrize("field", ["session_id", "expected_lead_proctor_id"])
async def test_malformed_ids_are_refused_when_taking(harness: Harness, field: str) -> None:
    request = taking(str(new_id()))
    setattr(request, field, "no id")
    error: ServiceError = await refusal(harness.proctor().supervision.TakeSession(request))
    assert error.violations[0].field == field


@pytest.mark.parametrize("field", ["session_id", "to_person_id", "expected_lead_proctor_id"])
async def test_malformed_ids_are_refused_when_handing_over(harness: Harness, field: str) -> None:
    request = handing_over(str(new_id()), harness.proctor())
    setattr(request, field, "no id")
    error = await refusal(harness.proctor().supervision.HandOverSession(request))
    assert error.violations[0].field == field


async def test_learners_call_none_of_the_methods(harness: Harness) -> None:
    learner = harness.learner()
    for call in (
        learner.supervision.TakeSession(taking(str(new_id()))),
        learner.supervision.HandOverSession(handing_over(str(new_id()), learner)),
        learner.supervision.ListUncoveredSessions(supervision_pb2.ListUncoveredSessionsRequest()),
    ):
        assert (await refusal(call)).reason == "NOT_ALLOWED"

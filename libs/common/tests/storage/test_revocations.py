"""Test stored revocations: events may arrive in any order, revocations are permanent, and replicas are notified."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, text, update

from proctorium.enrollment.events.v1 import events_pb2
from proctorium.options.v1 import options_pb2
from proctorium_access import revocations as handlers
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import new_id
from proctorium_common.security.revocations import Revocation, Revocations
from proctorium_common.storage.database import Database
from proctorium_common.storage.listen import Listener
from proctorium_common.storage.retention import purge
from proctorium_common.storage.revocations import CHANNEL, DatabaseRevocations
from proctorium_common.storage.tables import revocations as table

METADATA = EventMetadata(new_id(), "evt.enrollment.person", datetime.now(UTC), 1, 1)


async def test_events_apply_in_any_order(database: Database) -> None:
    person = new_id()
    remaining_learner = events_pb2.PersonRoleRevoked(
        person_id=str(person),
        role=options_pb2.ROLE_PROCTOR,
        roles=[options_pb2.ROLE_LEARNER],
        access_version=4,
    )
    two_remaining = events_pb2.PersonRoleRevoked(
        person_id=str(person),
        role=options_pb2.ROLE_ADMINISTRATOR,
        roles=[options_pb2.ROLE_LEARNER, options_pb2.ROLE_PROCTOR],
        access_version=2,
    )
    disabled = events_pb2.PersonDisabled(person_id=str(person), access_version=3)
    signed_out = events_pb2.PersonSignedOut(person_id=str(person), access_version=1)
    async with database.transaction() as tx:
        await handlers.on_role_revoked(tx, remaining_learner, METADATA)
        await handlers.on_disabled(tx, disabled, METADATA)
        await handlers.on_role_revoked(tx, two_remaining, METADATA)
        await handlers.on_signed_out(tx, signed_out, METADATA)
    listed = await DatabaseRevocations(database).load()
    assert listed == {person: Revocation(3, 4, frozenset({"learner"}))}


async def test_revocation_cannot_be_undone(database: Database) -> None:
    person = new_id()
    event = events_pb2.PersonDisabled(person_id=str(person), access_version=3)
    async with database.transaction() as tx:
        await handlers.on_disabled(tx, event, METADATA)
    with pytest.raises(Exception, match="not taken back"):
        async with database.transaction() as tx:
            await tx.execute(update(table).values(refused_before=2))


async def test_copy_in_memory_follows_the_database(database: Database) -> None:
    changed: asyncio.Queue[object] = asyncio.Queue()
    copy, person, listener = (
        Revocations(DatabaseRevocations(database).load),
        new_id(),
        Listener(database),
    )
    copy.on_change(lambda people: changed.put_nowait(set(people)))

    async def follow() -> None:
        async with listener.subscribe(CHANNEL) as notices:
            await copy.follow(notices)

    following = asyncio.create_task(follow())
    try:
        event = events_pb2.PersonDisabled(person_id=str(person), access_version=1)
        async with database.transaction() as tx:
            await handlers.on_disabled(tx, event, METADATA)
        async with asyncio.timeout(10):
            assert await changed.get() == {person}
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await listener.close()


async def test_revocation_is_removed_once_all_its_tokens_have_expired(database: Database) -> None:
    event = events_pb2.PersonDisabled(person_id=str(new_id()), access_version=1)
    async with database.transaction() as tx:
        await tx.execute(delete(table))
        await handlers.on_disabled(tx, event, METADATA)
    assert (await purge(database)).revocations == 0
    async with database.transaction() as tx:
        await tx.execute(
            text("UPDATE revocations SET changed_at = :then"),
            {"then": tx.now - timedelta(days=1, seconds=1)},
        )
    assert (await purge(database)).revocations == 1

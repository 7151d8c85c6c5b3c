"""Reading and updating the accommodations of people (`P2`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder
from proctorium_enrollment import events
from proctorium_enrollment.domain.accommodations import (
    Accommodations,
    require_another_person,
    update_accommodations,
)
from proctorium_enrollment.domain.people import no_such_person
from proctorium_enrollment.operations.rights import own_or_other_id
from proctorium_enrollment.storage import accommodations, people

M = TypeVar("M", bound=Message)


async def get(database: Database, caller: Caller, person_id: UUID) -> Accommodations:
    """Return the accommodations of a person.

    Only administrators see who wrote the accommodations. Raises NOT_FOUND if there is no such person, or if the person
    is not the caller and the caller is not an administrator.
    """
    own_or_other_id(caller, person_id)
    async with database.transaction() as tx:
        if await people.get_person(tx, person_id) is None:
            raise no_such_person()
        current = await accommodations.get_accommodations(tx, person_id)
    return current if caller.is_administrator else current.without_author()


async def update(
    database: Database,
    caller: Caller,
    person_id: UUID,
    changes: Mapping[str, int | str],
    etag: str,
    responder: Responder[Accommodations, M],
) -> M:
    """Update the values in `changes`. Raises OWN_ACCOMMODATIONS, NOT_FOUND, STALE_ETAG, ACCOMMODATION_LIMIT_REACHED."""
    require_another_person(caller.require_person(), person_id)

    async def run(tx: Transaction) -> Accommodations:
        # The lock of the person's row serialises concurrent updates of the accommodations.
        if await people.lock_person(tx, person_id) is None:
            raise no_such_person()
        current = await accommodations.get_accommodations(tx, person_id)
        updated = update_accommodations(
            current, changes, etag, written_by=caller.require_person(), now=tx.now
        )
        if updated is None:
            return current
        await accommodations.insert_revision(tx, updated)
        tx.record(events.person_accommodations_changed(updated))
        return updated

    return await database.respond(responder, run)


async def list_revisions(database: Database, person_id: UUID) -> Sequence[Accommodations]:
    """Return the revisions of a person's accommodations, newest first. Raises NOT_FOUND."""
    async with database.transaction() as tx:
        if await people.get_person(tx, person_id) is None:
            raise no_such_person()
        return await accommodations.list_revisions(tx, person_id)


async def list_with_proctor_note(
    database: Database, caller: Caller, person_ids: Collection[UUID]
) -> Sequence[Accommodations]:
    """Return the accommodations that have a note for proctors, in the order of `person_ids`.

    A proctor receives only those of the learners of the proctor's sessions. A proctor who takes part in a session as a
    learner can see the names of the session's proctors, but not the notes about them.
    """
    visible: Collection[UUID] = person_ids
    async with database.transaction() as tx:
        if not caller.is_administrator:
            visible = await people.list_ids_of_learners(tx, caller.require_person(), person_ids)
        found = await accommodations.list_accommodations(tx, visible)
    by_id = {each.person_id: each for each in found if each.proctor_note}
    return [by_id[each] for each in dict.fromkeys(person_ids) if each in by_id]

"""Granting and revoking roles, certifying people, disabling accounts, and the history of these changes (`P1`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage import pages, revocations
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder
from proctorium_enrollment import events
from proctorium_enrollment.domain.people import Person, Role, no_such_person, require_proctor
from proctorium_enrollment.domain.rights import (
    Change,
    ChangeKind,
    require_another_administrator,
    require_another_role,
)
from proctorium_enrollment.storage import accounts, people, person_changes

M = TypeVar("M", bound=Message)

_HISTORY = "person-history"


@dataclass(frozen=True, slots=True)
class NamedChange:
    """An entry of the history of a person's rights. `changed_by_name` is empty if a command made the change."""

    change: Change
    changed_by_name: str


async def grant_role(
    database: Database, caller: Caller, person_id: UUID, role: Role, responder: Responder[Person, M]
) -> M:
    """Grant a role to a person. Does nothing if the person already has the role. Raises NOT_FOUND."""

    async def run(tx: Transaction) -> Person:
        return await add_role(tx, caller.require_person(), person_id, role)

    return await database.respond(responder, run)


async def add_role(tx: Transaction, changed_by: UUID | None, person_id: UUID, role: Role) -> Person:
    """Grant a role as `grant_role` does. `changed_by` is None if a command grants the role. Raises NOT_FOUND."""
    person = await _lock_person(tx, person_id)
    if role in person.roles:
        return person
    changed = replace(person, roles=person.roles | {role})
    change = _change(tx, person, changed_by, ChangeKind.ROLE_GRANTED, role)
    await _store(tx, changed, change)
    return changed


async def revoke_role(
    database: Database,
    caller: Caller,
    person_id: UUID,
    role: Role,
    reason: str,
    responder: Responder[Person, M],
) -> M:
    """Revoke a role of a person. Does nothing if the person does not have the role.

    Raises NOT_FOUND, LAST_ROLE, LAST_ADMINISTRATOR.
    """

    async def run(tx: Transaction) -> Person:
        await people.lock_administrators(tx)
        person = await _lock_person(tx, person_id)
        if role not in person.roles:
            return person
        require_another_role(person, role)
        if role is Role.ADMINISTRATOR:
            await _require_another_administrator(tx, person)
        changed = replace(
            person,
            roles=person.roles - {role},
            certified_until=None if role is Role.PROCTOR else person.certified_until,
            access_version=person.access_version + 1,
        )
        change = _change(tx, person, caller.require_person(), ChangeKind.ROLE_REVOKED, role, reason)
        await _store(tx, changed, replace(change, certified_until=changed.certified_until))
        await revocations.limit_roles(tx, person_id, changed.access_version, changed.role_names)
        tx.record(events.person_role_revoked(changed, role))
        return changed

    return await database.respond(responder, run)


async def certify(
    database: Database,
    caller: Caller,
    person_id: UUID,
    until: datetime,
    responder: Responder[Person, M],
) -> M:
    """Certify a proctor until the given time. Raises NOT_FOUND, INVALID_STATE_TRANSITION."""

    async def run(tx: Transaction) -> Person:
        person = await _lock_person(tx, person_id)
        require_proctor(person)
        changed = replace(person, certified_until=until)
        change = _change(tx, person, caller.require_person(), ChangeKind.CERTIFIED)
        await _store(tx, changed, replace(change, certified_until=until))
        tx.record(events.person_certified(changed))
        return changed

    return await database.respond(responder, run)


async def disable_account(
    database: Database,
    caller: Caller,
    person_id: UUID,
    reason: str,
    responder: Responder[Person, M],
) -> M:
    """Disable a person's account and end all sign-ins of the person. Raises NOT_FOUND, LAST_ADMINISTRATOR."""

    async def run(tx: Transaction) -> Person:
        await people.lock_administrators(tx)
        person = await _lock_person(tx, person_id)
        if person.is_disabled:
            return person
        await _require_another_administrator(tx, person)
        changed = replace(person, disabled_at=tx.now, access_version=person.access_version + 1)
        await _store(
            tx,
            changed,
            _change(tx, person, caller.require_person(), ChangeKind.DISABLED, reason=reason),
        )
        await accounts.end_sign_ins_of_person(tx, person_id)
        await revocations.refuse_tokens(tx, person_id, changed.access_version)
        tx.record(events.person_disabled(changed))
        return changed

    return await database.respond(responder, run)


async def enable_account(
    database: Database,
    caller: Caller,
    person_id: UUID,
    reason: str,
    responder: Responder[Person, M],
) -> M:
    """Enable a disabled account. Raises NOT_FOUND.

    Tokens that were issued before the account was disabled stay invalid.
    """

    async def run(tx: Transaction) -> Person:
        return await enable(tx, caller.require_person(), person_id, reason)

    return await database.respond(responder, run)


async def enable(
    tx: Transaction, changed_by: UUID | None, person_id: UUID, reason: str = ""
) -> Person:
    """Enable an account if it is disabled. `changed_by` is None if a command enables the account. Raises NOT_FOUND."""
    person = await _lock_person(tx, person_id)
    if not person.is_disabled:
        return person
    changed = replace(person, disabled_at=None)
    await _store(tx, changed, _change(tx, person, changed_by, ChangeKind.ENABLED, reason=reason))
    tx.record(events.person_enabled(changed))
    return changed


async def sign_out_everywhere(
    database: Database, caller: Caller, person_id: UUID | None, responder: Responder[Person, M]
) -> M:
    """End all sign-ins of a person and revoke all tokens of the person. Raises NOT_FOUND.

    If `person_id` is None, the person is the caller. Only an administrator may give the ID of another person.
    """
    person_id = own_or_other_id(caller, person_id)

    async def run(tx: Transaction) -> Person:
        return await revoke_sign_ins(tx, person_id)

    return await database.respond(responder, run)


async def revoke_sign_ins(tx: Transaction, person_id: UUID) -> Person:
    """End all sign-ins of a person and revoke all tokens of the person. Raises NOT_FOUND."""
    person = await _lock_person(tx, person_id)
    changed = replace(person, access_version=person.access_version + 1)
    await people.update_rights(tx, changed)
    # A concurrent sign-in also locks the row of the person. If the sign-in commits after this transaction, its tokens
    # have the new access version.
    await accounts.end_sign_ins_of_person(tx, person_id)
    await revocations.refuse_tokens(tx, person_id, changed.access_version)
    tx.record(events.person_signed_out(changed))
    return changed


def own_or_other_id(caller: Caller, person_id: UUID | None) -> UUID:
    """Return `person_id`, or the caller's ID if it is None.

    Raises NOT_FOUND if `person_id` is the ID of another person and the caller is not an administrator.
    """
    if person_id is None:
        return caller.require_person()
    if person_id != caller.person_id and not caller.is_administrator:
        raise no_such_person()
    return person_id


async def list_history(
    database: Database, person_id: UUID, page_size: int, page_token: str
) -> tuple[Sequence[NamedChange], str]:
    """Return a page of the history of a person's rights, newest entry first, and the token of the next page.

    Raises NOT_FOUND, INVALID_PAGE_TOKEN.
    """
    size = pages.effective_size(page_size)
    async with database.transaction() as tx:
        if await people.get_person(tx, person_id) is None:
            raise no_such_person()
        tokens = await pages.tokens(tx)
        after = tokens.after(_HISTORY, page_token, UUID)
        found = await person_changes.list_changes(
            tx, person_id, after[0] if after else None, size + 1
        )
        changes, token = tokens.cut(_HISTORY, found, size, lambda change: (change.change_id,))
        changed_by = {change.changed_by for change in changes if change.changed_by is not None}
        named = await people.list_people_by_ids(tx, changed_by)
    names = {person.person_id: person.legal_name for person in named}
    return [
        NamedChange(change, "" if change.changed_by is None else names.get(change.changed_by, ""))
        for change in changes
    ], token


async def _lock_person(tx: Transaction, person_id: UUID) -> Person:
    person = await people.lock_person(tx, person_id)
    if person is None:
        raise no_such_person()
    return person


async def _require_another_administrator(tx: Transaction, person: Person) -> None:
    others = await people.count_other_administrators(tx, person.person_id)
    require_another_administrator(person, others)


async def _store(tx: Transaction, person: Person, change: Change) -> None:
    await people.update_rights(tx, person)
    await person_changes.insert_change(tx, change)


def _change(
    tx: Transaction,
    before: Person,
    changed_by: UUID | None,
    kind: ChangeKind,
    role: Role | None = None,
    reason: str = "",
) -> Change:
    return Change(
        change_id=new_id(),
        person_id=before.person_id,
        kind=kind,
        changed_at=tx.now,
        changed_by=changed_by,
        role=role,
        previous_certified_until=before.certified_until,
        certified_until=before.certified_until,
        reason=reason.strip(),
    )

"""Roles, certification and accounts: given, taken away, and recorded in the person's history (`P1`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from proctorium.enrollment.events.v1 import events_pb2
from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage import pages, revocations
from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain import people as domain
from proctorium_enrollment.domain import rights
from proctorium_enrollment.domain.people import Person, Role, no_such_person
from proctorium_enrollment.domain.rights import Change, ChangeKind
from proctorium_enrollment.operations.people import ROLES
from proctorium_enrollment.storage import accounts, person_changes
from proctorium_enrollment.storage import people as storage

_HISTORY = "person-history"


@dataclass(frozen=True)
class ShownChange:
    """An entry of a person's history, with the name of who made the change; empty where it is not known."""

    change: Change
    changed_by_name: str


async def grant_role(
    tx: Transaction, changed_by: UUID | None, person_id: UUID, role: Role
) -> Person:
    """Give a person a role, unless they have it. Raises NOT_FOUND."""
    person = await _lock(tx, person_id)
    if role in person.roles:
        return person
    after = replace(person, roles=person.roles | {role})
    return await _save(tx, after, _change(tx, person, changed_by, ChangeKind.ROLE_GRANTED, role))


async def revoke_role(
    tx: Transaction, changed_by: UUID, person_id: UUID, role: Role, reason: str
) -> Person:
    """Take a role from a person, unless they do not have it. Raises NOT_FOUND, LAST_ROLE, LAST_ADMINISTRATOR."""
    await storage.lock_administrators(tx)
    person = await _lock(tx, person_id)
    if role not in person.roles:
        return person
    rights.require_another_role(person, role)
    if role is Role.ADMINISTRATOR:
        await _require_another_administrator(tx, person)
    after = replace(
        person,
        roles=person.roles - {role},
        certified_until=None if role is Role.PROCTOR else person.certified_until,
        access_version=person.access_version + 1,
    )
    change = _change(tx, person, changed_by, ChangeKind.ROLE_REVOKED, role, reason)
    await _save(tx, after, replace(change, certified_until=after.certified_until))
    await revocations.limit_roles(tx, person_id, after.access_version, after.role_names)
    tx.record(
        events_pb2.PersonRoleRevoked(
            person_id=str(person_id),
            role=ROLES[role],
            roles=sorted(ROLES[each] for each in after.roles),
            access_version=after.access_version,
        )
    )
    return after


async def certify(tx: Transaction, changed_by: UUID, person_id: UUID, until: datetime) -> Person:
    """Certify a proctor until a time. Raises NOT_FOUND, INVALID_STATE_TRANSITION."""
    person = await _lock(tx, person_id)
    domain.require_proctor(person)
    after = replace(person, certified_until=until)
    change = _change(tx, person, changed_by, ChangeKind.CERTIFIED)
    await _save(tx, after, replace(change, certified_until=until))
    certified_until = Timestamp()
    certified_until.FromDatetime(until)
    tx.record(
        events_pb2.PersonCertified(person_id=str(person_id), certified_until_time=certified_until)
    )
    return after


async def disable(tx: Transaction, changed_by: UUID, person_id: UUID, reason: str) -> Person:
    """Disable a person's account and end all sign-ins. Raises NOT_FOUND, LAST_ADMINISTRATOR."""
    await storage.lock_administrators(tx)
    person = await _lock(tx, person_id)
    if person.is_disabled:
        return person
    await _require_another_administrator(tx, person)
    after = replace(person, disabled_at=tx.now, access_version=person.access_version + 1)
    change = _change(tx, person, changed_by, ChangeKind.DISABLED, reason=reason)
    await _save(tx, after, change)
    await accounts.end_sign_ins(tx, person_id)
    await revocations.refuse_tokens(tx, person_id, after.access_version)
    tx.record(
        events_pb2.PersonDisabled(person_id=str(person_id), access_version=after.access_version)
    )
    return after


async def enable(
    tx: Transaction, changed_by: UUID | None, person_id: UUID, reason: str = ""
) -> Person:
    """Enable a disabled account. Tokens from before stay refused; signing in works at once. Raises NOT_FOUND."""
    person = await _lock(tx, person_id)
    if not person.is_disabled:
        return person
    after = replace(person, disabled_at=None)
    change = _change(tx, person, changed_by, ChangeKind.ENABLED, reason=reason)
    await _save(tx, after, change)
    tx.record(events_pb2.PersonEnabled(person_id=str(person_id)))
    return after


def oneself_or_other(caller: Caller, person_id: UUID | None) -> UUID:
    """Return the person whose account is to be changed; None means the caller. Only administrators may change another's. Raises NOT_FOUND."""
    if person_id is None:
        assert caller.person_id is not None
        return caller.person_id
    if person_id != caller.person_id and Role.ADMINISTRATOR.value not in caller.roles:
        raise no_such_person()
    return person_id


async def sign_out_everywhere(tx: Transaction, person_id: UUID) -> Person:
    """End all sign-ins of the person and revoke all their tokens. Raises NOT_FOUND."""
    person = await _lock(tx, person_id)
    after = replace(person, access_version=person.access_version + 1)
    await storage.save_rights(tx, after)
    # After the lock, which a sign-in takes too: a sign-in that commits later gets the new access version.
    await accounts.end_sign_ins(tx, person_id)
    await revocations.refuse_tokens(tx, person_id, after.access_version)
    tx.record(
        events_pb2.PersonSignedOut(person_id=str(person_id), access_version=after.access_version)
    )
    return after


async def list_history(
    tx: Transaction, person_id: UUID, page_size: int, page_token: str
) -> tuple[Sequence[ShownChange], str]:
    """Return a person's history, newest first, and the token of the next page. Raises NOT_FOUND, INVALID_PAGE_TOKEN."""
    if await storage.find(tx, person_id) is None:
        raise no_such_person()
    size = pages.size_of(page_size)
    tokens = await pages.tokens(tx)
    after = tokens.after(_HISTORY, page_token, UUID)
    found = await person_changes.page(tx, person_id, after[0] if after else None, size + 1)
    changes, token = tokens.cut(_HISTORY, found, size, lambda change: (change.change_id,))
    by = {change.changed_by for change in changes if change.changed_by is not None}
    names = {person.person_id: person.legal_name for person in await storage.find_all(tx, by)}
    return [
        ShownChange(change, "" if change.changed_by is None else names.get(change.changed_by, ""))
        for change in changes
    ], token


async def _lock(tx: Transaction, person_id: UUID) -> Person:
    person = await storage.lock(tx, person_id)
    if person is None:
        raise no_such_person()
    return person


async def _require_another_administrator(tx: Transaction, person: Person) -> None:
    others = await storage.count_other_administrators(tx, person.person_id)
    rights.require_another_administrator(person, others)


async def _save(tx: Transaction, person: Person, change: Change) -> Person:
    await storage.save_rights(tx, person)
    await person_changes.add(tx, change)
    return person


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

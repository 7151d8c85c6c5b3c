"""Tokens whose signature is valid but which must not be accepted any more.

Enrollment raises a person's access version when it takes a role away, disables the account or ends all sign-ins, and
signs the version into tokens. For each such person, each service stores in its own database the version below which
tokens are refused and the version below which they carry fewer roles. Every call consults the in-memory copy of that
list, so checking a token needs no other service.

Versions decide, not times: no clock is compared with another one, and a token that was signed after the change is never
affected, however late the event about the change arrives.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import UUID

from proctorium_common.rpc.caller import Caller

_LOOK_EVERY_SECONDS = 60.0
"""A notice that was lost is made up for by looking this often."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """The rights that a person's earlier tokens still give.

    Tokens of an access version below `refused_before` are refused; those below `roles_before` carry no more than
    `roles`.
    """

    refused_before: int
    roles_before: int
    roles: frozenset[str]

    def restrict(self, caller: Caller, version: int) -> Caller | None:
        """Return the caller with the roles that a token of this access version still has; None when it is refused."""
        if version < self.refused_before:
            return None
        if version < self.roles_before and not caller.roles <= self.roles:
            return replace(caller, roles=caller.roles & self.roles)
        return caller


Load = Callable[[], Awaitable[Mapping[UUID, Revocation]]]
"""Read the list from where it is stored. Raises ServiceError while that is not possible."""


class Notifications(Protocol):
    """A source of notifications that the stored list has changed (`storage.listen.Notifications`)."""

    async def wait(self, timeout: float) -> bool:
        """Return when the list may have changed, or after `timeout` seconds."""
        ...


class Revocations:
    """The in-memory copy of a service's list."""

    def __init__(self, load: Load | None = None) -> None:
        """Without `load` the list is empty and complete, for tests that do not use it."""
        self._load = load
        self._listed: Mapping[UUID, Revocation] = {}
        self._changed: list[Callable[[Collection[UUID]], None]] = []
        self.loaded = load is None

    def restrict(self, caller: Caller, version: int) -> Caller | None:
        """Return the caller with the rights that a token of this access version still has; None when it is refused."""
        found = self._listed.get(caller.person_id) if caller.person_id is not None else None
        return caller if found is None else found.restrict(caller, version)

    def on_change(self, changed: Callable[[Collection[UUID]], None]) -> None:
        """Register `changed` to be called with the people whose entry is new."""
        self._changed.append(changed)

    async def refresh(self) -> None:
        """Read the list again. Raises ServiceError; the previous list then stays."""
        if self._load is None:
            return
        before, self._listed = self._listed, await self._load()
        self.loaded = True
        people = {
            person_id
            for person_id, revocation in self._listed.items()
            if before.get(person_id) != revocation
        }
        if people:
            for changed in self._changed:
                changed(people)

    async def follow(self, notices: Notifications) -> None:
        """Read the list whenever it may have changed, until cancelled. Raises ServiceError; the caller restarts it."""
        while True:
            await notices.wait(_LOOK_EVERY_SECONDS)
            await self.refresh()

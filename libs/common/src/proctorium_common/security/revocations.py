"""Revocations of access tokens that have not expired yet.

Enrollment increments a person's access version when it revokes a role, disables the account or ends all sign-ins.
Tokens contain the version. For each such person, each service stores in its own database the version below which tokens
are refused, and the version below which they have fewer roles. Each call checks an in-memory copy of that list, so no
other service is needed to verify a token.

Versions are used instead of times because clocks differ: a token that was signed after the change is never affected,
even if the event about the change arrives later.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import UUID

from proctorium_common.rpc.caller import Caller

_POLL_SECONDS = 60.0
"""How often the list is read even without a notification, in case one was lost."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """The rights that a person's earlier tokens still give.

    Tokens of an access version below `refused_before` are refused; those below `roles_before` have at most `roles`.
    """

    refused_before: int
    roles_before: int
    roles: frozenset[str]

    def restrict(self, caller: Caller, version: int) -> Caller | None:
        """Return the caller with the roles that a token of this version still has, or None if it is refused."""
        if version < self.refused_before:
            return None
        if version < self.roles_before and not caller.roles <= self.roles:
            return replace(caller, roles=caller.roles & self.roles)
        return caller


Load = Callable[[], Awaitable[Mapping[UUID, Revocation]]]
"""Reads the stored list. Raises ServiceError while that is not possible."""


class Notifications(Protocol):
    """A source of notifications that the stored list has changed (`storage.listen.Notifications`)."""

    async def wait(self, timeout: float) -> bool:
        """Wait until the list may have changed, for at most `timeout` seconds."""
        ...


class Revocations:
    """The in-memory copy of the revocations in a service's database."""

    def __init__(self, load: Load | None = None) -> None:
        """Read the list with `load`; without it the list is empty, for tests."""
        self._load = load
        self._listed: Mapping[UUID, Revocation] = {}
        self._callbacks: list[Callable[[Collection[UUID]], None]] = []
        self.loaded = load is None

    def restrict(self, caller: Caller, version: int) -> Caller | None:
        """Return the caller with the roles that a token of this version still has, or None if it is refused."""
        found = self._listed.get(caller.person_id) if caller.person_id is not None else None
        return caller if found is None else found.restrict(caller, version)

    def on_change(self, callback: Callable[[Collection[UUID]], None]) -> None:
        """Call `callback` with the ids of the people whose revocations have changed."""
        self._callbacks.append(callback)

    async def refresh(self) -> None:
        """Read the list again. Raises ServiceError, and then keeps the previous list."""
        if self._load is None:
            return
        previous, self._listed = self._listed, await self._load()
        self.loaded = True
        people = {
            person_id
            for person_id, revocation in self._listed.items()
            if previous.get(person_id) != revocation
        }
        if people:
            for callback in self._callbacks:
                callback(people)

    async def follow(self, notifications: Notifications) -> None:
        """Read the list whenever it may have changed, until cancelled. Raises ServiceError; the caller restarts it."""
        while True:
            await notifications.wait(_POLL_SECONDS)
            await self.refresh()

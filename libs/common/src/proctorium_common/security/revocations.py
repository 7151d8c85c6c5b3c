"""Revocations of access tokens that have not expired yet.

Each person has an access version, and each token contains the access version of its person. Enrollment increments the
version when it revokes a role, disables the account or ends all sign-ins. For each person whose version has changed,
each service stores two versions in its own database: tokens below the first are refused, and tokens below the second
have fewer roles. Each call is checked with an in-memory copy of this list, so that no other service is needed to verify
a token.

Versions are used instead of times, because clocks differ. A token that was signed after a change is therefore never
affected by the change, even if the event about the change arrives later.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import UUID

from proctorium_common.rpc.caller import Caller

_POLL_SECONDS = 60.0
"""The interval in seconds at which the list is read without a notification, because a notification may be lost."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """The rights that a person's earlier tokens still give.

    Tokens with an access version below `refused_before` are refused. Tokens with an access version below `roles_before`
    give at most the roles in `roles`.
    """

    refused_before: int
    roles_before: int
    roles: frozenset[str]

    def restrict(self, caller: Caller, version: int) -> Caller | None:
        """Return the caller with the roles that a token with this access version still gives.

        Returns None if the token is refused.
        """
        if version < self.refused_before:
            return None
        if version < self.roles_before and not caller.roles <= self.roles:
            return replace(caller, roles=caller.roles & self.roles)
        return caller


Load = Callable[[], Awaitable[Mapping[UUID, Revocation]]]
"""A function that returns the stored revocations by person. Raises ServiceError while they cannot be read."""


class Notifications(Protocol):
    """A source of notifications that the stored list has changed (`storage.listen.Notifications`)."""

    async def wait(self, timeout: float) -> bool:
        """Wait until the list may have changed, for at most `timeout` seconds."""
        ...


class Revocations:
    """The in-memory copy of the revocations in a service's database."""

    def __init__(self, load: Load | None = None) -> None:
        """Create a copy that reads the list with `load`. Without `load`, which is for tests, the list is empty."""
        self._load = load
        self._listed: Mapping[UUID, Revocation] = {}
        self._callbacks: list[Callable[[Collection[UUID]], None]] = []
        self.loaded = load is None

    def restrict(self, caller: Caller, version: int) -> Caller | None:
        """Return the caller with the roles that a token with this access version still gives.

        Returns None if the token is refused.
        """
        found = self._listed.get(caller.person_id) if caller.person_id is not None else None
        return caller if found is None else found.restrict(caller, version)

    def on_change(self, callback: Callable[[Collection[UUID]], None]) -> None:
        """Register `callback`, which is called with the ids of the people whose revocations have changed."""
        self._callbacks.append(callback)

    async def refresh(self) -> None:
        """Read the list again. If it cannot be read, raises ServiceError and keeps the previous list."""
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
        """Read the list each time that it may have changed, until cancelled.

        Raises ServiceError if the list cannot be read; the caller then has to call this method again.
        """
        while True:
            await notifications.wait(_POLL_SECONDS)
            await self.refresh()

"""Revocations of access tokens that have not expired yet.

Each person has an access version. A token contains the access version that the person had when the token was signed.
Enrollment increments the access version when it revokes a role, disables the account or ends all sign-ins. For each
person whose access version has changed, each service stores two limits in its own database. Tokens with an access
version below `refused_before` are refused. Tokens with an access version below `roles_before` give fewer roles. A
service checks each call against an in-memory copy of these limits, so that it needs no other service to verify a token.

Versions are used instead of times, because the clocks of services differ. With versions, a change never affects a token
that was signed after the change, even if the event about the change arrives late.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import UUID

from proctorium_common.rpc.caller import Caller

_POLL_SECONDS = 60.0
"""After this number of seconds without a notification, the stored list is read, because notifications may be lost."""


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
        """Return `caller` with the roles that a token with the access version `version` still gives.

        Returns None if such a token is refused.
        """
        if version < self.refused_before:
            return None
        if version < self.roles_before and not caller.roles <= self.roles:
            return replace(caller, roles=caller.roles & self.roles)
        return caller


Load = Callable[[], Awaitable[Mapping[UUID, Revocation]]]
"""A function that returns the stored revocations by the id of the person.

Raises ServiceError if the revocations cannot be read.
"""


class Notifications(Protocol):
    """The notifications about changes of the stored revocations (`storage.listen.Notifications`)."""

    async def wait(self, timeout: float) -> bool:
        """Wait for a notification for at most `timeout` seconds, and return whether one arrived."""
        ...


class Revocations:
    """The in-memory copy of the revocations in a service's database."""

    def __init__(self, load: Load | None = None) -> None:
        """Create an instance without revocations. `refresh` reads the stored revocations with `load`.

        Tests may omit `load`. The instance then never has revocations.
        """
        self._load = load
        self._listed: Mapping[UUID, Revocation] = {}
        self._callbacks: list[Callable[[Collection[UUID]], None]] = []
        self.loaded = load is None

    def restrict(self, caller: Caller, version: int) -> Caller | None:
        """Return `caller` with the roles that a token with the access version `version` still gives.

        Returns None if such a token is refused.
        """
        found = self._listed.get(caller.person_id) if caller.person_id is not None else None
        return caller if found is None else found.restrict(caller, version)

    def on_change(self, callback: Callable[[Collection[UUID]], None]) -> None:
        """Register `callback`, which is called with the ids of the people whose revocations have changed."""
        self._callbacks.append(callback)

    async def refresh(self) -> None:
        """Read the stored revocations again. If they cannot be read, raises ServiceError and keeps the current copy."""
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
        """Read the stored revocations after each notification and at least once a minute, until cancelled.

        Raises ServiceError if the revocations cannot be read. The caller then has to call this method again.
        """
        while True:
            await notifications.wait(_POLL_SECONDS)
            await self.refresh()

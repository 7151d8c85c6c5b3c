"""The current call and its caller, available to all code that runs within the call."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from proctorium_common.errors import unauthenticated


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller: a person (identified by a token), a service (identified by its certificate), both, or anonymous.

    `service` is the name in the certificate at the other end of the connection. For a call that a person makes through
    the edge, `service` is therefore "edge".
    """

    person_id: UUID | None = None
    roles: frozenset[str] = frozenset()
    service: str | None = None
    name: str = field(init=False, repr=False, compare=False)
    """A string that identifies the caller, for idempotency keys and rate limits."""

    def __post_init__(self) -> None:
        if self.person_id is not None:
            name = f"person:{self.person_id}"
        else:
            name = f"service:{self.service}" if self.service is not None else "anonymous"
        object.__setattr__(self, "name", name)

    def require_person(self) -> UUID:
        """Return the person's id. Raises TOKEN_MISSING if the caller is not a person."""
        if self.person_id is None:
            raise unauthenticated("TOKEN_MISSING", "Please sign in first.")
        return self.person_id

    @property
    def is_administrator(self) -> bool:
        """Whether the caller has the role administrator."""
        return "administrator" in self.roles


ANONYMOUS = Caller()
"""A caller without a token or certificate."""


class Call(NamedTuple):
    """One call in progress.

    `method` is the full name of the method ("/proctorium.session.v1.LobbyService/JoinSession"). `deadline` is a time of
    `time.monotonic()`. It is earlier than the client's deadline by `calls.DEADLINE_MARGIN`. For a stream without a
    deadline, `deadline` is None.
    """

    caller: Caller
    method: str
    deadline: float | None = None

    def remaining(self) -> float | None:
        """Return the time in seconds until the deadline, 0 after the deadline, or None without a deadline."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())


_current: ContextVar[Call | None] = ContextVar("proctorium_call", default=None)


def current_call() -> Call:
    """Return the current call. Raises LookupError outside of a call, for example in a worker or a subscriber."""
    call = _current.get()
    if call is None:
        raise LookupError("no call is in progress here")
    return call


def calling_person() -> UUID:
    """Return the id of the calling person. Raises TOKEN_MISSING if the caller is not a person."""
    return current_call().caller.require_person()


def optional_call() -> Call | None:
    """Return the current call, or None outside of a call."""
    return _current.get()


def enter_call(call: Call) -> None:
    """Make `call` the current call for the rest of this task. The server does this for each call."""
    _current.set(call)


@contextmanager
def calling(call: Call) -> Iterator[Call]:
    """Make `call` the current call within the block. Use this function where no server has set the current call."""
    token = _current.set(call)
    try:
        yield call
    finally:
        _current.reset(token)

"""Makes calls with a stream of requests end with the status that the server sent.

When a server ends such a call while the client still sends, gRPC's core fails the send and delivers the status, in any order. `grpc.aio`
reports a failed send as an internal error if it comes first, and the call ends in INTERNAL ("Internal error from Core") although the
server gave a reason. The status always arrives, so a failed send has to wait for it.
"""

from __future__ import annotations

from typing import Any, TypeVar

Call = TypeVar("Call")


class _StatusFirst:
    """A gRPC call whose status is not changed by a failed send."""

    __slots__ = ("_call",)

    def __init__(self, call: Any) -> None:
        self._call = call

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)

    def set_internal_error(self, _: str) -> None:
        """Let the server set the status: the caller awaits it next."""


def keep_status(call: Call) -> Call:
    """Make a new call with a stream of requests end in the server's status, and return it.

    `grpc.aio` has no public API for this; the test fails when the library changes.
    """
    inner: Any = call
    inner._cython_call = _StatusFirst(inner._cython_call)  # noqa: SLF001 - see above
    return call

"""The live picture of a session for those who supervise it (`S7`)."""

from __future__ import annotations

from proctorium_common.errors import Kind, ServiceError
from proctorium_common.rpc.caller import Caller
from proctorium_session.operations.access import supervised
from proctorium_session.operations.live import LiveSession, Picture


async def picture_for(live: LiveSession, caller: Caller, revision: int) -> Picture:
    """A picture no older than `revision`. Raises NOT_YOUR_SESSION, NOT_FOUND for administrators, DATABASE_UNAVAILABLE."""
    try:
        picture = await live.at_least(revision)
    except ServiceError as error:
        if error.kind is not Kind.NOT_FOUND:
            raise
        raise _as_seen_by(caller) from error
    supervised(picture.session, caller)
    return picture


def _as_seen_by(caller: Caller) -> ServiceError:
    """What a caller is told about a session that is not there."""
    try:
        supervised(None, caller)
    except ServiceError as error:
        return error
    raise AssertionError("a session that is not there is nobody's")

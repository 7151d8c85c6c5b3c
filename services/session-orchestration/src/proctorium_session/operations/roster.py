"""The roster, which is the live snapshot of a session for its supervisors (`S7`)."""

from __future__ import annotations

from proctorium_common.errors import Kind, ServiceError
from proctorium_common.rpc.caller import Caller
from proctorium_session.operations.actors import (
    is_proctor_of,
    may_supervise,
    require_supervised,
)
from proctorium_session.operations.live import LiveSession, Snapshot


async def supervised_snapshot(live: LiveSession, caller: Caller, revision: int) -> Snapshot:
    """Return a snapshot of `revision` or a later revision, if the caller may supervise the session.

    Raises NOT_YOUR_SESSION, NOT_FOUND (only for administrators), DATABASE_UNAVAILABLE.
    """
    try:
        snapshot = await live.snapshot_since(revision)
        if not may_supervise(snapshot.session, caller):
            # The caller may have taken the session after this snapshot, on this replica or another one.
            snapshot = await live.read()
    except ServiceError as error:
        if error.kind is not Kind.NOT_FOUND:
            raise
        require_supervised(None, caller)
        raise
    require_supervised(snapshot.session, caller)
    return snapshot


def may_read_messages(snapshot: Snapshot, caller: Caller) -> bool:
    """Return whether the caller, who may watch the roster, may also read the messages of all learners.

    An administrator who takes part in the session as a learner or is invited to it may not.
    """
    if is_proctor_of(snapshot.session, caller):
        return True
    person_id = caller.require_person()
    return person_id not in snapshot.participant_ids and person_id not in snapshot.learner_ids

"""Access checks for reading attempts and results, and a function that adds the ids of an attempt to a trace."""

from __future__ import annotations

from uuid import UUID

from proctorium_access.certifications import require_certification
from proctorium_assessment.domain.attempts import Attempt
from proctorium_assessment.storage import sessions
from proctorium_common.errors import not_allowed
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Transaction
from proctorium_common.telemetry.traces import annotate


async def is_session_proctor(tx: Transaction, caller: Caller, session_id: UUID) -> bool:
    """Return whether the caller is a proctor of the session.

    Raises CERTIFICATION_ENDED if the caller is a proctor of the session but is not certified now.
    """
    if caller.person_id is None or "proctor" not in caller.roles:
        return False
    if not await sessions.is_proctor_of_session(tx, session_id, caller.person_id):
        return False
    await require_certification(tx, caller.person_id)
    return True


async def listable_person(tx: Transaction, caller: Caller, session_id: UUID | None) -> UUID | None:
    """Return the id of the only learner whose attempts or results the caller may list.

    Return None if the caller may list the attempts and results of all learners of the session. A service may list all
    of them; the proto of each method lists the services that may call it. Raises NOT_ALLOWED, CERTIFICATION_ENDED.
    """
    if session_id is not None:
        if caller.is_administrator or caller.person_id is None:
            return None
        if await is_session_proctor(tx, caller, session_id):
            return None
    if caller.person_id is None or (session_id is not None and "learner" not in caller.roles):
        raise not_allowed(
            "NOT_ALLOWED", "You do not supervise this session, or it might not exist."
        )
    return caller.person_id


async def is_removed(tx: Transaction, attempt: Attempt) -> bool:
    """Return whether the learner of the attempt is removed from its session."""
    participant_id = attempt.participant_id
    # A removal pauses the attempt, so an attempt that is not paused needs no query.
    if not attempt.is_paused or participant_id is None:
        return False
    return await sessions.is_participant_removed(tx, participant_id)


def annotate_attempt(attempt: Attempt) -> None:
    """Add the ids of the attempt to the current trace."""
    annotate(attempt_id=attempt.attempt_id, person_id=attempt.person_id)
    if attempt.session_id is not None:
        annotate(session_id=attempt.session_id, participant_id=attempt.participant_id)

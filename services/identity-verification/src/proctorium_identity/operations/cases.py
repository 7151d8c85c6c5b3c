"""Opening, reading and expiring cases (`I1`)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Database, Transaction
from proctorium_identity import events
from proctorium_identity.domain.cases import (
    Actor,
    Case,
    CaseAction,
    CaseKind,
    CaseState,
    next_state,
    no_case,
    not_your_case,
    restored_state,
)
from proctorium_identity.domain.evidence import EVIDENCE_NEEDED
from proctorium_identity.operations.actors import case_actor, session_actor
from proctorium_identity.storage import accommodations, cases, evidence, sessions
from proctorium_identity.storage.encryption import CaseKeys

CHANNEL = "identity_cases"
"""The NOTIFY channel for changed cases. The payload is the id of the session."""


async def get_case(database: Database, caller: Caller, case_id: UUID) -> Case:
    """Return the case.

    Raises NOT_YOUR_CASE if the case does not exist. Also raises NOT_YOUR_CASE unless the case is the caller's own case
    or belongs to a session that the caller supervises.
    """
    async with database.transaction() as tx:
        case = await cases.get_case(tx, case_id)
        if case is None:
            raise not_your_case()
        if caller.person_id != case.person_id:
            await case_actor(tx, caller, case)
        return case


async def get_case_of_learner(
    database: Database, caller: Caller, session_id: UUID, learner_id: UUID | None
) -> Case:
    """Return the case of a learner in a session, or the caller's own case if `learner_id` is None.

    Raises NOT_YOUR_CASE if the caller may not see the case, and NOT_FOUND if the learner has no case in the session.
    """
    person_id = learner_id or caller.person_id
    if person_id is None:
        raise not_your_case()
    async with database.transaction() as tx:
        if person_id != caller.person_id:
            await session_actor(tx, caller, session_id)
        case = await cases.get_case_of_learner(tx, session_id, person_id)
    if case is None:
        raise no_case()
    return case


async def open_case(
    tx: Transaction,
    case_keys: CaseKeys,
    *,
    session_id: UUID,
    participant_id: UUID,
    person_id: UUID,
) -> None:
    """Open a case for the learner in the session, unless the learner already has one.

    The case expires at once if the session has ended. Otherwise, it becomes a case of the kind alternative if the
    learner's accommodations contain the alternative identity check.
    """
    session = await sessions.lock_session(tx, session_id)
    case = Case(new_id(), session_id, participant_id, person_id, CaseState.REQUESTED)
    if not await cases.insert_case(tx, case, case_keys.create(case.case_id), tx.now):
        return
    tx.record(events.case_opened(case))
    if session.ended_at is not None:
        await _expire(tx, case)
    elif await accommodations.lock_accommodation(tx, person_id):
        await request_alternative_check(tx, case)


async def set_proctors(
    tx: Transaction, session_id: UUID, proctor_ids: list[UUID], *, position: int
) -> None:
    """Set the proctors of the session from the event at `position`, unless a later event has set them."""
    await sessions.upsert_proctors(tx, session_id, proctor_ids, position=position)
    tx.notify(CHANNEL, str(session_id))


async def expire_cases_of_session(
    tx: Transaction, session_id: UUID, ended_at: datetime, *, position: int
) -> None:
    """Expire the undecided cases of a session that ended or was cancelled, unless a later event has reopened it."""
    if not await sessions.upsert_end(tx, session_id, ended_at, position=position):
        return
    for case in await cases.lock_undecided_cases(tx, session_id):
        await _expire(tx, case)


async def restore_cases_of_session(tx: Transaction, session_id: UUID, *, position: int) -> None:
    """Restore the expired cases of a session that was reopened, unless a later event has ended it again."""
    if not await sessions.upsert_end(tx, session_id, None, position=position):
        return
    expired = await cases.lock_expired_cases(tx, session_id)
    alternative = await accommodations.list_alternative(tx, [each.person_id for each in expired])
    for case in expired:
        restored = replace(case, state=restored_state(case), expired_from=None)
        await store_case(tx, restored)
        tx.record(events.case_restored(restored))
        # The accommodations may have changed while the case was expired.
        if restored.person_id in alternative and restored.state is not CaseState.SUBMITTED:
            await request_alternative_check(tx, restored)


async def request_alternative_check(
    tx: Transaction, case: Case, actor: Actor | None = None, reason: str = ""
) -> Case:
    """Turn the case into a case of the kind alternative that waits for a decision, and return it.

    Images that the case has are superseded. `actor` requested another check of the identity, and `reason` is the
    reason for it. Without `actor`, the learner's accommodations apply. Raises CASE_CLOSED.
    """
    next_state(case, CaseAction.REQUEST_ALTERNATIVE)
    await evidence.supersede_evidence(tx, case.case_id, EVIDENCE_NEEDED)
    requested = replace(
        case,
        kind=CaseKind.ALTERNATIVE,
        state=CaseState.SUBMITTED,
        evidence=frozenset(),
        submitted_at=tx.now,
        decided_by=None,
        decided_as=None,
        decided_at=None,
        decision_reason=reason.strip(),
    )
    await store_case(tx, requested)
    tx.record(events.alternative_check_requested(requested, actor))
    return requested


async def _expire(tx: Transaction, case: Case) -> None:
    await store_case(tx, replace(case, state=CaseState.EXPIRED, expired_from=case.state))
    tx.record(events.case_expired(case))


async def store_case(tx: Transaction, case: Case) -> None:
    """Store a changed case, and notify the streams that watch the queue of the case's session."""
    await cases.update_case(tx, case)
    tx.notify(CHANNEL, str(case.session_id))

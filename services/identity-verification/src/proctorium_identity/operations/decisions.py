"""Decisions and resubmission requests of proctors and administrators (`I1`, `I3`)."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder
from proctorium_identity import events
from proctorium_identity.domain.cases import (
    UNDECIDED,
    Actor,
    Case,
    CaseAction,
    CaseKind,
    CaseState,
    Decision,
    case_closed,
    next_state,
    not_your_case,
    require_images,
    require_reason,
)
from proctorium_identity.domain.evidence import EVIDENCE_NEEDED, require_viewed
from proctorium_identity.operations.actors import case_actor
from proctorium_identity.operations.cases import request_alternative_check, store_case
from proctorium_identity.storage import (
    accommodations,
    cases,
    evidence,
    evidence_accesses,
    sessions,
)

M = TypeVar("M", bound=Message)


async def decide(
    database: Database,
    caller: Caller,
    case_id: UUID,
    decision: Decision,
    reason: str,
    responder: Responder[Case, M],
) -> M:
    """Verify or reject a case. Repeating the same decision changes nothing.

    Raises NOT_YOUR_CASE and CASE_CLOSED. Raises INVALID_REQUEST if the decision requires a reason and has none. Raises
    EVIDENCE_MISSING, EVIDENCE_NOT_VIEWED and EVIDENCE_REPLACED for a verification on images.
    """

    async def run(tx: Transaction) -> Case:
        case, actor = await _lock_case(tx, caller, case_id)
        state = next_state(case, CaseAction(decision))
        if state is None:
            return case
        require_reason(case.kind, decision, reason)
        if decision is Decision.VERIFY and case.kind is CaseKind.IMAGES:
            current = await evidence.list_current_evidence(tx, case_id)
            viewed = await evidence_accesses.list_last_viewed(tx, case_id, actor.person_id)
            require_viewed(current, viewed)
        decided = replace(
            case,
            state=state,
            decided_by=actor.person_id,
            decided_as=actor.role,
            decided_at=tx.now,
            decision_reason=reason.strip(),
        )
        await store_case(tx, decided)
        event = events.case_verified if decision is Decision.VERIFY else events.case_rejected
        tx.record(event(decided, actor))
        return decided

    return await database.respond(responder, run)


async def request_resubmission(
    database: Database, caller: Caller, case_id: UUID, reason: str, responder: Responder[Case, M]
) -> M:
    """Supersede the current images and request new images, also from a learner whose identity is verified.

    If the learner's accommodations contain the alternative identity check, or the case has no images, the identity is
    checked again without images. Raises NOT_YOUR_CASE, CASE_CLOSED and ALTERNATIVE_CHECK.
    """

    async def run(tx: Transaction) -> Case:
        await _lock_session_of_case(tx, case_id)
        case, actor = await _lock_case(tx, caller, case_id)
        next_state(case, CaseAction.REQUEST_RESUBMISSION)
        await _require_session_open(tx, case)
        if case.state in UNDECIDED:
            require_images(
                case,
                "The identity of this learner is checked without photos, so no photos can be requested. "
                "Check the identity in another way, then decide.",
            )
        alternative = await accommodations.list_alternative(tx, [case.person_id])
        if alternative or case.kind is CaseKind.ALTERNATIVE:
            return await request_alternative_check(tx, case, actor, reason)
        await evidence.supersede_evidence(tx, case_id, EVIDENCE_NEEDED)
        requested = replace(
            case,
            state=CaseState.RESUBMISSION_REQUESTED,
            evidence=frozenset(),
            submitted_at=None,
            decided_by=None,
            decided_as=None,
            decided_at=None,
            decision_reason=reason.strip(),
        )
        await store_case(tx, requested)
        tx.record(events.resubmission_requested(requested, actor))
        return requested

    return await database.respond(responder, run)


async def _lock_session_of_case(tx: Transaction, case_id: UUID) -> None:
    """Lock the session of the case.

    Transactions that expire cases also lock the session before the cases, so two transactions cannot deadlock.
    """
    case = await cases.get_case(tx, case_id)
    if case is not None:
        await sessions.lock_session(tx, case.session_id)


async def _require_session_open(tx: Transaction, case: Case) -> None:
    """Raise CASE_CLOSED if the session has ended.

    Undecided cases expire at the end of the session, but verified cases stay verified.
    """
    session = await sessions.get_session(tx, case.session_id)
    if session.ended_at is not None:
        raise case_closed(case)


async def _lock_case(tx: Transaction, caller: Caller, case_id: UUID) -> tuple[Case, Actor]:
    """Lock the row of the case, and return the case and the caller as an `Actor`. Raises NOT_YOUR_CASE."""
    case = await cases.lock_case(tx, case_id)
    if case is None:
        raise not_your_case()
    return case, await case_actor(tx, caller, case)

"""Deciding a case, or requesting new pictures, as a proctor or an administrator (`I1`, `I3`)."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from proctorium.identity.events.v1 import events_pb2
from proctorium_common.rpc.access import ROLE_NUMBERS
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Transaction
from proctorium_identity.domain.cases import (
    Case,
    Move,
    decided_alike,
    moved,
    require_reason,
)
from proctorium_identity.domain.evidence import EVIDENCE_NEEDED, require_seen
from proctorium_identity.operations.access import Actor
from proctorium_identity.operations.cases import lock_supervised, save_move
from proctorium_identity.storage import evidence, looks


async def decide(
    tx: Transaction, caller: Caller, case_id: UUID, decision: Move, reason: str
) -> Case:
    """Verifies or rejects; the same again changes nothing.

    Raises NOT_YOUR_CASE, CASE_CLOSED, INVALID_REQUEST (rejected without a reason), and to verify EVIDENCE_MISSING, EVIDENCE_NOT_VIEWED,
    EVIDENCE_REPLACED.
    """
    case, actor = await lock_supervised(tx, caller, case_id)
    if decided_alike(case, decision):
        return case
    state = moved(case, decision)
    require_reason(decision, reason)
    if decision is Move.VERIFY:
        current = await evidence.current_evidence(tx, case_id)
        require_seen(current, await looks.last_looks(tx, case_id, actor.person_id))
    decided = replace(
        case,
        state=state,
        decided_by=actor.person_id,
        decided_as=actor.role,
        decided_at=tx.now,
        decision_reason=reason.strip(),
    )
    await save_move(tx, decided)
    _record_decision(tx, decided, decision, actor)
    return decided


def _record_decision(tx: Transaction, case: Case, decision: Move, actor: Actor) -> None:
    case_id, session_id = str(case.case_id), str(case.session_id)
    participant_id, person_id = str(case.participant_id), str(case.person_id)
    decided_by, acting_role = str(actor.person_id), ROLE_NUMBERS[actor.role]
    if decision is Move.VERIFY:
        tx.record(
            events_pb2.CaseVerified(
                case_id=case_id,
                session_id=session_id,
                participant_id=participant_id,
                person_id=person_id,
                decided_by=decided_by,
                acting_role=acting_role,
            )
        )
    else:
        tx.record(
            events_pb2.CaseRejected(
                case_id=case_id,
                session_id=session_id,
                participant_id=participant_id,
                person_id=person_id,
                decided_by=decided_by,
                acting_role=acting_role,
            )
        )


async def ask_again(tx: Transaction, caller: Caller, case_id: UUID, reason: str) -> Case:
    """Sets the pictures aside and asks the learner for new ones. Raises NOT_YOUR_CASE, CASE_CLOSED."""
    case, actor = await lock_supervised(tx, caller, case_id)
    state = moved(case, Move.ASK_AGAIN)
    await evidence.set_aside(tx, case_id, EVIDENCE_NEEDED)
    asked = replace(
        case, state=state, evidence=frozenset(), submitted_at=None, decision_reason=reason.strip()
    )
    await save_move(tx, asked)
    tx.record(
        events_pb2.CaseResubmissionRequested(
            case_id=str(case.case_id),
            session_id=str(case.session_id),
            participant_id=str(case.participant_id),
            person_id=str(case.person_id),
            requested_by=str(actor.person_id),
            acting_role=ROLE_NUMBERS[actor.role],
        )
    )
    return asked

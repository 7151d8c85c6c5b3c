"""Cases as they open, are seen, and run out (`I1`)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from proctorium.identity.events.v1 import events_pb2
from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage.database import Transaction
from proctorium_identity.domain.cases import (
    Case,
    CaseState,
    Move,
    moved,
    no_case,
    not_your_case,
)
from proctorium_identity.operations.access import Actor, actor_in, actor_on
from proctorium_identity.storage import cases, sessions
from proctorium_identity.storage.encryption import CaseKeys

CHANNEL = "identity_cases"
"""NOTIFY channel: the session in which a case changed."""


async def open_case(
    tx: Transaction,
    case_keys: CaseKeys,
    *,
    session_id: UUID,
    participant_id: UUID,
    person_id: UUID,
) -> None:
    """Open the learner's case in the session; nothing where there is one. It expires at once where the session is over for them."""
    session = await sessions.lock_session(tx, session_id)
    case = Case(new_id(), session_id, participant_id, person_id, CaseState.REQUESTED)
    wrapped_key = case_keys.new(case.case_id)
    if not await cases.add_case(tx, case, wrapped_key, tx.now):
        return
    tx.record(
        events_pb2.CaseOpened(
            case_id=str(case.case_id),
            session_id=str(session_id),
            participant_id=str(participant_id),
            person_id=str(person_id),
        )
    )
    if session.ended_at is not None or await sessions.is_removed(tx, participant_id):
        await _expire(tx, case)


async def plan_session(tx: Transaction, session_id: UUID, proctor_ids: list[UUID]) -> None:
    """Learns who supervises the session."""
    await sessions.save_proctors(tx, session_id, proctor_ids)
    tx.notify(CHANNEL, str(session_id))


async def remove_participant(tx: Transaction, session_id: UUID, participant_id: UUID) -> None:
    """Let the undecided case of a participant who was removed expire."""
    await sessions.lock_session(tx, session_id)
    await sessions.save_removal(tx, participant_id)
    for case in await cases.lock_open_cases(tx, session_id, participant_id):
        await _expire(tx, case)


async def end_session(tx: Transaction, session_id: UUID, ended_at: datetime) -> None:
    """Let every undecided case of a session that ended or was cancelled expire."""
    await sessions.save_end(tx, session_id, ended_at)
    for case in await cases.lock_open_cases(tx, session_id):
        await _expire(tx, case)


async def _expire(tx: Transaction, case: Case) -> None:
    await save_move(tx, replace(case, state=moved(case, Move.EXPIRE)))
    tx.record(
        events_pb2.CaseExpired(
            case_id=str(case.case_id),
            session_id=str(case.session_id),
            participant_id=str(case.participant_id),
            person_id=str(case.person_id),
        )
    )


async def save_move(tx: Transaction, case: Case) -> None:
    """Writes a case that changed and wakes those who watch its session."""
    await cases.save_case(tx, case)
    tx.notify(CHANNEL, str(case.session_id))


async def get_case(tx: Transaction, caller: Caller, case_id: UUID) -> Case:
    """The case: one's own, or of a session one supervises. Raises NOT_YOUR_CASE."""
    case = await cases.find_case(tx, case_id)
    if case is None:
        raise not_your_case()
    if caller.person_id != case.person_id:
        await actor_on(tx, caller, case)
    return case


async def get_case_of(
    tx: Transaction, caller: Caller, session_id: UUID, person_id: UUID | None
) -> Case:
    """The case of a learner (None: of the caller) in a session. Raises NOT_FOUND where one may look and there is none, NOT_YOUR_CASE."""
    wanted = person_id or caller.person_id
    if wanted is None:
        raise not_your_case()
    if wanted != caller.person_id:
        await actor_in(tx, caller, session_id)
    case = await cases.find_case_of(tx, session_id, wanted)
    if case is None:
        raise no_case()
    return case


async def lock_supervised(tx: Transaction, caller: Caller, case_id: UUID) -> tuple[Case, Actor]:
    """Return the case, locked, and the caller in the role in which they act on it. Raises NOT_YOUR_CASE."""
    case = await cases.lock_case(tx, case_id)
    if case is None:
        raise not_your_case()
    return case, await actor_on(tx, caller, case)

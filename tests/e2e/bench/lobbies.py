"""Create sessions with an open lobby, and learners who wait in the lobby, as the session service stores them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import insert

from proctorium_common.ids import new_id
from proctorium_common.storage.database import Database
from proctorium_session.domain.identity import IdentityPolicy
from proctorium_session.domain.session_states import SessionAction
from proctorium_session.domain.sessions import LateEntry, Plan, Session, apply_action, new_session
from proctorium_session.storage import sessions
from proctorium_session.storage.tables import participants

_AT_ONCE = 200


def open_lobby(session_id: UUID, *, capacity: int, proctor_id: UUID | None = None) -> Session:
    """Return a session with an open lobby; the values that are not parameters are arbitrary."""
    now = datetime.now(UTC)
    plan = Plan(
        course_id=new_id(),
        assessment_ids=(new_id(),),
        title="Bench",
        start_time=now + timedelta(minutes=5),
        duration=timedelta(hours=2),
        proctor_ids=(proctor_id or new_id(),),
        capacity=capacity,
        lobby_lead=timedelta(minutes=30),
        late_entry=LateEntry.CLOSED,
        late_entry_limit=timedelta(0),
        identity_policy=IdentityPolicy.NONE,
    )
    opened = apply_action(new_session(session_id, plan), SessionAction.OPEN_LOBBY, now, None)
    assert opened is not None
    return opened


async def fill(database: Database, session: Session, person_ids: Sequence[UUID]) -> list[UUID]:
    """Store the session and the learners `person_ids` in its lobby; return the ids of the participants."""
    rows = [_waiting(session.session_id, each) for each in person_ids]
    async with database.transaction() as tx:
        await sessions.insert_session(tx, session, person_ids)
    for first in range(0, len(rows), _AT_ONCE):
        async with database.transaction() as tx:
            await tx.execute(insert(participants), rows[first : first + _AT_ONCE])
    return [UUID(str(row["participant_id"])) for row in rows]


def _waiting(session_id: UUID, person_id: UUID) -> dict[str, object]:
    return {
        "participant_id": new_id(),
        "session_id": session_id,
        "person_id": person_id,
        "state": "waiting",
        "identity": "not_required",
        "join_time": datetime.now(UTC),
        "ready_time": datetime.now(UTC),
        "revision": 0,
    }

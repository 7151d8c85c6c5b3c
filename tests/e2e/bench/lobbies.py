"""A session whose lobby is open, as session orchestration keeps it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from proctorium_common.ids import new_id
from proctorium_session.domain.identity import IdentityPolicy
from proctorium_session.domain.session_states import SessionMove
from proctorium_session.domain.sessions import LateEntry, Plan, Session, moved, planned


def open_lobby(session_id: UUID, *, capacity: int, proctor_id: UUID | None = None) -> Session:
    """The session; what nobody asks about it is made up."""
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
    opened = moved(planned(session_id, plan), SessionMove.OPEN_LOBBY, now, None)
    assert opened is not None
    return opened

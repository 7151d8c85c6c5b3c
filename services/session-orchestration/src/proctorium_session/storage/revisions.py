"""Queries of the changes of a session since a revision."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from proctorium_common.storage.database import Database
from proctorium_session.domain.participants import ParticipantView
from proctorium_session.domain.sessions import Session
from proctorium_session.storage import participants, sessions, tables

_SESSION = [column.name for column in tables.sessions.c]
_PARTICIPANT = [column.name for column in tables.participants.c]
_PROGRESS = [
    column.name for column in tables.participant_assessments.c if column.name != "participant_id"
]
_CHANGES = f"""
    SELECT {", ".join(f"sessions.{name}" for name in _SESSION)},
        ARRAY(
            SELECT proctor_id FROM session_proctors
            WHERE session_proctors.session_id = sessions.session_id ORDER BY ordinal
        ),
        {", ".join(f"participants.{name}" for name in _PARTICIPANT)},
        {", ".join(f"progress.{name}" for name in _PROGRESS)},
        {", ".join(str(column) for column in participants.BREAK_COLUMNS.values())},
        course_progress.finished_unit_count
    FROM sessions
    LEFT JOIN participants
        ON participants.session_id = sessions.session_id AND participants.revision > $2
    LEFT JOIN participant_assessments AS progress USING (participant_id)
    LEFT JOIN breaks ON breaks.break_id = participants.latest_break_id
    LEFT JOIN break_allowances ON break_allowances.person_id = participants.person_id
    LEFT JOIN course_progress
        ON course_progress.course_id = sessions.course_id AND course_progress.person_id = participants.person_id
    WHERE sessions.session_id = $1
    ORDER BY participants.join_time, participants.participant_id
"""  # noqa: S608 - constants


# The names of the selected columns, as `session_from_row` and `group_views` expect them.
_SESSION_NAMES = [*_SESSION, "proctor_ids"]
_VIEW_NAMES = [
    *_PARTICIPANT,
    *("progress_state" if name == "state" else name for name in _PROGRESS),
    *participants.BREAK_COLUMNS,
    "finished_unit_count",
]


class Changes(NamedTuple):
    """A session, and the participants that changed after a revision. The participants are in the order of joining."""

    session: Session
    views: list[ParticipantView]


async def get_changes_since(database: Database, session_id: UUID, revision: int) -> Changes | None:
    """Return the session and the participants that changed after `revision`, or None if the session does not exist.

    A single statement gives a consistent result and needs only one round trip. A short duration matters, because all
    learners wait for this query when a session is started.
    """
    rows = [tuple(row) for row in await database.fetch(_CHANGES, session_id, revision)]
    if not rows:
        return None
    width = len(_SESSION_NAMES)
    session = sessions.session_from_row(dict(zip(_SESSION_NAMES, rows[0][:width], strict=True)))
    changed = [dict(zip(_VIEW_NAMES, row[width:], strict=True)) for row in rows]
    # If no participant changed, the query returns one row without a participant.
    joined = [row for row in changed if row["participant_id"] is not None]
    return Changes(session, participants.group_views(joined))

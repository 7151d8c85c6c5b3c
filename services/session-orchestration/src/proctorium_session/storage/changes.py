"""Storing changed sessions.

One statement stores the rows, the new participants and the new record entries of the sessions.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from proctorium_common.storage.database import Transaction
from proctorium_session.domain.participants import Participant
from proctorium_session.domain.record import Entry
from proctorium_session.domain.sessions import Session

# The parameters are arrays, so that one prepared statement stores any number of rows.
_SAVE_CHANGES = """
    WITH joined AS (
        INSERT INTO participants (
            participant_id, session_id, person_id, state, identity, join_time, entered_time, ready_time, revision
        )
        SELECT * FROM unnest(
            $15::uuid[], $16::uuid[], $17::uuid[], $18::text[], $19::text[],
            $20::timestamptz[], $21::timestamptz[], $22::timestamptz[], $23::bigint[]
        )
    ), recorded AS (
        INSERT INTO session_record (session_id, number, event, time, actor, participant_id, body, hash)
        SELECT * FROM unnest(
            $24::uuid[], $25::bigint[], $26::text[], $27::timestamptz[], $28::text[], $29::uuid[], $30::bytea[], $31::bytea[]
        ) AS entry (session_id, number)
        ORDER BY session_id, number
    )
    UPDATE sessions SET
        state = changed.state, lobby_open_time = changed.lobby_open_time,
        actual_start_time = changed.actual_start_time, end_time = changed.end_time,
        ended_by = changed.ended_by, revision = changed.revision,
        session_revision = changed.session_revision,
        record_number = changed.record_number, record_hash = changed.record_hash,
        present_ids = changed.present_ids::uuid[], absent_at = changed.absent_at,
        uncovered_at = changed.uncovered_at, coverage_revision = changed.coverage_revision,
        closing_end_at = changed.closing_end_at, closed_by = changed.closed_by,
        closed_by_role = changed.closed_by_role, late_end = changed.late_end, overdue_at = changed.overdue_at,
        closing_cancelled_at = changed.closing_cancelled_at, reopen_until = changed.reopen_until
    FROM unnest(
        $1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::uuid[],
        $7::bigint[], $8::bigint[], $9::bigint[], $10::bytea[],
        $11::text[], $12::timestamptz[], $13::timestamptz[], $14::bigint[],
        $32::timestamptz[], $33::uuid[], $34::text[], $35::timestamptz[], $36::timestamptz[], $37::timestamptz[],
        $38::timestamptz[]
    ) AS changed (session_id, state, lobby_open_time, actual_start_time, end_time, ended_by,
        revision, session_revision, record_number, record_hash,
        present_ids, absent_at, uncovered_at, coverage_revision,
        closing_end_at, closed_by, closed_by_role, late_end, overdue_at, closing_cancelled_at,
        reopen_until)
    WHERE sessions.session_id = changed.session_id
"""


async def save_changes(
    tx: Transaction,
    sessions: Sequence[Session],
    newcomers: Sequence[Participant],
    entries: Sequence[tuple[UUID, Entry]],
) -> None:
    """Update sessions, and insert their new participants and record entries.

    The caller has locked the rows of the sessions.
    """
    await tx.fetch(
        _SAVE_CHANGES,
        *_session_columns(sessions),
        *_newcomer_columns(newcomers),
        *_entry_columns(entries),
        *_end_columns(sessions),
    )


def _session_columns(sessions: Sequence[Session]) -> tuple[list[object], ...]:
    return (
        [each.session_id for each in sessions],
        [each.state.value for each in sessions],
        [each.lobby_open_time for each in sessions],
        [each.actual_start_time for each in sessions],
        [each.end_time for each in sessions],
        [each.ended_by for each in sessions],
        [each.revision for each in sessions],
        [each.session_revision for each in sessions],
        [each.head.number for each in sessions],
        [each.head.hash for each in sessions],
        # `unnest` would flatten an array of arrays. Therefore each list of ids is the text of an array.
        ["{" + ",".join(map(str, each.coverage.present_ids)) + "}" for each in sessions],
        [each.coverage.absent_at for each in sessions],
        [each.coverage.uncovered_at for each in sessions],
        [each.coverage.revision for each in sessions],
    )


def _end_columns(sessions: Sequence[Session]) -> tuple[list[object], ...]:
    closings = [each.closing for each in sessions]
    actors = [None if each is None else each.actor for each in closings]
    return (
        [None if each is None else each.end_at for each in closings],
        [None if each is None else each.person_id for each in actors],
        [None if each is None else each.role.value for each in actors],
        [each.late_end for each in sessions],
        [each.overdue_at for each in sessions],
        [each.closing_cancelled_at for each in sessions],
        [each.reopen_until for each in sessions],
    )


def _newcomer_columns(newcomers: Sequence[Participant]) -> tuple[list[object], ...]:
    return (
        [each.participant_id for each in newcomers],
        [each.session_id for each in newcomers],
        [each.person_id for each in newcomers],
        [each.state.value for each in newcomers],
        [each.identity.value for each in newcomers],
        [each.join_time for each in newcomers],
        [each.entered_time for each in newcomers],
        [each.ready_time for each in newcomers],
        [each.revision for each in newcomers],
    )


def _entry_columns(entries: Sequence[tuple[UUID, Entry]]) -> tuple[list[object], ...]:
    contents = [entry.content for _, entry in entries]
    return (
        [session_id for session_id, _ in entries],
        [entry.number for _, entry in entries],
        [each.event for each in contents],
        [each.time for each in contents],
        [each.actor for each in contents],
        [each.participant_id for each in contents],
        [each.body for each in contents],
        [entry.hash for _, entry in entries],
    )

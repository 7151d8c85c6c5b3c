"""Queries of answers. `hold` and `write` are the hot path: on the driver's own connection, a whole group at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on

from proctorium_assessment.domain.answer_sheet import AnswerSheet, Place, Revision
from proctorium_assessment.domain.attempts import State
from proctorium_assessment.storage.tables import answer_revisions
from proctorium_common.storage.database import Transaction

if TYPE_CHECKING:
    import asyncpg

    Connection = asyncpg.Connection[asyncpg.Record]

# What a Revision is made of, in its order.
_REVISION = (
    answer_revisions.c.sequence,
    answer_revisions.c.item_id,
    answer_revisions.c.answer,
    answer_revisions.c.saved_at,
    answer_revisions.c.position,
    answer_revisions.c.head,
)

_HOLD = """
    SELECT attempt_id, state, deadline_at, version, chain_head, chain_length, last_sequence
    FROM attempts WHERE attempt_id = ANY($1::uuid[])
    ORDER BY attempt_id FOR NO KEY UPDATE
"""

_KEPT = """
    SELECT attempt_id, sequence, item_id, answer, saved_at, position, head
    FROM answer_revisions
    JOIN unnest($1::uuid[], $2::bigint[]) AS asked (attempt_id, sequence) USING (attempt_id, sequence)
"""

# Everything about a group in one statement, which is its own transaction. An attempt is written only if its row is still as it was
# found; rows are locked in the order of their ids, so that two groups never wait for each other.
_WRITE = """
    WITH sheet AS (
        SELECT * FROM unnest($10::uuid[], $11::bigint[], $12::bytea[], $13::bigint[], $14::bytea[], $15::bigint[],
            $16::bigint[])
            AS sheet (attempt_id, version, found_head, found_sequence, head, length, last_sequence)
    ), held AS (
        SELECT attempts.attempt_id FROM attempts JOIN sheet USING (attempt_id)
        WHERE attempts.version = sheet.version AND attempts.chain_head = sheet.found_head
            AND attempts.last_sequence = sheet.found_sequence
        ORDER BY attempts.attempt_id FOR NO KEY UPDATE OF attempts
    ), written AS (
        UPDATE attempts SET chain_head = sheet.head, chain_length = sheet.length, last_sequence = sheet.last_sequence
        FROM sheet JOIN held USING (attempt_id)
        WHERE attempts.attempt_id = sheet.attempt_id
        RETURNING attempts.attempt_id
    ), added AS (
        INSERT INTO answer_revisions (attempt_id, sequence, item_id, answer, client_time, received_at,
            saved_at, late, position, head)
        SELECT attempt_id, sequence, item_id, answer, client_time, received_at,
            saved_at, position IS NULL, position, head
        FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::bytea[], $5::timestamptz[], $6::timestamptz[],
            $7::timestamptz[], $8::bigint[], $9::bytea[])
            AS addition (attempt_id, sequence, item_id, answer, client_time, received_at, saved_at, position, head)
        JOIN written USING (attempt_id)
    )
    SELECT attempt_id FROM written
"""


async def hold(
    connection: Connection, asked: Mapping[UUID, Collection[int]]
) -> dict[UUID, AnswerSheet]:
    """The sheets of these attempts, held until the transaction ends, with what is kept of the sequences asked for."""
    rows = await connection.fetch(_HOLD, list(asked))
    repeated = [
        (row["attempt_id"], sequence)
        for row in rows
        for sequence in asked[row["attempt_id"]]
        # Above the highest number nothing can be kept: the usual case needs no second look.
        if sequence <= row["last_sequence"]
    ]
    kept = await _kept(connection, repeated) if repeated else {}
    return {
        row["attempt_id"]: AnswerSheet(
            row["attempt_id"],
            Place(
                State(row["state"]),
                row["deadline_at"],
                row["version"],
                row["chain_head"],
                row["chain_length"],
                row["last_sequence"],
            ),
            kept.get(row["attempt_id"], ()),
        )
        for row in rows
    }


async def write(connection: Connection, sheets: Iterable[AnswerSheet]) -> set[UUID]:
    """Writes what was added to the sheets, with one statement; answers the attempts that were still as they were found."""
    changed = [sheet for sheet in sheets if sheet.added]
    if not changed:
        return set()
    added = [(sheet.attempt_id, addition) for sheet in changed for addition in sheet.added]
    revisions = [addition.revision for _, addition in added]
    written = await connection.fetch(
        _WRITE,
        [attempt_id for attempt_id, _ in added],
        [revision.sequence for revision in revisions],
        [revision.item_id for revision in revisions],
        [revision.answer for revision in revisions],
        [addition.client_time for _, addition in added],
        [addition.received_at for _, addition in added],
        [revision.saved_at for revision in revisions],
        [revision.position for revision in revisions],
        [revision.head for revision in revisions],
        [sheet.attempt_id for sheet in changed],
        [sheet.found.version for sheet in changed],
        [sheet.found.head for sheet in changed],
        [sheet.found.last_sequence for sheet in changed],
        [sheet.head for sheet in changed],
        [sheet.length for sheet in changed],
        [sheet.last_sequence for sheet in changed],
    )
    return {row["attempt_id"] for row in written}


async def counting(
    tx: Transaction, attempt_ids: Collection[UUID]
) -> Mapping[UUID, Sequence[Revision]]:
    """For each attempt the revision that counts of each question: the highest sequence that was not late."""
    table = answer_revisions
    query = (
        select(table.c.attempt_id, *_REVISION)
        .ext(distinct_on(table.c.attempt_id, table.c.item_id))
        .where(table.c.attempt_id.in_(attempt_ids), ~table.c.late)
        .order_by(table.c.attempt_id, table.c.item_id, table.c.sequence.desc())
    )
    found: dict[UUID, list[Revision]] = defaultdict(list)
    for row in await tx.execute(query):
        found[row.attempt_id].append(
            Revision(row.sequence, row.item_id, row.answer, row.saved_at, row.position, row.head)
        )
    return found


async def answered_counts(tx: Transaction, attempt_ids: Collection[UUID]) -> Mapping[UUID, int]:
    """For each attempt the number of questions that have an answer; those with none are left out."""
    table = answer_revisions
    newest = (
        select(table.c.attempt_id, func.length(table.c.answer).label("length"))
        .ext(distinct_on(table.c.attempt_id, table.c.item_id))
        .where(table.c.attempt_id.in_(attempt_ids), ~table.c.late)
        .order_by(table.c.attempt_id, table.c.item_id, table.c.sequence.desc())
        .subquery()
    )
    query = (
        select(newest.c.attempt_id, func.count().label("answered"))
        .where(newest.c.length > 0)
        .group_by(newest.c.attempt_id)
    )
    return {row.attempt_id: row.answered for row in await tx.execute(query)}


async def list_late(
    tx: Transaction, attempt_id: UUID, after: int, limit: int
) -> Sequence[Revision]:
    """Return at most `limit` late answers of the attempt by sequence number, after the number `after`."""
    table = answer_revisions
    query = (
        select(*_REVISION)
        .where(table.c.attempt_id == attempt_id, table.c.late, table.c.sequence > after)
        .order_by(table.c.sequence)
        .limit(limit)
    )
    return [Revision(*row) for row in await tx.execute(query)]


async def late_counts(tx: Transaction, attempt_ids: Collection[UUID]) -> Mapping[UUID, int]:
    """For each attempt the number of questions with a change that came too late; those with none are left out."""
    table = answer_revisions
    query = (
        select(table.c.attempt_id, func.count(table.c.item_id.distinct()).label("late"))
        .where(table.c.attempt_id.in_(attempt_ids), table.c.late)
        .group_by(table.c.attempt_id)
    )
    return {row.attempt_id: row.late for row in await tx.execute(query)}


async def _kept(
    connection: Connection, sequences: Sequence[tuple[UUID, int]]
) -> Mapping[UUID, Sequence[Revision]]:
    rows = await connection.fetch(
        _KEPT, [attempt_id for attempt_id, _ in sequences], [number for _, number in sequences]
    )
    found: dict[UUID, list[Revision]] = defaultdict(list)
    for row in rows:
        found[row["attempt_id"]].append(
            Revision(
                row["sequence"],
                row["item_id"],
                row["answer"],
                row["saved_at"],
                row["position"],
                row["head"],
            )
        )
    return found

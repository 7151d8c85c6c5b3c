"""Queries of answers.

`lock_sheets` and `update_sheets` process all attempts of a batch in one call. For speed, both functions use a
connection of the database driver directly.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import func, literal, select
from sqlalchemy.dialects.postgresql import distinct_on, insert

from proctorium_assessment.domain.answer_sheet import (
    AnswerSheet,
    Revision,
    SheetSnapshot,
    counted,
)
from proctorium_assessment.domain.attempts import AttemptState
from proctorium_assessment.storage.tables import answer_revisions, attempts, changes_during_stops
from proctorium_common.storage.database import Transaction

if TYPE_CHECKING:
    import asyncpg

    Connection = asyncpg.Connection[asyncpg.Record]

_REVISION = (  # The columns are in the order of the fields of `Revision`.
    answer_revisions.c.sequence,
    answer_revisions.c.item_id,
    answer_revisions.c.answer,
    answer_revisions.c.saved_at,
    answer_revisions.c.position,
    answer_revisions.c.head,
    answer_revisions.c.writer_epoch,
)

# Of the revisions of an item that are not late, the first one in this order counts.
_COUNTING_FIRST = (
    answer_revisions.c.attempt_id,
    answer_revisions.c.item_id,
    answer_revisions.c.writer_epoch.desc(),
    answer_revisions.c.sequence.desc(),
)

_LOCK = """
    SELECT attempt_id, state, deadline_at, version, chain_head, chain_length, last_sequence, writer_epoch
    FROM attempts WHERE attempt_id = ANY($1::uuid[])
    ORDER BY attempt_id FOR NO KEY UPDATE
"""

_REPEATED = """
    SELECT attempt_id, sequence, item_id, answer, saved_at, position, head, writer_epoch
    FROM answer_revisions
    JOIN unnest($1::uuid[], $2::bigint[]) AS requested (attempt_id, sequence) USING (attempt_id, sequence)
"""

# The statement `_UPDATE` saves a whole batch, so no explicit transaction is needed. An attempt is updated only if its
# row still equals the snapshot of the attempt. The rows are locked in the order of the attempt ids, so that two batches
# never deadlock.
_UPDATE = """
    WITH sheet AS (
        SELECT * FROM unnest($10::uuid[], $11::bigint[], $12::bytea[], $13::bigint[], $14::bytea[], $15::bigint[],
            $16::bigint[])
            AS sheet (attempt_id, version, loaded_head, loaded_sequence, head, length, last_sequence)
    ), locked AS (
        SELECT attempts.attempt_id FROM attempts JOIN sheet USING (attempt_id)
        WHERE attempts.version = sheet.version AND attempts.chain_head = sheet.loaded_head
            AND attempts.last_sequence = sheet.loaded_sequence
        ORDER BY attempts.attempt_id FOR NO KEY UPDATE OF attempts
    ), updated AS (
        UPDATE attempts SET chain_head = sheet.head, chain_length = sheet.length, last_sequence = sheet.last_sequence
        FROM sheet JOIN locked USING (attempt_id)
        WHERE attempts.attempt_id = sheet.attempt_id
        RETURNING attempts.attempt_id
    ), inserted AS (
        INSERT INTO answer_revisions (attempt_id, sequence, item_id, answer, client_time, received_at,
            saved_at, late, position, head, writer_epoch)
        SELECT attempt_id, sequence, item_id, answer, client_time, received_at,
            saved_at, position IS NULL, position, head, writer_epoch
        FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::bytea[], $5::timestamptz[], $6::timestamptz[],
            $7::timestamptz[], $8::bigint[], $9::bytea[], $17::bigint[])
            AS revision (attempt_id, sequence, item_id, answer, client_time, received_at, saved_at, position, head,
                writer_epoch)
        JOIN updated USING (attempt_id)
    )
    SELECT attempt_id FROM updated
"""

_LATE_UNTIL = """
    SELECT attempt_id, chain_head, chain_length, sequence, item_id, answer, saved_at, position, head,
        answer_revisions.writer_epoch
    FROM unnest($1::uuid[], $2::timestamptz[]) AS until (attempt_id, received_until)
    JOIN attempts USING (attempt_id) JOIN answer_revisions USING (attempt_id)
    WHERE late AND received_at <= received_until AND NOT EXISTS (
        SELECT FROM reopenings
        WHERE reopenings.session_id = attempts.session_id
            AND coalesce(reopenings.participant_id, attempts.participant_id) = attempts.participant_id
            AND received_at > reopenings.ended_at AND received_at <= reopenings.reopened_at
    )
    ORDER BY attempt_id, saved_at, sequence
"""

_COUNT = """
    UPDATE answer_revisions SET late = false, position = counted.position, head = counted.head, counted_at = $5
    FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bytea[]) AS counted (attempt_id, sequence, position, head)
    WHERE answer_revisions.attempt_id = counted.attempt_id AND answer_revisions.sequence = counted.sequence
"""

_EXTEND_CHAINS = """
    UPDATE attempts SET chain_head = extended.head, chain_length = extended.length
    FROM unnest($1::uuid[], $2::bytea[], $3::bigint[]) AS extended (attempt_id, head, length)
    WHERE attempts.attempt_id = extended.attempt_id
"""


async def lock_sheets(
    connection: Connection, requested: Mapping[UUID, Collection[int]]
) -> dict[UUID, AnswerSheet]:
    """Lock the rows of attempts, and return the answer sheets of the attempts, keyed by attempt id.

    `requested` contains the requested sequence numbers, keyed by attempt id. Each sheet contains the stored revisions
    with the requested sequence numbers.
    """
    rows = await connection.fetch(_LOCK, list(requested))
    repeated = [
        (row["attempt_id"], sequence)
        for row in rows
        for sequence in requested[row["attempt_id"]]
        # No stored revision has a sequence number above `last_sequence`. Usually, all requested numbers are above
        # `last_sequence`, and the second query is skipped.
        if sequence <= row["last_sequence"]
    ]
    stored = await _list_repeated(connection, repeated) if repeated else {}
    return {
        row["attempt_id"]: AnswerSheet(
            row["attempt_id"],
            SheetSnapshot(
                AttemptState(row["state"]),
                row["deadline_at"],
                row["version"],
                row["chain_head"],
                row["chain_length"],
                row["last_sequence"],
                row["writer_epoch"],
            ),
            stored.get(row["attempt_id"], ()),
        )
        for row in rows
    }


async def update_sheets(connection: Connection, sheets: Iterable[AnswerSheet]) -> set[UUID]:
    """Store the added revisions of the sheets in one statement, and return the ids of the updated attempts.

    An attempt is not updated if its row no longer equals the snapshot in its sheet.
    """
    changed = [sheet for sheet in sheets if sheet.added]
    if not changed:
        return set()
    added = [(sheet.attempt_id, new) for sheet in changed for new in sheet.added]
    revisions = [new.revision for _, new in added]
    updated = await connection.fetch(
        _UPDATE,
        [attempt_id for attempt_id, _ in added],
        [revision.sequence for revision in revisions],
        [revision.item_id for revision in revisions],
        [revision.answer for revision in revisions],
        [new.client_time for _, new in added],
        [new.received_at for _, new in added],
        [revision.saved_at for revision in revisions],
        [revision.position for revision in revisions],
        [revision.head for revision in revisions],
        [sheet.attempt_id for sheet in changed],
        [sheet.loaded.version for sheet in changed],
        [sheet.loaded.head for sheet in changed],
        [sheet.loaded.last_sequence for sheet in changed],
        [sheet.head for sheet in changed],
        [sheet.length for sheet in changed],
        [sheet.last_sequence for sheet in changed],
        [revision.writer_epoch for revision in revisions],
    )
    return {row["attempt_id"] for row in updated}


async def count_late_revisions(tx: Transaction, until: Mapping[UUID, datetime]) -> None:
    """Make late revisions count if they were received at or before `until`, which is keyed by attempt id.

    The revisions are appended to the chains of the attempts in the order in which they were saved. The caller has
    locked the attempts' rows.
    """
    rows = await tx.fetch(_LATE_UNTIL, list(until), list(until.values()))
    chained: dict[UUID, list[Revision]] = {}
    for attempt_id, group in groupby(rows, key=itemgetter(0)):
        (_, head, length, *_), *_ = late = list(group)
        chained[attempt_id] = counted([Revision(*row[3:]) for row in late], head, length)
    if not chained:
        return
    every = [(attempt_id, each) for attempt_id, added in chained.items() for each in added]
    await tx.fetch(
        _COUNT,
        [attempt_id for attempt_id, _ in every],
        [revision.sequence for _, revision in every],
        [revision.position for _, revision in every],
        [revision.head for _, revision in every],
        tx.now,
    )
    last = [revisions[-1] for revisions in chained.values()]
    await tx.fetch(
        _EXTEND_CHAINS,
        list(chained),
        [revision.head for revision in last],
        [revision.position for revision in last],
    )


async def list_counting_revisions(
    tx: Transaction, attempt_ids: Collection[UUID]
) -> Mapping[UUID, Sequence[Revision]]:
    """Return the revisions that count, keyed by attempt id.

    For each item, the revision with the highest writer epoch counts or, if several have this epoch, the one of them
    with the highest sequence number. Late revisions do not count.
    """
    table = answer_revisions
    statement = (
        select(table.c.attempt_id, *_REVISION)
        .ext(distinct_on(table.c.attempt_id, table.c.item_id))
        .where(table.c.attempt_id.in_(attempt_ids), ~table.c.late)
        .order_by(*_COUNTING_FIRST)
    )
    found: dict[UUID, list[Revision]] = defaultdict(list)
    for row in await tx.execute(statement):
        found[row.attempt_id].append(
            Revision(
                row.sequence,
                row.item_id,
                row.answer,
                row.saved_at,
                row.position,
                row.head,
                row.writer_epoch,
            )
        )
    return found


async def count_answered(tx: Transaction, attempt_ids: Collection[UUID]) -> Mapping[UUID, int]:
    """Return the number of answered items of each attempt, keyed by attempt id.

    An attempt without an answered item is left out.
    """
    table = answer_revisions
    newest = (
        select(table.c.attempt_id, func.length(table.c.answer).label("length"))
        .ext(distinct_on(table.c.attempt_id, table.c.item_id))
        .where(table.c.attempt_id.in_(attempt_ids), ~table.c.late)
        .order_by(*_COUNTING_FIRST)
        .subquery()
    )
    statement = (
        select(newest.c.attempt_id, func.count().label("answered"))
        .where(newest.c.length > 0)
        .group_by(newest.c.attempt_id)
    )
    return {row.attempt_id: row.answered for row in await tx.execute(statement)}


async def list_late_revisions(
    tx: Transaction, attempt_id: UUID, *, after: int, limit: int
) -> Sequence[Revision]:
    """Return at most `limit` late revisions of the attempt with sequence numbers above `after`.

    The revisions are ordered by sequence number.
    """
    table = answer_revisions
    statement = (
        select(*_REVISION)
        .where(table.c.attempt_id == attempt_id, table.c.late, table.c.sequence > after)
        .order_by(table.c.sequence)
        .limit(limit)
    )
    return [Revision(*row) for row in await tx.execute(statement)]


async def insert_changes_during_stop(
    tx: Transaction, attempt_ids: Collection[UUID], stop_id: UUID, start: datetime, end: datetime
) -> Mapping[UUID, int]:
    """Store which revisions were received during a stop, and return the number of new rows, keyed by attempt id.

    The stop lasts from `start` to `end`, exclusive. Late revisions and revisions that were already stored, for this or
    another stop, are left out. An attempt without a new row is left out too.
    """
    table = answer_revisions
    received = (
        select(table.c.attempt_id, table.c.sequence, literal(stop_id))
        .where(
            table.c.attempt_id.in_(attempt_ids),
            table.c.received_at >= start,
            table.c.received_at < end,
            ~table.c.late,
        )
        .order_by(table.c.attempt_id, table.c.sequence)
    )
    columns = [column.name for column in changes_during_stops.c]
    inserted = (
        insert(changes_during_stops)
        .from_select(columns, received)
        .on_conflict_do_nothing()
        .returning(changes_during_stops.c.attempt_id)
        .cte("inserted")
    )
    statement = (
        select(inserted.c.attempt_id, func.count().label("inserted"))
        .group_by(inserted.c.attempt_id)
        .order_by(inserted.c.attempt_id)
    )
    return {row.attempt_id: row.inserted for row in await tx.execute(statement)}


async def count_of_older_epochs(
    tx: Transaction, attempt_ids: Collection[UUID]
) -> Mapping[UUID, int]:
    """Return the number of revisions with an older writer epoch that were received after the newest epoch was issued.

    The numbers are keyed by attempt id. An attempt without such a revision is left out.
    """
    revisions = answer_revisions
    statement = (
        select(revisions.c.attempt_id, func.count().label("older"))
        .join(attempts, attempts.c.attempt_id == revisions.c.attempt_id)
        .where(
            revisions.c.attempt_id.in_(attempt_ids),
            revisions.c.writer_epoch < attempts.c.writer_epoch,
            revisions.c.received_at >= attempts.c.entered_at,
        )
        .group_by(revisions.c.attempt_id)
    )
    return {row.attempt_id: row.older for row in await tx.execute(statement)}


async def count_late(tx: Transaction, attempt_ids: Collection[UUID]) -> Mapping[UUID, int]:
    """Return the number of items that have a late revision, keyed by attempt id.

    An attempt without a late revision is left out.
    """
    table = answer_revisions
    statement = (
        select(table.c.attempt_id, func.count(table.c.item_id.distinct()).label("late"))
        .where(table.c.attempt_id.in_(attempt_ids), table.c.late)
        .group_by(table.c.attempt_id)
    )
    return {row.attempt_id: row.late for row in await tx.execute(statement)}


async def _list_repeated(
    connection: Connection, sequences: Sequence[tuple[UUID, int]]
) -> Mapping[UUID, Sequence[Revision]]:
    rows = await connection.fetch(
        _REPEATED, [attempt_id for attempt_id, _ in sequences], [number for _, number in sequences]
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
                row["writer_epoch"],
            )
        )
    return found

"""Queries of results and releases. The rows are never changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, insert, select

from proctorium_assessment.domain.results import Result
from proctorium_assessment.domain.scoring import ItemScore
from proctorium_assessment.storage.tables import (
    answer_revisions,
    assessments,
    attempts,
    releases,
    results,
)
from proctorium_common.storage.database import Transaction

_SUM = (
    select(
        results.c.result_id,
        results.c.attempt_id,
        results.c.version,
        results.c.assessment_id,
        assessments.c.title,
        results.c.person_id,
        results.c.session_id,
        results.c.points,
        results.c.points_possible,
        results.c.passed,
        results.c.scored_at,
        attempts.c.released_at,
    )
    .join(attempts, attempts.c.attempt_id == results.c.attempt_id)
    .join(assessments, assessments.c.assessment_id == results.c.assessment_id)
)


async def insert_results(tx: Transaction, new: Collection[Result]) -> None:
    """Insert the results."""
    if not new:
        return
    await tx.execute(
        insert(results),
        [
            {
                "result_id": result.result_id,
                "attempt_id": result.attempt_id,
                "version": result.version,
                "assessment_id": result.assessment_id,
                "person_id": result.person_id,
                "session_id": result.session_id,
                "points": result.points,
                "points_possible": result.points_possible,
                "passed": result.passed,
                "item_scores": [_to_json(score) for score in result.item_scores],
                "scored_at": result.scored_at,
            }
            for result in new
        ],
    )


async def insert_releases(
    tx: Transaction, attempt_ids: Collection[UUID], *, released_by: UUID, reason: str
) -> None:
    """Insert a release for the result of each attempt.

    `released_by` is the id of the person who releases the results. `reason` is the reason that the person gave.
    """
    release = {"released_by": released_by, "release_reason": reason, "released_at": tx.now}
    if attempt_ids:
        await tx.execute(insert(releases), [{"attempt_id": each} | release for each in attempt_ids])


async def get_newest_results(
    tx: Transaction, attempt_ids: Collection[UUID]
) -> Mapping[UUID, Result]:
    """Return the newest version of each attempt's result, without item scores, keyed by attempt id.

    An attempt without a result is left out.
    """
    statement: Select[Any] = _SUM.where(results.c.attempt_id.in_(attempt_ids), ~_superseded())
    return {row.attempt_id: _result(row) for row in await tx.execute(statement)}


async def get_newest_result(tx: Transaction, attempt_id: UUID) -> Result | None:
    """Return the newest version of the attempt's result with its item scores, or None if there is no result."""
    statement = (
        _SUM.add_columns(results.c.item_scores)
        .where(results.c.attempt_id == attempt_id)
        .order_by(results.c.version.desc())
        .limit(1)
    )
    row = (await tx.execute(statement)).first()
    return None if row is None else _result(row, tuple(map(_from_json, row.item_scores)))


async def get_answers(
    tx: Transaction, attempt_id: UUID, sequences: Collection[int]
) -> Mapping[int, bytes]:
    """Return the canonical bytes of the answers with the given sequence numbers, keyed by sequence number."""
    table = answer_revisions
    statement = select(table.c.sequence, table.c.answer).where(
        table.c.attempt_id == attempt_id, table.c.sequence.in_(sequences)
    )
    return {row.sequence: row.answer for row in await tx.execute(statement)}


async def list_released_results(
    tx: Transaction,
    *,
    person_id: UUID | None,
    session_id: UUID | None,
    before: UUID | None,
    limit: int | None,
) -> Sequence[Result]:
    """Return at most `limit` released results of a person, of a session or of a person in a session, newest first.

    If `limit` is None, all released results are returned. The newest version of each result is returned. If `before`
    is a result id, only results that are older than this result are returned.
    """
    statement: Select[Any] = _SUM.where(
        attempts.c.released_at.is_not(None), ~_superseded()
    ).order_by(results.c.result_id.desc())
    if limit is not None:
        statement = statement.limit(limit)
    if person_id is not None:
        statement = statement.where(results.c.person_id == person_id)
    if session_id is not None:
        statement = statement.where(results.c.session_id == session_id)
    if before is not None:
        statement = statement.where(results.c.result_id < before)
    return [_result(row) for row in await tx.execute(statement)]


def _superseded() -> Any:
    newer = results.alias("newer")
    return (
        select(newer.c.result_id)
        .where(newer.c.attempt_id == results.c.attempt_id, newer.c.version > results.c.version)
        .exists()
    )


def _result(row: Row[Any], item_scores: tuple[ItemScore, ...] = ()) -> Result:
    return Result(
        result_id=row.result_id,
        attempt_id=row.attempt_id,
        version=row.version,
        assessment_id=row.assessment_id,
        title=row.title,
        person_id=row.person_id,
        session_id=row.session_id,
        points=row.points,
        points_possible=row.points_possible,
        passed=row.passed,
        scored_at=row.scored_at,
        released_at=row.released_at,
        item_scores=item_scores,
    )


def _to_json(score: ItemScore) -> dict[str, str | float | int | None]:
    return {"item_id": str(score.item_id), "points": score.points, "sequence": score.sequence}


def _from_json(score: Mapping[str, Any]) -> ItemScore:
    return ItemScore(UUID(score["item_id"]), score["points"], score["sequence"])

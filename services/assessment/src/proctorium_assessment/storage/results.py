"""Queries of results and of decisions to release them: they are added and read, never changed."""

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


async def add_all(tx: Transaction, made: Collection[Result]) -> None:
    """Keeps new results, for good."""
    if not made:
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
                "item_scores": [_kept(score) for score in result.item_scores],
                "scored_at": result.scored_at,
            }
            for result in made
        ],
    )


async def add_releases(
    tx: Transaction, attempt_ids: Collection[UUID], *, by: UUID, reason: str
) -> None:
    """Keeps who let the learners see these attempts' results and why, for good."""
    decision = {"released_by": by, "release_reason": reason, "released_at": tx.now}
    if attempt_ids:
        await tx.execute(
            insert(releases), [{"attempt_id": each} | decision for each in attempt_ids]
        )


async def newest_of(tx: Transaction, attempt_ids: Collection[UUID]) -> Mapping[UUID, Result]:
    """The newest version of each of these attempts' results that there are, by attempt."""
    query: Select[Any] = _SUM.where(results.c.attempt_id.in_(attempt_ids), ~_superseded())
    return {row.attempt_id: _result(row) for row in await tx.execute(query)}


async def newest(tx: Transaction, attempt_id: UUID) -> Result | None:
    """The newest version of an attempt's result, with the points of each question."""
    query = (
        _SUM.add_columns(results.c.item_scores)
        .where(results.c.attempt_id == attempt_id)
        .order_by(results.c.version.desc())
        .limit(1)
    )
    row = (await tx.execute(query)).first()
    return None if row is None else _result(row, tuple(_score(kept) for kept in row.item_scores))


async def counted_answers(
    tx: Transaction, attempt_id: UUID, sequences: Collection[int]
) -> Mapping[int, bytes]:
    """The answers, in canonical bytes, that these changes of an attempt made."""
    table = answer_revisions
    query = select(table.c.sequence, table.c.answer).where(
        table.c.attempt_id == attempt_id, table.c.sequence.in_(sequences)
    )
    return {row.sequence: row.answer for row in await tx.execute(query)}


async def page(
    tx: Transaction,
    *,
    person_id: UUID | None,
    session_id: UUID | None,
    before: UUID | None,
    size: int | None,
) -> Sequence[Result]:
    """Released results, newest first, `size` + 1 of them or all, of a person, a session, or of both; the newest version of each."""
    query: Select[Any] = _SUM.where(attempts.c.released_at.is_not(None), ~_superseded()).order_by(
        results.c.result_id.desc()
    )
    if size is not None:
        query = query.limit(size + 1)
    if person_id is not None:
        query = query.where(results.c.person_id == person_id)
    if session_id is not None:
        query = query.where(results.c.session_id == session_id)
    if before is not None:
        query = query.where(results.c.result_id < before)
    return [_result(row) for row in await tx.execute(query)]


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


def _kept(score: ItemScore) -> dict[str, str | float | int | None]:
    return {"item_id": str(score.item_id), "points": score.points, "sequence": score.sequence}


def _score(kept: Mapping[str, Any]) -> ItemScore:
    return ItemScore(UUID(kept["item_id"]), kept["points"], kept["sequence"])

"""Queries of assessments. Items are read and written as bytes, which `proctorium_assessment.serialization` encodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import ColumnElement, insert, select, tuple_, update

from proctorium_assessment.domain.assessments import Assessment
from proctorium_assessment.storage.tables import assessments
from proctorium_common.storage.database import Database, Transaction

if TYPE_CHECKING:
    import asyncpg

_DESCRIPTION: tuple[ColumnElement[Any], ...] = (
    assessments.c.assessment_id,
    assessments.c.title,
    assessments.c.proctored,
    assessments.c.time_limit,
    assessments.c.pass_mark,
    assessments.c.item_count,
    assessments.c.published_at,
)

_GET = f"""
    SELECT {", ".join(column.name for column in _DESCRIPTION)}, item_list
    FROM assessments WHERE assessment_id = $1
"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True, eq=False)
class StoredAssessment:
    """An assessment and its items. The items are encoded in `item_list`, and `description.items` is empty."""

    description: Assessment
    item_list: bytes


async def insert_assessment(tx: Transaction, assessment: Assessment, item_list: bytes) -> None:
    """Insert the assessment. `item_list` contains the encoded items of the assessment."""
    await tx.execute(
        insert(assessments).values(
            assessment_id=assessment.assessment_id,
            title=assessment.title,
            proctored=assessment.proctored,
            time_limit=assessment.time_limit,
            pass_mark=assessment.pass_mark,
            item_count=assessment.item_count,
            item_list=item_list,
            created_at=tx.now,
            published_at=assessment.published_at,
        )
    )


async def get_assessment(
    source: Database | Transaction, assessment_id: UUID
) -> StoredAssessment | None:
    """Return the assessment, or None if it does not exist."""
    return _first(await source.fetch(_GET, assessment_id))


async def lock_assessment(tx: Transaction, assessment_id: UUID) -> StoredAssessment | None:
    """Lock the row of the assessment and return it, or None if it does not exist."""
    return _first(await tx.fetch(f"{_GET} FOR UPDATE", assessment_id))


async def get_assessments(
    tx: Transaction, assessment_ids: Iterable[UUID]
) -> Mapping[UUID, StoredAssessment]:
    """Return the existing assessments with these ids, keyed by id."""
    statement = select(*_DESCRIPTION, assessments.c.item_list).where(
        assessments.c.assessment_id.in_(set(assessment_ids))
    )
    return {row.assessment_id: _stored(row) for row in await tx.execute(statement)}


async def get_descriptions(
    tx: Transaction, assessment_ids: Iterable[UUID]
) -> Mapping[UUID, Assessment]:
    """Return the existing assessments with these ids, without their items, keyed by id."""
    statement = select(*_DESCRIPTION).where(assessments.c.assessment_id.in_(set(assessment_ids)))
    return {row.assessment_id: _description(row) for row in await tx.execute(statement)}


async def update_published_at(tx: Transaction, assessment_id: UUID, published_at: datetime) -> None:
    """Set the time of the publication. After this update, a trigger refuses every change of the row."""
    await tx.execute(
        update(assessments)
        .where(assessments.c.assessment_id == assessment_id)
        .values(published_at=published_at)
    )


async def list_assessments(
    tx: Transaction, *, after: tuple[str, UUID] | None, limit: int
) -> Sequence[Assessment]:
    """Return at most `limit` assessments, without their items, ordered by title and id.

    `after` is the title and the id of the last assessment of the previous page, or None for the first page.
    """
    key = tuple_(assessments.c.title, assessments.c.assessment_id)
    statement = select(*_DESCRIPTION).order_by(*key).limit(limit)
    if after is not None:
        statement = statement.where(key > after)
    return [_description(row) for row in await tx.execute(statement)]


def _first(rows: Sequence[asyncpg.Record]) -> StoredAssessment | None:
    return _stored(rows[0]) if rows else None


def _stored(row: Iterable[Any]) -> StoredAssessment:
    *description, item_list = row
    return StoredAssessment(_description(description), item_list)


def _description(row: Iterable[Any]) -> Assessment:
    assessment_id, title, proctored, time_limit, pass_mark, item_count, published_at = row
    return Assessment(
        assessment_id=assessment_id,
        title=title,
        proctored=proctored,
        time_limit=time_limit,
        pass_mark=pass_mark,
        items=(),
        item_count=item_count,
        published_at=published_at,
    )

"""Queries of assessments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import ColumnElement, insert, select, tuple_, update

from proctorium_assessment.domain.assessments import Assessment
from proctorium_assessment.storage.items import items_from_bytes, items_to_bytes
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


_FIND = f"""
    SELECT {", ".join(column.name for column in _DESCRIPTION)}, item_list
    FROM assessments WHERE assessment_id = $1
"""  # noqa: S608 - constants


async def add(tx: Transaction, assessment: Assessment) -> None:
    """Keeps a new assessment."""
    await tx.execute(
        insert(assessments).values(
            assessment_id=assessment.assessment_id,
            title=assessment.title,
            proctored=assessment.proctored,
            time_limit=assessment.time_limit,
            pass_mark=assessment.pass_mark,
            item_count=assessment.item_count,
            item_list=items_to_bytes(assessment.items),
            created_at=tx.now,
            published_at=assessment.published_at,
        )
    )


async def find(source: Database | Transaction, assessment_id: UUID) -> Assessment | None:
    """Return the assessment with its questions."""
    return _first(await source.fetch(_FIND, assessment_id))


async def lock(tx: Transaction, assessment_id: UUID) -> Assessment | None:
    """Return the assessment with its questions, its row locked until the transaction ends."""
    return _first(await tx.fetch(f"{_FIND} FOR UPDATE", assessment_id))


async def find_all(tx: Transaction, assessment_ids: Iterable[UUID]) -> Mapping[UUID, Assessment]:
    """Those of them that there are, with their questions."""
    query = select(*_DESCRIPTION, assessments.c.item_list).where(
        assessments.c.assessment_id.in_(set(assessment_ids))
    )
    rows = await tx.execute(query)
    return {row.assessment_id: _assessment(row) for row in rows}


async def describe_all(
    tx: Transaction, assessment_ids: Iterable[UUID]
) -> Mapping[UUID, Assessment]:
    """Those of them that there are, without their questions."""
    query = select(*_DESCRIPTION).where(assessments.c.assessment_id.in_(set(assessment_ids)))
    return {row.assessment_id: _assessment(row) for row in await tx.execute(query)}


async def publish(tx: Transaction, assessment_id: UUID, now: datetime) -> None:
    """From here on the database refuses to change it."""
    await tx.execute(
        update(assessments)
        .where(assessments.c.assessment_id == assessment_id)
        .values(published_at=now)
    )


async def page(tx: Transaction, after: tuple[str, UUID] | None, size: int) -> Sequence[Assessment]:
    """By title, `size` + 1 of them, without their questions."""
    key = tuple_(assessments.c.title, assessments.c.assessment_id)
    query = select(*_DESCRIPTION).order_by(*key).limit(size + 1)
    if after is not None:
        query = query.where(key > after)
    return [_assessment(row) for row in await tx.execute(query)]


def _first(rows: Sequence[asyncpg.Record]) -> Assessment | None:
    return _assessment(rows[0]) if rows else None


def _assessment(row: Iterable[Any]) -> Assessment:
    """Return what a row of `_DESCRIPTION`, and `item_list` where the questions are wanted, describes."""
    assessment_id, title, proctored, time_limit, pass_mark, item_count, published_at, *items = row
    return Assessment(
        assessment_id=assessment_id,
        title=title,
        proctored=proctored,
        time_limit=time_limit,
        pass_mark=pass_mark,
        items=items_from_bytes(*items) if items else (),
        item_count=item_count,
        published_at=published_at,
    )

"""Queries of assessments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, insert, select, tuple_, update

from proctorium_assessment.domain.assessments import Assessment
from proctorium_assessment.storage.items import items_from_bytes, items_to_bytes
from proctorium_assessment.storage.tables import assessments
from proctorium_common.storage.database import Transaction

_DESCRIPTION: tuple[ColumnElement[Any], ...] = (
    assessments.c.assessment_id,
    assessments.c.title,
    assessments.c.proctored,
    assessments.c.time_limit,
    assessments.c.pass_mark,
    assessments.c.item_count,
    assessments.c.published_at,
)


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


async def find(tx: Transaction, assessment_id: UUID, *, lock: bool = False) -> Assessment | None:
    """The assessment with its questions; with `lock` its row is held until the transaction ends."""
    query = select(*_DESCRIPTION, assessments.c.item_list).where(
        assessments.c.assessment_id == assessment_id
    )
    row = (await tx.execute(query.with_for_update() if lock else query)).first()
    return None if row is None else _assessment(row, items=row.item_list)


async def find_all(tx: Transaction, assessment_ids: Iterable[UUID]) -> Mapping[UUID, Assessment]:
    """Those of them that there are, with their questions."""
    query = select(*_DESCRIPTION, assessments.c.item_list).where(
        assessments.c.assessment_id.in_(set(assessment_ids))
    )
    rows = await tx.execute(query)
    return {row.assessment_id: _assessment(row, items=row.item_list) for row in rows}


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


def _assessment(row: Row[*tuple[Any, ...]], items: bytes = b"") -> Assessment:
    return Assessment(
        assessment_id=row.assessment_id,
        title=row.title,
        proctored=row.proctored,
        time_limit=row.time_limit,
        pass_mark=row.pass_mark,
        items=items_from_bytes(items),
        item_count=row.item_count,
        published_at=row.published_at,
    )

"""Creating, publishing and reading assessments (`A2`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message

from proctorium_assessment.domain.assessments import Assessment, assessment_not_found
from proctorium_assessment.domain.items import require_valid_items
from proctorium_assessment.serialization import items_from_bytes, items_to_bytes
from proctorium_assessment.storage import assessments
from proctorium_assessment.storage.assessments import StoredAssessment
from proctorium_common.storage import pages
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder

M = TypeVar("M", bound=Message)

_LIST = "assessments"


async def create(
    database: Database, assessment: Assessment, responder: Responder[Assessment, M]
) -> M:
    """Create an assessment as a draft. Raises ITEM_INVALID."""
    require_valid_items(assessment.items)

    async def run(tx: Transaction) -> Assessment:
        await assessments.insert_assessment(tx, assessment, items_to_bytes(assessment.items))
        return assessment

    return await database.respond(responder, run)


async def publish(
    database: Database, assessment_id: UUID, responder: Responder[Assessment, M]
) -> M:
    """Publish the assessment. A published assessment never changes, and publishing it again changes nothing.

    Raises NOT_FOUND.
    """

    async def run(tx: Transaction) -> Assessment:
        stored = await assessments.lock_assessment(tx, assessment_id)
        if stored is None:
            raise assessment_not_found()
        assessment = _with_items(stored)
        if assessment.published_at is not None:
            return assessment
        await assessments.update_published_at(tx, assessment_id, tx.now)
        return replace(assessment, published_at=tx.now)

    return await database.respond(responder, run)


async def get(database: Database, assessment_id: UUID) -> Assessment:
    """Return the assessment with its items. Raises NOT_FOUND."""
    async with database.transaction() as tx:
        assessment = await load_assessment(tx, assessment_id)
    if assessment is None:
        raise assessment_not_found()
    return assessment


async def batch_get(database: Database, assessment_ids: Iterable[UUID]) -> Sequence[Assessment]:
    """Return the existing assessments with these ids, without their items, ordered by id."""
    ids = list(dict.fromkeys(assessment_ids))
    async with database.transaction() as tx:
        found = await assessments.get_descriptions(tx, ids)
    return [found[each] for each in ids if each in found]


async def list_assessments(
    database: Database, *, page_size: int, page_token: str
) -> tuple[Sequence[Assessment], str]:
    """Return a page of assessments and the token of the next page.

    The assessments are ordered by title and are returned without their items. Raises INVALID_PAGE_TOKEN.
    """
    size = pages.effective_size(page_size)
    async with database.transaction() as tx:
        tokens = await pages.tokens(tx)
        after = tokens.after(_LIST, page_token, str, UUID)
        rows = await assessments.list_assessments(tx, after=after, limit=size + 1)
    return tokens.cut(_LIST, rows, size, lambda row: (row.title, row.assessment_id))


async def load_assessment(source: Database | Transaction, assessment_id: UUID) -> Assessment | None:
    """Return the assessment with its items, or None if it does not exist."""
    stored = await assessments.get_assessment(source, assessment_id)
    return None if stored is None else _with_items(stored)


async def load_assessments(
    tx: Transaction, assessment_ids: Iterable[UUID]
) -> Mapping[UUID, Assessment]:
    """Return the existing assessments with these ids, with their items, keyed by id."""
    stored = await assessments.get_assessments(tx, assessment_ids)
    return {assessment_id: _with_items(each) for assessment_id, each in stored.items()}


def _with_items(stored: StoredAssessment) -> Assessment:
    return replace(stored.description, items=items_from_bytes(stored.item_list))

"""Making and publishing assessments (`A2`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from uuid import UUID

from proctorium_assessment.domain.assessments import Assessment, unknown_assessment
from proctorium_assessment.domain.items import check_items
from proctorium_assessment.storage import assessments
from proctorium_common.storage import pages
from proctorium_common.storage.database import Transaction

_LIST = "assessments"


async def create(tx: Transaction, assessment: Assessment) -> Assessment:
    """Keeps a new assessment, not published. Raises ITEM_INVALID."""
    check_items(assessment.items)
    await assessments.add(tx, assessment)
    return assessment


async def publish(tx: Transaction, assessment_id: UUID) -> Assessment:
    """Makes it one that can be taken and never changes; twice is fine. Raises NOT_FOUND."""
    assessment = await assessments.lock(tx, assessment_id)
    if assessment is None:
        raise unknown_assessment()
    if assessment.published_at is not None:
        return assessment
    await assessments.publish(tx, assessment_id, tx.now)
    return replace(assessment, published_at=tx.now)


async def get(tx: Transaction, assessment_id: UUID) -> Assessment:
    """The assessment with its right answers. Raises NOT_FOUND."""
    assessment = await assessments.find(tx, assessment_id)
    if assessment is None:
        raise unknown_assessment()
    return assessment


async def batch_get(tx: Transaction, assessment_ids: Iterable[UUID]) -> Sequence[Assessment]:
    """Return the assessments that exist among `assessment_ids`, in their order and without their questions."""
    ids = list(dict.fromkeys(assessment_ids))
    found = await assessments.describe_all(tx, ids)
    return [found[each] for each in ids if each in found]


async def page(
    tx: Transaction, page_size: int, page_token: str
) -> tuple[Sequence[Assessment], str]:
    """By title, without questions, and the token of the next page. Raises INVALID_PAGE_TOKEN."""
    size = pages.size_of(page_size)
    tokens = await pages.tokens(tx)
    rows = await assessments.page(tx, tokens.after(_LIST, page_token, str, UUID), size)
    return tokens.cut(_LIST, rows, size, lambda row: (row.title, row.assessment_id))

"""Published assessments, read and parsed once per process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from uuid import UUID

from opentelemetry.metrics import Observation

from proctorium_assessment.domain.assessments import Assessment
from proctorium_assessment.storage import assessments
from proctorium_common.storage.database import Database, Transaction

METRIC = "assessment.cached_assessments"
DESCRIPTION = "Published assessments in memory"

LIMIT = 200
"""Assessments in memory, more than are taken on one day; of one question each, or of a hundred."""


class PublishedAssessments:
    """A bounded cache of published assessments; the least recently used one makes room for the next.

    An entry can never be stale: from its publication on, the database refuses to change or delete an assessment (the trigger
    `keep_published_assessments`), and a corrected assessment is another one with an ID of its own. Drafts are not cached, so
    a publication is seen by the next read.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._cached: OrderedDict[UUID, Assessment] = OrderedDict()

    async def get(self, source: Database | Transaction, assessment_id: UUID) -> Assessment | None:
        """Return the assessment with its questions, published or not; None if there is none."""
        cached = self._cached.get(assessment_id)
        if cached is not None:
            self._cached.move_to_end(assessment_id)
            return cached
        assessment = await assessments.find(source, assessment_id)
        if assessment is not None and assessment.published_at is not None:
            self._cached[assessment_id] = assessment
            if len(self._cached) > self._limit:
                self._cached.popitem(last=False)
        return assessment

    def observations(self) -> Iterator[Observation]:
        """Return the number of assessments in memory."""
        yield Observation(len(self._cached))

"""A cache of published assessments, so that a process reads and decodes each assessment once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from uuid import UUID

from opentelemetry.metrics import Observation

from proctorium_assessment.domain.assessments import Assessment
from proctorium_assessment.operations.assessments import load_assessment
from proctorium_common.storage.database import Database, Transaction

METRIC = "assessment.cached_assessments"
DESCRIPTION = "Published assessments in memory"

LIMIT = 200
"""The maximum number of cached assessments, which is above the number of assessments that learners take in one day."""


class PublishedAssessments:
    """A bounded cache of published assessments. When it is full, it removes the least recently used assessment.

    An entry is never stale, because a trigger (`forbid_published_assessment_changes`) refuses to change or delete a
    published assessment. A draft is not cached, so that a read after its publication returns the published assessment.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._cached: OrderedDict[UUID, Assessment] = OrderedDict()

    async def get(self, source: Database | Transaction, assessment_id: UUID) -> Assessment | None:
        """Return the assessment with its items, or None if it does not exist. Drafts are returned too."""
        cached = self._cached.get(assessment_id)
        if cached is not None:
            self._cached.move_to_end(assessment_id)
            return cached
        assessment = await load_assessment(source, assessment_id)
        if assessment is not None and assessment.published_at is not None:
            self._cached[assessment_id] = assessment
            if len(self._cached) > self._limit:
                self._cached.popitem(last=False)
        return assessment

    def observations(self) -> Iterator[Observation]:
        """Yield the number of cached assessments."""
        yield Observation(len(self._cached))

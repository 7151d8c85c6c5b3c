"""A cache of started attempts. It has the data that never changes: the learner, the session and the items."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from proctorium_assessment.domain.answer_sheet import SheetSnapshot
from proctorium_assessment.domain.answers import item_not_in_attempt, require_valid_answer
from proctorium_assessment.domain.attempts import (
    STARTED_STATES,
    attempt_not_started,
    not_your_attempt,
)
from proctorium_assessment.domain.items import Item
from proctorium_assessment.operations.published_assessments import PublishedAssessments
from proctorium_assessment.serialization import answer_from_bytes, answer_to_bytes
from proctorium_assessment.storage import attempts
from proctorium_common.storage.database import Database

K = TypeVar("K")
V = TypeVar("V")

_MAX_ATTEMPTS = 20_000
_MAX_ASSESSMENTS = 200
_MAX_ANSWERS = 500


class CachedItem:
    """An item with a cache of valid answers to the item.

    Many learners send the same answer, so the cache saves most validations.
    """

    def __init__(self, item: Item) -> None:
        self.item_id = item.item_id
        self._item = item
        self._validated: dict[bytes, bytes] = {}

    def canonical(self, answer: bytes) -> bytes:
        """Return the canonical bytes of an answer. `answer` is the bytes that a learner sent. Raises ANSWER_INVALID."""
        validated = self._validated.get(answer)
        if validated is not None:
            return validated
        decoded = answer_from_bytes(answer)
        require_valid_answer(self._item, decoded)
        if len(self._validated) >= _MAX_ANSWERS:
            self._validated.clear()
        canonical = self._validated[answer] = answer_to_bytes(decoded)
        return canonical


ItemsById = Mapping[str, CachedItem]
"""The items of an assessment, keyed by item id. The ids are texts, because requests contain ids as texts."""


@dataclass(slots=True, eq=False)
class CachedAttempt:
    """A started attempt.

    `snapshot` contains the values of the attempt's row after the last save by this process, or None if the values are
    unknown. Another process may have changed the row since that save. A save that uses the snapshot is therefore stored
    only if the row still equals the snapshot.
    """

    attempt_id: UUID
    person_id: UUID
    session_id: UUID | None
    participant_id: UUID | None
    items: ItemsById
    snapshot: SheetSnapshot | None = field(default=None)

    def item(self, item_id: str) -> CachedItem:
        """Return the item with the id `item_id`. Raises ITEM_NOT_IN_ATTEMPT."""
        item = self.items.get(item_id) or self.items.get(item_id.lower())
        if item is None:
            raise item_not_in_attempt(UUID(item_id))
        return item


class AttemptCache:
    """A bounded cache of the attempts for which this process has saved answers."""

    def __init__(self, database: Database, published: PublishedAssessments) -> None:
        self._database = database
        self._published = published
        self._attempts: OrderedDict[str, CachedAttempt] = OrderedDict()
        self._items: OrderedDict[UUID, ItemsById] = OrderedDict()

    def get(self, attempt_id: str) -> CachedAttempt | None:
        """Return the cached attempt, or None if it is not cached. The id may be in upper case or lower case."""
        return self._attempts.get(attempt_id) or self._attempts.get(attempt_id.lower())

    async def load(self, person_id: UUID | None, attempt_id: str) -> CachedAttempt:
        """Read the person's started attempt from the database, add it to the cache and return it.

        Raises NOT_YOUR_ATTEMPT, ATTEMPT_NOT_STARTED.
        """
        attempt = await attempts.get_attempt(self._database, UUID(attempt_id))
        if attempt is None or attempt.person_id != person_id:
            raise not_your_attempt()
        if attempt.state not in STARTED_STATES:
            raise attempt_not_started(attempt.state)
        items = self._items.get(attempt.assessment_id)
        if items is None:
            assessment = await self._published.get(self._database, attempt.assessment_id)
            listed = assessment.items if assessment is not None else ()
            items = {str(item.item_id): CachedItem(item) for item in listed}
        _store(self._items, attempt.assessment_id, items, _MAX_ASSESSMENTS)
        cached = CachedAttempt(
            attempt.attempt_id,
            attempt.person_id,
            attempt.session_id,
            attempt.participant_id,
            items,
        )
        # An attempt must be cached only once, because a batch with two objects of the same attempt would add two
        # revisions at the same position of the attempt's chain. The key is therefore the id in lower case. If two loads
        # of the same attempt are concurrent, the object of the first load stays in the cache, because requests may be
        # using this object.
        key = str(attempt.attempt_id)
        cached = self._attempts.setdefault(key, cached)
        _store(self._attempts, key, cached, _MAX_ATTEMPTS)
        return cached


def _store(cache: OrderedDict[K, V], key: K, value: V, limit: int) -> None:
    cache[key] = value
    if len(cache) > limit:
        cache.popitem(last=False)

"""What never changes of an attempt that has begun, kept in memory: whose it is, and how its questions can be answered."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

from proctorium_assessment.domain.answer_sheet import Place
from proctorium_assessment.domain.answers import check_fits, not_in_attempt
from proctorium_assessment.domain.attempts import BEGUN, not_started, not_yours
from proctorium_assessment.domain.items import Item
from proctorium_assessment.operations.published import PublishedAssessments
from proctorium_assessment.storage import attempts
from proctorium_assessment.storage.items import answer_from_bytes, answer_to_bytes
from proctorium_common.storage.database import Database

K = TypeVar("K")
V = TypeVar("V")

_REMEMBERED_ATTEMPTS = 20_000
_REMEMBERED_ASSESSMENTS = 200
_REMEMBERED_ANSWERS = 500


class Question:
    """One question as it can be answered. Many learners give the same answers, so what was checked once is remembered."""

    def __init__(self, item: Item) -> None:
        self.item_id = item.item_id
        self._item = item
        self._checked: dict[bytes, bytes] = {}

    def canonical(self, answer: bytes) -> bytes:
        """The canonical bytes of an answer as it was sent. Raises ANSWER_INVALID."""
        known = self._checked.get(answer)
        if known is not None:
            return known
        given = answer_from_bytes(answer)
        check_fits(self._item, given)
        if len(self._checked) >= _REMEMBERED_ANSWERS:
            self._checked.clear()
        canonical = self._checked[answer] = answer_to_bytes(given)
        return canonical


Questions = Mapping[str, Question]
"""An assessment's questions by the text of their ids, as requests write them."""


@dataclass(slots=True, eq=False)
class Form:
    """One attempt. `place` is where it stood when this process last saved in it.

    The place may be out of date, so nothing rests on it alone: what is decided by it is written only if it is still true.
    """

    attempt_id: UUID
    person_id: UUID
    session_id: UUID | None
    participant_id: UUID | None
    questions: Questions
    place: Place | None = field(default=None)

    def question(self, item_id: str) -> Question:
        """The question of that id. Raises ITEM_NOT_IN_ATTEMPT."""
        question = self.questions.get(item_id) or self.questions.get(item_id.lower())
        if question is None:
            raise not_in_attempt(UUID(item_id))
        return question


class Forms:
    """The forms of attempts that this process has met lately."""

    def __init__(self, database: Database, published: PublishedAssessments) -> None:
        self._database = database
        self._published = published
        self._forms: OrderedDict[str, Form] = OrderedDict()
        self._questions: OrderedDict[UUID, Questions] = OrderedDict()

    def known(self, attempt_id: str) -> Form | None:
        """The form of an attempt that was met before."""
        return self._forms.get(attempt_id)

    async def load(self, person_id: UUID | None, attempt_id: str) -> Form:
        """Return the form of a person's started attempt. Raises NOT_YOUR_ATTEMPT, ATTEMPT_NOT_STARTED."""
        attempt = await attempts.find(self._database, UUID(attempt_id))
        if attempt is None or attempt.person_id != person_id:
            raise not_yours()
        if attempt.state not in BEGUN:
            raise not_started(attempt.state)
        questions = self._questions.get(attempt.assessment_id)
        if questions is None:
            assessment = await self._published.get(self._database, attempt.assessment_id)
            items = assessment.items if assessment is not None else ()
            questions = {str(item.item_id): Question(item) for item in items}
        _remember(self._questions, attempt.assessment_id, questions, _REMEMBERED_ASSESSMENTS)
        form = Form(
            attempt.attempt_id,
            attempt.person_id,
            attempt.session_id,
            attempt.participant_id,
            questions,
        )
        # Two loads at once: the first one stays, since requests may be under way with it.
        form = self._forms.setdefault(attempt_id, form)
        _remember(self._forms, attempt_id, form, _REMEMBERED_ATTEMPTS)
        return form


def _remember(kept: OrderedDict[K, V], key: K, value: V, limit: int) -> None:
    kept[key] = value
    if len(kept) > limit:
        kept.popitem(last=False)

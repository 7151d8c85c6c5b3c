"""The forms of answers for each kind of item, and the validation of answers."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from uuid import UUID

from proctorium_assessment.domain.items import (
    Item,
    ItemKind,
    MultipleChoice,
    Numeric,
    SingleChoice,
    TrueFalse,
)
from proctorium_common.errors import ServiceError, invalid


@dataclass(frozen=True, slots=True)
class ChoiceAnswer:
    """The ids of the choices that the learner selected: at least one."""

    choice_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class TruthAnswer:
    """The answer to a `TrueFalse` item."""

    value: bool


@dataclass(frozen=True, slots=True)
class NumberAnswer:
    """The answer to a `Numeric` item."""

    value: float


Answer = ChoiceAnswer | TruthAnswer | NumberAnswer | None
"""An answer, or None if the learner has not answered the item or has removed the answer."""


def require_valid_answer(item: Item, answer: Answer) -> None:
    """Raise ANSWER_INVALID unless the answer has the form that the item's kind requires."""
    if not is_valid_answer(item.kind, answer):
        raise answer_invalid(item.item_id)


def is_valid_answer(kind: ItemKind, answer: Answer) -> bool:
    """Return whether the answer has the form that the kind requires. The answer may be wrong."""
    match kind, answer:
        case _, None:
            return True
        case SingleChoice(), ChoiceAnswer(choice_ids):
            return len(choice_ids) == 1 and _has_choices(kind, choice_ids)
        case MultipleChoice(), ChoiceAnswer(choice_ids):
            return _has_choices(kind, choice_ids)
        case TrueFalse(), TruthAnswer():
            return True
        case Numeric(), NumberAnswer(value):
            return isfinite(value)
        case _:
            return False


def _has_choices(kind: SingleChoice | MultipleChoice, choice_ids: frozenset[str]) -> bool:
    return choice_ids <= {choice.choice_id for choice in kind.choices}


def answer_invalid(item_id: UUID) -> ServiceError:
    """Return the error for an answer that does not have the form that the item's kind requires."""
    return invalid(
        "ANSWER_INVALID",
        "This answer is not of the kind that the question asks for, so it was not saved. "
        "Reload the page and answer again; if that does not help, tell your proctor.",
        item_id=str(item_id),
    )


def item_not_in_attempt(item_id: UUID) -> ServiceError:
    """Return the error for an item that does not belong to the assessment of the attempt."""
    return invalid(
        "ITEM_NOT_IN_ATTEMPT",
        "This question is not part of your assessment, so the answer was not saved. "
        "Reload the page; if that does not help, tell your proctor.",
        item_id=str(item_id),
    )

"""Answers: what a learner can say to a question of each kind."""

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
class Chosen:
    """The choices made; at least one."""

    choice_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Truth:
    """True or false."""

    value: bool


@dataclass(frozen=True, slots=True)
class Number:
    """A number."""

    value: float


Answer = Chosen | Truth | Number | None
"""None: not answered, or taken back."""


def check_fits(item: Item, answer: Answer) -> None:
    """Raises ANSWER_INVALID when `answer` is none that the question can have."""
    if not fits(item.kind, answer):
        raise not_fitting(item.item_id)


def fits(kind: ItemKind, answer: Answer) -> bool:
    """Whether `answer` is of the form that the question asks for; right or wrong does not matter."""
    match kind, answer:
        case _, None:
            return True
        case SingleChoice(), Chosen(choice_ids):
            return len(choice_ids) == 1 and _known(kind, choice_ids)
        case MultipleChoice(), Chosen(choice_ids):
            return _known(kind, choice_ids)
        case TrueFalse(), Truth():
            return True
        case Numeric(), Number(value):
            return isfinite(value)
        case _:
            return False


def _known(kind: SingleChoice | MultipleChoice, choice_ids: frozenset[str]) -> bool:
    return choice_ids <= {choice.choice_id for choice in kind.choices}


def not_fitting(item_id: UUID) -> ServiceError:
    """The answer has not the form that the question asks for."""
    return invalid(
        "ANSWER_INVALID",
        "This answer is of another kind than the question asks for, so it was not saved. "
        "Reload the page and answer again; if that does not help, tell your proctor.",
        item_id=str(item_id),
    )


def not_in_attempt(item_id: UUID) -> ServiceError:
    """The question is none of this attempt's."""
    return invalid(
        "ITEM_NOT_IN_ATTEMPT",
        "This question is not part of your assessment, so the answer was not saved. "
        "Reload the page; if that does not help, tell your proctor.",
        item_id=str(item_id),
    )

"""Scoring (`A9`): what answers are worth.

Points are computed as exact fractions: a learner who reached 55 % of 20 points has reached 11, and five of six points meet a pass mark of
five sixths, whatever binary fractions make of either.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from uuid import UUID

from proctorium_assessment.domain.answers import Answer, Chosen, Number, Truth
from proctorium_assessment.domain.items import (
    Item,
    ItemKind,
    MultipleChoice,
    Numeric,
    SingleChoice,
    TrueFalse,
)

_LARGEST_DENOMINATOR = 10_000_000


@dataclass(frozen=True, slots=True)
class ItemScore:
    """Points for one question; `sequence` is the change whose answer counted, None where there was none."""

    item_id: UUID
    points: float
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """Points reached, points there were, and whether that is a pass."""

    points: float
    points_possible: float
    passed: bool
    items: tuple[ItemScore, ...]


@dataclass(frozen=True, slots=True)
class CountingAnswer:
    """The answer that counts for a question: the one with the highest sequence number."""

    sequence: int
    answer: Answer


def score(items: Sequence[Item], answers: Mapping[UUID, CountingAnswer], pass_mark: float) -> Score:
    """Return the score of `answers`, which are by question; `pass_mark` is the share of all points that is a pass."""
    reached = Fraction(0)
    scored: list[ItemScore] = []
    for item in items:
        given = answers.get(item.item_id)
        points = item_points(item, given.answer if given else None)
        reached += points
        scored.append(ItemScore(item.item_id, float(points), given.sequence if given else None))
    possible = sum((_exact(item.points) for item in items), Fraction(0))
    needed = share(pass_mark) * possible
    passed = reached >= needed
    rounded = float(reached)
    if not passed and rounded >= float(needed):
        # Rounded to a binary fraction it would look like a pass.
        rounded = math.nextafter(float(needed), 0)
    return Score(rounded, float(possible), passed, tuple(scored))


def item_points(item: Item, answer: Answer) -> Fraction:
    """Points for one question, between 0 and what it is worth."""
    return _share(item.kind, answer) * _exact(item.points)


def _share(kind: ItemKind, answer: Answer) -> Fraction:
    match kind, answer:
        case SingleChoice(correct=correct), Chosen(choice_ids):
            return Fraction(choice_ids == {correct})
        case MultipleChoice(correct=correct, partial_credit=True), Chosen(choice_ids):
            right, wrong = len(choice_ids & correct), len(choice_ids - correct)
            return max(Fraction(right - wrong, len(correct)), Fraction(0))
        case MultipleChoice(correct=correct), Chosen(choice_ids):
            return Fraction(choice_ids == correct)
        case TrueFalse(correct=correct), Truth(value):
            return Fraction(value is correct)
        case Numeric(correct=correct, tolerance=tolerance), Number(value) if correct is not None:
            return Fraction(abs(_exact(value) - _exact(correct)) <= _exact(tolerance))
        case _:
            return Fraction(0)


def share(number: float) -> Fraction:
    """Return the share of a whole that `number` stands for.

    That is the simplest fraction whose nearest binary fraction it is (5/6 for 0.8333333333333334), unless it takes more than seven digits
    to write it; then it is the decimal that was written down. Below that size no two fractions have the same nearest binary fraction.
    """
    simplest = Fraction(number).limit_denominator(_LARGEST_DENOMINATOR)
    return simplest if float(simplest) == number else _exact(number)


def _exact(number: float) -> Fraction:
    """The decimal that was written down, not its nearest binary fraction: 0.1 is one tenth."""
    return Fraction(repr(float(number)))

"""Scoring of answers (`A9`).

Points are computed as exact fractions, because floats are rounded. For example, 55 % of 20 points are exactly 11
points, and five of six points meet a pass mark of five sixths.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from uuid import UUID

from proctorium_assessment.domain.answers import Answer, ChoiceAnswer, NumberAnswer, TruthAnswer
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
    """The points for one item.

    `sequence` is the sequence number of the revision that was scored, or None if there is no such revision.
    """

    item_id: UUID
    points: float
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """The points of an attempt, the possible points, the points for each item, and whether the attempt is passed."""

    points: float
    points_possible: float
    passed: bool
    items: tuple[ItemScore, ...]


@dataclass(frozen=True, slots=True)
class CountingAnswer:
    """The answer that counts for an item: the answer with the highest sequence number."""

    sequence: int
    answer: Answer


def score(items: Sequence[Item], answers: Mapping[UUID, CountingAnswer], pass_mark: float) -> Score:
    """Return the score of an attempt.

    `answers` contains the answers of the attempt, keyed by item id. `pass_mark` is the share of the possible points
    that is needed to pass, between 0 and 1.
    """
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
        # The exact points are below the needed points, but the conversion to a float has rounded the points up to the
        # needed points. The next lower float is used, so that the failed attempt does not look passed.
        rounded = math.nextafter(float(needed), 0)
    return Score(rounded, float(possible), passed, tuple(scored))


def item_points(item: Item, answer: Answer) -> Fraction:
    """Return the points for one item, between 0 and the item's points."""
    return _share(item.kind, answer) * _exact(item.points)


def _share(kind: ItemKind, answer: Answer) -> Fraction:
    match kind, answer:
        case SingleChoice(correct=correct), ChoiceAnswer(choice_ids):
            return Fraction(choice_ids == {correct})
        case MultipleChoice(correct=correct, partial_credit=True), ChoiceAnswer(choice_ids):
            right, wrong = len(choice_ids & correct), len(choice_ids - correct)
            return max(Fraction(right - wrong, len(correct)), Fraction(0))
        case MultipleChoice(correct=correct), ChoiceAnswer(choice_ids):
            return Fraction(choice_ids == correct)
        case TrueFalse(correct=correct), TruthAnswer(value):
            return Fraction(value is correct)
        case Numeric(correct=correct, tolerance=tolerance), NumberAnswer(value) if (
            correct is not None
        ):
            return Fraction(abs(_exact(value) - _exact(correct)) <= _exact(tolerance))
        case _:
            return Fraction(0)


def share(number: float) -> Fraction:
    """Return the fraction that the float `number` stands for, such as 5/6 for 0.8333333333333334.

    The returned fraction is the simplest fraction whose nearest float is `number`. If the denominator of that fraction
    is above ten million, the shortest decimal of `number` is returned as a fraction instead. The limit is safe, because
    two different fractions with denominators of at most ten million never have the same nearest float.
    """
    simplest = Fraction(number).limit_denominator(_LARGEST_DENOMINATOR)
    return simplest if float(simplest) == number else _exact(number)


def _exact(number: float) -> Fraction:
    """Return the shortest decimal of a float as a fraction, so that 0.1 is exactly one tenth."""
    return Fraction(repr(float(number)))

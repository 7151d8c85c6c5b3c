"""Tests of scoring."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctorium_assessment.domain.answers import Answer, ChoiceAnswer, NumberAnswer, TruthAnswer
from proctorium_assessment.domain.items import Item
from proctorium_assessment.domain.scoring import CountingAnswer, item_points, score, share

from ..builders import multiple, numeric, single, true_false


def chosen(letters: str) -> ChoiceAnswer:
    return ChoiceAnswer(frozenset(letters))


@pytest.mark.parametrize(
    ("item", "answer", "points"),
    [
        (single("b", 2), chosen("b"), 2),
        (single("b", 2), chosen("a"), 0),
        (single("b", 2), None, 0),
        (multiple("a", "c", points=2), chosen("ac"), 2),
        (multiple("a", "c", points=2), chosen("a"), 0),
        (multiple("a", "c", points=2), chosen("acd"), 0),
        (multiple("a", "c", points=2, partial_credit=True), chosen("ac"), 2),
        (multiple("a", "c", points=2, partial_credit=True), chosen("a"), 1),
        (multiple("a", "c", points=2, partial_credit=True), chosen("ab"), 0),
        (multiple("a", "c", points=2, partial_credit=True), chosen("acb"), 1),
        (multiple("a", "c", points=2, partial_credit=True), chosen("bd"), 0),
        (true_false(True, 3), TruthAnswer(value=True), 3),
        (true_false(True, 3), TruthAnswer(value=False), 0),
        (true_false(False, 3), TruthAnswer(value=False), 3),
        (true_false(False, 3), None, 0),
        (numeric(10, 0.5), NumberAnswer(10.5), 1),
        (numeric(10, 0.5), NumberAnswer(10.50001), 0),
        (numeric(1.0, 0.1), NumberAnswer(1.1), 1),  # Computed with floats, 1.1 - 1.0 is above 0.1.
        (numeric(0.3, 0.0), NumberAnswer(0.3), 1),
        (numeric(0.0), NumberAnswer(-0.0), 1),
        (numeric(1e300, 1e299), NumberAnswer(1.05e300), 1),
        (single("b"), TruthAnswer(value=True), 0),
    ],
)
def test_points_of_an_item(item: Item, answer: Answer, points: float) -> None:
    assert item_points(item, answer) == Fraction(points)


def test_thirds_add_up_to_the_whole() -> None:
    item = multiple("a", "b", "c", points=1, partial_credit=True)
    result = score([item, item, item], {item.item_id: CountingAnswer(1, chosen("a"))}, 0)
    assert result.points == 1.0


@pytest.mark.parametrize(("right", "passes"), [(11, True), (10, False)], ids=str)
def test_pass_mark_is_exact(right: int, passes: bool) -> None:
    # The float 0.55 is slightly above the decimal 0.55. If the pass mark were the exact product of this float and 20,
    # it would be slightly above 11 points, and 11 points would not be sufficient.
    items = [single("a") for _ in range(20)]
    answers = {item.item_id: CountingAnswer(1, chosen("a")) for item in items[:right]}
    assert score(items, answers, 0.55).passed is passes


@pytest.mark.parametrize(
    ("right", "count", "pass_mark", "passes"),
    [
        (5, 6, 5 / 6, True),
        (4, 6, 5 / 6, False),
        (2, 3, 2 / 3, True),
        (6, 7, 6 / 7, True),
        (5, 6, 0.8334, False),
        (5, 6, 0.83333, True),
        (9, 11, 0.8181818181818182, True),
        (355, 500, 0.71, True),
        (354, 500, 0.71, False),
    ],
)
def test_pass_mark_counts_as_its_simplest_fraction(
    right: int, count: int, pass_mark: float, *, passes: bool
) -> None:
    items = [single("a") for _ in range(count)]
    answers = {item.item_id: CountingAnswer(1, chosen("a")) for item in items[:right]}
    assert score(items, answers, pass_mark).passed is passes


@given(st.integers(1, 10_000), st.data())
def test_every_fraction_of_thousandths_is_reached_exactly(whole: int, data: st.DataObject) -> None:
    part = data.draw(st.integers(1, whole))
    assert share(part / whole) == Fraction(part, whole)


def test_failed_score_is_below_the_pass_mark_after_rounding() -> None:
    # The learner has 1e-20 points fewer than the pass mark requires. As floats, both numbers are rounded to 1.0.
    items = [single("a", points=1.0), single("a", points=1e-20)]
    result = score(items, {items[0].item_id: CountingAnswer(1, chosen("a"))}, 1.0)
    assert not result.passed
    assert result.points < result.points_possible


def test_score_has_the_sequence_number_that_counted() -> None:
    first, second = single("a"), single("b")
    result = score([first, second], {first.item_id: CountingAnswer(7, chosen("a"))}, 0.5)
    assert [(each.points, each.sequence) for each in result.items] == [(1.0, 7), (0.0, None)]
    assert (result.points, result.points_possible, result.passed) == (1.0, 2.0, True)


ITEMS = st.one_of(
    st.builds(single, st.sampled_from("abcd"), st.floats(0.01, 1000)),
    st.builds(
        lambda right, points, partial: multiple(*right, points=points, partial_credit=partial),
        st.sets(st.sampled_from("abcd"), min_size=1),
        st.floats(0.01, 1000),
        st.booleans(),
    ),
    st.builds(true_false, st.booleans(), st.floats(0.01, 1000)),
    st.builds(numeric, st.floats(-1e6, 1e6), st.floats(0, 100), st.floats(0.01, 1000)),
)
ANSWERS = st.one_of(
    st.none(),
    st.builds(ChoiceAnswer, st.frozensets(st.sampled_from("abcd"), min_size=1)),
    st.builds(TruthAnswer, st.booleans()),
    st.builds(NumberAnswer, st.floats(allow_nan=False, allow_infinity=False)),
)


@given(st.lists(st.tuples(ITEMS, ANSWERS), min_size=1), st.floats(0, 1))
def test_points_are_between_zero_and_the_possible_points(
    given_items: list[tuple[Item, Answer]], pass_mark: float
) -> None:
    answers = {item.item_id: CountingAnswer(1, answer) for item, answer in given_items}
    result = score([item for item, _ in given_items], answers, pass_mark)
    assert 0 <= result.points <= result.points_possible
    if result.points == result.points_possible:
        assert result.passed

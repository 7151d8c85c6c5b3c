"""Tests of items, answers and their serialization."""

from __future__ import annotations

import pytest

from proctorium_assessment.domain.answers import (
    Answer,
    ChoiceAnswer,
    NumberAnswer,
    TruthAnswer,
    is_valid_answer,
)
from proctorium_assessment.domain.items import (
    Choice,
    Item,
    ItemKind,
    MultipleChoice,
    SingleChoice,
    require_valid_items,
)
from proctorium_assessment.serialization import (
    answer_from_bytes,
    answer_to_bytes,
    item_from_message,
    item_message,
    items_from_bytes,
    items_to_bytes,
    learner_item_message,
)
from proctorium_common.errors import ServiceError

from ..builders import CHOICES, item, multiple, numeric, single, true_false

WELL_FORMED = [single(), multiple("a", "c"), true_false(), numeric(9.81, 0.1)]
TWICE = (*CHOICES, Choice("a", "Alpha again"))


def test_valid_items_are_accepted() -> None:
    require_valid_items(WELL_FORMED)


@pytest.mark.parametrize(
    ("faulty", "field", "rule"),
    [
        (single(correct=""), "single_choice.correct_choice_id", "correct.missing"),
        (single(correct="z"), "single_choice.correct_choice_id", "correct.unknown"),
        (item(SingleChoice(TWICE, "a")), "single_choice.choices[4].choice_id", "choice.repeated"),
        (multiple(), "multiple_choice.correct_choice_ids", "correct.missing"),
        (multiple("a", "z"), "multiple_choice.correct_choice_ids", "correct.unknown"),
        (
            item(MultipleChoice(TWICE, frozenset("a"))),
            "multiple_choice.choices[4].choice_id",
            "choice.repeated",
        ),
        (true_false(None), "true_false.correct", "correct.missing"),
        (numeric(None), "numeric.correct", "correct.missing"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_invalid_item_is_refused_with_its_violation(faulty: Item, field: str, rule: str) -> None:
    with pytest.raises(ServiceError) as refused:
        require_valid_items([single(), faulty])
    assert refused.value.reason == "ITEM_INVALID"
    (violation,) = refused.value.violations
    assert (violation.field, violation.rule) == (f"assessment.items[1].{field}", rule)


def test_all_violations_are_reported() -> None:
    with pytest.raises(ServiceError) as refused:
        require_valid_items([numeric(None), true_false(None)])
    assert len(refused.value.violations) == 2


def test_assessment_without_items_is_refused() -> None:
    with pytest.raises(ServiceError) as refused:
        require_valid_items([])
    assert refused.value.violations[0].field == "assessment.items"


SINGLE, MULTIPLE, TRUE_FALSE, NUMERIC = (each.kind for each in WELL_FORMED)


@pytest.mark.parametrize(
    ("kind", "answer", "fitting"),
    [
        (SINGLE, ChoiceAnswer(frozenset("a")), True),
        (SINGLE, ChoiceAnswer(frozenset("ab")), False),
        (SINGLE, ChoiceAnswer(frozenset("z")), False),
        (SINGLE, TruthAnswer(value=True), False),
        (MULTIPLE, ChoiceAnswer(frozenset("abcd")), True),
        (MULTIPLE, ChoiceAnswer(frozenset("az")), False),
        (TRUE_FALSE, TruthAnswer(value=False), True),
        (TRUE_FALSE, NumberAnswer(1), False),
        (NUMERIC, NumberAnswer(0.0), True),
        (NUMERIC, NumberAnswer(float("nan")), False),
        (NUMERIC, NumberAnswer(float("inf")), False),
        (NUMERIC, ChoiceAnswer(frozenset("a")), False),
        *((kind, None, True) for kind in (SINGLE, MULTIPLE, TRUE_FALSE, NUMERIC)),
    ],
)
def test_answer_is_valid_by_its_form(kind: ItemKind, answer: Answer, fitting: bool) -> None:
    assert is_valid_answer(kind, answer) is fitting


def test_items_round_trip() -> None:
    assert items_from_bytes(items_to_bytes(WELL_FORMED)) == tuple(WELL_FORMED)
    for each in WELL_FORMED:
        assert item_from_message(item_message(each), each.item_id) == each


@pytest.mark.parametrize(
    "answer",
    [
        ChoiceAnswer(frozenset("ca")),
        TruthAnswer(value=False),
        TruthAnswer(value=True),
        NumberAnswer(0.0),
        NumberAnswer(-1.5),
        None,
    ],
)
def test_answers_round_trip(answer: Answer) -> None:
    assert answer_from_bytes(answer_to_bytes(answer)) == answer


def test_answer_has_one_canonical_form() -> None:
    one, other = b"\n\x06\n\x01c\n\x01a", b"\n\x06\n\x01a\n\x01c"
    assert answer_to_bytes(answer_from_bytes(one)) == answer_to_bytes(answer_from_bytes(other))
    assert answer_to_bytes(answer_from_bytes(b"\n\x00")) == b"", "nothing chosen is not answered"


def test_learner_sees_no_answer_key_tolerance_or_feedback() -> None:
    changed = [single("c"), multiple("b"), true_false(False), numeric(3.0, 2.0)]
    for one, other in zip(WELL_FORMED, changed, strict=True):
        ours, theirs = learner_item_message(one), learner_item_message(other)
        theirs.item_id = ours.item_id
        assert ours == theirs, "what a learner sees differs by the right answer"
        assert not ours.feedback

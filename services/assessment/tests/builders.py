"""Builders of items, assessments and answers."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from proctorium.assessment.v1 import assessments_pb2, items_pb2
from proctorium_assessment.domain.items import (
    Choice,
    Item,
    ItemKind,
    MultipleChoice,
    Numeric,
    SingleChoice,
    TrueFalse,
)
from proctorium_common.ids import new_id

CHOICES = (Choice("a", "Alpha"), Choice("b", "Beta"), Choice("c", "Gamma"), Choice("d", "Delta"))


def item(kind: ItemKind, points: float = 1.0, item_id: UUID | None = None) -> Item:
    return Item(item_id or new_id(), "What?", points, kind, "Because.")


def single(correct: str = "b", points: float = 1.0) -> Item:
    return item(SingleChoice(CHOICES, correct), points)


def multiple(*correct: str, points: float = 1.0, partial_credit: bool = False) -> Item:
    return item(MultipleChoice(CHOICES, frozenset(correct), partial_credit), points)


def true_false(correct: bool | None = True, points: float = 1.0) -> Item:
    return item(TrueFalse(correct), points)


def numeric(correct: float | None, tolerance: float = 0.0, points: float = 1.0) -> Item:
    return item(Numeric(correct, tolerance, "m"), points)


def choices() -> list[items_pb2.Choice]:
    return [items_pb2.Choice(choice_id=each.choice_id, text=each.text) for each in CHOICES]


def item_protos() -> list[items_pb2.Item]:
    """Return one item of each kind. Each item has 2 points."""
    return [
        items_pb2.Item(
            prompt="One?",
            points=2,
            feedback="b it is",
            single_choice=items_pb2.SingleChoice(choices=choices(), correct_choice_id="b"),
        ),
        items_pb2.Item(
            prompt="Some?",
            points=2,
            feedback="a and c",
            multiple_choice=items_pb2.MultipleChoice(
                choices=choices(),
                correct_choice_ids=["a", "c"],
                scoring=items_pb2.CHOICE_SCORING_PARTIAL_CREDIT,
            ),
        ),
        items_pb2.Item(
            prompt="True?",
            points=2,
            feedback="true",
            true_false=items_pb2.TrueFalse(correct=True),
        ),
        items_pb2.Item(
            prompt="How much?",
            points=2,
            feedback="9.81",
            numeric=items_pb2.Numeric(correct=9.81, tolerance=0.01, unit="m/s²"),
        ),
    ]


RIGHT = (
    items_pb2.Answer(chosen=items_pb2.ChosenChoices(choice_ids=["b"])),
    items_pb2.Answer(chosen=items_pb2.ChosenChoices(choice_ids=["a", "c"])),
    items_pb2.Answer(truth=True),
    items_pb2.Answer(number=9.81),
)
"""The correct answers to the items of `item_protos`, in the same order."""


def assessment_proto(
    *,
    proctored: bool = True,
    time_limit: timedelta | None = timedelta(hours=1),
    pass_mark: float = 0.5,
    title: str = "Physics",
) -> assessments_pb2.Assessment:
    message = assessments_pb2.Assessment(
        title=title,
        proctored=proctored,
        pass_mark=pass_mark,
        items=item_protos(),
    )
    if time_limit is not None:
        message.time_limit.FromTimedelta(time_limit)
    return message

"""Questions and answers in the form they are kept in, which is their proto: its breaking-change check keeps old rows readable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import assert_never
from uuid import UUID

from proctorium.assessment.v1 import assessments_pb2, items_pb2
from proctorium_assessment.domain.answers import Answer, Chosen, Number, Truth
from proctorium_assessment.domain.items import (
    Choice,
    Item,
    ItemKind,
    MultipleChoice,
    Numeric,
    SingleChoice,
    TrueFalse,
)

_PARTIAL = items_pb2.CHOICE_SCORING_PARTIAL_CREDIT
_ALL_OR_NOTHING = items_pb2.CHOICE_SCORING_ALL_OR_NOTHING


def items_to_bytes(items: Iterable[Item]) -> bytes:
    """What the column `assessments.item_list` holds: an `Assessment` with nothing but its items."""
    return assessments_pb2.Assessment(
        items=[item_to_proto(item) for item in items]
    ).SerializeToString()


def items_from_bytes(kept: bytes) -> tuple[Item, ...]:
    """The reverse of `items_to_bytes`."""
    return tuple(
        item_from_proto(item, UUID(item.item_id))
        for item in assessments_pb2.Assessment.FromString(kept).items
    )


def item_to_proto(item: Item) -> items_pb2.Item:
    """The question with its right answer and feedback: for administrators and results."""
    proto = items_pb2.Item(
        item_id=str(item.item_id), prompt=item.prompt, points=item.points, feedback=item.feedback
    )
    match item.kind:
        case SingleChoice(choices, correct):
            proto.single_choice.choices.extend(_choices_to_proto(choices))
            proto.single_choice.correct_choice_id = correct
        case MultipleChoice(choices, correct_ids, partial_credit):
            proto.multiple_choice.choices.extend(_choices_to_proto(choices))
            proto.multiple_choice.correct_choice_ids.extend(sorted(correct_ids))
            proto.multiple_choice.scoring = _PARTIAL if partial_credit else _ALL_OR_NOTHING
        case TrueFalse(truth):
            proto.true_false.SetInParent()
            if truth is not None:
                proto.true_false.correct = truth
        case Numeric(number, tolerance, unit):
            proto.numeric.unit = unit
            proto.numeric.tolerance = tolerance
            if number is not None:
                proto.numeric.correct = number
        case _:
            assert_never(item.kind)
    return proto


def item_for_learner(item: Item) -> items_pb2.Item:
    """The question as a learner sees it before the result: no right answer, no tolerance, no feedback."""
    proto = item_to_proto(item)
    proto.ClearField("feedback")
    match proto.WhichOneof("kind"):
        case "single_choice":
            proto.single_choice.ClearField("correct_choice_id")
        case "multiple_choice":
            proto.multiple_choice.ClearField("correct_choice_ids")
        case "true_false":
            proto.true_false.ClearField("correct")
        case "numeric":
            proto.numeric.ClearField("correct")
            proto.numeric.ClearField("tolerance")
    return proto


def item_from_proto(proto: items_pb2.Item, item_id: UUID) -> Item:
    """The question in `proto`, under `item_id`."""
    return Item(item_id, proto.prompt, proto.points, _kind_from_proto(proto), proto.feedback)


def _kind_from_proto(proto: items_pb2.Item) -> ItemKind:
    match proto.WhichOneof("kind"):
        case "single_choice":
            single = proto.single_choice
            return SingleChoice(_choices_from_proto(single.choices), single.correct_choice_id)
        case "multiple_choice":
            multiple = proto.multiple_choice
            return MultipleChoice(
                _choices_from_proto(multiple.choices),
                frozenset(multiple.correct_choice_ids),
                multiple.scoring == _PARTIAL,
            )
        case "true_false":
            said = proto.true_false
            return TrueFalse(said.correct if said.HasField("correct") else None)
        case "numeric":
            number = proto.numeric
            return Numeric(
                number.correct if number.HasField("correct") else None,
                number.tolerance,
                number.unit,
            )
        case _:
            raise ValueError("a question without its kind")


def _choices_to_proto(choices: Iterable[Choice]) -> list[items_pb2.Choice]:
    return [items_pb2.Choice(choice_id=each.choice_id, text=each.text) for each in choices]


def _choices_from_proto(choices: Sequence[items_pb2.Choice]) -> tuple[Choice, ...]:
    return tuple(Choice(each.choice_id, each.text) for each in choices)


def answer_from_proto(proto: items_pb2.Answer) -> Answer:
    """The answer in `proto`; nothing chosen and nothing set are both "not answered"."""
    match proto.WhichOneof("value"):
        case "chosen":
            chosen = frozenset(proto.chosen.choice_ids)
            return Chosen(chosen) if chosen else None
        case "truth":
            return Truth(proto.truth)
        case "number":
            return Number(proto.number)
        case _:
            return None


def answer_to_bytes(answer: Answer) -> bytes:
    """The canonical bytes of an answer: an `Answer` message with its choices sorted; empty when not answered."""
    match answer:
        case None:
            return b""
        case Chosen(choice_ids):
            chosen = items_pb2.ChosenChoices(choice_ids=sorted(choice_ids))
            return items_pb2.Answer(chosen=chosen).SerializeToString()
        case Truth(truth):
            return items_pb2.Answer(truth=truth).SerializeToString()
        case Number(number):
            return items_pb2.Answer(number=number).SerializeToString()
        case _:
            assert_never(answer)


def answer_from_bytes(kept: bytes) -> Answer:
    """The reverse of `answer_to_bytes`."""
    return answer_from_proto(items_pb2.Answer.FromString(kept))

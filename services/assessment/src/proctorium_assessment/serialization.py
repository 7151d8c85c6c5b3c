"""Encoding and decoding of items and answers, as protobuf messages.

Items and answers are stored in the database as encoded messages. The breaking-change check of the protos ensures that
stored rows stay readable.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import assert_never
from uuid import UUID

from proctorium.assessment.v1 import assessments_pb2, items_pb2
from proctorium_assessment.domain.answers import Answer, ChoiceAnswer, NumberAnswer, TruthAnswer
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
    """Return the items as an encoded `Assessment` message that contains only items.

    The bytes are stored in the column `assessments.item_list`.
    """
    return assessments_pb2.Assessment(
        items=[item_message(item) for item in items]
    ).SerializeToString()


def items_from_bytes(stored: bytes) -> tuple[Item, ...]:
    """Return the items from the bytes that `items_to_bytes` returned."""
    return tuple(
        item_from_message(item, UUID(item.item_id))
        for item in assessments_pb2.Assessment.FromString(stored).items
    )


def item_message(item: Item) -> items_pb2.Item:
    """Return an item as a message with its answer key and feedback.

    The message is for administrators, and for learners who may see the feedback of their result.
    """
    message = items_pb2.Item(
        item_id=str(item.item_id), prompt=item.prompt, points=item.points, feedback=item.feedback
    )
    match item.kind:
        case SingleChoice(choices, correct):
            message.single_choice.choices.extend(_choice_messages(choices))
            message.single_choice.correct_choice_id = correct
        case MultipleChoice(choices, correct_ids, partial_credit):
            message.multiple_choice.choices.extend(_choice_messages(choices))
            message.multiple_choice.correct_choice_ids.extend(sorted(correct_ids))
            message.multiple_choice.scoring = _PARTIAL if partial_credit else _ALL_OR_NOTHING
        case TrueFalse(truth):
            message.true_false.SetInParent()
            if truth is not None:
                message.true_false.correct = truth
        case Numeric(number, tolerance, unit):
            message.numeric.unit = unit
            message.numeric.tolerance = tolerance
            if number is not None:
                message.numeric.correct = number
        case _:
            assert_never(item.kind)
    return message


def learner_item_message(item: Item) -> items_pb2.Item:
    """Return an item as a message for a learner who has no result yet.

    The message contains no answer key, no tolerance and no feedback.
    """
    message = item_message(item)
    message.ClearField("feedback")
    match message.WhichOneof("kind"):
        case "single_choice":
            message.single_choice.ClearField("correct_choice_id")
        case "multiple_choice":
            message.multiple_choice.ClearField("correct_choice_ids")
        case "true_false":
            message.true_false.ClearField("correct")
        case "numeric":
            message.numeric.ClearField("correct")
            message.numeric.ClearField("tolerance")
    return message


def item_from_message(message: items_pb2.Item, item_id: UUID) -> Item:
    """Return the item that a message contains, with the id `item_id`."""
    return Item(
        item_id, message.prompt, message.points, _kind_from_message(message), message.feedback
    )


def _kind_from_message(message: items_pb2.Item) -> ItemKind:
    match message.WhichOneof("kind"):
        case "single_choice":
            single = message.single_choice
            return SingleChoice(_choices_from_messages(single.choices), single.correct_choice_id)
        case "multiple_choice":
            multiple = message.multiple_choice
            return MultipleChoice(
                _choices_from_messages(multiple.choices),
                frozenset(multiple.correct_choice_ids),
                multiple.scoring == _PARTIAL,
            )
        case "true_false":
            statement = message.true_false
            return TrueFalse(statement.correct if statement.HasField("correct") else None)
        case "numeric":
            number = message.numeric
            return Numeric(
                number.correct if number.HasField("correct") else None,
                number.tolerance,
                number.unit,
            )
        case _:
            raise ValueError("an item without a kind")


def _choice_messages(choices: Iterable[Choice]) -> list[items_pb2.Choice]:
    return [items_pb2.Choice(choice_id=each.choice_id, text=each.text) for each in choices]


def _choices_from_messages(choices: Sequence[items_pb2.Choice]) -> tuple[Choice, ...]:
    return tuple(Choice(each.choice_id, each.text) for each in choices)


def answer_from_message(message: items_pb2.Answer) -> Answer:
    """Return the answer that a message contains, or None if the message has no value or no choices."""
    match message.WhichOneof("value"):
        case "chosen":
            chosen = frozenset(message.chosen.choice_ids)
            return ChoiceAnswer(chosen) if chosen else None
        case "truth":
            return TruthAnswer(message.truth)
        case "number":
            return NumberAnswer(message.number)
        case _:
            return None


def answer_to_bytes(answer: Answer) -> bytes:
    """Return the canonical bytes of an answer: an encoded `Answer` message with sorted choices.

    Return no bytes if the answer is None.
    """
    match answer:
        case None:
            return b""
        case ChoiceAnswer(choice_ids):
            chosen = items_pb2.ChosenChoices(choice_ids=sorted(choice_ids))
            return items_pb2.Answer(chosen=chosen).SerializeToString()
        case TruthAnswer(truth):
            return items_pb2.Answer(truth=truth).SerializeToString()
        case NumberAnswer(number):
            return items_pb2.Answer(number=number).SerializeToString()
        case _:
            assert_never(answer)


def answer_from_bytes(stored: bytes) -> Answer:
    """Return the answer that an encoded `Answer` message contains.

    Return None if the message has no value or no choices.
    """
    return answer_from_message(items_pb2.Answer.FromString(stored))

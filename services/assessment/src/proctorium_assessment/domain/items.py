"""Items of the four kinds that are scored automatically, and the validation of items (`A1`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from proctorium_common.errors import Violation, invalid


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice of an item. `choice_id` is unique within the item."""

    choice_id: str
    text: str


@dataclass(frozen=True, slots=True)
class SingleChoice:
    """The kind of an item with exactly one correct choice."""

    choices: tuple[Choice, ...]
    correct: str


@dataclass(frozen=True, slots=True)
class MultipleChoice:
    """The kind of an item with one or more correct choices.

    If `partial_credit` is True, each selected correct choice adds an equal share of the points, and each selected wrong
    choice subtracts the same share.
    """

    choices: tuple[Choice, ...]
    correct: frozenset[str]
    partial_credit: bool = False


@dataclass(frozen=True, slots=True)
class TrueFalse:
    """The kind of an item that is a statement. The answer is whether the statement is true.

    `correct` is None only in an item that `require_valid_items` refuses.
    """

    correct: bool | None


@dataclass(frozen=True, slots=True)
class Numeric:
    """The kind of an item whose answer is a number in the unit `unit`.

    A correct answer may differ from `correct` by up to `tolerance`. `correct` is None only in an item that
    `require_valid_items` refuses.
    """

    correct: float | None
    tolerance: float = 0.0
    unit: str = ""


ItemKind = SingleChoice | MultipleChoice | TrueFalse | Numeric


@dataclass(frozen=True, slots=True)
class Item:
    """A question with its answer key and its points."""

    item_id: UUID
    prompt: str
    points: float
    kind: ItemKind
    feedback: str = ""


def require_valid_items(items: Sequence[Item], field: str = "assessment.items") -> None:
    """Raise ITEM_INVALID with all violations if any item is invalid.

    `field` is the path of the list of items in the request.
    """
    violations = [*_list_violations(items, field)]
    for index, item in enumerate(items):
        violations += _kind_violations(item.kind, f"{field}[{index}]")
    if violations:
        raise invalid(
            "ITEM_INVALID",
            f"{len(violations)} thing(s) are wrong with the questions. First: {violations[0].description} "
            "Correct what is listed and send the assessment again.",
            violations=violations,
        )


def _list_violations(items: Sequence[Item], field: str) -> Iterator[Violation]:
    if not items:
        yield Violation(field, "items.none", "An assessment needs at least one question.")


def _kind_violations(kind: ItemKind, field: str) -> Iterator[Violation]:
    match kind:
        case SingleChoice():
            where = f"{field}.single_choice"
            yield from _choice_violations(kind.choices, where)
            yield from _correct_violations(
                kind.choices, [kind.correct], f"{where}.correct_choice_id"
            )
        case MultipleChoice():
            where = f"{field}.multiple_choice"
            yield from _choice_violations(kind.choices, where)
            yield from _correct_violations(
                kind.choices, kind.correct, f"{where}.correct_choice_ids"
            )
        case TrueFalse(correct=None):
            yield _missing(f"{field}.true_false.correct", "Say whether the statement is true.")
        case Numeric(correct=None):
            yield _missing(f"{field}.numeric.correct", "Say which number is right.")
        case TrueFalse() | Numeric():
            pass


def _choice_violations(choices: Sequence[Choice], where: str) -> Iterator[Violation]:
    seen: set[str] = set()
    for index, choice in enumerate(choices):
        if choice.choice_id in seen:
            yield Violation(
                f"{where}.choices[{index}].choice_id",
                "choice.repeated",
                f"Two choices of one question are both called “{choice.choice_id}”.",
            )
        seen.add(choice.choice_id)


def _correct_violations(
    choices: Sequence[Choice], correct: Iterable[str], where: str
) -> Iterator[Violation]:
    known = {choice.choice_id for choice in choices}
    named = sorted(filter(None, correct))
    if not named:
        # An answer without choices means "not answered", so it cannot be the correct answer.
        yield _missing(where, "Say which choice is right; at least one has to be.")
    for choice_id in named:
        if choice_id not in known:
            yield Violation(
                where,
                "correct.unknown",
                f"“{choice_id}” is marked as right and is not among the choices.",
            )


def _missing(field: str, sentence: str) -> Violation:
    return Violation(field, "correct.missing", sentence)

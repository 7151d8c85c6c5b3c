"""Questions and what makes them well formed (`A1`: the four kinds that a machine can score)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from proctorium_common.errors import Violation, invalid


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice of a question; `choice_id` is unique inside the question."""

    choice_id: str
    text: str


@dataclass(frozen=True, slots=True)
class SingleChoice:
    """Exactly one choice is right."""

    choices: tuple[Choice, ...]
    correct: str


@dataclass(frozen=True, slots=True)
class MultipleChoice:
    """One or more choices are right. With `partial_credit` each right one earns its share and each wrong one costs as much."""

    choices: tuple[Choice, ...]
    correct: frozenset[str]
    partial_credit: bool = False


@dataclass(frozen=True, slots=True)
class TrueFalse:
    """A statement; `correct` is None only where it was never said, which `check_items` refuses."""

    correct: bool | None


@dataclass(frozen=True, slots=True)
class Numeric:
    """A number within `tolerance`, both in `unit`; `correct` as in `TrueFalse`."""

    correct: float | None
    tolerance: float = 0.0
    unit: str = ""


ItemKind = SingleChoice | MultipleChoice | TrueFalse | Numeric


@dataclass(frozen=True, slots=True)
class Item:
    """A question and what it is worth."""

    item_id: UUID
    prompt: str
    points: float
    kind: ItemKind
    feedback: str = ""


def check_items(items: Sequence[Item], field: str = "assessment.items") -> None:
    """Raises ITEM_INVALID that names each fault of each question, `field` being the path of the list."""
    violations = [*_of_list(items, field)]
    for at, item in enumerate(items):
        violations += _of_kind(item.kind, f"{field}[{at}]")
    if violations:
        raise invalid(
            "ITEM_INVALID",
            f"{len(violations)} thing(s) are wrong with the questions. First: {violations[0].description} "
            "Correct what is listed and send the assessment again.",
            violations=violations,
        )


def _of_list(items: Sequence[Item], field: str) -> Iterator[Violation]:
    if not items:
        yield Violation(field, "items.none", "An assessment needs at least one question.")


def _of_kind(kind: ItemKind, field: str) -> Iterator[Violation]:
    match kind:
        case SingleChoice():
            where = f"{field}.single_choice"
            yield from _of_choices(kind.choices, where)
            yield from _of_correct(kind.choices, [kind.correct], f"{where}.correct_choice_id")
        case MultipleChoice():
            where = f"{field}.multiple_choice"
            yield from _of_choices(kind.choices, where)
            yield from _of_correct(kind.choices, kind.correct, f"{where}.correct_choice_ids")
        case TrueFalse(correct=None):
            yield _missing(f"{field}.true_false.correct", "Say whether the statement is true.")
        case Numeric(correct=None):
            yield _missing(f"{field}.numeric.correct", "Say which number is right.")
        case TrueFalse() | Numeric():
            pass


def _of_choices(choices: Sequence[Choice], where: str) -> Iterator[Violation]:
    seen: set[str] = set()
    for at, choice in enumerate(choices):
        if choice.choice_id in seen:
            yield Violation(
                f"{where}.choices[{at}].choice_id",
                "choice.repeated",
                f"Two choices of one question are both called “{choice.choice_id}”.",
            )
        seen.add(choice.choice_id)


def _of_correct(
    choices: Sequence[Choice], correct: Iterable[str], where: str
) -> Iterator[Violation]:
    known = {choice.choice_id for choice in choices}
    named = sorted(filter(None, correct))
    if not named:
        # None at all could not be told from "not answered".
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

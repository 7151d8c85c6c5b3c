"""Tests that the checks of state machines find wrong transitions, missing documentation and wrong triggers."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import pytest

from proctorium_common.states import StateMachine, Transition
from proctorium_devstack.testing.states import check_states, check_trigger


class Door(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


class DoorAction(StrEnum):
    CLOSE = "close"


def machine(origin: Door, actors: frozenset[str]) -> StateMachine[Door, DoorAction]:
    close = Transition(DoorAction.CLOSE, frozenset({origin}), Door.CLOSED, actors)
    return StateMachine("door", Door, {Door.OPEN}, [close], dict.fromkeys(Door, "No."))


VALID = machine(Door.OPEN, frozenset({"anybody"}))


def readme(folder: Path, text: str) -> Path:
    file = folder / "README.md"
    file.write_text(text, encoding="utf-8")
    return file


def documented(states: StateMachine[Door, DoorAction]) -> str:
    return f"# Door\n\n```mermaid\n{states.diagram()}\n```\n\n{states.table()}\n"


def test_consistent_documented_machine_passes(tmp_path: Path) -> None:
    check_states(VALID, readme(tmp_path, documented(VALID)))


@pytest.mark.parametrize(
    ("states", "message"),
    [
        (machine(Door.CLOSED, frozenset({"anybody"})), "not reachable"),
        (machine(Door.OPEN, frozenset()), "nobody may close"),
    ],
    ids=["unreachable state", "no actor"],
)
def test_inconsistent_machine_fails(
    tmp_path: Path, states: StateMachine[Door, DoorAction], message: str
) -> None:
    with pytest.raises(AssertionError, match=message):
        check_states(states, readme(tmp_path, documented(states)))


def test_undocumented_machine_fails(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="lacks this of"):
        check_states(VALID, readme(tmp_path, f"```mermaid\n{VALID.diagram()}\n```"))


async def test_database_that_allows_more_or_less_fails() -> None:
    async def as_machine(origin: Door, target: Door) -> bool:
        return (origin, target) == (Door.OPEN, Door.CLOSED)

    async def always(_origin: Door, _target: Door) -> bool:
        return True

    async def never(_origin: Door, _target: Door) -> bool:
        return False

    await check_trigger(VALID, as_machine)
    for allows in (always, never):
        with pytest.raises(AssertionError):
            await check_trigger(VALID, allows)

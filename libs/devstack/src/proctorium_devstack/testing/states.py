"""Checks of a service's state machines: of the transitions, the documentation, and the trigger in the database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from proctorium_common.errors import ServiceError
from proctorium_common.states import StateMachine

S = TypeVar("S", bound=StrEnum)
A = TypeVar("A", bound=StrEnum)


def check_states(machine: StateMachine[S, A], readme: Path) -> None:
    """Assert that the machine is consistent, and that the README contains its diagram and its table.

    A machine is consistent if every state is reachable and every action has an actor. Furthermore, for each state and
    action, the machine must define whether the action leads to a state, is a repetition, or is refused.
    """
    reached = set(machine.initial)
    while added := {target for origin, target in machine.pairs if origin in reached} - reached:
        reached |= added
    assert reached == set(machine.states), f"{machine.name}: some states are not reachable"
    for transition in machine.transitions:
        assert machine.actors(transition.action), f"{machine.name}: nobody may {transition.action}"
        for state in machine.states:
            try:
                target = machine.target(state, transition.action)
            except ServiceError:
                assert not machine.allows(state, transition.action)
            else:
                assert target is None or (state, target) in machine.pairs
    text = readme.read_text(encoding="utf-8")
    for expected in (f"```mermaid\n{machine.diagram()}\n```", machine.table()):
        assert expected in text, f"{readme} lacks this of {machine.name}:\n{expected}"


async def check_trigger(
    machine: StateMachine[S, A], allows: Callable[[S, S], Awaitable[bool]]
) -> None:
    """Assert that the database allows exactly the machine's transitions between different states.

    The function `allows` updates a row from the first state to the second state. It returns False if the database
    refuses the update.
    """
    allowed = {
        (origin, target)
        for origin in machine.states
        for target in machine.states
        if origin is not target and await allows(origin, target)
    }
    assert allowed == {(origin, target) for origin, target in machine.pairs if origin is not target}

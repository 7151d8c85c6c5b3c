"""State machines, each defined by a table of transitions.

The checks of actions, the documentation, the diagrams and the property tests all use the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from proctorium_common.errors import ServiceError, invalid_transition

S = TypeVar("S", bound=StrEnum)
A = TypeVar("A", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Transition(Generic[S, A]):
    """A transition: `action` leads from each of `origins` to `target`.

    `actors` names the roles that may perform the action. `effect` describes the consequences of the transition. Both
    appear in the documentation.
    """

    action: A
    origins: frozenset[S]
    target: S
    actors: frozenset[str] = frozenset()
    effect: str = ""


class StateMachine(Generic[S, A]):
    """The states of one kind of resource and the transitions between them.

    An action is a repetition if the current state is already the target of the action. A repetition changes nothing and
    is not an error.

    `sentences` contains a sentence for each state. The sentence explains to the user why an action is not possible in
    this state. An invalid transition raises the error that `refusal` returns. If `refusal` returns None, the invalid
    transition raises INVALID_STATE_TRANSITION with the sentence of the current state.
    """

    def __init__(
        self,
        name: str,
        states: type[S],
        initial: Iterable[S],
        transitions: Iterable[Transition[S, A]],
        sentences: Mapping[S, str],
        refusal: Callable[[S, A], ServiceError | None] = lambda _state, _action: None,
    ) -> None:
        """Raise ValueError if an action has two targets from the same state, or if `sentences` lacks a state."""
        self.name = name
        self.states = tuple(states)
        self.initial = frozenset(initial)
        self.transitions = tuple(transitions)
        self._sentences = sentences
        self._refusal = refusal
        self._targets: dict[tuple[S, A], S] = {}
        for transition in self.transitions:
            for origin in transition.origins:
                key = (origin, transition.action)
                if self._targets.setdefault(key, transition.target) is not transition.target:
                    raise ValueError(f"{name}: {transition.action} has two targets from {origin}")
        if missing := set(states) - sentences.keys():
            raise ValueError(f"{name}: no sentence for {', '.join(sorted(missing))}")

    @property
    def final(self) -> frozenset[S]:
        """The final states, from which no transition starts."""
        return frozenset(self.states) - {origin for origin, _ in self._targets}

    @property
    def pairs(self) -> frozenset[tuple[S, S]]:
        """The pairs of states (origin, target) of all transitions. The database trigger allows exactly these pairs."""
        return frozenset((origin, target) for (origin, _), target in self._targets.items())

    def actions(self, state: S) -> tuple[A, ...]:
        """Return the actions that are possible in `state`, in the order of the table."""
        return tuple(
            dict.fromkeys(each.action for each in self.transitions if state in each.origins)
        )

    def target(self, state: S, action: A) -> S | None:
        """Return the state to which `action` leads from `state`, or None for a repetition.

        For an invalid transition, raises the error that `refusal` returns. If `refusal` returns None, raises
        INVALID_STATE_TRANSITION with the state, the action and the possible actions.
        """
        target = self._targets.get((state, action))
        if target is not None:
            return target
        if any(each.action is action and each.target is state for each in self.transitions):
            return None
        raise self._refusal(state, action) or invalid_transition(
            self._sentences[state],
            from_state=state,
            action=action,
            possible=self.actions(state),
        )

    def allows(self, state: S, action: A) -> bool:
        """Return whether a transition for `action` starts in `state`."""
        return (state, action) in self._targets

    def actors(self, action: A) -> frozenset[str]:
        """Return the roles that may perform `action`."""
        return frozenset().union(
            *(each.actors for each in self.transitions if each.action is action)
        )

    def diagram(self) -> str:
        """Return the machine as a Mermaid state diagram."""
        lines = ["stateDiagram-v2"]
        lines += [f"  [*] --> {state}" for state in self.states if state in self.initial]
        lines += [f"  {origin} --> {target}: {action}" for origin, action, target in self._arrows()]
        lines += [f"  {state} --> [*]" for state in self.states if state in self.final]
        return "\n".join(lines)

    def table(self) -> str:
        """Return the machine as a Markdown table of its transitions."""
        rows = ["| action | from | to | by | what follows |", "|---|---|---|---|---|"]
        for each in self.transitions:
            origins = ", ".join(state for state in self.states if state in each.origins)
            by = ", ".join(sorted(each.actors))
            rows.append(f"| {each.action} | {origins} | {each.target} | {by} | {each.effect} |")
        return "\n".join(rows)

    def _arrows(self) -> Iterator[tuple[S, A, S]]:
        for each in self.transitions:
            for state in self.states:
                if state in each.origins:
                    yield state, each.action, each.target

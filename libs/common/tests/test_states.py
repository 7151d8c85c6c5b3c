"""Test `StateMachine`: transitions, repeated actions, refusals, and the generated diagram and table of states."""

from __future__ import annotations

from enum import StrEnum

import pytest

from proctorium_common.errors import Kind, ServiceError, not_allowed
from proctorium_common.states import StateMachine, Transition


class Light(StrEnum):
    OFF = "off"
    ON = "on"
    BROKEN = "broken"


class Switch(StrEnum):
    TURN_ON = "turn_on"
    TURN_OFF = "turn_off"
    BREAK = "break"


SENTENCES = {Light.OFF: "It is off.", Light.ON: "It is on.", Light.BROKEN: "It is broken."}
TRANSITIONS = (
    Transition(Switch.TURN_ON, frozenset({Light.OFF}), Light.ON, frozenset({"anybody"}), "light"),
    Transition(Switch.TURN_OFF, frozenset({Light.ON}), Light.OFF, frozenset({"anybody"})),
    Transition(Switch.BREAK, frozenset({Light.OFF, Light.ON}), Light.BROKEN, frozenset({"time"})),
)
MACHINE = StateMachine("light", Light, {Light.OFF}, TRANSITIONS, SENTENCES)


def test_action_leads_to_its_target_state() -> None:
    assert MACHINE.target(Light.OFF, Switch.TURN_ON) is Light.ON
    assert MACHINE.allows(Light.OFF, Switch.TURN_ON)


def test_repeated_action_changes_nothing() -> None:
    assert MACHINE.target(Light.ON, Switch.TURN_ON) is None
    assert not MACHINE.allows(Light.ON, Switch.TURN_ON)


def test_invalid_transition_names_state_action_and_possible_actions() -> None:
    with pytest.raises(ServiceError) as refused:
        MACHINE.target(Light.BROKEN, Switch.TURN_ON)
    assert (refused.value.kind, refused.value.reason) == (
        Kind.INVALID_STATE_TRANSITION,
        "INVALID_STATE_TRANSITION",
    )
    assert refused.value.message == "It is broken."
    assert refused.value.metadata == {"from": "broken", "action": "turn_on", "possible": ""}


def test_machine_can_refuse_with_its_own_error() -> None:
    def refusal(state: Light, action: Switch) -> ServiceError | None:
        return not_allowed("NOT_ALLOWED", "No.") if action is Switch.BREAK else None

    machine = StateMachine("light", Light, {Light.OFF}, TRANSITIONS[:2], SENTENCES, refusal)
    with pytest.raises(ServiceError) as refused:
        machine.target(Light.ON, Switch.BREAK)
    assert refused.value.reason == "NOT_ALLOWED"


def test_actions_actors_final_states_and_pairs_follow_from_the_table() -> None:
    assert MACHINE.actions(Light.ON) == (Switch.TURN_OFF, Switch.BREAK)
    assert MACHINE.actors(Switch.BREAK) == {"time"}
    assert MACHINE.final == {Light.BROKEN}
    assert MACHINE.pairs == {
        (Light.OFF, Light.ON),
        (Light.ON, Light.OFF),
        (Light.OFF, Light.BROKEN),
        (Light.ON, Light.BROKEN),
    }


def test_ambiguous_target_is_refused() -> None:
    double = Transition(Switch.TURN_ON, frozenset({Light.OFF}), Light.BROKEN)
    with pytest.raises(ValueError, match="two targets"):
        StateMachine("light", Light, {Light.OFF}, (*TRANSITIONS, double), SENTENCES)


def test_state_without_a_sentence_is_refused() -> None:
    with pytest.raises(ValueError, match="no sentence for broken"):
        StateMachine("light", Light, {Light.OFF}, TRANSITIONS, {Light.OFF: "", Light.ON: ""})


def test_diagram_and_table_show_every_transition() -> None:
    assert MACHINE.diagram().splitlines() == [
        "stateDiagram-v2",
        "  [*] --> off",
        "  off --> on: turn_on",
        "  on --> off: turn_off",
        "  off --> broken: break",
        "  on --> broken: break",
        "  broken --> [*]",
    ]
    assert MACHINE.table().splitlines()[2] == "| turn_on | off | on | anybody | light |"

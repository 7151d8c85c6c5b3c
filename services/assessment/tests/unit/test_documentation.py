from __future__ import annotations

from pathlib import Path

from proctorium_assessment.domain.attempts import MOVES
from proctorium_assessment.settings import Settings
from proctorium_common.process.settings import ServiceSettings, documentation

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_the_readme_explains_every_setting_of_this_service() -> None:
    own = documentation(Settings).keys() - documentation(ServiceSettings).keys()
    assert own
    assert [name for name in sorted(own) if f"`{name}`" not in README] == []


def test_the_readme_names_every_state_of_an_attempt() -> None:
    states = {state.value for state, _ in MOVES} | {step.to.value for step in MOVES.values()}
    assert [state for state in sorted(states) if state not in README] == []
